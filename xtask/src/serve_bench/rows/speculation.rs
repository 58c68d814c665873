//! Text that repeats itself, with and without drafts looked up in the prompt.

use serde_json::json;

use super::{Bench, Measured};
use crate::serve_bench::{
    load::closed_loop,
    prompts::{greedy, tokenize},
    statistics::{median, round},
};

const OUTPUT_TOKENS: usize = 256;
const SPEEDUP_MIN: f64 = 1.8;
/// Number of lines of the prompt, a list whose lines differ in a number: a model that copies goes on with the next.
const LINES: usize = 12;
/// Option that switches drafts by lookup on.
const LOOKUP: [&str; 1] = ["--lookup"];

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    if !bench.ours {
        return Ok(Measured { figures: json!(null), targets: Vec::new() });
    }
    let line = "{\"name\": \"sensor\", \"unit\": \"celsius\", \"value\": 20, \"status\": \"ok\"},\n";
    let prompt = tokenize(&bench.program, &bench.model, &line.repeat(LINES))?;
    let request = [greedy(&prompt, OUTPUT_TOKENS, false)];
    let (mut ratios, mut texts, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let mut speeds = Vec::new();
        for options in [&[][..], &LOOKUP] {
            let server = bench.trinity(options)?;
            closed_loop(&server.address, 1, &request).complete()?;
            let loaded = closed_loop(&server.address, 1, &request).complete()?;
            let stream = loaded.streams.first().ok_or("no stream")?;
            // Decoding only: the prompt costs both the same.
            let seconds = loaded.seconds - stream.ttft();
            speeds.push((stream.n_tokens().saturating_sub(1)) as f64 / seconds);
            texts.push(stream.text.clone());
            rows.push(json!({
                "command": server.command, "tokens_per_second": speeds.last().map(|s| round(*s)),
                "drafted": server.metric("trinity_speculation_drafted_total").ok(),
                "accepted": server.metric("trinity_speculation_accepted_total").ok(),
            }));
        }
        println!("without {:.1} tokens/s, with {:.1}", speeds[0], speeds[1]);
        ratios.push(speeds[1] / speeds[0]);
    }
    let is_same = texts.iter().all(|text| Some(text) == texts.first());
    let ratio = median(&ratios);
    Ok(Measured {
        figures: json!({ "rounds": rows, "ratios": ratios.iter().map(|r| round(*r)).collect::<Vec<_>>(), "same_bytes": is_same }),
        targets: vec![
            (format!("{ratio:.2}× with drafts, wanted {SPEEDUP_MIN}×"), ratio >= SPEEDUP_MIN),
            ("the same bytes with and without".to_owned(), is_same),
        ],
    })
}
