//! 128-bit vectors of wasm32, with the names that [`crate::simd::narrow`] users know.

use super::relaxed;
use crate::math::fused::{DROPPED, MIDDLE, to_odd};
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

/// IEEE halves as singles, exact.
#[inline]
pub(crate) fn from_halves(halves: [u16; 8]) -> [f32; 8] {
    // Lane by lane: what is stored as halves and loaded as a vector is waited for.
    let [h0, h1, h2, h3, h4, h5, h6, h7] = halves;
    let h = u16x8(h0, h1, h2, h3, h4, h5, h6, h7);
    let wide = [i32x4_extend_low_i16x8(h), i32x4_extend_high_i16x8(h)];
    let mut singles = wide.map(|h| from_upper_half(i32x4_shl(h, 16)));
    if v128_any_true(are_rare(h)) {
        for (single, h) in singles.iter_mut().zip(wide) {
            *single = from_any_half(h);
        }
    }
    must_cast(singles)
}

/// Two IEEE halves a word, the lower ones and the upper ones as singles, exact.
#[inline]
pub(crate) fn from_half_pairs([w0, w1, w2, w3, w4, w5, w6, w7]: [u32; 8]) -> [[f32; 8]; 2] {
    let words = [u32x4(w0, w1, w2, w3), u32x4(w4, w5, w6, w7)];
    let mut singles = [words.map(|w| from_upper_half(i32x4_shl(w, 16))), words.map(from_upper_half)];
    if v128_any_true(v128_or(are_rare(words[0]), are_rare(words[1]))) {
        singles = [
            words.map(|w| from_any_half(i32x4_shr(i32x4_shl(w, 16), 16))),
            words.map(|w| from_any_half(i32x4_shr(w, 16))),
        ];
    }
    must_cast(singles)
}

/// Ones in the lanes of 16 bits of halves that are zero, subnormal, infinite or no number.
#[inline]
fn are_rare(h: v128) -> v128 {
    let exponents = v128_and(h, i16x8_splat(0x7c00));
    v128_or(i16x8_eq(exponents, i16x8_splat(0)), i16x8_eq(exponents, i16x8_splat(0x7c00)))
}

/// Normal halves in the upper bits of words as singles.
#[inline]
fn from_upper_half(h: v128) -> v128 {
    // Shifted with its sign, a half has all its bits but the sign where a single has them; the exponent's bias moves
    // from 15 to 127.
    i32x4_add(v128_and(i32x4_shr(h, 3), u32x4_splat(0x8fff_e000)), i32x4_splat(112 << 23))
}

/// Any halves, extended with their signs, as singles.
#[inline]
fn from_any_half(h: v128) -> v128 {
    let fraction = v128_and(h, i32x4_splat(0x3ff));
    let subnormal = f32x4_mul(f32x4_convert_i32x4(fraction), f32x4_splat(1.0 / (1 << 24) as f32));
    let exponent = v128_and(h, i32x4_splat(0x7c00));
    let endless = v128_or(i32x4_shl(fraction, 13), i32x4_splat(0x7f80_0000));
    let finite = v128_bitselect(subnormal, from_upper_half(i32x4_shl(h, 16)), i32x4_eq(exponent, i32x4_splat(0)));
    let any = v128_bitselect(endless, finite, i32x4_eq(exponent, i32x4_splat(0x7c00)));
    v128_bitselect(h, any, i32x4_splat(i32::MIN))
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
    // For a shift of bytes engines make the mask anew each time.
    v128_and(u16x8_shr(v, n as u32), u8x16_splat(0xff >> n))
}

/// Every byte shifted left by `n` bits.
#[inline]
pub(crate) fn shift_left(v: Bytes, n: usize) -> Bytes {
    i8x16_shl(v, n as u32)
}

/// Every 16 bits shifted right by `n` bits, zeros from above.
#[inline]
pub(crate) fn shift_right_words(v: Bytes, n: usize) -> Words {
    u16x8_shr(v, n as u32)
}

/// Bitwise and of every 16 bits with `mask`.
#[inline]
pub(crate) fn and_words(v: Words, mask: u16) -> Words {
    v128_and(v, u16x8_splat(mask))
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

/// The singles nearest to two doubles, one of the nearest in the middle between two (Veltkamp's splitting): for
/// doubles whose magnitudes are normal as singles and far from overflow. A compiler makes calls for single lanes of the
/// conversion there and back.
#[inline]
fn round(sum: v128) -> Pair {
    let shifted = f64x2_mul(sum, f64x2_splat(((1u64 << 29) + 1) as f64));
    f64x2_add(shifted, f64x2_sub(sum, shifted))
}

/// `product + c`, whose rounded sum is `sum`, less that sum (Knuth's two-sum).
#[inline]
fn error_of(product: v128, c: Pair, sum: v128) -> v128 {
    let added = f64x2_sub(sum, product);
    f64x2_add(f64x2_sub(product, f64x2_sub(sum, added)), f64x2_sub(c, added))
}

/// The singles nearest to doubles, in the middle between two the even one, or the upper one where `is_upper` is 1
/// rather than 0.
#[inline]
fn round_middle(sum: v128, is_upper: v128) -> Pair {
    // Half of the last bit that stays, less one, is added, and one more if the middle is to go up; elsewhere one more
    // changes nothing.
    let above = i64x2_add(i64x2_add(sum, is_upper), i64x2_splat(MIDDLE as i64 - 1));
    v128_and(above, i64x2_splat(!DROPPED as i64))
}

/// The singles nearest to doubles, in the middle between two the even one.
#[inline]
fn round_even(sum: v128) -> Pair {
    round_middle(sum, is_odd(sum))
}

/// The last bit that a single has of a double.
#[inline]
fn is_odd(sum: v128) -> v128 {
    v128_and(u64x2_shr(sum, 29), i64x2_splat(1))
}

/// The singles nearest to exact sums, whose rounded sums are `sum`, in the middle between two or not.
#[inline]
fn round_any(product: v128, c: Pair, sum: v128) -> Pair {
    let error = error_of(product, c, sum);
    let is_beyond = i64x2_sub(i64x2_splat(1), u64x2_shr(v128_xor(error, sum), 63));
    round_middle(sum, v128_bitselect(is_odd(sum), is_beyond, f64x2_eq(error, f64x2_splat(0.0))))
}

/// The 29 bits that a normal single drops of a sum as the upper bits of a word, which is least of all in the middle
/// between two singles.
#[inline]
fn dropped(sum: v128) -> v128 {
    i64x2_shl(sum, 64 - 29)
}

/// Eight singles, two to a vector.
pub(crate) type Eight = [Pair; 4];

/// Eight singles of their vectors.
#[inline]
pub(crate) fn widen([a, b]: [Floats; 2]) -> Eight {
    [widen_low(a), widen_high(a), widen_low(b), widen_high(b)]
}

/// Eight singles as vectors.
#[inline]
pub(crate) fn unwiden([a, b, c, d]: Eight) -> [Floats; 2] {
    [narrow([a, b]), narrow([c, d])]
}

/// `a · b + c`, rounded once, for numbers of which [`Extent::are_normal`] is true. A sum of minus zero is zero.
#[inline]
pub(crate) fn step(a: Eight, b: Eight, c: Eight) -> Eight {
    let products: Eight = std::array::from_fn(|i| f64x2_mul(a[i], b[i]));
    let sums: Eight = std::array::from_fn(|i| f64x2_add(products[i], c[i]));
    if v128_any_true(i32x4_eq(least_dropped(sums), i32x4_splat(i32::MIN))) {
        // No call: it would have all of the caller's numbers lie in memory.
        return std::array::from_fn(|i| round_any(products[i], c[i], sums[i]));
    }
    sums.map(round)
}

/// `c · d + (a · b + sums)`, each rounded once, as two of [`step`]: where the second takes away much of what the first
/// gives, sums of few bits, of which many are in the middle between two singles.
#[inline]
pub(crate) fn two_steps([a, b]: [Eight; 2], [c, d]: [Eight; 2], sums: Eight) -> Eight {
    let products = [(a, b), (c, d)].map(|(a, b)| std::array::from_fn::<_, 4, _>(|i| f64x2_mul(a[i], b[i])));
    let first: Eight = std::array::from_fn(|i| f64x2_add(products[0][i], sums[i]));
    let rounded = first.map(round);
    let second: Eight = std::array::from_fn(|i| f64x2_add(products[1][i], rounded[i]));
    // Where the second sum is exact, its middles are.
    let [e0, e1, e2, e3]: Eight = std::array::from_fn(|i| error_of(products[1][i], rounded[i], second[i]));
    let errors = v128_or(v128_or(e0, e1), v128_or(e2, e3));
    let is_middle = i32x4_eq(least_dropped(first), i32x4_splat(i32::MIN));
    if v128_any_true(v128_or(i64x2_shl(errors, 1), is_middle)) {
        return std::array::from_fn(|i| {
            let rounded = round_any(products[0][i], sums[i], first[i]);
            round_any(products[1][i], rounded, f64x2_add(products[1][i], rounded))
        });
    }
    second.map(round_even)
}

/// The least of what [`dropped`] says.
#[inline]
fn least_dropped(sums: Eight) -> v128 {
    let [d0, d1, d2, d3] = sums.map(dropped);
    i32x4_min(i32x4_min(d0, d1), i32x4_min(d2, d3))
}

/// Multiply-adds of many steps, of which it is asked at the end whether all of them rounded once: where one may not
/// have, the caller computes all again. Each sum is zero or a normal number that is far from overflow, or no number.
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
        self.0 = i32x4_min(self.0, dropped(sum));
        round(sum)
    }

    /// Did every step round once?
    #[inline]
    pub(crate) fn is_sure(self) -> bool {
        !v128_any_true(i32x4_eq(self.0, i32x4_splat(i32::MIN)))
    }
}

/// How the multiply-adds of eight singles come about.
pub(crate) trait Steps {
    /// Eight singles as they are added to.
    type Eight: Copy;
    /// Is [`fma`](Self::fma) right whatever the numbers?
    const ARE_EXACT: bool;
    fn widen(v: [Floats; 2]) -> Self::Eight;
    fn splat(x: f32) -> Self::Eight;
    /// `a · b + c`, rounded once.
    fn fma(a: Self::Eight, b: Self::Eight, c: Self::Eight) -> Self::Eight;
    fn floats(v: Self::Eight) -> [Floats; 2];
}

/// [`step`], right for numbers of which [`Extent::are_normal`] is true.
pub(crate) struct Normal;

impl Steps for Normal {
    type Eight = Eight;
    const ARE_EXACT: bool = false;
    #[inline]
    fn widen(v: [Floats; 2]) -> Eight {
        widen(v)
    }
    #[inline]
    fn splat(x: f32) -> Eight {
        [pair(x); 4]
    }
    #[inline]
    fn fma(a: Eight, b: Eight, c: Eight) -> Eight {
        step(a, b, c)
    }
    #[inline]
    fn floats(v: Eight) -> [Floats; 2] {
        unwiden(v)
    }
}

/// Eight singles as they are, right whatever the numbers: by [`fma`], or by that of [`relaxed`] (`RELAXED`).
pub(crate) struct Singles<const RELAXED: bool>;

/// [`fma`] of every four.
pub(crate) type Any = Singles<false>;

impl<const RELAXED: bool> Steps for Singles<RELAXED> {
    type Eight = [Floats; 2];
    const ARE_EXACT: bool = true;
    #[inline]
    fn widen(v: [Floats; 2]) -> [Floats; 2] {
        v
    }
    #[inline]
    fn splat(x: f32) -> [Floats; 2] {
        [splat(x); 2]
    }
    #[inline]
    fn fma(a: [Floats; 2], b: [Floats; 2], c: [Floats; 2]) -> [Floats; 2] {
        let of_four = |i: usize| if RELAXED { relaxed::fma(a[i], b[i], c[i]) } else { fma(a[i], b[i], c[i]) };
        [of_four(0), of_four(1)]
    }
    #[inline]
    fn floats(v: [Floats; 2]) -> [Floats; 2] {
        v
    }
}

/// The least magnitude of numbers that is not zero, and the largest.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// As bits, less one: zero is the largest.
    least: v128,
    /// As bits: the larger number has the larger ones.
    most: v128,
}

/// Products of numbers whose least magnitudes multiply to this are multiples of the least normal single, and so are
/// their sums: none is subnormal.
const LEAST_PRODUCT: f64 = 1.0 / (1u128 << 80) as f64;
/// A number that is not below this is such a multiple itself.
const LEAST_SUM: f64 = 1.0 / (1u128 << 103) as f64;
/// Integers of a product, and the number of products, are below this together.
const FACTOR: f64 = (1u64 << 40) as f64;
/// No sum may reach this; a single is infinite from 2^128 on.
const MOST: f64 = (1u128 << 120) as f64;

impl Extent {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { least: u32x4_splat(u32::MAX), most: u32x4_splat(0) }
    }

    /// That of numbers that are zero or have a magnitude of `least` to `most`.
    #[inline]
    pub(crate) fn between(least: f32, most: f32) -> Self {
        Self { least: u32x4_splat(least.to_bits() - 1), most: u32x4_splat(most.to_bits()) }
    }

    /// Looks at four more.
    #[inline]
    pub(crate) fn see(&mut self, v: Floats) {
        let magnitude = v128_and(v, u32x4_splat(0x7fff_ffff));
        self.least = u32x4_min(self.least, u32x4_sub(magnitude, u32x4_splat(1)));
        self.most = u32x4_max(self.most, magnitude);
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
    fn least(self) -> f64 {
        let least = must_cast::<v128, [u32; 4]>(self.least).into_iter().fold(u32::MAX, u32::min);
        if least >= f32::INFINITY.to_bits() { f64::INFINITY } else { f64::from(f32::from_bits(least + 1)) }
    }

    /// The most; no number if one was none.
    #[inline]
    fn most(self) -> f64 {
        f64::from(f32::from_bits(must_cast::<v128, [u32; 4]>(self.most).into_iter().fold(0, u32::max)))
    }

    /// Is every sum of `sums` and products of such numbers with such others, with integers before them, zero or a
    /// normal number that is far from overflow?
    #[inline]
    pub(crate) fn are_normal(self, others: Self, sums: Self) -> bool {
        self.least() * others.least() >= LEAST_PRODUCT
            && sums.least() >= LEAST_SUM
            && self.most() * others.most() * FACTOR + sums.most() < MOST
    }
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

    /// By themselves, where sums are in the middle too, and watched.
    #[test]
    fn steps_round_once() {
        let extent = |x: f32| {
            let mut extent = Extent::new();
            extent.see(splat(x));
            extent
        };
        let mut triples = triples(&mut Rng::new(131), 1_000_000);
        triples.retain(|&[a, b, c]| extent(a).are_normal(extent(b), extent(c)));
        let (mut n_middle, n) = (0, triples.len());
        for triples in triples.as_chunks::<8>().0 {
            let lanes = |i: usize| {
                let lane = triples.map(|triple| triple[i]);
                must_cast::<[f32; 8], [Floats; 2]>(lane)
            };
            let [a, b, c] = std::array::from_fn(|i| widen(lanes(i)));
            let got: [f32; 8] = must_cast(unwiden(step(a, b, c)));
            // The second of two steps has what the first gives, and of a product with zero that is left.
            let zero = [pair(0.0); 4];
            let of_two = [two_steps([a, b], [zero, zero], c), two_steps([zero, zero], [a, b], c)];
            of_two
                .into_iter()
                .for_each(|of_two| assert_eq!(must_cast::<_, [f32; 8]>(unwiden(of_two)), got, "{triples:?}"));
            let mut watch = Watch::new();
            let watched: Eight = std::array::from_fn(|i| watch.fma(a[i], b[i], c[i]));
            let watched: [f32; 8] = must_cast(unwiden(watched));
            n_middle += usize::from(!watch.is_sure());
            for ((got, watched), triple) in got.into_iter().zip(watched).zip(*triples) {
                if got == 0.0 {
                    assert_eq!(triple[0].mul_add(triple[1], triple[2]), 0.0, "{triple:?}");
                } else {
                    assert_fused(got, triple);
                }
                assert!(got == watched || !watch.is_sure(), "{triple:?}: {watched} watched");
            }
        }
        assert!(n > 500_000 && n_middle > 1000, "{n_middle} of {n}");
    }
}
