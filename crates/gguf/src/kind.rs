//! [`FileKind`]: whether a GGUF file is a model, or one of the files that go with models.

use std::fmt;

use crate::Metadata;

/// What a file is, as its metadata says by `general.type` or by an architecture that no model has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// Weights that can be run; also what nothing speaks against.
    Model,
    /// Low-rank changes to a model's matrices (`general.type` adapter, `adapter.type` lora).
    LoraAdapter,
    /// Changes of another kind (`general.type` adapter).
    Adapter,
    /// A direction for the activations of each layer (`general.architecture` controlvector).
    ControlVector,
    /// An encoder of images or sound, and what puts its output before a model (`general.type` mmproj,
    /// `general.architecture` clip).
    Projector,
    /// Importance of columns for quantising (`general.type` imatrix).
    ImportanceMatrix,
}

impl FileKind {
    /// The kind of a file with this metadata.
    pub fn of(metadata: &Metadata) -> Self {
        let text = |key: &str| metadata.str(key).ok().flatten().unwrap_or_default();
        match (text("general.type"), text("general.architecture")) {
            ("adapter", _) if text("adapter.type") == "lora" => Self::LoraAdapter,
            ("adapter", _) => Self::Adapter,
            ("imatrix", _) => Self::ImportanceMatrix,
            ("mmproj" | "projector" | "clip-vision", _) | (_, "clip") => Self::Projector,
            (_, "controlvector") => Self::ControlVector,
            _ => Self::Model,
        }
    }

    /// One word, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::LoraAdapter => "lora_adapter",
            Self::Adapter => "adapter",
            Self::ControlVector => "control_vector",
            Self::Projector => "mmproj",
            Self::ImportanceMatrix => "imatrix",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "a model",
            Self::LoraAdapter => "a LoRA adapter",
            Self::Adapter => "an adapter",
            Self::ControlVector => "a control vector",
            Self::Projector => "a projector for images or sound (mmproj)",
            Self::ImportanceMatrix => "an importance matrix",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn kinds_are_told_by_type_then_architecture() {
        let check = |keys: &[(&str, &str)], expected: FileKind| {
            let mut metadata = Metadata::default();
            keys.iter().for_each(|(key, value)| metadata.set(*key, Value::String((*value).to_owned())));
            assert_eq!(FileKind::of(&metadata), expected, "{keys:?}");
        };
        let (kind, architecture) = ("general.type", "general.architecture");
        check(&[], FileKind::Model);
        check(&[(kind, "model"), (architecture, "llama")], FileKind::Model);
        check(&[(kind, "adapter"), (architecture, "llama"), ("adapter.type", "lora")], FileKind::LoraAdapter);
        check(&[(kind, "adapter"), (architecture, "llama")], FileKind::Adapter);
        check(&[(architecture, "controlvector")], FileKind::ControlVector);
        check(&[(kind, "mmproj"), (architecture, "clip")], FileKind::Projector);
        check(&[(architecture, "clip")], FileKind::Projector);
        check(&[(kind, "imatrix")], FileKind::ImportanceMatrix);
    }
}
