//! Which matrices are ternary, and a plan that gives those another type.

use std::sync::atomic::{AtomicBool, Ordering};

use gguf::{TypeId, Value};
use quant::{
    Format, TernaryEncoder, TernaryRows,
    tri::{Packing, TriBlocks, TriRows},
};

use crate::{
    Error,
    file_type::{FILE_TYPE, QUANTIZATION_VERSION, VERSION},
    parallel,
    plan::{Action, Freedom, Plan, misfit},
    source::{Rows, Source, Stored},
};

/// Whether tensor `i` is a matrix of -1, 0 and 1 under scales: told by the type where that is ternary, by every weight
/// where it is a float.
pub fn is_ternary_matrix(source: &dyn Source, i: usize, n_threads: usize) -> Result<bool, Error> {
    let tensor = &source.tensors()[i];
    match tensor.stored {
        Stored::Ternary => return Ok(true),
        Stored::As(Format::F32 | Format::F16 | Format::BF16) if tensor.dims.len() > 1 => {}
        Stored::As(_) | Stored::Opaque => return Ok(false),
    }
    let cols = tensor.cols();
    let chunks = parallel::chunks(tensor.n_rows(), tensor.rows_per_matrix(), cols);
    // Most matrices are not, and their first row says so: nobody then looks at the others.
    let is_over = AtomicBool::new(false);
    let looks = parallel::map(n_threads, chunks, |rows| {
        if is_over.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let values = source.read(i, rows)?.into_values();
        let looks = TernaryRows::from_values(&values, cols).is_some();
        is_over.fetch_or(!looks, Ordering::Relaxed);
        Ok(looks)
    })?;
    Ok(looks.into_iter().all(|looks| looks))
}

/// The type that ternary matrices are to get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// This format for all of them.
    Format(Format),
    /// The smallest type of `.tri` in this packing that holds the matrix exactly, for each of them.
    Tri(Packing),
}

impl Target {
    /// Parses a target: the name of a format, or `tri1` or `tri2`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "tri1" => Some(Self::Tri(Packing::Base3)),
            "tri2" => Some(Self::Tri(Packing::TwoBits)),
            _ => Format::from_name(name).ok().map(Self::Format),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Format(format) => format.name(),
            Self::Tri(Packing::Base3) => "tri1",
            Self::Tri(Packing::TwoBits) => "tri2",
        }
    }

    /// Returns the format for ternary tensor `i`.
    fn format(self, source: &dyn Source, i: usize) -> Result<Format, Error> {
        match self {
            Self::Format(format) => Ok(format),
            Self::Tri(packing) => smallest(source, i, packing),
        }
    }
}

/// Finds the smallest type of `.tri` that holds tensor `i` exactly: wide spans and small scales are tried first.
fn smallest(source: &dyn Source, i: usize, packing: Packing) -> Result<Format, Error> {
    let tensor = &source.tensors()[i];
    let (n_rows, cols) = (tensor.n_rows(), tensor.cols());
    let rows = TriRows::ALL.into_iter().filter(|rows| rows.packing == packing).map(Format::TriRows);
    let mut blocks: Vec<_> = TriBlocks::ALL.into_iter().filter(|blocks| blocks.parts().0 == packing).collect();
    blocks.sort_by_key(|blocks| (std::cmp::Reverse(blocks.parts().1), blocks.parts().2.bytes()));
    let formats = rows.chain(blocks.into_iter().map(Format::TriBlocks));
    let encoder = |format| TernaryEncoder::new(format, n_rows, cols).ok().map(|encoder| (format, encoder));
    let mut candidates: Vec<(Format, TernaryEncoder)> = formats.filter_map(encoder).collect();
    for rows in parallel::chunks(n_rows, n_rows, cols) {
        let ternary = match source.read(i, rows)? {
            Rows::Ternary(ternary) => Some(ternary),
            Rows::Values(values) => TernaryRows::from_values(&values, cols),
        };
        candidates.retain_mut(|(_, encoder)| ternary.as_ref().is_some_and(|rows| encoder.check(rows).is_ok()));
    }
    candidates.first().map(|(format, _)| *format).ok_or_else(|| Error::Tensor {
        file: source.name().to_owned(),
        tensor: tensor.name.clone(),
        what: "no type of .tri holds it exactly".to_owned(),
    })
}

/// Plans to keep everything but ternary matrices, which become `target`. In a model without any, where `target` is a
/// float format, all matrices become it. Weights change only as far as `freedom` says.
pub fn retyped(source: &dyn Source, target: Target, freedom: Freedom, n_threads: usize) -> Result<Plan, Error> {
    let is_matrix = |i: usize| source.tensors()[i].dims.len() > 1 && source.tensors()[i].stored != Stored::Opaque;
    let mut chosen = Vec::new();
    for i in 0..source.tensors().len() {
        if is_matrix(i) && is_ternary_matrix(source, i, n_threads)? {
            chosen.push(i);
        }
    }
    if chosen.is_empty() {
        if !matches!(target, Target::Format(format) if format.is_float()) {
            return Err(Error::NotTernary { file: source.name().to_owned(), target: target.name().to_owned() });
        }
        chosen = (0..source.tensors().len()).filter(|&i| is_matrix(i)).collect();
    }
    let mut plan = Plan::keep_but(source, &chosen)?;
    for i in chosen {
        let (tensor, format) = (&source.tensors()[i], target.format(source, i)?);
        if format.row_bytes(tensor.cols()).is_none() {
            return Err(misfit(source, tensor, format.name(), format.block_len() as u64));
        }
        if source.raw_type(i).is_none_or(|id| Some(id) != TypeId::of(format)) {
            plan.tensors[i].action = Action::Encode { format, freedom };
        }
    }
    let number = if let Target::Format(format) = target { format.file_type() } else { None };
    if let Some(number) = number {
        plan.metadata.set(FILE_TYPE, Value::U32(number));
        plan.metadata.set(VERSION, Value::U32(QUANTIZATION_VERSION));
    } else {
        plan.metadata.remove(FILE_TYPE);
    }
    Ok(plan)
}
