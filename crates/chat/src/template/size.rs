//! Sizes that are checked before a parser that recurses sees the source.

use super::Error;
use crate::limits;

/// Tags that an `end…` tag closes.
const OPENING: &[&str] = &["if", "for", "macro", "call", "filter", "set", "block", "with"];

/// Length, depth of brackets, depth of tags, length of operator chains.
pub(super) fn check(source: &str) -> Result<(), Error> {
    let limit = |what, got, max| if got > max { Err(Error::Limit { what, got, max }) } else { Ok(()) };
    limit("template bytes", source.len(), limits::SOURCE_BYTES_MAX)?;
    limit("open brackets", bracket_depth(source), limits::NESTING_MAX)?;
    limit("open tags", tag_depth(source), limits::NESTING_MAX)?;
    // Prefix operators nest without brackets.
    let chain =
        source.split(['%', '}']).map(|piece| piece.matches("not").count().max(piece.matches('-').count())).max();
    limit("operators in a row", chain.unwrap_or(0), 8 * limits::NESTING_MAX)
}

fn bracket_depth(source: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn tag_depth(source: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for tag in source.split("{%").skip(1) {
        let tag = tag.split("%}").next().unwrap_or_default().trim_start_matches(['-', '+']).trim_start();
        let word = tag.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if OPENING.contains(&word) && !(word == "set" && tag.contains('=')) {
            depth += 1;
        } else if word.starts_with("end") {
            depth = depth.saturating_sub(1);
        }
        deepest = deepest.max(depth);
    }
    deepest
}
