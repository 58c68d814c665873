//! What a completion answers.

use serde_json::{Map, Value, json};
use tokenizer::{TokenId, Tokenizer};

use super::request::Answer;
use crate::{
    generation::{Choice, EndReason, Ended, TokenReport},
    models::Lease,
    wire::{Timings, finite},
};

/// Writes a whole choice.
pub(super) fn whole(lease: &Lease, answer: &Answer, prompt: usize, index: usize, choice: &Choice) -> Value {
    let tokenizer = lease.handle.tokenizer();
    let ids: Vec<u32> = choice.tokens.iter().map(|token| token.id.0).collect();
    let end = End { lease, answer, prompt, index, has_new_line: choice.text.contains('\n'), ended: &choice.ended };
    let mut result = end.to_json(&choice.text, if answer.return_tokens { &ids } else { &[] });
    if let (true, Some(fields)) = (answer.has_probs, result.as_object_mut()) {
        let probs = choice.tokens.iter().filter_map(|token| probability(tokenizer, token)).collect();
        fields.insert("completion_probabilities".to_owned(), Value::Array(probs));
    }
    selected(result, answer.response_fields.as_deref())
}

/// The end of a choice, and what is told then.
pub(super) struct End<'a> {
    pub(super) lease: &'a Lease,
    pub(super) answer: &'a Answer,
    pub(super) prompt: usize,
    pub(super) index: usize,
    pub(super) has_new_line: bool,
    pub(super) ended: &'a Ended,
}

impl End<'_> {
    pub(super) fn to_json(&self, content: &str, tokens: &[u32]) -> Value {
        let Self { lease, answer, ended, .. } = self;
        let usage = &ended.usage;
        let (stop_type, stopping_word) = match ended.reason {
            EndReason::EndOfGeneration | EndReason::ToolCalls => ("eos", ""),
            EndReason::StopString(which) => ("word", which.and_then(|i| answer.stop.get(i)).map_or("", String::as_str)),
            EndReason::Length | EndReason::Repetition | EndReason::TimedOut => ("limit", ""),
        };
        let is_full = usage.n_prompt + usage.n_completion >= lease.handle.context_len_max();
        json!({
            "index": self.index,
            "content": content,
            "tokens": tokens,
            "id_slot": answer.id_slot,
            "stop": true,
            "model": lease.id,
            "tokens_predicted": usage.n_completion,
            "tokens_evaluated": usage.n_prompt,
            "generation_settings": answer.settings,
            "prompt": answer.prompts.get(self.prompt).map_or("", String::as_str),
            "has_new_line": self.has_new_line,
            "truncated": ended.reason == EndReason::Length && is_full,
            "stop_type": stop_type,
            "stopping_word": stopping_word,
            "tokens_cached": usage.n_cached,
            "timings": Timings::from(*ended),
        })
    }
}

/// Returns only the fields of `fields`; one inside another is named with a slash and keeps that name.
pub(super) fn selected(result: Value, fields: Option<&[String]>) -> Value {
    let Some(fields) = fields.filter(|f| !f.is_empty()) else { return result };
    let find = |path: &String| path.split('/').try_fold(&result, |value, key| value.get(key)).cloned();
    fields.iter().filter_map(|path| Some((path.clone(), find(path)?))).collect::<Map<_, _>>().into()
}

/// Writes an entry of `completion_probabilities`; `None` if the request did not ask for them.
pub(super) fn probability(tokenizer: &Tokenizer, token: &TokenReport) -> Option<Value> {
    let logprobs = token.logprobs.as_ref()?;
    let mut entry = token_logprob(tokenizer, token.id, logprobs.picked);
    let top = logprobs.top.iter().map(|(id, logprob)| token_logprob(tokenizer, *id, *logprob)).collect();
    entry.as_object_mut()?.insert("top_logprobs".to_owned(), Value::Array(top));
    Some(entry)
}

fn token_logprob(tokenizer: &Tokenizer, id: TokenId, logprob: f32) -> Value {
    let bytes = tokenizer.token_bytes(id);
    json!({"id": id.0, "token": String::from_utf8_lossy(&bytes), "bytes": *bytes, "logprob": finite(logprob)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_selected_and_keep_their_names() {
        let result = json!({"a": 1, "b": {"c": [2], "d": 3}});
        let select = |fields: &[&str]| {
            let fields: Vec<String> = fields.iter().map(|&f| f.to_owned()).collect();
            selected(result.clone(), Some(&fields))
        };
        assert_eq!(selected(result.clone(), None), result);
        assert_eq!(select(&[]), result);
        assert_eq!(select(&["b/c", "a", "e", "b/c/0"]), json!({"b/c": [2], "a": 1}));
    }
}
