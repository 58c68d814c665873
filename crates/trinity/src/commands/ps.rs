//! `trinity ps`: the models that a running server has in memory.

use clap::Args;
use serde_json::Value;

use super::{list::table, server_args::ServerArgs};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal,
};

/// Arguments of `ps`.
#[derive(Args)]
#[command(next_help_heading = group::OUTPUT)]
pub(crate) struct PsArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Name, size, context, and until when it stays.
pub(crate) fn run(args: &PsArgs, global: &Global) -> Result<(), Failure> {
    let models = in_memory(&args.server, global)?;
    if args.json {
        return terminal::put_json(&models);
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let headings = ["NAME", "SIZE", "CONTEXT", "UNTIL"].map(str::to_owned);
    let cells = models.iter().map(|model| {
        let size = model["size"].as_u64().map_or_else(|| "-".to_owned(), terminal::bytes_text);
        let context = model["context_length"].as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
        [text(&model["name"]), size, context, until(&text(&model["expires_at"]))]
    });
    terminal::put(&table(&std::iter::once(headings).chain(cells).collect::<Vec<_>>()))?;
    if models.is_empty() {
        terminal::say("no model is in memory: each is loaded when it is asked for\n");
    }
    Ok(())
}

/// The server's answer about its models that are loaded.
pub(super) fn in_memory(server: &ServerArgs, global: &Global) -> Result<Vec<Value>, Failure> {
    let answer = server.get("/api/ps", global)?;
    Ok(answer["models"].as_array().cloned().unwrap_or_default())
}

/// The local time; for one that stays the server names a year that nobody will see.
fn until(time: &str) -> String {
    if time.starts_with("9999-") {
        return "it is stopped".to_owned();
    }
    terminal::local_time(time).unwrap_or_else(|| time.to_owned())
}
