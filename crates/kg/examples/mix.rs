//! The fixed mix of queries: `mix write PEOPLE FILE` writes its graph as N-Triples; `mix run FILE` loads it and then
//! answers lines `NAME` of standard input by `NAME ROWS MICROSECONDS`. `benches/mix.py` sets it beside others.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the terminal")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write, stdin, stdout};
use std::time::Instant;

use kg::query::{self, Answer, Options};
use kg::{LoadOptions, Store};

const MIX: &str = include_str!("../benches/mix.rq");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", people, file] => write(people.parse()?, &mut BufWriter::new(File::create(file)?)),
        ["run", file] => run(file, &Store::in_memory()),
        ["explain", file] => explain(file, &Store::in_memory()),
        _ => Err("mix write PEOPLE FILE | mix run FILE | mix explain FILE".into()),
    }
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

fn queries() -> Vec<(&'static str, &'static str)> {
    MIX.split("## ").skip(1).filter_map(|part| part.split_once('\n')).filter(|(name, _)| !name.contains(' ')).collect()
}

fn loaded(file: &str, store: &Store) -> Result<Options, Box<dyn Error>> {
    let mut input = BufReader::new(File::open(file)?);
    let started = Instant::now();
    kg::load(store, file, &mut input, LoadOptions::default())?;
    eprintln!("loaded in {} ms", started.elapsed().as_millis());
    Ok(Options { prefixes: vec![(String::new(), "http://a/".to_owned())], ..Options::default() })
}

fn run(file: &str, store: &Store) -> Result<(), Box<dyn Error>> {
    let options = loaded(file, store)?;
    println!("ready");
    let queries = queries();
    for line in stdin().lock().lines() {
        let line = line?;
        let (_, text) = queries.iter().find(|(name, _)| *name == line).ok_or("no such query")?;
        let started = Instant::now();
        let snapshot = store.snapshot()?;
        let rows = match query::answer(&snapshot, text, &options)? {
            Answer::Rows(rows) => {
                let mut n = 0;
                for row in rows {
                    row?;
                    n += 1;
                }
                n
            }
            Answer::Truth(_) | Answer::Triples(_) => 1,
        };
        println!("{line} {rows} {}", started.elapsed().as_micros());
        stdout().flush()?;
    }
    Ok(())
}

fn explain(file: &str, store: &Store) -> Result<(), Box<dyn Error>> {
    let options = loaded(file, store)?;
    for (name, text) in queries() {
        let started = Instant::now();
        let explanation = query::explain(&store.snapshot()?, text, &options)?;
        println!("{name}: {:?}, {} rows, {} ms", explanation.engine, explanation.rows, started.elapsed().as_millis());
        explanation.operators.iter().for_each(|line| println!("    {line}"));
    }
    Ok(())
}
