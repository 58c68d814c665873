//! Logit bias: what the request adds to single tokens; −∞ bans one.

use model::TokenId;

/// Adds the biases to `logits` `[V]`; ids outside the vocabulary were refused before.
pub(super) fn apply(logits: &mut [f32], bias: &[(TokenId, f32)]) {
    for (id, bias) in bias {
        logits[id.0 as usize] += bias;
    }
}
