//! Routes for operators.

use engine::Stats;
use server::{
    App, EngineGauges, ModelStatus, ServerOptions,
    lifecycle::Phase,
    metrics::{Compat, Finish},
};

use crate::{
    loopback::{Loopback, wait},
    routes::{self, Seen},
};

fn statuses() -> Vec<ModelStatus> {
    let stats = Stats {
        n_running: 3,
        n_waiting: 2,
        pages_total: 100,
        pages_free: 50,
        pages_cached: 30,
        states_total: 8,
        states_free: 5,
        states_cached: 2,
        page_len: 32,
        n_prompt_tokens: 400,
        n_cached_tokens: 100,
        n_preempted: 7,
        n_sampled: 100,
        step_us: 2_000_000,
        n_panics: 1,
        ..Stats::default()
    };
    let gauges = EngineGauges { stats, is_alive: true };
    vec![ModelStatus {
        id: "tiny\"\\\nmodel".to_owned(),
        source: "tiny.gguf".to_owned(),
        context_len_max: 2048,
        n_vocab: 512,
        architecture: "llama".to_owned(),
        has_template: true,
        n_running_max: 16,
        gauges: Some(gauges),
    }]
}

fn start(options: ServerOptions) -> Loopback {
    Loopback::with(options, routes::routes(&Seen::default()), statuses(), None)
}

#[test]
fn health_follows_the_phases() {
    let server = start(ServerOptions::default());
    let answer = server.get("/health");
    assert_eq!((answer.status, answer.text()), (200, r#"{"status":"ok"}"#));
    let app = App::new(ServerOptions::default(), server::models::Models::default(), Vec::new);
    assert_eq!(app.lifecycle().phase(), Phase::Starting);
    let mut dead = statuses();
    dead[0].gauges.as_mut().unwrap().is_alive = false;
    let server = Loopback::with(ServerOptions::default(), server::router::routes(), dead, None);
    assert_eq!((server.get("/health").status, server.get("/health/live").status), (503, 200));
}

#[test]
fn every_listed_endpoint_is_there_and_others_are_not() {
    let server = start(ServerOptions::default());
    let root = server.get("/").json();
    let listed: Vec<&str> = root["endpoints"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
    assert!(listed.contains(&"GET /health") && listed.contains(&"POST /v1/chat/completions"), "{listed:?}");
    for endpoint in &listed {
        let answer = server.send(format!("{endpoint} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"));
        let is_none = answer.status == 405 || answer.text().contains("route_not_found");
        assert!(!is_none, "{endpoint}: {answer:?}");
    }
    let none = server.get("/v1/none\u{7f}");
    assert!((400..=404).contains(&none.status), "{none:?}");
    let none = server.get("/v1/none");
    assert_eq!((none.status, none.json()["error"]["code"].as_str()), (404, Some("route_not_found")));
    assert_eq!(server.get("/api/none").json()["error"], "no route GET /api/none");
    let wrong = server.send("DELETE /version HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((wrong.status, wrong.json()["error"]["code"].as_str()), (405, Some("method_not_allowed")));
    assert!(wrong.header("allow").unwrap().contains("GET"), "{wrong:?}");
}

#[test]
fn the_root_tells_what_happens() {
    let server = start(ServerOptions::default());
    let model = server.app.metrics().model("tiny");
    model.record_prompt(10, 4);
    model.record_completion(5);
    let root = server.get("/").json();
    assert_eq!((root["name"].as_str(), root["version"].as_str()), (Some("trinity"), Some(env!("CARGO_PKG_VERSION"))));
    let live = &root["metrics"];
    assert_eq!((live["total_requests"].as_u64(), live["active_requests"].as_u64()), (Some(1), Some(1)));
    assert_eq!(live["total_tokens"], 15);
    assert!(live["throughput_tok_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_browser_gets_the_page_without_a_key_and_a_program_does_not() {
    let keys = server::auth::Keys::parse("k", "secret", server::auth::KeyFileFormat::Lines).unwrap();
    let server = start(ServerOptions { keys, ..ServerOptions::default() });
    let ask = |path: &str, method: &str| {
        server.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html,*/*\r\n\r\n"))
    };
    let page = ask("/", "GET");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let html = page.text();
    let files: Vec<&str> = html.split('"').filter(|word| word.starts_with("page/")).collect();
    assert!(files.len() > 3, "{html}");
    for file in files {
        assert_eq!(server.get(&format!("/{file}")).status, 200, "{file}");
    }
    assert_eq!((ask("/", "POST").status, ask("//", "GET").status, ask("/metrics", "GET").status), (401, 401, 401));
    assert_eq!(server.get("/").status, 401, "the figures need a key");
    assert_eq!(start(ServerOptions { page: None, ..ServerOptions::default() }).get("/page/none.js").status, 404);
}

/// Returns the value of a sample.
fn value(text: &str, sample: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().unwrap()
}

#[test]
fn metrics_are_well_formed_and_true() {
    let compat = vec![Compat::Vllm, Compat::LlamaCpp];
    let server = start(ServerOptions { metrics_compat: compat, ..ServerOptions::default() });
    let model = server.app.metrics().model("tiny");
    model.record_prompt(10, 4);
    model.record_completion(5);
    model.record_ttft(0.3);
    model.record_inter_token(0.02);
    model.record_queue(0.01);
    model.record_finish(Finish::Stop, 1.5, 0.25, 1.25);
    let stream = model.open_stream();
    assert_eq!(server.get("/none").status, 404);
    assert_eq!(server.get("/version").status, 200);
    wait("the answers to be counted", || server.app.metrics().n_active() == 0);
    let answer = server.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    for (sample, expected) in [
        ("trinity_responses_total{route=\"/version\",method=\"GET\",status=\"200\",class=\"2xx\"}", 1.0),
        ("trinity_responses_total{route=\"none\",method=\"GET\",status=\"404\",class=\"4xx\"}", 1.0),
        ("trinity_requests_active", 0.0),
        ("trinity_prompt_tokens_total{model=\"tiny\"}", 10.0),
        ("trinity_cached_tokens_total{model=\"tiny\"}", 4.0),
        ("trinity_prefix_hits_total{model=\"tiny\"}", 1.0),
        ("trinity_completion_tokens_total{model=\"tiny\"}", 5.0),
        ("trinity_streams_open{model=\"tiny\"}", 1.0),
        ("trinity_generations_total{model=\"tiny\",reason=\"stop\"}", 1.0),
        ("trinity_time_to_first_token_seconds_bucket{model=\"tiny\",le=\"0.25\"}", 0.0),
        ("trinity_time_to_first_token_seconds_bucket{model=\"tiny\",le=\"0.5\"}", 1.0),
        ("trinity_time_to_first_token_seconds_sum{model=\"tiny\"}", 0.3),
        ("trinity_inter_token_seconds_count{model=\"tiny\"}", 1.0),
        ("trinity_kv_pages_free{model=\"tiny\\\"\\\\\\nmodel\"}", 50.0),
        ("trinity_states{model=\"tiny\\\"\\\\\\nmodel\"}", 8.0),
        ("trinity_states_free{model=\"tiny\\\"\\\\\\nmodel\"}", 5.0),
        ("trinity_states_cached{model=\"tiny\\\"\\\\\\nmodel\"}", 2.0),
        ("trinity_preemptions_total{model=\"tiny\\\"\\\\\\nmodel\"}", 7.0),
        ("trinity_panics_total", 1.0),
        ("trinity_engine_panics_total{model=\"tiny\\\"\\\\\\nmodel\"}", 1.0),
        ("vllm:num_requests_running{model_name=\"tiny\\\"\\\\\\nmodel\"}", 3.0),
        ("vllm:kv_cache_usage_perc{model_name=\"tiny\\\"\\\\\\nmodel\"}", 0.2),
        ("vllm:time_to_first_token_seconds_count{model_name=\"tiny\"}", 1.0),
        ("vllm:request_success_total{model_name=\"tiny\",finished_reason=\"stop\"}", 1.0),
        ("llamacpp:prompt_tokens_total", 6.0),
        ("llamacpp:prompt_tokens_cached_total", 4.0),
        ("llamacpp:predicted_tokens_seconds", 4.0),
        ("llamacpp:requests_deferred", 2.0),
        ("llamacpp:kv_cache_tokens", 640.0),
    ] {
        assert_eq!(value(text, sample), expected, "{sample}");
    }
    well_formed(text);
    drop(stream);
    let text = server.get("/metrics");
    let started: u64 = text.header("process-start-time-unix").unwrap().parse().unwrap();
    assert!(started > 1_700_000_000);
    assert_eq!(value(text.text(), "trinity_streams_open{model=\"tiny\"}"), 0.0);
    let plain = start(ServerOptions::default()).get("/metrics");
    assert!(!plain.text().contains("vllm:") && !plain.text().contains("llamacpp:"));
}

/// Checks that each family is declared once, before its samples, and that every line is a declaration or a sample with
/// a number.
fn well_formed(text: &str) {
    let mut families = std::collections::BTreeSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let mut words = rest.split(' ');
            family = words.next().unwrap();
            assert!(families.insert(family), "{family} is declared twice");
            assert!(["counter", "gauge", "histogram"].contains(&words.next().unwrap()), "{line}");
        } else if !line.starts_with("# HELP ") {
            assert!(line.starts_with(family), "{line} below {family}");
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        }
    }
    assert!(families.len() > 30);
}

#[test]
fn routers_find_what_they_ask_for() {
    let server = start(ServerOptions::default());
    let loads = server.get("/v1/loads?include=core,disagg,queues,memory").json();
    let load = &loads["loads"][0];
    assert_eq!((load["num_running_reqs"].as_u64(), load["num_waiting_reqs"].as_u64()), (Some(3), Some(2)));
    assert_eq!((load["num_used_tokens"].as_u64(), load["max_total_num_tokens"].as_u64()), (Some(640), Some(3200)));
    assert_eq!((load["token_usage"].as_f64(), load["cache_hit_rate"].as_f64()), (Some(0.2), Some(0.25)));
    // Nothing runs any more, but it is known how fast it goes when something does.
    assert_eq!(load["gen_throughput"].as_f64(), Some(50.0));
    assert!(loads["timestamp"].is_string() && loads["dp_rank_count"] == 1);
    for path in ["/server_info", "/get_server_info"] {
        let info = server.get(path).json();
        assert_eq!((info["model_path"].as_str(), info["context_length"].as_u64()), (Some("tiny.gguf"), Some(2048)));
        assert_eq!((info["max_running_requests"].as_u64(), info["dp_size"].as_u64()), (Some(16), Some(1)));
    }
    for path in ["/model_info", "/get_model_info"] {
        let info = server.get(path).json();
        assert_eq!((info["is_generation"].as_bool(), info["architectures"][0].as_str()), (Some(true), Some("llama")));
    }
    assert!(server.get("/version").json()["version"].is_string());
}
