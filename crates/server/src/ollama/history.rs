//! A conversation that the context has no room for, without its oldest messages.
//!
//! As Ollama does it, but by turns: messages of the system stay, the last message stays, and of the others as many go,
//! from the front, as must. Agents with small contexts rely on it; who does not want it says `truncate: false` and is
//! told both numbers.

use chat::Segment;
use serde_json::Value;
use tokenizer::TokenId;

use crate::error::ApiError;

/// A conversation as the template writes it.
pub(super) struct Rendered {
    pub(super) segments: Vec<Segment>,
    pub(super) ids: Vec<TokenId>,
}

/// Returns the longest end of the conversation that leaves room for a token of the answer, and how many messages it
/// leaves out; `None` where not even the last message fits.
pub(super) fn shorten(
    messages: &[Value],
    room: usize,
    render: impl Fn(&[Value]) -> Result<Rendered, ApiError>,
) -> Option<(usize, Rendered)> {
    // Answers without their questions mean little, results without their calls nothing, and many templates refuse
    // either.
    let is_start = |(i, message): &(usize, &Value)| *i + 1 == messages.len() || role(message) == "user";
    let starts: Vec<usize> = messages.iter().enumerate().skip(1).filter(is_start).map(|(i, _)| i).collect();
    let from = |start: usize| -> Option<(usize, Rendered)> {
        let (older, rest) = messages.split_at_checked(start)?;
        let kept: Vec<Value> = older.iter().filter(|message| role(message) == "system").chain(rest).cloned().collect();
        // A template that refuses where it begins may take it elsewhere.
        let rendered = render(&kept).ok().filter(|rendered| rendered.ids.len() < room)?;
        Some((messages.len() - kept.len(), rendered))
    };
    // The later it begins the shorter it is, so that a few renderings find the place.
    let (mut low, mut high, mut best) = (0, starts.len(), None);
    while low < high {
        let middle = usize::midpoint(low, high);
        match starts.get(middle).and_then(|start| from(*start)) {
            Some(found) => (high, best) = (middle, Some(found)),
            None => low = middle + 1,
        }
    }
    best
}

fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Renders messages, each as so many tokens as its content says.
    #[allow(clippy::unnecessary_wraps, reason = "in place of a template, which may refuse")]
    fn render(messages: &[Value]) -> Result<Rendered, ApiError> {
        let n: u64 = messages.iter().map(|m| m["content"].as_u64().unwrap()).sum();
        Ok(Rendered { segments: Vec::new(), ids: vec![TokenId(0); n as usize] })
    }

    fn check(roles: &str, room: usize, expected: Option<(usize, usize)>) {
        let role = |c| match c {
            's' => "system",
            'u' => "user",
            'a' => "assistant",
            _ => "tool",
        };
        let messages: Vec<Value> = roles.chars().map(|c| json!({"role": role(c), "content": 10})).collect();
        let got = shorten(&messages, room, render).map(|(n, rendered)| (n, rendered.ids.len()));
        assert_eq!(got, expected, "{roles} in {room}");
    }

    #[test]
    fn the_oldest_go_and_the_systems_words_stay() {
        check("suauau", 51, Some((2, 40)));
        check("suauau", 41, Some((2, 40)));
        check("suauau", 40, Some((4, 20)));
        check("suauau", 21, Some((4, 20)));
        check("suauau", 20, None);
        check("suattau", 41, Some((5, 20)));
        check("usauasu", 41, Some((4, 30)));
        check("u", 5, None);
        check("", 5, None);
    }
}
