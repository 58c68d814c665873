//! A tensor into a ternary container: codes and scales as they are, or codes and scales found for it.

use quant::{
    OuterScale, TernaryEncoder, TernaryError, TernaryRows,
    ternarise::{Mode, ternarise},
};

use super::Job;
use crate::{
    Error, Loss,
    parallel::{self, Progress},
    plan::Freedom,
    source::Rows,
};

/// Number of chunks whose rows are in memory at a time.
const CHUNKS_AT_ONCE: usize = 32;

/// A reason to stop an encoding.
enum Stop {
    /// An error that has nothing to do with the container.
    Error(Error),
    /// The container cannot hold the tensor as it is.
    NotExact(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<TernaryError> for Stop {
    fn from(error: TernaryError) -> Self {
        Self::NotExact(error.to_string())
    }
}

/// Encodes a tensor; returns all its data, and what the container lost of it: nothing if it can hold the tensor. Where
/// it may lose nothing and would, the error says how much.
pub(super) fn tensor(job: &Job<'_>, n_threads: usize, progress: Progress<'_>) -> Result<(Vec<u8>, Loss), Error> {
    let exact = Job { freedom: Freedom::Exact, ..*job };
    let why = match encode(&exact, n_threads, progress) {
        Ok(done) => return Ok(done),
        Err(Stop::Error(error)) => return Err(error),
        Err(Stop::NotExact(why)) => why,
    };
    let near = Job { freedom: if job.freedom == Freedom::Exact { Freedom::Nearest } else { job.freedom }, ..*job };
    let (data, loss) = if near.freedom == Freedom::Nearest && job.format.can_encode() {
        super::values(&near, n_threads, progress)?
    } else {
        match encode(&near, n_threads, progress) {
            Ok(done) => done,
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::NotExact(why)) => return Err(job.refuse(why)),
        }
    };
    if job.freedom == Freedom::Exact && !loss.is_exact() {
        return Err(job.lossy(why, loss));
    }
    Ok((data, loss))
}

fn encode(job: &Job<'_>, n_threads: usize, progress: Progress<'_>) -> Result<(Vec<u8>, Loss), Stop> {
    let tensor = &job.source.tensors()[job.tensor];
    let (cols, n_rows) = (tensor.cols(), tensor.n_rows());
    let mut encoder = TernaryEncoder::new(job.format, n_rows, cols)?;
    let mut data = Vec::with_capacity(job.format.tensor_bytes(n_rows, cols).unwrap_or(0));
    let whole = if let Some(mode) = job.mode().filter(|_| job.is_one_span()) { Some(job.whole(mode)?) } else { None };
    let mut loss = Loss::default();
    for chunks in parallel::chunks(n_rows, tensor.rows_per_matrix(), cols).chunks(CHUNKS_AT_ONCE) {
        let rows = parallel::map(n_threads, chunks.iter().cloned(), |rows| {
            let done = match &whole {
                Some(whole) => Some(job.part(whole, rows)?),
                None => job.rows(rows)?,
            };
            let n_weights = done.as_ref().map_or(0, |(_, loss)| loss.n_weights);
            if progress(n_weights).is_break() { Err(Error::Cancelled) } else { Ok(done) }
        })?;
        for done in rows {
            let Some((rows, of_rows)) = done else {
                return Err(Stop::NotExact("it is not ternary".to_owned()));
            };
            encoder.rows(&rows, &mut data)?;
            loss = loss.and(of_rows);
        }
    }
    encoder.finish(&mut data);
    Ok((data, loss))
}

impl Job<'_> {
    /// Returns the way to find codes and scales; `None` if the tensor's own are to be kept.
    fn mode(&self) -> Option<Mode> {
        match self.freedom {
            Freedom::Exact => None,
            Freedom::Nearest => Some(Mode::LeastSquares),
            Freedom::Ternarise(mode) => Some(mode),
        }
    }

    /// Whether all weights of the tensor share one scale.
    fn is_one_span(&self) -> bool {
        matches!(self.format.outer_scale(), OuterScale::Tensor { .. })
    }

    /// Makes some rows for the container, with their distance from what they were; `None` if they are to stay as they
    /// are and are not ternary.
    fn rows(&self, rows: std::ops::Range<usize>) -> Result<Option<(TernaryRows, Loss)>, Error> {
        let cols = self.source.tensors()[self.tensor].cols();
        let read = self.source.read(self.tensor, rows)?;
        if let Some(mode) = self.mode() {
            let values = read.into_values();
            let span = if self.format.outer_scale() == OuterScale::None { self.format.block_len() } else { cols };
            let ternary = self.ternarised(mode, &values, cols, span)?;
            let loss = Loss::between(&values, &ternary.values());
            return Ok(Some((ternary, loss)));
        }
        let ternary = match read {
            Rows::Ternary(ternary) => ternary,
            Rows::Values(values) => match TernaryRows::from_values(&values, cols) {
                Some(ternary) => ternary,
                None => return Ok(None),
            },
        };
        let loss = Loss { n_weights: ternary.codes.len() as u64, ..Loss::default() };
        Ok(Some((ternary, loss)))
    }

    /// Makes all weights ternary under one scale.
    fn whole(&self, mode: Mode) -> Result<TernaryRows, Error> {
        let tensor = &self.source.tensors()[self.tensor];
        let values = self.source.read(self.tensor, 0..tensor.n_rows())?.into_values();
        self.ternarised(mode, &values, tensor.cols(), values.len())
    }

    /// Returns rows `rows` of what all weights have become, and what they lost.
    fn part(&self, whole: &TernaryRows, rows: std::ops::Range<usize>) -> Result<(TernaryRows, Loss), Error> {
        let cols = whole.cols;
        let part = TernaryRows {
            cols,
            span: cols,
            codes: whole.codes[rows.start * cols..rows.end * cols].to_vec(),
            scales: vec![whole.scales.first().copied().unwrap_or(0.0); rows.len()],
        };
        let before = self.source.read(self.tensor, rows)?.into_values();
        let loss = Loss::between(&before, &part.values());
        Ok((part, loss))
    }

    /// Makes `values` ternary, with a scale for each `span` of them, as the container stores it.
    fn ternarised(&self, mode: Mode, values: &[f32], cols: usize, span: usize) -> Result<TernaryRows, Error> {
        let mut out = TernaryRows { cols, span, codes: vec![0; values.len()], scales: Vec::new() };
        let mut sorted = Vec::new();
        for (x, codes) in values.chunks(span.max(1)).zip(out.codes.chunks_mut(span.max(1))) {
            let scale = ternarise(mode, x, codes, &mut sorted);
            let stored = self.format.scale_type().map_or(scale, |of| of.stored(scale));
            if !stored.is_finite() {
                return Err(self.refuse(format!("holds weights that cannot be ternary: their scale is {stored}")));
            }
            out.scales.push(stored);
        }
        Ok(out)
    }
}
