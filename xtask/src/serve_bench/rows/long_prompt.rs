//! A long prompt arrives while streams run: what they notice, and what it waits.
//!
//! The streams' p99 is judged by their median while the prompt is computed. By their median over all their life the two
//! targets would exclude each other: steps of at most twice what decoding takes leave a prompt at most half of the
//! time.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Bench, Measured};
use crate::serve_bench::{
    client::{self, Streamed},
    load::closed_loop,
    prompts::{Prompts, greedy},
    server::Server,
    statistics::{median, milliseconds, percentile, round},
};

const STREAMS: usize = 8;
const STREAM_PROMPT_TOKENS: usize = 64;
/// Number of tokens of each stream: enough to run on until the newcomer has its first token, and after.
const STREAM_OUTPUT_TOKENS: usize = 700;
const LONG_TOKENS: usize = 4000;
const LONG_OUTPUT_TOKENS: usize = 4;
/// Time for which the streams run alone.
const LEAD: Duration = Duration::from_secs(2);
/// Largest p99 between tokens, as a multiple of the streams' median while the newcomer's prompt is computed.
const P99_MAX: f64 = 2.0;
/// Largest time to the newcomer's first token, as a multiple of its time on an idle server.
const NEWCOMER_MAX: f64 = 1.25;
const PEER_CONTEXT: usize = 4400;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let mut prompts = bench.prompts(3)?;
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    if bench.ours {
        let (figures, spread, slowdown) = arrival("trinity", &bench.trinity(&[])?, &mut prompts)?;
        let text =
            format!("inter-token p99 while the prompt is computed is {spread:.2}× p50, wanted at most {P99_MAX}×");
        targets.push((text, spread <= P99_MAX));
        let text = format!("the newcomer's TTFT is {slowdown:.2}× its TTFT alone, wanted at most {NEWCOMER_MAX}×");
        targets.push((text, slowdown <= NEWCOMER_MAX));
        rows.push(figures);
    }
    if bench.peer {
        rows.push(arrival("llama.cpp", &bench.llama_cpp(STREAMS + 1, PEER_CONTEXT)?, &mut prompts)?.0);
    }
    Ok(Measured { figures: json!(rows), targets })
}

/// Measures one arrival; returns figures, the streams' p99 over their p50, and the newcomer's time over its time alone.
fn arrival(name: &str, server: &Server, prompts: &mut Prompts) -> Result<(Value, f64, f64), String> {
    let mut long = || greedy(&prompts.next(LONG_TOKENS), LONG_OUTPUT_TOKENS, false);
    let (warm_up, alone, newcomer) = (long(), long(), long());
    let requests: Vec<Value> = prompts
        .take(STREAMS, STREAM_PROMPT_TOKENS)
        .iter()
        .map(|prompt| greedy(prompt, STREAM_OUTPUT_TOKENS, false))
        .collect();
    client::stream(&server.address, &warm_up)?;
    let alone = client::stream(&server.address, &alone)?.ttft();
    let (loaded, newcomer) = thread::scope(|scope| {
        let streams = scope.spawn(|| closed_loop(&server.address, STREAMS, &requests));
        thread::sleep(LEAD);
        let newcomer = client::stream(&server.address, &newcomer);
        (streams.join(), newcomer)
    });
    let loaded = loaded.map_err(|_| "a client panicked")?.complete()?;
    let newcomer = newcomer?;
    let (from, until) = (newcomer.sent, newcomer.arrivals.first().copied().unwrap_or(newcomer.sent));
    let within = |from: Instant, until: Instant| -> Vec<f64> {
        let gaps = loaded.streams.iter().flat_map(Streamed::gaps);
        gaps.filter(|(at, _)| *at >= from && *at <= until).map(|(_, seconds)| seconds).collect()
    };
    let (all, during) = (loaded.gaps(), within(from, until));
    let last_start = loaded.streams.iter().filter_map(|s| s.arrivals.first()).max().copied().unwrap_or(from);
    let before = within(last_start, from);
    if loaded.streams.iter().any(|s| s.arrivals.last().is_none_or(|last| *last < until)) {
        return Err(format!("{name}: a stream ended before the newcomer's first token: nothing was shown"));
    }
    let (spread, slowdown) = (percentile(&during, 99.0) / median(&during), newcomer.ttft() / alone);
    println!(
        "{name}: between tokens p50 {:.1} ms, p99 {:.1} ms (before p50 {:.1} ms, while it computed p50 {:.1} ms, p99 {:.1} ms); newcomer {:.2} s, alone {alone:.2} s",
        median(&all) * 1e3,
        percentile(&all, 99.0) * 1e3,
        median(&before) * 1e3,
        median(&during) * 1e3,
        percentile(&during, 99.0) * 1e3,
        newcomer.ttft()
    );
    let figures = json!({
        "server": name, "command": server.command, "inter_token": milliseconds(&all), "before": milliseconds(&before),
        "during": milliseconds(&during), "newcomer_ttft_seconds": round(newcomer.ttft()), "alone_ttft_seconds": round(alone),
    });
    Ok((figures, spread, slowdown))
}
