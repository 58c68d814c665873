//! `/kg/{name}/data`: whole graphs, as the SPARQL 1.1 Graph Store HTTP Protocol has them.
//!
//! `?default` is the default graph, `?graph=IRI` a named one. Without either, a `GET` gets all graphs and a `POST` adds
//! a document to them; a `PUT` or `DELETE` of everything has to be said by an update.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::Response,
};
use kg::{
    LoadOptions, Pattern, Snapshot, TermId,
    load::{self, Format},
    query::{self, LimitKind, Options, QueryError},
};
use oxrdf::GraphName;
use serde_json::json;
use server::{
    body,
    error::{ApiError, ErrorKind},
};

use crate::{
    graphs::Graph,
    negotiation, params, refusal,
    sparql::{base, limits, say, url_params},
    work::{Called, Job, Reply, Stopper},
};

/// Facts between two looks at whether the work must stop.
const STEP_QUADS: u64 = 256;

/// The graph that a request names; `None` is all of them.
fn target(request: &Request) -> Result<Option<GraphName>, ApiError> {
    let params = url_params(request.uri())?;
    let iri = params.once("graph")?;
    match (iri, params.once("default")?) {
        (Some(_), Some(_)) => Err(ApiError::invalid("graph", "graph: there beside default; a request names one graph")),
        (None, Some(_)) => Ok(Some(GraphName::DefaultGraph)),
        (Some(value), None) => Ok(Some(params::iri("graph", value)?.into())),
        (None, None) => Ok(None),
    }
}

fn one(target: Option<GraphName>, method: &Method) -> Result<GraphName, ApiError> {
    let message = format!("graph: missing, as is default; a {method} concerns one graph");
    target.ok_or_else(|| ApiError::invalid("graph", message))
}

/// The id of a graph that has facts; the default graph is always there.
fn known(snapshot: &Snapshot, graph: &GraphName) -> Result<Option<TermId>, ApiError> {
    let find = || -> Result<Option<TermId>, kg::Error> {
        let Some(id) = snapshot.graph_id(graph.as_ref())? else { return Ok(None) };
        let has_fact = || snapshot.matching(Pattern { graph: Some(id), ..Pattern::all() }).next().transpose();
        Ok(if *graph == GraphName::DefaultGraph || has_fact()?.is_some() { Some(id) } else { None })
    };
    find().map_err(|error| refusal::of_store(&error))
}

fn missing(graph: &GraphName) -> ApiError {
    ApiError::new(ErrorKind::NotFound, format!("no fact is in the graph {graph}")).with_code("no_such_graph")
}

/// `GET` and `HEAD`: the facts of a graph.
pub(crate) async fn get(called: Called, request: Request) -> Result<Response, ApiError> {
    let target = target(&request)?;
    let offers = if target.is_some() { negotiation::triples() } else { negotiation::quads() };
    let (media_type, format) = negotiation::choose(request.headers(), &offers)?;
    let content_type = negotiation::content_type(media_type);
    let is_head = request.method() == Method::HEAD;
    let job = called.job(request.version(), false);
    let work = move |graph: &Graph, stopper: &Arc<Stopper>, reply: &mut Reply| {
        let snapshot = graph.store.snapshot().map_err(|error| refusal::of_store(&error))?;
        let id = match &target {
            Some(target) => Some(known(&snapshot, target)?.ok_or_else(|| missing(target))?),
            None => None,
        };
        reply.is(StatusCode::OK, content_type);
        if is_head {
            return Ok(());
        }
        let mut n = 0;
        let quads = snapshot.matching(Pattern { graph: id, ..Pattern::all() }).map(|quad| {
            n += 1;
            if u64::is_multiple_of(n, STEP_QUADS) && stopper.is_now() {
                return Err(QueryError::Limit { limit: LimitKind::Stopped, operator: "reading a graph", rows: n });
            }
            let quad = snapshot.quad(quad?)?;
            // One graph is written as if it were the default one.
            Ok(if id.is_some() { oxrdf::Quad { graph_name: GraphName::DefaultGraph, ..quad } } else { quad })
        });
        query::write_quads(quads, reply, format).map_err(|error| refusal::of_query(&error, stopper))?;
        Ok(())
    };
    job.answer(work).await
}

/// `PUT`: the document in place of what the graph had.
pub(crate) async fn put(called: Called, request: Request) -> Result<Response, ApiError> {
    called.check_writes()?;
    let target = one(target(&request)?, request.method())?;
    let job = called.job(request.version(), true);
    load_into(job, Some(target), true, request).await
}

/// `POST`: the document beside what the graph has.
pub(crate) async fn post(called: Called, request: Request) -> Result<Response, ApiError> {
    called.check_writes()?;
    let target = target(&request)?;
    let job = called.job(request.version(), true);
    load_into(job, target, false, request).await
}

/// The format that a request says its document has.
fn format_of(headers: &HeaderMap) -> Result<Format, ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    if encoding.as_deref().is_some_and(|encoding| !matches!(encoding, b"gzip" | b"x-gzip" | b"identity" | b"")) {
        let message = "content-encoding: neither gzip nor identity";
        return Err(ApiError::new(ErrorKind::UnsupportedMedia, message));
    }
    let media_type = params::media_type(headers)?;
    let format = Format::from_media_type(&media_type).filter(|format| negotiation::GRAPHS.contains(format));
    format.ok_or_else(|| {
        let names: Vec<&str> = negotiation::triples().iter().map(|(name, _)| *name).collect();
        params::unsupported(&media_type, &names.join(", "))
    })
}

/// Loads the request's document, in one commit or not at all. `target` is the graph of facts that name none; without
/// one, the document may name graphs itself.
async fn load_into(job: Job, target: Option<GraphName>, replace: bool, request: Request) -> Result<Response, ApiError> {
    let format = format_of(request.headers())?;
    let (parts, body) = request.into_parts();
    let limit = job.graphs.settings().body_bytes_max.max(job.app.options().body_bytes_max);
    let document = body::read(body, limit, &job.app).await?;
    let base = match &target {
        Some(GraphName::NamedNode(node)) => Some(node.as_str().to_owned()),
        _ => base(&parts.headers, &parts.uri),
    };
    let (one_graph, target) = (target.is_some(), target.unwrap_or(GraphName::DefaultGraph));
    let work = move |graph: &Graph, stopper: &Arc<Stopper>, reply: &mut Reply| {
        let before = graph.store.snapshot().map_err(|error| refusal::of_store(&error))?;
        let is_new = known(&before, &target)?.is_none();
        drop(before);
        let options = LoadOptions {
            format: Some(format),
            base,
            graph: target.clone(),
            replace,
            one_graph,
            cancel: Some(&stopper.is_stopped),
            ..LoadOptions::default()
        };
        let report = load::load(&graph.store, "the body", &mut document.as_slice(), options);
        let report = report.map_err(|error| refusal::of_load(&error, stopper))?;
        let status = if is_new && report.added > 0 { StatusCode::CREATED } else { StatusCode::OK };
        let value = json!({"facts": report.read.quads, "added": report.added, "removed": report.removed});
        say(reply, status, &value)
    };
    job.answer(work).await
}

/// `DELETE`: the graph has no facts any more.
pub(crate) async fn delete(called: Called, request: Request) -> Result<Response, ApiError> {
    called.check_writes()?;
    let target = one(target(&request)?, request.method())?;
    let memory_max = called.graphs.settings().memory_max;
    let job = called.job(request.version(), true);
    let work = move |graph: &Graph, stopper: &Arc<Stopper>, reply: &mut Reply| {
        let snapshot = graph.store.snapshot().map_err(|error| refusal::of_store(&error))?;
        known(&snapshot, &target)?.ok_or_else(|| missing(&target))?;
        drop(snapshot);
        let text = match &target {
            GraphName::DefaultGraph => "CLEAR DEFAULT".to_owned(),
            named => format!("CLEAR GRAPH {named}"),
        };
        let options = Options { limits: limits(stopper, memory_max), ..Options::default() };
        let report = query::update(&graph.store, &text, &options);
        let report = report.map_err(|error| refusal::of_query(&error, stopper))?;
        say(reply, StatusCode::OK, &json!({"removed": report.removed}))
    };
    job.answer(work).await
}
