//! Reading every weight: is each finite?

use std::fmt;

use gguf::Container;

use crate::{LoadError, load::format_of};

/// Weights decoded at a time.
const CHUNK: usize = 1 << 16;

/// The first weight that is not finite.
#[derive(Clone, PartialEq, Debug)]
pub struct BadWeight {
    /// Tensor.
    pub tensor: String,
    /// Index in file order.
    pub index: usize,
    /// NaN or an infinity.
    pub value: f32,
}

impl fmt::Display for BadWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor {}: weight {} is {}", self.tensor.escape_debug(), self.index, self.value)
    }
}

/// Decodes all tensors; `progress` is told the bytes read so far. Types that cannot be decoded are an error.
pub fn scan_weights(container: &Container, progress: &mut dyn FnMut(u64)) -> Result<Option<BadWeight>, LoadError> {
    let mut n_read = 0;
    let mut values = vec![0.0; CHUNK];
    for tensor in container.tensors() {
        let Some(format) = format_of(tensor.type_id) else {
            let what = format!("type {} ({}), which cannot be decoded", tensor.type_id.0, tensor.type_name());
            return Err(LoadError::Tensor { file: container.name().to_owned(), tensor: tensor.name.clone(), what });
        };
        let bytes = container.bytes(tensor);
        let blocks_per_chunk = CHUNK / format.block_len();
        for (i, chunk) in bytes.chunks(blocks_per_chunk * format.block_bytes()).enumerate() {
            let values = &mut values[..chunk.len() / format.block_bytes() * format.block_len()];
            format.decode(chunk, values);
            if let Some(bad) = values.iter().position(|x| !x.is_finite()) {
                let index = i * blocks_per_chunk * format.block_len() + bad;
                return Ok(Some(BadWeight { tensor: tensor.name.clone(), index, value: values[bad] }));
            }
            n_read += chunk.len() as u64;
            progress(n_read);
        }
    }
    Ok(None)
}
