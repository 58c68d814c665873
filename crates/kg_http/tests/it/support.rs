//! A server with two graphs, and requests to it.

use std::sync::Arc;

use kg::{Store, query};
use kg_http::{Graphs, Settings};
use server::ServerOptions;

use crate::loopback::{Answer, Loopback};

pub(crate) const FACTS: &str = "PREFIX : <http://a/> INSERT DATA { \
    :lyon :country :france ; :name \"Lyon\"@fr ; :population 522250 . :nice :country :france . \
    GRAPH :g { :berlin :country :germany } GRAPH :h { :rome :country :italy . _:b :note \"a, \\\"b\\\"\\n\" } }";

/// Settings with which facts can be changed.
pub(crate) const WRITES: fn() -> Settings = || Settings { writes: true, ..Settings::default() };

/// A running server, with the graphs `notes` and `empty`.
pub(crate) struct Served {
    pub(crate) server: Loopback,
    pub(crate) graphs: Arc<Graphs>,
}

pub(crate) fn start(settings: Settings, options: ServerOptions) -> Served {
    start_with(settings, options, FACTS)
}

pub(crate) fn start_with(settings: Settings, options: ServerOptions, facts: &str) -> Served {
    let notes = Store::in_memory();
    query::update(&notes, facts, &query::Options::default()).unwrap();
    let mut graphs = Graphs::new(settings);
    graphs.add("notes", notes).unwrap();
    graphs.add("empty", Store::in_memory()).unwrap();
    let graphs = Arc::new(graphs);
    let server = Loopback::with(options, kg_http::routes_alone(&graphs), Vec::new(), None);
    Served { server, graphs }
}

/// `n` facts between few nodes, so that products of patterns are large.
pub(crate) fn many(n: u32) -> String {
    let facts = (0..n).map(|i| format!("<http://a/n{}> <http://a/p> <http://a/n{}> .", i % 60, i * 7 % 60 + i / 60));
    format!("INSERT DATA {{ {} }}", facts.collect::<String>())
}

/// Text as a value in a URL or a form.
pub(crate) fn coded(text: &str) -> String {
    let byte = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}

/// The bytes of a request.
pub(crate) fn request(method: &str, target: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

impl Served {
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[&str], body: &[u8]) -> Answer {
        let bytes = request(method, target, headers, body);
        if method != "HEAD" {
            return self.server.send(bytes);
        }
        let mut client = self.server.connect();
        client.write(bytes);
        let head = client.head();
        Answer { status: head.split_whitespace().nth(1).unwrap().parse().unwrap(), head, body: Vec::new() }
    }

    /// The answer to a query by GET, in the form of `accept`.
    pub(crate) fn query(&self, text: &str, accept: &str) -> Answer {
        self.ask("GET", &format!("/kg/notes/sparql?query={}", coded(text)), &[&format!("Accept: {accept}")], b"")
    }

    pub(crate) fn update(&self, text: &str) -> Answer {
        self.ask("POST", "/kg/notes/sparql", &["Content-Type: application/sparql-update"], text.as_bytes())
    }

    /// How many facts the graph `notes` has in all its graphs.
    pub(crate) fn n_facts(&self) -> u64 {
        let list = self.server.get("/kg").json();
        let notes = list["graphs"].as_array().unwrap().iter().find(|graph| graph["name"] == "notes").unwrap().clone();
        notes["facts"].as_u64().unwrap()
    }
}
