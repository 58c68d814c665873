//! Tensors in TL1 and TL2, whose rows lie all over the tensor: it is read whole, once.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use gguf::{Layout, TensorInfo};
use quant::{LookupLayout, LookupMatrix, LookupTiling, TernaryRows};

use crate::{Error, LookupTables};

/// The known tiles, and the tensor that was read last.
#[derive(Default)]
pub(super) struct Lookup {
    pub(super) tables: LookupTables,
    read: Mutex<Option<(usize, Arc<Vec<u8>>)>>,
}

/// Returns the look-up layout of a tensor, if it has one.
pub(super) fn layout(tensor: &TensorInfo) -> Option<LookupLayout> {
    match tensor.layout {
        Layout::Tl1 => Some(LookupLayout::Tl1),
        Layout::Tl2 => Some(LookupLayout::Tl2),
        _ => None,
    }
}

impl Lookup {
    /// Returns the tiles of `tensor`; the error says why they are not known.
    pub(super) fn tiling(&self, layout: LookupLayout, tensor: &TensorInfo) -> Result<LookupTiling, String> {
        if tensor.dims.len() > 2 {
            return Err(format!("{:?} is no matrix, and {} is for matrices", tensor.dims, layout.name()));
        }
        self.tables.tiling(layout, tensor.n_rows(), tensor.cols())
    }

    /// Decodes rows `rows` of tensor `i`, all of whose bytes `read` returns.
    pub(super) fn rows(
        &self,
        layout: LookupLayout,
        (i, tensor): (usize, &TensorInfo),
        rows: Range<usize>,
        read: impl FnOnce() -> Result<Vec<u8>, Error>,
        refuse: impl Fn(String) -> Error,
    ) -> Result<TernaryRows, Error> {
        let tiling = self.tiling(layout, tensor).map_err(&refuse)?;
        let bytes = self.whole(i, read)?;
        LookupMatrix::new(layout, tiling, tensor.n_rows(), tensor.cols(), &bytes)
            .and_then(|matrix| matrix.ternary(rows))
            .map_err(|e| refuse(e.to_string()))
    }

    /// Returns all bytes of tensor `i`, read unless it was the last to be read. Other callers wait meanwhile.
    fn whole(&self, i: usize, read: impl FnOnce() -> Result<Vec<u8>, Error>) -> Result<Arc<Vec<u8>>, Error> {
        let mut last = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, bytes)) = &*last
            && *of == i
        {
            return Ok(Arc::clone(bytes));
        }
        *last = None;
        let bytes = Arc::new(read()?);
        *last = Some((i, Arc::clone(&bytes)));
        Ok(bytes)
    }
}
