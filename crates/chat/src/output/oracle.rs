//! What the fuzzer runs over the parser.

use serde::de::IgnoredAny;

use super::{OutputFormat, OutputPiece, Start, Tool, reasoning::Reasoning, table::SYNTAXES};

/// Reads a reply in the spelling that the first bytes choose, whole and cut as they say. Must give the same pieces both
/// ways, number calls in order, and call nothing but objects arguments.
pub fn parser_oracle(data: &[u8]) {
    let Some((&[choice, cut], text)) = data.split_first_chunk::<2>() else { return };
    let text = String::from_utf8_lossy(text);
    let Some(syntax) = SYNTAXES.get(usize::from(choice) % SYNTAXES.len()) else { return };
    let start = [Start::Text, Start::Reasoning, Start::Call][usize::from(cut) % 3];
    let format = OutputFormat { start, ..OutputFormat::new(syntax, Reasoning::detect("</think>")) };
    let schema =
        serde_json::json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}});
    let tools = [Tool { name: "f".to_owned(), description: None, parameters: schema, is_strict: false }];
    for tools in [&tools[..], &[]] {
        let whole = pieces(&format, tools, std::iter::once(text.as_ref()));
        let mut rest = text.as_ref();
        let length = usize::from(cut) % 7 + 1;
        let parts = std::iter::from_fn(|| {
            let at = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
            let (part, tail) = rest.split_at_checked(at)?;
            rest = tail;
            (!part.is_empty()).then_some(part)
        });
        assert_eq!(whole, pieces(&format, tools, parts), "{text:?} cut every {length} characters");
        check(&whole, tools.is_empty());
    }
}

fn pieces<'a>(format: &OutputFormat, tools: &[Tool], parts: impl Iterator<Item = &'a str>) -> Vec<OutputPiece> {
    let mut parser = format.parser(tools);
    let mut out = Vec::new();
    for part in parts {
        parser.push(part, &mut out);
    }
    parser.finish(&mut out);
    out
}

fn check(pieces: &[OutputPiece], is_without_tools: bool) {
    let mut n_calls = 0;
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            OutputPiece::Content(text) | OutputPiece::Reasoning(text) => assert!(!text.is_empty()),
            OutputPiece::ToolCallStart { index, name } => {
                assert!(!is_without_tools, "a call without tools");
                assert!(!name.is_empty());
                assert_eq!(*index, n_calls, "calls are numbered in order");
                n_calls += 1;
            }
            OutputPiece::ToolCallArguments { index, text } => {
                assert_eq!(index + 1, n_calls, "arguments of another call");
                assert!(text.starts_with('{'));
                // A call that another follows is complete.
                if let Some(OutputPiece::ToolCallStart { .. }) = pieces.get(i + 1) {
                    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "arguments that are no JSON: {text}");
                }
            }
        }
    }
}
