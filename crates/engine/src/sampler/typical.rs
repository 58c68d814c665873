//! Locally typical sampling: tokens whose surprise is closest to the expected one (Meister et al. 2022, arXiv 2202.00666).

use super::{Candidates, candidates::weight};

/// 1 keeps all.
pub(super) fn apply(candidates: &mut Candidates, p: f32) {
    if p >= 1.0 {
        return;
    }
    let (max, sum) = (candidates.logit_max(), candidates.weight_sum());
    let probability = |logit: f32| weight(logit, max) / sum;
    let entropy: f64 =
        candidates.as_slice().iter().map(|c| probability(c.logit)).filter(|q| *q > 0.0).map(|q| -q * q.ln()).sum();
    let mut by_distance: Vec<_> = candidates
        .as_slice()
        .iter()
        .map(|c| (probability(c.logit), c.id))
        .map(|(q, id)| (if q > 0.0 { (-q.ln() - entropy).abs() } else { f64::INFINITY }, q, id))
        .collect();
    by_distance.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
    let mut reached = 0.0;
    let n_kept = 1 + by_distance
        .iter()
        .take_while(|(_, q, _)| {
            reached += q;
            reached < f64::from(p)
        })
        .count();
    let mut kept: Vec<_> = by_distance.iter().take(n_kept).map(|(_, _, id)| *id).collect();
    kept.sort_unstable();
    candidates.retain(|c| kept.binary_search(&c.id).is_ok());
}
