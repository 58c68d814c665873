//! Why a container is no runnable model: names file, tensor or key, expected and got.

/// A reason why a model is refused. `file` is always the path of the container.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The container itself is refused; `source` names the key and its types.
    #[error("{file}: {source}")]
    Container { file: String, source: gguf::Error },
    /// The file is no model, but a `kind` of file that goes with models.
    #[error("{file}: {kind}, not a model that can be run")]
    Kind { file: String, kind: gguf::FileKind },
    /// No family reads the architecture `name`.
    #[error("{file}: unknown architecture {name:?}")]
    Architecture { file: String, name: String },
    /// The key is missing or its value is impossible; `what` says what was expected and got.
    #[error("{file}: metadata {key}: {what}")]
    Key { file: String, key: String, what: String },
    /// The tensor is missing, has another shape, or a type that cannot be computed with; `what` says what was expected
    /// and got.
    #[error("{file}: tensor {tensor}: {what}")]
    Tensor { file: String, tensor: String, what: String },
    /// The caller asks for what the model cannot give; `what` says what was asked and what is possible.
    #[error("{file}: {what}")]
    Option { file: String, what: String },
}

impl LoadError {
    /// Makes a [`LoadError::Tensor`] about a tensor of `container`.
    pub(crate) fn tensor(container: &gguf::Container, tensor: &str, what: String) -> Self {
        Self::Tensor { file: container.name().to_owned(), tensor: tensor.to_owned(), what }
    }
}
