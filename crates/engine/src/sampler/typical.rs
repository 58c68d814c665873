//! Locally typical sampling: tokens whose surprise is closest to the expected one (Meister et al. 2022, arXiv
//! 2202.00666).

use super::{Candidates, candidates::Candidate};

/// Keeps the most typical tokens whose probabilities sum to `p`; 1 keeps all, and the most typical token always stays.
pub(super) fn apply(candidates: &mut Candidates, p: f32) {
    if p >= 1.0 {
        return;
    }
    let max = candidates.max();
    let total = candidates.total_weight(max);
    // With w = exp(logit − max): surprise −ln(w/Σw) = ln Σw − (logit − max); entropy = ln Σw − Σ w (logit − max) / Σw.
    let weighted = |c: &Candidate| match c.weight(max) {
        0.0 => 0.0, // also where logit − max is minus infinity
        weight => weight * f64::from(c.logit - max),
    };
    let mean = (candidates.as_slice().iter().map(weighted).sum::<f64>() / total) as f32;
    candidates.keep_weight_by(f64::from(p) * total, |c| (mean - (c.logit - max)).abs());
}
