//! Every limit of the table: what is at it passes, what is one over is refused. And what documents say of limits is so.

use std::{collections::BTreeMap, fmt::Display, fs, path::Path};

use engine::{
    RepetitionBounds,
    limits::{PATTERN_LEN_MAX, PENALTY, PRIORITY, PROBABILITY, REPEAT_PENALTY, Range},
};
use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::{KeyFileFormat, Keys},
    limits::{self, Limit},
};

use crate::{
    loopback::{Answer, Loopback},
    openai::support::{FILLS, STORIES, post_bytes, server, with},
};

const COMPLETIONS: &str = "/v1/completions";

/// Sends `n` of what the limit `name` counts; returns whether that was taken.
fn is_taken(server: &Loopback, name: &str, n: usize) -> bool {
    let post = |path: &str, body: &Value| server.send(post_bytes(path, body));
    let get =
        |path: &str, headers: &str| server.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
    let ok = |answer: Answer| {
        assert!([200, 400, 404, 413, 431].contains(&answer.status), "{name} {n}: {answer:?}");
        answer.status == 200
    };
    let completion = json!({"model": STORIES, "prompt": "a", "max_tokens": 1});
    let asks = |more: Value| ok(post(COMPLETIONS, &with(&completion, &more)));
    let texts = |text: &'static str| vec![text; n];
    let keys = |text: &str| Keys::parse("k", text, KeyFileFormat::Lines).is_ok();
    match name {
        "request body" => {
            let body = completion.to_string();
            let body = format!("{body}{}", " ".repeat(n - body.len()));
            let head = "Host: localhost\r\nContent-Type: application/json";
            ok(server.send(format!("POST {COMPLETIONS} HTTP/1.1\r\n{head}\r\nContent-Length: {n}\r\n\r\n{body}")))
        }
        "request head" => {
            let rest = "GET /health HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n".len();
            ok(get("/health", &format!("X: {}\r\n", "y".repeat(n - rest))))
        }
        "request headers" => ok(get("/health", &(1..n).map(|i| format!("X-{i}: y\r\n")).collect::<String>())),
        "request url" => ok(get(&format!("/health?{}", "a".repeat(n - "/health?".len())), "")),
        "request id" => {
            let id = "a".repeat(n);
            get("/health", &format!("X-Request-Id: {id}\r\n")).header("x-request-id") == Some(&id)
        }
        "json depth" => {
            let body = format!(
                "{{\"prompt\": \"a\", \"max_tokens\": 1, \"user\": {}{}}}",
                "[".repeat(n - 1),
                "]".repeat(n - 1)
            );
            ok(server.send(format!(
                "POST {COMPLETIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )))
        }
        "api keys" => keys(&(0..n).map(|i| format!("key-{i:08}\n")).collect::<String>()),
        "api key file" => keys(&format!("key-00000000\n#{}", "x".repeat(n - "key-00000000\n#".len()))),
        "api key" => keys(&"k".repeat(n)),
        "messages" => {
            // The model has no template, so that nothing is rendered: what is refused before is what counts.
            let messages = vec![json!({"role": "user", "content": "a"}); n];
            !post("/api/chat", &json!({"model": STORIES, "messages": messages}))
                .text()
                .contains(&format!("{n} messages"))
        }
        "stop strings" => asks(json!({"stop": texts("zzz")})),
        "stop string" => asks(json!({"stop": "z".repeat(n)})),
        "choices (n)" => asks(json!({"n": n})),
        "top_logprobs" => asks(json!({"logprobs": n})),
        "logit_bias" => {
            // The vocabulary is small, so ids beyond it are refused too, but for another reason.
            let biases: BTreeMap<String, f64> = (0..n).map(|id| (id.to_string(), 1.0)).collect();
            let answer = post(COMPLETIONS, &with(&completion, &json!({"logit_bias": biases})));
            !answer.text().contains(&format!("{n} entries"))
        }
        // Those of the vocabulary are enough.
        "stop tokens" => asks(json!({"stop_token_ids": (0..n).collect::<Vec<_>>()})),
        "tools" => {
            let tool = |i: usize| json!({"type": "function", "function": {"name": format!("t{i}")}});
            let tools: Vec<Value> = (0..n).map(tool).collect();
            let body = json!({"messages": [{"role": "user", "content": "a"}], "tools": tools});
            !post("/v1/chat/completions", &body).text().contains(&format!("{n} tools"))
        }
        "inputs" => ok(post("/v1/embeddings", &json!({"input": texts("a")}))),
        "embedding numbers without pooling" => {
            // The model's vectors have 64; the prompt is too long in any case, which is seen later.
            let body = json!({"model": "unpooled", "content": vec![7; n.div_ceil(64)]});
            !post("/embedding", &body).text().contains(" numbers, at most")
        }
        "prompt log-probabilities" => {
            let mut prompts = vec![vec![7; n / 64]; 64];
            prompts[0].resize(n / 64 + n % 64, 7);
            let body = json!({"prompt": prompts, "prompt_logprobs": 0, "max_tokens": 1});
            !post(COMPLETIONS, &body).text().contains(" tokens of prompts with")
        }
        "prompts" => asks(json!({"prompt": texts("a")})),
        "input files" => {
            let files = vec![json!({"text": ""}); n];
            let body =
                json!({"model": FILLS, "input_prefix": "a", "input_suffix": "b", "n_predict": 1, "input_extra": files});
            !post("/infill", &body).text().contains(&format!("{n} files"))
        }
        "samplers" => ok(post("/completion", &json!({"prompt": "a", "n_predict": 1, "samplers": texts("top_k")}))),
        "indentation (n_indent)" => ok(post("/completion", &json!({"prompt": "a", "n_predict": 1, "n_indent": n}))),
        "response fields" => {
            ok(post("/completion", &json!({"prompt": "a", "n_predict": 1, "response_fields": texts("content")})))
        }
        other => panic!("the limit {other:?} has no test"),
    }
}

#[test]
fn one_over_each_limit_is_refused() {
    let server = server(&[STORIES, FILLS, "unpooled"]);
    let options = ServerOptions::default();
    for Limit { name, value, .. } in limits::TABLE {
        let n = usize::try_from(*value).unwrap();
        match *name {
            // Of connections and time; what happens beyond them is tested with smaller ones, as in
            // `connections.rs::more_connections_than_places_wait`,
            // `connections.rs::who_dribbles_is_shown_the_door_and_others_are_served` and
            // `tls.rs::who_does_not_shake_hands_is_let_go`.
            "connections" => assert_eq!(options.connections_max, n),
            "head read timeout" => assert_eq!(options.head_timeout.as_secs(), *value),
            "body read timeout" => assert_eq!(options.body_timeout.as_secs(), *value),
            "write timeout" => assert_eq!(options.write_timeout.as_secs(), *value),
            "tls handshake timeout" => assert_eq!(options.handshake_timeout.as_secs(), *value),
            // Of memory, and of what the server does at once for all: src/kept.rs and src/blocking.rs try smaller ones.
            "responses kept" => assert_eq!(options.responses_max, n),
            "memory of responses kept" => assert_eq!(options.responses_bytes_max, n),
            "threads for long work" => assert_eq!(options.workers_max, n),
            "requests waiting for one" => assert_eq!(options.work_queued_max, n),
            // Those that nobody can set are gone over in `crates/server/src/kept.rs::number_bytes_and_age_are_bounded`,
            // `llamacpp/completion.rs::all_probabilities_are_told_of_as_many_tokens_as_there_is_room_for`,
            // `departures.rs::who_sends_without_end_while_it_waits_is_cut_off` and
            // `ollama/pull.rs::one_pull_too_many_is_refused_until_one_has_ended`.
            "time responses are kept" | "log-probabilities" | "sent ahead of an answer" | "pulls" => {}
            name => {
                assert!(is_taken(&server, name, n), "{name}: {n}");
                assert!(!is_taken(&server, name, n + 1), "{name}: one over {n}");
            }
        }
    }
    assert_eq!(server.app.metrics().n_panics(), 0);
}

/// Spells a number as documents write it: `1,048,576`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the sentences of each document that state a limit, made from the limits.
fn statements() -> Vec<(&'static str, Vec<String>)> {
    let row = |field: &str, default: &str, range: &dyn Display| format!("| {field} | {default} | {range}");
    let RepetitionBounds { pattern_len_max, count_min, tokens_min, .. } = RepetitionBounds::OWN;
    let stops = (limits::STOP_STRINGS_MAX, limits::STOP_BYTES_MAX);
    let top = Range { min: 0, max: limits::TOP_LOGPROBS_MAX };
    let Range { min: least, max: largest } = PENALTY;
    let openai = vec![
        format!("{}; 0 takes the most likely token |", limits::OPENAI_TEMPERATURE),
        row("`top_p`, `min_p`, `typical_p` (or `typ_p`)", "1, 0, 1", &PROBABILITY),
        row("`frequency_penalty`, `presence_penalty`", "0", &PENALTY),
        row("`repeat_penalty` (or `repetition_penalty`)", "1", &REPEAT_PENALTY),
        format!("token ids as text, {}; at most {} |", limits::OPENAI_LOGIT_BIAS, grouped(limits::LOGIT_BIAS_MAX)),
        row("`n`", "1", &Range { min: 1, max: limits::CHOICES_MAX }),
        format!("a list of at most {}, each at most {} bytes", stops.0, stops.1),
        format!("as in vLLM; at most {} |", limits::STOP_TOKENS_MAX),
        format!(
            "a pattern of at most {pattern_len_max} tokens, at least {count_min} times in a row and {} tokens in all",
            grouped(tokens_min)
        ),
        format!("`max_pattern_size` (at most {}; 0 is off)", grouped(PATTERN_LEN_MAX)),
        row("`priority`", "0", &PRIORITY),
        format!("`top_logprobs` ({top})"),
        format!("`logprobs` ({top})"),
        format!("`prompt_logprobs: N` ({top}, not in a stream)"),
        format!("Answers hold at most {} of them", grouped(limits::PROMPT_LOGPROBS_MAX)),
        format!("(at most {} prompts)", limits::PROMPTS_MAX),
        format!("`best_of` (at most {}, not in a stream)", limits::CHOICES_MAX),
        format!("`input` in its four forms (at most {})", grouped(limits::INPUTS_MAX)),
        format!("the last {} (`--responses-kept`", grouped(limits::RESPONSES_MAX)),
        format!("at most {} MiB (`--responses-memory`)", limits::RESPONSES_BYTES_MAX >> 20),
        format!("for {} hours after their last use", limits::RESPONSES_AGE_MAX.as_secs() / 3600),
    ];
    let anthropic = vec![
        format!("| `temperature`, `top_p` | {}", limits::ANTHROPIC_TEMPERATURE),
        format!("| `stop_sequences` | at most {}, each at most {} bytes", stops.0, stops.1),
        format!("({} to `max_tokens`)", grouped(limits::THINKING_BUDGET_MIN)),
    ];
    let llamacpp = vec![
        format!("as often as they are listed, at most {};", limits::SAMPLERS_MAX),
        format!("are at most {} together where", grouped(limits::LOGPROBS_MAX)),
        format!("where `n_probs` is above {}.", limits::TOP_LOGPROBS_MAX),
        format!("Penalties lie between {least} and {largest}."),
        format!("at most {} numbers in an answer", grouped(limits::EMBEDDING_NUMBERS_MAX)),
    ];
    let operating = vec![
        format!("({} is the highest there is)", PRIORITY.max),
        format!("| `--max-connections` | {},", limits::CONNECTIONS_MAX),
        format!("{}, {} MiB | answers of `/v1/responses`", limits::RESPONSES_MAX, limits::RESPONSES_BYTES_MAX >> 20),
        format!("{} requests may wait for one", limits::WORK_QUEUED_MAX),
        format!("A head has {} s, a body {} s,", limits::HEAD_TIMEOUT.as_secs(), limits::BODY_TIMEOUT.as_secs()),
        format!("take nothing of an answer for {} s;", limits::WRITE_TIMEOUT.as_secs()),
    ];
    vec![
        ("openai-api.md", openai),
        ("anthropic-api.md", anthropic),
        ("llamacpp-api.md", llamacpp),
        ("operating.md", operating),
    ]
}

#[test]
fn documents_say_the_limits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for (name, statements) in statements() {
        // Lines of a document are wrapped anywhere.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let document = words(&fs::read_to_string(folder.join(name)).unwrap());
        for statement in statements {
            assert!(document.contains(&words(&statement)), "docs/{name} does not say {statement:?}");
        }
    }
}
