//! Eight keys, one of which floods.

use std::{
    fs,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::asks::words;
use crate::{
    command::target,
    serve_bench::{
        Bench, Measured,
        client::Caller,
        server::Server,
        statistics::{Random, percentile, round},
    },
};

const KEYS: usize = 8;
/// Number of clients of each key at once: twice its share of the places below, so that all want more than that.
const CLIENTS: usize = 4;
/// Value of `--max-running`.
const PLACES: &str = "16";
/// Length of each of both halves, in seconds; the second with `--quick`.
const SECONDS: [u64; 2] = [120, 12];
/// Number of tokens of each answer, the flood's too: answers of one kind are counted for each key.
const OUTPUT_TOKENS: usize = 32;
/// Prompts and choices of the one request that the flood sends again and again.
const FLOOD: (usize, usize) = (64, 4);
const JAIN_MIN: f64 = 0.95;
/// Factor by which the others may wait longer, at the 99th percentile.
const SLOWER_MAX: f64 = 2.0;

/// The work done for one key: tokens of its prompts and of its answers.
#[derive(Clone, Default)]
struct Served {
    n_tokens: u64,
    seconds: Vec<f64>,
    failures: Vec<String>,
}

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let length = Duration::from_secs(SECONDS[usize::from(bench.is_quick)]);
    let file = target().join("siege-keys.toml");
    let mut keys = String::from("[[keys]]\nkey = \"operator\"\nadmin = true\n");
    (0..KEYS).for_each(|i| keys += &format!("[[keys]]\nname = \"k{i}\"\nkey = \"{}\"\n", key(i)));
    fs::write(&file, keys).map_err(|e| format!("{}: {e}", file.display()))?;
    crate::command::output(std::process::Command::new("chmod").arg("600").arg(&file))?;
    let file = file.to_string_lossy();
    let mut halves = Vec::new();
    for is_flooded in [false, true] {
        let mut server = bench.trinity(&["--api-key-file", &file, "--max-running", PLACES, "--log-level", "off"])?;
        server.operator = Some("operator".to_owned());
        // The first key's tokens are counted where all tokens are: its answers are cut off at the end and tell nothing.
        let before = computed(&server)?;
        let mut served = half(&server, length, is_flooded);
        let all = computed(&server)? - before;
        let others: u64 = served[1..].iter().map(|s| s.n_tokens).sum();
        if is_flooded {
            served[0].n_tokens = (all as u64).saturating_sub(others);
        }
        if let Some(why) = served[1..].iter().find_map(|s| s.failures.first()) {
            return Err(format!("a key that does not flood was refused: {why}"));
        }
        halves.push((server.command.clone(), served));
    }
    let wait = |served: &[Served]| {
        let all: Vec<f64> = served[1..].iter().flat_map(|s| s.seconds.clone()).collect();
        (percentile(&all, 50.0), percentile(&all, 99.0))
    };
    let ((_, quiet), (command, flooded)) = (&halves[0], &halves[1]);
    let tokens: Vec<f64> = flooded.iter().map(|s| s.n_tokens as f64).collect();
    let (jain, (quiet_p50, quiet_p99), (p50, p99)) = (jain(&tokens), wait(quiet), wait(flooded));
    println!(
        "tokens (of prompts and answers) of each key beside a flood by the first: {tokens:?}; Jain's index {jain:.3}"
    );
    println!(
        "the others' answers: p50 {quiet_p50:.3} s, p99 {quiet_p99:.3} s without it, {p50:.3} s and {p99:.3} s beside it"
    );
    Ok(Measured {
        figures: json!({
            "command": command, "seconds": length.as_secs(), "clients_of_each_key": CLIENTS, "flood_prompts_choices": FLOOD, "tokens_of_each_answer": OUTPUT_TOKENS,
            "tokens": tokens, "jain": round(jain), "quiet_p50_s": round(quiet_p50), "quiet_p99_s": round(quiet_p99),
            "flooded_p50_s": round(p50), "flooded_p99_s": round(p99),
        }),
        targets: vec![
            (format!("Jain's index {jain:.3}, wanted {JAIN_MIN}"), jain >= JAIN_MIN),
            (
                format!(
                    "the others' p99 {:.2}× of what it is without the flood, wanted {SLOWER_MAX}×",
                    p99 / quiet_p99
                ),
                p99 <= SLOWER_MAX * quiet_p99,
            ),
        ],
    })
}

/// Returns the number of tokens of prompts and answers that the server computed for all keys.
fn computed(server: &Server) -> Result<f64, String> {
    Ok(server.metric("trinity_computed_prompt_tokens_total")? + server.metric("trinity_engine_tokens_total")?)
}

fn key(i: usize) -> String {
    format!("key-{i}")
}

/// Returns Jain's index (Jain, Chiu and Hawe 1984): 1 where all get the same, 1/n where one gets all.
fn jain(shares: &[f64]) -> f64 {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    sum * sum / (shares.len() as f64 * squares)
}

/// Runs one half, in which all keys ask as fast as they are answered; the first floods, or does as the others.
fn half(server: &Server, length: Duration, is_flooded: bool) -> Vec<Served> {
    let served: Vec<Mutex<Served>> = (0..KEYS).map(|_| Mutex::default()).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (i, of_key) in served.iter().enumerate() {
            for client in 0..CLIENTS {
                let (is_over, key) = (&is_over, key(i));
                scope.spawn(move || {
                    let caller = Caller { address: &server.address, key: Some(&key) };
                    let mut random = Random((i * CLIENTS + client) as u64);
                    while !is_over.load(Ordering::Relaxed) {
                        if is_flooded && i == 0 {
                            // It leaves when the time is over; what it is answered is of no interest.
                            let _ = caller.leave("/v1/completions", &flood(&mut random), 1, length);
                            continue;
                        }
                        let start = Instant::now();
                        let answer = ask(caller, &mut random);
                        let mut of_key = of_key.lock().unwrap_or_else(PoisonError::into_inner);
                        match answer {
                            _ if is_over.load(Ordering::Relaxed) => {}
                            Ok(n) => {
                                of_key.n_tokens += n;
                                of_key.seconds.push(start.elapsed().as_secs_f64());
                            }
                            Err(why) => of_key.failures.push(why),
                        }
                    }
                });
            }
        }
        thread::sleep(length);
        is_over.store(true, Ordering::Relaxed);
    });
    served.into_iter().map(|s| s.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

fn ask(caller: Caller<'_>, random: &mut Random) -> Result<u64, String> {
    let body = json!({
        "model": "any", "prompt": words(20, random), "max_tokens": OUTPUT_TOKENS, "ignore_eos": true, "cache_prompt": false,
    });
    let (status, text) = caller.post("/v1/completions", &body)?;
    let answer: Value = serde_json::from_str(&text).map_err(|e| format!("{status}: {e}: {text}"))?;
    answer["usage"]["total_tokens"].as_u64().ok_or_else(|| format!("{status}: {text}"))
}

fn flood(random: &mut Random) -> Value {
    let (n_prompts, n) = FLOOD;
    let prompts: Vec<String> = (0..n_prompts).map(|_| words(20, random)).collect();
    json!({ "model": "any", "prompt": prompts, "n": n, "max_tokens": OUTPUT_TOKENS, "temperature": 1, "ignore_eos": true, "cache_prompt": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jains_index_of_equal_shares_is_one() {
        assert!((jain(&[3.0; 8]) - 1.0).abs() < 1e-12);
        assert!((jain(&[1.0, 0.0, 0.0, 0.0]) - 0.25).abs() < 1e-12);
    }
}
