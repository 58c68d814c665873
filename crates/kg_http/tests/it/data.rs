//! The Graph Store Protocol: whole graphs, there and back.

use server::ServerOptions;

use crate::support::{Served, WRITES, start};

const TURTLE: &str = "Content-Type: text/turtle";
const NAMED: &str = "/kg/notes/data?graph=http%3A%2F%2Fa%2Fg";

fn served() -> Served {
    start(WRITES(), ServerOptions::default())
}

/// The lines of a graph as N-Triples, sorted.
fn lines(served: &Served, target: &str) -> Vec<String> {
    let answer = served.ask("GET", target, &["Accept: application/n-triples, application/n-quads"], b"");
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    let mut lines: Vec<String> = answer.text().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn graphs_are_got_put_added_to_and_deleted() {
    let served = served();
    let berlin = "<http://a/berlin> <http://a/country> <http://a/germany> .";
    assert_eq!(lines(&served, NAMED), [berlin]);
    assert_eq!(lines(&served, "/kg/notes/data?default").len(), 4);
    assert_eq!(lines(&served, "/kg/notes/data?default=").len(), 4);
    let all = lines(&served, "/kg/notes/data");
    assert!(all.len() == 7 && all.contains(&berlin.replace(" .", " <http://a/g> .")), "{all:?}");
    assert_eq!(lines(&served, "/kg/empty/data?default"), [""; 0]);
    // HEAD as GET.
    let head = served.ask("HEAD", NAMED, &[], b"");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/turtle; charset=utf-8")));
    let new = "/kg/notes/data?graph=http://a/new";
    for method in ["GET", "HEAD", "DELETE"] {
        assert_eq!(served.ask(method, new, &[], b"").status, 404, "{method}");
    }
    let put = served.ask("PUT", new, &[TURTLE], b"@prefix a: <http://a/> . a:x a:y 1, 2 . <rel> a:y _:b .");
    assert_eq!((put.status, put.json()["added"].as_u64()), (201, Some(3)), "{put:?}");
    assert!(lines(&served, new).iter().any(|line| line.starts_with("<http://a/rel> ")), "the base is the graph's name");
    let put = served.ask("PUT", new, &[TURTLE], b"<http://a/x> <http://a/y> 3 .");
    assert_eq!((put.status, put.json()["removed"].as_u64()), (200, Some(3)), "{put:?}");
    let post = served.ask("POST", new, &["Content-Type: application/n-triples"], b"<http://a/x> <http://a/y> \"4\" .");
    assert_eq!((post.status, post.json()["added"].as_u64()), (200, Some(1)), "{post:?}");
    assert_eq!(lines(&served, new).len(), 2);
    assert_eq!(served.ask("DELETE", new, &[], b"").json()["removed"], 2);
    assert_eq!(served.ask("GET", new, &[], b"").status, 404);
    assert_eq!(served.ask("DELETE", "/kg/notes/data?default", &[], b"").json()["removed"], 4);
    assert_eq!(served.ask("GET", "/kg/notes/data?default", &[], b"").status, 200, "the default graph is always there");
    assert_eq!(served.n_facts(), 3);
}

#[test]
fn a_document_that_is_at_fault_changes_nothing() {
    let served = served();
    let before = lines(&served, "/kg/notes/data");
    let check = |method: &str, target: &str, kind: &str, body: &[u8], status: u16, says: &[&str]| {
        let answer = served.ask(method, target, &[&format!("Content-Type: {kind}")], body);
        let is_so = answer.status == status && says.iter().all(|text| answer.text().contains(text));
        assert!(is_so, "{method} {target} {kind}: {answer:?}");
    };
    let broken =
        b"<http://a/1> <http://a/p> \"x\" .\n<http://a/2> <http://a/p> oops .\n<http://a/3> <http://a/p> 1 .\n";
    for method in ["PUT", "POST"] {
        for target in [NAMED, "/kg/notes/data?default"] {
            check(method, target, "application/n-triples", broken, 400, &["line 2", "oops"]);
            check(method, target, "text/turtle", broken, 400, &["line 2"]);
        }
    }
    let quads = b"<http://a/1> <http://a/p> \"x\" <http://a/other> .";
    check("PUT", NAMED, "application/n-quads", quads, 400, &["line 1"]);
    check("PUT", NAMED, "application/trig", b"<http://a/other> { <http://a/1> <http://a/p> 1 }", 400, &["a/other"]);
    let json = br#"{"@id": "http://a/other", "@graph": [{"@id": "http://a/1", "http://a/p": "x"}]}"#;
    check("POST", NAMED, "application/ld+json", json, 400, &["a/other"]);
    check("PUT", NAMED, "application/ld+json", br#"{"@context": "http://127.0.0.1/c", "a": 1}"#, 400, &["network"]);
    check("PUT", NAMED, "text/html", b"<p>", 415, &["text/turtle"]);
    check("PUT", NAMED, "text/turtle; charset=latin-1", b"", 415, &["latin-1"]);
    check("PUT", "/kg/notes/data", "text/turtle", b"", 400, &["PUT concerns one graph"]);
    check("DELETE", "/kg/notes/data", "text/turtle", b"", 400, &["DELETE concerns one graph"]);
    check("GET", "/kg/notes/data?default&graph=http://a/g", "text/turtle", b"", 400, &["beside default"]);
    check("PUT", "/kg/notes/data?graph=g", "text/turtle", b"", 400, &["no absolute IRI"]);
    check("PATCH", NAMED, "text/turtle", b"", 405, &[]);
    let brotli = served.ask("PUT", NAMED, &[TURTLE, "Content-Encoding: br"], b"");
    assert_eq!(brotli.status, 415, "{brotli:?}");
    assert_eq!(lines(&served, "/kg/notes/data"), before);
    assert_eq!(served.server.app.metrics().n_panics(), 0);
}

#[test]
fn every_format_that_is_sent_is_read_again() {
    let served = served();
    let expected = lines(&served, "/kg/notes/data?graph=http://a/h");
    assert_eq!(expected.len(), 2);
    let copy = "/kg/empty/data?graph=http://a/copy";
    let behind = |line: String| line.split_once(' ').unwrap().1.to_owned();
    let without_blank = |lines: Vec<String>| lines.into_iter().map(behind).collect::<Vec<_>>();
    for kind in [
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
        "application/n-quads",
    ] {
        let got = served.ask("GET", "/kg/notes/data?graph=http://a/h", &[&format!("Accept: {kind}")], b"");
        assert!(got.status == 200 && got.header("content-type").unwrap().starts_with(kind), "{got:?}");
        let put = served.ask("PUT", copy, &[&format!("Content-Type: {kind}")], &got.body);
        assert!([200, 201].contains(&put.status), "{kind}: {put:?}");
        let (mut found, mut expected) = (without_blank(lines(&served, copy)), without_blank(expected.clone()));
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{kind}");
    }
    // All graphs at once, the graphs named; a `POST` without a graph adds them.
    for kind in ["application/n-quads", "application/trig", "application/ld+json"] {
        let all = served.ask("GET", "/kg/notes/data", &[&format!("Accept: {kind}")], b"");
        let post = served.ask("POST", "/kg/empty/data", &[&format!("Content-Type: {kind}")], &all.body);
        assert_eq!((post.status, post.json()["facts"].as_u64()), (200, Some(7)), "{kind}: {post:?}");
    }
    assert_eq!(lines(&served, "/kg/empty/data?graph=http://a/g").len(), 1);
    assert_eq!(served.ask("GET", "/kg/notes/data", &["Accept: text/turtle"], b"").status, 406);
}
