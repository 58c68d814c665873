//! What runs here: `/` for people and programs, `/version`, and `/server_info`, `/model_info`, `/v1/loads` as SGLang
//! serves them, which is what routers ask a worker for.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use engine::Stats;
use serde_json::{Value, json};

use super::answer_with;
use crate::{
    app::{App, ModelStatus},
    auth::Caller,
    error::ApiError,
    lifecycle::Phase,
    metrics,
    openapi::Document,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /`: name, version, endpoints and, for those who may read them, live figures. A browser gets the page instead,
/// from the gate.
pub(super) async fn root(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(document): Extension<Arc<Document>>,
) -> Response {
    let live = app.metrics().live();
    let statuses = app.statuses();
    let mut about = json!({
        "name": "trinity",
        "version": VERSION,
        "uptime_s": app.uptime().as_secs(),
        "models": statuses.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(),
        "endpoints": document.endpoints().iter().map(|(method, path)| format!("{method} {path}")).collect::<Vec<_>>(),
    });
    if caller.rights.reads_figures
        && let Some(fields) = about.as_object_mut()
    {
        let figures = json!({
            "total_requests": live.total_requests,
            "active_requests": live.active_requests,
            "total_tokens": live.total_tokens,
            "throughput_tok_s": live.throughput_tok_s,
        });
        fields.insert("metrics".to_owned(), figures);
    }
    let mut response = answer_with(StatusCode::OK, &about);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// `GET /version`: the version alone.
pub(super) async fn version() -> Response {
    answer_with(StatusCode::OK, &json!({"version": VERSION}))
}

/// `GET /server_info`: settings and what the server can take at once; what it has to do now, for those who may read it.
pub(super) async fn server(State(app): State<App>, Extension(caller): Extension<Caller>) -> Response {
    let statuses = app.statuses();
    let first = statuses.first().cloned().unwrap_or_default();
    let stats = first.gauges.unwrap_or_default().stats;
    let shown = statuses.iter().filter(|_| caller.rights.reads_figures);
    let puller = app.options().puller.as_ref().filter(|_| caller.rights.is_operator);
    let states: Vec<Value> = shown.map(|s| json!({"model": s.id, "load": load_of(s)})).collect();
    answer_with(
        StatusCode::OK,
        &json!({
            "model_path": first.source,
            "served_model_name": first.id,
            // A router that is given a path tries to open it.
            "tokenizer_path": "",
            "context_length": first.context_len_max,
            "max_total_tokens": stats.pages_total * stats.page_len,
            "max_total_num_tokens": stats.pages_total * stats.page_len,
            "max_running_requests": first.n_running_max,
            "page_size": stats.page_len,
            "tp_size": 1,
            "dp_size": 1,
            "pp_size": 1,
            "is_embedding": false,
            "disaggregation_mode": "null",
            "device": "cpu",
            "status": if app.lifecycle().phase() == Phase::Ready { "ready" } else { "not ready" },
            "version": VERSION,
            "started_at": app.started_at_unix(),
            // Ours: what this caller may have pulled; null where nothing is.
            "pullable": puller.map(|puller| puller.names()),
            "internal_states": states,
        }),
    )
}

/// `GET /model_info`: the model that is asked when none is named.
pub(super) async fn model(State(app): State<App>) -> Response {
    let first = app.statuses().first().cloned().unwrap_or_default();
    answer_with(
        StatusCode::OK,
        &json!({
            "model_path": first.source,
            // A router that is given a path tries to open it.
            "tokenizer_path": "",
            "served_model_name": first.id,
            "is_generation": true,
            "has_image_understanding": false,
            "has_audio_understanding": false,
            "model_type": first.architecture,
            "architectures": [first.architecture],
            "max_model_len": first.context_len_max,
            "vocab_size": first.n_vocab,
            "preferred_sampling_params": null,
            "weight_version": "default",
        }),
    )
}

/// `GET /v1/loads`: what each engine has to do. Sections that are asked for with `include` are all there is.
pub(super) async fn loads(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    caller.rights.check_figures()?;
    let statuses = app.statuses();
    let loads: Vec<Value> = statuses.iter().map(load_of).collect();
    let sum = |name: &str| loads.iter().filter_map(|l| l.get(name)?.as_u64()).sum::<u64>();
    Ok(answer_with(
        StatusCode::OK,
        &json!({
            "timestamp": app.now_unix().to_string(),
            "version": VERSION,
            "dp_rank_count": loads.len(),
            "aggregate": {
                "total_running_reqs": sum("num_running_reqs"),
                "total_waiting_reqs": sum("num_waiting_reqs"),
                "total_reqs": sum("num_total_reqs"),
            },
            "loads": loads,
        }),
    ))
}

/// Tokens generated for each second that the engine worked. Routers divide by it what waits: a mean over idle time
/// would make a server that has little to do look slow.
fn working_rate(stats: &Stats) -> f64 {
    if stats.step_us == 0 { 0.0 } else { stats.n_sampled as f64 / (stats.step_us as f64 / 1e6) }
}

fn load_of(status: &ModelStatus) -> Value {
    let stats = status.gauges.unwrap_or_default().stats;
    let Stats { n_running, n_waiting, page_len, pages_total, .. } = stats;
    let ratio = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    json!({
        "dp_rank": 0,
        "model": status.id,
        "num_running_reqs": n_running,
        "num_waiting_reqs": n_waiting,
        "num_total_reqs": n_running + n_waiting,
        "num_used_tokens": stats.pages_used() * page_len,
        "max_total_num_tokens": pages_total * page_len,
        "token_usage": metrics::usage(&stats),
        "gen_throughput": working_rate(&stats),
        "cache_hit_rate": ratio(stats.n_cached_tokens, stats.n_prompt_tokens),
        "utilization": ratio(n_running, status.n_running_max as u64),
        "max_running_requests": status.n_running_max,
    })
}
