//! Layers that carry a state from token to token in place of attention.
//!
//! Whatever a step computes together, each sequence's rows are taken in their order, and what is added up for a row is
//! added in one order: its bytes depend neither on the step nor on other sequences.

use kernels::{Gate, Kernels};

use crate::{
    StepSpan,
    scratch::Scratch,
    spec::ModelSpec,
    states::States,
    weights::{DeltaFactors, DeltaNet, Mamba, ShortConvolution},
};

/// The states of the spans of a step in one layer.
pub(crate) struct StepStates<'a> {
    pub(crate) states: &'a mut States,
    /// Index of the layer among those with states.
    pub(crate) layer: usize,
    pub(crate) spans: &'a [StepSpan<'a>],
}

impl StepStates<'_> {
    /// Number of elements that a layer has of a state.
    pub(crate) fn state_len(&self) -> usize {
        self.states.layer_len()
    }

    /// Calls `visit` for each span with the range of its rows and its state.
    pub(crate) fn for_each(self, mut visit: impl FnMut(std::ops::Range<usize>, &mut [f32])) {
        let mut row = 0;
        for span in self.spans {
            let end = row + span.tokens.len();
            visit(row..end, self.states.layer(span.state, self.layer));
            row = end;
        }
    }
}

/// Computes a gated convolution of the rows that are in `scratch.input`, into `scratch.block_out`.
///
/// Source: Liquid AI 2025 (arXiv 2511.23404), section 2.
pub(crate) fn convolve(kernels: &Kernels, weights: &ShortConvolution, scratch: &mut Scratch, states: StepStates<'_>) {
    let ShortConvolution { input: [b, c, x], taps, output } = weights;
    let width = x.rows();
    let n_rows = scratch.input.n_rows();
    let n = n_rows * width;
    let [b_out, c_out, x_out] = scratch.inner.each_mut().map(|buffer| &mut buffer[..n]);
    scratch.input.multiply(kernels, [(b, &mut *b_out), (c, &mut *c_out), (x, &mut *x_out)]);
    kernels.multiply(x_out, b_out);
    let convolved = scratch.input.room(n_rows, width);
    states.for_each(|rows, state| {
        let of_span = rows.start * width..rows.end * width;
        kernels.convolve(taps, state, &x_out[of_span.clone()], width, &mut convolved[of_span]);
    });
    kernels.multiply(convolved, c_out);
    scratch.input.fill(kernels);
    scratch.input.multiply(kernels, [(output, &mut scratch.block_out[..n])]);
}

/// Computes a gated delta net over the rows that are in `scratch.input`, into `scratch.block_out`.
pub(crate) fn delta_net(
    kernels: &Kernels,
    spec: &ModelSpec,
    weights: &DeltaNet,
    scratch: &mut Scratch,
    states: StepStates<'_>,
) {
    let DeltaNet { heads, qkv, gate, factors, taps, a, bias, norm, output } = weights;
    let n_rows = scratch.input.n_rows();
    let (row_len, value_len, n_heads) = (heads.row_len(), heads.value_len(), heads.n_value_heads);
    let [inputs, convolved, gate_out] = &mut scratch.inner;
    let (inputs, convolved) = (&mut inputs[..n_rows * row_len], &mut convolved[..n_rows * row_len]);
    let gate_out = &mut gate_out[..n_rows * value_len];
    let [decay, corrected] = scratch.head_gates.each_mut().map(|gates| &mut gates[..n_rows * n_heads]);
    match factors {
        DeltaFactors::Apart(factors) => {
            let [alpha, beta] = &**factors;
            let (alpha, beta) = ((alpha, &mut *decay), (beta, &mut *corrected));
            scratch.input.multiply(kernels, [(qkv, &mut *inputs), (gate, &mut *gate_out), alpha, beta]);
        }
        DeltaFactors::Together(both) => {
            let both_out = &mut scratch.spare[..n_rows * 2 * n_heads];
            scratch.input.multiply(kernels, [(qkv, &mut *inputs), (gate, &mut *gate_out), (both, &mut *both_out)]);
            // The value heads of one key head follow each other.
            let n = n_heads / heads.n_key_heads;
            let out = decay.chunks_exact_mut(n).zip(corrected.chunks_exact_mut(n));
            for (both, (alpha, beta)) in both_out.chunks_exact(2 * n).zip(out) {
                beta.copy_from_slice(&both[..n]);
                alpha.copy_from_slice(&both[n..]);
            }
        }
    }
    kernels.delta_gates(a, bias, decay, corrected);
    let read = &mut scratch.spare[..n_rows * value_len];
    states.for_each(|rows, state| {
        let part = |len: usize| rows.start * len..rows.end * len;
        let (memory, before) = state.split_at_mut(value_len * heads.dim);
        let convolved = &mut convolved[part(row_len)];
        kernels.convolve(taps, before, &inputs[part(row_len)], row_len, convolved);
        kernels.delta_rows(heads, spec.norm_epsilon, convolved);
        let gates = (&decay[part(n_heads)], &corrected[part(n_heads)]);
        kernels.delta(heads, memory, convolved, gates, &mut read[part(value_len)]);
    });
    // What was convolved is wanted no more.
    let normed = &mut convolved[..n_rows * value_len];
    kernels.rms_norm(read, norm, spec.norm_epsilon, normed);
    let gated = scratch.input.room(n_rows, value_len);
    kernels.gate(Gate::Silu, gate_out, normed, gated);
    scratch.input.fill(kernels);
    scratch.input.multiply(kernels, [(output, &mut scratch.block_out[..n_rows * spec.width])]);
}

/// Computes Mamba-2 over the rows that are in `scratch.input`, into `scratch.block_out`.
pub(crate) fn mamba(
    kernels: &Kernels,
    spec: &ModelSpec,
    weights: &Mamba,
    scratch: &mut Scratch,
    states: StepStates<'_>,
) {
    let Mamba { heads, gate, values, steps, taps, bias, a, steps_bias, skip, norm, output } = weights;
    let n_rows = scratch.input.n_rows();
    let (row_len, value_len, n_heads) = (heads.row_len(), heads.value_len(), heads.n_heads);
    let [inputs, convolved, gate_out] = &mut scratch.inner;
    let (inputs, convolved) = (&mut inputs[..n_rows * row_len], &mut convolved[..n_rows * row_len]);
    let gate_out = &mut gate_out[..n_rows * value_len];
    let [lengths, decay] = scratch.head_gates.each_mut().map(|gates| &mut gates[..n_rows * n_heads]);
    scratch.input.multiply(kernels, [(gate, &mut *gate_out), (values, &mut *inputs), (steps, &mut *lengths)]);
    kernels.mamba_steps(a, steps_bias, lengths, decay);
    let read = &mut scratch.spare[..n_rows * value_len];
    states.for_each(|rows, state| {
        let part = |len: usize| rows.start * len..rows.end * len;
        let (memory, before) = state.split_at_mut(value_len * heads.n_state_rows);
        let convolved = &mut convolved[part(row_len)];
        kernels.convolve(taps, before, &inputs[part(row_len)], row_len, convolved);
        kernels.silu_biased(bias, convolved);
        let steps = (&lengths[part(n_heads)], &decay[part(n_heads)]);
        kernels.mamba(heads, memory, convolved, steps, skip, &mut read[part(value_len)]);
    });
    // What was convolved is wanted no more.
    let gated = &mut convolved[..n_rows * value_len];
    kernels.gate(Gate::Silu, gate_out, read, gated);
    let normed = scratch.input.room(n_rows, value_len);
    kernels.rms_norm_of_groups(gated, norm, heads.n_groups, spec.norm_epsilon, normed);
    scratch.input.fill(kernels);
    scratch.input.multiply(kernels, [(output, &mut scratch.block_out[..n_rows * spec.width])]);
}
