//! Names of other servers for what we count, so that their dashboards and routers work.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    histogram::Histogram,
    model::ModelMetrics,
    render::{Named, finished},
    text::Text,
};
use engine::Stats;

/// A server whose names `/metrics` uses in addition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compat {
    /// vLLM, whose names begin with `vllm:`.
    Vllm,
    /// llama.cpp's server, whose names begin with `llamacpp:`.
    LlamaCpp,
}

type Engines = [(String, Stats)];

/// Name, help, and where the value comes from.
type Row<From, Value> = (&'static str, &'static str, fn(&From) -> Value);

type HistogramOf = fn(&ModelMetrics) -> &Histogram;

/// Share of the pages that running sequences hold, 0 to 1.
pub(crate) fn usage(engine: &Stats) -> f64 {
    if engine.pages_total == 0 { 0.0 } else { engine.pages_used() as f64 / engine.pages_total as f64 }
}

/// Writes the figures as vLLM's V1 engine names them, `docs/usage/metrics.md` there.
pub(super) fn vllm(text: &mut Text, models: &[Named], engines: &Engines) {
    const LABEL: &str = "model_name";
    let of_engines = |value: fn(&Stats) -> f64| engines.iter().map(move |(id, e)| (id.clone(), value(e)));
    let of_models = |value: fn(&ModelMetrics) -> u64| models.iter().map(move |(id, m)| (id.clone(), value(m)));
    let gauges: [Row<Stats, f64>; 3] = [
        ("vllm:num_requests_running", "Requests being computed.", |e| e.n_running as f64),
        ("vllm:num_requests_waiting", "Requests waiting.", |e| e.n_waiting as f64),
        ("vllm:kv_cache_usage_perc", "Share of KV pages in use, 0 to 1.", usage),
    ];
    for (name, help, value) in gauges {
        text.rows((name, "gauge", help), LABEL, of_engines(value));
    }
    let counters: [Row<ModelMetrics, u64>; 4] = [
        ("vllm:prompt_tokens_total", "Tokens of prompts.", |m| m.prompt_tokens.load(Relaxed)),
        ("vllm:generation_tokens_total", "Tokens written.", |m| m.completion_tokens.load(Relaxed)),
        ("vllm:prefix_cache_queries_total", "Tokens of prompts looked for in the cache.", |m| {
            m.prompt_tokens.load(Relaxed)
        }),
        ("vllm:prefix_cache_hits_total", "Tokens of prompts found in the cache.", |m| m.cached_tokens.load(Relaxed)),
    ];
    for (name, help, value) in counters {
        text.rows((name, "counter", help), LABEL, of_models(value));
    }
    let engine_counters: [Row<Stats, f64>; 3] = [
        ("vllm:num_preemptions_total", "Sequences paused.", |e| e.n_preempted as f64),
        ("vllm:spec_decode_num_draft_tokens_total", "Tokens drafted.", |e| e.n_drafted as f64),
        ("vllm:spec_decode_num_accepted_tokens_total", "Drafted tokens accepted.", |e| e.n_accepted as f64),
    ];
    for (name, help, value) in engine_counters {
        text.rows((name, "counter", help), LABEL, of_engines(value));
    }
    finished(text, "vllm:request_success_total", (LABEL, "finished_reason"), models);
    let histograms: [(&str, &str, HistogramOf); 6] = [
        ("vllm:time_to_first_token_seconds", "From arrival to the first token.", |m| &m.ttft),
        ("vllm:inter_token_latency_seconds", "From one token to the next.", |m| &m.inter_token),
        ("vllm:e2e_request_latency_seconds", "From arrival to the last token.", |m| &m.request),
        ("vllm:request_queue_time_seconds", "From arrival to the first step.", |m| &m.queue),
        ("vllm:request_prefill_time_seconds", "Computing the prompt.", |m| &m.prefill),
        ("vllm:request_decode_time_seconds", "Writing the tokens.", |m| &m.decode),
    ];
    for (name, help, histogram) in histograms {
        text.family(name, "histogram", help);
        for (id, model) in models {
            text.histogram(name, &[(LABEL, id)], histogram(model));
        }
    }
}

/// Writes the figures as llama.cpp's server names them: for one model, without labels, so what several have is added
/// up.
pub(super) fn llama_cpp(text: &mut Text, models: &[Named], engines: &Engines) {
    let tokens = |value: fn(&ModelMetrics) -> u64| models.iter().map(|(_, m)| value(m)).sum::<u64>() as f64;
    let seconds = |value: fn(&ModelMetrics) -> &Histogram| models.iter().map(|(_, m)| value(m).snapshot().sum).sum();
    let gauge = |value: fn(&Stats) -> u64| engines.iter().map(|(_, e)| value(e)).sum::<u64>() as f64;
    // There, what was cached is no part of what was processed.
    let cached = tokens(|m| m.cached_tokens.load(Relaxed));
    let prompt = (tokens(|m| m.prompt_tokens.load(Relaxed)) - cached).max(0.0);
    let predicted = tokens(|m| m.completion_tokens.load(Relaxed));
    let (prefill, decode): (f64, f64) = (seconds(|m| &m.prefill), seconds(|m| &m.decode));
    let rate = |n: f64, seconds: f64| if seconds > 0.0 { n / seconds } else { 0.0 };
    let used = gauge(|e| e.pages_used() * e.page_len);
    let pages = gauge(|e| e.pages_total * e.page_len);
    let rows: [(&str, &str, &str, f64); 14] = [
        ("llamacpp:prompt_tokens_total", "counter", "Prompt tokens processed.", prompt),
        ("llamacpp:prompt_tokens_cached_total", "counter", "Prompt tokens found in the cache.", cached),
        ("llamacpp:prompt_seconds_total", "counter", "Prompt processing time.", prefill),
        ("llamacpp:tokens_predicted_total", "counter", "Tokens written.", predicted),
        ("llamacpp:tokens_predicted_seconds_total", "counter", "Time spent writing them.", decode),
        ("llamacpp:n_decode_total", "counter", "Forward passes.", gauge(|e| e.n_steps)),
        ("llamacpp:spec_decode_num_draft_tokens_total", "counter", "Tokens drafted.", gauge(|e| e.n_drafted)),
        (
            "llamacpp:spec_decode_num_accepted_tokens_total",
            "counter",
            "Drafted tokens accepted.",
            gauge(|e| e.n_accepted),
        ),
        ("llamacpp:prompt_tokens_seconds", "gauge", "Prompt tokens a second.", rate(prompt, prefill)),
        ("llamacpp:predicted_tokens_seconds", "gauge", "Tokens written a second.", rate(predicted, decode)),
        ("llamacpp:kv_cache_usage_ratio", "gauge", "Share of the KV cache in use, 0 to 1.", rate(used, pages)),
        ("llamacpp:kv_cache_tokens", "gauge", "Tokens of the KV cache in use.", used),
        ("llamacpp:requests_processing", "gauge", "Requests being computed.", gauge(|e| e.n_running)),
        ("llamacpp:requests_deferred", "gauge", "Requests waiting.", gauge(|e| e.n_waiting)),
    ];
    for (name, kind, help, value) in rows {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    }
}
