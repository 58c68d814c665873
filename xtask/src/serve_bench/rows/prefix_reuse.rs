//! What a computed prefix saves: time to the first token, and prompt tokens computed, as the server counted them.

use serde_json::{Value, json};

use super::{Bench, Measured};
use crate::serve_bench::{
    load::closed_loop,
    prompts::greedy,
    statistics::{median, milliseconds, round},
};

const PREFIX_TOKENS: usize = 1000;
const OWN_TOKENS: usize = 20;
const OUTPUT_TOKENS: usize = 4;
const COLD_REQUESTS: usize = 5;
const WARM_REQUESTS: usize = 100;
/// Largest time to the first token with a computed prefix, as a part of the time without.
const WARM_MAX: f64 = 0.05;
/// Least part of the prompt tokens that a computed prefix must save.
const SAVED_MIN: f64 = 0.9;
/// Metric of the prompt tokens that the engine computed.
const COMPUTED: &str = "trinity_computed_prompt_tokens_total";

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    if !bench.ours {
        return Ok(Measured { figures: Value::Null, targets: Vec::new() });
    }
    let mut prompts = bench.prompts(2)?;
    let server = bench.trinity(&[])?;
    let cold: Vec<Value> = prompts
        .take(COLD_REQUESTS, PREFIX_TOKENS + OWN_TOKENS)
        .iter()
        .map(|prompt| greedy(prompt, OUTPUT_TOKENS, true))
        .collect();
    closed_loop(&server.address, 1, cold.get(..1).unwrap_or_default()).complete()?;
    let cold = closed_loop(&server.address, 1, cold.get(1..).unwrap_or_default()).complete()?;
    let prefix = prompts.next(PREFIX_TOKENS);
    let mut requests: Vec<Value> = Vec::new();
    for _ in 0..WARM_REQUESTS {
        let own = prompts.next(OWN_TOKENS);
        requests.push(greedy(&[prefix.as_slice(), own.as_slice()].concat(), OUTPUT_TOKENS, true));
    }
    let before = server.metric(COMPUTED)?;
    // The first of the hundred computes the prefix; it counts among the tokens, not among the warm times.
    let first = closed_loop(&server.address, 1, requests.get(..1).unwrap_or_default()).complete()?;
    let warm = closed_loop(&server.address, 1, requests.get(1..).unwrap_or_default()).complete()?;
    let computed = server.metric(COMPUTED)? - before;
    let all = (WARM_REQUESTS * (PREFIX_TOKENS + OWN_TOKENS)) as f64;
    let (cold_p50, warm_p50) = (median(&cold.ttfts()), median(&warm.ttfts()));
    let (share, saved) = (warm_p50 / cold_p50, 1.0 - computed / all);
    println!("TTFT p50 cold {cold_p50:.3} s, warm {warm_p50:.4} s; {computed} of {all} prompt tokens computed");
    Ok(Measured {
        figures: json!({
            "command": server.command, "cold": milliseconds(&cold.ttfts()), "first": milliseconds(&first.ttfts()),
            "warm": milliseconds(&warm.ttfts()), "prompt_tokens": all, "prompt_tokens_computed": computed, "saved": round(saved),
        }),
        targets: vec![
            (
                format!("warm TTFT {:.2} % of cold, wanted at most {} %", share * 100.0, WARM_MAX * 100.0),
                share <= WARM_MAX,
            ),
            (
                format!("{:.1} % fewer prompt tokens computed, wanted {} %", saved * 100.0, SAVED_MIN * 100.0),
                saved >= SAVED_MIN,
            ),
        ],
    })
}
