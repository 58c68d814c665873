//! `/kg/{name}/sparql`: queries and updates as the SPARQL 1.1 Protocol has them.

use std::{io::Write, sync::Arc};

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};
use kg::{
    Prefixes, Snapshot,
    load::Format,
    prefixes::NAMESPACE,
    query::{self, Dataset, Form, Forms, Limits, Options, QueryResultsFormat, Stop},
};
use serde_json::json;
use server::{body, error::ApiError, error::ErrorKind};

use crate::{
    description,
    graphs::Graph,
    negotiation,
    params::{self, Params},
    refusal,
    work::{Called, Job, Reply, Stopper},
};

const FORM: &str = "application/x-www-form-urlencoded";
const QUERY: &str = "application/sparql-query";
const UPDATE: &str = "application/sparql-update";

/// What is to be done, and by which text.
enum Operation {
    Query(String),
    Update(String),
}

/// A request as both methods understand it.
struct Asked {
    operation: Operation,
    dataset: Option<Dataset>,
    base: Option<String>,
    headers: HeaderMap,
}

/// `GET`: a query, or without one what the service says of itself.
pub(crate) async fn get(called: Called, request: Request) -> Result<Response, ApiError> {
    let params = url_params(request.uri())?;
    if params.all("update").next().is_some() {
        return Err(ApiError::invalid("update", "update: a GET changes nothing; an update is sent by POST"));
    }
    let (base, headers) = (base(request.headers(), request.uri()), request.headers().clone());
    let Some(text) = params.once("query")? else {
        let is_writable = called.check_writes().is_ok();
        return description::answer(base.as_deref().unwrap_or_default(), is_writable, &headers);
    };
    let dataset = params.dataset("default-graph-uri", "named-graph-uri")?;
    let asked = Asked { operation: Operation::Query(text.to_owned()), dataset, base, headers };
    let job = called.job(request.version(), false);
    run(job, asked).await
}

/// `POST`: a query or an update, in a form or as it is.
pub(crate) async fn post(called: Called, request: Request) -> Result<Response, ApiError> {
    let media_type = params::media_type(request.headers())?;
    let is_update = media_type == UPDATE;
    let writes = called.check_writes();
    if is_update {
        writes.clone()?;
    } else if media_type != FORM && media_type != QUERY {
        return Err(params::unsupported(&media_type, &format!("{QUERY}, {UPDATE} or {FORM}")));
    }
    // Large updates are for those who may make them.
    let may_be_update = writes.is_ok() && media_type != QUERY;
    let limit = called.app.options().body_bytes_max;
    let limit = if may_be_update { limit.max(called.graphs.settings().body_bytes_max) } else { limit };
    let (parts, body) = request.into_parts();
    let bytes = body::read(body, limit, &called.app).await?;
    let mut params = url_params(&parts.uri)?;
    let text = if media_type == FORM {
        params = params.and(Params::read(&bytes)?);
        None
    } else {
        Some(params::text(bytes)?)
    };
    let operation = match (text, params.once("query")?, params.once("update")?) {
        (Some(text), None, None) if is_update => Operation::Update(text),
        (Some(text), None, None) => Operation::Query(text),
        (None, Some(text), None) => Operation::Query(text.to_owned()),
        (None, None, Some(text)) => Operation::Update(text.to_owned()),
        (None, None, None) => {
            return Err(ApiError::new(ErrorKind::Invalid, "query: missing, as is update; one of them is needed"));
        }
        _ => {
            let message = "query: there beside another query or an update; a request has one of them";
            return Err(ApiError::invalid("query", message));
        }
    };
    let (writes, dataset) = match operation {
        Operation::Query(_) => (false, params.dataset("default-graph-uri", "named-graph-uri")?),
        Operation::Update(_) => {
            writes?;
            (true, params.dataset("using-graph-uri", "using-named-graph-uri")?)
        }
    };
    let base = base(&parts.headers, &parts.uri);
    let asked = Asked { operation, dataset, base, headers: parts.headers };
    run(called.job(parts.version, writes), asked).await
}

pub(crate) fn url_params(uri: &Uri) -> Result<Params, ApiError> {
    Params::read(uri.query().unwrap_or_default().as_bytes())
}

/// The IRI that relative ones are read against: where the request went, as far as it says.
pub(crate) fn base(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    Some(format!("http://{host}{}", uri.path()))
}

async fn run(job: Job, asked: Asked) -> Result<Response, ApiError> {
    let memory_max = job.graphs.settings().memory_max;
    let Asked { operation, dataset, base, headers } = asked;
    let work = move |graph: &Graph, stopper: &Arc<Stopper>, reply: &mut Reply| {
        let snapshot = graph.store.snapshot().map_err(|error| refusal::of_store(&error))?;
        let mut prefixes = Prefixes::of(&snapshot).map_err(|error| refusal::of_store(&error))?;
        // That of the graph's own names is empty, as on the command line.
        prefixes.learn("", NAMESPACE);
        let options = Options {
            limits: limits(stopper, memory_max),
            base,
            prefixes: prefixes.iter().map(|(name, iri)| (name.to_owned(), iri.to_owned())).collect(),
            dataset,
            ..Options::default()
        };
        match operation {
            Operation::Query(text) => answer(&snapshot, &text, &options, &headers, stopper, reply),
            Operation::Update(text) => {
                let report = query::update(&graph.store, &text, &options);
                let report = report.map_err(|error| refusal::of_query(&error, stopper))?;
                say(reply, StatusCode::OK, &json!({"added": report.added, "removed": report.removed}))
            }
        }
    };
    job.answer(work).await
}

/// What a request may use.
pub(crate) fn limits(stopper: &Arc<Stopper>, memory_max: u64) -> Limits {
    let stopper = Arc::clone(stopper);
    Limits { stop: Stop::when(move || stopper.is_now()), memory_max, ..Limits::default() }
}

/// Answers with JSON.
pub(crate) fn say(reply: &mut Reply, status: StatusCode, value: &serde_json::Value) -> Result<(), ApiError> {
    reply.is(status, "application/json".to_owned());
    writeln!(reply, "{value}").map_err(|error| refusal::internal(&error.to_string()))
}

fn answer(
    snapshot: &Snapshot,
    text: &str,
    options: &Options,
    headers: &HeaderMap,
    stopper: &Stopper,
    reply: &mut Reply,
) -> Result<(), ApiError> {
    let refused = |error| refusal::of_query(&error, stopper);
    let query = query::parse(text, options).map_err(refused)?;
    // A form that cannot be had is refused before anything is computed.
    let mut forms = Forms { rows: QueryResultsFormat::Json, triples: Format::NTriples };
    let media_type = match Form::of(&query) {
        Form::Triples => {
            let (media_type, format) = negotiation::choose(headers, &negotiation::triples())?;
            forms.triples = format;
            media_type
        }
        Form::Rows | Form::Truth => {
            let (media_type, format) = negotiation::choose(headers, &negotiation::RESULTS)?;
            forms.rows = format;
            media_type
        }
    };
    reply.is(StatusCode::OK, negotiation::content_type(media_type));
    query::write(snapshot, &query, options, reply, forms).map_err(refused)?;
    Ok(())
}
