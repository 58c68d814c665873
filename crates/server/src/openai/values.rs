//! Prompts and inputs, which are text, ids of tokens, or lists of either.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

pub(crate) use crate::wire::Refused;
use crate::wire::{list_of, no_token_id, text_or_list, token_id};

/// A prompt as text, or as the ids of its tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TextOrIds {
    Text(String),
    Ids(Vec<u32>),
}

/// The prompts of a request, one or several: `"a"`, `["a", "b"]`, `[1, 2]`, `[[1, 2], [3]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Inputs {
    pub(crate) list: Vec<TextOrIds>,
}

impl<'de> Deserialize<'de> for TextOrIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_list(deserializer, "a string or a list of token ids", Self::Text, Self::Ids)
    }
}

/// An element of a list of prompts.
enum Element {
    Input(TextOrIds),
    Id(u32),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a token id or a list of token ids")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Input(TextOrIds::Text(text.to_owned())))
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Element, E> {
                token_id(id).map(Element::Id)
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Element, E> {
                Err(no_token_id(id))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Element, A::Error> {
                list_of(items).map(TextOrIds::Ids).map(Element::Input)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a list of strings, a list of token ids or a list of such lists")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs { list: vec![TextOrIds::Text(text.to_owned())] })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Inputs, A::Error> {
                let (mut list, mut ids) = (Vec::new(), Vec::new());
                while let Some(element) = items.next_element()? {
                    match element {
                        Element::Input(input) => list.push(input),
                        Element::Id(id) => ids.push(id),
                    }
                    if !list.is_empty() && !ids.is_empty() {
                        return Err(A::Error::custom("token ids and texts in one list"));
                    }
                }
                if !ids.is_empty() {
                    list.push(TextOrIds::Ids(ids));
                }
                Ok(Inputs { list })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&[TextOrIds], &str>) {
        let got = serde_json::from_str::<Inputs>(json);
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got.list, expected, "{json}"),
            (Err(got), Err(expected)) => assert!(got.to_string().contains(expected), "{json}: {got}"),
            (got, expected) => panic!("{json}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn inputs_in_all_their_forms() {
        let text = |t: &str| TextOrIds::Text(t.to_owned());
        check(r#""a""#, Ok(&[text("a")]));
        check(r#"["a", "b"]"#, Ok(&[text("a"), text("b")]));
        check("[1, 2]", Ok(&[TextOrIds::Ids(vec![1, 2])]));
        check("[[1, 2], [3]]", Ok(&[TextOrIds::Ids(vec![1, 2]), TextOrIds::Ids(vec![3])]));
        check("[]", Ok(&[]));
        check(r#"["a", 1]"#, Err("in one list"));
        check("[-1]", Err("-1 is no token id"));
        check("[4294967296]", Err("no token id"));
        check("5", Err("expected a string, a list"));
        check("[[\"a\"]]", Err("expected u32"));
    }
}
