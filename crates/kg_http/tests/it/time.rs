//! Work that would not end ends: by its time, by its client's leaving, within 50 ms. Answers that cannot be finished
//! are broken off. Readers and a writer do not mind each other.

use std::{
    io::Read,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use kg_http::Settings;
use server::{ServerOptions, lifecycle::Phase};

use crate::{
    loopback::wait,
    support::{Served, WRITES, coded, many, request, start, start_with},
};

/// How late an end may be. What else the machine does makes single ones late: the least of some tries counts.
const LATE_MAX: Duration = Duration::from_millis(50);
const TRIES: usize = 3;

/// Queries over [`many`] facts that take hours, for each evaluator; the last two send rows from the beginning.
const ENDLESS: [&str; 4] = [
    "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(STR(?a) != STR(?f) || STR(?g) != STR(?l)) }",
    "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(SHA1(STR(?a)) != SHA1(STR(?f))) }",
    "SELECT ?a ?f ?i { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(SHA1(STR(?a)) != \"x\") }",
    "SELECT ?a ?f ?i { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }",
];

fn served(time_max: Duration) -> Served {
    start_with(Settings { time_max, ..WRITES() }, ServerOptions::default(), &many(600))
}

fn endless(text: &str) -> Vec<u8> {
    request("GET", &format!("/kg/notes/sparql?query={}", coded(text)), &[], b"")
}

#[test]
fn a_query_ends_when_its_time_is_over() {
    let time_max = Duration::from_millis(100);
    let served = served(time_max);
    for text in &ENDLESS[..2] {
        let late = (0..TRIES).map(|_| {
            let begun = Instant::now();
            let answer = served.server.send(endless(text));
            let late = begun.elapsed().saturating_sub(time_max);
            assert!(answer.status == 503 && answer.text().contains("query_timeout"), "{answer:?}");
            late
        });
        let least = late.min().unwrap();
        eprintln!("out of time, answered after it: {least:?}: {text}");
        assert!(least <= LATE_MAX, "{least:?}: {text}");
        wait("the work to end", || served.graphs.n_running() == 0);
    }
    // An update, too; it has not happened.
    let insert = "INSERT { ?a ?f ?i } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?a) != STR(?f)) }";
    let answer = served.update(insert);
    assert!(answer.status == 503 && answer.text().contains("query_timeout"), "{answer:?}");
    wait("the work to end", || served.graphs.n_running() == 0);
    assert_eq!(served.n_facts(), 600);
}

#[test]
fn a_query_ends_when_its_client_leaves() {
    let served = served(Duration::from_mins(10));
    for text in ENDLESS {
        let late = (0..TRIES).map(|_| {
            let mut client = served.server.connect();
            client.write(endless(text));
            wait("the query", || served.graphs.n_running() == 1);
            std::thread::sleep(Duration::from_millis(20));
            let begun = Instant::now();
            drop(client);
            while served.graphs.n_running() > 0 {
                assert!(begun.elapsed() < crate::loopback::PATIENCE, "it goes on: {text}");
                std::thread::sleep(Duration::from_millis(1));
            }
            begun.elapsed()
        });
        let least = late.min().unwrap();
        eprintln!("its client left, ended after: {least:?}: {text}");
        assert!(least <= LATE_MAX, "{least:?}: {text}");
    }
}

/// All that a connection gives until it ends.
fn all_of(served: &Served, bytes: Vec<u8>) -> String {
    let mut client = served.server.connect();
    client.write(bytes);
    let mut bytes = Vec::new();
    let _ = client.stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn an_answer_that_cannot_be_finished_is_broken_off() {
    let served = served(Duration::from_millis(300));
    for query in &ENDLESS[2..] {
        let text = all_of(&served, endless(query));
        assert!(text.starts_with("HTTP/1.1 200") && text.len() > 100_000, "{} bytes", text.len());
        assert!(!text.ends_with("0\r\n\r\n"), "it looks whole");
    }
    // HTTP/1.0 has no sign for it, so an answer comes whole or is refused.
    let old = String::from_utf8(endless(ENDLESS[2])).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    let text = all_of(&served, old.into_bytes());
    assert!(
        text.starts_with("HTTP/1.0 503") || text.starts_with("HTTP/1.1 503"),
        "{}",
        text.get(..200).unwrap_or(&text)
    );
    let whole = "SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 5000";
    let old = String::from_utf8(endless(whole)).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    let text = all_of(&served, old.into_bytes());
    let length: usize =
        text.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap();
    assert_eq!(length, text.split_once("\r\n\r\n").unwrap().1.len());
    // A long answer over HTTP/1.1 comes in pieces and ends as one does.
    let answer = served.query(whole, "application/sparql-results+json");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.json()["results"]["bindings"].as_array().unwrap().len(), 5000);
}

#[test]
fn more_requests_than_may_run_wait_their_turn() {
    let settings = Settings { running_max: 1, time_max: Duration::from_millis(200), ..WRITES() };
    let served = start_with(settings, ServerOptions::default(), &many(600));
    let mut first = served.server.connect();
    first.write(endless(ENDLESS[0]));
    wait("the query", || served.graphs.n_running() == 1);
    let second = served.query("ASK {}", "*/*");
    assert!(second.status == 200 || second.text().contains("query_timeout"), "{second:?}");
    assert_eq!(first.answer().unwrap().status, 503);
    assert_eq!(served.query("ASK {}", "*/*").status, 200);
    // Who stops the server ends what runs.
    let long = served_for_long();
    let mut client = long.server.connect();
    client.write(endless(ENDLESS[0]));
    wait("the query", || long.graphs.n_running() == 1);
    long.server.app.lifecycle().advance(Phase::Cancelled);
    wait("its end", || long.graphs.n_running() == 0);
}

fn served_for_long() -> Served {
    served(Duration::from_mins(10))
}

#[test]
fn readers_see_a_writer_s_commits_as_wholes() {
    let served = start(WRITES(), ServerOptions::default());
    let target = "/kg/notes/data?graph=http://a/busy";
    let document = |n: usize| (0..n).map(|i| format!("<http://a/{i}> <http://a/p> {i} .\n")).collect::<String>();
    let counts = [3, 40];
    let put = |n: usize| served.ask("PUT", target, &["Content-Type: text/turtle"], document(n).as_bytes());
    assert_eq!(put(counts[0]).status, 201);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut n_asked = 0;
                while !is_over.load(Ordering::SeqCst) || n_asked == 0 {
                    let answer =
                        served.query("SELECT (COUNT(*) AS ?n) { GRAPH <http://a/busy> { ?s ?p ?o } }", "text/csv");
                    let n: usize = answer.text().lines().nth(1).unwrap().parse().unwrap();
                    assert!(counts.contains(&n), "{n} facts: half a commit");
                    n_asked += 1;
                }
            });
        }
        // Writers at once: each has its turn, none is refused.
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let put = &put;
                scope.spawn(move || (0..8).all(|i| put(counts[(i + writer) % 2]).status == 200))
            })
            .collect();
        let all_done = writers.into_iter().all(|writer| writer.join().unwrap());
        is_over.store(true, Ordering::SeqCst);
        assert!(all_done);
    });
}
