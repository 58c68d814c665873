//! Requests of every kind that a server answers, and what of an answer depends on nothing but the request.

use serde_json::{Value, json};

use crate::serve_bench::{client::Caller, statistics::Random};

/// Words that prompts are made of; they are in the vocabulary of every model here.
const WORDS: &[&str] = &[
    "Once", "upon", "a", "time", "there", "was", "the", "little", "dog", "sun", "and", "Lily", "saw", "big", "red",
    "tree", "said", "it",
];
/// Numbers of words of the prompts, from few to more than one chunk.
const PROMPT_WORDS: [usize; 4] = [2, 8, 24, 48];

/// A request to a route of the server.
#[derive(Clone)]
pub(super) struct Ask {
    path: &'static str,
    body: Value,
}

impl Ask {
    /// Makes the `i`th request: kinds, lengths and settings take turns, so that a few dozen hold every pair of them.
    pub(super) fn nth(i: usize, random: &mut Random) -> Self {
        let n_words = PROMPT_WORDS[i % PROMPT_WORDS.len()];
        let prompt = words(n_words, random);
        let n_tokens = 3 + random.below(10);
        let mut body = json!({ "model": "any", "prompt": prompt, "max_tokens": n_tokens, "temperature": 0, "seed": i });
        match i % 7 {
            0 => body["logprobs"] = json!(3),
            1 => {
                body["temperature"] = json!(0.9);
                body["top_p"] = json!(0.95);
            }
            2 => {
                body["temperature"] = json!(1.2);
                body["frequency_penalty"] = json!(0.7);
                body["presence_penalty"] = json!(0.3);
                body["logprobs"] = json!(2);
            }
            3 => {
                body["n"] = json!(3);
                body["temperature"] = json!(1.0);
                body["stop"] = json!([" the", "."]);
            }
            4 => body["guided_regex"] = json!("[a-z ]{5,30}"),
            5 => {
                body["echo"] = json!(true);
                body["logprobs"] = json!(1);
            }
            _ => return Self { path: "/v1/embeddings", body: json!({ "model": "any", "input": [prompt, "a dog"] }) },
        }
        Self { path: "/v1/completions", body }
    }

    /// Makes a request that its client leaves before it is answered: long, several choices, perhaps before all others.
    pub(super) fn to_leave(random: &mut Random) -> Self {
        let n_words = PROMPT_WORDS[random.below(PROMPT_WORDS.len())];
        let body = json!({
            "model": "any", "prompt": words(n_words, random), "max_tokens": 100, "temperature": 1, "n": 1 + random.below(6),
            "stream": random.below(2) == 0, "priority": random.below(3), "cache_prompt": random.below(2) == 0,
        });
        Self { path: "/v1/completions", body }
    }

    /// Asks, and returns the choices or vectors, each of which depends on the request alone; an error if there are
    /// none.
    pub(super) fn ask(&self, caller: Caller<'_>) -> Result<Vec<String>, String> {
        let (status, text) = caller.post(self.path, &self.body)?;
        if status != 200 {
            return Err(format!("POST {}: {status}: {text}", self.path));
        }
        let answer: Value = serde_json::from_str(&text).map_err(|e| format!("POST {}: {e}: {text}", self.path))?;
        let parts = answer["choices"].as_array().or(answer["data"].as_array());
        let parts = parts.filter(|parts| !parts.is_empty()).ok_or_else(|| format!("POST {}: {text}", self.path))?;
        Ok(parts.iter().map(Value::to_string).collect())
    }

    /// Sends the request and leaves.
    pub(super) fn leave(&self, caller: Caller<'_>, random: &mut Random) -> Result<(), String> {
        let patience = std::time::Duration::from_millis(1 + random.below(40) as u64);
        caller.leave(self.path, &self.body, random.below(2000), patience)
    }
}

/// Returns `n` random words.
pub(super) fn words(n: usize, random: &mut Random) -> String {
    (0..n).map(|_| WORDS[random.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
}
