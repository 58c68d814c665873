//! The blocks of RWKV-7: either sees a token and the one before it, of which the state keeps what it saw.
//!
//! A state holds the matrices of heads, then the last row of time mix, then that of channel mix.
//!
//! Source: Peng et al. 2025 (arXiv 2503.14456), section 4.

use std::ops::Range;

use kernels::{Kernels, WkvOutput, WkvTokens};

use crate::{
    forward::{Feed, feed_forward},
    linear::Input,
    recurrent::StepStates,
    scratch::Scratch,
    spec::ModelSpec,
    weights::{ChannelMix, LowRankNetwork, TimeMix},
};

/// Computes time mix of the rows that are in `scratch.input`, into `scratch.block_out`.
pub(crate) fn mix_times(
    kernels: &Kernels,
    spec: &ModelSpec,
    weights: &TimeMix,
    scratch: &mut Scratch,
    states: StepStates<'_>,
) {
    let TimeMix { heads, shares, first_share, key_weights: [off, replaced], bonus, norm: [norm, bias], .. } = weights;
    let Scratch { inner, input, first_values, block_out, .. } = scratch;
    let (n_rows, width) = (input.n_rows(), spec.width);
    let n = n_rows * width;
    let [[x, before, r, w], [k, v, a, g], [kappa, read, share, low]] = inner.each_mut().map(|all| quarters(all));
    let [x, before, r, w] = [x, before, r, w].map(|rows| &mut rows[..n]);
    let [k, v, a, g] = [k, v, a, g].map(|rows| &mut rows[..n]);
    let [kappa, read, share] = [kappa, read, share].map(|rows| &mut rows[..n]);
    x.copy_from_slice(input.values());
    let matrices = heads.row_len() * heads.dim;
    let StepStates { states, layer, spans } = states;
    rows_before(x, width, StepStates { states: &mut *states, layer, spans }, matrices..matrices + width, before);
    let seen = |input: &mut Input, index: usize| {
        kernels.shifted(x, before, &shares[index * width..][..width], input.room(n_rows, width));
        input.fill(kernels);
    };
    seen(input, 0);
    input.multiply(kernels, [(&weights.receptance, &mut *r)]);
    seen(input, 1);
    narrow(kernels, input, &weights.decay, low, |low| kernels.tanh_all(low));
    input.multiply(kernels, [(&weights.decay.second, &mut *w)]);
    kernels.wkv_decays(&weights.decay.bias, w);
    seen(input, 2);
    input.multiply(kernels, [(&weights.key, &mut *k)]);
    seen(input, 3);
    input.multiply(kernels, [(&weights.value, &mut *v)]);
    if let Some(network) = first_share {
        narrow(kernels, input, network, low, |_| ());
        input.multiply(kernels, [(&network.second, &mut *share)]);
        kernels.wkv_values(&first_values[..n], share, &network.bias, v);
    } else {
        first_values[..n].copy_from_slice(v);
    }
    seen(input, 4);
    narrow(kernels, input, &weights.rate, low, |_| ());
    input.multiply(kernels, [(&weights.rate.second, &mut *a)]);
    kernels.sigmoid_biased(&weights.rate.bias, a);
    seen(input, 5);
    narrow(kernels, input, &weights.gate, low, |low| kernels.sigmoid(low));
    input.multiply(kernels, [(&weights.gate.second, &mut *g)]);
    kernels.wkv_keys(heads, [off, replaced], a, k, kappa);
    let tokens = WkvTokens { r, w, k, v, kappa, a };
    StepStates { states, layer, spans }.for_each(|rows, state| {
        let part = rows.start * width..rows.end * width;
        kernels.wkv(heads, &mut state[..matrices], of_rows(&tokens, part.clone()), &mut read[part]);
    });
    kernels.wkv_output(heads, tokens, WkvOutput { norm, bias, bonus, gate: g }, read);
    input.set(kernels, read, width);
    input.multiply(kernels, [(&weights.output, &mut block_out[..n])]);
}

/// Computes channel mix of the rows that are in `scratch.normed`, into `scratch.block_out`.
pub(crate) fn mix_channels(
    kernels: &Kernels,
    spec: &ModelSpec,
    weights: &ChannelMix,
    scratch: &mut Scratch,
    states: StepStates<'_>,
) {
    let Scratch { normed, inner: [before, ..], input, gate, up, block_out, positions, .. } = scratch;
    let (n_rows, width) = (positions.len(), spec.width);
    let n = n_rows * width;
    let (x, before) = (&normed[..n], &mut before[..n]);
    let end = states.state_len();
    rows_before(x, width, states, end - width..end, before);
    kernels.shifted(x, before, &weights.share, input.room(n_rows, width));
    input.fill(kernels);
    feed_forward(kernels, spec, &weights.network, n_rows, Feed { input, gate, up, out: &mut block_out[..n] });
}

/// Makes the input that of the second matrix of a network: what the first makes of it, by way of `low`, behind `f`.
fn narrow(kernels: &Kernels, input: &mut Input, network: &LowRankNetwork, low: &mut [f32], f: impl Fn(&mut [f32])) {
    let rank = network.first.rows();
    let low = &mut low[..input.n_rows() * rank];
    input.multiply(kernels, [(&network.first, &mut *low)]);
    f(low);
    input.set(kernels, low, rank);
}

/// Fills `before` with the row before each of `x`, `[T, width]`: for the first of a span the one that `part` of its
/// state has, where its last row comes.
fn rows_before(x: &[f32], width: usize, states: StepStates<'_>, part: Range<usize>, before: &mut [f32]) {
    states.for_each(|rows, state| {
        let of_span = rows.start * width..rows.end * width;
        let (x, before) = (&x[of_span.clone()], &mut before[of_span]);
        let (Some(others), last) = (x.len().checked_sub(width), &mut state[part.clone()]) else { return };
        before[..width].copy_from_slice(last);
        before[width..].copy_from_slice(&x[..others]);
        last.copy_from_slice(&x[others..]);
    });
}

/// Cuts a buffer into four.
fn quarters(all: &mut [f32]) -> [&mut [f32]; 4] {
    let (first, second) = all.split_at_mut(all.len() / 2);
    let (a, b) = first.split_at_mut(first.len() / 2);
    let (c, d) = second.split_at_mut(second.len() / 2);
    [a, b, c, d]
}

/// Returns some of the tokens, by the places of their elements.
fn of_rows<'a>(tokens: &WkvTokens<'a>, part: Range<usize>) -> WkvTokens<'a> {
    let &WkvTokens { r, w, k, v, kappa, a } = tokens;
    let [r, w, k, v, kappa, a] = [r, w, k, v, kappa, a].map(|rows| &rows[part.clone()]);
    WkvTokens { r, w, k, v, kappa, a }
}
