//! What a request may ask for: named constants, one table, printed by `trinity limits` and `trinity serve --limits`.

use std::time::Duration;

use serde_json::Value;

use engine::limits::{ADAPTER_SCALE, PATTERN_LEN_MAX, PENALTY, PROBABILITY, REPEAT_PENALTY, Range, TEMPERATURE};
pub use engine::limits::{
    CHOICES_MAX, LOGIT_BIAS_MAX, PRIORITY, SAMPLERS_MAX, STOP_BYTES_MAX, STOP_STRINGS_MAX, STOP_TOKENS_MAX,
};

pub use crate::json::JSON_DEPTH_MAX;

/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 8 << 20;
/// Bytes of a request's head: request line and headers.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of a request.
pub const HEADERS_MAX: usize = 100;
/// Bytes of path and query.
pub const URL_BYTES_MAX: usize = 8 << 10;
/// Bytes that a client may send ahead while it waits for an answer; one that sends more is cut off.
pub const PIPELINED_BYTES_MAX: usize = 256 << 10;
/// Connections open at once; with one more the longest silent gives way, and where none is silent it waits.
pub const CONNECTIONS_MAX: usize = 4096;
/// Longest time from the first byte of a request, or the end of the one before it, to the end of its head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time from the first to the last byte of a body.
pub const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest time that a client may take nothing of what is sent to it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for a TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Keys of a key file.
pub const KEYS_MAX: usize = 10_000;
/// Bytes of a key file.
pub const KEY_FILE_BYTES_MAX: usize = 4 << 20;
/// Bytes of an API key.
pub const KEY_BYTES_MAX: usize = 512;
/// Bytes of a request id that a client chose.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Messages of a conversation.
pub const MESSAGES_MAX: usize = 4096;
/// Alternatives that a token may be reported with: as many as the engine tells of the tokens of a prompt.
pub const TOP_LOGPROBS_MAX: usize = engine::limits::PROMPT_TOP_LOGPROBS_MAX;
/// Numbers in an answer whose tokens are reported with more than [`TOP_LOGPROBS_MAX`] alternatives: tokens that may be
/// written, times one more than the alternatives of each.
pub const LOGPROBS_MAX: usize = 1 << 20;
const _: () = assert!(LOGPROBS_MAX <= engine::limits::TOP_LOGPROBS_MAX, "what passes here passes the engine");
/// Tools of a request.
pub const TOOLS_MAX: usize = reply::TOOLS_MAX;
/// Texts of one request for embeddings.
pub const INPUTS_MAX: usize = 2048;
/// Numbers in an answer of embeddings that are not pooled: tokens, times the width of a vector.
pub const EMBEDDING_NUMBERS_MAX: usize = 8 << 20;
/// Numbers in an answer with log-probabilities of prompts: tokens, times one more than the best tokens reported with
/// each.
pub const PROMPT_LOGPROBS_MAX: usize = 1 << 20;
/// Prompts of one request for completions.
pub const PROMPTS_MAX: usize = 64;
/// Files beside the one whose gap is filled (`input_extra`).
pub const INPUT_FILES_MAX: usize = 256;
/// Least indentation of lines that a request may ask for (`n_indent`).
pub const INDENT_MAX: usize = 1024;
/// Fields that an answer can be cut down to (`response_fields`).
pub const RESPONSE_FIELDS_MAX: usize = 64;
/// Answers of `/v1/responses` that are kept, unless the operator says otherwise.
pub const RESPONSES_MAX: usize = 1024;
/// Bytes of all answers of `/v1/responses` that are kept, unless the operator says otherwise.
pub const RESPONSES_BYTES_MAX: usize = 64 << 20;
/// Time that an answer of `/v1/responses` is kept after its last use.
pub const RESPONSES_AGE_MAX: Duration = Duration::from_hours(24);
/// Threads for long work: reading prompts, compiling grammars.
pub const WORKERS_MAX: usize = 4;
/// Requests that may wait for a thread for long work, of all callers together; one caller may have half of these
/// places.
pub const WORK_QUEUED_MAX: usize = 256;
/// Models being pulled at once.
pub const PULLS_MAX: usize = 2;

/// Temperatures of OpenAI's API.
pub const OPENAI_TEMPERATURE: Range<f64> = Range { min: 0.0, max: 2.0 };
/// Temperatures of Anthropic's API.
pub const ANTHROPIC_TEMPERATURE: Range<f64> = Range { min: 0.0, max: 1.0 };
/// Temperatures of llama.cpp's API, where those below zero are greedy.
pub const LLAMACPP_TEMPERATURE: Range<f64> = Range { min: -TEMPERATURE.max, max: TEMPERATURE.max };
/// Biases of OpenAI's API, from never to always, or nearly.
pub const OPENAI_LOGIT_BIAS: Range<f64> = Range { min: -100.0, max: 100.0 };
/// Biases of llama.cpp's API.
pub const LLAMACPP_LOGIT_BIAS: Range<f64> = Range { min: -1e6, max: 1e6 };
/// `time_limit`, in seconds.
pub const TIME_LIMIT: Range<f64> = Range { min: 0.001, max: 86_400.0 };
/// Longest `t_max_predict_ms`: a day.
pub const PREDICT_MS_MAX: usize = 86_400_000;
/// Fewest tokens of a thinking budget (`budget_tokens`), by Anthropic's documents.
pub const THINKING_BUDGET_MIN: usize = 1024;
/// `embd_normalize`: the p of a p-norm, with 0 for the largest absolute value and -1 for none.
pub const EMBEDDING_NORM: Range<i64> = Range { min: -1, max: 100 };
/// Items of one list of `/v1/responses/{id}/input_items`.
pub const INPUT_ITEMS_MAX: usize = 100;

/// A row of [`TABLE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What is limited.
    pub name: &'static str,
    /// The largest value that is taken.
    pub value: u64,
    /// The unit of `value`: `bytes`, `seconds`, or nothing for a count.
    pub unit: &'static str,
}

const fn count(name: &'static str, value: usize) -> Limit {
    Limit { name, value: value as u64, unit: "" }
}

const fn bytes(name: &'static str, value: usize) -> Limit {
    Limit { name, value: value as u64, unit: "bytes" }
}

const fn seconds(name: &'static str, value: Duration) -> Limit {
    Limit { name, value: value.as_secs(), unit: "seconds" }
}

/// Every limit on requests.
pub const TABLE: &[Limit] = &[
    bytes("request body", BODY_BYTES_MAX),
    bytes("request head", HEAD_BYTES_MAX),
    count("request headers", HEADERS_MAX),
    bytes("request url", URL_BYTES_MAX),
    bytes("request id", REQUEST_ID_BYTES_MAX),
    count("json depth", JSON_DEPTH_MAX),
    bytes("sent ahead of an answer", PIPELINED_BYTES_MAX),
    count("connections", CONNECTIONS_MAX),
    seconds("head read timeout", HEAD_TIMEOUT),
    seconds("body read timeout", BODY_TIMEOUT),
    seconds("write timeout", WRITE_TIMEOUT),
    seconds("tls handshake timeout", HANDSHAKE_TIMEOUT),
    count("api keys", KEYS_MAX),
    bytes("api key file", KEY_FILE_BYTES_MAX),
    bytes("api key", KEY_BYTES_MAX),
    count("messages", MESSAGES_MAX),
    count("stop strings", STOP_STRINGS_MAX),
    bytes("stop string", STOP_BYTES_MAX),
    count("stop tokens", STOP_TOKENS_MAX),
    count("choices (n)", CHOICES_MAX),
    count("top_logprobs", TOP_LOGPROBS_MAX),
    count("log-probabilities", LOGPROBS_MAX),
    count("logit_bias", LOGIT_BIAS_MAX),
    count("samplers", SAMPLERS_MAX),
    count("tools", TOOLS_MAX),
    count("inputs", INPUTS_MAX),
    count("embedding numbers without pooling", EMBEDDING_NUMBERS_MAX),
    count("prompt log-probabilities", PROMPT_LOGPROBS_MAX),
    count("prompts", PROMPTS_MAX),
    count("input files", INPUT_FILES_MAX),
    count("indentation (n_indent)", INDENT_MAX),
    count("response fields", RESPONSE_FIELDS_MAX),
    count("responses kept", RESPONSES_MAX),
    bytes("memory of responses kept", RESPONSES_BYTES_MAX),
    seconds("time responses are kept", RESPONSES_AGE_MAX),
    count("threads for long work", WORKERS_MAX),
    count("requests waiting for one", WORK_QUEUED_MAX),
    count("pulls", PULLS_MAX),
];

const fn whole(name: &'static str, range: Range<i64>) -> (&'static str, Range<f64>) {
    (name, Range { min: range.min as f64, max: range.max as f64 })
}

const fn at_most(name: &'static str, max: usize) -> (&'static str, Range<f64>) {
    (name, Range { min: 0.0, max: max as f64 })
}

/// Ranges that the schemas of `openapi/` name beside the rows of [`TABLE`]: `{"$limit": "priority.min"}`.
const RANGES: &[(&str, Range<f64>)] = &[
    ("openai temperature", OPENAI_TEMPERATURE),
    ("anthropic temperature", ANTHROPIC_TEMPERATURE),
    ("llamacpp temperature", LLAMACPP_TEMPERATURE),
    ("openai logit_bias", OPENAI_LOGIT_BIAS),
    ("llamacpp logit_bias", LLAMACPP_LOGIT_BIAS),
    ("probability", PROBABILITY),
    ("repeat penalty", REPEAT_PENALTY),
    ("penalty", PENALTY),
    ("lora scale", ADAPTER_SCALE),
    whole("priority", Range { min: PRIORITY.min as i64, max: PRIORITY.max as i64 }),
    ("time_limit", TIME_LIMIT),
    at_most("t_max_predict_ms", PREDICT_MS_MAX),
    ("thinking budget", Range { min: THINKING_BUDGET_MIN as f64, max: f64::INFINITY }),
    whole("embd_normalize", EMBEDDING_NORM),
    at_most("input items", INPUT_ITEMS_MAX),
    at_most("max_pattern_size", PATTERN_LEN_MAX),
];

/// The number that a schema of `openapi/` calls `name`: a row of [`TABLE`], or an end of a range (`priority.min`).
pub(crate) fn named(name: &str) -> Option<Value> {
    if let Some(limit) = TABLE.iter().find(|limit| limit.name == name) {
        return Some(limit.value.into());
    }
    let (name, end) = name.rsplit_once('.')?;
    let (_, range) = RANGES.iter().find(|(known, _)| *known == name)?;
    let number = match end {
        "min" => range.min,
        "max" => range.max,
        _ => return None,
    };
    // Whole numbers without a point, as they are written by hand.
    Some(if number.fract() == 0.0 { (number as i64).into() } else { number.into() })
}
