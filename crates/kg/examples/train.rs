//! Trains on a benchmark and prints its filtered ranks as JSON: `train FOLDER PRESET [KEY=VALUE …]`.
//!
//! FOLDER holds `train.txt`, `valid.txt`, `test.txt`; PRESET is a row of `PRESETS`; the keys change what it says:
//! `seeds`, `threads`, `rules=true` (the rule miner as well), `look` (epochs between two looks at the validation
//! triples), and the fields of the settings. `cargo xtask kg-train` calls this.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the terminal")]

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use kernels::Kernels;
use kg::complete::evaluate::ranks;
use kg::complete::model::{Model, ScoreScratch};
use kg::complete::triples::{Answers, Question};
use kg::complete::{
    EntityWeights, Metrics, MineSettings, NamedTriples, Optimiser, RuleScore, Rules, Scorer, Settings, Split, Trainer,
    Triples, calibrate, evaluate,
};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

/// Settings that were chosen on the validation triples of each set. Rows of 592 trits take 125 bytes, longer ones more
/// than 128.
const PRESETS: &[(&str, Settings)] = &[
    ("default", BASE),
    ("nations", Settings { epochs: 40, dropout: 0.65, ..BASE }),
    ("umls", Settings { dim: 592, epochs: 40, batch: 32, dropout: 0.25, ..BASE }),
    ("kinships", Settings { dim: 592, epochs: 40, dropout: 0.45, n3: 0.02, ..BASE }),
    (
        "fb15k-237",
        Settings {
            dim: 592,
            epochs: 16,
            batch: 256,
            learning_rate: 0.15,
            n3: 0.15,
            dropout: 0.4,
            sample: Some(2048),
            full_epochs: 1,
            ..BASE
        }
        .in_pairs(),
    ),
];

const BASE: Settings = Settings {
    scorer: Scorer::ComplEx,
    entities: EntityWeights::Ternary,
    dim: 512,
    epochs: 100,
    batch: 64,
    optimiser: Optimiser::Adagrad,
    learning_rate: 0.1,
    n3: 0.01,
    dropout: 0.0,
    spread: 0.1,
    sample: None,
    plain_epochs: 0,
    full_epochs: 0,
    seed: 1,
};

/// What the command line says.
struct Run {
    settings: Settings,
    n_seeds: u64,
    n_threads: usize,
    /// Epochs between two looks at the validation triples; 0 for none.
    look: u32,
    /// Whether the rule miner is measured as well.
    has_rules: bool,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, preset, keys @ ..] = &arguments[..] else {
        return Err("usage: train FOLDER PRESET [KEY=VALUE …]".into());
    };
    let run = parse(preset, keys)?;
    let open = |name: &str| -> Result<BufReader<File>, Failure> {
        let path = Path::new(folder).join(name);
        Ok(BufReader::new(File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?))
    };
    let data = NamedTriples::read(open("train.txt")?, open("valid.txt")?, open("test.txt")?)?;
    let kernels = Kernels::new(None, run.n_threads)?;
    let mut seeds = Vec::new();
    let mut tests = Vec::new();
    for seed in run.settings.seed..run.settings.seed + run.n_seeds {
        let (test, line) = train(&kernels, &data, &Settings { seed, ..run.settings }, run.look)?;
        eprintln!("{line}");
        tests.push(test);
        seeds.push(line);
    }
    let mrrs: Vec<f64> = tests.iter().map(|test| test.mrr).collect();
    let (mrr, deviation) = mean_and_deviation(&mrrs);
    let hits = [0, 1, 2].map(|k| mean_and_deviation(&tests.iter().map(|test| test.hits[k]).collect::<Vec<_>>()).0);
    let mut summary = json!({
        "command": format!("cargo xtask kg-train {}", arguments.join(" ")),
        "settings": format!("{:?}", run.settings),
        "test_mrr": mrr,
        "test_mrr_deviation": deviation,
        "test_hits_1_3_10": hits,
        "seeds": seeds,
    });
    if run.has_rules {
        let start = Instant::now();
        let rules = rules(&data.triples);
        summary["rules"] = json!({
            "test_mrr": rules.mrr,
            "test_hits_1_3_10": rules.hits,
            "seconds": start.elapsed().as_secs_f64().round(),
        });
    }
    println!("{summary:#}");
    Ok(())
}

/// Mean, and standard deviation of a sample.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

/// What the rule miner answers on the test triples.
fn rules(triples: &Triples) -> Metrics {
    let rules = Rules::mine(triples, &MineSettings::default());
    let known = Answers::of(triples, &[Split::Train]);
    let all = Answers::of(triples, &[Split::Train, Split::Valid, Split::Test]);
    let mut score = RuleScore::new(&rules, &known, 1000);
    let ranks = ranks(&mut score, triples, Split::Test, &all, &mut || ControlFlow::Continue(()));
    Metrics::of_ranks(&ranks.unwrap_or_default())
}

/// Microseconds, in the median, of scoring every entity as the answer of one question.
fn score_us(kernels: &Kernels, model: &Model) -> f64 {
    const TIMES: u32 = 201;
    let mut scratch = ScoreScratch::default();
    let mut scores = vec![0.0; model.n_entities()];
    let mut times: Vec<f64> = (0..TIMES)
        .map(|i| {
            let question = Question { entity: i % model.n_entities() as u32, relation: i % model.n_relations() as u32 };
            let start = Instant::now();
            model.score(kernels, &[question], &mut scratch, &mut scores);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One training: its test metrics, and what is told of it.
fn train(kernels: &Kernels, data: &NamedTriples, settings: &Settings, look: u32) -> Result<(Metrics, Value), Failure> {
    let start = Instant::now();
    let mut trainer = Trainer::new(&data.triples, settings, u64::MAX)?;
    let mut epoch = 0;
    while !trainer.is_done() {
        let mut reported = Instant::now();
        let loss = trainer.epoch(kernels, &mut |progress| {
            if reported.elapsed().as_secs() >= 60 {
                reported = Instant::now();
                eprintln!("  {progress:?} {:.0} s", start.elapsed().as_secs_f64());
            }
            ControlFlow::Continue(())
        })?;
        epoch += 1;
        if look > 0 && epoch % look == 0 {
            let valid = evaluate(kernels, &trainer.model(), &data.triples, Split::Valid);
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("  epoch {epoch}: loss {loss:.4}, valid MRR {:.4}, {seconds:.1} s", valid.mrr);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let model = trainer.model();
    let [valid, test] = [Split::Valid, Split::Test].map(|split| evaluate(kernels, &model, &data.triples, split));
    let calibration = calibrate(kernels, &model, &data.triples);
    let score_us = score_us(kernels, &model);
    let line = json!({
        "seed": settings.seed,
        "test_mrr": test.mrr,
        "test_hits_1_3_10": test.hits,
        "valid_mrr": valid.mrr,
        "calibration_error": calibration.error(),
        "score_all_us": score_us,
        "entity_bytes": model.entity_bytes(),
        "ranks": test.n,
        "seconds": seconds.round(),
    });
    Ok((test, line))
}

fn parse(preset: &str, keys: &[String]) -> Result<Run, Failure> {
    let names = || PRESETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = PRESETS.iter().find(|(name, _)| *name == preset);
    let settings = found.ok_or_else(|| format!("no preset {preset}; there are {}", names()))?.1;
    let mut run = Run { settings, n_seeds: 1, n_threads: kernels::default_threads(), look: 0, has_rules: false };
    for key in keys {
        let (name, value) = key.split_once('=').ok_or_else(|| format!("{key} is not KEY=VALUE"))?;
        let settings = &mut run.settings;
        let bad = |e: &dyn std::fmt::Display| Failure::from(format!("{key}: {e}"));
        match name {
            "seeds" => run.n_seeds = value.parse().map_err(|e| bad(&e))?,
            "threads" => run.n_threads = value.parse().map_err(|e| bad(&e))?,
            "rules" => run.has_rules = value.parse().map_err(|e| bad(&e))?,
            "look" => run.look = value.parse().map_err(|e| bad(&e))?,
            "seed" => settings.seed = value.parse().map_err(|e| bad(&e))?,
            "dim" => settings.dim = value.parse().map_err(|e| bad(&e))?,
            "epochs" => settings.epochs = value.parse().map_err(|e| bad(&e))?,
            "batch" => settings.batch = value.parse().map_err(|e| bad(&e))?,
            "rate" => settings.learning_rate = value.parse().map_err(|e| bad(&e))?,
            "n3" => settings.n3 = value.parse().map_err(|e| bad(&e))?,
            "dropout" => settings.dropout = value.parse().map_err(|e| bad(&e))?,
            "spread" => settings.spread = value.parse().map_err(|e| bad(&e))?,
            "sample" if value == "all" => settings.sample = None,
            "sample" => settings.sample = Some(value.parse().map_err(|e| bad(&e))?),
            "plain" => settings.plain_epochs = value.parse().map_err(|e| bad(&e))?,
            "full" => settings.full_epochs = value.parse().map_err(|e| bad(&e))?,
            "weights" => {
                settings.entities = match value {
                    "ternary" => EntityWeights::Ternary,
                    "pairs" => EntityWeights::TernaryPairs,
                    "f32" => EntityWeights::F32,
                    _ => return Err(bad(&"is not ternary, pairs or f32")),
                }
            }
            "scorer" => {
                settings.scorer = match value {
                    "complex" => Scorer::ComplEx,
                    "distmult" => Scorer::DistMult,
                    _ => return Err(bad(&"is not complex or distmult")),
                }
            }
            "optimiser" => {
                settings.optimiser = match value {
                    "adagrad" => Optimiser::Adagrad,
                    "adam" => Optimiser::Adam,
                    _ => return Err(bad(&"is not adagrad or adam")),
                }
            }
            _ => return Err(bad(&"no such key")),
        }
    }
    Ok(run)
}
