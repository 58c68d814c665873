//! `trinity limits`: what files, grammars, templates and requests may ask for.

use clap::Args;

use crate::{failure::Failure, terminal};

/// Arguments of `limits`.
#[derive(Args)]
pub(crate) struct LimitsArgs {}

/// One line a limit.
pub(crate) fn run(_args: &LimitsArgs) -> Result<(), Failure> {
    let templates = [
        ("template bytes", chat::limits::TEMPLATE_BYTES_MAX as u64),
        ("template nesting", chat::limits::NESTING_MAX as u64),
        ("template instructions", chat::limits::FUEL_MAX),
        ("template memory bytes", chat::limits::MEMORY_BYTES_MAX),
        ("template output bytes", chat::limits::OUTPUT_BYTES_MAX as u64),
        ("template call depth", chat::limits::DEPTH_MAX as u64),
        ("template value depth", chat::limits::VALUE_DEPTH_MAX as u64),
        ("template range", chat::limits::RANGE_MAX),
        ("tool calls in a reply", chat::limits::CALLS_MAX as u64),
        ("tool call nesting", chat::limits::CALL_NESTING_MAX as u64),
        ("tool call held bytes", chat::limits::CALL_HELD_BYTES_MAX as u64),
        ("tool name bytes", chat::limits::CALL_NAME_BYTES_MAX as u64),
    ];
    let of_files = [gguf::limits::TABLE, tokenizer::limits::TABLE, engine::grammar::limits::TABLE];
    let rows = of_files.into_iter().flatten().copied().chain(templates);
    terminal::put(&rows.map(|(name, limit)| format!("{name:<24} {limit}\n")).collect::<String>())?;
    terminal::put(&of_requests())
}

/// The lines for requests, with their units.
pub(crate) fn of_requests() -> String {
    let line = |limit: &server::limits::Limit| format!("{:<24} {} {}", limit.name, limit.value, limit.unit);
    server::limits::TABLE.iter().map(|limit| line(limit).trim_end().to_owned() + "\n").collect()
}
