//! Fields of other servers' dialects that a request may have though they mean nothing here: one table per API, and a
//! line in the log for each that was met.
//!
//! The rule: what would change an answer's meaning, or what is enforced of it, is refused; hints, telemetry and other
//! servers' extras are taken. A wire type that is [`Lenient`] leaves out the fields in its API's table and stays as
//! strict as it was with all others, so that a typing error is still refused by name.

use std::{collections::BTreeSet, fmt, marker::PhantomData, sync::Mutex};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Value;

/// Most names that are remembered as told. Those beyond, which only a client that makes names up can cause, are ignored
/// without a word.
const NOTES_MAX: usize = 512;

/// The API whose requests they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Api {
    /// Chat completions, completions and responses.
    OpenAi,
}

/// A field that is taken and changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hint {
    /// Name of the field.
    pub(crate) field: &'static str,
    /// The program that has or sends it.
    pub(crate) whose: &'static str,
    /// What the field is about there, and why it is nothing here.
    pub(crate) about: &'static str,
}

const fn hint(field: &'static str, whose: &'static str, about: &'static str) -> Hint {
    Hint { field, whose, about }
}

/// The hints of OpenAI's API, in the order of the documents.
const OPENAI: &[Hint] = &[
    hint("client_metadata", "Codex", "who asks, for statistics"),
    hint("keep_alive", "Ollama", "how long the model stays loaded: `--keep-alive` says it"),
    hint("num_ctx", "Ollama", "the length of the context: `--context` says it"),
    hint("options", "Ollama", "settings of its own API, which its `/v1` ignores too"),
    hint("ttl", "LM Studio", "how long the model stays loaded: `--keep-alive` says it"),
    hint("guided_decoding_backend", "vLLM", "which program holds the output to its form: there is one"),
    hint("skip_special_tokens", "vLLM", "control tokens are never part of the text"),
    hint("spaces_between_special_tokens", "vLLM", "control tokens are never part of the text"),
    hint("id_slot", "llama.cpp", "where the prompt's beginning may be cached: all caches are looked at"),
    hint("return_progress", "llama.cpp", "chunks that tell how much of the prompt is read"),
    hint("timings_per_token", "llama.cpp", "chunks that tell how fast tokens come: `timings` tells it at the end"),
    hint("n_keep", "llama.cpp", "tokens to keep when a context is shifted, which none is"),
    hint("n_discard", "llama.cpp", "tokens to drop when a context is shifted, which none is"),
    hint("n_cache_reuse", "llama.cpp", "how much of a cache is shifted, which none is: every cached prefix is found"),
    hint("t_max_prompt_ms", "llama.cpp", "a time for the prompt, which it does not keep either"),
    hint("dynatemp_exponent", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("xtc_threshold", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("dry_base", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("dry_allowed_length", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("dry_penalty_last_n", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("dry_sequence_breakers", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("mirostat_tau", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("mirostat_eta", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("adaptive_decay", "llama.cpp", "of a sampler that is only taken where it is off"),
    hint("chat_id", "Open WebUI", "names the conversation"),
    hint("session_id", "Open WebUI", "names the browser's session"),
    hint("provider", "OpenRouter", "which of its providers may answer"),
    hint("usage", "OpenRouter", "whether tokens are told: `stream_options` says it"),
];

impl Api {
    /// The fields that requests of this API may have besides its own.
    pub(crate) fn hints(self) -> &'static [Hint] {
        match self {
            Self::OpenAi => OPENAI,
        }
    }

    fn ignores(self, field: &str) -> bool {
        self.hints().iter().any(|hint| hint.field == field)
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "OpenAI",
        })
    }
}

/// Says in the log that something in a request was ignored, the first time that it is met in this process; tells
/// whether it was.
pub(crate) fn note(api: Api, what: &str) -> bool {
    static TOLD: Mutex<BTreeSet<(Api, String)>> = Mutex::new(BTreeSet::new());
    let what = crate::log::escape(what);
    let is_news = {
        let mut told = TOLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        told.len() < NOTES_MAX && told.insert((api, what.clone()))
    };
    if is_news {
        tracing::warn!(%api, field = what, "ignored in a request, here and from now on: it changes nothing on this server");
    }
    is_news
}

/// A wire type whose API's dialects are taken.
pub(crate) trait Dialect {
    /// The API whose table is meant.
    const API: Api;
    /// The name in the log for the type's place in the body: `options.`, or nothing at the top.
    const AT: &'static str = "";
}

/// `T` without the fields that its API ignores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lenient<T>(pub(crate) T);

impl<'de, T: Deserialize<'de> + Dialect> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Leaving::<T, D> { inner: deserializer, of: PhantomData }).map(Self)
    }
}

/// Hands a struct its fields without those that are ignored.
struct Leaving<T, D> {
    inner: D,
    of: PhantomData<T>,
}

impl<'de, T: Dialect, D: Deserializer<'de>> Deserializer<'de> for Leaving<T, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, LeavingVisitor::<T, V> { visitor, fields, of: PhantomData })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

struct LeavingVisitor<T, V> {
    visitor: V,
    fields: &'static [&'static str],
    of: PhantomData<T>,
}

impl<'de, T: Dialect, V: Visitor<'de>> Visitor<'de> for LeavingVisitor<T, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(LeavingMap::<T, A> { inner: map, fields: self.fields, of: PhantomData })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(seq)
    }
}

struct LeavingMap<T, A> {
    inner: A,
    fields: &'static [&'static str],
    of: PhantomData<T>,
}

impl<'de, T: Dialect, A: MapAccess<'de>> MapAccess<'de> for LeavingMap<T, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = seed;
        loop {
            match self.inner.next_key_seed(KeySeed { seed, fields: self.fields, api: T::API })? {
                None => return Ok(None),
                Some(Key::Read(key)) => return Ok(Some(key)),
                Some(Key::Ignored(unused, field)) => {
                    seed = unused;
                    // Null is the same as absent.
                    // Read, not skipped: what a type skips is noted by who reads the body.
                    if self.inner.next_value::<Option<Value>>()?.is_some() {
                        note(T::API, &format!("{}{field}", T::AT));
                    }
                }
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
}

/// Reads a key where the reader of paths can see it, so that a refusal names it.
struct KeySeed<K> {
    seed: K,
    fields: &'static [&'static str],
    api: Api,
}

enum Key<K, V> {
    Read(V),
    Ignored(K, String),
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<K> {
    type Value = Key<K, K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let key = String::deserialize(deserializer)?;
        if !self.fields.contains(&key.as_str()) && self.api.ignores(&key) {
            return Ok(Key::Ignored(self.seed, key));
        }
        self.seed.deserialize(IntoDeserializer::<D::Error>::into_deserializer(key)).map(Key::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Body {
        n: Option<u32>,
        /// The name of a hint, but this type has a use for it.
        ttl: Option<u32>,
        list: Option<Vec<Item>>,
    }

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Item {
        text: String,
    }

    impl Dialect for Body {
        const API: Api = Api::OpenAi;
    }

    fn check(body: &str, expected: Result<Body, (Option<&str>, &str)>) {
        let got = crate::json::decode::<Lenient<Body>>(body.as_bytes()).map(|Lenient(body)| body);
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{body}"),
            (Err(got), Err((param, says))) => {
                assert_eq!(got.param.as_deref(), param, "{body}: {got}");
                assert!(got.message.contains(says), "{body}: {got}");
            }
            (got, expected) => panic!("{body}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn hints_are_left_out_and_all_else_is_as_strict_as_before() {
        let body = Body { n: Some(1), ttl: Some(5), list: None };
        check(
            r#"{"chat_id": {"a": [1, {"b": null}]}, "n": 1, "keep_alive": "5m", "ttl": 5, "id_slot": null}"#,
            Ok(body),
        );
        check(r#"{"n": 1, "no_such_field": 2}"#, Err((Some("no_such_field"), "unknown field `no_such_field`")));
        check(r#"{"n": 1, "n": 1}"#, Err((None, "duplicate field `n`")));
        check(r#"{"chat_id": 1, "n": "a"}"#, Err((Some("n"), "expected u32")));
        check(
            r#"{"list": [{"text": "a"}, {"text": "a", "chat_id": 1}]}"#,
            Err((Some("list[1].chat_id"), "unknown field")),
        );
        check(r#"{"chat_id": }"#, Err((Some("chat_id"), "expected value")));
        check("5", Err((None, "expected struct Body")));
    }

    #[test]
    fn each_is_told_once() {
        assert!(note(Api::OpenAi, "told_by_this_test"));
        assert!(!note(Api::OpenAi, "told_by_this_test"));
        assert!(note(Api::OpenAi, "also_told_by_this_test"));
    }

    /// Every hint stands in the API's document with the same words, and nothing else in its table.
    #[test]
    fn the_documents_list_the_hints() {
        let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openai-api.md"));
        let (_, table) = document.split_once("| ignored | of | what it is about |\n| --- | --- | --- |\n").unwrap();
        let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let expected: Vec<String> =
            OPENAI.iter().map(|hint| format!("| `{}` | {} | {} |", hint.field, hint.whose, hint.about)).collect();
        assert_eq!(rows, expected);
        let names: BTreeSet<&str> = OPENAI.iter().map(|hint| hint.field).collect();
        assert_eq!(names.len(), OPENAI.len(), "each once");
    }
}
