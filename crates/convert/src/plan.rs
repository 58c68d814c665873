//! [`Plan`]: what becomes of each tensor, decided before a byte is written.

use std::collections::BTreeMap;

use gguf::{Layout, Metadata, TensorSpec, TypeId};
use quant::{Format, ternarise::Mode};

use crate::{
    Error,
    source::{Source, SourceTensor, Stored},
};

/// Metadata and tensors of a file to be written.
pub struct Plan {
    /// Metadata as it will be written, whole.
    pub metadata: Metadata,
    /// Tensors in the order of the source.
    pub tensors: Vec<PlannedTensor>,
}

/// The decision about one tensor.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedTensor {
    /// Way in which the tensor is written.
    pub action: Action,
    /// Format that was asked for, if the length of the tensor's rows does not allow it.
    pub wanted: Option<Format>,
    /// Importance of the tensor's columns, `[matrices, cols]`.
    pub importance: Option<Vec<f32>>,
}

/// A way to write a tensor.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The tensor's bytes are copied as they are, under this type.
    Copy(TypeId),
    /// The tensor is encoded in `format`; `freedom` says how far weights may get from what they are.
    Encode { format: Format, freedom: Freedom },
}

/// Limit of how far weights may get from what they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freedom {
    /// Every weight keeps its value, or nothing is written.
    Exact,
    /// Weights get as near as the format's encoder comes; ternary matrices keep their values if the format can hold
    /// them.
    Nearest,
    /// Ternary matrices keep their values if the format can hold them; others are made ternary by this mode, under as
    /// many scales as the format has.
    Ternarise(Mode),
}

impl PlannedTensor {
    /// Makes the plan of a tensor that is written by `action`, with nothing special.
    pub fn new(action: Action) -> Self {
        Self { action, wanted: None, importance: None }
    }
}

/// Totals of one type in a plan: its tensors, the weights in them, and their bytes of data, without padding.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TypeTotal {
    pub n_tensors: usize,
    pub n_weights: u64,
    pub n_bytes: u64,
}

impl Action {
    /// Returns the type id in the new file.
    pub fn type_id(self) -> Result<TypeId, Error> {
        match self {
            Self::Copy(id) => Ok(id),
            Self::Encode { format, .. } => {
                // Of types that share a number, readers would take this one for another.
                let is_read_back = |id: &TypeId| id.layout().and_then(Layout::format) == Some(format);
                let none = || Error::Option(format!("{} has no type number of its own", format.name()));
                TypeId::of(format).filter(is_read_back).ok_or_else(none)
            }
        }
    }
}

impl Plan {
    /// Keeps everything as it is: bytes where the source has them, else the format in which it keeps the values.
    pub fn keep(source: &dyn Source) -> Result<Self, Error> {
        Self::keep_but(source, &[])
    }

    /// Keeps everything as it is, but for tensors `others`, which get a type later and need none of their own.
    pub(crate) fn keep_but(source: &dyn Source, others: &[usize]) -> Result<Self, Error> {
        let action = |i| match kept(source, i) {
            Err(_) if others.contains(&i) => Ok(Action::Encode { format: Format::F32, freedom: Freedom::Exact }),
            result => result,
        };
        let tensors = (0..source.tensors().len()).map(|i| Ok(PlannedTensor::new(action(i)?)));
        Ok(Self { metadata: metadata(source), tensors: tensors.collect::<Result<_, Error>>()? })
    }

    /// Returns the header's entry of tensor `i`.
    pub(crate) fn spec(&self, source: &dyn Source, i: usize) -> Result<TensorSpec, Error> {
        let (tensor, planned) = (&source.tensors()[i], &self.tensors[i]);
        Ok(TensorSpec { name: tensor.name.clone(), dims: tensor.dims.clone(), type_id: planned.action.type_id()? })
    }

    /// Number of bytes of tensor `i` in the new file, without padding.
    pub(crate) fn n_bytes(&self, source: &dyn Source, i: usize) -> Result<u64, Error> {
        let (tensor, action) = (&source.tensors()[i], self.tensors[i].action);
        if let Action::Encode { format, .. } = action
            && format.row_bytes(tensor.cols()).is_none()
        {
            return Err(misfit(source, tensor, format.name(), format.block_len() as u64));
        }
        action.type_id()?.bytes_of(&tensor.dims).map_err(|what| Error::Tensor {
            file: source.name().to_owned(),
            tensor: tensor.name.clone(),
            what,
        })
    }

    /// Returns tensors, weights and bytes of each type, by its name in lower case.
    pub fn totals(&self, source: &dyn Source) -> Result<BTreeMap<String, TypeTotal>, Error> {
        let mut totals = BTreeMap::<String, TypeTotal>::new();
        for (i, tensor) in source.tensors().iter().enumerate() {
            let spec = self.spec(source, i)?;
            let total = totals.entry(spec.type_id.name().to_ascii_lowercase()).or_default();
            total.n_tensors += 1;
            total.n_weights += tensor.n_weights();
            total.n_bytes += self.n_bytes(source, i)?;
        }
        Ok(totals)
    }
}

/// Returns the action that changes nothing about tensor `i`.
pub(crate) fn kept(source: &dyn Source, i: usize) -> Result<Action, Error> {
    let tensor = &source.tensors()[i];
    match (source.raw_type(i), tensor.stored) {
        (Some(id), _) => Ok(Action::Copy(id)),
        (None, Stored::As(format)) => Ok(Action::Encode { format, freedom: Freedom::Exact }),
        (None, Stored::Ternary | Stored::Opaque) => Err(Error::Tensor {
            file: source.name().to_owned(),
            tensor: tensor.name.clone(),
            what: "has no type of its own; say which it should get".to_owned(),
        }),
    }
}

/// Returns the source's metadata without what makes it one part of several, and without its seal.
pub(crate) fn metadata(source: &dyn Source) -> Metadata {
    let mut metadata = source.metadata().clone();
    metadata.remove_split();
    gguf::seal::remove(&mut metadata);
    metadata
}

/// Makes the error of a `tensor` whose rows do not divide into blocks of `block_len`.
pub(crate) fn misfit(source: &dyn Source, tensor: &SourceTensor, format: &str, block_len: u64) -> Error {
    Error::Tensor {
        file: source.name().to_owned(),
        tensor: tensor.name.clone(),
        what: format!("a row of {}, but {format} needs a multiple of {block_len}", tensor.cols()),
    }
}
