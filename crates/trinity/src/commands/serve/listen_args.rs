//! Settings of what listens: where, who may ask, how many at once, what is logged. `serve` and `kg serve` have them.

use clap::Args;

use super::log::{Format, Level};
use crate::cli::group;

/// Where a server is reached, and by whom.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListenArgs {
    /// Listen on this address or name [default: 127.0.0.1]
    ///
    /// May be given several times. With --unix-socket there is none by default.
    #[arg(help_heading = group::NETWORK, long, value_name = "HOST", env = "TRINITY_HOST", value_delimiter = ',')]
    pub(crate) host: Vec<String>,
    /// Listen on this port; 0 takes a free one
    #[arg(help_heading = group::NETWORK, long, value_name = "PORT", env = "TRINITY_PORT", default_value = "8080")]
    pub(crate) port: u16,
    /// Listen on a Unix socket
    #[arg(help_heading = group::NETWORK, long, value_name = "PATH", env = "TRINITY_UNIX_SOCKET")]
    pub(crate) unix_socket: Option<std::path::PathBuf>,
    /// Encrypt with this certificate chain (PEM); SIGHUP reads it again
    #[arg(help_heading = group::NETWORK, long, value_name = "FILE", env = "TRINITY_TLS_CERT")]
    pub(crate) tls_cert: Option<std::path::PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(help_heading = group::NETWORK, long, value_name = "FILE", env = "TRINITY_TLS_KEY")]
    pub(crate) tls_key: Option<std::path::PathBuf>,
    /// Ask for this API key, or its SHA-256 as sha256:HEX; better in the environment or in a file, where other users do
    /// not see it
    #[arg(help_heading = group::ACCESS, long, value_name = "KEY", env = "TRINITY_API_KEY", hide_env_values = true, value_delimiter = ',')]
    pub(crate) api_key: Vec<String>,
    /// Ask for one of the API keys in a file
    ///
    /// One a line, or .toml or .json with limits and rights per key; SIGHUP reads it again.
    #[arg(help_heading = group::ACCESS, long, value_name = "FILE", env = "TRINITY_API_KEY_FILE")]
    pub(crate) api_key_file: Option<std::path::PathBuf>,
    /// Ask for an API key, and take this one as the operator's, who may unload and pull models, read the figures and go
    /// before others
    #[arg(help_heading = group::ACCESS, long, value_name = "KEY", env = "TRINITY_ADMIN_KEY", hide_env_values = true, value_delimiter = ',')]
    pub(crate) admin_key: Vec<String>,
    /// Without API keys, let callers on other machines unload and pull models too; those on this machine always may
    #[arg(help_heading = group::ACCESS, long, env = "TRINITY_OPEN_ADMIN", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) open_admin: bool,
    /// With API keys, answer /metrics without one to callers on this machine that no proxy names as somebody else's
    #[arg(help_heading = group::ACCESS, long, env = "TRINITY_OPEN_METRICS", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) open_metrics: bool,
    /// Refuse files of keys that other users of this machine can read or change, instead of warning
    #[arg(help_heading = group::ACCESS, long, env = "TRINITY_STRICT_FILES", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) strict_files: bool,
    /// Answer for this host name too, '*' for any; a server on loopback answers for names that only this machine or its
    /// network can have
    #[arg(help_heading = group::ACCESS, long, value_name = "NAME", env = "TRINITY_ALLOWED_HOST", value_delimiter = ',')]
    pub(crate) allowed_host: Vec<String>,
    /// Let web pages of this origin use the APIs
    ///
    /// Scheme, host and port; '*' for any. Pages of this machine and desktop apps may always.
    #[arg(help_heading = group::ACCESS, long, value_name = "ORIGIN", env = "TRINITY_CORS_ORIGIN", value_delimiter = ',')]
    pub(crate) cors_origin: Vec<String>,
    /// How long streams may run on after the signal to stop, seconds
    #[arg(help_heading = group::LOAD, long, value_name = "SECONDS", env = "TRINITY_DRAIN_TIMEOUT", default_value = "30")]
    pub(crate) drain_timeout: u32,
    /// Connections open at once; with one more the longest silent gives way, and where all are at work it waits
    #[arg(help_heading = group::LOAD, long, value_name = "N", env = "TRINITY_MAX_CONNECTIONS", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// Connections of one address (of IPv6: of one /64) at once; more are answered 503 [default: half of all, and no
    /// bound for this machine's own]
    #[arg(help_heading = group::LOAD, long, value_name = "N", env = "TRINITY_MAX_CONNECTIONS_PER_ADDRESS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_address: Option<u32>,
    /// How much to log on standard error
    #[arg(help_heading = group::LOG, long, value_enum, value_name = "LEVEL", env = "TRINITY_LOG_LEVEL", default_value = "info")]
    pub(crate) log_level: Level,
    /// How to write the log
    #[arg(help_heading = group::LOG, long, value_enum, value_name = "FORMAT", env = "TRINITY_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: Format,
}

impl ListenArgs {
    /// The hosts to listen on.
    pub(crate) fn hosts(&self) -> Vec<String> {
        match (&self.unix_socket, self.host.is_empty()) {
            (Some(_), true) => Vec::new(),
            (None, true) => vec!["127.0.0.1".to_owned()],
            _ => self.host.clone(),
        }
    }
}
