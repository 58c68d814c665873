//! Language tags as they are spelled.
//!
//! oxttl 0.2.5 gives every tag in lower case (`"a"@en-GB` comes out as `en-gb`). So the text is followed beside the
//! parser, just far enough to tell where a language tag stands, and the parser's tags are replaced in their order. A
//! tag that is not the parser's but for its case is an error, never a guess.

use std::collections::VecDeque;

use oxrdf::{Literal, Term};

/// Where in Turtle, TriG, N-Triples or N-Quads the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Outside,
    /// Behind a backslash of a local name.
    Escaped,
    Comment,
    Iri,
    /// Behind one quote, which may open a short string or be the first of three.
    OneQuote(u8),
    TwoQuotes(u8),
    Short(u8),
    ShortEscape(u8),
    /// In a string of three quotes, behind so many of the quotes that may end it.
    Long(u8, u8),
    LongEscape(u8),
    Tag,
}

/// Follows a text and keeps its language tags.
#[derive(Debug, Default)]
pub(super) struct Tags {
    place: Place,
    is_behind_string: bool,
    tag: String,
    found: VecDeque<Box<str>>,
}

impl Tags {
    /// The next bytes of the text.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.step(byte));
    }

    fn end_of_string(&mut self) {
        self.place = Place::Outside;
        self.is_behind_string = true;
    }

    fn step(&mut self, byte: u8) {
        match (self.place, byte) {
            (Place::Outside, _) => self.outside(byte),
            (Place::Escaped, _) | (Place::Comment, b'\n' | b'\r') | (Place::Iri, b'>') => self.place = Place::Outside,
            (Place::Comment | Place::Iri, _) => {}
            (Place::OneQuote(quote), _) if byte == quote => self.place = Place::TwoQuotes(quote),
            (Place::TwoQuotes(quote), _) if byte == quote => self.place = Place::Long(quote, 0),
            (Place::TwoQuotes(_), _) => {
                self.end_of_string();
                self.outside(byte);
            }
            (Place::OneQuote(quote) | Place::Short(quote), b'\\') => self.place = Place::ShortEscape(quote),
            (Place::Short(quote), _) if byte == quote => self.end_of_string(),
            (Place::OneQuote(quote) | Place::Short(quote) | Place::ShortEscape(quote), _) => {
                self.place = Place::Short(quote);
            }
            (Place::Long(quote, n), _) if byte == quote => match n {
                2 => self.end_of_string(),
                _ => self.place = Place::Long(quote, n + 1),
            },
            (Place::Long(quote, _), b'\\') => self.place = Place::LongEscape(quote),
            (Place::Long(quote, _) | Place::LongEscape(quote), _) => self.place = Place::Long(quote, 0),
            (Place::Tag, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-') => self.tag.push(char::from(byte)),
            (Place::Tag, _) => {
                self.found.push_back(self.tag.as_str().into());
                self.tag.clear();
                self.place = Place::Outside;
                self.outside(byte);
            }
        }
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return,
            b'#' => {
                self.place = Place::Comment;
                return;
            }
            b'@' if self.is_behind_string => self.place = Place::Tag,
            b'"' | b'\'' => self.place = Place::OneQuote(byte),
            b'<' => self.place = Place::Iri,
            b'\\' => self.place = Place::Escaped,
            _ => {}
        }
        self.is_behind_string = false;
    }

    /// The term with its language tag as the text spells it.
    ///
    /// # Errors
    /// The parser's tag and the text's, if they differ in more than case.
    pub(super) fn spell(&mut self, term: Term) -> Result<Term, (String, String)> {
        let Term::Literal(literal) = &term else { return Ok(term) };
        let Some(parsed) = literal.language() else { return Ok(term) };
        let spelled = self.found.pop_front().unwrap_or_default();
        if !spelled.eq_ignore_ascii_case(parsed) {
            return Err((parsed.to_owned(), spelled.into()));
        }
        if *spelled == *parsed {
            return Ok(term);
        }
        Ok(Literal::new_language_tagged_literal_unchecked(literal.value(), spelled).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_behind_strings_and_nowhere_else() {
        let check = |text: &str, expected: &[&str]| {
            for cut in 0..text.len() {
                let mut tags = Tags::default();
                tags.follow(&text.as_bytes()[..cut]);
                tags.follow(&text.as_bytes()[cut..]);
                assert_eq!(tags.found.iter().map(|tag| &**tag).collect::<Vec<_>>(), expected, "{text}");
            }
        };
        check(r#"<a@B> :p "x@C"@en-GB , 'y'@DE, """z"q""@F"""@fr-CH ."#, &["en-GB", "DE", "fr-CH"]);
        check("@prefix a: <b> . a:b a:c \"\" # \"x\"@No\n @Yes .", &["Yes"]);
        check(r#"a:b\'c a:d "\"@No"@A ; a:e "","\\"@B , 1 @No ."#, &["A", "B"]);
        check(r#"a:b a:c """x\"""@No"""@D ."#, &["D"]);
        check("<s> <p> 'it''s'@X .", &["X"]);
    }
}
