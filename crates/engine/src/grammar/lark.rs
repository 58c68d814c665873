//! Lark grammars: what is checked before the automata's crate reads them.
//!
//! Schemas within the grammar are checked and written anew like any other ([`schema`](super::schema)), control tokens
//! must be named one by one, options that would be ignored are refused, and rules within rules are counted, because the
//! crate recurses along them.

mod scan;

use super::{
    GrammarError, TokenMask,
    error::quoted,
    limits::{GRAMMAR_BYTES_MAX, TERMINAL_PARTS_MAX},
    nesting::{Graph, check_depth},
    vocabulary::Vocabulary,
};
use scan::{Lexeme, Scanner};
use serde_json::Value;
use tokenizer::TokenId;

/// A grammar that was checked and may be compiled.
pub(super) struct Checked {
    pub(super) text: String,
    /// Control tokens that the grammar names.
    pub(super) control: TokenMask,
}

/// Options of `%llguidance` that change what is matched, not how.
const OPTIONS: &[&str] = &["allow_initial_skip", "ignore_once", "no_forcing"];

/// Attributes of rules that would be ignored: a sampler has one temperature, and nothing that was said is taken back.
const IGNORED_ATTRIBUTES: &[&str] = &["temperature", "stop", "stop_capture"];

/// Checks a grammar; `lower` checks a schema within it and writes it anew.
pub(super) fn check(
    text: &str,
    vocabulary: &Vocabulary,
    lower: &dyn Fn(&Value, &str) -> Result<Value, GrammarError>,
) -> Result<Checked, GrammarError> {
    if text.len() > GRAMMAR_BYTES_MAX {
        return Err(limit("bytes", text.len(), GRAMMAR_BYTES_MAX));
    }
    let mut out = String::with_capacity(text.len());
    let mut control = TokenMask::for_vocabulary(vocabulary.n_vocab());
    let mut scanner = Scanner::new(text);
    let mut graph = Graph::default();
    let mut n_open = 0usize;
    while let Some((lexeme, source)) = scanner.next_lexeme()? {
        let line = scanner.line();
        match lexeme {
            Lexeme::Name { begins_line: true } => {
                graph.define(bare(source));
                n_open = 0;
            }
            Lexeme::Name { .. } if IGNORED_ATTRIBUTES.contains(&source) && scanner.is_before('=') => {
                return Err(syntax(line, &format!("`{source}=` is not supported")));
            }
            Lexeme::Name { begins_line: false } => graph.refer(bare(source), n_open),
            Lexeme::Open => {
                n_open += 1;
                check_depth(n_open, "lark")?;
            }
            Lexeme::Close => n_open = n_open.saturating_sub(1),
            Lexeme::ControlToken => name_control(source, vocabulary, &mut control).map_err(|m| syntax(line, &m))?,
            Lexeme::Options => {
                let options = scanner.json()?;
                check_options(&options).map_err(|message| syntax(line, &message))?;
                out.push_str(&format!("%llguidance {options}"));
                continue;
            }
            Lexeme::Schema => {
                let schema = scanner.json()?;
                let lowered = lower(&schema, &format!("lark line {line}: %json"))?;
                out.push_str(&format!("%json {lowered}"));
                continue;
            }
            Lexeme::Substrings => {
                let texts = scanner.json()?;
                out.push_str(&format!("%regex {texts}"));
                continue;
            }
            Lexeme::Other => {}
        }
        out.push_str(source);
    }
    graph.check("start", "lark")?;
    let is_terminal = |name: &str| name.trim_start_matches('_').starts_with(|c: char| c.is_ascii_uppercase());
    let size = graph.written_out_max(is_terminal);
    if size > TERMINAL_PARTS_MAX {
        return Err(limit("parts of a terminal with all terminals in it written out", size, TERMINAL_PARTS_MAX));
    }
    Ok(Checked { text: out, control })
}

fn check_options(options: &Value) -> Result<(), String> {
    let members = options.as_object().ok_or("%llguidance: expected an object")?;
    match members.keys().find(|name| !OPTIONS.contains(&name.as_str())) {
        Some(name) => Err(format!("%llguidance: unsupported option {}", quoted(name))),
        None => Ok(()),
    }
}

/// Reads the name of a control token, `<|name|>` or `<[3,7-9]>`.
fn name_control(source: &str, vocabulary: &Vocabulary, control: &mut TokenMask) -> Result<(), String> {
    let Some(ranges) = source.strip_prefix("<[").and_then(|rest| rest.strip_suffix("]>")) else {
        return match vocabulary.control_token(source) {
            Some(id) => {
                control.insert(id);
                Ok(())
            }
            None if vocabulary.is_text_token(source) => {
                Err(format!("{} is no control token in this vocabulary: write it as a string", quoted(source)))
            }
            None => Err(format!("there is no token {}", quoted(source))),
        };
    };
    if ranges.contains(['*', '^']) {
        return Err(format!("{} would name control tokens that nobody spelled out", quoted(source)));
    }
    for range in ranges.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| format!("{}: not a token id", quoted(range)));
        let (first, last) = (number(first)?, number(last)?);
        if first > last || last as usize >= vocabulary.n_vocab() {
            return Err(format!("{}: the vocabulary has tokens 0 to {}", quoted(range), vocabulary.n_vocab() - 1));
        }
        (first..=last).for_each(|id| control.insert(TokenId(id)));
    }
    Ok(())
}

/// Returns the name of a rule without `?` or `!` before it.
fn bare(name: &str) -> &str {
    name.trim_start_matches(['!', '?'])
}

fn limit(what: &'static str, got: usize, max: usize) -> GrammarError {
    GrammarError::Limit { path: "lark".into(), what, got, max }
}

fn syntax(line: usize, message: &str) -> GrammarError {
    GrammarError::Syntax { field: "lark", message: format!("line {line}: {message}") }
}
