//! One row of base log-probabilities as bytes: 12 bytes and 16 bits a token.
//!
//! - `top` u32: the most probable token
//! - `next` f32: ln p of the token that follows in the text, as it was
//! - `step` f32
//! - `codes` `[V]` u16: `ln p[i] = ln p[top] − step · codes[i]` up to a constant that makes the probabilities sum to
//!   one
//!
//! `step` is 1/65535 of the distance between the largest and the smallest logit, at most [`RANGE_MAX`], so a
//! log-probability is off by at most 2.5e-4, and what is less probable than `e^-32` of the most probable token counts
//! as that. As the codes are rounded to nearest and the probabilities are made to sum to one again, the divergence of a
//! model from its own codes is of the order of `step²`: below 1e-7.

use model::{TokenId, best_token};

use crate::softmax;

/// Largest distance from the most probable token, in nats; what is further below counts as this far.
const RANGE_MAX: f32 = 32.0;

/// Largest step between two codes, in nats.
const STEP_MAX: f32 = RANGE_MAX / u16::MAX as f32;

/// Number of bytes before the codes.
const HEAD_BYTES: usize = 12;

/// Number of bytes of a row of `n_vocab`, which a file may claim to be more than memory can address.
pub(crate) const fn n_bytes(n_vocab: usize) -> u64 {
    HEAD_BYTES as u64 + 2 * n_vocab as u64
}

/// Appends the row of finite `logits` `[V]`, before token `next`.
pub(crate) fn encode(logits: &[f32], next: TokenId, out: &mut Vec<u8>) {
    let (min, max) = logits.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), x| (min.min(*x), max.max(*x)));
    let step = ((max - min) / f32::from(u16::MAX)).min(STEP_MAX);
    out.extend_from_slice(&best_token(logits).map_or(0, |top| top.0).to_le_bytes());
    out.extend_from_slice(&(softmax::log_probability(logits, next) as f32).to_le_bytes());
    out.extend_from_slice(&step.to_le_bytes());
    // All equal, or too near each other to tell: no distance.
    let per_nat = if step > f32::MIN_POSITIVE { step.recip() } else { 0.0 };
    // The cast saturates, which is what lies beyond the range.
    out.extend(logits.iter().flat_map(|x| (((max - x) * per_nat).round() as u16).to_le_bytes()));
}

/// A decoded view of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// The most probable token.
    pub(crate) top: TokenId,
    /// Log-probability of the token that follows in the text.
    pub(crate) next: f64,
    step: f32,
    /// Codes `[V]`, u16 little-endian.
    codes: &'a [[u8; 2]],
}

impl<'a> Row<'a> {
    /// Reads a row; `None` if the numbers are none that [`encode`] writes.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (head, codes) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let (words, _) = head.as_chunks::<4>();
        let [top, next, step] = *words else { return None };
        let (top, next, step) = (u32::from_le_bytes(top), f32::from_le_bytes(next), f32::from_le_bytes(step));
        let (codes, rest) = codes.as_chunks::<2>();
        let is_sound = rest.is_empty()
            && next <= 0.0
            && next.is_finite()
            && (0.0..=STEP_MAX).contains(&step)
            // At least one probability is not 0, whatever the others are.
            && codes.get(top as usize).is_some_and(|code| *code == [0; 2]);
        is_sound.then_some(Self { top: TokenId(top), next: next.into(), step, codes })
    }

    /// Returns the divergence `Σ p (ln p − ln q)` over the vocabulary, where `q` is the softmax of `logits` `[V]`.
    pub(crate) fn divergence(&self, logits: &[f32]) -> f64 {
        let (log_sum_q, max) = softmax::log_sum(logits);
        let (mut sum_p, mut weighted) = (0.0, 0.0);
        for (code, x) in self.codes.iter().zip(logits) {
            // ln p + ln Σp, and ln q + ln Σq.
            let log_p = -self.step * f32::from(u16::from_le_bytes(*code));
            let p = f64::from(log_p.exp());
            sum_p += p;
            weighted += p * (f64::from(log_p) - f64::from(x - max));
        }
        // Below zero only by rounding.
        (weighted / sum_p - sum_p.ln() + log_sum_q).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(p: &[f32], q: &[f32], tolerance: f64) {
        let mut bytes = Vec::new();
        encode(p, TokenId(1), &mut bytes);
        assert_eq!(bytes.len() as u64, n_bytes(p.len()));
        let row = Row::new(&bytes).unwrap();
        let (log_p, log_q) = (testkit::log_softmax(p), testkit::log_softmax(q));
        let expected: f64 = log_p.iter().zip(&log_q).map(|(p, q)| p.exp() * (p - q)).sum();
        let got = row.divergence(q);
        assert!((got - expected).abs() <= tolerance, "{got} from the codes, {expected} by definition");
        assert!((row.next - log_p[1]).abs() < 1e-5);
        assert_eq!(row.top.0 as usize, log_p.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0);
    }

    #[test]
    fn divergence_is_its_definition() {
        let mut rng = testkit::Rng::new(7);
        for spread in [0.01, 1.0, 6.0, 30.0] {
            let mut row = || rng.normals(1000).iter().map(|x| x * spread).collect::<Vec<_>>();
            let (p, q) = (row(), row());
            check(&p, &q, 1e-4 * f64::from(spread).max(1.0));
            check(&p, &p, 1e-7);
        }
        check(&[2.0; 5], &[3.0; 5], 1e-12);
        check(&[0.0, 500.0, -500.0], &[0.0, 1.0, 2.0], 1e-4);
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        let mut bytes = Vec::new();
        encode(&[1.0, 2.0], TokenId(1), &mut bytes);
        assert!(Row::new(&bytes).is_some());
        let bits = f32::to_bits;
        for (at, bad) in [(0, 2u32), (0, 0), (4, bits(f32::NAN)), (8, bits(f32::NAN)), (8, bits(-1.0)), (8, bits(0.01))]
        {
            let mut broken = bytes.clone();
            broken[at..at + 4].copy_from_slice(&bad.to_le_bytes());
            assert!(Row::new(&broken).is_none(), "{bad:#x} at {at}");
        }
    }
}
