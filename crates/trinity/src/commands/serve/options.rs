//! Settings as the server takes them.

use std::{fs, path::Path, time::Duration};

use server::{
    ServerOptions,
    auth::{CacheScoping, KeyError, KeyFileFormat, Keys},
    limits::KEY_FILE_BYTES_MAX,
    metrics::Compat,
    origin::{Hosts, Origins},
    serve::{Tls, load_tls},
};

use super::config::{CacheScopeName, CompatName, ServeArgs};
use crate::failure::{Failure, Kind};

/// Options of the server; `is_loopback`: it can be reached from this machine alone.
pub(super) fn of_server(settings: &ServeArgs, is_loopback: bool) -> Result<ServerOptions, Failure> {
    let defaults = ServerOptions::default();
    Ok(ServerOptions {
        page: defaults.page.filter(|_| !settings.no_page),
        keys: keys(settings)?,
        cache_scoping: match settings.cache_scope {
            CacheScopeName::All => CacheScoping::All,
            CacheScopeName::Key => CacheScoping::Key,
        },
        origins: Origins { hosts: hosts(settings, is_loopback), cors: origins(settings)? },
        metrics_compat: settings.metrics_compat.iter().map(compat).collect(),
        responses_max: settings.responses_kept as usize,
        responses_bytes_max: (settings.responses_memory as usize).saturating_mul(1 << 20),
        drain_timeout: Duration::from_secs(settings.drain_timeout.into()),
        connections_max: settings.max_connections as usize,
        max_tokens: settings.max_tokens.map(|n| n as usize),
        seed: settings.seed.map(i64::cast_unsigned),
        ..defaults
    })
}

/// Certificate and key, if both are named.
pub(super) fn tls(settings: &ServeArgs) -> Result<Option<Tls>, Failure> {
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            load_tls(certificate, key).map(Some).map_err(|e| configuration(e.to_string()))
        }
        _ => Err(configuration("--tls-cert and --tls-key go together: one is missing")),
    }
}

fn keys(settings: &ServeArgs) -> Result<Keys, Failure> {
    let failure = |error: KeyError| configuration(error.to_string());
    let mut keys = Keys::default();
    for key in &settings.api_key {
        keys.add_key("--api-key", key).map_err(failure)?;
    }
    if let Some(path) = &settings.api_key_file {
        let name = path.display().to_string();
        keys.add_file(&name, &read_keys(path)?, KeyFileFormat::of(&name)).map_err(failure)?;
    }
    Ok(keys)
}

fn read_keys(path: &Path) -> Result<String, Failure> {
    let failure = |message: String| configuration(format!("{}: {message}", path.display()));
    let about = fs::metadata(path).map_err(|e| failure(e.to_string()))?;
    if !about.is_file() || about.len() > KEY_FILE_BYTES_MAX as u64 {
        return Err(failure(format!("no file of at most {KEY_FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(|e| failure(e.to_string()))
}

/// A server on loopback is reached by loopback's names and the machine's own; another does not know its names unless they are given.
fn hosts(settings: &ServeArgs, is_loopback: bool) -> Hosts {
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

fn origins(settings: &ServeArgs) -> Result<Vec<String>, Failure> {
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

fn configuration(message: impl Into<String>) -> Failure {
    Failure::new(Kind::Configuration, message)
}

/// As many open files as the system lets us have: each connection is one, and the usual 1,024 are soon used up.
pub(super) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Without it there are fewer connections, no more.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
