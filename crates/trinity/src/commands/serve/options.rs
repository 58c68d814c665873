//! Settings as the server takes them.

use std::time::Duration;

use server::{
    ServerOptions,
    auth::{CacheScoping, Keys, ScopeSalt},
    metrics::Compat,
    origin::{Hosts, Origins},
};

use super::{
    config::{CacheScopeName, CompatName, ServeArgs},
    listen_args::ListenArgs,
};
use crate::failure::{Failure, Kind};

/// Options of the server that these keys open; `is_loopback`: it can be reached from this machine alone.
pub(super) fn of_server(
    settings: &ServeArgs,
    keys: Keys,
    scope_salt: ScopeSalt,
    is_loopback: bool,
) -> Result<ServerOptions, Failure> {
    let of_listener = of_listener(&settings.listen, keys, is_loopback)?;
    Ok(ServerOptions {
        page: of_listener.page.filter(|_| !settings.no_page),
        scope_salt,
        cache_scoping: match settings.cache_scope {
            CacheScopeName::All => CacheScoping::All,
            CacheScopeName::Key => CacheScoping::Key,
        },
        metrics_compat: settings.metrics_compat.iter().map(compat).collect(),
        responses_max: settings.responses_kept as usize,
        responses_bytes_max: (settings.responses_memory as usize).saturating_mul(1 << 20),
        max_tokens: settings.max_tokens.map(|n| n as usize),
        adapters: settings.load.adapters.loras().map(|(path, scale)| (path.to_owned(), scale)).collect(),
        seed: settings.seed.map(i64::cast_unsigned),
        ..of_listener
    })
}

/// The options that have nothing to do with models.
pub(super) fn of_listener(settings: &ListenArgs, keys: Keys, is_loopback: bool) -> Result<ServerOptions, Failure> {
    Ok(ServerOptions {
        keys,
        open_admin: settings.open_admin,
        open_metrics: settings.open_metrics,
        origins: Origins { hosts: hosts(settings, is_loopback), cors: origins(settings)? },
        drain_timeout: Duration::from_secs(settings.drain_timeout.into()),
        connections_max: connections_max(settings.max_connections as usize),
        connections_per_address_max: settings.max_connections_per_address.map(|n| n as usize),
        ..ServerOptions::default()
    })
}

/// A server on loopback is reached by loopback's names and the machine's own; another does not know its names unless
/// they are given.
fn hosts(settings: &ListenArgs, is_loopback: bool) -> Hosts {
    let is_any = settings.allowed_host.iter().any(|name| name == "*");
    if is_any || (!is_loopback && settings.allowed_host.is_empty()) {
        return Hosts::Any;
    }
    let bracketed = |name: &String| {
        if name.contains(':') && !name.starts_with('[') { format!("[{name}]") } else { name.clone() }
    };
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Hosts::loopback_and(settings.allowed_host.iter().chain(&settings.hosts()).chain([&machine]).map(bracketed))
}

fn origins(settings: &ListenArgs) -> Result<Vec<String>, Failure> {
    for origin in &settings.cors_origin {
        Origins::check_origin(origin).map_err(|e| configuration(format!("cors-origin: {e}")))?;
    }
    Ok(settings.cors_origin.clone())
}

fn compat(name: &CompatName) -> Compat {
    match name {
        CompatName::Vllm => Compat::Vllm,
        CompatName::LlamaCpp => Compat::LlamaCpp,
    }
}

pub(super) fn configuration(message: impl Into<String>) -> Failure {
    Failure::new(Kind::Configuration, message)
}

/// Raises the limit of open files to what the system allows: each connection is one, and the usual 1,024 are soon gone.
pub(super) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Without it there are fewer connections, no more.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

/// Files that are no connections: models, caches, keys.
const FILES_KEPT: usize = 64;

/// No more connections than there can be open files for, half of which are enough where there are few.
fn connections_max(asked: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let Some(n_files) = limit.and_then(|n| usize::try_from(n).ok()) else { return asked };
    let n_max = n_files.saturating_sub(FILES_KEPT.min(n_files / 2)).max(1);
    if n_max < asked {
        tracing::warn!(
            max_connections = asked,
            open_files = n_files,
            "the system's limit of open files leaves room for {n_max} connections"
        );
    }
    asked.min(n_max)
}
