//! Values that the wire spells in more than one form, read by what stands there. By visitors, because untagged enums of
//! serde lose the path of an error.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// Reads a text or a list of `T`; `expecting` is what an error says should stand there: `a string or a list of
/// strings`.
pub(crate) fn text_or_list<'de, D: Deserializer<'de>, T: Deserialize<'de>, V>(
    deserializer: D,
    expecting: &'static str,
    text: fn(String) -> V,
    list: fn(Vec<T>) -> V,
) -> Result<V, D::Error> {
    struct Forms<T, V> {
        expecting: &'static str,
        text: fn(String) -> V,
        list: fn(Vec<T>) -> V,
    }

    impl<'de, T: Deserialize<'de>, V> Visitor<'de> for Forms<T, V> {
        type Value = V;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.expecting)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<V, E> {
            Ok((self.text)(text.to_owned()))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V, A::Error> {
            list_of(items).map(self.list)
        }
    }
    deserializer.deserialize_any(Forms { expecting, text, list })
}

/// Reads a text or a token's id; `expecting` is what an error says should stand there.
pub(crate) fn text_or_id<'de, D: Deserializer<'de>, V>(
    deserializer: D,
    expecting: &'static str,
    text: fn(String) -> V,
    id: fn(u32) -> V,
) -> Result<V, D::Error> {
    struct Forms<V> {
        expecting: &'static str,
        text: fn(String) -> V,
        id: fn(u32) -> V,
    }

    impl<V> Visitor<'_> for Forms<V> {
        type Value = V;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.expecting)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<V, E> {
            Ok((self.text)(text.to_owned()))
        }

        fn visit_u64<E: Error>(self, id: u64) -> Result<V, E> {
            token_id(id).map(self.id)
        }

        fn visit_i64<E: Error>(self, id: i64) -> Result<V, E> {
            Err(no_token_id(id))
        }
    }
    deserializer.deserialize_any(Forms { expecting, text, id })
}

/// Reads the rest of a list, for visitors.
pub(crate) fn list_of<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(mut items: A) -> Result<Vec<T>, A::Error> {
    let mut list = Vec::new();
    while let Some(item) = items.next_element()? {
        list.push(item);
    }
    Ok(list)
}

/// `id` as a token's id, for visitors.
pub(crate) fn token_id<E: Error>(id: u64) -> Result<u32, E> {
    u32::try_from(id).map_err(|_| no_token_id(id))
}

/// The error of a number that is no token's id, for visitors.
pub(crate) fn no_token_id<E: Error>(id: impl fmt::Display) -> E {
    E::custom(format_args!("{id} is no token id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(PartialEq, Debug)]
    enum Names {
        One(String),
        List(Vec<String>),
    }

    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text_or_list(deserializer, "a name or names", Self::One, Self::List)
        }
    }

    #[derive(PartialEq, Debug)]
    enum Token {
        Text(String),
        Id(u32),
    }

    impl<'de> Deserialize<'de> for Token {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text_or_id(deserializer, "a token", Self::Text, Self::Id)
        }
    }

    fn check<T: serde::de::DeserializeOwned + PartialEq + fmt::Debug>(json: &str, expected: Result<T, &str>) {
        match (serde_json::from_str::<T>(json), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{json}"),
            (Err(got), Err(says)) => assert!(got.to_string().contains(says), "{json}: {got}"),
            (got, expected) => panic!("{json}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn each_form_is_read_and_others_are_refused_by_what_is_expected() {
        check(r#""a\n""#, Ok(Names::One("a\n".to_owned())));
        check(r#"["a", "b"]"#, Ok(Names::List(vec!["a".to_owned(), "b".to_owned()])));
        check("[]", Ok(Names::List(Vec::new())));
        check::<Names>("5", Err("invalid type: integer `5`, expected a name or names"));
        check::<Names>(r#"["a", 5]"#, Err("invalid type: integer `5`, expected a string"));
        check(r#""5""#, Ok(Token::Text("5".to_owned())));
        check("4294967295", Ok(Token::Id(u32::MAX)));
        check::<Token>("4294967296", Err("4294967296 is no token id"));
        check::<Token>("-1", Err("-1 is no token id"));
        check::<Token>("1.5", Err("invalid type: floating point `1.5`, expected a token"));
    }
}
