//! What `inspect` says of files that are no models but go with one: adapters, control vectors, projectors, importance
//! matrices.

use std::path::Path;

use gguf::{Container, FileKind, ImportanceMatrix, MappedFile, Metadata, Value};
use serde_json::{Map, Value as Json, json};

use super::facts::{text_of, value_json};

/// Keys of such files: (kind, word in our output, key).
const KEYS: &[(FileKind, &str, &str)] = &[
    (FileKind::LoraAdapter, "alpha", "adapter.lora.alpha"),
    (FileKind::LoraAdapter, "task", "adapter.lora.task_name"),
    (FileKind::Adapter, "type", "adapter.type"),
    (FileKind::ControlVector, "of", "controlvector.model_hint"),
    (FileKind::ControlVector, "layers", "controlvector.layer_count"),
    (FileKind::Projector, "projector", "clip.projector_type"),
    (FileKind::Projector, "image_projector", "clip.vision.projector_type"),
    (FileKind::Projector, "audio_projector", "clip.audio.projector_type"),
    (FileKind::Projector, "image_size", "clip.vision.image_size"),
    (FileKind::Projector, "patch_size", "clip.vision.patch_size"),
    (FileKind::Projector, "image_layers", "clip.vision.block_count"),
    (FileKind::Projector, "audio_layers", "clip.audio.block_count"),
    (FileKind::Projector, "model_width", "clip.vision.projection_dim"),
];

/// The kind of a file and what its kind has to say.
pub(super) struct KindFacts {
    kind: FileKind,
    facts: Vec<(&'static str, Json)>,
}

impl KindFacts {
    pub(super) fn of(container: &Container) -> Self {
        let metadata = container.metadata();
        let kind = FileKind::of(metadata);
        let keyed = KEYS.iter().filter(|(of, ..)| *of == kind);
        let mut facts: Vec<(&str, Json)> =
            keyed.filter_map(|&(_, word, key)| Some((word, value_json(metadata.get(key)?)))).collect();
        match kind {
            FileKind::LoraAdapter => facts.extend(lora(container)),
            FileKind::ControlVector => {
                let n = container.tensors().iter().filter(|t| t.name.starts_with("direction.")).count();
                facts.push(("directions", json!(n)));
            }
            FileKind::Projector => facts.extend(senses(metadata)),
            FileKind::ImportanceMatrix => facts.extend(importance(container)),
            FileKind::Model | FileKind::Adapter => {}
        }
        Self { kind, facts }
    }

    /// The facts of an importance matrix that is no GGUF file.
    pub(super) fn of_older(matrix: &ImportanceMatrix) -> Self {
        Self { kind: FileKind::ImportanceMatrix, facts: collected(matrix) }
    }

    /// `a LoRA adapter of llama: alpha 16, rank 8`; `None` for models, whose facts say more.
    pub(super) fn to_text(&self, metadata: &Metadata) -> Option<String> {
        if self.kind == FileKind::Model {
            return None;
        }
        let of = match self.kind {
            FileKind::LoraAdapter | FileKind::Adapter => text_of(metadata, "general.architecture"),
            _ => None,
        };
        let of = of.map(|name| format!(" of {name}")).unwrap_or_default();
        let said = |(word, value): &(&str, Json)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{} {value}", word.replace('_', " "))
        };
        let facts: Vec<String> = self.facts.iter().map(said).collect();
        let colon = if facts.is_empty() { "" } else { ": " };
        Some(format!("{}{of}{colon}{}", self.kind, facts.join(", ")))
    }

    /// The kind of the file in one word.
    pub(super) fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// The facts of what is no model.
    pub(super) fn to_json(&self) -> Option<Json> {
        let facts = self.facts.iter().map(|(word, value)| ((*word).to_owned(), value.clone()));
        (self.kind != FileKind::Model).then(|| facts.collect::<Map<_, _>>().into())
    }
}

/// Pairs of matrices `NAME.lora_a`, `NAME.lora_b` `[rank, rows]`.
fn lora(container: &Container) -> Vec<(&'static str, Json)> {
    let ranks = || container.tensors().iter().filter(|t| t.name.ends_with(".lora_b")).map(gguf::TensorInfo::cols);
    let (least, most) = (ranks().min().unwrap_or(0), ranks().max().unwrap_or(0));
    let rank = if least == most { json!(most) } else { json!(format!("{least} to {most}")) };
    vec![("rank", rank), ("matrices", json!(ranks().count()))]
}

/// Kinds of input that the file's encoders take.
fn senses(metadata: &Metadata) -> Vec<(&'static str, Json)> {
    let has = |key: &str| matches!(metadata.get(key), Some(Value::Bool(true)));
    let senses = [("images", "clip.has_vision_encoder"), ("sound", "clip.has_audio_encoder")];
    let words: Vec<&str> = senses.iter().filter(|(_, key)| has(key)).map(|(word, _)| *word).collect();
    if words.is_empty() { Vec::new() } else { vec![("for", json!(words.join(" and ")))] }
}

/// What was collected, or why the file is no importance matrix after all.
fn importance(container: &Container) -> Vec<(&'static str, Json)> {
    match ImportanceMatrix::read(container) {
        Ok(matrix) => collected(&matrix),
        Err(error) => vec![("unreadable", json!(error.to_string()))],
    }
}

fn collected(matrix: &ImportanceMatrix) -> Vec<(&'static str, Json)> {
    let mut facts = vec![("datasets", json!(matrix.datasets.join(", "))), ("chunks", json!(matrix.chunk_count))];
    if matrix.chunk_size > 0 {
        facts.push(("chunk_size", json!(matrix.chunk_size)));
    }
    facts.push(("tensors", json!(matrix.tensors.len())));
    facts
}

/// The importance matrix in a file of llama.cpp's older form; `None` if it is anything else.
pub(super) fn older_importance(path: &Path) -> Option<ImportanceMatrix> {
    ImportanceMatrix::from_dat("", &MappedFile::open(path).ok()?).ok()
}
