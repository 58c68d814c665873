//! What encoders have before the first layer and behind the last: embeddings by position and type, matrices behind the
//! last norm, and the head that scores pairs of texts. `forward.rs` calls each for all models; others have none of it.

use kernels::Kernels;

use crate::{
    forward::{norm_in_place, normed, rows_of},
    scratch::Scratch,
    spec::ModelSpec,
    step::{Logits, LogitsWanted, Step, StepSpan},
    weights::{Projection, RankHead, Weights},
};

/// Adds to the embedding in `row` what it has by its position and its type, and norms the sum.
pub(crate) fn add_to_embedding(
    kernels: &Kernels,
    spec: &ModelSpec,
    weights: &Weights,
    scratch: &mut Scratch,
    row: usize,
    position: usize,
) {
    let Weights { positions, token_type, embedding_norm, .. } = weights;
    let (out, spare) = (&mut scratch.hidden[row * spec.width..][..spec.width], &mut scratch.spare[..spec.width]);
    if let Some(token_type) = token_type {
        kernels.add(out, token_type);
    }
    if let Some(positions) = positions {
        positions.decode_row(position, spare);
        kernels.add(out, spare);
    }
    norm_in_place(kernels, spec, out, embedding_norm.as_ref(), spare);
}

/// Turns hidden states `[T, D]` into what the matrices behind the last norm make of them, where there are any. They are
/// linear, so that it is the same before pooling by the mean as after it.
pub(crate) fn project(kernels: &Kernels, spec: &ModelSpec, weights: &Weights, scratch: &mut Scratch, x: &mut [f32]) {
    let Some(Projection { up, down }) = weights.projection.as_ref().filter(|_| !x.is_empty()) else { return };
    let Scratch { input, up: inner, .. } = scratch;
    let inner = &mut inner[..x.len() / spec.width * up.rows()];
    input.set(kernels, x, spec.width);
    input.multiply(kernels, [(up, &mut *inner)]);
    input.set(kernels, inner, up.rows());
    input.multiply(kernels, [(down, x)]);
}

/// Computes the scores of the spans that want one: of their first rows.
pub(crate) fn scores(
    kernels: &Kernels,
    spec: &ModelSpec,
    weights: &Weights,
    scratch: &mut Scratch,
    step: &Step<'_>,
    logits: &mut Logits,
) {
    let width = spec.width;
    let Scratch { hidden, normed: first_rows, block_out, input, .. } = scratch;
    let first = |span: &StepSpan<'_>| if span.logits == LogitsWanted::Score { 0..1 } else { 0..0 };
    let mut n = 0;
    for row in rows_of(step, first) {
        let (from, to) = (&hidden[row * width..][..width], &mut first_rows[n * width..][..width]);
        normed(kernels, spec, from, weights.output_norm.as_ref(), to);
        n += 1;
    }
    input.adapters.choose(rows_of(step, first));
    let out = logits.resize_scores(n);
    if n == 0 {
        return;
    }
    let Some(RankHead { dense, output }) = &weights.rank else {
        unreachable!("a score of a model without a head for it")
    };
    let x = &mut first_rows[..n * width];
    if let Some(dense) = dense {
        let inner = &mut block_out[..n * width];
        input.set(kernels, x, width);
        input.multiply(kernels, [(dense, &mut *inner)]);
        x.iter_mut().zip(inner).for_each(|(x, inner)| *x = libm::tanhf(*inner));
    }
    input.set(kernels, x, width);
    input.multiply(kernels, [(output, out)]);
}
