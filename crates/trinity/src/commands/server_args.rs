//! Asking a server that runs: what `ps` and `stop` share.

use std::{net::IpAddr, time::Duration};

use clap::Args;
use serde_json::Value;
use ureq::{
    Agent,
    http::{StatusCode, Uri},
};

use crate::{
    cli::{Global, group},
    failure::{Failure, Kind},
};

/// Address that `trinity serve` listens on if nobody says otherwise.
const DEFAULT: &str = "http://127.0.0.1:8080";

/// Longest time until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time until an answer is there: a model may have to be unloaded.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Which server, and who asks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::NETWORK)]
pub(crate) struct ServerArgs {
    /// The server to ask, by its address
    #[arg(long, value_name = "URL", env = "TRINITY_SERVER", default_value = DEFAULT)]
    server: String,
    /// API key, if the server asks for one; the variable does not show it to other users
    #[arg(long, value_name = "KEY", env = "TRINITY_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

impl ServerArgs {
    /// The answer to a GET.
    pub(super) fn get(&self, path: &str, global: &Global) -> Result<Value, Failure> {
        self.ask(path, None, global)
    }

    /// The answer to a POST of `body`.
    pub(super) fn post(&self, path: &str, body: &Value, global: &Global) -> Result<Value, Failure> {
        self.ask(path, Some(body), global)
    }

    fn ask(&self, path: &str, body: Option<&Value>, global: &Global) -> Result<Value, Failure> {
        let base = base(&self.server)?;
        if global.offline && !is_this_machine(&base) {
            return Err(failure(format!("{base} would have to be asked, and this run is offline")));
        }
        let config = Agent::config_builder()
            // The server is asked itself: a proxy of the environment is for the way out.
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false);
        let agent: Agent = config.build().into();
        let url = format!("{base}{path}");
        // Where the variable holds several keys, as `serve` takes them, each is as good as the first.
        let key = self.api_key.as_ref().and_then(|keys| keys.split(',').next()).map(|key| format!("Bearer {key}"));
        let answer = match body {
            None => key.iter().fold(agent.get(&url), |r, key| r.header("authorization", key)).call(),
            Some(body) => {
                let request = agent.post(&url).header("content-type", "application/json");
                key.iter().fold(request, |r, key| r.header("authorization", key)).send(body.to_string())
            }
        };
        let mut answer = answer.map_err(|error| {
            failure(format!("no server answers at {base}: {error}"))
                .with_hint("trinity serve starts one; --server URL names another")
        })?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| failure(format!("{base}: {error}")))?;
        judge(answer.status(), &base, &text)
    }
}

/// The answer of a server, or why it did not do what was asked.
fn judge(status: StatusCode, base: &str, text: &str) -> Result<Value, Failure> {
    let value: Option<Value> = serde_json::from_str(text).ok();
    if let Some(value) = value.as_ref().filter(|_| status.is_success()) {
        return Ok(value.clone());
    }
    let error = value.as_ref().map(|value| &value["error"]);
    let said = error.and_then(|error| error.as_str().or_else(|| error["message"].as_str()));
    let said = said.map_or_else(
        || format!("HTTP status {}, and no answer of this program's server", status.as_u16()),
        str::to_owned,
    );
    let failure = failure(format!("{base}: {said}"));
    Err(match status.as_u16() {
        401 => failure.with_hint("--api-key KEY, or TRINITY_API_KEY, says who asks"),
        403 => failure.with_hint("the key of an operator may (serve --admin-key, or admin = true in its file of keys)"),
        _ => failure,
    })
}

fn failure(message: String) -> Failure {
    Failure::new(Kind::Failure, message)
}

/// `host:port` → `http://host:port`; what clients of OpenAI's API call the base stands for the server, too.
fn base(server: &str) -> Result<String, Failure> {
    let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let trimmed = url.trim_end_matches('/');
    let base = trimmed.strip_suffix("/v1").unwrap_or(trimmed);
    let uri: Option<Uri> = base.parse().ok();
    let is_sound = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_sound {
        Ok(base.to_owned())
    } else {
        Err(Failure::usage(format!("--server {server:?}: expected http://HOST:PORT")))
    }
}

fn is_this_machine(base: &str) -> bool {
    let uri: Option<Uri> = base.parse().ok();
    let host = uri.as_ref().and_then(|uri| uri.host()).unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn a_server_is_named_in_many_ways() {
        let check = |server: &str, expected: Option<&str>| {
            assert_eq!(base(server).ok().as_deref(), expected, "{server}");
        };
        check("127.0.0.1:8080", Some("http://127.0.0.1:8080"));
        check("http://h:1/v1/", Some("http://h:1"));
        check("https://h.example", Some("https://h.example"));
        check("ftp://h", None);
        check("http://", None);
        check("a b", None);
        assert!(is_this_machine("http://[::1]:8080") && is_this_machine("http://LOCALHOST:1"));
        assert!(!is_this_machine("http://10.0.0.1:8080"));
    }

    #[test]
    fn the_server_that_is_asked_is_the_one_that_serve_starts() {
        let command = crate::cli::Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let port = serve.get_arguments().find(|arg| arg.get_long() == Some("port")).unwrap();
        let port = port.get_default_values()[0].to_str().unwrap();
        assert_eq!(DEFAULT, format!("http://127.0.0.1:{port}"));
    }
}
