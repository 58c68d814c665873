//! Least squares for the encoders: the scale (and offset) under which the nearest codes leave the smallest weighted
//! error.
//!
//! Every search measures what a decoder will see: scales already rounded to what the format stores, codes chosen as the
//! nearest under *that* scale. So a trial can only be kept when it is truly better, and a scale that underflows loses
//! to one that does not. [`book`]: what codes there are. [`scale`], [`sweep`]: one scale. [`affine`]: scale and offset.
//! [`nested`], [`nested_affine`]: small integer scales under one half-precision scale. [`octets`]: odd multiples of
//! one, with codes from the books of [`grid`].

pub(crate) mod affine;
pub(crate) mod book;
pub(crate) mod grid;
pub(crate) mod nested;
pub(crate) mod nested_affine;
pub(crate) mod octets;
pub(crate) mod scale;
pub(crate) mod sweep;

use half::f16;

/// Half-precision numbers around `value`, nearest first, then outwards by one and two steps. Zero and infinity are left
/// out; NaN counts as zero, and so does a zero with a sign, which least and greatest of zeros may or may not have.
pub(crate) fn halves_near(value: f32) -> impl Iterator<Item = f32> {
    let value = if value.is_nan() || value == 0.0 { 0.0 } else { value };
    let nearest = f16::from_f32(value.clamp(-65504.0, 65504.0)).to_bits();
    [0, 1, -1, 2, -2].into_iter().filter_map(move |step: i16| {
        let magnitude = (nearest & 0x7fff).checked_add_signed(step)?;
        let half = f16::from_bits(nearest & 0x8000 | magnitude);
        (magnitude != 0 && half.is_finite()).then(|| half.to_f32())
    })
}

/// `1 / scale`, or 0 where that is no number: all codes are then those of zero.
fn inverse(scale: f32) -> f32 {
    let inverse = 1.0 / scale;
    if inverse.is_finite() { inverse } else { 0.0 }
}

/// Nearest integer, ties to even, for |v| < 2^22: one addition and one subtraction that every instruction set
/// vectorises.
fn round(v: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (v + SHIFT) - SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_zero_are_the_smallest_numbers() {
        for zero in [1e-9, 0.0, -0.0, f32::NAN] {
            let found: Vec<f32> = halves_near(zero).collect();
            assert_eq!(found, [5.960_464_5e-8, 1.192_092_9e-7], "{zero:e}");
        }
    }

    #[test]
    fn neighbours_never_overflow() {
        assert!(halves_near(-1e30).all(|h| h.is_finite() && h < -65000.0));
    }

    #[test]
    fn rounds_to_nearest() {
        for v in [-127.4f32, -0.6, -0.5, 0.0, 0.49, 1.5, 2.5, 126.7] {
            assert_eq!(round(v), v.round_ties_even(), "{v}");
        }
    }
}
