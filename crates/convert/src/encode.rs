//! One tensor into another format: rows in chunks, each read, encoded and compared with what it decodes to.

mod ternary;

use std::ops::Range;

use quant::Format;

use crate::{
    Error, Loss,
    parallel::{self, Progress},
    plan::Freedom,
    source::Source,
};

/// A tensor to be encoded, and how.
pub(crate) struct Job<'a> {
    pub(crate) source: &'a dyn Source,
    /// Index of the tensor in the source.
    pub(crate) tensor: usize,
    pub(crate) format: Format,
    pub(crate) freedom: Freedom,
    /// Importance of the columns, `[matrices, cols]`.
    pub(crate) importance: Option<&'a [f32]>,
}

/// Encodes a tensor; returns all data in its new format, and what that lost.
pub(crate) fn tensor(job: &Job<'_>, n_threads: usize, progress: Progress<'_>) -> Result<(Vec<u8>, Loss), Error> {
    if job.format.is_ternary() {
        return ternary::tensor(job, n_threads, progress);
    }
    values(job, n_threads, progress)
}

/// Encodes a tensor by the format's own encoder, which looks for what comes nearest to the values.
fn values(job: &Job<'_>, n_threads: usize, progress: Progress<'_>) -> Result<(Vec<u8>, Loss), Error> {
    let tensor = &job.source.tensors()[job.tensor];
    let (cols, n_rows) = (tensor.cols(), tensor.n_rows());
    let row_bytes = job
        .format
        .row_bytes(cols)
        .ok_or_else(|| crate::plan::misfit(job.source, tensor, job.format.name(), job.format.block_len() as u64))?;
    let overflows = || job.refuse(format!("{n_rows} rows of {row_bytes} bytes are more than memory can address"));
    let mut data = vec![0; n_rows.checked_mul(row_bytes).ok_or_else(overflows)?];
    let mut rest = data.as_mut_slice();
    let pieces = parallel::chunks(n_rows, tensor.rows_per_matrix(), cols).into_iter().map(|rows| {
        let (piece, tail) = std::mem::take(&mut rest).split_at_mut(rows.len() * row_bytes);
        rest = tail;
        (rows, piece)
    });
    let losses = parallel::map(n_threads, pieces.collect::<Vec<_>>(), |(rows, piece)| {
        let loss = job.chunk(rows, piece)?;
        if progress(loss.n_weights).is_break() { Err(Error::Cancelled) } else { Ok(loss) }
    })?;
    Ok((data, losses.into_iter().fold(Loss::default(), Loss::and)))
}

impl Job<'_> {
    fn chunk(&self, rows: Range<usize>, out: &mut [u8]) -> Result<Loss, Error> {
        let tensor = &self.source.tensors()[self.tensor];
        let values = self.source.read(self.tensor, rows.clone())?.into_values();
        let matrix = rows.start / tensor.rows_per_matrix().max(1);
        let importance = self.importance.and_then(|all| all.chunks_exact(tensor.cols()).nth(matrix));
        self.format
            .encode(&values, importance, out)
            .map_err(|e| self.refuse(format!("rows {} to {}: {e}", rows.start, rows.end)))?;
        let mut decoded = vec![0.0; values.len()];
        self.format.decode(out, &mut decoded);
        Ok(Loss::between(&values, &decoded))
    }

    /// Makes the error of a tensor that would change though that was not allowed.
    pub(crate) fn lossy(&self, why: impl Into<String>, loss: Loss) -> Error {
        let tensor = self.source.tensors()[self.tensor].name.clone();
        let (file, format) = (self.source.name().to_owned(), self.format.name().to_owned());
        Error::Lossy { file, tensor, format, why: why.into(), loss: Box::new(loss) }
    }

    fn refuse(&self, what: String) -> Error {
        let tensor = self.source.tensors()[self.tensor].name.clone();
        Error::Tensor { file: self.source.name().to_owned(), tensor, what }
    }
}
