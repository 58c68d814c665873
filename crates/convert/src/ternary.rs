//! Which matrices are ternary, and a plan that gives those another type.

use std::sync::atomic::{AtomicBool, Ordering};

use gguf::Value;
use quant::Format;

use crate::{
    Error,
    file_type::{self, FILE_TYPE, QUANTIZATION_VERSION, VERSION},
    parallel,
    plan::{Action, Freedom, Plan, misfit},
    source::{Source, Stored},
    types,
};

/// Fewest neighbours under one scale in any ternary container.
const SPAN_MIN: usize = 32;

/// Is tensor `i` a matrix of -1, 0 and 1 under scales? Told by the type where that is ternary, by every weight where it is a float.
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
        let looks = values.chunks_exact(cols.max(1)).all(is_ternary_row);
        is_over.fetch_or(!looks, Ordering::Relaxed);
        Ok(looks)
    })?;
    Ok(looks.into_iter().all(|looks| looks))
}

/// Do any [`SPAN_MIN`] neighbours have one magnitude besides 0?
fn is_ternary_row(row: &[f32]) -> bool {
    row.chunks(SPAN_MIN).all(|span| {
        let scale = span.iter().fold(0.0_f32, |scale, x| scale.max(x.abs()));
        scale.is_finite() && span.iter().all(|&x| x == 0.0 || x.abs() == scale)
    })
}

/// Everything as it is but for ternary matrices, which become `format`; in a model without any, and if `format` is a float, all matrices do. Weights
/// change only as far as `freedom` says.
pub fn retyped(source: &dyn Source, format: Format, freedom: Freedom, n_threads: usize) -> Result<Plan, Error> {
    let is_matrix = |i: usize| source.tensors()[i].dims.len() > 1 && source.tensors()[i].stored != Stored::Opaque;
    let mut chosen = Vec::new();
    for i in 0..source.tensors().len() {
        if is_matrix(i) && is_ternary_matrix(source, i, n_threads)? {
            chosen.push(i);
        }
    }
    if chosen.is_empty() {
        if !format.is_float() {
            let what = format!("no matrix is ternary, so none can become {} without loss", format.name());
            return Err(Error::Invalid { file: source.name().to_owned(), what });
        }
        chosen = (0..source.tensors().len()).filter(|&i| is_matrix(i)).collect();
    }
    let mut plan = Plan::keep_but(source, &chosen)?;
    for i in chosen {
        let tensor = &source.tensors()[i];
        if format.row_bytes(tensor.cols()).is_none() {
            return Err(misfit(source, tensor, format.name(), format.block_len() as u64));
        }
        if source.raw_type(i).is_none_or(|id| Some(id) != types::type_id(format)) {
            plan.tensors[i].action = Action::Encode { format, freedom };
        }
    }
    if let Some(number) = file_type::number(format) {
        plan.metadata.set(FILE_TYPE, Value::U32(number));
        plan.metadata.set(VERSION, Value::U32(QUANTIZATION_VERSION));
    } else {
        plan.metadata.remove(FILE_TYPE);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_ternary_under_one_scale_for_32() {
        let mut row = [0.5; 64];
        row[3] = -0.5;
        row[40..].fill(0.0);
        assert!(is_ternary_row(&row));
        row[32..40].fill(0.25);
        assert!(is_ternary_row(&row), "another scale for the next 32");
        row[8] = 0.25;
        assert!(!is_ternary_row(&row), "two magnitudes");
        assert!(!is_ternary_row(&[f32::INFINITY; 2]));
        assert!(!is_ternary_row(&[f32::NAN; 2]));
    }
}
