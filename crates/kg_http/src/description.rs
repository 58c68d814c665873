//! What a service says of itself (SPARQL 1.1 Service Description): languages, forms, its address.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use kg::query;
use oxrdf::{BlankNode, GraphName, NamedNode, NamedOrBlankNode, Quad, Term, vocab::rdf};
use server::error::ApiError;

use crate::{negotiation, refusal};

const SD: &str = "http://www.w3.org/ns/sparql-service-description#";
const FORMATS: &str = "http://www.w3.org/ns/formats/";

/// Forms that can be had, by their names among the W3C's formats.
const RESULT_FORMATS: [&str; 10] = [
    "SPARQL_Results_JSON",
    "SPARQL_Results_XML",
    "SPARQL_Results_CSV",
    "SPARQL_Results_TSV",
    "Turtle",
    "N-Triples",
    "RDF_XML",
    "JSON-LD",
    "TriG",
    "N-Quads",
];

/// The description of the service at `endpoint`.
pub(crate) fn answer(endpoint: &str, is_writable: bool, headers: &HeaderMap) -> Result<Response, ApiError> {
    let (media_type, format) = negotiation::choose(headers, &negotiation::triples())?;
    let mut bytes = Vec::new();
    query::write_quads(quads(endpoint, is_writable).into_iter().map(Ok), &mut bytes, format)
        .map_err(|error| refusal::internal(&error.to_string()))?;
    let headers = [(header::CONTENT_TYPE, negotiation::content_type(media_type)), (header::VARY, "accept".to_owned())];
    Ok((headers, bytes).into_response())
}

fn quads(endpoint: &str, is_writable: bool) -> Vec<Quad> {
    let sd = |name: &str| NamedNode::new_unchecked(format!("{SD}{name}"));
    let fact = |subject: &NamedOrBlankNode, predicate: NamedNode, object: Term| {
        Quad::new(subject.clone(), predicate, object, GraphName::DefaultGraph)
    };
    let [service, dataset, graph] = ["service", "dataset", "graph"].map(BlankNode::new_unchecked);
    let [at_service, at_dataset, at_graph] =
        [&service, &dataset, &graph].map(|node| NamedOrBlankNode::from(node.clone()));
    let mut quads = vec![fact(&at_service, rdf::TYPE.into_owned(), sd("Service").into())];
    if let Ok(endpoint) = NamedNode::new(endpoint) {
        quads.push(fact(&at_service, sd("endpoint"), endpoint.into()));
    }
    quads.push(fact(&at_service, sd("supportedLanguage"), sd("SPARQL11Query").into()));
    if is_writable {
        quads.push(fact(&at_service, sd("supportedLanguage"), sd("SPARQL11Update").into()));
    }
    for name in RESULT_FORMATS {
        let format = NamedNode::new_unchecked(format!("{FORMATS}{name}"));
        quads.push(fact(&at_service, sd("resultFormat"), format.into()));
    }
    quads.push(fact(&at_service, sd("defaultDataset"), dataset.into()));
    quads.push(fact(&at_dataset, rdf::TYPE.into_owned(), sd("Dataset").into()));
    quads.push(fact(&at_dataset, sd("defaultGraph"), graph.into()));
    quads.push(fact(&at_graph, rdf::TYPE.into_owned(), sd("Graph").into()));
    quads
}
