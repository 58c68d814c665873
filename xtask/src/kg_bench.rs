//! The figures of the knowledge graph. `cargo xtask kg-train` and `kg-similar`: link prediction and likeness, by `kg`'s
//! examples. `cargo xtask kg-bench`: loads, sizes and queries beside oxigraph (`benches/kg/README.md`).

use std::{fs, path::Path, process::Command};

use serde_json::{Map, Value, json};

use crate::{
    Outcome,
    beside::{Medians, Times, asked, medians, push, python, store},
    command::{cargo, root, succeed, target},
};

const RECEIPT: &str = "docs/receipts/kg.json";
/// People of the graph: each has thirteen facts or so.
const MILLION: &str = "75000";
const TEN_MILLION: &str = "750000";
/// The rounds of loads, and of queries.
const LOADS: &str = "3";
const ROUNDS: &str = "5";
const PLACES: [&str; 2] = ["in memory", "in a file"];

/// Trains on a benchmark and prints its filtered ranks: `kg-train FOLDER PRESET [KEY=VALUE …]`.
pub(crate) fn train(arguments: &[String]) -> Outcome {
    example("train", arguments)
}

/// Measures recall and speed of `similar`: `kg-similar FOLDER [DIM [ENTITIES]]`.
pub(crate) fn similar(arguments: &[String]) -> Outcome {
    example("similar", arguments)
}

fn example(name: &str, arguments: &[String]) -> Outcome {
    let mut command = cargo(&["run", "--quiet", "--release", "--locked", "-p", "kg", "--example", name, "--"]);
    command.args(arguments);
    succeed(&mut command)
}

/// What is asked of `kg-bench`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    is_stored: bool,
    has_ten_million: bool,
}

fn read(arguments: &[String]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    for argument in arguments {
        match argument.as_str() {
            "--receipt" => asked.is_stored = true,
            "--ten-million" => asked.has_ten_million = true,
            other => return Err(format!("kg-bench takes --receipt and --ten-million, not {other:?}")),
        }
    }
    Ok(asked)
}

/// Measures loads, sizes and the mix of queries beside oxigraph; with `--receipt`, stores the medians.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let asked = read(arguments)?;
    let python = python("kg")?;
    succeed(&mut cargo(&["build", "--release", "--locked", "-p", "kg", "--example", "mix"]))?;
    let folder = target().join("kg-bench-data");
    let measured = sizes(asked.has_ten_million, &python, &folder);
    // Gigabytes, of which nobody reads more.
    fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut rest = measured?;
    rest.insert("rounds".to_owned(), json!({ "loads": LOADS, "queries": ROUNDS }));
    let name = if asked.has_ten_million { "kg-bench --ten-million" } else { "kg-bench" };
    if asked.is_stored { store(RECEIPT, name, &python, &["pyoxigraph"], &rest) } else { Ok(()) }
}

/// The graphs that were asked for, each in a folder of its own.
fn sizes(has_ten_million: bool, python: &Path, folder: &Path) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    let graphs = [("1 M", MILLION, ROUNDS), ("10 M", TEN_MILLION, "0")];
    for (name, people, rounds) in graphs.into_iter().take(1 + usize::from(has_ten_million)) {
        let folder = folder.join(people);
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let (mix, graph) = (target().join("release/examples/mix"), folder.join("graph.nt"));
        succeed(Command::new(&mix).args(["write", people]).arg(&graph))?;
        let mut command = Command::new(python);
        command.arg(root().join("benches/kg/peers.py")).arg(&mix).args([&graph, &folder]).args([LOADS, rounds]);
        let measured = asked(&mut command)?;
        let told = told(&measured)?;
        print!("{}", lines(name, &told));
        found.insert(name.to_owned(), Value::Object(told));
    }
    Ok(found)
}

/// The medians of what was measured, and what they are of each other.
fn told(measured: &Value) -> Result<Map<String, Value>, String> {
    let mut told = Map::new();
    for name in ["triples", "memory", "sizes"] {
        told.insert(name.to_owned(), measured[name].clone());
    }
    let mut loads = Times::new();
    for (place, by) in measured["loads"].as_object().into_iter().flatten() {
        for (who, runs) in by.as_object().into_iter().flatten() {
            for run in runs.as_array().into_iter().flatten() {
                for unit in ["processor", "wall", "peak"] {
                    push(&mut loads, &format!("{place}: {unit}"), who, &run[unit])?;
                }
            }
        }
    }
    told.insert("loads".to_owned(), json!(medians(&loads)));
    if let Some(of) = measured["queries"].as_object() {
        let mut queries = Times::new();
        for (name, query) in of {
            for (who, seconds) in query["seconds"].as_object().into_iter().flatten() {
                for seconds in seconds.as_array().into_iter().flatten() {
                    push(&mut queries, name, who, seconds)?;
                }
            }
        }
        let queries = medians(&queries);
        for place in PLACES {
            told.insert(format!("ratios {place}"), json!(ratios(&queries, place)?));
        }
        told.insert("queries".to_owned(), json!(queries));
        let mut points = Times::new();
        for seconds in measured["points"]["kg"].as_array().into_iter().flatten() {
            push(&mut points, "one point", "kg in a file", seconds)?;
        }
        told.insert("points".to_owned(), json!(medians(&points)));
    }
    Ok(told)
}

/// How many times as fast as oxigraph: the geometric mean, the least, and which query that is.
fn ratios(queries: &Medians, place: &str) -> Result<Value, String> {
    let mut all = Vec::new();
    for (name, by) in queries {
        let of = |who: &str| by.get(&format!("{who} {place}")).ok_or_else(|| format!("{name} has no time of {who}"));
        all.push((of("oxigraph")? / of("kg")?, name));
    }
    let mean = (all.iter().map(|(ratio, _)| ratio.ln()).sum::<f64>() / all.len() as f64).exp();
    let least = all.iter().min_by(|a, b| a.0.total_cmp(&b.0)).ok_or("no queries")?;
    Ok(json!({ "geometric mean": mean, "least": least.0, "of": least.1, "queries": all.len() }))
}

fn lines(name: &str, told: &Map<String, Value>) -> String {
    let mut text = format!("{name}: {} triples; bytes of files: {}\n", told["triples"], told["sizes"]);
    for (what, by) in told["loads"].as_object().into_iter().flatten() {
        text += &format!("{name}, load {what}: {by}\n");
    }
    for what in ["ratios in memory", "ratios in a file", "points"] {
        if let Some(found) = told.get(what) {
            text += &format!("{name}, {what}: {found}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read() {
        let read = |words: &[&str]| read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&["--ten-million"]), Ok(Asked { is_stored: false, has_ten_million: true }));
        assert_eq!(read(&["--receipt"]), Ok(Asked { is_stored: true, has_ten_million: false }));
        assert!(read(&["--all"]).is_err());
    }

    #[test]
    fn means_are_of_medians_query_by_query() {
        let seconds = |kg: [f64; 3], oxigraph: [f64; 3]| {
            let both =
                |place: &str| [(format!("kg {place}"), json!(kg)), (format!("oxigraph {place}"), json!(oxigraph))];
            let all: Map<String, Value> = PLACES.iter().flat_map(|place| both(place)).collect();
            json!({ "rows": 1, "seconds": all })
        };
        let run = json!({ "processor": 2.0, "wall": 1.0, "peak": 5 });
        let measured = json!({
            "triples": 9, "memory": 8, "sizes": { "kg": 1 },
            "loads": { "file": { "kg": [run, run, { "processor": 1.0, "wall": 1.0, "peak": 5 }] } },
            "queries": {
                "a": seconds([1.0, 9.0, 1.0], [4.0, 4.0, 0.1]),
                "b": seconds([2.0, 2.0, 2.0], [18.0, 18.0, 18.0]),
            },
            "points": { "kg": [0.5, 0.25, 9.0] },
        });
        let told = told(&measured).expect("medians");
        let ratios = &told["ratios in a file"];
        assert!((ratios["geometric mean"].as_f64().expect("a mean") - 6.0).abs() < 1e-9);
        assert_eq!((&ratios["least"], &ratios["of"]), (&json!(4.0), &json!("a")));
        assert_eq!(told["loads"]["file: processor"]["kg"], json!(2.0));
        assert_eq!(told["points"]["one point"]["kg in a file"], json!(0.5));
        assert!(lines("1 M", &told).contains("geometric mean"));
    }
}
