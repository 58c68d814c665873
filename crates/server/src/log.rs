//! What is written about requests: one line each, with nothing in it that a terminal or a log reader could take for
//! more than text.

use std::{sync::Arc, time::Duration};

use tracing::Level;

use crate::tally::Told;

/// Longest text of a client that a line shows, in characters.
const TEXT_CHARS_MAX: usize = 256;

/// The target of access lines in `tracing`.
pub const ACCESS_TARGET: &str = "server::access";

/// Puts `text` on one line: control characters, and those that turn or break lines, are spelled out; long text is cut.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len().min(TEXT_CHARS_MAX));
    for (index, c) in text.chars().enumerate() {
        if index == TEXT_CHARS_MAX {
            escaped.push('…');
            break;
        }
        match c {
            '\\' => escaped.push_str("\\\\"),
            c => gguf::push_escaped(&mut escaped, c),
        }
    }
    escaped
}

/// What one line says of a request, beside what it cost: no query, no header beyond the id, no body.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) request_id: Arc<str>,
    pub(crate) peer: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) is_complete: bool,
    /// Whether it is a file of the chat page, of which each visit asks for a dozen.
    pub(crate) is_page_file: bool,
    pub(crate) duration: Duration,
}

impl Access {
    /// Writes the line, with what was `told` of the work of a model, if one was asked.
    pub(crate) fn log(&self, key_id: Option<&str>, told: Option<&Told<'_>>) {
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    target: ACCESS_TARGET,
                    $level,
                    id = %self.request_id,
                    peer = %self.peer,
                    key = key_id.unwrap_or("-"),
                    method = %escape(&self.method),
                    path = %escape(&self.path),
                    status = self.status,
                    bytes = self.bytes,
                    ms = self.duration.as_millis() as u64,
                    end = if self.is_complete { "complete" } else { "cut" },
                    model = told.map(|t| t.model),
                    prompt_tokens = told.map(|t| t.n_prompt),
                    cached_tokens = told.map(|t| t.n_cached),
                    completion_tokens = told.map(|t| t.n_completion),
                    ttft_ms = told.and_then(|t| t.to_first).map(|time| time.as_millis() as u64),
                    tokens_per_second = told.and_then(|t| t.tokens_per_second).map(|rate| (rate * 10.0).round() / 10.0),
                )
            };
        }
        if self.is_page_file {
            line!(Level::DEBUG);
        } else {
            line!(Level::INFO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_the_line() {
        let text = escape("a\nb\r\u{1b}[31m\0\u{202e}é\\n\u{2028}\u{7f}");
        assert_eq!(text, "a\\nb\\r\\u{1b}[31m\\u{0}\\u{202e}é\\\\n\\u{2028}\\u{7f}");
        assert_eq!(escape(&"x".repeat(10_000)).chars().count(), TEXT_CHARS_MAX + 1);
    }
}
