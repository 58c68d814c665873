//! How a term is written in the dictionary: a byte of class, then its text.
//!
//! Spellings compare as bytes, so a sorted dictionary holds IRIs, blank nodes, plain literals, literals with a language
//! and typed literals in this order, each sorted by text. The tag of a literal is divided from its text by a NUL: a
//! language follows the text (the last NUL), a datatype precedes it (the first), and no tag holds one.

use oxrdf::vocab::xsd;
use oxrdf::{BlankNode, Literal, NamedNode, Term, TermRef};

use crate::error::Error;

/// The class of a spelling: its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Class {
    Iri = 1,
    Blank = 2,
    Plain = 3,
    Language = 4,
    Typed = 5,
}

impl Class {
    pub(crate) const ALL: [Self; 5] = [Self::Iri, Self::Blank, Self::Plain, Self::Language, Self::Typed];

    pub(crate) fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&class| class as u8 == byte)
    }
}

/// The parts of a term, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts<'a> {
    /// The spelling is an IRI.
    Iri(&'a str),
    /// The label of a blank node.
    Blank(&'a str),
    /// The text of a literal of type xsd:string.
    Plain(&'a str),
    /// The text of a literal, and its language as it is written.
    Language(&'a str, &'a str),
    /// The text of a literal, and the IRI of its datatype.
    Typed(&'a str, &'a str),
}

impl<'a> From<TermRef<'a>> for Parts<'a> {
    fn from(term: TermRef<'a>) -> Self {
        match term {
            TermRef::NamedNode(node) => Self::Iri(node.as_str()),
            TermRef::BlankNode(node) => Self::Blank(node.as_str()),
            TermRef::Literal(literal) => match literal.language() {
                Some(language) => Self::Language(literal.value(), language),
                None if literal.datatype() == xsd::STRING => Self::Plain(literal.value()),
                None => Self::Typed(literal.value(), literal.datatype().as_str()),
            },
        }
    }
}

impl<'a> Parts<'a> {
    /// The spelling is appended to `out`.
    pub(crate) fn write(self, out: &mut Vec<u8>) -> Result<(), Error> {
        let (class, text, tag) = match self {
            Self::Iri(text) => (Class::Iri, text, ""),
            Self::Blank(text) => (Class::Blank, text, ""),
            Self::Plain(text) => (Class::Plain, text, ""),
            Self::Typed(text, tag) if tag == xsd::STRING.as_str() => (Class::Plain, text, ""),
            Self::Language(text, tag) => (Class::Language, text, tag),
            Self::Typed(text, tag) => (Class::Typed, text, tag),
        };
        if tag.as_bytes().contains(&0) {
            return Err(Error::NulInTag(tag.to_owned()));
        }
        out.push(class as u8);
        match class {
            Class::Typed => {
                out.extend_from_slice(tag.as_bytes());
                out.push(0);
                out.extend_from_slice(text.as_bytes());
            }
            Class::Language => {
                out.extend_from_slice(text.as_bytes());
                out.push(0);
                out.extend_from_slice(tag.as_bytes());
            }
            Class::Iri | Class::Blank | Class::Plain => out.extend_from_slice(text.as_bytes()),
        }
        Ok(())
    }

    /// The parts of a spelling, or none if it is none.
    pub(crate) fn read(spelling: &'a [u8]) -> Option<Self> {
        let (&class, text) = spelling.split_first()?;
        let text = std::str::from_utf8(text).ok()?;
        Some(match Class::of(class)? {
            Class::Iri => Self::Iri(text),
            Class::Blank => Self::Blank(text),
            Class::Plain => Self::Plain(text),
            Class::Language => text.rsplit_once('\0').map(|(text, tag)| Self::Language(text, tag))?,
            Class::Typed => text.split_once('\0').map(|(tag, text)| Self::Typed(text, tag))?,
        })
    }

    /// The term, owned.
    pub fn to_term(self) -> Term {
        match self {
            Self::Iri(text) => NamedNode::new_unchecked(text).into(),
            Self::Blank(text) => BlankNode::new_unchecked(text).into(),
            Self::Plain(text) => Literal::new_simple_literal(text).into(),
            Self::Language(text, tag) => Literal::new_language_tagged_literal_unchecked(text, tag).into(),
            Self::Typed(text, tag) => Literal::new_typed_literal(text, NamedNode::new_unchecked(tag)).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelling(parts: Parts<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        parts.write(&mut out).expect("no NUL in a tag");
        out
    }

    #[test]
    fn a_string_is_plain_however_its_type_is_given() {
        assert_eq!(spelling(Parts::Typed("a", xsd::STRING.as_str())), spelling(Parts::Plain("a")));
        assert!(matches!(Parts::Language("a", "e\0n").write(&mut Vec::new()), Err(Error::NulInTag(_))));
    }

    proptest! {
        #[test]
        fn a_spelling_gives_back_its_parts(text: String, tag in "[a-zA-Z0-9-]{1,9}", which in 0..5_u8) {
            let parts = match which {
                0 => Parts::Iri(&text),
                1 => Parts::Blank(&text),
                2 => Parts::Plain(&text),
                3 => Parts::Language(&text, &tag),
                _ => Parts::Typed(&text, &tag),
            };
            let written = spelling(parts);
            prop_assert_eq!(Parts::read(&written), Some(parts));
            let term = parts.to_term();
            prop_assert_eq!(Parts::from(term.as_ref()), parts);
        }
    }
}
