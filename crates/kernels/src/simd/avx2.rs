//! 256-bit loads, stores and sums.

use bytemuck::must_cast;
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

macro_rules! load {
    ($name:ident, $array:ty, $vector:ty) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        #[inline]
        pub(crate) fn $name(from: &$array) -> $vector {
            must_cast(*from)
        }
    };
}

load!(load_u8, [u8; 32], __m256i);
load!(load_i8, [i8; 32], __m256i);
load!(load_i32, [i32; 8], __m256i);
load!(load_f32, [f32; 8], __m256);
load!(load_half_u8, [u8; 16], __m128i);
load!(load_half_u16, [u16; 8], __m128i);

/// Stores 32 bytes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn store_u8(to: &mut [u8; 32], v: __m256i) {
    *to = must_cast(v);
}

/// Stores 8 integers.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn store_i32(to: &mut [i32; 8], v: __m256i) {
    *to = must_cast(v);
}

/// Stores 8 floats.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn store_f32(to: &mut [f32; 8], v: __m256) {
    *to = must_cast(v);
}

/// Sums of eight vectors: of their low halves, and of their high halves, both in order.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn half_sums(v: [__m256i; 8]) -> [__m256i; 2] {
    let pairs = [
        _mm256_hadd_epi32(v[0], v[1]),
        _mm256_hadd_epi32(v[2], v[3]),
        _mm256_hadd_epi32(v[4], v[5]),
        _mm256_hadd_epi32(v[6], v[7]),
    ];
    let first = _mm256_hadd_epi32(pairs[0], pairs[1]);
    let second = _mm256_hadd_epi32(pairs[2], pairs[3]);
    [_mm256_permute2x128_si256::<0x20>(first, second), _mm256_permute2x128_si256::<0x31>(first, second)]
}

/// Sum of the lanes as [`crate::math::fold`] orders it.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn fold(v: __m256) -> f32 {
    let quarter = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair))) + 0.0
}

/// Rows to columns: word `w` of 8 vectors, as vector `w`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let mut pairs = rows;
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    // fours[4 i + j]: word 4 k + j of rows 4 i .. 4 i + 4 in 128-bit lane k.
    let mut fours = pairs;
    for i in 0..2 {
        for j in 0..2 {
            fours[4 * i + 2 * j] = _mm256_unpacklo_epi64(pairs[4 * i + j], pairs[4 * i + 2 + j]);
            fours[4 * i + 2 * j + 1] = _mm256_unpackhi_epi64(pairs[4 * i + j], pairs[4 * i + 2 + j]);
        }
    }
    let mut out = fours;
    for j in 0..4 {
        out[j] = _mm256_permute2x128_si256::<0x20>(fours[j], fours[4 + j]);
        out[4 + j] = _mm256_permute2x128_si256::<0x31>(fours[j], fours[4 + j]);
    }
    out
}

/// 8 bytes to 32 codes of 2 bits, four a byte, the lowest first.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn pairs_in_order(bytes: [u8; 8]) -> __m256i {
    let words = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes)));
    let words = _mm256_or_si256(words, _mm256_slli_epi32::<6>(words));
    let words = _mm256_or_si256(words, _mm256_slli_epi32::<12>(words));
    _mm256_and_si256(words, _mm256_set1_epi8(3))
}

/// Base-3 digits 0, 1, 2 of bytes that are fractions of 256: digit `j` of byte `i` if `powers[i]` is `3^j`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn digits(bytes: __m256i, powers: &[u8; 32]) -> __m256i {
    let (powers, low) = (load_u8(powers), _mm256_set1_epi16(255));
    let even = _mm256_mullo_epi16(_mm256_and_si256(bytes, low), _mm256_and_si256(powers, low));
    let odd = _mm256_mullo_epi16(_mm256_srli_epi16::<8>(bytes), _mm256_srli_epi16::<8>(powers));
    let fraction = _mm256_or_si256(_mm256_and_si256(even, low), _mm256_slli_epi16::<8>(odd));
    // The carry of 3 · fraction: 1 from 86, 2 from 171.
    let one = _mm256_min_epu8(_mm256_subs_epu8(fraction, _mm256_set1_epi8(85)), _mm256_set1_epi8(1));
    let past_one = _mm256_subs_epu8(fraction, _mm256_set1_epi8(170_u8.cast_signed()));
    _mm256_add_epi8(one, _mm256_min_epu8(past_one, _mm256_set1_epi8(1)))
}

/// Bytes of `low` in the lower 16, of `high` in the upper ones, by `index` below 16.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(crate) fn look_up(low: &[u8; 16], high: &[u8; 16], index: &[u8; 32]) -> __m256i {
    let both = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(load_half_u8(low)), load_half_u8(high));
    _mm256_shuffle_epi8(both, load_u8(index))
}
