//! Everything that is counted, as `/metrics` prints it.

use std::sync::{Arc, PoisonError, atomic::Ordering::Relaxed};

use super::{
    Compat, Finish, Metrics, ModelMetrics, compat,
    histogram::Histogram,
    text::{Label, Text},
};
use engine::Stats;

use crate::app::ModelStatus;

/// A model's counters under its name.
pub(super) type Named = (String, Arc<ModelMetrics>);

/// `(name, kind, help)` of a family.
type Family = (&'static str, &'static str, &'static str);

/// A family, and how its value is read off an engine's figures.
type EngineFamily = (Family, fn(&Stats) -> u64);

const ENGINE: &[EngineFamily] = &[
    (("trinity_requests_running", "gauge", "Sequences being computed."), |e| e.n_running),
    (("trinity_requests_waiting", "gauge", "Sequences waiting for a place."), |e| e.n_waiting),
    (("trinity_kv_pages", "gauge", "Pages of the KV cache."), |e| e.pages_total),
    (("trinity_kv_pages_free", "gauge", "Pages that hold nothing."), |e| e.pages_free),
    (("trinity_kv_pages_cached", "gauge", "Pages that hold prefixes nobody uses now; they can be evicted."), |e| {
        e.pages_cached
    }),
    (("trinity_kv_pages_used", "gauge", "Pages that running sequences hold."), |e| e.pages_used()),
    (("trinity_kv_page_bytes", "gauge", "Bytes of a page, all layers."), |e| e.page_bytes),
    (("trinity_states", "gauge", "States of sequences, in models whose layers carry one on."), |e| e.states_total),
    (("trinity_states_free", "gauge", "States that nobody has."), |e| e.states_free),
    (("trinity_states_cached", "gauge", "States after cached prefixes; they can give way."), |e| e.states_cached),
    (("trinity_state_bytes", "gauge", "Bytes of a state."), |e| e.state_bytes),
    (("trinity_loaded_pages_total", "counter", "Pages brought back from memory or disk."), |e| e.n_loaded_pages),
    (("trinity_loaded_states_total", "counter", "States brought back from memory or disk."), |e| e.n_loaded_states),
    (
        (
            "trinity_computed_prompt_tokens_total",
            "counter",
            "Prompt tokens that were computed, not found in the cache.",
        ),
        |e| e.n_computed_prompt_tokens,
    ),
    (("trinity_engine_tokens_total", "counter", "Tokens sampled, those nobody was sent included."), |e| e.n_sampled),
    (("trinity_engine_steps_total", "counter", "Forward passes."), |e| e.n_steps),
    (
        ("trinity_preemptions_total", "counter", "Sequences put back: pages ran out, or a place was due to another."),
        |e| e.n_preempted,
    ),
    (("trinity_evictions_total", "counter", "Cached pages dropped for others."), |e| e.n_evicted),
    (("trinity_speculation_drafted_total", "counter", "Tokens drafted."), |e| e.n_drafted),
    (("trinity_speculation_accepted_total", "counter", "Drafted tokens that were right."), |e| e.n_accepted),
    (("trinity_engine_requests_total", "counter", "Requests that the engine took."), |e| e.n_submitted),
    (("trinity_engine_cancelled_total", "counter", "Requests whose client left."), |e| e.n_cancelled),
    (("trinity_engine_failed_total", "counter", "Requests that failed."), |e| e.n_failed),
    (("trinity_engine_panics_total", "counter", "Panics caught in steps."), |e| e.n_panics),
];

type ModelFamily = (Family, fn(&ModelMetrics) -> u64);

const MODEL: &[ModelFamily] = &[
    (("trinity_prompt_tokens_total", "counter", "Tokens of prompts."), |m| m.prompt_tokens.load(Relaxed)),
    (("trinity_cached_tokens_total", "counter", "Tokens of prompts found in the cache."), |m| {
        m.cached_tokens.load(Relaxed)
    }),
    (("trinity_completion_tokens_total", "counter", "Tokens written."), |m| m.completion_tokens.load(Relaxed)),
    (("trinity_prefix_hits_total", "counter", "Requests that found a prefix in the cache."), |m| {
        m.prefix_hits.load(Relaxed)
    }),
    (("trinity_streams_open", "gauge", "Streams open."), |m| m.streams.load(Relaxed).max(0) as u64),
];

type ModelHistogram = (&'static str, &'static str, fn(&ModelMetrics) -> &Histogram);

const HISTOGRAMS: &[ModelHistogram] = &[
    ("trinity_time_to_first_token_seconds", "From arrival to the first token.", |m| &m.ttft),
    ("trinity_inter_token_seconds", "From one token to the next.", |m| &m.inter_token),
    ("trinity_generation_seconds", "From arrival to the last token.", |m| &m.request),
    ("trinity_queue_seconds", "From arrival to the first step.", |m| &m.queue),
    ("trinity_prefill_seconds", "Computing the prompt.", |m| &m.prefill),
    ("trinity_decode_seconds", "Writing the tokens.", |m| &m.decode),
];

/// Writes the text of `/metrics`; the server started `uptime_seconds` ago.
pub(crate) fn render(metrics: &Metrics, statuses: &[ModelStatus], compat: &[Compat], uptime_seconds: f64) -> String {
    let mut text = Text::default();
    let models: Vec<Named> = {
        let models = metrics.0.models.read().unwrap_or_else(PoisonError::into_inner);
        models.iter().map(|(id, m)| (id.clone(), Arc::clone(m))).collect()
    };
    let engines: Vec<(String, Stats)> = statuses.iter().filter_map(|s| Some((s.id.clone(), s.gauges?.stats))).collect();
    let n_engine_panics = engines.iter().map(|(_, stats)| stats.n_panics).sum();
    process(&mut text, metrics, n_engine_panics, uptime_seconds);
    requests(&mut text, metrics);
    for (family, value) in ENGINE {
        text.rows(*family, "model", engines.iter().map(|(id, e)| (id.clone(), value(e))));
    }
    let is_up = |s: &ModelStatus| Some((s.id.clone(), u64::from(s.gauges?.is_alive)));
    let up = ("trinity_engine_up", "gauge", "1 while the engine's thread lives.");
    text.rows(up, "model", statuses.iter().filter_map(is_up));
    for (family, value) in MODEL {
        text.rows(*family, "model", models.iter().map(|(id, m)| (id.clone(), value(m))));
    }
    finished(&mut text, "trinity_generations_total", ("model", "reason"), &models);
    for (name, help, histogram) in HISTOGRAMS {
        text.family(name, "histogram", help);
        for (id, model) in &models {
            text.histogram(name, &[("model", id)], histogram(model));
        }
    }
    for compat in compat {
        match compat {
            Compat::Vllm => compat::vllm(&mut text, &models, &engines),
            Compat::LlamaCpp => compat::llama_cpp(&mut text, &models, &engines),
        }
    }
    text.finish()
}

/// Writes the number of generations by how they ended.
pub(super) fn finished(text: &mut Text, name: &str, (model, reason): (&str, &str), models: &[Named]) {
    text.family(name, "counter", "Choices that ended, by reason.");
    for (id, metrics) in models {
        for (finish, word) in Finish::ALL {
            let n = metrics.finished.get(finish as usize).map_or(0, |n| n.load(Relaxed));
            text.sample(name, &[(model, id), (reason, word)], n);
        }
    }
}

fn process(text: &mut Text, metrics: &Metrics, n_engine_panics: u64, uptime_seconds: f64) {
    let inner = &metrics.0;
    text.family("trinity_build_info", "gauge", "The version, as a label.");
    text.sample("trinity_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let single: [(Family, f64); 9] = [
        (("trinity_uptime_seconds", "gauge", "Since the start."), uptime_seconds),
        (("trinity_panics_total", "counter", "Panics caught, those of engines included; anything but 0 is a bug."), {
            (inner.panics.load(Relaxed) + n_engine_panics) as f64
        }),
        (("trinity_requests_total", "counter", "Requests that came."), inner.requests.load(Relaxed) as f64),
        (
            (
                "trinity_requests_active",
                "gauge",
                "Requests whose answer is not sent yet, beside the one that reads this.",
            ),
            { (metrics.n_active() - 1).max(0) as f64 },
        ),
        (("trinity_connections", "gauge", "Connections open."), inner.connections.load(Relaxed) as f64),
        (("trinity_connections_total", "counter", "Connections accepted."), {
            inner.connections_total.load(Relaxed) as f64
        }),
        (("trinity_connections_displaced_total", "counter", "Connections that did nothing and gave way to others."), {
            inner.connections_displaced.load(Relaxed) as f64
        }),
        (("trinity_connections_refused_total", "counter", "Connections above what one address may have."), {
            inner.connections_refused.load(Relaxed) as f64
        }),
        (("trinity_tokens_per_second", "gauge", "Tokens written a second, of the last ten."), {
            metrics.live().throughput_tok_s
        }),
    ];
    for ((name, kind, help), value) in single {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    }
}

fn requests(text: &mut Text, metrics: &Metrics) {
    text.family("trinity_responses_total", "counter", "Answers, by route, method and status.");
    let answered = metrics.0.answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (answer, n) in answered {
        let status = answer.status.to_string();
        let class = format!("{}xx", answer.status / 100);
        let labels: [Label<'_>; 4] =
            [("route", &answer.route), ("method", answer.method), ("status", &status), ("class", &class)];
        text.sample("trinity_responses_total", &labels, n);
    }
    let durations = metrics.0.durations.lock().unwrap_or_else(PoisonError::into_inner).clone();
    text.family("trinity_request_seconds", "histogram", "From a request's head to the end of its answer.");
    for (route, histogram) in durations {
        text.histogram("trinity_request_seconds", &[("route", &route)], &histogram);
    }
}
