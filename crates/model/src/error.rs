//! Why a container is no runnable model: names file, tensor or key, expected and got.

/// A refused model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The container itself.
    #[error("{file}: {source}")]
    Container {
        /// File.
        file: String,
        /// The key and its types.
        source: gguf::Error,
    },
    /// A file that goes with models.
    #[error("{file}: {kind}, not a model that can be run")]
    Kind {
        /// File.
        file: String,
        /// What it is.
        kind: gguf::FileKind,
    },
    /// No family reads this architecture.
    #[error("{file}: unknown architecture {name:?}")]
    Architecture {
        /// File.
        file: String,
        /// `general.architecture`.
        name: String,
    },
    /// A key is missing or its value is impossible.
    #[error("{file}: metadata {key}: {what}")]
    Key {
        /// File.
        file: String,
        /// Key.
        key: String,
        /// Expected and got.
        what: String,
    },
    /// A tensor is missing, has another shape or a type that cannot be computed with.
    #[error("{file}: tensor {tensor}: {what}")]
    Tensor {
        /// File.
        file: String,
        /// Tensor.
        tensor: String,
        /// Expected and got.
        what: String,
    },
    /// The caller asks for what the model cannot give.
    #[error("{file}: {what}")]
    Option {
        /// File.
        file: String,
        /// Asked and possible.
        what: String,
    },
}

impl LoadError {
    /// [`LoadError::Tensor`] of a tensor of `container`.
    pub(crate) fn tensor(container: &gguf::Container, tensor: &str, what: String) -> Self {
        Self::Tensor { file: container.name().to_owned(), tensor: tensor.to_owned(), what }
    }
}
