//! Settings of `serve`: flags, else the environment, else a file, else the defaults.
//!
//! The file's keys are the flags' own names: its values become the defaults of a second reading of the command line, so
//! that a new flag is a new key without another line.

use std::{fs, path::Path};

use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, ValueEnum};

use super::{
    ServeCommand, engine_args::EngineArgs, graph_args::GraphArgs, listen_args::ListenArgs,
    sampling_args::ServeSamplingArgs,
};
use crate::{
    cli::{Cli, group},
    commands::{foreign_flags, model_args::ModelArgs, template_args::TemplateArgs},
    failure::{Failure, Kind},
};

/// Largest settings file, bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Settings that no file can make: they name another file, or ask for something other than serving.
const NOT_IN_FILE: &[&str] = &["config", "limits", "help", "ignored-hint"];

/// Spelling of `server::auth::CacheScoping`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum CacheScopeName {
    /// Requests of one API key share cached prefixes
    Key,
    /// All requests do: faster, and who asks can tell by the time what others asked
    All,
}

/// Spelling of `server::metrics::Compat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum CompatName {
    /// vllm:num_requests_running and so on
    Vllm,
    /// llamacpp:requests_processing and so on
    #[value(name = "llamacpp")]
    LlamaCpp,
}

/// Every setting, as flag, environment variable and key of the file.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// Models to serve, by name or path; any name means one that is alone [default: all on this machine]
    ///
    /// Chats must name one of several. Of all on this machine those with a chat template come first, each is loaded
    /// when it is asked for, and the first is meant where none of them is named.
    #[arg(help_heading = group::MODELS, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// The same as a flag
    #[arg(help_heading = group::MODELS, short, long = "model", value_name = "MODEL", env = "TRINITY_MODEL", value_delimiter = ',')]
    pub(crate) model: Vec<String>,
    /// Call the first model so
    ///
    /// More names, after commas, are taken in requests too.
    #[arg(help_heading = group::MODELS, short, long, value_name = "NAME", env = "TRINITY_ALIAS", value_delimiter = ',')]
    pub(crate) alias: Vec<String>,
    /// Most tokens of an answer whose request does not say [default: to the end of the context]
    #[arg(help_heading = group::SAMPLING, long, value_name = "N", env = "TRINITY_MAX_TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,
    /// Seed of answers whose request names none, so that equal requests get equal answers [default: a new one for each]
    #[arg(help_heading = group::SAMPLING, long, value_name = "N", env = "TRINITY_SEED", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) seed: Option<i64>,
    /// Accept any name of a model in requests, or none, and mean the first, where several are served; a single one
    /// answers to any name
    #[arg(help_heading = group::MODELS, long, env = "TRINITY_ANY_MODEL_NAME", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) any_model_name: bool,
    /// Accept only a model's own names in requests, even where one model is served
    #[arg(help_heading = group::MODELS, long, env = "TRINITY_STRICT_MODEL_NAME", conflicts_with = "any_model_name", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) strict_model_name: bool,
    /// Let the operator's callers pull models of the catalogue (POST /api/pull)
    #[arg(help_heading = group::MODELS, long, env = "TRINITY_ALLOW_PULL", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) allow_pull: bool,
    /// Load these models at the start and never unload them; others are loaded when they are asked for
    #[arg(help_heading = group::MODELS, long, value_name = "MODEL", env = "TRINITY_PIN", value_delimiter = ',')]
    pub(crate) pin: Vec<String>,
    /// Unload a model that was not used for so many seconds [default: never]
    #[arg(help_heading = group::MODELS, long, value_name = "SECONDS", env = "TRINITY_KEEP_ALIVE")]
    pub(crate) keep_alive: Option<u64>,
    /// Unload the models not used for longest when all together take more than so many MiB [default: no limit]
    #[arg(help_heading = group::MODELS, long, value_name = "MIB", env = "TRINITY_MODELS_MEMORY")]
    pub(crate) models_memory: Option<u64>,
    #[command(flatten)]
    pub(crate) sampling: ServeSamplingArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) graphs: GraphArgs,
    /// Which requests share cached prefixes
    #[arg(help_heading = group::CONTEXT, long, value_enum, value_name = "WHO", env = "TRINITY_CACHE_SCOPE", default_value = "key")]
    pub(crate) cache_scope: CacheScopeName,
    /// Show no page to browsers
    #[arg(help_heading = group::NETWORK, long, env = "TRINITY_NO_PAGE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) no_page: bool,
    /// Serve the files of this folder to browsers, at /web/
    ///
    /// `cargo xtask web` builds one, whose page runs models in the browser.
    #[arg(help_heading = group::NETWORK, long, value_name = "DIR", env = "TRINITY_WEB")]
    pub(crate) web: Option<std::path::PathBuf>,
    /// Print metrics under the names of these servers too
    #[arg(help_heading = group::LOG, long, value_enum, value_name = "SERVER", env = "TRINITY_METRICS_COMPAT", value_delimiter = ',')]
    pub(crate) metrics_compat: Vec<CompatName>,
    /// Keep so many of the last answers of /v1/responses in memory, so that requests can go on from them; 0 keeps none
    #[arg(help_heading = group::LOAD, long, value_name = "N", env = "TRINITY_RESPONSES_KEPT", default_value = "1024")]
    pub(crate) responses_kept: u32,
    /// Keep at most so many MiB of them
    #[arg(help_heading = group::LOAD, long, value_name = "MIB", env = "TRINITY_RESPONSES_MEMORY", default_value = "64")]
    pub(crate) responses_memory: u32,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    #[command(flatten)]
    pub(crate) load: ModelArgs,
    /// Read settings from a TOML file
    ///
    /// Its keys are these flags without the dashes in front.
    #[arg(help_heading = group::GENERAL, long, value_name = "FILE", env = "TRINITY_CONFIG")]
    pub(crate) config: Option<std::path::PathBuf>,
}

impl ServeArgs {
    /// All models, in order.
    pub(crate) fn all_models(&self) -> Vec<&str> {
        self.models.iter().chain(&self.model).map(String::as_str).collect()
    }
}

/// Completes the settings that clap read by those of the file that they name.
pub(crate) fn settle(args: &ServeArgs) -> Result<ServeArgs, Failure> {
    let Some(path) = &args.config else { return Ok(args.clone()) };
    let failure = |message: String| Failure::new(Kind::Configuration, format!("{}: {message}", path.display()));
    let text = read(path).map_err(failure)?;
    parse(&text, foreign_flags::translated(std::env::args_os())?).map_err(failure)
}

fn read(path: &Path) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|e| e.to_string())?;
    if !about.is_file() || about.len() > CONFIG_BYTES_MAX {
        return Err(format!("no file of at most {CONFIG_BYTES_MAX} bytes"));
    }
    fs::read_to_string(path).map_err(|e| e.to_string())
}

/// The command line once more, with the file's values as defaults.
fn parse<I>(text: &str, line: I) -> Result<ServeArgs, String>
where
    I: IntoIterator,
    I::Item: Into<std::ffi::OsString> + Clone,
{
    let table: toml::Table = toml::from_str(text).map_err(|e: toml::de::Error| {
        // The whole message quotes the line, and a key may stand on it.
        let line = e.span().map_or(0, |s| text.bytes().take(s.start).filter(|b| *b == b'\n').count() + 1);
        format!("line {line}: {}", e.message().lines().next().unwrap_or("not TOML"))
    })?;
    let mut command = Cli::command();
    for (key, value) in &table {
        let values =
            values(value).ok_or_else(|| format!("{key}: neither text, number, true, false nor a list of these"))?;
        let serve = command.find_subcommand("serve").ok_or("no serve")?;
        let id = id_of(serve, key).ok_or_else(|| format!("unknown key {key:?}"))?;
        command = command.mut_subcommand("serve", |serve| serve.mut_arg(id, |arg| arg.default_values(values)));
    }
    let matches = command.try_get_matches_from(line).map_err(|e| one_line(&e))?;
    let serve: &ArgMatches = matches.subcommand_matches("serve").ok_or("no serve")?;
    ServeCommand::from_arg_matches(serve).map(|command| command.args).map_err(|e| one_line(&e))
}

/// The argument that a key of the file sets.
fn id_of(serve: &Command, key: &str) -> Option<String> {
    if NOT_IN_FILE.contains(&key) {
        return None;
    }
    serve.get_arguments().find(|arg| arg.get_long() == Some(key)).map(|arg| arg.get_id().to_string())
}

/// A value as it would stand on the command line. Clap borrows defaults for as long as the program runs; a file is read
/// once.
fn values(value: &toml::Value) -> Option<Vec<&'static str>> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(is_on) => is_on.to_string(),
        toml::Value::Array(list) => {
            return list
                .iter()
                .map(|value| values(value).filter(|v| v.len() == 1))
                .collect::<Option<Vec<_>>>()
                .map(|v| v.concat());
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => return None,
    };
    Some(vec![text.leak()])
}

/// Clap's message without its advice on usage.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_fills_what_was_not_said() {
        let file = "host = [\"0.0.0.0\", \"::1\"]\nport = 1\ncache-scope = \"all\"\nmetrics-compat = [\"vllm\"]\nno-pin = true\nkg = [\"a=b.kg\"]\nkg-write = true\ncontext = 77\nmodel = \"a\"\n";
        let args = parse(file, ["trinity", "serve", "--port", "2"]).unwrap();
        assert_eq!((args.listen.hosts(), args.listen.port), (vec!["0.0.0.0".to_owned(), "::1".to_owned()], 2));
        assert_eq!((args.cache_scope, args.metrics_compat.clone()), (CacheScopeName::All, vec![CompatName::Vllm]));
        assert_eq!((args.graphs.kg.clone(), args.graphs.limits.kg_write), (vec!["a=b.kg".to_owned()], true));
        assert_eq!((args.load.no_pin, args.load.context, args.all_models()), (true, Some(77), vec!["a"]));
        let args = parse(file, ["trinity", "serve", "--host", "127.0.0.1", "b"]).unwrap();
        assert_eq!((args.listen.hosts(), args.all_models()), (vec!["127.0.0.1".to_owned()], vec!["b", "a"]));
    }

    #[test]
    fn the_settings_that_operators_are_told_of_are_there() {
        let text = include_str!("../../../../../docs/operating.md");
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let longs: Vec<&str> = serve.get_arguments().filter_map(clap::Arg::get_long).collect();
        let is_of_flag = |c: char| c.is_ascii_lowercase() || c == '-';
        let flags: Vec<&str> = text
            .split("--")
            .skip(1)
            .map(|rest| rest.split(|c: char| !is_of_flag(c)).next().unwrap_or_default())
            .filter(|flag| flag.starts_with(|c: char| c.is_ascii_lowercase()))
            .collect();
        assert!(flags.len() > 30, "{flags:?}");
        for flag in flags {
            assert!(longs.contains(&flag), "--{flag} is no flag of serve");
        }
    }

    #[test]
    fn what_the_file_has_wrong_is_named() {
        let check = |text: &str, says: &[&str]| {
            let error = parse(text, ["trinity", "serve"]).unwrap_err();
            assert!(says.iter().all(|s| error.contains(s)) && error.lines().count() == 1, "{error}");
        };
        check("port = 1\nprot = 2\n", &["unknown key", "prot"]);
        check("config = \"other.toml\"\n", &["unknown key", "config"]);
        check("port = 70000\n", &["70000", "--port"]);
        check("\nport = \n", &["line 2"]);
        check("log-level = \"loud\"\n", &["--log-level", "loud"]);
        check("[port]\na = 1\n", &["port", "neither"]);
    }
}
