//! Requests are answered alike in different company.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Bench, Measured};
use crate::serve_bench::{load::closed_loop, prompts::greedy, statistics::Random};

const REQUESTS: usize = 64;
const PROMPT_TOKENS: [usize; 4] = [8, 40, 120, 300];
const OUTPUT_TOKENS: usize = 24;
/// Number of clients at once in each mix; between some the order differs, and strangers come too.
const MIXES: [usize; 5] = [64, 64, 64, 16, 64];
const STRANGERS: usize = 16;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    if !bench.ours {
        return Ok(Measured { figures: Value::Null, targets: Vec::new() });
    }
    let mut prompts = bench.prompts(7)?;
    let mut requests: Vec<Value> = Vec::new();
    for i in 0..REQUESTS {
        let mut request = greedy(&prompts.next(PROMPT_TOKENS[i % PROMPT_TOKENS.len()]), OUTPUT_TOKENS, i % 2 == 0);
        // A quarter stays greedy; the rest draws, each from its seed.
        if i % 4 != 0 {
            request["temperature"] = json!(0.9);
            request["top_p"] = json!(0.95);
        }
        request["seed"] = json!(i);
        requests.push(request);
    }
    let server = bench.trinity(&[])?;
    let mut random = Random(8);
    let mut texts: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut differing = Vec::new();
    for (mix, n_clients) in MIXES.into_iter().enumerate() {
        let mut order: Vec<(Option<usize>, Value)> =
            requests.iter().enumerate().map(|(i, request)| (Some(i), request.clone())).collect();
        if mix > 0 {
            order.extend(prompts.take(STRANGERS, 60).iter().map(|p| (None, greedy(p, OUTPUT_TOKENS, true))));
        }
        random.shuffle(&mut order);
        let (names, bodies): (Vec<Option<usize>>, Vec<Value>) = order.into_iter().unzip();
        for stream in closed_loop(&server.address, n_clients, &bodies).complete()?.streams {
            if let Some(Some(name)) = names.get(stream.request) {
                texts.entry(*name).or_default().push(stream.text);
            }
        }
    }
    for (name, texts) in &texts {
        if texts.iter().any(|text| Some(text) != texts.first()) {
            differing.push(*name);
        }
    }
    // Not one text for all: then nothing would be shown.
    let distinct: BTreeSet<&String> = texts.values().filter_map(|t| t.first()).collect();
    println!(
        "{} requests × {} mixes, {} differ; {} distinct texts",
        texts.len(),
        MIXES.len(),
        differing.len(),
        distinct.len()
    );
    Ok(Measured {
        figures: json!({ "command": server.command, "requests": REQUESTS, "mixes": MIXES, "differing": differing, "distinct_texts": distinct.len() }),
        targets: vec![
            (
                format!("{} of {REQUESTS} requests gave other bytes in another mix, wanted none", differing.len()),
                differing.is_empty(),
            ),
            (
                format!("{} distinct texts, wanted nearly {REQUESTS}", distinct.len()),
                distinct.len() > REQUESTS * 9 / 10,
            ),
        ],
    })
}
