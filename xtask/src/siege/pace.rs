//! The speed that fairness costs: this program and an older one in alternation, under the same load.

use serde_json::{Value, json};

use crate::serve_bench::{
    Bench, Measured,
    load::closed_loop,
    prompts::greedy,
    server::Server,
    statistics::{median, round},
};

/// Numbers of clients at once, one of a tenant each.
const CLIENTS: [usize; 2] = [4, 16];
/// Number of rounds for each round that is asked for: this row is about small differences.
const ROUNDS: usize = 3;
const PROMPT_TOKENS: usize = 120;
const OUTPUT_TOKENS: usize = 64;
const RATIO_MIN: f64 = 0.98;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let Some(baseline) = &bench.baseline else {
        println!("not measured: --baseline names no program");
        return Ok(Measured { figures: Value::Null, targets: Vec::new() });
    };
    let mut prompts = bench.prompts(9)?;
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    for n_clients in CLIENTS {
        let mut ratios = Vec::new();
        let mut speeds: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..bench.rounds * ROUNDS {
            let requests: Vec<Value> =
                prompts.take(n_clients * 4, PROMPT_TOKENS).iter().map(|p| greedy(p, OUTPUT_TOKENS, false)).collect();
            let mut pair = [0.0; 2];
            for ((program, speed), speeds) in [&bench.program, baseline].into_iter().zip(&mut pair).zip(&mut speeds) {
                let server = Server::trinity(program, &bench.model, bench.threads, &["--log-level", "off"])?;
                closed_loop(&server.address, 1, requests.get(..1).unwrap_or_default()).complete()?;
                *speed = closed_loop(&server.address, n_clients, &requests).complete()?.tokens_per_second();
                speeds.push(round(*speed));
            }
            ratios.push(pair[0] / pair[1]);
        }
        let ratio = median(&ratios);
        println!("{n_clients} clients: {:?} against {:?} tokens/s, {ratio:.3}×", speeds[0], speeds[1]);
        targets.push((
            format!("{n_clients} clients: {ratio:.3}× the older program, wanted {RATIO_MIN}×"),
            ratio >= RATIO_MIN,
        ));
        rows.push(json!({ "clients": n_clients, "ours": speeds[0], "baseline": speeds[1], "ratio": round(ratio) }));
    }
    Ok(Measured { figures: json!(rows), targets })
}
