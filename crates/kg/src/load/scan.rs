//! One line of plain N-Triples or N-Quads, read without a copy.
//!
//! The scanner accepts a subset of what `oxttl` accepts, with equal terms but for the case of language tags, which it
//! keeps (`tests::the_scanner_accepts_a_subset_with_equal_terms`); every other line goes to `oxttl`.

use std::ops::Range;

use memchr::{memchr, memchr2};
use oxrdf::vocab::rdf;
use oxrdf::{BlankNodeRef, GraphNameRef, LiteralRef, NamedNodeRef, NamedOrBlankNodeRef, QuadRef, TermRef};

/// What a line is.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// A fact in its place.
    Quad(QuadRef<'a>),
    /// White space or a comment.
    Nothing,
    /// A line that the full parser must judge.
    Other,
}

/// Reads lines, with room for a literal whose escapes are undone.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    value: String,
}

enum Node {
    Iri(Range<usize>),
    Blank(Range<usize>),
}

enum Tail {
    Plain,
    Language(Range<usize>),
    Datatype(Range<usize>),
}

enum Object {
    Node(Node),
    /// A literal whose value stands in the line, or, where that is none, in [`Scanner::value`].
    Literal(Option<Range<usize>>, Tail),
}

/// Classes of bytes in an IRI of the usual kind.
const HOST: u8 = 1;
const PATH: u8 = 2;

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => HOST,
            b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
            | b'/' | b'?' => PATH,
            _ => 0,
        };
        byte += 1;
    }
    table
}
static CLASS: [u8; 256] = classes();

fn class(byte: Option<&u8>) -> u8 {
    byte.map_or(0, |&byte| CLASS[usize::from(byte)])
}

impl Scanner {
    /// The line, which ends before its line feed.
    pub(super) fn line<'a>(&'a mut self, line: &'a str, with_graphs: bool) -> Line<'a> {
        let bytes = line.as_bytes();
        let mut at = blank(bytes, 0);
        if ends(bytes, at) {
            return Line::Nothing;
        }
        let Some((subject, predicate, object, graph)) = self.parts(line, &mut at, with_graphs) else {
            return Line::Other;
        };
        self.quad(line, subject, predicate, object, graph).map_or(Line::Other, Line::Quad)
    }

    #[allow(clippy::type_complexity, reason = "the four places of a quad")]
    fn parts(
        &mut self,
        line: &str,
        at: &mut usize,
        with_graphs: bool,
    ) -> Option<(Node, Range<usize>, Object, Option<Node>)> {
        let bytes = line.as_bytes();
        let subject = node(line, at)?;
        *at = blank(bytes, *at);
        let Node::Iri(predicate) = node(line, at)? else { return None };
        *at = blank(bytes, *at);
        let object =
            if bytes.get(*at) == Some(&b'"') { self.literal(line, at)? } else { Object::Node(node(line, at)?) };
        *at = blank(bytes, *at);
        let graph = if with_graphs && bytes.get(*at) != Some(&b'.') { Some(node(line, at)?) } else { None };
        *at = blank(bytes, *at);
        if bytes.get(*at) != Some(&b'.') {
            return None;
        }
        ends(bytes, blank(bytes, *at + 1)).then_some((subject, predicate, object, graph))
    }

    fn literal(&mut self, line: &str, at: &mut usize) -> Option<Object> {
        let bytes = line.as_bytes();
        let start = *at + 1;
        let first = start + memchr2(b'"', b'\\', bytes.get(start..)?)?;
        let value = if bytes[first] == b'"' {
            *at = first + 1;
            Some(start..first)
        } else {
            self.value.clear();
            *at = unescape(line, start, first, &mut self.value)?;
            None
        };
        if memchr(b'\r', bytes.get(start..*at)?).is_some() {
            return None;
        }
        let tail = match bytes.get(*at) {
            Some(b'@') => Tail::Language(language(bytes, at)?),
            Some(b'^') if bytes.get(*at + 1) == Some(&b'^') => {
                *at += 2;
                let datatype = iri(line, at)?;
                let is_plain = line.get(datatype.clone())? != rdf::LANG_STRING.as_str();
                Tail::Datatype(is_plain.then_some(datatype)?)
            }
            _ => Tail::Plain,
        };
        Some(Object::Literal(value, tail))
    }

    fn quad<'a>(
        &'a self,
        line: &'a str,
        subject: Node,
        predicate: Range<usize>,
        object: Object,
        graph: Option<Node>,
    ) -> Option<QuadRef<'a>> {
        let named = |range| Some(NamedNodeRef::new_unchecked(line.get(range)?));
        let blank = |range| Some(BlankNodeRef::new_unchecked(line.get(range)?));
        let subject: NamedOrBlankNodeRef<'_> = match subject {
            Node::Iri(range) => named(range)?.into(),
            Node::Blank(range) => blank(range)?.into(),
        };
        let object: TermRef<'_> = match object {
            Object::Node(Node::Iri(range)) => named(range)?.into(),
            Object::Node(Node::Blank(range)) => blank(range)?.into(),
            Object::Literal(value, tail) => {
                let value = value.map_or(Some(self.value.as_str()), |range| line.get(range))?;
                match tail {
                    Tail::Plain => LiteralRef::new_simple_literal(value),
                    Tail::Language(range) => LiteralRef::new_language_tagged_literal_unchecked(value, line.get(range)?),
                    Tail::Datatype(range) => LiteralRef::new_typed_literal(value, named(range)?),
                }
                .into()
            }
        };
        let graph: GraphNameRef<'_> = match graph {
            None => GraphNameRef::DefaultGraph,
            Some(Node::Iri(range)) => named(range)?.into(),
            Some(Node::Blank(range)) => blank(range)?.into(),
        };
        Some(QuadRef::new(subject, named(predicate)?, object, graph))
    }
}

fn blank(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Whether nothing or a comment follows; a carriage return may end the line and stand nowhere else.
fn ends(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        None => true,
        Some(b'\r') => at + 1 == bytes.len(),
        Some(b'#') => memchr(b'\r', &bytes[at..]).is_none_or(|n| at + n + 1 == bytes.len()),
        Some(_) => false,
    }
}

fn node(line: &str, at: &mut usize) -> Option<Node> {
    let bytes = line.as_bytes();
    match bytes.get(*at)? {
        b'<' => iri(line, at).map(Node::Iri),
        b'_' if bytes.get(*at + 1) == Some(&b':') => {
            let start = *at + 2;
            let mut end = start;
            while let Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.') = bytes.get(end) {
                end += 1;
            }
            // What else may stand in a label, a first hyphen and a last dot are left to the full parser.
            let is_plain = end > start && bytes[start] != b'-' && bytes[start] != b'.' && bytes[end - 1] != b'.';
            let is_over = matches!(bytes.get(end), Some(b' ' | b'\t' | b'<' | b'"'));
            *at = end;
            (is_plain && is_over).then_some(Node::Blank(start..end))
        }
        _ => None,
    }
}

fn iri(line: &str, at: &mut usize) -> Option<Range<usize>> {
    let bytes = line.as_bytes();
    if bytes.get(*at) != Some(&b'<') {
        return None;
    }
    let start = *at + 1;
    let end = usual_iri(bytes, start).or_else(|| {
        let end = start + memchr(b'>', bytes.get(start..)?)?;
        NamedNodeRef::new(line.get(start..end)?).ok()?;
        Some(end)
    })?;
    *at = end + 1;
    Some(start..end)
}

/// The end of an IRI that is valid at sight: http, a host's name, then ASCII without escapes.
fn usual_iri(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let scheme = [b"http://".as_slice(), b"https://"].into_iter().find(|scheme| rest.starts_with(scheme))?;
    let host = start + scheme.len();
    let mut at = host;
    while class(bytes.get(at)) == HOST {
        at += 1;
    }
    if at == host || !matches!(bytes.get(at)?, b'/' | b'?' | b'#' | b'>') {
        return None;
    }
    while class(bytes.get(at)) != 0 {
        at += 1;
    }
    if bytes.get(at) == Some(&b'#') {
        at += 1;
        while class(bytes.get(at)) != 0 {
            at += 1;
        }
    }
    (bytes.get(at) == Some(&b'>')).then_some(at)
}

/// A tag of a language and perhaps a region; all others are judged by the full parser.
fn language(bytes: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let start = *at + 1;
    let letters = |from: usize| bytes.get(from..)?.iter().position(|byte| !byte.is_ascii_alphabetic());
    let n_language = letters(start)?;
    let mut end = start + n_language;
    if bytes.get(end) == Some(&b'-') {
        if letters(end + 1)? != 2 {
            return None;
        }
        end += 3;
    }
    *at = end;
    let is_over = matches!(bytes.get(end), Some(b' ' | b'\t' | b'.' | b'<' | b'_'));
    ((2..=3).contains(&n_language) && is_over).then_some(start..end)
}

/// Undoes the escapes of a literal that begins at `start` and has its first backslash at `first`; where it ends.
fn unescape(line: &str, start: usize, first: usize, value: &mut String) -> Option<usize> {
    let bytes = line.as_bytes();
    let (mut start, mut at) = (start, first);
    loop {
        value.push_str(line.get(start..at)?);
        if bytes.get(at)? == &b'"' {
            return Some(at + 1);
        }
        let (c, n_bytes) = match bytes.get(at + 1)? {
            b't' => ('\t', 2),
            b'b' => ('\u{8}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b'f' => ('\u{c}', 2),
            &quoted @ (b'"' | b'\'' | b'\\') => (char::from(quoted), 2),
            b'u' => (hex(line, at + 2, 4)?, 6),
            b'U' => (hex(line, at + 2, 8)?, 10),
            _ => return None,
        };
        value.push(c);
        start = at + n_bytes;
        at = start + memchr2(b'"', b'\\', bytes.get(start..)?)?;
    }
}

fn hex(line: &str, at: usize, n_digits: usize) -> Option<char> {
    let digits = line.get(at..at + n_digits)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    char::from_u32(u32::from_str_radix(is_hex.then_some(digits)?, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use oxttl::NQuadsParser;
    use proptest::prelude::*;

    use super::*;

    /// Checks the line against oxttl; whether the scanner took it.
    fn check(line: &str, with_graphs: bool) -> bool {
        let mut scanner = Scanner::default();
        let scanned = match scanner.line(line, with_graphs) {
            Line::Other => return false,
            Line::Nothing => None,
            Line::Quad(quad) => Some(quad.into_owned()),
        };
        let with_end = format!("{line}\n");
        let parsed: Result<Vec<oxrdf::Quad>, _> = if with_graphs {
            NQuadsParser::new().for_slice(&with_end).collect()
        } else {
            let triples = oxttl::NTriplesParser::new().for_slice(&with_end);
            triples.map(|t| t.map(|t| t.in_graph(oxrdf::GraphName::DefaultGraph))).collect()
        };
        let lower = |mut quad: oxrdf::Quad| {
            if let oxrdf::Term::Literal(literal) = &quad.object
                && let Some(tag) = literal.language()
            {
                let tag = tag.to_ascii_lowercase();
                quad.object = oxrdf::Literal::new_language_tagged_literal_unchecked(literal.value(), tag).into();
            }
            quad
        };
        let parsed = parsed.unwrap_or_else(|e| panic!("the scanner took {line:?}, which oxttl refuses: {e}"));
        assert_eq!(scanned.map(lower).into_iter().collect::<Vec<_>>(), parsed, "{line:?}");
        true
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => Just("<http://a.b/c> ".to_owned()),
            2 => Just("_:b1 ".to_owned()),
            2 => Just(". ".to_owned()),
            2 => "\"[a-c\\\\\"]{0,3}\"(@en|@en-GB|@x-y|\\^\\^<http://a/b>|\\^\\^<x>)? ?",
            1 => "<(http|https|ftp|urn)(:|://)[a-z.:@/?#%\\[\\]é0-9-]{0,8}>",
            1 => "_:[a-z0-9.-]{0,4} ?",
            1 => "\"\\\\(u00e9|uD800|U0001F600|n|x|\")\"",
            1 => "[ \t\r#<>\"\\\\.@^_:a\u{0}é]",
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_scanner_accepts_a_subset_with_equal_terms(
            text in pieces(), object in pieces(), with_graphs: bool, is_whole: bool,
        ) {
            if is_whole {
                check(&format!("<http://a/s> <http://a/p> {object} ."), with_graphs);
            } else {
                check(&text, with_graphs);
            }
        }
    }

    #[test]
    fn usual_lines_do_not_need_the_full_parser() {
        for line in [
            "<http://a/b> <http://a/c> <http://a/d> .",
            "<http://a/b><http://a/c>\"x\\\"\\u00e9\"@en-GB.\r",
            "_:b0 <urn:isbn:1> \"1\"^^<http://www.w3.org/2001/XMLSchema#integer> . # c",
            "_:b0 <http://é.fr/%20> _:c <http://a/g> .",
            "# comment",
            "  ",
        ] {
            assert!(check(line, true), "{line}");
        }
        for line in ["<a> <http://a/c> <http://a/d> .", "<http://a/b> <http://a/c> \"x\"@en-Latn .", "x"] {
            assert!(!check(line, true), "{line}");
        }
    }
}
