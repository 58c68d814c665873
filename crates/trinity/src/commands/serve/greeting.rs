//! What `serve` says when it is ready: which models, how much context, what of the machine, and where.

use kg_http::Graphs;
use server::{models::ModelEntry, serve::Server};

use super::{config::ServeArgs, graph_args};
use crate::{
    commands::{doctor::system::System, machine},
    failure::Failure,
    terminal::{self, bytes_text},
};

/// Models that are named; of more, how many.
const MODELS_NAMED_MAX: usize = 8;

/// Addresses that a server listens on, and what it has there.
pub(super) struct Places {
    addresses: String,
    has_page: bool,
    has_web: bool,
}

impl Places {
    pub(super) fn of(server: &Server, has_page: bool, has_web: bool) -> Self {
        Self { addresses: server.addresses().join(" and "), has_page, has_web }
    }

    /// One line. Programs read the address behind `listening on`.
    fn line(&self) -> String {
        let page = if self.has_page { "chat page; " } else { "" };
        let web = if self.has_web { ", /web/ (models in the browser)" } else { "" };
        format!(
            "listening on {} ({page}Anthropic, Ollama and llama.cpp APIs), /v1 (OpenAI API), /docs (documentation){web}\n",
            self.addresses
        )
    }
}

/// What a server says of itself when it is ready: models, context, machine and places, a line each.
pub(super) fn text(
    settings: &ServeArgs,
    models: &[ModelEntry],
    graphs: &Graphs,
    places: &Places,
) -> Result<String, Failure> {
    Ok(models_line(models)
        + &graph_args::line(graphs)
        + &context_line(settings, models)
        + &machine_line(settings, models)?
        + &places.line())
}

fn models_line(models: &[ModelEntry]) -> String {
    let named: Vec<String> = models
        .iter()
        .take(MODELS_NAMED_MAX)
        .map(|model| {
            let state = if model.loaded.is_some() { "loaded" } else { "loaded when asked for" };
            format!("{} ({state})", terminal::escape(&model.id))
        })
        .collect();
    let n_more = models.len() - named.len();
    let more = if n_more > 0 { format!(" and {n_more} more") } else { String::new() };
    format!("models   {}{more}\n", named.join(", "))
}

fn context_line(settings: &ServeArgs, models: &[ModelEntry]) -> String {
    let contexts: Vec<String> = models
        .iter()
        .filter_map(|model| model.loaded.as_ref())
        .map(|model| {
            let context = model.handle.context_len_max();
            let stats = model.handle.stats();
            let positions = stats.pages_total * stats.page_len;
            format!("{context} tokens a request, {positions} for all together")
        })
        .collect();
    let first = contexts.first().map_or("as each model has it", String::as_str);
    let is_same = contexts.iter().all(|context| context == first);
    let of_first = if is_same { "" } else { " (of the first model)" };
    let of_models = models.iter().filter_map(|model| model.loaded.as_ref()).map(|m| m.handle.n_running_max());
    let n_max = of_models.max().unwrap_or(usize::from(settings.engine.max_running));
    format!("context  {first}{of_first}; up to {n_max} sequences at once\n")
}

fn machine_line(settings: &ServeArgs, models: &[ModelEntry]) -> Result<String, Failure> {
    let taken: u64 = models.iter().filter_map(|model| model.loaded.as_ref()).map(|m| m.details.memory_bytes).sum();
    let n_threads = machine::n_threads(settings.load.threads);
    let isa = machine::isa_name()?;
    let left = System::look().available_bytes.map_or_else(String::new, |n| format!(", {} left", bytes_text(n)));
    let threads = if n_threads == 1 { "thread" } else { "threads" };
    Ok(format!("machine  {n_threads} {threads}, {isa}; {} of memory taken{left}\n", bytes_text(taken)))
}
