//! Mixture of experts: each token goes through the experts that its router scores highest.
//!
//! Softmax over all experts, the best `n_used` by score, their weights divided by their sum (Mixtral, Qwen 3). A
//! token's outputs are added in the order of expert indices, whatever else is in the step, so its bytes do not depend
//! on the step.

use kernels::Kernels;

use crate::{
    forward::{Feed, feed_forward},
    linear::{Input, Linear, is_finite},
    spec::ModelSpec,
    weights::FeedForward,
};

/// Buffers of experts for the largest step.
pub(crate) struct Buffers<'a> {
    pub(crate) input: &'a mut Input,
    /// Gates `[T, F]` of one expert.
    pub(crate) gate: &'a mut [f32],
    /// Inner values `[T, F]` of one expert.
    pub(crate) up: &'a mut [f32],
    /// Scores `[T, E]` of the router.
    pub(crate) scores: &'a mut [f32],
    /// Output `[T, D]` of one expert.
    pub(crate) result: &'a mut [f32],
    pub(crate) expert_rows: &'a mut Vec<(u32, f32)>,
}

/// Sends the rows `x` `[T, D]` through their experts and adds the results up in `out` `[T, D]`.
pub(crate) fn apply(
    kernels: &Kernels,
    spec: &ModelSpec,
    router: &Linear,
    experts: &[FeedForward],
    x: &[f32],
    out: &mut [f32],
    buffers: Buffers<'_>,
) {
    let Buffers { input, gate, up, scores, result, expert_rows } = buffers;
    let (width, n_experts) = (spec.width, experts.len());
    let n_used = spec.experts.map_or(n_experts, |e| e.n_used);
    let n_rows = x.len() / width;
    let scores = &mut scores[..n_rows * n_experts];
    input.set(kernels, x, width);
    input.multiply(kernels, [(router, &mut *scores)]);
    for (scores, out) in scores.chunks_exact_mut(n_experts).zip(out.chunks_exact_mut(width)) {
        // Scores that are no numbers choose nobody; what they choose is no number either.
        if is_finite(scores) {
            out.fill(0.0);
            kernels.softmax(scores, n_experts);
            keep_best(scores, n_used);
        } else {
            out.fill(f32::NAN);
            scores.fill(0.0);
        }
    }
    for (index, expert) in experts.iter().enumerate() {
        expert_rows.clear();
        let weights = scores.iter().skip(index).step_by(n_experts);
        expert_rows.extend((0u32..).zip(weights).filter(|(_, w)| **w > 0.0).map(|(row, w)| (row, *w)));
        if expert_rows.is_empty() {
            continue;
        }
        let n = expert_rows.len() * width;
        let gathered = input.room(expert_rows.len(), width);
        for (slot, (row, _)) in gathered.chunks_exact_mut(width).zip(expert_rows.iter()) {
            slot.copy_from_slice(&x[*row as usize * width..][..width]);
        }
        input.fill(kernels);
        let result = &mut result[..n];
        feed_forward(kernels, spec, expert, expert_rows.len(), Feed { input, gate, up, out: &mut *result });
        for (result, (row, weight)) in result.chunks_exact(width).zip(expert_rows.iter()) {
            kernels.add_scaled(&mut out[*row as usize * width..][..width], *weight, result);
        }
    }
}

/// Zeroes all but the `n` largest probabilities (the lower index wins a tie) and divides the rest by their sum.
fn keep_best(row: &mut [f32], n: usize) {
    while row.iter().filter(|w| **w > 0.0).count() > n {
        // The last of the smallest goes.
        let mut worst: Option<usize> = None;
        for (i, w) in row.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            if worst.is_none_or(|j| *w <= row[j]) {
                worst = Some(i);
            }
        }
        if let Some(i) = worst {
            row[i] = 0.0;
        }
    }
    let sum: f32 = row.iter().sum();
    if sum > 0.0 {
        row.iter_mut().for_each(|w| *w /= sum);
    }
}

#[cfg(test)]
mod tests {
    use super::keep_best;

    #[test]
    fn the_best_are_kept_and_sum_to_one() {
        let mut row = [0.1, 0.4, 0.1, 0.4];
        keep_best(&mut row, 2);
        assert_eq!(row, [0.0, 0.5, 0.0, 0.5]);
        let mut ties = [0.25; 4];
        keep_best(&mut ties, 3);
        assert_eq!(ties.map(|w| w > 0.0), [true, true, true, false]);
    }
}
