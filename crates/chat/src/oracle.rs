//! What the fuzzer and the mutation test run.

use serde_json::{Map, Value};

use crate::{DateTime, Inputs, Template};

/// Takes `data` apart at the first zero byte into a template and a conversation (JSON, else one user's words) and
/// renders it. Must return, whatever the bytes: in bounded time and memory, without a panic.
pub fn oracle(data: &[u8]) {
    let (source, rest) = match data.iter().position(|b| *b == 0) {
        Some(at) => data.split_at(at),
        None => (data, &[][..]),
    };
    let source = String::from_utf8_lossy(source);
    let rest = String::from_utf8_lossy(rest.get(1..).unwrap_or(&[]));
    let _ = Template::plain_jinja(&source);
    let Ok(template) = Template::new(&source) else { return };
    let (messages, extra) = match serde_json::from_str(&rest) {
        Ok(Value::Array(messages)) => (messages, Map::new()),
        Ok(Value::Object(extra)) => (Vec::new(), extra),
        _ => (vec![serde_json::json!({"role": "user", "content": rest})], Map::new()),
    };
    let tools = messages.clone();
    for tools in [None, Some(tools.as_slice())] {
        let inputs = Inputs {
            tools,
            bos_token: Some("<s>"),
            eos_token: Some("</s>"),
            extra: Some(&extra),
            ..Inputs::new(&messages, DateTime::constant(2026, 1, 15, 12, 0, 0, 0))
        };
        if let Err(error) = template.render(&inputs) {
            let line = error.to_string();
            assert!(!line.contains('\n'), "an error of more than one line: {line:?}");
        }
    }
}
