//! The best scale of all for a range of few integers: as the scale shrinks, weights move up one code at a time, so
//! walking through these moves in order meets every assignment that can be optimal.
//!
//! For the codes −1, 0, 1 this is the closed form "keep the k largest, scale by their mean", for the best k.

/// Moves that the longest group can have: 256 weights of one step each, or 64 of four.
const N_MOVES_MAX: usize = 256;

/// Scale with the least `Σ w (x − d q)²`, `q` an integer from `LO` to `HI`.
///
/// # Panics
/// If `x.len() · max(−LO, HI)` exceeds 256.
pub(crate) fn fit<const LO: i8, const HI: i8>(x: &[f32], w: &[f32]) -> f32 {
    let up = walk(x, w, HI, -LO);
    // Negative scales exchange the two ends.
    let down = if LO == -HI { (0.0, 0.0) } else { walk(x, w, -LO, HI) };
    if down.0 > up.0 { -down.1 } else { up.1 }
}

/// (error that the scale saves, scale) with codes up to `high` for positive weights and `low` for negative ones.
fn walk(x: &[f32], w: &[f32], high: i8, low: i8) -> (f32, f32) {
    // (scale at which the weight moves, what the move adds to Σ w x q, and to Σ w q²)
    let mut moves = [(0.0f32, 0.0f32, 0.0f32); N_MOVES_MAX];
    let mut n = 0;
    for (&x, &w) in x.iter().zip(w) {
        let steps = if x > 0.0 { high } else { low };
        for code in 1..=steps {
            let odd = f32::from(2 * code - 1);
            moves[n] = (2.0 * x.abs() / odd, w * x.abs(), w * odd);
            n += 1;
        }
    }
    let moves = &mut moves[..n];
    moves.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut xq, mut qq, mut best) = (0.0, 0.0, (0.0, 0.0));
    for &(_, dx, dq) in moves.iter() {
        xq += dx;
        qq += dq;
        let saved = xq * xq / qq;
        if saved > best.0 {
            best = (saved, xq / qq);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{book::Integers, scale::measure};

    #[test]
    fn exact_ternary_weights_give_their_scale() {
        let x: Vec<f32> = (0..256).map(|i| 0.25 * f32::from((i % 3) as i8 - 1)).collect();
        assert_eq!(fit::<-1, 1>(&x, &[1.0; 256]), 0.25);
    }

    #[test]
    fn no_scale_of_a_fine_grid_is_better() {
        let x = testkit::Rng::new(5).normals(64);
        let w: Vec<f32> = (0..64).map(|i| 0.5 + f32::from(i as u8 % 7)).collect();
        let found = measure::<Integers<-1, 2>>(&x, &w, fit::<-1, 2>(&x, &w)).error;
        for i in 1..4000i16 {
            for d in [f32::from(i) * 1e-3, f32::from(-i) * 1e-3] {
                let error = measure::<Integers<-1, 2>>(&x, &w, d).error;
                assert!(found <= error * (1.0 + 1e-5), "scale {d} has error {error}, found {found}");
            }
        }
    }
}
