//! Prompts in all their spellings: text, ids, both one after the other, and lists of these.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer, value::SeqAccessDeserializer},
};
use tokenizer::{ControlTokens, TokenId};

use crate::{
    error::ApiError,
    models::LoadedModel,
    wire::{Refused, list_of, no_token_id, text_or_id, text_or_list, token_id},
};

/// A piece of a prompt: text or an id.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    Id(u32),
}

/// A prompt as text and ids: `"a"`, `[1, 2]`, `[1, "a", 2]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Parts(Vec<Part>);

/// The prompts of a request, one or several; texts alone in a list are several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Prompts {
    pub(crate) list: Vec<Parts>,
}

/// A prompt in an object, beside which there could be pictures.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromptObject {
    prompt_string: String,
    #[serde(default, rename = "multimodal_data")]
    _multimodal_data: Option<Refused>,
}

enum Element {
    Part(Part),
    Prompt(Parts),
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_id(deserializer, "a string or a token id", Self::Text, Self::Id)
    }
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |text| Self(vec![Part::Text(text)]);
        text_or_list(deserializer, "a string or a list of strings and token ids", text, Self)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a token id, a list of these or an object with prompt_string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Part(Part::Text(text.to_owned())))
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Element, E> {
                token_id(id).map(Part::Id).map(Element::Part)
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Element, E> {
                Err(no_token_id(id))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Element, A::Error> {
                Parts::deserialize(SeqAccessDeserializer::new(items)).map(Element::Prompt)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Element, A::Error> {
                let object = PromptObject::deserialize(MapAccessDeserializer::new(fields))?;
                Ok(Element::Prompt(Parts(vec![Part::Text(object.prompt_string)])))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Prompts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a string, a list of strings and token ids, an object with prompt_string or a list of such prompts",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Prompts, E> {
                Ok(Prompts { list: vec![Parts(vec![Part::Text(text.to_owned())])] })
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Prompts, A::Error> {
                let object = PromptObject::deserialize(MapAccessDeserializer::new(fields))?;
                Ok(Prompts { list: vec![Parts(vec![Part::Text(object.prompt_string)])] })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Prompts, A::Error> {
                let elements: Vec<Element> = list_of(items)?;
                let has_prompt = elements.iter().any(|e| matches!(e, Element::Prompt(_)));
                let has_id = elements.iter().any(|e| matches!(e, Element::Part(Part::Id(_))));
                if has_prompt && has_id {
                    return Err(A::Error::custom("token ids beside whole prompts in one list"));
                }
                let parts = elements.into_iter().map(|element| match element {
                    Element::Part(part) => Parts(vec![part]),
                    Element::Prompt(parts) => parts,
                });
                let list = if has_id { vec![Parts(parts.flat_map(|p| p.0).collect())] } else { parts.collect() };
                Ok(Prompts { list })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl Parts {
    /// Encodes the prompt; `add_special` puts the beginning token in front of one that begins with text.
    pub(super) fn encode(
        self,
        model: &LoadedModel,
        param: &str,
        control: ControlTokens,
        add_special: bool,
    ) -> Result<Vec<TokenId>, ApiError> {
        let tokenizer = model.handle.tokenizer();
        let begins_with_text = matches!(self.0.first(), Some(Part::Text(_)));
        let mut ids = Vec::new();
        for part in self.0 {
            match part {
                Part::Text(text) => tokenizer.encode(&text, control, false, &mut ids),
                Part::Id(id) => ids.push(known(model, id, param)?),
            }
        }
        if add_special && begins_with_text {
            // What a template wrote may spell it already.
            if let Some(first) = tokenizer.added_first().filter(|first| ids.first() != Some(first)) {
                ids.insert(0, first);
            }
            ids.extend(tokenizer.added_last());
        }
        Ok(ids)
    }

    /// Returns the text, if the prompt is nothing else.
    pub(super) fn into_text(self) -> Option<String> {
        match <[Part; 1]>::try_from(self.0) {
            Ok([Part::Text(text)]) => Some(text),
            _ => None,
        }
    }
}

/// Returns the id, if the vocabulary has it.
pub(super) fn known(model: &LoadedModel, id: u32, param: &str) -> Result<TokenId, ApiError> {
    let n_vocab = model.handle.n_vocab();
    if (id as usize) < n_vocab {
        return Ok(TokenId(id));
    }
    let message = format!("{param}: {id} is no token; the vocabulary of {} has {n_vocab}", model.id);
    Err(ApiError::invalid(param, message))
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn check(json: &str, expected: Result<&[&[Part]], &str>) {
        match (serde_json::from_str::<Prompts>(json), expected) {
            (Ok(got), Ok(expected)) => {
                let expected: Vec<Parts> = expected.iter().map(|p| Parts(p.to_vec())).collect();
                assert_eq!(got.list, expected, "{json}");
            }
            (Err(got), Err(expected)) => assert!(got.to_string().contains(expected), "{json}: {got}"),
            (got, expected) => panic!("{json}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn prompts_in_all_their_forms() {
        let (a, b, one, two) = (Part::Text("a".to_owned()), Part::Text("b".to_owned()), Part::Id(1), Part::Id(2));
        check(r#""a""#, Ok(&[from_ref(&a)]));
        check("[1, 2]", Ok(&[&[one.clone(), two.clone()]]));
        check(r#"[1, "a", 2]"#, Ok(&[&[one.clone(), a.clone(), two.clone()]]));
        check(r#"["a", "b"]"#, Ok(&[from_ref(&a), from_ref(&b)]));
        check(r#"[[1, "b"], "a"]"#, Ok(&[&[one.clone(), b.clone()], from_ref(&a)]));
        check(r#"{"prompt_string": "a"}"#, Ok(&[from_ref(&a)]));
        check(r#"[{"prompt_string": "a"}, [2]]"#, Ok(&[&[a], &[two]]));
        check("[]", Ok(&[]));
        check("[1, [2]]", Err("beside whole prompts"));
        check("[-1]", Err("-1 is no token id"));
        check("[4294967296]", Err("4294967296 is no token id"));
        check("[1.5]", Err("expected a string, a token id"));
        check("5", Err("expected a string, a list"));
        check("[[[1]]]", Err("expected a string or a token id"));
        check(r#"{"prompt_string": "a", "multimodal_data": ["x"]}"#, Err("unsupported"));
        check(r#"{"prompt": "a"}"#, Err("unknown field"));
    }
}
