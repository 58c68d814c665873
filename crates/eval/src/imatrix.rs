//! Importance matrix of a model on a text: mean squared activations of each column of each weight matrix, collected
//! over windows.
//!
//! Every token of a window counts, as in llama.cpp's tool; how windows are cut is in `windows.rs`. The vocabulary head
//! is left out unless asked for; under a tied head its importance stands under the embedding's name.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use gguf::{Importance, ImportanceMatrix};
use model::{MatmulInput, Model, TokenId};

pub use crate::windows::Options;
use crate::{Error, session::Session};

/// Prefix of the names of the tensors that belong to layers.
const LAYER_PREFIX: &str = "blk.";

/// Sums of squared activations of one tensor, `[matrices][columns]`, and the number of rows added for each matrix.
struct Sums {
    squares: Vec<Vec<f64>>,
    counts: Vec<u64>,
}

/// Sums of all tensors by name, while a model runs.
#[derive(Default)]
struct Collector {
    tensors: BTreeMap<String, Sums>,
}

impl Collector {
    fn see(&mut self, input: &MatmulInput<'_>) {
        let MatmulInput { tensor, matrix, n_matrices, x, n_cols } = *input;
        // Not by `entry`: that would copy the name each time.
        if !self.tensors.contains_key(tensor) {
            let sums = Sums { squares: vec![vec![0.0; n_cols]; n_matrices], counts: vec![0; n_matrices] };
            self.tensors.insert(tensor.to_owned(), sums);
        }
        let Some(Sums { squares, counts }) = self.tensors.get_mut(tensor) else { return };
        let (squares, count) = (&mut squares[matrix], &mut counts[matrix]);
        for row in x.chunks_exact(n_cols) {
            squares.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x) * f64::from(*x));
            *count += 1;
        }
    }

    fn finish(self) -> Result<BTreeMap<String, Importance>, Error> {
        let importance = |(name, Sums { squares, counts }): (String, Sums)| {
            let sums = squares.concat().into_iter().map(|sum| sum as f32).collect();
            match Importance::new(sums, counts.into_iter().map(|n| n as f32).collect()) {
                Ok(importance) => Ok((name, importance)),
                Err(what) => Err(Error::Importance { tensor: name, what }),
            }
        };
        self.tensors.into_iter().map(importance).collect()
    }
}

/// A text to collect an importance matrix from: its `tokens`, its name for the file (`dataset`), how it is cut, and
/// whether the vocabulary head is collected as well.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Collect<'a> {
    pub tokens: &'a [TokenId],
    pub dataset: &'a str,
    pub options: Options,
    pub with_head: bool,
}

/// Runs `model` over the text and returns its importance matrix; `progress` is told windows done.
pub fn collect(
    model: &mut Model,
    what: &Collect<'_>,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<ImportanceMatrix, Error> {
    let collector = Arc::new(Mutex::new(Collector::default()));
    let (seeing, with_head) = (Arc::clone(&collector), what.with_head);
    model.set_observer(Some(Box::new(move |input| {
        if with_head || input.tensor.starts_with(LAYER_PREFIX) {
            seeing.lock().unwrap_or_else(PoisonError::into_inner).see(input);
        }
    })));
    let n_windows = run(model, what, progress);
    model.set_observer(None);
    let n_windows = n_windows?;
    let collector = std::mem::take(&mut *collector.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(ImportanceMatrix {
        datasets: vec![what.dataset.to_owned()],
        chunk_count: u32::try_from(n_windows).unwrap_or(u32::MAX),
        chunk_size: u32::try_from(what.options.window_len).unwrap_or(u32::MAX),
        tensors: collector.finish()?,
    })
}

fn run(
    model: &mut Model,
    what: &Collect<'_>,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<usize, Error> {
    let Collect { tokens, options, with_head, .. } = what;
    let window_len = options.window_len;
    let n_windows = options.n_windows(tokens.len())?;
    let mut session = Session::new(model);
    session.check("a window", window_len)?;
    session.check_ids(tokens)?;
    let wanted_from = if *with_head { 0 } else { window_len };
    for i in 0..n_windows {
        session.clear();
        session.compute(&options.window(tokens, i), wanted_from, &mut |_, _| Ok(()))?;
        if progress(i + 1).is_break() {
            return Err(Error::Cancelled);
        }
    }
    Ok(n_windows)
}
