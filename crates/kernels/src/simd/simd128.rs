//! 128-bit vectors of wasm32, with the names that [`crate::simd::narrow`] users know.

use crate::math::fused::to_odd;
use bytemuck::must_cast;
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::wasm32::*;

/// A vector of 16 bytes.
pub(crate) type Bytes = v128;
/// A vector of four i32.
pub(crate) type Words = v128;
/// A vector of four f32.
pub(crate) type Floats = v128;

/// Loads 16 bytes, signed or not.
#[inline]
pub(crate) fn load_bytes<B: bytemuck::Pod>(from: &[B; 16]) -> Bytes {
    must_cast(*from)
}

/// Loads 4 integers.
#[inline]
pub(crate) fn load_words(from: &[i32; 4]) -> Words {
    must_cast(*from)
}

/// Loads 4 floats.
#[inline]
pub(crate) fn load_floats(from: &[f32; 4]) -> Floats {
    must_cast(*from)
}

/// Stores 16 bytes.
#[inline]
pub(crate) fn store_bytes(to: &mut [u8; 16], v: Bytes) {
    *to = must_cast(v);
}

/// Stores 4 floats.
#[inline]
pub(crate) fn store_floats(to: &mut [f32; 4], v: Floats) {
    *to = must_cast(v);
}

/// `byte` 16 times.
#[inline]
pub(crate) fn splat_byte(byte: i8) -> Bytes {
    i8x16_splat(byte)
}

/// `x` 4 times.
#[inline]
pub(crate) fn splat(x: f32) -> Floats {
    f32x4_splat(x)
}

/// A vector of four zeros.
#[inline]
pub(crate) fn zero_words() -> Words {
    i32x4_splat(0)
}

/// Bitwise and of two vectors.
#[inline]
pub(crate) fn and(a: Bytes, b: Bytes) -> Bytes {
    v128_and(a, b)
}

/// Bitwise or of two vectors.
#[inline]
pub(crate) fn or(a: Bytes, b: Bytes) -> Bytes {
    v128_or(a, b)
}

/// Difference of bytes.
#[inline]
pub(crate) fn sub_bytes(a: Bytes, b: Bytes) -> Bytes {
    i8x16_sub(a, b)
}

/// Every byte shifted right by `n` bits, zeros from above.
#[inline]
pub(crate) fn shift_right(v: Bytes, n: usize) -> Bytes {
    u8x16_shr(v, n as u32)
}

/// Every byte shifted left by `n` bits.
#[inline]
pub(crate) fn shift_left(v: Bytes, n: usize) -> Bytes {
    i8x16_shl(v, n as u32)
}

/// All ones where `a & b` is not 0.
#[inline]
pub(crate) fn test(a: Bytes, b: Bytes) -> Bytes {
    i8x16_ne(v128_and(a, b), i8x16_splat(0))
}

/// `table[index]` for every byte, indices 0 to 15.
#[inline]
pub(crate) fn lookup(table: Bytes, index: Bytes) -> Bytes {
    i8x16_swizzle(table, index)
}

/// Sums of neighbours: those of `a`, then those of `b`.
#[inline]
pub(crate) fn add_pairs(a: Words, b: Words) -> Words {
    i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b))
}

/// Integers to floats, exact below 2²⁴.
#[inline]
pub(crate) fn to_floats(v: Words) -> Floats {
    f32x4_convert_i32x4(v)
}

/// Sums of four floats and four.
#[inline]
pub(crate) fn add(a: Floats, b: Floats) -> Floats {
    f32x4_add(a, b)
}

/// Products of four floats and four.
#[inline]
pub(crate) fn mul(a: Floats, b: Floats) -> Floats {
    f32x4_mul(a, b)
}

/// The first two lanes as a [`Pair`].
#[inline]
pub(crate) fn widen_low(v: Floats) -> v128 {
    f64x2_promote_low_f32x4(v)
}

/// The last two lanes as a [`Pair`].
#[inline]
pub(crate) fn widen_high(v: Floats) -> v128 {
    f64x2_promote_low_f32x4(i64x2_shuffle::<1, 1>(v, v))
}

/// `a · b + c`, rounded once ([`crate::math::fused`] says how).
#[inline]
pub(crate) fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
    let low = f64x2_mul(widen_low(a), widen_low(b));
    let high = f64x2_mul(widen_high(a), widen_high(b));
    let sums = [f64x2_add(low, widen_low(c)), f64x2_add(high, widen_high(c))];
    if v128_any_true(is_odd_case(sums)) {
        return rounded_once([low, high], c, sums);
    }
    narrow(sums)
}

/// Four doubles as singles.
#[inline]
pub(crate) fn narrow([low, high]: [v128; 2]) -> Floats {
    i64x2_shuffle::<0, 2>(f32x4_demote_f64x2_zero(low), f32x4_demote_f64x2_zero(high))
}

/// Ones in the lanes of four sums whose conversion to singles may round a second time: in the middle between two
/// singles, or neither zero nor a normal single.
#[inline]
fn is_odd_case([low, high]: [v128; 2]) -> v128 {
    // Low and high words of the sums.
    let (lows, highs) = (i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_shuffle::<1, 3, 5, 7>(low, high));
    // 29 bits are dropped: three shifts bring them to the top.
    let is_middle = i32x4_eq(i32x4_shl(lows, 3), i32x4_splat(i32::MIN));
    // Unsigned, twice the high word less one, by a signed comparison: zero becomes the largest.
    let magnitudes = i32x4_add(i32x4_shl(highs, 1), i32x4_splat(i32::MAX));
    let is_tiny = i32x4_lt(magnitudes, i32x4_splat(((0x0381 << 21) - 1) ^ i32::MIN));
    v128_or(is_middle, is_tiny)
}

#[cold]
#[inline(never)]
fn rounded_once(products: [v128; 2], c: Floats, sums: [v128; 2]) -> Floats {
    let c: [f32; 4] = must_cast(c);
    let products: [f64; 4] = must_cast(products);
    let sums: [f64; 4] = must_cast(sums);
    let mut out = [0.0; 4];
    for (i, out) in out.iter_mut().enumerate() {
        *out = to_odd(products[i], f64::from(c[i]), sums[i]) as f32;
    }
    must_cast(out)
}

/// Two doubles, each of which is a single: what a chain of multiply-adds holds, so that a step widens nothing.
pub(crate) type Pair = v128;

/// A [`Pair`] of one number.
#[inline]
pub(crate) fn pair(x: f32) -> Pair {
    f64x2_splat(f64::from(x))
}

/// Multiply-adds of many steps, of which it is asked at the end whether all of them rounded once: where one may not
/// have, the caller computes all again by [`fma`]. No sum may be subnormal.
#[derive(Clone, Copy)]
pub(crate) struct Watch(v128);

impl Watch {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(i32x4_splat(0))
    }

    /// `a · b + c`.
    #[inline]
    pub(crate) fn fma(&mut self, a: Pair, b: Pair, c: Pair) -> Pair {
        let sum = f64x2_add(f64x2_mul(a, b), c);
        // The dropped 29 bits as the upper bits of a word that is least of all in the middle between two singles.
        self.0 = i32x4_min(self.0, i64x2_shl(sum, 64 - 29));
        f64x2_promote_low_f32x4(f32x4_demote_f64x2_zero(sum))
    }

    /// Did every step round once?
    #[inline]
    pub(crate) fn is_sure(self) -> bool {
        !v128_any_true(i32x4_eq(self.0, i32x4_splat(i32::MIN)))
    }
}

/// Magnitudes of numbers, of which the least that is not zero is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Least(v128);

/// Products of numbers whose least magnitudes multiply to this, and sums of such products, are multiples of the least
/// normal single: none is subnormal.
const LEAST_PRODUCT: f64 = 1.0 / (1u128 << 80) as f64;
/// A number that is not below this is such a multiple itself.
const LEAST_SUM: f64 = 1.0 / (1u128 << 103) as f64;

impl Least {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(u32x4_splat(u32::MAX))
    }

    /// Looks at four more. Zero less one is the largest.
    #[inline]
    pub(crate) fn see(&mut self, v: Floats) {
        let magnitude = v128_and(v, u32x4_splat(0x7fff_ffff));
        self.0 = u32x4_min(self.0, u32x4_sub(magnitude, u32x4_splat(1)));
    }

    /// Looks at all of `values`.
    #[inline]
    pub(crate) fn see_all(&mut self, values: &[f32]) {
        let (fours, rest) = values.as_chunks();
        fours.iter().for_each(|four| self.see(load_floats(four)));
        rest.iter().for_each(|x| self.see(splat(*x)));
    }

    /// The least; infinite if all were zero.
    #[inline]
    pub(crate) fn get(self) -> f64 {
        let least = must_cast::<v128, [u32; 4]>(self.0).into_iter().fold(u32::MAX, u32::min);
        if least >= f32::INFINITY.to_bits() { f64::INFINITY } else { f64::from(f32::from_bits(least + 1)) }
    }

    /// May sums of products of such numbers with such others, added to `sums`, be watched?
    #[inline]
    pub(crate) fn may_watch(self, others: Self, sums: Self) -> bool {
        self.get() * others.get() >= LEAST_PRODUCT && sums.get() >= LEAST_SUM
    }
}

/// Adds products of 16 bytes to `acc`: which lane gets which is not said.
#[target_feature(enable = "simd128")]
#[inline]
pub(crate) fn dot(acc: Words, w: Bytes, x: Bytes) -> Words {
    let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(w), i16x8_extend_low_i8x16(x));
    let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(w), i16x8_extend_high_i8x16(x));
    i32x4_add(i32x4_add(acc, low), high)
}

/// Adds to each of 8 rows its products with 16 columns: `w` `[column / 4][row / 4]` vectors of 4 rows × 4 columns.
#[target_feature(enable = "simd128")]
#[inline]
pub(crate) fn dot_rows(sums: [Words; 2], w: &[Bytes; 8], x: Bytes) -> [Words; 2] {
    let halves = [i16x8_extend_low_i8x16(x), i16x8_extend_high_i8x16(x)];
    let x = [
        i64x2_shuffle::<0, 0>(halves[0], halves[0]),
        i64x2_shuffle::<1, 1>(halves[0], halves[0]),
        i64x2_shuffle::<0, 0>(halves[1], halves[1]),
        i64x2_shuffle::<1, 1>(halves[1], halves[1]),
    ];
    let mut out = sums;
    for (v, out) in out.iter_mut().enumerate() {
        // Two lanes a row: the first two columns of each quad, and the last two.
        let (mut low, mut high) = (zero_words(), zero_words());
        for q in 0..4 {
            let w = w[2 * q + v];
            low = i32x4_add(low, i32x4_dot_i16x8(i16x8_extend_low_i8x16(w), x[q]));
            high = i32x4_add(high, i32x4_dot_i16x8(i16x8_extend_high_i8x16(w), x[q]));
        }
        *out = i32x4_add(*out, add_pairs(low, high));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::fused::tests::{assert_fused, triples};
    use testkit::Rng;

    #[test]
    fn four_lanes_round_once() {
        for triples in triples(&mut Rng::new(130), 1_000_000).as_chunks::<4>().0 {
            let [a, b, c] = std::array::from_fn(|i| load_floats(&triples.map(|triple| triple[i])));
            let got: [f32; 4] = must_cast(fma(a, b, c));
            got.into_iter().zip(*triples).for_each(|(got, triple)| assert_fused(got, triple));
        }
    }
}
