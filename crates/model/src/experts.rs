//! Mixture of experts: each token goes through the experts that its router scores highest.
//!
//! Softmax over all experts or the sigmoid of each, the best `n_used`, their weights divided by their sum (Mixtral,
//! Qwen 3, GLM 4.5). A token's outputs are added in the order of expert indices, whatever else is in the step, so its
//! bytes do not depend on the step.

use kernels::Kernels;

use crate::{
    forward::{Feed, feed_forward, norm_in_place, normed},
    linear::{Input, is_finite},
    spec::{ExpertGroups, ExpertSpec, Gating, ModelSpec},
    weights::{Beside, Experts, Norm},
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
    /// What experts see and the sum of what they give, two `[T, L]`, where that is narrower.
    pub(crate) latent: &'a mut [Vec<f32>; 2],
    pub(crate) expert_rows: &'a mut Vec<(u32, f32)>,
}

/// Sends the rows `x` `[T, D]` through their experts, and all of them through the shared one, and adds the results up
/// in `out` `[T, D]`.
pub(crate) fn apply(
    kernels: &Kernels,
    spec: &ModelSpec,
    experts: &Experts,
    x: &[f32],
    out: &mut [f32],
    mut buffers: Buffers<'_>,
) {
    let Experts { router, latent, shared, shared_gate, .. } = experts;
    let Buffers { input, gate, up, scores, latent: narrow, .. } = &mut buffers;
    let n_rows = x.len() / spec.width;
    let scores = &mut scores[..n_rows * router.rows()];
    input.set(kernels, x, spec.width);
    match latent {
        Some([down, _]) => {
            let narrowed = &mut narrow[0][..n_rows * down.rows()];
            input.multiply(kernels, [(router, &mut *scores), (down, narrowed)]);
        }
        None => input.multiply(kernels, [(router, &mut *scores)]),
    }
    match shared {
        Some(shared) => feed_forward(kernels, spec, shared, n_rows, Feed { input, gate, up, out: &mut *out }),
        None => out.fill(0.0),
    }
    if let Some(weight) = shared_gate {
        kernels.times_sigmoid_of(x, weight, out);
    }
    add_routed(kernels, spec, experts, x, out, &mut buffers);
}

/// The residual stream and what a layer computes of it, each `[T, D]`.
pub(crate) struct Streams<'a> {
    pub(crate) hidden: &'a [f32],
    /// What the experts see.
    pub(crate) seen: &'a mut [f32],
    /// What they give together.
    pub(crate) routed: &'a mut [f32],
    /// What they and the dense network give together.
    pub(crate) out: &'a mut [f32],
}

/// Computes a layer with a dense network, behind `norm`, and experts beside it.
pub(crate) fn apply_beside(
    kernels: &Kernels,
    spec: &ModelSpec,
    (experts, beside): (&Experts, &Beside),
    norm: Option<&Norm>,
    streams: Streams<'_>,
    mut buffers: Buffers<'_>,
) {
    let Beside { network, network_norm, router_norm, experts_norm, experts_post_norm } = beside;
    let Streams { hidden, seen, routed, out } = streams;
    let Buffers { input, gate, up, scores, result, .. } = &mut buffers;
    let n_rows = hidden.len() / spec.width;
    normed(kernels, spec, hidden, norm, input.room(n_rows, spec.width));
    input.fill(kernels);
    feed_forward(kernels, spec, network, n_rows, Feed { input, gate, up, out: &mut *out });
    norm_in_place(kernels, spec, out, Some(network_norm), result);
    kernels.rms_norm(hidden, router_norm, spec.norm_epsilon, input.room(n_rows, spec.width));
    input.fill(kernels);
    input.multiply(kernels, [(&experts.router, &mut scores[..n_rows * experts.router.rows()])]);
    normed(kernels, spec, hidden, Some(experts_norm), seen);
    routed.fill(0.0);
    add_routed(kernels, spec, experts, seen, routed, &mut buffers);
    norm_in_place(kernels, spec, routed, Some(experts_post_norm), buffers.result);
    kernels.add(out, routed);
}

/// Sends the rows `x` `[T, D]` through the experts that the scores in `buffers` choose, and adds what they give to
/// `out` `[T, D]`.
fn add_routed(
    kernels: &Kernels,
    spec: &ModelSpec,
    experts: &Experts,
    x: &[f32],
    out: &mut [f32],
    buffers: &mut Buffers<'_>,
) {
    let Experts { selection_bias, networks, latent, .. } = experts;
    let Buffers { input, gate, up, scores, result, latent: narrow, expert_rows } = buffers;
    let (width, n_experts) = (spec.width, networks.len());
    let n_rows = x.len() / width;
    let scores = &mut scores[..n_rows * n_experts];
    let bias = selection_bias.as_deref();
    for (scores, out) in scores.chunks_exact_mut(n_experts).zip(out.chunks_exact_mut(width)) {
        // Scores that are no numbers choose nobody; what they choose is no number either.
        if is_finite(scores) && bias.is_none_or(is_finite) {
            weigh(kernels, spec, bias, scores);
        } else {
            out.fill(f32::NAN);
            scores.fill(0.0);
        }
    }
    // What the experts see, and where what they give is added up.
    let (seen, seen_width, sum) = match latent {
        Some([down, _]) => {
            let [narrowed, sum] = narrow.each_mut().map(|rows| &mut rows[..n_rows * down.rows()]);
            sum.fill(0.0);
            (&*narrowed, down.rows(), sum)
        }
        None => (x, width, &mut *out),
    };
    for (index, network) in networks.iter().enumerate() {
        expert_rows.clear();
        let weights = scores.iter().skip(index).step_by(n_experts);
        expert_rows.extend((0u32..).zip(weights).filter(|(_, w)| **w > 0.0).map(|(row, w)| (row, *w)));
        if expert_rows.is_empty() {
            continue;
        }
        let n = expert_rows.len() * seen_width;
        let gathered = input.room(expert_rows.len(), seen_width);
        for (slot, (row, _)) in gathered.chunks_exact_mut(seen_width).zip(expert_rows.iter()) {
            slot.copy_from_slice(&seen[*row as usize * seen_width..][..seen_width]);
        }
        input.fill(kernels);
        input.adapters.choose(expert_rows.iter().map(|(row, _)| *row as usize));
        let result = &mut result[..n];
        feed_forward(kernels, spec, network, expert_rows.len(), Feed { input, gate, up, out: &mut *result });
        for (result, (row, weight)) in result.chunks_exact(seen_width).zip(expert_rows.iter()) {
            kernels.add_scaled(&mut sum[*row as usize * seen_width..][..seen_width], *weight, result);
        }
    }
    input.adapters.choose_all();
    if let Some([down, widen]) = latent {
        input.set(kernels, &narrow[1][..n_rows * down.rows()], down.rows());
        let result = &mut result[..out.len()];
        input.multiply(kernels, [(widen, &mut *result)]);
        kernels.add(out, result);
    }
}

/// Makes the scores of a token weights of its experts, and zeroes all others.
fn weigh(kernels: &Kernels, spec: &ModelSpec, bias: Option<&[f32]>, scores: &mut [f32]) {
    let Some(ExpertSpec { n_used, gating, are_weights_normed, weight_scale, groups, .. }) = spec.experts else {
        return;
    };
    match gating {
        Gating::Softmax => kernels.softmax(scores, scores.len()),
        Gating::Sigmoid => kernels.sigmoid(scores),
    }
    keep_best(scores, bias, groups, n_used);
    if are_weights_normed {
        let sum: f32 = scores.iter().sum();
        if sum > 0.0 {
            scores.iter_mut().for_each(|w| *w /= sum);
        }
    }
    if weight_scale != 1.0 {
        scores.iter_mut().for_each(|w| *w *= weight_scale);
    }
}

/// Zeroes all but the `n` largest weights of those in the best `groups`, compared with their `bias` if there is one;
/// the lower index wins a tie.
fn keep_best(weights: &mut [f32], bias: Option<&[f32]>, groups: Option<ExpertGroups>, n: usize) {
    let rank = |weights: &[f32], i: usize| weights[i] + bias.map_or(0.0, |bias| bias[i]);
    if let Some(ExpertGroups { n_groups, n_used }) = groups {
        let len = weights.len() / n_groups;
        let score = |weights: &[f32], group: usize| {
            let [best, second] = (group * len..(group + 1) * len).fold([f32::NEG_INFINITY; 2], |[best, second], i| {
                let own = rank(weights, i);
                if own > best { [own, best] } else { [best, second.max(own)] }
            });
            best + second
        };
        for group in 0..n_groups {
            let own = score(weights, group);
            let is_before = |&other: &usize| {
                let score = score(weights, other);
                score > own || (score == own && other < group)
            };
            // The groups in use are before this one whichever others have been ruled out.
            if (0..n_groups).filter(is_before).count() >= n_used {
                weights[group * len..(group + 1) * len].fill(f32::NEG_INFINITY);
            }
        }
    }
    // The last of those that were found, in the order from the best: by rank, then by index.
    let mut last: Option<(f32, usize)> = None;
    let is_behind =
        |(rank, i): (f32, usize), (of_last, last): (f32, usize)| rank < of_last || (rank == of_last && i > last);
    for _ in 0..n.min(weights.len()) {
        let mut next: Option<(f32, usize)> = None;
        for i in 0..weights.len() {
            let own = (rank(weights, i), i);
            if last.is_none_or(|last| is_behind(own, last)) && next.is_none_or(|next| own.0 > next.0) {
                next = Some(own);
            }
        }
        last = next;
    }
    if let Some(last) = last {
        for i in 0..weights.len() {
            if is_behind((rank(weights, i), i), last) {
                weights[i] = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::keep_best;
    use crate::spec::ExpertGroups;

    fn check<const N: usize>(weights: [f32; N], bias: Option<[f32; N]>, n: usize, expected: [f32; N]) {
        check_groups(weights, bias, None, n, expected);
    }

    /// Checks with so many groups, and so many of them in use.
    fn check_groups<const N: usize>(
        mut weights: [f32; N],
        bias: Option<[f32; N]>,
        groups: Option<[usize; 2]>,
        n: usize,
        expected: [f32; N],
    ) {
        let groups = groups.map(|[n_groups, n_used]| ExpertGroups { n_groups, n_used });
        keep_best(&mut weights, bias.as_ref().map(|bias| &bias[..]), groups, n);
        assert_eq!(weights, expected);
    }

    #[test]
    fn the_best_come_from_the_groups_whose_two_best_are_best() {
        // The best of all stands in a group whose second is small.
        let weights = [0.9, 0.0, 0.1, 0.5, 0.5, 0.3, 0.4, 0.4, 0.2];
        check_groups(weights, None, Some([3, 1]), 2, [0.9, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let weights = [0.8, 0.0, 0.1, 0.5, 0.5, 0.3, 0.4, 0.4, 0.2];
        check_groups(weights, None, Some([3, 1]), 2, [0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
        check_groups(weights, None, Some([3, 2]), 2, [0.8, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]);
        // The bias counts for groups, too, and a tie is the first group's.
        let bias = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0];
        check_groups(weights, Some(bias), Some([3, 1]), 1, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 0.0, 0.0]);
        check_groups([0.25; 4], None, Some([2, 1]), 1, [0.25, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_best_are_kept() {
        check([0.1, 0.4, 0.1, 0.4], None, 2, [0.0, 0.4, 0.0, 0.4]);
        check([0.25; 4], None, 3, [0.25, 0.25, 0.25, 0.0]);
        check([0.1, 0.4, 0.2], None, 3, [0.1, 0.4, 0.2]);
        check([0.1, 0.4, 0.2], None, 1, [0.0, 0.4, 0.0]);
    }

    #[test]
    fn a_bias_chooses_and_leaves_weights_as_they_are() {
        check([0.1, 0.4, 0.2], Some([0.5, -1.0, 0.0]), 2, [0.1, 0.0, 0.2]);
        check([0.1, 0.4, 0.2], Some([-9.0, -8.0, -9.0]), 2, [0.0, 0.4, 0.2]);
        check([0.5, 0.25, 0.0], Some([0.0, 0.25, 0.5]), 2, [0.5, 0.25, 0.0]);
    }
}
