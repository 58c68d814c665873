//! What layers add of each token beside the residual stream, and the factor on what they leave in it (Gemma 4).
//!
//! Each layer has a vector of each token: half by the token alone, from a table as the embedding is read, half from the
//! embedding through a matrix. `forward.rs` calls both functions for all models; others have none of it.

use kernels::Kernels;

use crate::{
    forward::norm_in_place,
    scratch::Scratch,
    spec::{ModelSpec, PerLayerInputs},
    step::Step,
    weights::{Layer, PerLayer, PerLayerTables, Weights},
};

/// Makes the vectors of the tokens of `step`, whose embeddings stand in the residual stream.
pub(crate) fn begin(kernels: &Kernels, spec: &ModelSpec, weights: &Weights, scratch: &mut Scratch, step: &Step<'_>) {
    let (Some(PerLayerInputs { width }), Some(tables)) = (spec.per_layer_inputs, &weights.per_layer) else { return };
    let PerLayerTables { embedding, projection, norm } = tables;
    let Scratch { hidden, spare, per_layer, input, .. } = scratch;
    let n_rows: usize = step.spans.iter().map(|span| span.tokens.len()).sum();
    let n = n_rows * projection.rows();
    let (projected, normed) = (&mut per_layer[..n], &mut spare[..n]);
    input.set(kernels, &hidden[..n_rows * spec.width], spec.width);
    input.multiply(kernels, [(projection, &mut *projected)]);
    let scale = 1.0 / (spec.width as f32).sqrt();
    projected.iter_mut().for_each(|x| *x *= scale);
    kernels.rms_norm(projected, norm, spec.norm_epsilon, normed);
    let of_token = (width as f32).sqrt();
    let tokens = step.spans.iter().flat_map(|span| span.tokens);
    // What was projected is wanted no more: the tokens' own vectors take its place.
    let rows = projected.chunks_exact_mut(projection.rows()).zip(normed.chunks_exact_mut(projection.rows()));
    for (token, (own, normed)) in tokens.zip(rows) {
        embedding.decode_row(token.0 as usize, own);
        for (x, own) in normed.iter_mut().zip(own) {
            *x = (*x + *own * of_token) * std::f32::consts::FRAC_1_SQRT_2;
        }
    }
    for (row, of_layers) in normed.chunks_exact(projection.rows()).enumerate() {
        for (layer, vector) in of_layers.chunks_exact(width).enumerate() {
            projected[(layer * n_rows + row) * width..][..width].copy_from_slice(vector);
        }
    }
}

/// Adds to the residual stream what layer `index` makes of its vectors of the rows, and multiplies it by its factor.
pub(crate) fn finish(
    kernels: &Kernels,
    spec: &ModelSpec,
    layer: &Layer,
    scratch: &mut Scratch,
    index: usize,
    n_rows: usize,
) {
    let Scratch { hidden, spare, per_layer, input, gate, block_out, .. } = scratch;
    let hidden = &mut hidden[..n_rows * spec.width];
    if let Some(PerLayer { gate: matrix, output, norm }) = &layer.of_token {
        let n = n_rows * matrix.rows();
        let (gate, out) = (&mut gate[..n], &mut block_out[..hidden.len()]);
        input.set(kernels, hidden, spec.width);
        input.multiply(kernels, [(matrix, &mut *gate)]);
        let gated = input.room(n_rows, matrix.rows());
        kernels.gate(spec.gate, gate, &per_layer[index * n..][..n], gated);
        input.fill(kernels);
        input.multiply(kernels, [(output, &mut *out)]);
        norm_in_place(kernels, spec, out, Some(norm), spare);
        kernels.add(hidden, out);
    }
    if let Some(scale) = layer.scale {
        hidden.iter_mut().for_each(|x| *x *= scale);
    }
}
