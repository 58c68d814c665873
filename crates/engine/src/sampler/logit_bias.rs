//! Logit bias: what the request adds to single tokens; −∞ bans one.

use model::TokenId;

use super::Candidates;

/// Ids outside the vocabulary are nobody's.
pub(super) fn apply(candidates: &mut Candidates, bias: &[(TokenId, f32)]) {
    for (id, bias) in bias {
        if let Some(candidate) = candidates.of(*id) {
            candidate.logit += bias;
        }
    }
}
