//! The HTTP face of knowledge graphs: SPARQL 1.1 Protocol, Graph Store Protocol, service description.
//!
//! - [`Graphs`]: the graphs of a server by name, and what requests may use. [`routes`] mounts them at `/kg`.
//! - `sparql`: `/kg/{name}/sparql`; `data`: `/kg/{name}/data`; `description`: what a service says of itself.
//! - `params` and `negotiation`: what a request says, and in which form it is answered.
//! - `work`: a request runs on a thread of its own kind, stops when its client leaves or its time is over, and breaks
//!   off an answer that it cannot finish.
//!
//! Everything stands behind the gate of [`server`]: keys, hosts, origins, limits of connections. Graphs are read-only
//! unless [`Settings::writes`] says otherwise, and then only callers with the right to write change them.

mod data;
mod description;
mod graphs;
mod negotiation;
mod params;
mod refusal;
mod sparql;
mod work;

use std::sync::Arc;

use axum::{Extension, routing::get};
pub use graphs::{Graphs, NameError, Settings};
use server::{refusal::Shape, router::Routes};

/// The routes of all graphs; where there is none, `/openapi.json` does not speak of them.
pub fn routes(graphs: &Arc<Graphs>) -> Routes {
    let layer = || Extension(Arc::clone(graphs));
    let data = get(data::get).put(data::put).post(data::post).delete(data::delete);
    let routes = Routes::of(Shape::OpenAi)
        .route("/kg", get(graphs::list).layer(layer()))
        .route("/kg/{name}/sparql", get(sparql::get).post(sparql::post).layer(layer()))
        .route("/kg/{name}/data", data.layer(layer()));
    if graphs.names().next().is_some() { routes.documented(include_str!("openapi.json")) } else { routes }
}

/// The routes of a server that has graphs and no model: those of [`routes`], health, metrics and version; `/` is the
/// list of graphs.
pub fn routes_alone(graphs: &Arc<Graphs>) -> Routes {
    let root = Routes::of(Shape::OpenAi).route("/", get(graphs::list).layer(Extension(Arc::clone(graphs))));
    server::router::routes_without_models().merge(routes(graphs)).merge(root)
}
