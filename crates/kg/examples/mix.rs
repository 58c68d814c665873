//! The fixed mix of queries, for `benches/kg/peers.py` to set beside others:
//!
//! - `mix write PEOPLE FILE`: its graph as N-Triples.
//! - `mix load MEMORY FILE [STORE]`: loads it, into memory or a new store, with so many bytes of memory.
//! - `mix serve memory FILE`, `mix serve file STORE`: does what lines of standard input say, and answers each by one.
//!   `repeat N NAME`: N times the query as TSV; `write PATH NAME`: its rows go there; `points N`: that many look-ups,
//!   from terms to terms.
//! - `mix explain memory FILE`, `mix explain file STORE`: how each query is answered.
#![allow(clippy::print_stdout, reason = "an example talks to the terminal")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write, stdin, stdout};
use std::path::Path;
use std::time::Instant;

use kg::load::Format;
use kg::query::{self, Forms, Options, QueryResultsFormat};
use kg::{LoadOptions, Pattern, Snapshot, Store};
use oxrdf::{NamedNode, NamedNodeRef};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const MIX: &str = include_str!("../../../benches/kg/mix.rq");

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", people, file] => write(people.parse()?, &mut BufWriter::new(File::create(file)?)),
        ["load", memory, file] => load(memory, file, Store::in_memory()),
        ["load", memory, file, store] => load(memory, file, Store::open(Path::new(store), kg::Options::default())?),
        ["serve", place, file] => serve(&store(place, file)?),
        ["explain", place, file] => explain(&store(place, file)?),
        _ => Err("mix write PEOPLE FILE | load MEMORY FILE [STORE] | serve PLACE FILE | explain PLACE FILE".into()),
    }
}

fn load(memory: &str, file: &str, store: Store) -> Outcome {
    let mut input = BufReader::new(File::open(file)?);
    let threads = std::thread::available_parallelism()?.get();
    let options = LoadOptions { memory_max: memory.parse()?, threads, ..LoadOptions::default() };
    let report = kg::load(&store, file, &mut input, options)?;
    if store.path().is_some() {
        store.compact()?;
    }
    println!("{report:?}");
    Ok(())
}

fn store(place: &str, file: &str) -> Outcome<Store> {
    if place == "file" {
        return Ok(Store::open(Path::new(file), kg::Options::default())?);
    }
    let store = Store::in_memory();
    kg::load(&store, file, &mut BufReader::new(File::open(file)?), LoadOptions::default())?;
    Ok(store)
}

/// People in cities and organisations who know and like; thirteen facts each, so 75,000 of them are a million facts.
fn write(people: u64, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let mut state = 1_u64;
    let mut below = |n: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    let (cities, orgs, things) = (people / 300 + 10, people / 50 + 10, people / 10 + 10);
    let mut fact = |s: String, p: &str, o: String| writeln!(out, "<http://a/{s}> <http://a/{p}> {o} .");
    let node = |name: &str, n: u64| format!("<http://a/{name}{n}>");
    let integer = |n: u64| format!("\"{n}\"^^<http://www.w3.org/2001/XMLSchema#integer>");
    let kind = "type";
    for class in 1..400 {
        fact(format!("class{class}"), "subClassOf", node("class", class / 3))?;
    }
    for city in 0..cities {
        fact(format!("city{city}"), "inCountry", node("country", city % 40))?;
    }
    for org in 0..orgs {
        fact(format!("org{org}"), "locatedIn", node("city", below(cities)))?;
        fact(format!("org{org}"), "sector", node("sector", below(12)))?;
    }
    for thing in 0..things {
        fact(format!("t{thing}"), kind, node("class", below(400)))?;
    }
    for person in 0..people {
        let name = format!("p{person}");
        fact(name.clone(), kind, "<http://a/Person>".to_owned())?;
        fact(name.clone(), "name", format!("\"Person {person} of the graph\""))?;
        fact(name.clone(), "age", integer(18 + below(70)))?;
        fact(name.clone(), "livesIn", node("city", below(cities)))?;
        fact(name.clone(), "worksAt", node("org", below(orgs)))?;
        for _ in 0..5 {
            // Some are known by many.
            let known = if below(4) == 0 { below(people / 100 + 1) } else { below(people) };
            fact(name.clone(), "knows", node("p", known))?;
        }
        for _ in 0..3 {
            let one = below(things) + 1;
            fact(name.clone(), "likes", node("t", below(one)))?;
        }
        if below(3) == 0 {
            fact(name, "boss", node("p", below(people)))?;
        }
    }
    Ok(())
}

fn queries() -> impl Iterator<Item = (&'static str, &'static str)> {
    MIX.split("\n## ").skip(1).filter_map(|part| part.split_once('\n'))
}

fn text_of(name: &str) -> Outcome<&'static str> {
    let found = queries().find(|(other, _)| *other == name).ok_or_else(|| format!("no query {name:?}"))?;
    Ok(found.1)
}

fn options() -> Options {
    Options { prefixes: vec![(String::new(), "http://a/".to_owned())], ..Options::default() }
}

fn answer(store: &Store, text: &str, out: &mut dyn Write) -> Outcome<u64> {
    let options = options();
    let query = query::parse(text, &options)?;
    let forms = Forms { rows: QueryResultsFormat::Tsv, triples: Format::NTriples };
    Ok(query::write(&store.snapshot()?, &query, &options, out, forms)?)
}

fn serve(store: &Store) -> Outcome {
    println!("ready");
    for line in stdin().lock().lines() {
        match line?.split(' ').collect::<Vec<_>>().as_slice() {
            ["repeat", repeats, name] => {
                let (text, repeats) = (text_of(name)?, repeats.parse::<u32>()?);
                let mut n = 0;
                for _ in 0..repeats {
                    n = answer(store, text, &mut Vec::new())?;
                }
                println!("{n}");
            }
            ["write", path, name] => {
                let mut out = BufWriter::new(File::create(path)?);
                let n = answer(store, text_of(name)?, &mut out)?;
                out.flush()?;
                println!("{n}");
            }
            ["points", n] => println!("{}", points(&store.snapshot()?, n.parse()?)?),
            other => return Err(format!("no such request: {other:?}").into()),
        }
        stdout().flush()?;
    }
    Ok(())
}

/// Look-ups from a subject and a property, as terms, to the first value, as a term; the bytes of the values.
fn points(snapshot: &Snapshot, n: u64) -> Outcome<u64> {
    let people = snapshot.count(kg::Order::Posg, &[id(snapshot, "type")?, id(snapshot, "Person")?])?;
    let mut bytes = 0;
    for i in 0..n {
        let subject = format!("http://a/p{}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15) % people);
        let subject = snapshot.id(NamedNodeRef::new(&subject)?.into())?;
        let pattern = Pattern { subject, predicate: Some(id(snapshot, "name")?), ..Pattern::all() };
        let quad = snapshot.matching(pattern).next().ok_or("no name")??;
        bytes += snapshot.term(quad.object)?.to_string().len() as u64;
    }
    Ok(bytes)
}

fn id(snapshot: &Snapshot, name: &str) -> Outcome<kg::TermId> {
    let node = NamedNode::new(format!("http://a/{name}"))?;
    Ok(snapshot.id(node.as_ref().into())?.ok_or_else(|| format!("the graph has no {node}"))?)
}

fn explain(store: &Store) -> Outcome {
    for (name, text) in queries() {
        let started = Instant::now();
        let explanation = query::explain(&store.snapshot()?, text, &options())?;
        println!("{name}: {:?}, {} rows, {:?}", explanation.engine, explanation.rows, started.elapsed());
        explanation.operators.iter().for_each(|line| println!("    {line}"));
    }
    Ok(())
}
