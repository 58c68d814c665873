//! Measures `similar` on a benchmark, as JSON: `similar FOLDER [DIM [ENTITIES]]`.
//!
//! FOLDER holds `train.txt`, `valid.txt`, `test.txt`, all of which are facts here. For some entities, evenly spread,
//! the ten likest are found in three ways, in turn: comparing with every entity, by lists of features, and by sketch.

#![allow(clippy::print_stdout, reason = "an example talks to the terminal")]

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use kg::complete::{NamedTriples, Split};
use kg::index::neighbours::Features;
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

const LIKES: usize = 10;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, numbers) = arguments.split_first().ok_or("usage: similar FOLDER [DIM [ENTITIES]]")?;
    let number = |at: usize, or: u32| numbers.get(at).map_or(Ok(or), |text| text.parse());
    let (dim, n_asked) = (number(0, 4096)?, number(1, 500)? as usize);
    let open = |name: &str| -> Result<BufReader<File>, Failure> {
        let path = Path::new(folder).join(name);
        Ok(BufReader::new(File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?))
    };
    let data = NamedTriples::read(open("train.txt")?, open("valid.txt")?, open("test.txt")?)?.triples;
    let facts: Vec<_> =
        [Split::Train, Split::Valid, Split::Test].iter().flat_map(|&split| data.split(split)).copied().collect();
    let (n_entities, n_relations) = (data.n_entities(), data.n_relations());
    let start = Instant::now();
    let index = Features::of(&facts, n_entities, n_relations, vsa::Dim::new(dim)?, vsa::Seed(1))?;
    let build = start.elapsed().as_secs_f64();
    let mut times = [const { Vec::new() }; 3];
    let (mut found, mut wanted, mut squares, mut n_estimates) = (0, 0, 0.0, 0);
    for i in 0..n_asked.min(n_entities) {
        let entity = (i * n_entities / n_asked.min(n_entities)) as u32;
        let start = Instant::now();
        let mut all: Vec<(u32, f64)> =
            (0..n_entities as u32).map(|other| (other, index.cosine(entity, other))).collect();
        all.retain(|like| like.0 != entity && like.1 > 0.0);
        all.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        times[0].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let by_lists = index.by_lists(entity, LIKES);
        times[1].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let by_sketch = index.by_sketch(entity, LIKES)?;
        times[2].push(start.elapsed().as_secs_f64());
        // Who is as like as the tenth is as good as it.
        let bar = all.get(LIKES - 1).or(all.last()).map_or(f64::INFINITY, |like| like.1 - 1e-9);
        wanted += all.len().min(LIKES);
        found += by_sketch.iter().filter(|like| like.1 >= bar).count();
        if by_lists.iter().zip(&all).any(|(a, b)| (a.1 - b.1).abs() > 1e-9) {
            return Err(format!("entity {entity}: lists and comparison disagree").into());
        }
        for (_, cosine, estimate) in by_sketch {
            squares += (cosine.clamp(-1.0, 1.0).acos() - estimate.clamp(-1.0, 1.0).acos()).powi(2);
            n_estimates += 1;
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_unstable_by(f64::total_cmp);
        times[times.len() / 2] * 1e6
    };
    let [all, lists, sketch] = times.each_mut().map(median);
    let out = json!({
        "entities": n_entities,
        "dim": dim,
        "asked": n_asked.min(n_entities),
        "bytes_per_entity": index.sketch_bytes() as f64 / n_entities as f64,
        "recall_at_10": f64::from(found as u32) / f64::from(wanted as u32),
        "angle_error_bound": index.angle_error(),
        "angle_error_seen": (squares / f64::from(n_estimates)).sqrt(),
        "build_seconds": build,
        "median_us": { "every_entity": all, "lists": lists, "sketch": sketch },
        "sketch_over_every_entity": all / sketch,
        "lists_over_every_entity": all / lists,
    });
    println!("{out}");
    Ok(())
}
