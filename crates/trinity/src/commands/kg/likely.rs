//! `trinity kg similar`, `train` and `complete`: what is alike, and what is likely though nobody said it.

use std::{
    fs::File,
    io::BufReader,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use clap::Args;
use kg::{
    Prefixes, Snapshot,
    complete::{
        Ask, GraphTriples, MineSettings, ModelFileError, Predicted, Rules, Settings, Split, Trained, calibrate, graph,
        predict, trainer,
    },
    index::{Neighbours, Search},
};
use oxrdf::Term;
use serde_json::json;

use super::{Context, words};
use crate::{
    cli::group,
    commands::{machine, whole_file},
    failure::{Failure, Kind, chain},
    terminal,
};

/// Arguments of `kg similar`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct SimilarArgs {
    /// The thing that others are compared with
    #[arg(value_name = "THING")]
    thing: String,
    /// Things that are told
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    k: u16,
    /// Look at sketches of the neighbourhoods first, and say how far off they may be
    #[arg(long)]
    sketch: bool,
}

/// Arguments of `kg train`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct TrainArgs {
    /// Passes over all facts
    #[arg(long, value_name = "N", default_value_t = Settings::default().epochs, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: u32,
    /// Trits of a thing
    #[arg(long, value_name = "D", default_value_t = Settings::default().dim)]
    dim: usize,
    /// Put two trits together to one number, for large graphs: half as many numbers, each of nine values
    #[arg(long)]
    pairs: bool,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Compute threads [default: what affinity and cgroup quota allow]
    #[arg(help_heading = group::MACHINE, short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// MiB that training may take
    #[arg(help_heading = group::MACHINE, long, value_name = "MIB", default_value_t = 2048)]
    memory: u32,
}

/// Arguments of `kg complete`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct CompleteArgs {
    /// Subject, or ?
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Predicate
    #[arg(value_name = "PREDICATE")]
    predicate: String,
    /// Object, or ?
    #[arg(value_name = "OBJECT")]
    object: String,
    /// Predictions that are told
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    k: u16,
}

/// Dimensions of the sketches: 512 bytes a thing.
const SKETCH_DIM: u32 = 4_096;
/// The largest model that is read.
const MODEL_BYTES_MAX: u64 = 16 << 30;

/// Tells what is alike.
pub(super) fn similar(context: &Context<'_>, args: &SimilarArgs) -> Result<(), Failure> {
    let snapshot = context.open()?.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    let name = words::term(&args.thing, &prefixes)?.to_string();
    let spinner = terminal::spinner("reading the neighbourhoods");
    let index = Neighbours::of(&snapshot, vsa::Dim::new(SKETCH_DIM)?, vsa::Seed(1)).map_err(failure)?;
    let how = if args.sketch { Search::Sketch } else { Search::Lists };
    let found = index.similar(&snapshot, &name, args.k.into(), how).map_err(failure)?;
    spinner.finish_and_clear();
    if context.args.json {
        let rows: Vec<_> = found
            .likes
            .iter()
            .map(|like| json!({"name": like.name, "cosine": like.cosine, "estimate": like.estimate}))
            .collect();
        return terminal::put_json(&json!({"seq": found.checked_at.0, "angle_error": found.angle_error, "like": rows}));
    }
    let mut text = String::new();
    for like in &found.likes {
        let estimate = like.estimate.map_or_else(String::new, |estimate| {
            format!("  (sketch {estimate:.3}, its angle ± {:.3})", found.angle_error)
        });
        text += &format!("{:.3}  {}{estimate}\n", like.cosine, shown(&like.name, &prefixes));
    }
    if found.likes.is_empty() {
        terminal::say("nothing shares a neighbour with it\n");
    }
    terminal::put(&text)
}

/// A name of the index as people read it.
fn shown(name: &str, prefixes: &Prefixes) -> String {
    let told = name.parse::<Term>().map_or_else(|_| name.to_owned(), |term| words::shown(term.as_ref(), prefixes));
    terminal::escape(&told)
}

fn failure(error: impl std::error::Error) -> Failure {
    Failure::new(Kind::Failure, chain(&error))
}

fn named(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::Failure, format!("{}: {why}", path.display()))
}

/// Where the model of a graph lies: beside it.
fn model_path(context: &Context<'_>) -> Result<PathBuf, Failure> {
    let mut name = context.path()?.as_os_str().to_owned();
    name.push(".model");
    Ok(PathBuf::from(name))
}

/// Trains a model of the graph and keeps it beside the graph.
pub(super) fn train(context: &Context<'_>, args: &TrainArgs) -> Result<(), Failure> {
    let snapshot = context.open()?.snapshot()?;
    let settings = Settings { epochs: args.epochs, dim: args.dim, seed: args.seed, ..Settings::default() };
    let settings = if args.pairs { settings.in_pairs() } else { settings };
    let graph = GraphTriples::read(&snapshot, args.seed).map_err(failure)?;
    let triples = &graph.named.triples;
    let (kernels, _) = machine::kernels(args.threads)?;
    let bar = terminal::progress("training", u64::from(args.epochs) * 1_000, false);
    let mut observe = |so_far: trainer::Progress| {
        let part = so_far.questions * 1_000 / so_far.questions_all.max(1);
        bar.set_position(u64::from(so_far.epoch) * 1_000 + part as u64);
        bar.set_message(format!("loss {:.3}", so_far.loss));
        if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let memory_max = u64::from(args.memory) << 20;
    let trained = trainer::train(&kernels, triples, &settings, memory_max, &mut observe);
    bar.finish_and_clear();
    let model = trained.map_err(|error| match error {
        trainer::TrainError::Stopped(_) => Failure::interrupted(),
        error => failure(error),
    })?;
    let calibration = calibrate(&kernels, &model, triples);
    let rules = Rules::mine(triples, &MineSettings { seed: args.seed, ..MineSettings::default() });
    let (n_facts, n_held_out) = (triples.split(Split::Train).len(), triples.split(Split::Valid).len());
    let (bytes, error, n_rules) = (model.entity_bytes(), calibration.error(), rules.all().len());
    let n_literals = graph.n_literals;
    let (entities, relations) = (graph.named.entities, graph.named.relations);
    let trained = Trained { model, entities, relations, seq: graph.seq, calibration, rules };
    let path = model_path(context)?;
    whole_file::write(&path, |out| trained.write(out)).map_err(|why: ModelFileError| named(&path, &why))?;
    let (n_things, seq) = (trained.entities.len(), trained.seq.0);
    if context.args.json {
        return terminal::put_json(&json!({
            "model": path.display().to_string(), "seq": seq, "facts": n_facts, "held_out": n_held_out,
            "literals_left_out": n_literals, "entities": n_things, "bytes_per_entity": bytes,
            "calibration_error": error, "rules": n_rules,
        }));
    }
    terminal::say(&format!(
        "{}: {n_things} things of {bytes} bytes each, from {n_facts} facts of commit {seq}; {n_held_out} were held \
         out, of which probabilities are {:.1} % off in the mean; {n_rules} rules\n",
        path.display(),
        error * 100.0,
    ));
    Ok(())
}

/// Tells what is likely, facts apart from predictions.
pub(super) fn complete(context: &Context<'_>, args: &CompleteArgs) -> Result<(), Failure> {
    let snapshot = context.open()?.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    let relation = words::predicate(&args.predicate, &prefixes)?.to_string();
    let (is_object, word) = match (args.subject.as_str(), args.object.as_str()) {
        (subject, "?") if subject != "?" => (true, subject),
        ("?", object) if object != "?" => (false, object),
        _ => return Err(Failure::usage("one of subject and object is ?, the other one is not")),
    };
    let entity = words::term(word, &prefixes)?.to_string();
    let ask = if is_object {
        Ask::Objects { subject: &entity, relation: &relation }
    } else {
        Ask::Subjects { relation: &relation, object: &entity }
    };
    let found = predicted(context, &snapshot, ask, args.k)?;
    if context.args.json {
        let rows: Vec<_> = found
            .predictions
            .iter()
            .map(|one| {
                let paths: Vec<String> = one.paths.iter().map(|path| path_text(path, &prefixes)).collect();
                json!({
                    "predicted": one.name, "rank": one.rank, "score": one.score, "probability": one.probability,
                    "paths": paths,
                })
            })
            .collect();
        return terminal::put_json(&json!({
            "trained_at": found.trained_at.0, "seq": snapshot.seq().0, "facts": found.facts, "predictions": rows,
            "calibration_error": found.calibration_error,
        }));
    }
    let behind = snapshot.seq().0.saturating_sub(found.trained_at.0);
    if behind > 0 {
        terminal::say(&format!("the model is {behind} commits behind; trinity kg train makes a new one\n"));
    }
    let mut text: String = found.facts.iter().map(|name| format!("fact       {}\n", shown(name, &prefixes))).collect();
    for one in &found.predictions {
        let probability = one.probability.map_or_else(|| "?".to_owned(), |p| format!("{:.1} %", p * 100.0));
        text += &format!("predicted  {}  {probability}\n", shown(&one.name, &prefixes));
        for path in &one.paths {
            text += &format!("             {}\n", path_text(path, &prefixes));
        }
    }
    terminal::put(&text)
}

fn predicted(context: &Context<'_>, snapshot: &Snapshot, ask: Ask<'_>, k: u16) -> Result<Predicted, Failure> {
    let path = model_path(context)?;
    let file = File::open(&path).map_err(|why| named(&path, &why).with_hint("trinity kg train makes the model"))?;
    let trained = Trained::read(&mut BufReader::new(file), MODEL_BYTES_MAX).map_err(|why| named(&path, &why))?;
    let (kernels, _) = machine::kernels(None)?;
    let mut facts = |question| graph::facts(&trained, snapshot, question);
    trained.complete(&kernels, ask, k.into(), &mut facts).map_err(failure)
}

fn path_text(path: &predict::Path, prefixes: &Prefixes) -> String {
    let step = |step: &predict::Step| {
        let name = shown(&step.relation, prefixes);
        if step.is_backwards { format!("← {name}") } else { format!("{name} →") }
    };
    let steps: Vec<String> = path.steps.iter().map(step).collect();
    let between = path.between.as_ref().map_or_else(String::new, |name| format!(" over {}", shown(name, prefixes)));
    format!("{}{between}, right {:.0} % of the time", steps.join(" "), path.confidence * 100.0)
}
