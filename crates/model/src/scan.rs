//! Reading every weight: is each finite?

use std::fmt;

use gguf::Container;

use crate::{LoadError, load::stored_matrix};

/// Number of weights decoded at a time.
const CHUNK: usize = 1 << 16;

/// The first weight of a model that is not finite.
#[derive(Clone, PartialEq, Debug)]
pub struct BadWeight {
    /// Name of the tensor.
    pub tensor: String,
    /// Index of the weight in file order.
    pub index: usize,
    /// Value of the weight: NaN or an infinity.
    pub value: f32,
}

impl fmt::Display for BadWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor {}: weight {} is {}", self.tensor.escape_debug(), self.index, self.value)
    }
}

/// Decodes all tensors and returns the first weight that is not finite; `progress` is told the bytes read so far. Types
/// that cannot be decoded are an error.
pub fn scan_weights(container: &Container, progress: &mut dyn FnMut(u64)) -> Result<Option<BadWeight>, LoadError> {
    let mut n_read = 0;
    let mut values = Vec::new();
    for tensor in container.tensors() {
        let bytes = container.bytes(tensor);
        let stored = stored_matrix(container, tensor, &bytes)?;
        stored.check_ternary(stored.n_rows()).map_err(|e| LoadError::Tensor {
            file: container.name().to_owned(),
            tensor: tensor.name.clone(),
            what: e.to_string(),
        })?;
        let (n_rows, cols) = (stored.n_rows(), stored.cols().max(1));
        let rows_per_chunk = (CHUNK / cols).max(1);
        for first in (0..n_rows).step_by(rows_per_chunk) {
            let end = (first + rows_per_chunk).min(n_rows);
            values.resize((end - first) * cols, 0.0);
            stored.decode(first, &mut values);
            if let Some(bad) = values.iter().position(|x| !x.is_finite()) {
                let index = first * cols + bad;
                return Ok(Some(BadWeight { tensor: tensor.name.clone(), index, value: values[bad] }));
            }
            progress(n_read + tensor.n_bytes * end as u64 / n_rows as u64);
        }
        n_read += tensor.n_bytes;
    }
    Ok(None)
}
