//! Memory of the cache for each token in it, by the server's own pages, against the arithmetic of the model.

use std::process::Command;

use serde_json::{Value, json};

use super::{Bench, Measured};
use crate::{
    command::output,
    serve_bench::{client, prompts::greedy, statistics::round},
};

/// Number of tokens of each prompt: many, so that the rest of the last page is little.
const PROMPT_TOKENS: usize = 2016;
const PROMPTS: usize = 3;
const DEVIATION_MAX: f64 = 0.02;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    if !bench.ours {
        return Ok(Measured { figures: Value::Null, targets: Vec::new() });
    }
    let mut prompts = bench.prompts(5)?;
    let server = bench.trinity(&[])?;
    // The model is loaded, and its pages are there, once it was asked.
    client::stream(&server.address, &greedy(&prompts.next(16), 1, false))?;
    let held =
        || -> Result<f64, String> { Ok(server.metric("trinity_kv_pages")? - server.metric("trinity_kv_pages_free")?) };
    let (pages_before, resident_before) = (held()?, server.resident_bytes()?);
    for prompt in prompts.take(PROMPTS, PROMPT_TOKENS) {
        client::stream(&server.address, &greedy(&prompt, 1, true))?;
    }
    let (pages, resident) = (held()? - pages_before, server.resident_bytes()?);
    let bytes = pages * server.metric("trinity_kv_page_bytes")?;
    let tokens = (PROMPTS * PROMPT_TOKENS) as f64;
    let expected = bytes_per_token(bench)?;
    let (measured, deviation) = (bytes / tokens, bytes / tokens / expected - 1.0);
    println!(
        "{pages} pages for {tokens} tokens: {measured:.0} bytes a token, by the arithmetic {expected:.0}; resident memory grew by {:.1} MB",
        resident.saturating_sub(resident_before) as f64 / 1e6
    );
    Ok(Measured {
        figures: json!({
            "command": server.command, "tokens": tokens, "pages": pages, "bytes_per_token": round(measured), "arithmetic": expected,
            "resident_bytes_before": resident_before, "resident_bytes_after": resident,
        }),
        targets: vec![(
            format!("{:+.2} % from the arithmetic, wanted within {} %", deviation * 100.0, DEVIATION_MAX * 100.0),
            deviation.abs() <= DEVIATION_MAX,
        )],
    })
}

/// Returns layers × keys and values × heads × width of a head × bytes of an f16.
fn bytes_per_token(bench: &Bench) -> Result<f64, String> {
    let text = output(Command::new(&bench.program).args(["inspect", "--json"]).arg(&bench.model))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| format!("trinity inspect: {e}"))?;
    let number = |key: &str| value[key].as_f64().ok_or_else(|| format!("trinity inspect: no {key}"));
    let head = number("width")? / number("n_heads")?;
    Ok(number("n_layers")? * 2.0 * number("n_kv_heads")? * head * 2.0)
}
