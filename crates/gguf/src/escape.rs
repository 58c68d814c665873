//! [`escape`]: foreign text on one line of a terminal or a log.

use std::fmt::Write;

/// Does a character do something to the text around it: end or turn a line, hide, or make a terminal obey?
pub fn must_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Foreign text made safe to print on one line: characters that do something to the text around them are spelled out,
/// as Rust spells them.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    escaped
}

/// Adds a character to `text`, spelled out if it must be.
pub fn push_escaped(text: &mut String, c: char) {
    if c.is_control() {
        text.extend(c.escape_default());
    } else if must_escape(c) {
        let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
    } else {
        text.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_something_to_the_text_around_it_is_spelled_out() {
        let text = "a\nb\r\u{1b}[31m\0\u{7f}\u{9b} \u{202e}\u{2066}\u{2028}\u{feff}\u{e0041} é\\\"";
        let expected = r#"a\nb\r\u{1b}[31m\u{0}\u{7f}\u{9b} \u{202e}\u{2066}\u{2028}\u{feff}\u{e0041} é\""#;
        assert_eq!(escape(text), expected);
        assert_eq!(escape("हिन्दी العربية 語 👍🏽"), "हिन्दी العربية 語 👍🏽");
    }
}
