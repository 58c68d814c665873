//! What is written about requests: one line each, with nothing in it that a terminal or a log reader could take for more than text.

use std::{sync::Arc, time::Duration};

/// Longest text of a client that a line shows, characters.
const TEXT_CHARS_MAX: usize = 256;

/// Where the access lines go in `tracing`.
pub const ACCESS_TARGET: &str = "server::access";

/// `text` on one line: control characters, and those that turn or break lines, are spelled out; long text is cut.
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

/// What one line says of a request: no query, no header beyond the id, no body.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) request_id: Arc<str>,
    pub(crate) peer: String,
    pub(crate) key_id: Option<Arc<str>>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) is_complete: bool,
    pub(crate) duration: Duration,
}

impl Access {
    /// Writes the line.
    pub(crate) fn log(&self) {
        tracing::info!(
            target: ACCESS_TARGET,
            id = %self.request_id,
            peer = %self.peer,
            key = self.key_id.as_deref().unwrap_or("-"),
            method = %escape(&self.method),
            path = %escape(&self.path),
            status = self.status,
            bytes = self.bytes,
            ms = self.duration.as_millis() as u64,
            end = if self.is_complete { "complete" } else { "cut" },
        );
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
