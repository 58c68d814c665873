//! `trinity kg`: facts in, answers out, and what is left after a kill.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::program::{Outcome, command, finish, trinity, trinity_with_input};

struct Graph {
    folder: tempfile::TempDir,
}

impl Graph {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn line(&self, arguments: &[&str]) -> Vec<String> {
        let db = self.path("facts.kg");
        ["kg", "--db", &db].into_iter().chain(arguments.iter().copied()).map(str::to_owned).collect()
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        trinity(self.line(arguments))
    }

    fn facts(&self) -> u64 {
        self.run(&["stats", "--json"]).ok().json()["facts"].as_u64().unwrap()
    }
}

const CITIES: &str =
    "id,name,population:int,country:ref\nlyon,Lyon,522250,France\nnice,\"Nice, la belle\",343000,France\n";

#[test]
fn facts_are_added_asked_and_removed() {
    let graph = Graph::new();
    graph.run(&["add", "Paris", "capitalOf", "France"]).ok();
    let said = graph.run(&["add", "Paris", "capitalOf", "France", "--json"]).ok().json();
    assert_eq!(said["added"], 0);
    graph.run(&["add", "France", "population", "68000000"]).ok();
    graph.run(&["add", "Paris", "rdfs:label", "\"Paris\"@fr"]).ok();
    graph.run(&["add", "Berlin", "capitalOf", "<http://example.org/Germany>"]).ok();
    let tsv = graph.run(&["query", "?x", "capitalOf", "France"]).ok();
    assert_eq!(tsv.text(), "?x\n<urn:kg:Paris>\n");
    let json = graph.run(&["query", "--json", "SELECT ?n { ?c <urn:kg:population> ?n }"]).ok().json();
    assert_eq!(json["results"]["bindings"][0]["n"]["value"], "68000000");
    assert_eq!(graph.run(&["query", "ASK { ?x :capitalOf :France }"]).ok().text(), "true\n");
    let way = graph.run(&["path", "Paris", "68000000"]).ok();
    assert_eq!(way.text(), "Paris capitalOf France · France population 68000000\n");
    graph.run(&["path", "Paris", "Berlin"]).fails(1, &["no way"]);
    graph.run(&["rm", "Paris", "?", "?"]).ok();
    assert_eq!(graph.facts(), 2);
    let stats = graph.run(&["stats", "--json"]).ok().json();
    assert_eq!(
        (&stats["subjects"], &stats["objects"], &stats["predicates"][0]["facts"]),
        (&2.into(), &2.into(), &1.into())
    );
    graph.run(&["rm", "?", "?", "?"]).fails(2, &["--all"]);
    graph.run(&["update", "INSERT DATA { :a :b 1, 2 } ; DELETE WHERE { :a :b 1 }"]).ok();
    assert_eq!(graph.facts(), 3);
}

#[test]
fn what_is_asked_wrongly_is_said_with_what_is_near() {
    let graph = Graph::new();
    graph.run(&["query", "ASK {}"]).fails(1, &["facts.kg"]);
    graph.run(&["add", "Paris", "capitalOf", "France"]).ok();
    graph.run(&["query", "?x", "capitalOf", "Frence"]).fails(1, &["Frence", "did you mean", "France"]);
    graph.run(&["query", "SELECT ?x WHERE { ?x"]).fails(1, &["SPARQL"]);
    graph.run(&["query", "SELECT * { SERVICE <http://a/> { ?s ?p ?o } }"]).fails(1, &["SERVICE", "http://a/"]);
    graph.run(&["add", "Paris", "\"quoted\"", "France"]).fails(2, &["predicate"]);
    graph.run(&["add", "nope:x", "b", "c"]).fails(2, &["nope", "not known"]);
    trinity(["kg", "stats"]).fails(2, &["--db"]);
    let other = graph.path("other.kg");
    fs::write(&other, "this is no graph, whatever its name says; it is long enough to be looked at, too").unwrap();
    trinity(["kg", "--db", &other, "stats"]).fails(1, &["other.kg"]);
}

#[test]
fn facts_know_their_sources_and_go_with_the_last_of_them() {
    let graph = Graph::new();
    graph.run(&["add", "Paris", "capitalOf", "France", "--source", "atlas"]).ok();
    graph.run(&["add", "Paris", "capitalOf", "France", "--source", "Ann"]).ok();
    graph.run(&["add", "Lyon", "partOf", "France", "--source", "atlas"]).ok();
    graph.run(&["add", "Nice", "partOf", "France"]).ok();
    let sources = graph.run(&["why", "Paris", "capitalOf", "France", "--json"]).ok().json();
    let mut names: Vec<&str> = sources.as_array().unwrap().iter().map(|s| s["document"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ann", "atlas"]);
    assert_eq!(graph.run(&["why", "Nice", "partOf", "France"]).ok().text(), "");
    graph.run(&["why", "Nice", "capitalOf", "France"]).fails(1, &["does not say"]);
    assert_eq!(graph.run(&["rm", "--source", "atlas", "--json"]).ok().json()["removed"], 1);
    assert_eq!(graph.facts(), 2);
    let told = graph.run(&["export", "--provenance", "--format", "ttl"]).ok();
    let has = |text: &str| assert!(told.text().contains(text), "{text}: {}", told.text());
    ["\"Ann\"", "http://www.w3.org/ns/prov#wasDerivedFrom", "<urn:kg:capitalOf>"].into_iter().for_each(has);
    let path = graph.path("prov.nq");
    graph.run(&["export", "--provenance", &path]).ok();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().filter(|line| line.contains("wasDerivedFrom")).count(), 1);
    graph.run(&["export", "--provenance", "--format", "csv"]).fails(1, &["CSV"]);
    graph.run(&["rm", "--source", "hearsay"]).fails(2, &["hearsay", "Ann"]);
    let file = graph.path("cities.csv");
    fs::write(&file, CITIES).unwrap();
    graph.run(&["load", &file, "--source", "census"]).ok();
    assert!(graph.run(&["why", "lyon", "name", "\"Lyon\""]).ok().text().starts_with("census, added 20"));
}

#[test]
fn tables_are_loaded_exported_and_loaded_again() {
    let graph = Graph::new();
    let table = graph.path("cities.csv");
    fs::write(&table, CITIES).unwrap();
    let dry = graph.run(&["load", &table, "--dry-run"]).ok();
    assert_eq!(dry.text().lines().count(), 6, "{}", dry.text());
    assert!(!Path::new(&graph.path("facts.kg")).exists(), "a dry run makes nothing");
    let report = graph.run(&["load", &table, "--json"]).ok().json();
    assert_eq!((&report[0]["added"], &report[0]["known"]), (&6.into(), &0.into()), "{report}");
    let report = graph.run(&["load", &table, "--json"]).ok().json();
    assert_eq!((&report[0]["added"], &report[0]["known"]), (&0.into(), &6.into()), "{report}");
    for name in ["out.ttl", "out.nq", "out.jsonld", "out.csv"] {
        let file = graph.path(name);
        graph.run(&["export", &file]).ok();
        let again = Graph::new();
        again.run(&["load", &file]).ok();
        assert_eq!(again.run(&["export"]).ok().text(), graph.run(&["export"]).ok().text(), "{name}");
    }
    graph.run(&["export", &graph.path("out.pdf")]).fails(2, &["out.pdf", "--format"]);
    let backup = graph.path("copy.kg");
    graph.run(&["backup", &backup]).ok();
    let text = trinity(["kg", "--db", &backup, "verify"]).ok().text();
    assert!(text.starts_with("whole: ") && text.contains("6 facts"), "{text}");
    graph.run(&["merge"]).ok();
    assert!(graph.run(&["verify"]).ok().text().contains("6 facts"));
}

#[test]
fn a_bad_line_stops_a_load_or_is_put_aside() {
    let graph = Graph::new();
    let file = graph.path("some.nt");
    fs::write(
        &file,
        "<http://a/1> <http://a/p> \"x\" .\n<http://a/2> <http://a/p> oops .\n<http://a/3> <http://a/p> \"z\" .\n",
    )
    .unwrap();
    graph.run(&["load", &file]).fails(1, &["some.nt", "2", "oops"]);
    assert!(graph.run(&["stats", "--json"]).ok().json()["facts"] == 0);
    graph.run(&["load", &file, "--bad", "quarantine"]).ok();
    assert_eq!(graph.facts(), 2);
    let aside = fs::read_to_string(graph.path("some.nt.rejected")).unwrap();
    assert!(aside.contains("<http://a/2> <http://a/p> oops ."), "{aside}");
    fs::write(&file, "<http://a/1> <http://a/p> <http://a/#b#c> .\n").unwrap();
    graph.run(&["load", &file]).fails(1, &["some.nt"]);
    graph.run(&["load", &file, "--iri", "keep"]).ok();
    let report =
        trinity_with_input(graph.line(&["load", "-", "--format", "nt", "--json"]), b"<http://a/9> <http://a/p> 'x' .");
    report.fails(1, &["1"]);
    graph.run(&["load", &file, "--format", "docx"]).fails(2, &["docx", "nt"]);
}

#[test]
fn limits_end_a_query_that_would_not() {
    let graph = Graph::new();
    let lines: String =
        (0..400).map(|i| format!("<http://a/{i}> <http://a/p> <http://a/{}> .\n", i * 7 % 400)).collect();
    fs::write(graph.path("many.nt"), lines).unwrap();
    graph.run(&["load", &graph.path("many.nt")]).ok();
    let endless = "SELECT (COUNT(*) AS ?n) { ?a ?p ?b . ?c ?q ?d . ?e ?r ?f . ?g ?s ?h \
                   FILTER(STRLEN(CONCAT(STR(?a), STR(?c), STR(?e), STR(?g))) > 0) }";
    let begun = std::time::Instant::now();
    graph.run(&["--limit-time", "1", "query", endless]).fails(1, &["out of time"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn queries_are_read_from_lines() {
    let graph = Graph::new();
    let typed = b"INSERT DATA {\n :a :knows :b .\n :b :knows :c }\n?x knows b\nSELECT (COUNT(*) AS ?n)\n{ ?s ?p ?o }\nnonsense here today and more\nexit\n";
    let outcome = trinity_with_input(graph.line(&[]), typed).ok();
    assert_eq!(outcome.text(), "?x\n<urn:kg:a>\n?n\n2\n");
}

/// Families: who is married lives in one place, but for one of whom nobody said it.
#[test]
fn what_is_likely_is_predicted_and_never_told_as_a_fact() {
    let graph = Graph::new();
    let mut lines = String::new();
    for i in 0..60 {
        let town = i % 5;
        lines += &format!("<http://a/m{i}> <http://a/marriedTo> <http://a/w{i}> .\n");
        lines += &format!("<http://a/w{i}> <http://a/marriedTo> <http://a/m{i}> .\n");
        lines += &format!("<http://a/w{i}> <http://a/livesIn> <http://a/town{town}> .\n");
        if i != 17 {
            lines += &format!("<http://a/m{i}> <http://a/livesIn> <http://a/town{town}> .\n");
        }
    }
    fs::write(graph.path("people.nt"), lines).unwrap();
    graph.run(&["load", &graph.path("people.nt")]).ok();
    graph.run(&["complete", "<http://a/m17>", "<http://a/livesIn>", "?"]).fails(1, &["facts.kg.model", "train"]);
    let report = graph.run(&["train", "--epochs", "30", "--dim", "64", "--threads", "1", "--json"]).ok().json();
    assert_eq!(report["entities"], 125, "{report}");
    assert!(report["bytes_per_entity"].as_u64().unwrap() <= 32, "{report}");
    let asked = ["complete", "<http://a/m17>", "<http://a/livesIn>", "?", "-k", "5", "--json"];
    let answer = graph.run(&asked).ok().json();
    assert_eq!(answer["facts"], serde_json::json!([]), "{answer}");
    let predictions = answer["predictions"].as_array().unwrap();
    let right = predictions.iter().find(|one| one["predicted"] == "<http://a/town2>").unwrap();
    assert!(right["paths"].to_string().contains("marriedTo"), "{answer}");
    graph.run(&["add", "<http://a/m17>", "<http://a/livesIn>", "<http://a/town2>"]).ok();
    let answer = graph.run(&asked).ok().json();
    assert_eq!(answer["facts"], serde_json::json!(["<http://a/town2>"]), "{answer}");
    let text = graph.run(&asked[..4]).ok();
    assert!(text.text().starts_with("fact ") && text.stderr.contains("1 commits behind"), "{}", text.text());
    graph.run(&["complete", "<http://a/nobody>", "<http://a/livesIn>", "?"]).fails(1, &["nobody", "not in the model"]);
    let like = graph.run(&["similar", "<http://a/w1>", "--json"]).ok().json();
    // Who lives in the same town shares a neighbour with her.
    let names: Vec<&str> = like["like"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(!names.is_empty() && names.iter().all(|name| name.ends_with("1>") || name.ends_with("6>")), "{names:?}");
    graph.run(&["similar", "<http://a/nobody>"]).fails(1, &["nobody", "not in the index"]);
}

/// What a load had not committed is gone, what was acknowledged is there, and the file opens. `TRINITY_KILLS` asks for
/// the long form: so many rounds, in which facts are also added and merged.
#[test]
fn a_killed_load_has_not_happened() {
    const LOADED: u64 = 60_000;
    let n_wanted: Option<u64> = std::env::var("TRINITY_KILLS").ok().and_then(|n| n.parse().ok());
    let begun = || {
        let graph = Graph::new();
        graph.run(&["add", "a", "b", "c"]).ok();
        graph
    };
    let mut graph = begun();
    let folder = Graph::new();
    let file = folder.path("many.nt");
    let lines: String =
        (0..LOADED).map(|i| format!("<http://a/s{i}> <http://a/p{}> \"value {i}\" .\n", i % 7)).collect();
    fs::write(&file, lines).unwrap();
    let (mut killed, mut loaded, mut facts) = (0, 0, 1);
    for round in 0..n_wanted.unwrap_or(6) {
        let number = round.to_string();
        let (line, more): (&[&str], u64) = match (n_wanted, round % 4) {
            (Some(_), 1) => (&["add", "a", "n", &number], 1),
            (Some(_), 3) => (&["merge"], 0),
            _ => (&["load", &file], LOADED),
        };
        let wait = if n_wanted.is_some() { round * 37 % 300 } else { 40 * round };
        let mut work = Command::new(command(["--version"]).get_program());
        let mut work = work.args(graph.line(line)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        killed += u64::from(work.try_wait().unwrap().is_none());
        work.kill().unwrap();
        work.wait().unwrap();
        let now = graph.facts();
        assert!(now == facts || now == facts + more, "round {round}, {line:?}: {facts} facts, {now} after a kill");
        graph.run(&["verify"]).ok();
        assert_eq!(graph.run(&["query", "ASK { :a :b :c }"]).ok().text(), "true\n");
        facts = now;
        if now > LOADED {
            loaded += 1;
            if n_wanted.is_none() {
                break;
            }
            (graph, facts) = (begun(), 1);
        }
    }
    eprintln!("{killed} killed at work, {loaded} loads had ended");
    assert!(killed > 0, "no load was killed in its midst");
    finish(&mut command(graph.line(&["load", &file]))).ok();
    assert!(graph.facts() > LOADED);
}
