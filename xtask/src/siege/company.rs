//! Answers have the same bytes in any company.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use super::asks::Ask;
use crate::{
    command::{output, target},
    serve_bench::{Bench, Measured, client::Caller, server::Server, statistics::Random},
};

/// Number of choices and vectors that are compared, over all servers; the second with `--quick`.
const COMPARISONS: [usize; 2] = [1_000_000, 8_000];
/// Number of different requests to each server.
const ASKS: usize = 84;
/// Number of clients at once.
const CLIENTS: usize = 32;
/// Interval of requests that are asked right after one whose client leaves; the second with `--quick`. Those are long
/// and compare nothing: the long form would spend most of its hour on them.
const LEAVES_EVERY: [usize; 2] = [50, 5];
/// Number of times that a server is ended and started again, with its cached prefixes on disk.
const LIVES: usize = 2;
/// Factor by which slow servers have fewer comparisons than others.
const SLOW_SHARE: usize = 8;
/// Number of differences that are printed.
const SHOWN: usize = 3;

/// File of a model that is trained and ternary, of the architecture `llama`.
const TRAINED: &str = "tiny-models/stories-ternary-1.9M-tq2_0.gguf";
/// Architectures of random models.
const RANDOM: [&str; 2] = ["bitnet", "bitnet-b1.58"];

/// Returns names and files of the models.
fn models(bench: &Bench) -> Result<Vec<(String, PathBuf)>, String> {
    let mut models = vec![(TRAINED.to_owned(), testkit::data(TRAINED))];
    for architecture in RANDOM {
        let path = target().join(format!("siege-{architecture}.gguf"));
        output(Command::new(&bench.program).args(["dev", "synth", "--force", "--arch", architecture]).arg(&path))?;
        models.push((architecture.to_owned(), path));
    }
    Ok(models)
}

/// A level of instructions that a server uses.
#[derive(Clone, Copy, Debug)]
enum Level {
    /// The level that the program chooses.
    Best,
    /// The level without vectors.
    Scalar,
    /// The lowest level of vectors that the machine has.
    Oldest,
}

impl Level {
    /// Whether a server of this level takes tens of times as long.
    fn is_slow(self) -> bool {
        matches!(self, Self::Scalar)
    }

    /// Returns the program's name of the level; `None` where it chooses.
    fn name(self, available: &[String]) -> Option<&str> {
        let index = match self {
            Self::Best => return None,
            Self::Scalar => 0,
            Self::Oldest => 1,
        };
        available.get(index).map(String::as_str)
    }
}

/// Returns the levels that this machine has, lowest first.
fn levels(bench: &Bench) -> Result<Vec<String>, String> {
    let text = output(Command::new(&bench.program).args(["doctor", "--json"]))?;
    let doctor: Value = serde_json::from_str(&text).map_err(|e| format!("trinity doctor: {e}"))?;
    let names = doctor["isa_available"].as_array().ok_or("trinity doctor names no levels")?;
    Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// Settings that servers are started with; bytes are compared between requests of one set, not between sets.
const SETTINGS: &[(Level, &[&str])] = &[
    (Level::Best, &[]),
    (Level::Scalar, &["--no-prefix-cache"]),
    (Level::Best, &["--max-step-ms", "1"]),
    (Level::Best, &["--kv-type", "q8_0", "--max-running", "3"]),
    (Level::Best, &["--kv-type", "t2-lsq", "--kv-tokens", "900", "-c", "400", "--swap", "1"]),
    (Level::Oldest, &["--kv-type", "q4_0", "--kv-rotate", "--lookup"]),
    (Level::Best, &["--attention-window", "24", "--sinks", "4", "--lookup"]),
    (Level::Best, &["--draft-layers", "1", "--max-running", "5", "--kv-type", "f32"]),
];

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let wanted = COMPARISONS[usize::from(bench.is_quick)];
    let n_fast = SETTINGS.iter().filter(|(level, _)| !level.is_slow()).count();
    let leaves_every = LEAVES_EVERY[usize::from(bench.is_quick)];
    let each = wanted.div_ceil((1 + RANDOM.len()) * n_fast * LIVES);
    let (mut n_compared, mut differences, mut rows) = (0, Vec::new(), Vec::new());
    let available = levels(bench)?;
    let models = models(bench)?;
    for (model, path) in &models {
        for (level, settings) in SETTINGS {
            let isa = level.name(&available);
            let each = if level.is_slow() { each / SLOW_SHARE } else { each };
            let result = besiege(bench, path, isa, settings, Crowd { n: each, leaves_every })
                .map_err(|e| format!("{model} {settings:?}: {e}"))?;
            println!(
                "{model} {} {}: {} compared, {} left, {} distinct answers, {} differ",
                isa.unwrap_or("best"),
                settings.join(" "),
                result.n_compared,
                result.n_left,
                result.n_distinct,
                result.differences.len()
            );
            result.differences.iter().take(SHOWN).for_each(|difference| println!("{difference}"));
            if result.n_distinct * 2 < ASKS {
                return Err(format!("{model}: {} distinct answers of {ASKS}: that shows nothing", result.n_distinct));
            }
            n_compared += result.n_compared;
            rows.push(json!({
                "model": model, "isa": isa, "settings": settings, "compared": result.n_compared, "left": result.n_left,
                "distinct": result.n_distinct, "differ": result.differences.len(),
            }));
            differences.extend(result.differences);
        }
    }
    Ok(Measured {
        figures: json!({ "compared": n_compared, "asks": ASKS, "clients": CLIENTS, "leaves_every": leaves_every, "rows": rows }),
        targets: vec![
            (format!("{} of {n_compared} answers differ, wanted none", differences.len()), differences.is_empty()),
            (format!("{n_compared} comparisons, wanted {wanted}"), n_compared >= wanted),
        ],
    })
}

/// What clients do to one server in one of its lives.
#[derive(Clone, Copy)]
struct Crowd {
    /// Number of choices and vectors that are compared.
    n: usize,
    /// Interval of requests that are asked right after one whose client leaves.
    leaves_every: usize,
}

struct Besieged {
    n_compared: usize,
    n_left: usize,
    n_distinct: usize,
    differences: Vec<String>,
}

/// Tries one model under one set of settings: each request alone, then all in random company, before and after a
/// restart.
fn besiege(bench: &Bench, model: &Path, isa: Option<&str>, settings: &[&str], plan: Crowd) -> Result<Besieged, String> {
    let folder = target().join("siege-cache");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let folder_text = folder.to_string_lossy();
    let options: Vec<&str> =
        settings.iter().copied().chain(["--cache-dir", &folder_text, "--log-level", "off"]).collect();
    let start = |isa| Server::trinity_at(&bench.program, model, bench.threads, &options, isa);
    let mut random = Random(settings.len() as u64);
    let asks: Vec<Ask> = (0..ASKS).map(|i| Ask::nth(i, &mut random)).collect();
    // Alone at the level that the machine's own choice is: levels are compared too.
    let lonely = {
        let server = start(None)?;
        let caller = Caller { address: &server.address, key: None };
        asks.iter().map(|ask| ask.ask(caller)).collect::<Result<Vec<Vec<String>>, String>>()?
    };
    let n_distinct = lonely.iter().collect::<BTreeSet<_>>().len();
    let (mut n_left, mut differences) = (0, Vec::new());
    for life in 0..LIVES {
        let server = start(isa)?;
        let (left, differing) = crowd(&server, &asks, &lonely, plan, life as u64)?;
        n_left += left;
        differences.extend(differing);
        let panics: f64 = ["trinity_panics_total", "trinity_engine_panics_total"]
            .into_iter()
            .map(|name| server.metric(name))
            .sum::<Result<f64, String>>()?;
        if panics > 0.0 {
            return Err(format!("{panics} panics"));
        }
        server.terminate()?;
    }
    Ok(Besieged { n_compared: plan.n * LIVES, n_left, n_distinct, differences })
}

/// Asks until all choices and vectors of the plan are compared, with all clients at once; returns how many requests
/// were left, and what differed.
fn crowd(
    server: &Server,
    asks: &[Ask],
    lonely: &[Vec<String>],
    plan: Crowd,
    seed: u64,
) -> Result<(usize, Vec<String>), String> {
    let (n_compared, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (differences, failure) = (Mutex::new(Vec::new()), Mutex::new(None));
    let caller = Caller { address: &server.address, key: None };
    thread::scope(|scope| {
        for client in 0..CLIENTS as u64 {
            let (n_compared, left, differences, failure) = (&n_compared, &left, &differences, &failure);
            scope.spawn(move || {
                let mut random = Random(seed * 1000 + client);
                while n_compared.load(Ordering::Relaxed) < plan.n {
                    if random.below(plan.leaves_every) == 0 {
                        left.fetch_add(1, Ordering::Relaxed);
                        if let Err(why) = Ask::to_leave(&mut random).leave(caller, &mut random) {
                            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                        }
                    }
                    let i = random.below(asks.len());
                    let answer = asks[i].ask(caller);
                    n_compared.fetch_add(lonely[i].len(), Ordering::Relaxed);
                    match answer {
                        Ok(answer) if answer == lonely[i] => {}
                        Ok(answer) => differences
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(format!("request {i}: alone {:?}\nin company {answer:?}", lonely[i])),
                        Err(why) => *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why),
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(why) => Err(why),
        None => Ok((left.into_inner(), differences.into_inner().unwrap_or_else(PoisonError::into_inner))),
    }
}
