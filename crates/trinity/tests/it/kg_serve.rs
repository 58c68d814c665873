//! Graphs over HTTP by the real program: `kg serve`, and `serve --kg` beside a model.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::{
    program::{command, trinity},
    server_process::{PATIENCE, Server, get, post},
};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/stories260k/stories260K-f32.gguf");

/// A folder with a graph of one fact.
fn graph() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.kg").to_str().unwrap().to_owned();
    trinity(["kg", "--db", &file, "add", "Paris", "capitalOf", "France"]).ok();
    (folder, file)
}

/// The whole answer to a request with a body of Turtle.
fn send(address: &str, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: text/turtle";
    write!(stream, "{line} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_graph_is_served_alone_changed_and_kept() {
    let (folder, file) = graph();
    let mut server = Server::spawn(command(["kg", "--db", &file, "serve", "--port", "0", "--kg-write"]));
    let address = server.address();
    assert!(
        server.said.iter().any(|line| line.contains("/kg/notes") && line.contains("writable")),
        "{:?}",
        server.said
    );
    let count = "/kg/notes/sparql?query=SELECT%20(COUNT(*)%20AS%20?n)%20%7B?s%20:capitalOf%20?o%7D";
    assert!(get(&address, count, "Accept: text/csv\r\n").ends_with("n\r\n1\r\n"));
    // JSON is no language of this protocol.
    assert!(post(&address, "/kg/notes/sparql", "{}").starts_with("HTTP/1.1 415"));
    assert!(get(&address, "/kg/note/sparql", "").contains("there are: notes"));
    assert!(get(&address, "/v1/models", "").starts_with("HTTP/1.1 404"), "there is no model");
    // Whoever comes meanwhile is told who has the file.
    let pid = server.child.id().to_string();
    let said = trinity(["kg", "--db", &file, "stats"]);
    said.fails(75, &["notes.kg", &pid]);
    let answer = send(&address, "PUT /kg/notes/data?graph=http://a/g", "<http://a/x> <http://a/y> 1, 2, 3 .");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    server.signal("TERM");
    assert!(server.wait().success());
    assert_eq!(trinity(["kg", "--db", &file, "stats", "--json"]).ok().json()["facts"], 4);
    trinity(["kg", "--db", folder.path().join("none.kg").to_str().unwrap(), "serve"]).fails(1, &["none.kg", "load"]);
    trinity(["kg", "--db", &file, "serve", "--name", "a/b"]).fails(2, &["a/b", "--name"]);
}

#[test]
fn graphs_are_served_beside_a_model_and_read_only() {
    let (folder, file) = graph();
    let named = format!("facts={file}");
    let (mut server, address) = Server::start(&[MODEL, "--kg", &named]);
    assert!(get(&address, "/kg", "").contains(r#""name":"facts","facts":1"#));
    assert!(get(&address, "/v1/models", "").starts_with("HTTP/1.1 200"));
    let turtle = get(&address, "/kg/facts/data?default", "");
    assert!(
        turtle.contains("text/turtle") && turtle.contains("<urn:kg:Paris> <urn:kg:capitalOf> <urn:kg:France>"),
        "{turtle}"
    );
    let answer = send(&address, "DELETE /kg/facts/data?default", "");
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("--kg-write"), "{answer}");
    server.signal("TERM");
    assert!(server.wait().success());
    for (given, says) in [("notes", "NAME=FILE"), ("a b=x.kg", "x.kg")] {
        trinity(["serve", MODEL, "--port", "0", "--kg", given])
            .fails(if says == "NAME=FILE" { 78 } else { 1 }, &[says]);
    }
    drop(folder);
}
