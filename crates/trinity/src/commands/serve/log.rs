//! The log on standard error: one event a line, as text or JSON, whatever clients put into it.
//!
//! A subscriber of our own, because what `tracing-subscriber` adds (span registry, filters, colours) is not used here,
//! and because escaping is the point: a value ends neither its line nor its field.

use std::fmt::{Debug, Write as _};

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

use crate::terminal;

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Level {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// What may become trouble
    Warn,
    /// Each request, in one line without its text
    Info,
    /// Connections and decisions
    Debug,
}

/// How a line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// time LEVEL target message key=value…
    Text,
    /// {"time": …, "level": …, "target": …, …}
    Json,
}

struct Log {
    level: LevelFilter,
    format: Format,
}

/// Begins to log, panics included.
pub(super) fn start(level: Level, format: Format) {
    let level = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    // Fails only if it was done before.
    let _ = tracing::subscriber::set_global_default(Log { level, format });
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("a panic");
        tracing::error!(target: "trinity", place, "panic: {text}");
    }));
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let (level, target) = (metadata.level().as_str(), metadata.target());
        terminal::say(&line(self.format, &terminal::timestamp(), level, target, fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields {
    message: String,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.values.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::String(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }
}

fn line(format: Format, time: &str, level: &str, target: &str, fields: Fields) -> String {
    match format {
        Format::Text => {
            let mut text = format!("{time} {level:<5} {target}");
            if !fields.message.is_empty() {
                let _ = write!(text, " {}", terminal::escape(&fields.message));
            }
            for (name, value) in fields.values {
                let value = match value {
                    Value::String(text) if is_word(&text) => text,
                    // JSON's own quotes, and what it leaves alone that a terminal would not.
                    value => terminal::escape(&value.to_string()),
                };
                let _ = write!(text, " {name}={value}");
            }
            text + "\n"
        }
        Format::Json => {
            let mut map = Map::new();
            for (name, value) in [("time", time), ("level", level), ("target", target)] {
                map.insert(name.to_owned(), value.into());
            }
            if !fields.message.is_empty() {
                map.insert("message".to_owned(), fields.message.into());
            }
            // A field cannot pose as the time or the level of another event.
            for (name, value) in fields.values {
                map.entry(name).or_insert(value);
            }
            // JSON allows as they are DEL, the controls beyond ASCII and what turns text; a terminal obeys them.
            let escape = |mut text: String, c: char| {
                if gguf::must_escape(c) {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(text, "\\u{unit:04x}");
                    }
                } else {
                    text.push(c);
                }
                text
            };
            Value::Object(map).to_string().chars().fold(String::new(), escape) + "\n"
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let values = vec![
            ("path", Value::from("/a b\n\u{1b}[31m=\u{9b}\u{202e}")),
            ("level", Value::from("FAKE")),
            ("status", Value::from(200)),
        ];
        Fields { message: "what\nnow".to_owned(), values }
    }

    #[test]
    fn an_event_is_one_line() {
        let text = line(Format::Text, "T", "INFO", "server", fields());
        assert_eq!(
            text,
            "T INFO  server what\\nnow path=\"/a b\\n\\u001b[31m=\\u{9b}\\u{202e}\" level=FAKE status=200\n"
        );
        let json = line(Format::Json, "T", "INFO", "server", fields());
        assert_eq!(json.lines().count(), 1);
        let value: Value = serde_json::from_str(&json).unwrap();
        assert!(json.contains("\\u009b\\u202e") && !json.contains(['\u{9b}', '\u{202e}']), "{json}");
        assert_eq!((&value["level"], &value["message"]), (&Value::from("INFO"), &Value::from("what\nnow")));
    }
}
