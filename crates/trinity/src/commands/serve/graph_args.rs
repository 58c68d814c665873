//! Settings of the knowledge graphs that a server has.

use std::{path::Path, time::Duration};

use clap::Args;
use kg::Store;
use kg_http::{Graphs, Settings};

use super::options::configuration;
use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

/// Seconds that a request to a graph has, unless a setting says otherwise.
pub(crate) const LIMIT_SECONDS: u32 = 60;
/// MiB that a request to a graph may hold, unless a setting says otherwise; several may at once.
pub(crate) const LIMIT_MIB: u32 = 512;

/// Graphs beside the models.
#[derive(Args, Clone, Debug)]
pub(crate) struct GraphArgs {
    /// Answer SPARQL over the graph in this file, at /kg/NAME; may be given several times
    #[arg(help_heading = group::KNOWLEDGE, long, value_name = "NAME=FILE", env = "TRINITY_SERVE_KG", value_delimiter = ',')]
    pub(crate) kg: Vec<String>,
    /// Seconds that a request to a graph has, to the last byte of its answer
    #[arg(help_heading = group::KNOWLEDGE, long, value_name = "SECONDS", env = "TRINITY_KG_LIMIT_TIME", default_value_t = LIMIT_SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) kg_limit_time: u32,
    /// MiB that a query or update may hold
    #[arg(help_heading = group::KNOWLEDGE, long, value_name = "MIB", env = "TRINITY_KG_LIMIT_MEMORY", default_value_t = LIMIT_MIB, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) kg_limit_memory: u32,
    #[command(flatten)]
    pub(crate) limits: GraphLimits,
}

/// What requests to graphs may do and use, wherever graphs are served.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "a field is named as its flag")]
pub(crate) struct GraphLimits {
    /// Let graphs be changed: with API keys by those with kg_write or admin, without by callers on this machine
    #[arg(help_heading = group::KNOWLEDGE, long, env = "TRINITY_KG_WRITE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) kg_write: bool,
    /// Requests to graphs that run at once; more wait in turns
    #[arg(help_heading = group::KNOWLEDGE, long, value_name = "N", env = "TRINITY_KG_MAX_RUNNING", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) kg_max_running: u16,
    /// MiB of a document or an update that a request brings
    #[arg(help_heading = group::KNOWLEDGE, long, value_name = "MIB", env = "TRINITY_KG_MAX_BODY", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) kg_max_body: u16,
}

impl GraphLimits {
    /// As the graphs take them, with the time and memory of a request.
    pub(crate) fn settings(&self, seconds: u32, mib: u32) -> Settings {
        Settings {
            writes: self.kg_write,
            time_max: Duration::from_secs(seconds.into()),
            memory_max: u64::from(mib) << 20,
            running_max: self.kg_max_running.into(),
            body_bytes_max: usize::from(self.kg_max_body) << 20,
        }
    }
}

impl GraphArgs {
    /// Opens the graphs that are named.
    pub(super) fn open(&self) -> Result<Graphs, Failure> {
        let mut graphs = Graphs::new(self.limits.settings(self.kg_limit_time, self.kg_limit_memory));
        for text in &self.kg {
            let parts = text.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty());
            let (name, path) = parts.ok_or_else(|| configuration(format!("--kg {text}: expected NAME=FILE")))?;
            graphs.add(name, open(Path::new(path))?).map_err(|error| configuration(format!("--kg {text}: {error}")))?;
        }
        Ok(graphs)
    }
}

/// Opens a graph, which must be there.
pub(crate) fn open(path: &Path) -> Result<Store, Failure> {
    if !path.exists() {
        let message = format!("{}: there is no such graph", path.display());
        return Err(Failure::new(Kind::Failure, message).with_hint("trinity kg add, load and update make it"));
    }
    Ok(Store::open(path, kg::store::Options { create: false, ..kg::store::Options::default() })?)
}

/// One line of what graphs there are; none without graphs.
pub(super) fn line(graphs: &Graphs) -> String {
    let names: Vec<String> = graphs.names().map(|name| format!("/kg/{}", terminal::escape(name))).collect();
    let access = if graphs.settings().writes { "SPARQL and data, writable" } else { "SPARQL and data, read-only" };
    if names.is_empty() { String::new() } else { format!("graphs   {} ({access})\n", names.join(", ")) }
}
