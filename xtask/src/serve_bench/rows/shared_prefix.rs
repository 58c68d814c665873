//! Eight users at once whose prompts begin with the same, already computed prefix.

use serde_json::{Value, json};

use super::{Bench, Measured};
use crate::serve_bench::{
    load::closed_loop,
    prompts::{Prompts, greedy},
    server::Server,
    statistics::{median, milliseconds},
};

const PREFIX_TOKENS: usize = 1000;
const OWN_TOKENS: usize = 20;
const OUTPUT_TOKENS: usize = 16;
const USERS: usize = 8;
const TTFT_SECONDS_MAX: f64 = 0.5;
const PEER_CONTEXT: usize = 1200;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let mut prompts = bench.prompts(1)?;
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    if bench.ours {
        let (figures, p50) = bursts(bench, "trinity", &bench.trinity(&[])?, &mut prompts)?;
        targets.push((format!("TTFT p50 {p50:.3} s, wanted below {TTFT_SECONDS_MAX} s"), p50 < TTFT_SECONDS_MAX));
        rows.push(figures);
    }
    if bench.peer {
        rows.push(bursts(bench, "llama.cpp", &bench.llama_cpp(USERS, PEER_CONTEXT)?, &mut prompts)?.0);
    }
    Ok(Measured { figures: json!(rows), targets })
}

/// Runs one burst a round: the prefix is computed once, then all users come. Returns figures, and the median over all
/// bursts.
fn bursts(bench: &Bench, name: &str, server: &Server, prompts: &mut Prompts) -> Result<(Value, f64), String> {
    let (mut all, mut bursts) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let prefix = prompts.next(PREFIX_TOKENS);
        let mut request = || -> Value {
            let own = prompts.next(OWN_TOKENS);
            greedy(&[prefix.as_slice(), own.as_slice()].concat(), OUTPUT_TOKENS, true)
        };
        closed_loop(&server.address, 1, &[request()]).complete()?;
        let requests: Vec<Value> = (0..USERS).map(|_| request()).collect();
        let loaded = closed_loop(&server.address, USERS, &requests).complete()?;
        println!("{name}: TTFT p50 {:.3} s, of {:.3?}", median(&loaded.ttfts()), loaded.ttfts());
        all.extend(loaded.ttfts());
        bursts.push(loaded.figures());
    }
    let figures = json!({ "server": name, "command": server.command, "ttft": milliseconds(&all), "bursts": bursts });
    Ok((figures, median(&all)))
}
