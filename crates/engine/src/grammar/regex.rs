//! Regular expressions: the whole output must match.

use super::{
    GrammarError,
    limits::{CHOICE_BYTES_MAX, CHOICES_MAX, REGEX_BYTES_MAX},
};

/// Refuses what the automata's own parser would read otherwise than the user meant it.
pub(super) fn check(regex: &str, path: &str) -> Result<(), GrammarError> {
    if regex.len() > REGEX_BYTES_MAX {
        return Err(GrammarError::Limit { path: path.into(), what: "bytes", got: regex.len(), max: REGEX_BYTES_MAX });
    }
    let n_backslashes = regex.bytes().rev().take_while(|byte| *byte == b'\\').count();
    let message = if n_backslashes % 2 == 1 {
        "ends in a backslash".to_owned()
    } else if regex.contains("?P<stop>") || regex.contains("?<stop>") {
        // llguidance takes such a group for a look-ahead.
        "a group may not be named `stop`".to_owned()
    } else {
        return Ok(());
    };
    Err(GrammarError::Schema { path: path.into(), message })
}

/// Writes a regular expression as the Lark rule `rule`.
pub(super) fn to_lark(regex: &str, rule: &str) -> Result<String, GrammarError> {
    check(regex, "regex")?;
    if regex.is_empty() {
        return Ok(format!("{rule}: \"\"\n"));
    }
    Ok(format!("{rule}: /{}/\n", llguidance::regex_to_lark(regex, "")))
}

/// Writes a choice of texts, of which exactly one must match, as the Lark rule `rule`.
pub(super) fn choice_to_lark(choices: &[String], rule: &str) -> Result<String, GrammarError> {
    let limit = |what, got, max| GrammarError::Limit { path: "choice".into(), what, got, max };
    if choices.is_empty() {
        return Err(GrammarError::Syntax { field: "choice", message: "the list is empty".into() });
    }
    if choices.len() > CHOICES_MAX {
        return Err(limit("texts", choices.len(), CHOICES_MAX));
    }
    let n_bytes = choices.iter().map(String::len).sum();
    if n_bytes > CHOICE_BYTES_MAX {
        return Err(limit("bytes", n_bytes, CHOICE_BYTES_MAX));
    }
    let literals: Vec<String> = choices.iter().map(|text| literal(text)).collect();
    // A terminal: the automaton follows all of them at once, whichever begins another.
    Ok(format!("{rule}: CHOICE\nCHOICE: {}\n", literals.join("\n | ")))
}

/// Writes a text as a Lark string.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            // What a Lark string may not hold as it is.
            '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
