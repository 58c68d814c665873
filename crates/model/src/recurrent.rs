//! Layers that carry a state from token to token in place of attention.
//!
//! Whatever a step computes together, each sequence's rows are taken in their order, and what is added up for a row is
//! added in one order: its bytes depend neither on the step nor on other sequences.

use kernels::Kernels;

use crate::{StepSpan, scratch::Scratch, states::States, weights::ShortConvolution};

/// The states of the spans of a step in one layer.
pub(crate) struct StepStates<'a> {
    pub(crate) states: &'a mut States,
    /// Index of the layer among those with states.
    pub(crate) layer: usize,
    pub(crate) spans: &'a [StepSpan<'a>],
}

impl StepStates<'_> {
    /// Calls `visit` for each span with the range of its rows and its state.
    fn for_each(self, mut visit: impl FnMut(std::ops::Range<usize>, &mut [f32])) {
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
