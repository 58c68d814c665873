//! [`Plan`]: what becomes of each tensor, decided before a byte is written.

use std::collections::BTreeMap;

use gguf::{Layout, Metadata, TensorSpec, TypeId};
use quant::{Format, ternarise::Mode};

use crate::{
    Error,
    source::{Source, SourceTensor, Stored},
};

/// Metadata and tensors of a file to be.
pub struct Plan {
    /// All of it, as it will be written.
    pub metadata: Metadata,
    /// In the order of the source.
    pub tensors: Vec<PlannedTensor>,
}

/// What becomes of one tensor.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedTensor {
    /// How it is written.
    pub action: Action,
    /// The format that was asked for, where the length of its rows does not allow it.
    pub wanted: Option<Format>,
    /// Importance of columns, `[matrices, cols]`.
    pub importance: Option<Vec<f32>>,
}

/// How a tensor is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Its bytes as they are, under this type.
    Copy(TypeId),
    /// Anew.
    Encode {
        /// As what.
        format: Format,
        /// How far from what they are weights may get.
        freedom: Freedom,
    },
}

/// How far from what they are weights may get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freedom {
    /// Every weight keeps its value, or nothing is written.
    Exact,
    /// As near as the format comes by its encoder; ternary matrices as they are if it can hold them.
    Nearest,
    /// Matrices that are ternary as they are if the format can hold them, others made so by this mode under as many
    /// scales as the format has.
    Ternarise(Mode),
}

impl PlannedTensor {
    /// Written by `action`, nothing special.
    pub fn new(action: Action) -> Self {
        Self { action, wanted: None, importance: None }
    }
}

/// What a plan comes to for one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TypeTotal {
    /// Tensors of that type.
    pub n_tensors: usize,
    /// Weights in them.
    pub n_weights: u64,
    /// Bytes of data, without padding.
    pub n_bytes: u64,
}

impl Action {
    /// The type id in the new file.
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
    /// Everything as it is: bytes where there are any, else the format in which the source keeps the values.
    pub fn keep(source: &dyn Source) -> Result<Self, Error> {
        Self::keep_but(source, &[])
    }

    /// The same, where tensors `others` will get a type anyway and need none of their own.
    pub(crate) fn keep_but(source: &dyn Source, others: &[usize]) -> Result<Self, Error> {
        let action = |i| match kept(source, i) {
            Err(_) if others.contains(&i) => Ok(Action::Encode { format: Format::F32, freedom: Freedom::Exact }),
            result => result,
        };
        let tensors = (0..source.tensors().len()).map(|i| Ok(PlannedTensor::new(action(i)?)));
        Ok(Self { metadata: metadata(source), tensors: tensors.collect::<Result<_, Error>>()? })
    }

    /// The header's entry of tensor `i`.
    pub(crate) fn spec(&self, source: &dyn Source, i: usize) -> Result<TensorSpec, Error> {
        let (tensor, planned) = (&source.tensors()[i], &self.tensors[i]);
        Ok(TensorSpec { name: tensor.name.clone(), dims: tensor.dims.clone(), type_id: planned.action.type_id()? })
    }

    /// Bytes of tensor `i` in the new file, without padding.
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

    /// Tensors, weights and bytes of each type, by its name in lower case.
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

/// The action that changes nothing about tensor `i`.
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

/// The source's metadata without what says that it is one part of several, and without its seal.
pub(crate) fn metadata(source: &dyn Source) -> Metadata {
    let mut metadata = source.metadata().clone();
    metadata.remove_split();
    gguf::seal::remove(&mut metadata);
    metadata
}

/// Rows of `tensor` do not divide into blocks of `block_len`.
pub(crate) fn misfit(source: &dyn Source, tensor: &SourceTensor, format: &str, block_len: u64) -> Error {
    Error::Tensor {
        file: source.name().to_owned(),
        tensor: tensor.name.clone(),
        what: format!("a row of {}, but {format} needs a multiple of {block_len}", tensor.cols()),
    }
}
