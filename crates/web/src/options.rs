//! [`Options`]: what a page says of a model that it loads, or plans to.

use engine::{EngineOptions, StepBound};
use gguf::Container;
use model::{KvType, KvTypes, LoadOptions, PAGE_LEN};
use serde::Deserialize;

use crate::Error;

/// Context where the page says none and the model allows more: bounds the KV cache.
const CONTEXT_LEN_DEFAULT: usize = 8192;
/// Number of sequences computed at once.
const PARALLEL_DEFAULT: usize = 8;
const PARALLEL_MAX: usize = 64;
/// Longest step of more than one row, in milliseconds: a page that aborts waits for the end of one. Shorter ones make
/// prompts slower (docs/lab-notes.md).
const STEP_MS_DEFAULT: f64 = 400.0;
/// Largest number of rows of a step.
const STEP_ROWS_DEFAULT: usize = 64;
const STEP_ROWS_MAX: usize = 512;

/// Types of keys and values, and their names.
const KV_TYPES: [(&str, KvType); 4] =
    [("f16", KvType::F16), ("q8_0", KvType::Q8_0), ("q4_0", KvType::Q4_0), ("f32", KvType::F32)];

/// Settings of `load` and `plan`.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    pub(crate) context_length: Option<usize>,
    kv_type: Option<String>,
    parallel: Option<usize>,
    step_ms: Option<f64>,
    step_rows: Option<usize>,
    pub(crate) seed: Option<u64>,
    pub(crate) unix_ms: Option<f64>,
    pub(crate) utc_offset_minutes: Option<i32>,
    pub(crate) chat_template: Option<String>,
    /// Bytes that the page has for the module; of `plan` only.
    pub(crate) limit: Option<u64>,
}

impl Options {
    /// Checks what can be checked without a model.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let range = |field: &str, value: Option<usize>, max: usize| match value {
            Some(n) if !(1..=max).contains(&n) => Err(Error::range(field, n, format_args!("1 to {max}"))),
            _ => Ok(()),
        };
        range("parallel", self.parallel, PARALLEL_MAX)?;
        range("step_rows", self.step_rows, STEP_ROWS_MAX)?;
        if let Some(ms) = self.step_ms.filter(|ms| !(1.0..=10_000.0).contains(ms)) {
            return Err(Error::range("step_ms", ms, "1 to 10000"));
        }
        if let Some(minutes) = self.utc_offset_minutes.filter(|minutes| minutes.abs() > 24 * 60) {
            return Err(Error::range("utc_offset_minutes", minutes, "-1440 to 1440"));
        }
        self.kv_types().map(drop)
    }

    fn kv_types(&self) -> Result<KvTypes, Error> {
        let Some(word) = &self.kv_type else { return Ok(LoadOptions::DEFAULT.kv_types) };
        let known = KV_TYPES.iter().find(|(name, _)| name == word);
        known.map(|(_, kv_type)| KvTypes::both(*kv_type)).ok_or_else(|| {
            let names = KV_TYPES.map(|(name, _)| name).join(", ");
            Error::range("kv_type", format_args!("{word:?}"), format_args!("one of {names}"))
        })
    }

    fn parallel(&self) -> usize {
        self.parallel.unwrap_or(PARALLEL_DEFAULT)
    }

    /// What the model is loaded with. The cache holds one whole sequence; those that are computed at once share it.
    pub(crate) fn load(&self, container: &Container, context_len: Option<usize>) -> Result<LoadOptions, Error> {
        let own = model::context_len(container).map_err(Error::input)?;
        let context_len = context_len.or(self.context_length).unwrap_or(own.min(CONTEXT_LEN_DEFAULT));
        Ok(LoadOptions {
            context_len_max: Some(context_len),
            kv_types: self.kv_types()?,
            kv_positions: Some(context_len.next_multiple_of(PAGE_LEN)),
            step_rows_max: self.step_rows.unwrap_or(STEP_ROWS_DEFAULT),
            // One copy of the weights in memory.
            pack_bytes_max: 0,
            ..LoadOptions::DEFAULT
        })
    }

    pub(crate) fn engine(&self) -> EngineOptions {
        EngineOptions {
            n_running_max: self.parallel(),
            step: StepBound::Held(self.step_ms.unwrap_or(STEP_MS_DEFAULT)),
            ..EngineOptions::default()
        }
    }
}
