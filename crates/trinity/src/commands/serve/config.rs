//! Settings of `serve`: flags, else the environment, else a file, else the defaults.

use std::{fs, path::PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::log::{Format, Level};
use crate::{
    failure::{Failure, Kind},
    terminal::escape,
};

/// Largest settings file, bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Spelling of `server::auth::CacheScoping`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CacheScopeName {
    /// Requests of one API key share cached prefixes
    Key,
    /// All requests do: faster, and who asks can tell by the time what others asked
    All,
}

/// Spelling of `server::metrics::Compat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CompatName {
    /// vllm:num_requests_running and so on
    Vllm,
    /// llamacpp:requests_processing and so on
    #[value(name = "llamacpp")]
    LlamaCpp,
}

/// Every setting, as flag, environment variable and key of the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct ServeArgs {
    /// Read settings from a TOML file; its keys are these flags without the dashes in front
    #[arg(long, value_name = "FILE", env = "TRINITY_CONFIG")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Listen on this address or name; may be given several times [default: 127.0.0.1, or none with --unix-socket]
    #[arg(long, value_name = "HOST", env = "TRINITY_HOST", value_delimiter = ',')]
    pub(crate) host: Vec<String>,
    /// Listen on this port; 0 takes a free one [default: 8080]
    #[arg(long, value_name = "PORT", env = "TRINITY_PORT")]
    pub(crate) port: Option<u16>,
    /// Listen on a Unix socket
    #[arg(long, value_name = "PATH", env = "TRINITY_UNIX_SOCKET")]
    pub(crate) unix_socket: Option<PathBuf>,
    /// Encrypt with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", env = "TRINITY_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", env = "TRINITY_TLS_KEY")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Ask for this API key, or its SHA-256 as sha256:HEX; better in the environment or in a file, where other users do not see it
    #[arg(long, value_name = "KEY", env = "TRINITY_API_KEY", hide_env_values = true, value_delimiter = ',')]
    pub(crate) api_key: Vec<String>,
    /// Ask for one of the API keys in a file: one a line, or .toml or .json with limits per key
    #[arg(long, value_name = "FILE", env = "TRINITY_API_KEY_FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Which requests share cached prefixes [default: key]
    #[arg(long, value_enum, value_name = "WHO", env = "TRINITY_CACHE_SCOPE")]
    pub(crate) cache_scope: Option<CacheScopeName>,
    /// Answer for this host name too, '*' for any; a server on loopback answers for loopback's names alone
    #[arg(long, value_name = "NAME", env = "TRINITY_ALLOWED_HOST", value_delimiter = ',')]
    pub(crate) allowed_host: Vec<String>,
    /// Let pages of this origin (https://app.example) use the APIs from a browser
    #[arg(long, value_name = "ORIGIN", env = "TRINITY_CORS_ORIGIN", value_delimiter = ',')]
    pub(crate) cors_origin: Vec<String>,
    /// Print metrics under the names of these servers too
    #[arg(long, value_enum, value_name = "SERVER", env = "TRINITY_METRICS_COMPAT", value_delimiter = ',')]
    pub(crate) metrics_compat: Vec<CompatName>,
    /// How long streams may run on after the signal to stop, seconds [default: 30]
    #[arg(long, value_name = "SECONDS", env = "TRINITY_DRAIN_TIMEOUT")]
    pub(crate) drain_timeout: Option<u32>,
    /// Connections open at once; more wait [default: 4096]
    #[arg(long, value_name = "N", env = "TRINITY_MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: Option<u32>,
    /// How much to log on standard error [default: info]
    #[arg(long, value_enum, value_name = "LEVEL", env = "TRINITY_LOG_LEVEL")]
    pub(crate) log_level: Option<Level>,
    /// How to write the log [default: text]
    #[arg(long, value_enum, value_name = "FORMAT", env = "TRINITY_LOG_FORMAT")]
    pub(crate) log_format: Option<Format>,
}

impl ServeArgs {
    pub(crate) fn hosts(&self) -> Vec<String> {
        match (&self.unix_socket, self.host.is_empty()) {
            (Some(_), true) => Vec::new(),
            (None, true) => vec!["127.0.0.1".to_owned()],
            _ => self.host.clone(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(8080)
    }

    pub(crate) fn log_level(&self) -> Level {
        self.log_level.unwrap_or(Level::Info)
    }

    pub(crate) fn log_format(&self) -> Format {
        self.log_format.unwrap_or(Format::Text)
    }

    /// These, and where they say nothing, those.
    fn or(self, other: Self) -> Self {
        fn list<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
            if first.is_empty() { second } else { first }
        }
        Self {
            config: self.config,
            host: list(self.host, other.host),
            port: self.port.or(other.port),
            unix_socket: self.unix_socket.or(other.unix_socket),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            api_key: list(self.api_key, other.api_key),
            api_key_file: self.api_key_file.or(other.api_key_file),
            cache_scope: self.cache_scope.or(other.cache_scope),
            allowed_host: list(self.allowed_host, other.allowed_host),
            cors_origin: list(self.cors_origin, other.cors_origin),
            metrics_compat: list(self.metrics_compat, other.metrics_compat),
            drain_timeout: self.drain_timeout.or(other.drain_timeout),
            max_connections: self.max_connections.or(other.max_connections),
            log_level: self.log_level.or(other.log_level),
            log_format: self.log_format.or(other.log_format),
        }
    }
}

/// What clap read, completed by the file it names.
pub(crate) fn settle(args: &ServeArgs) -> Result<ServeArgs, Failure> {
    let Some(path) = &args.config else { return Ok(args.clone()) };
    let name = path.display().to_string();
    let failure = |message: String| Failure::new(Kind::Configuration, format!("{name}: {message}"));
    let about = fs::metadata(path).map_err(|e| failure(e.to_string()))?;
    if !about.is_file() || about.len() > CONFIG_BYTES_MAX {
        return Err(failure(format!("no file of at most {CONFIG_BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|e| failure(e.to_string()))?;
    let file = parse(&text).map_err(failure)?;
    if file.max_connections == Some(0) {
        return Err(failure("max-connections: 0, the least is 1".to_owned()));
    }
    Ok(args.clone().or(file))
}

/// The error has the line, and of the text on it only the key: values may be secret.
fn parse(text: &str) -> Result<ServeArgs, String> {
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(0, |s| text.bytes().take(s.start).filter(|b| *b == b'\n').count() + 1);
        let message = e.message().lines().next().unwrap_or_default();
        let key = text.lines().nth(line.saturating_sub(1)).and_then(|l| l.split_once('=')).map(|(key, _)| key.trim());
        match key {
            Some(key) if !message.contains(key) => format!("line {line}: {}: {}", escape(key), escape(message)),
            _ => format!("line {line}: {}", escape(message)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_fills_what_was_not_said() {
        let file =
            parse("host = [\"0.0.0.0\"]\nport = 1\ncache-scope = \"all\"\nmetrics-compat = [\"vllm\"]\n").unwrap();
        let args = ServeArgs { port: Some(2), ..ServeArgs::default() }.or(file);
        assert_eq!((args.hosts(), args.port()), (vec!["0.0.0.0".to_owned()], 2));
        assert_eq!((args.cache_scope, args.metrics_compat), (Some(CacheScopeName::All), vec![CompatName::Vllm]));
    }

    #[test]
    fn what_the_file_has_wrong_is_named() {
        let check = |text: &str, says: &[&str]| {
            let error = parse(text).unwrap_err();
            assert!(says.iter().all(|s| error.contains(s)) && error.lines().count() == 1, "{error}");
        };
        check("port = 1\nprot = 2\n", &["line 2", "unknown field `prot`"]);
        check("port = 70000\n", &["line 1", "port"]);
        check("port = \n", &["line 1"]);
        check("log-level = \"loud\"\n", &["log-level", "loud"]);
        check("host = \"127.0.0.1\"\n", &["host"]);
    }
}
