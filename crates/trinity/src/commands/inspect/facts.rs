//! What `inspect` knows about a container, as text and as JSON from one list.

use std::{collections::BTreeMap, fmt::Write};

use gguf::{Array, Container, Metadata, TensorInfo, Value};
use serde_json::{Value as Json, json};

use super::{
    beside::KindFacts,
    containers,
    readers::{self, Verdict},
    ternary::{Ternary, TernaryFloats},
};
use crate::terminal::{bytes_text, escape};

/// Array elements shown before the rest is only counted.
const ELEMENTS_SHOWN: usize = 8;

/// The facts of one model file.
pub(super) struct Facts {
    name: String,
    version: u32,
    kind: KindFacts,
    /// The kind in words, of what is no model.
    kind_text: Option<String>,
    architecture: String,
    title: Option<String>,
    made_by: Vec<(&'static str, String)>,
    n_parts: usize,
    file_bytes: u64,
    n_weights: u64,
    tensor_bytes: u64,
    types: BTreeMap<&'static str, TypeFacts>,
    /// What is ternary, if anything.
    pub(super) ternary: Option<Ternary>,
    /// What is ternary, but kept in floats; known once every weight was read.
    pub(super) ternary_floats: Option<TernaryFloats>,
    verdicts: Vec<Verdict>,
    /// The file holds hashes of its data.
    is_sealed: bool,
    shape: Vec<(&'static str, u64)>,
    /// Memory by use, or why the model cannot run.
    plan: Result<model::MemoryPlan, String>,
    n_tensors: usize,
    n_metadata: usize,
}

/// All tensors of one type.
#[derive(Default)]
struct TypeFacts {
    id: u32,
    what: String,
    n_tensors: usize,
    n_weights: u64,
    n_bytes: u64,
}

impl TypeFacts {
    fn bits_per_weight(&self) -> f64 {
        bits_per_weight(self.n_bytes, self.n_weights)
    }
}

/// Keys that say who made a model, under which terms: (word in our output, metadata key).
const ORIGIN: &[(&str, &str)] = &[
    ("author", "general.author"),
    ("organization", "general.organization"),
    ("quantized by", "general.quantized_by"),
    ("licence", "general.license"),
    ("source", "general.source.url"),
    ("base model", "general.base_model.0.name"),
    ("finetune", "general.finetune"),
];

/// The numbers of the network: (word in our output, key below the architecture).
const SHAPE: &[(&str, &str)] = &[
    ("context_len", "context_length"),
    ("n_layers", "block_count"),
    ("width", "embedding_length"),
    ("feed_forward", "feed_forward_length"),
    ("n_heads", "attention.head_count"),
    ("n_kv_heads", "attention.head_count_kv"),
    ("n_experts", "expert_count"),
];

impl Facts {
    /// Reads the facts off a container; `context_len` overrides the context for the memory needed.
    pub(super) fn of(container: &Container, context_len: Option<usize>) -> Self {
        let metadata = container.metadata();
        let mut types: BTreeMap<_, TypeFacts> = BTreeMap::new();
        for tensor in container.tensors() {
            let of = types.entry(containers::name(tensor)).or_default();
            of.id = tensor.type_id.0;
            of.what = containers::sentence(tensor);
            of.n_tensors += 1;
            of.n_weights += n_weights(tensor);
            of.n_bytes += tensor.n_bytes;
        }
        let kind = KindFacts::of(container);
        let plan = model::memory_plan(container, context_len).map_err(|e| crate::failure::chain(&e));
        Self {
            name: container.name().to_owned(),
            version: container.version(),
            kind_text: kind.to_text(metadata),
            kind,
            title: text_of(metadata, "general.name"),
            made_by: made_by(metadata),
            n_parts: container.n_parts(),
            file_bytes: container.file_bytes(),
            n_weights: container.tensors().iter().map(n_weights).sum(),
            tensor_bytes: container.tensors().iter().map(|t| t.n_bytes).sum(),
            types,
            ternary: Ternary::of(container),
            ternary_floats: None,
            verdicts: readers::verdicts(container, plan.as_ref().map(drop).map_err(String::as_str)),
            is_sealed: gguf::seal::is_sealed(metadata),
            shape: shape(metadata),
            plan,
            n_tensors: container.tensors().len(),
            n_metadata: metadata.iter().count(),
            architecture: architecture(metadata),
        }
    }

    /// The facts in lines, for people.
    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        let mut line = |word: &str, value: &str| {
            let _ = writeln!(out, "  {word:<14}{}", escape(value));
        };
        line(
            "format",
            &format!("GGUF v{}, {} metadata keys, {} tensors", self.version, self.n_metadata, self.n_tensors),
        );
        if let Some(kind) = &self.kind_text {
            line("kind", kind);
        }
        line("architecture", &self.architecture);
        if let Some(title) = &self.title {
            line("name", title);
        }
        for (word, value) in &self.made_by {
            line(word, value);
        }
        line(
            "size",
            &format!(
                "{} in {}, {} weights, {:.2} bits per weight",
                bytes_text(self.file_bytes),
                if self.n_parts > 1 { format!("{} files", self.n_parts) } else { "the file".to_owned() },
                count_text(self.n_weights),
                bits_per_weight(self.tensor_bytes, self.n_weights)
            ),
        );
        if !self.shape.is_empty() {
            line("shape", &shape_text(&self.shape));
        }
        let width = self.types.keys().map(|name| name.len()).max().unwrap_or(0);
        for (name, of) in &self.types {
            let (n, weights, bytes) = (of.n_tensors, count_text(of.n_weights), bytes_text(of.n_bytes));
            let bits = of.bits_per_weight();
            line(
                "type",
                &format!("{name:<width$} {n:>4} tensors, {weights:>9} weights, {bytes}, {bits:.2} bits: {}", of.what),
            );
        }
        if let Some(ternary) = &self.ternary {
            line("ternary", &ternary.to_text());
        }
        if let Some(floats) = self.ternary_floats {
            line("ternary", &floats.to_text());
        }
        if self.is_sealed {
            line("hashes", "of every tensor and of the header, which has been checked; --verify checks the tensors");
        }
        match &self.plan {
            Ok(plan) => line(
                "memory",
                &format!(
                    "{} weights (mapped){}{} + {} KV cache for {} tokens{} + {} scratch",
                    bytes_text(plan.weight_bytes),
                    more(plan.copy_bytes, "copied"),
                    more(plan.packed_bytes, "packed"),
                    bytes_text(plan.kv_bytes),
                    plan.context_len,
                    more(plan.state_bytes, "state of a sequence"),
                    bytes_text(plan.scratch_bytes)
                ),
            ),
            Err(reason) => line("cannot run", reason),
        }
        out += &readers::to_text(&self.verdicts);
        format!("{}\n{out}", escape(&self.name))
    }

    /// The facts as JSON, for programs.
    pub(super) fn to_json(&self) -> Json {
        let mut object = json!({
            "file": self.name,
            "gguf_version": self.version,
            "kind": self.kind.name(),
            "architecture": self.architecture,
            "name": self.title,
            "parts": self.n_parts,
            "file_bytes": self.file_bytes,
            "n_tensors": self.n_tensors,
            "n_weights": self.n_weights,
            "bits_per_weight": bits_per_weight(self.tensor_bytes, self.n_weights),
            "types": self.types.iter().map(|(name, of)| type_json(name, of)).collect::<Vec<_>>(),
            "ternary": self.ternary.as_ref().map(Ternary::to_json),
            "ternary_floats": self.ternary_floats.map(TernaryFloats::to_json),
            "has_hashes": self.is_sealed,
            "readers": readers::to_json(&self.verdicts),
            "made_by": self.made_by.iter().map(|(word, value)| ((*word).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
        });
        for (word, n) in &self.shape {
            object[*word] = json!(n);
        }
        if let Some(facts) = self.kind.to_json() {
            object[self.kind.name()] = facts;
        }
        match &self.plan {
            Ok(plan) => {
                object["memory"] = json!({
                    "weight_bytes": plan.weight_bytes, "copy_bytes": plan.copy_bytes, "packed_bytes": plan.packed_bytes,
                    "kv_bytes": plan.kv_bytes, "state_bytes": plan.state_bytes, "scratch_bytes": plan.scratch_bytes,
                    "context_len": plan.context_len,
                });
            }
            Err(reason) => object["cannot_run"] = json!(reason),
        }
        object
    }
}

/// Weights of a tensor.
pub(super) fn n_weights(tensor: &TensorInfo) -> u64 {
    tensor.dims.iter().product()
}

/// Bits of a weight; 0 where there are no weights.
pub(super) fn bits_per_weight(n_bytes: u64, n_weights: u64) -> f64 {
    if n_weights == 0 { 0.0 } else { n_bytes as f64 * 8.0 / n_weights as f64 }
}

fn type_json(name: &str, of: &TypeFacts) -> Json {
    json!({
        "type": name, "type_id": of.id, "what": of.what, "n_tensors": of.n_tensors,
        "n_weights": of.n_weights, "bytes": of.n_bytes, "bits_per_weight": of.bits_per_weight(),
    })
}

/// A text of the metadata, if there is one.
pub(super) fn text_of(metadata: &Metadata, key: &str) -> Option<String> {
    metadata.str(key).ok().flatten().map(ToOwned::to_owned)
}

/// The architecture, or "unknown".
pub(super) fn architecture(metadata: &Metadata) -> String {
    text_of(metadata, "general.architecture").unwrap_or_else(|| "unknown".to_owned())
}

fn made_by(metadata: &Metadata) -> Vec<(&'static str, String)> {
    ORIGIN.iter().filter_map(|&(word, key)| Some((word, text_of(metadata, key)?))).collect()
}

/// The numbers of the network that are there.
pub(super) fn shape(metadata: &Metadata) -> Vec<(&'static str, u64)> {
    let architecture = architecture(metadata);
    let number = |key: &str| metadata.u64(&format!("{architecture}.{key}")).ok()?;
    let mut shape: Vec<(&str, u64)> = SHAPE.iter().filter_map(|&(word, key)| Some((word, number(key)?))).collect();
    if let Ok(Some(tokens)) = metadata.strings("tokenizer.ggml.tokens") {
        shape.push(("n_vocab", tokens.len() as u64));
    }
    shape
}

/// The numbers of the network in one line, each behind its word.
pub(super) fn shape_text(shape: &[(&str, u64)]) -> String {
    let words: Vec<String> = shape.iter().map(|(word, n)| format!("{} {n}", word.replace('_', " "))).collect();
    words.join(", ")
}

/// 134515008 → 134.5 M
pub(super) fn count_text(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1} k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", n as f64 / 1e6),
        _ => format!("{:.2} G", n as f64 / 1e9),
    }
}

/// One tensor as JSON.
pub(super) fn tensor_json(tensor: &TensorInfo) -> Json {
    json!({"name": tensor.name, "type": tensor.type_name(), "shape": tensor.dims, "offset": tensor.offset, "bytes": tensor.n_bytes, "part": tensor.part})
}

/// A metadata value as JSON, arrays whole.
pub(super) fn value_json(value: &Value) -> Json {
    match value {
        Value::U8(v) => json!(v),
        Value::I8(v) => json!(v),
        Value::U16(v) => json!(v),
        Value::I16(v) => json!(v),
        Value::U32(v) => json!(v),
        Value::I32(v) => json!(v),
        Value::F32(v) => json!(v),
        Value::Bool(v) => json!(v),
        Value::String(v) => json!(v),
        Value::U64(v) => json!(v),
        Value::I64(v) => json!(v),
        Value::F64(v) => json!(v),
        Value::Array(array) => match array {
            Array::U8(v) => json!(v),
            Array::I8(v) => json!(v),
            Array::U16(v) => json!(v),
            Array::I16(v) => json!(v),
            Array::U32(v) => json!(v),
            Array::I32(v) => json!(v),
            Array::F32(v) => json!(v),
            Array::Bool(v) => json!(v),
            Array::String(v) => json!(v),
            Array::U64(v) => json!(v),
            Array::I64(v) => json!(v),
            Array::F64(v) => json!(v),
        },
    }
}

/// Bytes that are needed beside others, for people; nothing if there are none.
fn more(bytes: u64, what: &str) -> String {
    if bytes > 0 { format!(" + {} {what}", bytes_text(bytes)) } else { String::new() }
}

/// A metadata value for people: long arrays are cut and counted.
pub(super) fn value_text(value: &Value) -> String {
    match value_json(value) {
        Json::Array(elements) if elements.len() > ELEMENTS_SHOWN => {
            let shown: Vec<String> = elements.iter().take(ELEMENTS_SHOWN).map(ToString::to_string).collect();
            format!("[{}, … {} elements]", shown.join(", "), elements.len())
        }
        other => other.to_string(),
    }
}
