//! The SPARQL 1.1 Protocol, case by case; in which form answers come.

use std::{collections::BTreeSet, sync::Arc};

use kg::Store;
use kg_http::{Graphs, Settings};
use server::ServerOptions;

use crate::{
    loopback::{Answer, Loopback},
    support::{Served, WRITES, coded, request, start},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const QUERY: &str = "Content-Type: application/sparql-query";
const UPDATE: &str = "Content-Type: application/sparql-update";
const CITIES: &str = "SELECT ?c { ?c <http://a/country> ?l } ORDER BY ?c";

fn served() -> Served {
    start(WRITES(), ServerOptions::default())
}

/// The cities of an answer, without what stands before their names.
fn cities(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows = answer.json()["results"]["bindings"].as_array().unwrap().clone();
    rows.iter().map(|row| row["c"]["value"].as_str().unwrap().replace("http://a/", "")).collect()
}

#[test]
fn a_query_comes_by_get_in_a_form_or_as_it_is() {
    let served = served();
    let (path, coded_query) = ("/kg/notes/sparql", coded(CITIES));
    for answer in [
        served.ask("GET", &format!("{path}?query={coded_query}"), &[], b""),
        served.ask("POST", path, &[FORM], format!("query={coded_query}").as_bytes()),
        served.ask(
            "POST",
            path,
            &["content-type: Application/X-WWW-Form-Urlencoded; charset=UTF-8"],
            format!("a=b&query={coded_query}").as_bytes(),
        ),
        served.ask("POST", path, &[QUERY], CITIES.as_bytes()),
    ] {
        assert_eq!(cities(&answer), ["lyon", "nice"]);
    }
    let head = served.ask("HEAD", &format!("{path}?query={coded_query}"), &[], b"");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/sparql-results+json")));
    // The graph's own prefixes need no declaration; relative IRIs are read against the address.
    let named = served.query("SELECT ?c { ?c <http://a/country> ?l . FILTER(?c != :x && ?c != <x>) }", "*/*");
    assert_eq!(cities(&named).len(), 2);
}

#[test]
fn parameters_name_the_dataset_whatever_the_query_says() {
    let served = served();
    let ask = |query: &str, graphs: &str| {
        let by_get = served.ask("GET", &format!("/kg/notes/sparql?query={}{graphs}", coded(query)), &[], b"");
        let by_post = served.ask("POST", &format!("/kg/notes/sparql?{graphs}"), &[QUERY], query.as_bytes());
        let by_form =
            served.ask("POST", "/kg/notes/sparql", &[FORM], format!("query={}{graphs}", coded(query)).as_bytes());
        assert_eq!((cities(&by_get), cities(&by_get)), (cities(&by_post), cities(&by_form)), "{query} {graphs}");
        cities(&by_get)
    };
    let one = "&default-graph-uri=http%3A%2F%2Fa%2Fg";
    assert_eq!(ask(CITIES, one), ["berlin"]);
    assert_eq!(ask(CITIES, &format!("{one}&default-graph-uri=http://a/h")), ["berlin", "rome"]);
    assert_eq!(ask("SELECT ?c FROM <http://a/h> { ?c <http://a/country> ?l }", one), ["berlin"]);
    let named = "SELECT ?c { GRAPH ?g { ?c <http://a/country> ?l } } ORDER BY ?c";
    assert_eq!(ask(named, ""), ["berlin", "rome"]);
    assert_eq!(ask(named, "&named-graph-uri=http://a/h"), ["rome"]);
    assert_eq!(ask(named, one), [""; 0]);
    assert_eq!(ask(CITIES, "&default-graph-uri=http://a/nowhere"), [""; 0]);
}

#[test]
fn what_is_no_request_of_the_protocol_is_refused_by_its_name() {
    let served = served();
    let path = "/kg/notes/sparql";
    let check = |method: &str, query: &str, headers: &[&str], body: &[u8], status: u16, says: &str| {
        let answer = served.ask(method, &format!("{path}?{query}"), headers, body);
        let text = answer.text();
        assert!(answer.status == status && text.contains(says), "{method} {query} {headers:?}: {answer:?}");
        answer
    };
    check("GET", "query=ASK%7B%7D&query=ASK%7B%7D", &[], b"", 400, "there 2 times");
    check("GET", "update=CLEAR%20ALL", &[], b"", 400, "POST");
    check("GET", "query=SELECT", &[], b"", 400, "no SPARQL");
    check("GET", "query=ASK%7B%FF%7D", &[], b"", 400, "UTF-8");
    check("GET", "query=ASK%7B%7D&default-graph-uri=x", &[], b"", 400, "default-graph-uri");
    check("POST", "", &[FORM], b"query=ASK%7B%7D&query=ASK%7B%7D", 400, "there 2 times");
    check("POST", "", &[FORM], b"query=ASK%7B%7D&update=CLEAR+ALL", 400, "another query or an update");
    check("POST", "", &[FORM], b"update=CLEAR+ALL&update=CLEAR+ALL", 400, "there 2 times");
    check("POST", "", &[FORM], b"a=b", 400, "missing");
    check("POST", "query=ASK%7B%7D", &[QUERY], b"ASK{}", 400, "another query");
    check("POST", "", &[QUERY], b"ASK { ?a ?b \"\xff\" }", 400, "no UTF-8 at byte 13");
    check("POST", "", &[QUERY], b"CLEAR ALL", 400, "no SPARQL");
    check("POST", "", &[UPDATE], b"ASK {}", 400, "no SPARQL");
    check("POST", "", &["Content-Type: application/sparql-query; charset=utf-16"], b"ASK {}", 415, "utf-16");
    check("POST", "", &["Content-Type: text/plain"], b"ASK {}", 415, "application/sparql-query");
    check("POST", "", &[], b"ASK {}", 415, "missing");
    check("GET", "query=ASK%7B%7D", &["Accept: text/html"], b"", 406, "text/csv");
    check("GET", "query=DESCRIBE%20%3Chttp://a/lyon%3E", &["Accept: text/csv"], b"", 406, "text/turtle");
    check(
        "POST",
        "",
        &[QUERY],
        b"ASK { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }",
        403,
        "SERVICE <http://127.0.0.1/>",
    );
    check("POST", "", &[UPDATE], b"CLEAR ALL ; LOAD <http://127.0.0.1/x>", 403, "LOAD <http://127.0.0.1/x>");
    let put = check("PUT", "", &[QUERY], b"ASK {}", 405, "");
    assert_eq!(put.header("allow"), Some("GET,HEAD,POST"));
    let long = format!("SELECT * {{ {} }}", "{".repeat(100) + &"}".repeat(100));
    check("POST", "", &[QUERY], long.as_bytes(), 400, "brackets");
    for (method, target) in
        [("GET", "/kg/note/sparql"), ("POST", "/kg/Notes/sparql"), ("GET", "/kg/a%20b/data?default")]
    {
        let answer = served.ask(method, target, &[QUERY], b"");
        assert!(answer.status == 404 && answer.text().contains("empty, notes"), "{target}: {answer:?}");
    }
    assert_eq!((served.n_facts(), served.server.app.metrics().n_panics()), (7, 0));
}

#[test]
fn updates_happen_as_a_whole() {
    let served = served();
    let done = served.update("PREFIX : <http://a/> INSERT DATA { :a :b 1, 2 } ; DELETE DATA { :a :b 1 }");
    assert_eq!((done.status, done.json()["added"].as_u64(), done.json()["removed"].as_u64()), (200, Some(2), Some(1)));
    let by_form =
        served.ask("POST", "/kg/notes/sparql", &[FORM], b"update=DELETE+WHERE+%7B+%3Chttp://a/a%3E+?p+?o+%7D");
    assert_eq!(by_form.json()["removed"], 1, "{by_form:?}");
    let before = served.n_facts();
    let failed = served.update("INSERT DATA { <http://a/x> <http://a/y> 1 } ; CREATE GRAPH <http://a/g>");
    assert!(failed.status == 400 && failed.text().contains("CREATE GRAPH"), "{failed:?}");
    assert_eq!(served.n_facts(), before);
    // Relative IRIs, as the W3C's case `update_base_uri` has them.
    served.update("INSERT DATA { <http://a/base> <http://a/is> <test> }");
    let base = served.query("SELECT ?c { <http://a/base> <http://a/is> ?c }", "*/*");
    assert_eq!(cities(&base), ["http://localhost/kg/notes/test"]);
    // Graphs that an update reads: by parameters or by its text, not by both.
    let target = "/kg/notes/sparql?using-graph-uri=http://a/g&using-named-graph-uri=http://a/h";
    let copy = "INSERT { GRAPH <http://a/copy> { ?s ?p ?o } } WHERE { ?s ?p ?o }";
    assert_eq!(served.ask("POST", target, &[UPDATE], copy.as_bytes()).json()["added"], 1);
    for clause in ["USING <http://a/h>", "USING NAMED <http://a/h>"] {
        let both = format!("INSERT {{ ?s <http://a/x> ?o }} {clause} WHERE {{ ?s ?p ?o }}");
        let answer = served.ask("POST", target, &[UPDATE], both.as_bytes());
        assert!(answer.status == 400 && answer.text().contains("USING or WITH"), "{answer:?}");
    }
    let with = "WITH <http://a/h> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }";
    assert_eq!(served.ask("POST", target, &[UPDATE], with.as_bytes()).status, 400);
}

#[test]
fn answers_come_in_the_form_that_the_client_wants_most() {
    let served = served();
    let check = |query: &str, accept: &str, content_type: &str, says: &str| {
        let answer = served.query(query, accept);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{accept}: {answer:?}");
        assert!(answer.text().contains(says), "{accept}: {}", answer.text());
        assert!(answer.head.to_ascii_lowercase().contains("vary: accept"), "{}", answer.head);
    };
    let select = "SELECT ?n { <http://a/lyon> <http://a/name> ?n }";
    check(select, "*/*", "application/sparql-results+json", r#""xml:lang":"fr""#);
    check(select, "application/json", "application/json", r#""value":"Lyon""#);
    check(select, "application/sparql-results+xml", "application/sparql-results+xml", "<literal xml:lang=\"fr\">Lyon");
    check(select, "text/csv", "text/csv; charset=utf-8", "n\r\nLyon\r\n");
    check(select, "text/tab-separated-values", "text/tab-separated-values; charset=utf-8", "?n\n\"Lyon\"@fr\n");
    check(select, "application/json;q=0.3, text/csv;q=0.8, */*;q=0.1", "text/csv; charset=utf-8", "Lyon");
    check(
        "ASK { ?s ?p 522250 }",
        "application/sparql-results+xml, */*;q=0.1",
        "application/sparql-results+xml",
        "true",
    );
    check("ASK { ?s ?p 522251 }", "application/sparql-results+json", "application/sparql-results+json", "false");
    let construct = "CONSTRUCT { ?s <http://a/in> ?o } { ?s <http://a/country> ?o FILTER(?s = <http://a/lyon>) }";
    let line = "<http://a/lyon> <http://a/in> <http://a/france>";
    check(construct, "*/*", "text/turtle; charset=utf-8", line);
    check(construct, "application/n-triples", "application/n-triples", line);
    check(
        construct,
        "application/rdf+xml;q=0.9, text/turtle;q=0.2",
        "application/rdf+xml",
        "rdf:about=\"http://a/lyon\"",
    );
    check(construct, "application/ld+json", "application/ld+json", "\"@id\":\"http://a/lyon\"");
    check(construct, "application/trig", "application/trig", line);
    check(construct, "application/n-quads", "application/n-quads", line);
    check("DESCRIBE <http://a/nice>", "text/turtle", "text/turtle; charset=utf-8", "http://a/france");
    // A predicate that XML has no name for.
    let odd = "CONSTRUCT { ?s <http://a/1/> ?o } { ?s <http://a/country> ?o }";
    let refused = served.query(odd, "application/rdf+xml");
    assert!(refused.status == 406 && refused.text().contains("<http://a/1/>"), "{refused:?}");
}

#[test]
fn a_service_describes_itself_and_the_list_names_all() {
    let served = served();
    let about = served.ask("GET", "/kg/notes/sparql", &["Accept: application/n-triples"], b"");
    assert_eq!(about.status, 200, "{about:?}");
    for says in ["#endpoint> <http://localhost/kg/notes/sparql>", "SPARQL11Query", "SPARQL11Update", "formats/Turtle>"]
    {
        assert!(about.text().contains(says), "{says}: {}", about.text());
    }
    let read_only = start(Settings::default(), ServerOptions::default());
    let about = read_only.ask("GET", "/kg/notes/sparql", &[], b"");
    assert!(about.text().contains("SPARQL11Query") && !about.text().contains("Update"), "{}", about.text());
    let list = served.server.get("/kg").json();
    assert_eq!(list, served.server.get("/").json());
    assert_eq!(
        (&list["graphs"][0]["name"], &list["graphs"][1]["sparql"]),
        (&"empty".into(), &"/kg/notes/sparql".into())
    );
    assert_eq!((&list["graphs"][1]["facts"], &list["graphs"][1]["writable"]), (&7.into(), &true.into()));
    assert_eq!(served.server.get("/health").status, 200);
    assert!(served.server.get("/metrics").text().contains(r#"route="/kg/{name}/sparql""#));
    assert_eq!(served.server.get("/v1/models").status, 404);
}

#[test]
fn a_server_with_models_describes_the_routes_of_its_graphs_as_well() {
    let serve = |graphs: Graphs| {
        let routes = kg_http::routes(&Arc::new(graphs));
        let paths: BTreeSet<&str> = routes.paths().map(|(path, _)| path).collect();
        let routes = server::router::routes().merge(routes);
        let server = Loopback::with(ServerOptions::default(), routes, Vec::new(), None);
        let document = server.send(request("GET", "/openapi.json", &[], b"")).json();
        (server, paths, document)
    };
    let (_server, _, document) = serve(Graphs::new(Settings::default()));
    let without = document["paths"].as_object().unwrap();
    assert!(without.contains_key("/health") && without.keys().all(|path| !path.starts_with("/kg")));
    let mut graphs = Graphs::new(Settings::default());
    graphs.add("notes", Store::in_memory()).unwrap();
    let (server, paths, document) = serve(graphs);
    let described = document["paths"].as_object().unwrap();
    for path in &paths {
        assert!(described.contains_key(*path), "{path} is not described");
    }
    assert!(
        described.contains_key("/v1/chat/completions") && document["components"]["schemas"]["GraphLoad"].is_object()
    );
    assert!(described.keys().filter(|path| path.starts_with("/kg")).all(|path| paths.contains(path.as_str())));
    let endpoints = server.send(request("GET", "/", &["Accept: application/json"], b"")).json()["endpoints"].clone();
    for endpoint in ["GET /kg/{name}/sparql", "POST /kg/{name}/sparql", "PUT /kg/{name}/data", "DELETE /kg/{name}/data"]
    {
        assert!(endpoints.as_array().unwrap().contains(&endpoint.into()), "{endpoint}: {endpoints}");
    }
    // Each described method is one that the route has.
    for (path, item) in described.iter().filter(|(path, _)| path.starts_with("/kg")) {
        for method in item.as_object().unwrap().keys() {
            let target = path.replace("{name}", "none");
            let answer = server.send(request(&method.to_ascii_uppercase(), &target, &[], b""));
            assert_ne!(answer.status, 405, "{method} {path}");
        }
    }
}
