//! [`Graphs`]: the graphs of a server by name, and what one request may use of the machine.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension,
    http::header,
    response::{IntoResponse, Response},
};
use kg::Store;
use serde_json::json;
use server::{
    Caller,
    blocking::Workers,
    error::{ApiError, ErrorKind},
};

use crate::refusal;

/// Requests that may wait for a thread, for each that may run.
const QUEUED_PER_RUNNING: usize = 32;

/// What the operator decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether callers with the right to write may change facts.
    pub writes: bool,
    /// The time that a request has, from its arrival to the last byte of its answer.
    pub time_max: Duration,
    /// The most bytes that one query or update holds.
    pub memory_max: u64,
    /// The most requests that run at once, over all graphs; more wait in turns.
    pub running_max: usize,
    /// The most bytes of a document or an update, from those who may write.
    pub body_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            writes: false,
            time_max: Duration::from_mins(1),
            memory_max: 512 << 20,
            running_max: 8,
            body_bytes_max: 64 << 20,
        }
    }
}

/// A graph that cannot have the name it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NameError {
    /// A name of other characters than a path may hold as they are.
    Characters(String),
    /// A name that another graph has.
    Twice(String),
}

impl std::fmt::Display for NameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Characters(name) => {
                write!(f, "{name:?} is no name of a graph: letters, digits, '-', '_' and '.', not a '.' first")
            }
            Self::Twice(name) => write!(f, "two graphs are named {name:?}"),
        }
    }
}

impl std::error::Error for NameError {}

/// A graph that is served.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) store: Store,
    /// The writers' turn: whoever changes the graph holds it.
    pub(crate) writing: Arc<tokio::sync::Mutex<()>>,
}

/// All graphs of a server.
#[derive(Debug)]
pub struct Graphs {
    by_name: BTreeMap<String, Arc<Graph>>,
    settings: Settings,
    pub(crate) workers: Arc<Workers>,
    pub(crate) running: Arc<AtomicUsize>,
}

impl Graphs {
    /// No graphs yet.
    pub fn new(settings: Settings) -> Self {
        let running_max = settings.running_max.max(1);
        let workers = Workers::new(running_max, running_max.saturating_mul(QUEUED_PER_RUNNING));
        Self { by_name: BTreeMap::new(), settings, workers: Arc::new(workers), running: Arc::default() }
    }

    /// Serves a graph under a name.
    ///
    /// # Errors
    /// [`NameError`], of which the graph is none the worse.
    pub fn add(&mut self, name: &str, store: Store) -> Result<(), NameError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(NameError::Characters(name.to_owned()));
        }
        if self.by_name.contains_key(name) {
            return Err(NameError::Twice(name.to_owned()));
        }
        self.by_name.insert(name.to_owned(), Arc::new(Graph { store, writing: Arc::default() }));
        Ok(())
    }

    /// The names of all graphs, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many requests are at work now.
    pub fn n_running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// The graph of a name; the error of another one names those that there are.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Graph>, ApiError> {
        self.by_name.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.names().collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let message = format!("no graph is named {name:?} here; there are: {known}");
            ApiError::new(ErrorKind::NotFound, message).with_code("graph_not_found")
        })
    }

    /// Refuses a change, unless graphs may be changed and the caller may do it.
    pub(crate) fn check_writes(&self, caller: &Caller) -> Result<(), ApiError> {
        if !self.settings.writes {
            let message = "the graphs of this server are read-only (see --kg-write)";
            return Err(ApiError::new(ErrorKind::Forbidden, message).with_code("read_only"));
        }
        caller.rights.check_writes_facts()
    }
}

/// `GET /kg`: the graphs, with where they are asked.
pub(crate) async fn list(
    Extension(graphs): Extension<Arc<Graphs>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let is_writable = graphs.check_writes(&caller).is_ok();
    let mut list = Vec::new();
    for (name, graph) in &graphs.by_name {
        let snapshot = graph.store.snapshot().map_err(|error| refusal::of_store(&error))?;
        list.push(json!({
            "name": name,
            "facts": snapshot.len(),
            "commit": snapshot.seq().0,
            "writable": is_writable,
            "sparql": format!("/kg/{name}/sparql"),
            "data": format!("/kg/{name}/data"),
        }));
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, json!({"graphs": list}).to_string()).into_response())
}
