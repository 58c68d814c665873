//! What `specs/sampler.vibee` judges: what a chain leaves of the tokens, and the draw from it. For `tests/runner.rs`
//! and nobody else.

use model::TokenId;

use super::{
    Candidates, Narrowed, Sampler, Sampling,
    candidates::{Candidate, likelier},
};
use crate::Error;

/// Tokens of the context in which samplers of specifications stand.
const CONTEXT_LEN_MAX: usize = 64;

/// The tokens that `sampling` leaves of `logits` `[V]` after those of `recent`, with what has become of their logits,
/// the likeliest first; one without a changed logit where no sampler is asked.
pub fn kept(sampling: &Sampling, recent: &[u32], logits: &[f32]) -> Result<Vec<(u32, f32)>, Error> {
    let mut sampler = Sampler::new(sampling, logits.len(), CONTEXT_LEN_MAX)?;
    recent.iter().for_each(|&token| sampler.accept(TokenId(token)));
    Ok(match sampler.narrow(logits, None) {
        Narrowed::ToBest(best) => best.map(|id| (id.0, 0.0)).into_iter().collect(),
        Narrowed::ToCandidates => {
            let mut kept: Vec<Candidate> = sampler.candidates.as_slice().to_vec();
            kept.sort_by(likelier);
            kept.iter().map(|candidate| (candidate.id.0, candidate.logit)).collect()
        }
    })
}

/// The token that is drawn from `logits` `[V]` at `unit`, at least 0 and below 1.
pub fn drawn(logits: &[f32], unit: f64) -> Option<u32> {
    let mut candidates = Candidates::default();
    candidates.fill(logits);
    candidates.draw(unit).map(|id| id.0)
}
