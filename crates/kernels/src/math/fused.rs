//! Multiply-add with one rounding, where the machine has none (wasm32 without its relaxed instructions): what
//! `f32::mul_add` calls a function of the library for.
//!
//! The product of two singles is exact in double precision, so only its sum with the third rounds, to 53 bits, and the
//! conversion to a single rounds again. Rounding twice is rounding once unless the first sum fell on the middle between
//! two singles, or the single is subnormal, where fewer bits are kept; both show in the sum's bits. There the first sum
//! is rounded to odd instead, which no second rounding can take for a middle (Boldo and Melquiond 2008,
//! doi:10.1109/TC.2007.70819).

/// Bits of a double that a normal single has not.
pub(crate) const DROPPED: u64 = (1 << 29) - 1;
/// Of these, the bits of a sum in the middle between two singles.
pub(crate) const MIDDLE: u64 = 1 << 28;

/// `a · b + c`, rounded once, as `f32::mul_add` does (which NaN comes out is not said).
#[inline]
pub(crate) fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    let is_plain = sum.to_bits() & DROPPED != MIDDLE && sum.abs() >= f64::from(f32::MIN_POSITIVE);
    if is_plain { sum as f32 } else { to_odd(product, c, sum) as f32 }
}

/// The exact `product + c`, whose rounded sum is `sum`, rounded to odd.
#[cold]
pub(crate) fn to_odd(product: f64, c: f64, sum: f64) -> f64 {
    // Knuth's two-sum: no finite sum here overflows.
    let added = sum - product;
    let error = (product - (sum - added)) + (c - added);
    let bits = sum.to_bits();
    let is_exact = error == 0.0 || error.is_nan();
    if is_exact || bits & 1 == 1 {
        return sum;
    }
    // One step towards the exact value. A sum of zero is exact.
    f64::from_bits(if (error > 0.0) == (sum > 0.0) { bits.wrapping_add(1) } else { bits.wrapping_sub(1) })
}

#[cfg(test)]
pub(crate) mod tests {
    use testkit::Rng;

    /// Triples that test a fused multiply-add: of any bits, of every size, with sums in the middle between two singles
    /// or beside it, subnormal, overflowing, cancelling.
    pub(crate) fn triples(rng: &mut Rng, n: usize) -> Vec<[f32; 3]> {
        let ends = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 1e-45, -1e-45, 1.0];
        let mut triples: Vec<[f32; 3]> =
            ends.iter().flat_map(|&a| ends.iter().flat_map(move |&b| ends.map(|c| [a, b, c]))).collect();
        while triples.len() < n {
            let kind = rng.below(8);
            let mut near = |exponent: i32, bits: u32| {
                let mantissa = (rng.bits() as u32 & 0x7f_ffff) >> (23 - bits) << (23 - bits);
                let sign = (rng.bits() as u32 & 1) << 31;
                let exponent = (127 + exponent).clamp(0, 254) as u32;
                f32::from_bits(sign | exponent << 23 | mantissa)
            };
            triples.push(match kind {
                // Sums of few bits with something far below: middles, and what lies beside them.
                0 | 1 => {
                    let (a, b) = (near(0, 12), near(-24, 12));
                    [a, b, near(1, 23)]
                }
                2 => [near(-12, 3), near(-12, 2), near(0, 23)],
                3 => {
                    let x = near(0, 23);
                    [x, near(-25, 2), x * 2.0]
                }
                // The other way round: the third is far below the product.
                4 => [near(0, 12), near(0, 12), near(-60, 23)],
                // Subnormal sums, and their border.
                5 => [near(-63, 23), near(-64, 23), near(-130, 23)],
                6 => {
                    let (a, b) = (near(0, 23), near(0, 23));
                    [a, b, -(a * b)]
                }
                _ => [(); 3].map(|()| f32::from_bits(rng.bits() as u32)),
            });
        }
        triples
    }

    /// Panics unless `got` is what `f32::mul_add` gives.
    pub(crate) fn assert_fused(got: f32, [a, b, c]: [f32; 3]) {
        let expected = a.mul_add(b, c);
        let is_same = got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan();
        assert!(is_same, "{a:e} · {b:e} + {c:e}: {got:e} ({:#x}), fused {expected:e}", got.to_bits());
    }

    #[test]
    fn it_rounds_once() {
        for [a, b, c] in triples(&mut Rng::new(128), 1_000_000) {
            assert_fused(super::fma(a, b, c), [a, b, c]);
        }
    }

    /// Middles between any two neighbours, moved by nothing or by what double precision cannot hold.
    #[test]
    fn middles_round_to_even_only_if_they_are_middles() {
        let mut rng = Rng::new(129);
        for _ in 0..200_000 {
            let x = f32::from_bits((rng.bits() as u32 & 0x807f_ffff) | (rng.below(200) as u32 + 30) << 23);
            let half = (x.next_up() - x) / 2.0;
            for (a, b, c) in [(half, 1.0, x), (-half, 1.0, x.next_up()), (x, 1.0, half)] {
                assert_fused(super::fma(a, b, c), [a, b, c]);
            }
            // half · (1 ± 2^-23): the low end of the product lies below the 53 bits that start at x.
            for b in [1.0f32.next_up(), 1.0f32.next_down()] {
                let a = half * (1.0 + rng.unit());
                assert_fused(super::fma(a, b, x), [a, b, x]);
                assert_fused(super::fma(half, b, x), [half, b, x]);
            }
        }
    }
}
