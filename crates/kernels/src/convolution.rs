//! Causal depthwise convolution: each channel of a row is a weighted sum of that channel in the row and in those right
//! before it.
//!
//! Rows before the first of a step are a state that its sequence carries on. Each sum is added up from the oldest row
//! to the newest, whatever of them was in the state, so that its bytes do not depend on how tokens were cut into steps.

use crate::{Kernels, isa::multiversion};

multiversion! {
    /// Rows `first..` of the convolution of `x` `[T, width]` behind `before` `[K - 1, width]` with `taps` `[K, width]`,
    /// as many as `out` `[_, width]` holds.
    fn convolve(taps: &[f32], before: &[f32], x: &[f32], first: usize, width: usize, out: &mut [f32]) {
        for (t, out) in (first..).zip(out.chunks_exact_mut(width)) {
            out.fill(0.0);
            for (k, taps) in taps.chunks_exact(width).enumerate() {
                let at = (t + k) * width;
                let row = match at.checked_sub(before.len()) {
                    None => &before[at..][..width],
                    Some(at) => &x[at..][..width],
                };
                for ((out, tap), x) in out.iter_mut().zip(taps).zip(row) {
                    *out += tap * x;
                }
            }
        }
    }
}

impl Kernels {
    /// `out[t, c] = Σ_k taps[k, c] · rows[t + k, c]`, where `rows` are the `K - 1` of `state` `[K - 1, width]` and then
    /// `x` `[T, width]`; `taps` `[K, width]`, oldest first. `state` becomes the last `K - 1` of them.
    pub fn convolve(&self, taps: &[f32], state: &mut [f32], x: &[f32], width: usize, out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "convolve: input and output");
        assert_eq!(taps.len(), state.len() + width, "convolve: taps and state");
        let before = &*state;
        self.for_rows(out, width, |first, out| convolve(self.level, taps, before, x, first, width, out));
        let n = x.len().min(state.len());
        state.copy_within(n.., 0);
        let kept = state.len() - n;
        state[kept..].copy_from_slice(&x[x.len() - n..]);
    }
}

#[cfg(test)]
mod tests {
    use testkit::{Rng, assert_same_f32};

    use crate::{Isa, Kernels};

    #[test]
    fn sums_are_those_of_the_definition_in_whatever_pieces_and_on_every_level() {
        let mut rng = Rng::new(5);
        for (width, n_taps, n_rows) in [(1, 1, 3), (5, 3, 1), (37, 3, 11), (64, 4, 9), (33, 7, 4), (600, 4, 64)] {
            let (taps, x) = (rng.normals(n_taps * width), rng.normals(n_rows * width));
            let before = rng.normals((n_taps - 1) * width);
            let rows = [before.clone(), x.clone()].concat();
            let mut expected = vec![0.0f32; x.len()];
            for (i, out) in expected.iter_mut().enumerate() {
                (0..n_taps).for_each(|k| *out += taps[k * width + i % width] * rows[i + k * width]);
            }
            for (isa, chunk) in Isa::available().flat_map(|isa| [1, 2, n_rows].map(|chunk| (isa, chunk))) {
                let kernels = Kernels::new(Some(isa), 2).unwrap();
                let (mut state, mut out) = (before.clone(), vec![0.0; x.len()]);
                for (x, out) in x.chunks(chunk * width).zip(out.chunks_mut(chunk * width)) {
                    kernels.convolve(&taps, &mut state, x, width, out);
                }
                let what = format!("{width} channels, {n_taps} taps, pieces of {chunk} on {}", isa.name());
                assert_same_f32(&what, &out, &expected);
                assert_same_f32(&what, &state, &rows[n_rows * width..]);
            }
        }
    }
}
