//! int8 activation rows for matrices with one scale a row: products add up in integers over the whole row, in any
//! order.
//!
//! A row of K has one scale and, for every group of 256, a shift: `x ≈ code · 2^shift · scale`. By
//! [`ActivationRule::PerGroup`] a group that is small beside the row's largest element keeps its precision by a smaller
//! shift, which is never coarser than one int8 scale a row, with which BitNet models are trained; by
//! [`ActivationRule::PerToken`] it is exactly that, and no row has a shift. A row's bytes depend on that row alone.

use crate::{activation::GROUP, isa::multiversion, math::round};
use bytemuck::{Pod, Zeroable};

/// How finely activations are quantised that ternary matrices with one scale a row are multiplied with.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ActivationRule {
    /// An int8 scale a row, halved up to seven times for each group of 256 columns whose elements are all small.
    #[default]
    PerGroup,
    /// One int8 scale a row, as `BitNet` models are trained (Ma et al. 2024, arXiv 2402.17764, section 2): 127 over the
    /// largest magnitude, which counts for at least 1e-5, and halves rounded to even.
    PerToken,
}

/// The least that the largest magnitude of a row counts for by [`ActivationRule::PerToken`].
const LARGEST_MIN: f32 = 1e-5;

/// Largest shift, if K allows it.
const SHIFT_MAX: u32 = 7;

/// Largest sum of a group: 256 codes of 0 to 3 (two bits can say 3) times 127.
const GROUP_SUM_MAX: u64 = (GROUP * 3 * 127) as u64;

/// The longest row whose sums stay below 2³¹ without any shift.
pub(crate) const COLS_MAX: usize = (i32::MAX as u64 / GROUP_SUM_MAX) as usize * GROUP;

/// The largest shift for rows of `k`, so that sums over a row stay below 2³¹; `None` beyond 5,636,352 columns, where no
/// shift will do.
pub(crate) fn shift_max(k: usize) -> Option<u32> {
    let groups = k.div_ceil(GROUP) as u64;
    let fits = |shift: &u32| i32::try_from(groups.saturating_mul(GROUP_SUM_MAX << shift)).is_ok();
    (0..=SHIFT_MAX).rev().find(fits)
}

/// 256 activations, `x ≈ code · 2^shift · scale`. The last group of a row is filled up with zeros.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct RowGroup {
    /// Codes -127..=127, in order.
    pub(crate) codes: [i8; GROUP],
    pub(crate) shift: i32,
    /// Scale of the row; only in its first group.
    pub(crate) scale: f32,
    /// `Σ code · 2^shift` of the row; only in its first group.
    pub(crate) sum: i32,
    rest: [i32; 13],
}

multiversion! {
    /// `x` `[T, K]` → `out` `[T, ceil(K / 256)]`.
    pub(crate) fn quantise(x: &[f32], k: usize, rule: ActivationRule, out: &mut [RowGroup]) {
        let (shift_max, largest_min) = match rule {
            ActivationRule::PerGroup => (shift_max(k).unwrap_or(0), 0.0),
            ActivationRule::PerToken => (0, LARGEST_MIN),
        };
        for (x, out) in x.chunks_exact(k).zip(out.chunks_exact_mut(k.div_ceil(GROUP))) {
            let mut max = largest_min;
            for (out, x) in out.iter_mut().zip(x.chunks(GROUP)) {
                out.scale = largest(x);
                max = if out.scale > max { out.scale } else { max };
            }
            // Below this 127 / max · 2^7 would overflow; such a row is nothing.
            let (unit, inverse) = if max > 1e-30 { (max / 127.0, 127.0 / max) } else { (0.0, 0.0) };
            let power = |n: u32| (1u32 << n) as f32;
            let mut sum = 0;
            for (out, x) in out.iter_mut().zip(x.chunks(GROUP)) {
                // How often the group's largest can be doubled before it passes the row's: bits of positive floats,
                // borrow included.
                let doublings = (max.to_bits().wrapping_sub(out.scale.to_bits()) >> 23).min(shift_max);
                let inverse = inverse * power(doublings);
                let mut full = [0.0f32; GROUP];
                full[..x.len()].copy_from_slice(x);
                let mut group_sum = 0;
                for (code, v) in out.codes.iter_mut().zip(full) {
                    let rounded = round(v * inverse);
                    let capped = if rounded > 127 { 127 } else { rounded };
                    *code = if capped < -127 { -127 } else { capped as i8 };
                    group_sum += i32::from(*code);
                }
                (out.shift, out.scale, out.sum) = ((shift_max - doublings) as i32, 0.0, 0);
                sum += group_sum << out.shift;
            }
            (out[0].scale, out[0].sum) = (unit / power(shift_max), sum);
        }
    }
}

/// The largest magnitude; NaN counts for nothing.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn largest(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = if v.abs() > *lane { v.abs() } else { *lane };
        }
    }
    let mut max = 0.0f32;
    for v in lanes.iter().chain(rest) {
        max = if v.abs() > max { v.abs() } else { max };
    }
    max
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Level};
    #[cfg(not(target_family = "wasm"))]
    use proptest::prelude::*;
    use testkit::Rng;

    /// Quantises on every level, checks that they agree.
    fn check(x: &[f32], k: usize, rule: ActivationRule) -> Vec<RowGroup> {
        let run = |isa| {
            let mut out = vec![RowGroup::zeroed(); x.len() / k * k.div_ceil(GROUP)];
            quantise(Level::detect(isa).expect("available"), x, k, rule, &mut out);
            out
        };
        let scalar = run(Isa::Scalar);
        for isa in Isa::available() {
            assert_eq!(bytemuck::cast_slice::<_, u8>(&run(isa)), bytemuck::cast_slice::<_, u8>(&scalar), "{isa:?}");
        }
        scalar
    }

    #[test]
    fn groups_are_as_fine_as_their_size_allows() {
        let mut rng = Rng::new(21);
        for k in [1, 255, 256, 700, 2560] {
            // Groups of very different size.
            let x: Vec<f32> = (0..3 * k).map(|i| rng.normals(1)[0] * 0.3f32.powi((i % k / 256) as i32 % 8)).collect();
            let rows = check(&x, k, ActivationRule::PerGroup);
            let groups = k.div_ceil(GROUP);
            for (row, got) in x.chunks(k).zip(rows.chunks(groups)) {
                let mut sum = 0;
                for (x, group) in row.chunks(GROUP).zip(got) {
                    let step = got[0].scale * (1 << group.shift) as f32;
                    assert!(step <= largest(row) / 126.9, "a group coarser than its row");
                    assert!(step <= largest(x) / 63.4 || group.shift == 0, "a group coarser than need be");
                    for (x, &code) in x.iter().zip(&group.codes) {
                        assert!((f32::from(code) * step - x).abs() <= 0.501 * step, "{code} for {x}, step {step}");
                        sum += i32::from(code) << group.shift;
                    }
                    assert!(group.codes[x.len()..].iter().all(|&code| code == 0));
                }
                assert_eq!(got[0].sum, sum);
            }
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest! {
        /// What transformers' `activation_quant` computes, element by element, on rows of any length and size, in any
        /// company.
        #[test]
        fn per_token_is_one_scale_a_row(seed: u64, k in 1..700usize, n_rows in 1..4usize, exponent in -24..24i32) {
            let mut rng = Rng::new(seed);
            let size = 2.0f32.powi(exponent);
            // Halves are frequent, so that rounding shows.
            let x: Vec<f32> = rng.normals(n_rows * k).iter().map(|v| (v * 16.0).round() * size).collect();
            let rows = check(&x, k, ActivationRule::PerToken);
            for (row, got) in x.chunks(k).zip(rows.chunks(k.div_ceil(GROUP))) {
                let largest = row.iter().fold(0.0f32, |max, v| max.max(v.abs())).max(1e-5);
                let expected: Vec<i8> = row.iter().map(|v| (v * (127.0 / largest)).round_ties_even() as i8).collect();
                let codes: Vec<i8> = got.iter().flat_map(|g| g.codes).take(k).collect();
                prop_assert_eq!(&codes, &expected);
                prop_assert_eq!(got[0].scale, largest / 127.0);
                prop_assert_eq!(got[0].sum, expected.iter().map(|&code| i32::from(code)).sum::<i32>());
                prop_assert!(got.iter().all(|g| g.shift == 0));
                let alone = check(row, k, ActivationRule::PerToken);
                prop_assert_eq!(bytemuck::cast_slice::<_, u8>(&alone), bytemuck::cast_slice::<_, u8>(got));
            }
        }
    }

    #[test]
    fn sums_stay_in_range_and_too_wide_rows_have_no_shift() {
        assert_eq!(
            [256, 44_032, 44_033, 5_636_352, 5_636_353].map(shift_max),
            [Some(7), Some(7), Some(6), Some(0), None]
        );
        for k in [1, 256, 65_536, 1 << 20, 5_636_352] {
            let shift = shift_max(k).expect("not too wide");
            assert!(i32::try_from((k.div_ceil(GROUP) as u64 * GROUP_SUM_MAX) << shift).is_ok());
        }
    }

    #[test]
    fn extremes_neither_panic_nor_leave_the_range() {
        let specials = [0.0, -0.0, 1e-45, 1e-37, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1.0];
        for a in specials {
            for b in specials {
                let mut x = [a; 300];
                x[7] = b;
                for rule in [ActivationRule::PerGroup, ActivationRule::PerToken] {
                    let rows = check(&x, 300, rule);
                    assert!(rows.iter().all(|g| (0..=7).contains(&g.shift) && g.codes.iter().all(|&c| c >= -127)));
                }
            }
        }
    }
}
