//! GBNF, llama.cpp's grammar language, translated to Lark.
//!
//! GBNF speaks of characters, the automata's crate of lexemes, which it reads greedily: as long as one of those that
//! may come goes on, none ends. [`plan`] therefore cuts the grammar into terminals only where greed cannot lose a
//! reading, down to single characters where nothing larger is safe. So exactly the texts of the grammar match, and
//! common ones fast.

mod characters;
mod emit;
mod parse;
mod plan;
mod positions;
mod rules;

use super::{GrammarError, limits::GRAMMAR_BYTES_MAX};

/// Translates a GBNF grammar into a Lark grammar.
pub(super) fn to_lark(text: &str) -> Result<String, GrammarError> {
    if text.len() > GRAMMAR_BYTES_MAX {
        return Err(GrammarError::Limit {
            path: "gbnf".into(),
            what: "bytes",
            got: text.len(),
            max: GRAMMAR_BYTES_MAX,
        });
    }
    let grammar = parse::parse(text)?;
    let facts = rules::check(&grammar)?;
    Ok(emit::lark(&grammar, &plan::plan(&grammar, &facts)))
}

fn refused(message: String) -> GrammarError {
    GrammarError::Syntax { field: "gbnf", message }
}
