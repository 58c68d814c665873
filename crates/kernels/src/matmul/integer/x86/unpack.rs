//! The steps of which formats unpack their bytes (`formats.rs`): codes as vectors of bytes, scales as vectors of
//! floats.

use crate::{
    activation::GROUP_BLOCKS,
    matmul::{
        digits::{PTQ1_0, PTQ1_0_UPPER},
        integer::ExpandedGroup,
    },
    simd::avx2::{digits, load_half_u8, load_half_u16, load_u8, look_up},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// The eight f16 values at `first`, `first + step`, … of `bytes`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn halves<const N: usize>(bytes: &[u8; N], first: usize, step: usize) -> __m256 {
    let mut bits = [0u16; 8];
    for (i, bits) in bits.iter_mut().enumerate() {
        *bits = u16::from_le_bytes([bytes[first + i * step], bytes[first + i * step + 1]]);
    }
    _mm256_cvtph_ps(load_half_u16(&bits))
}

/// The f16 at `first + step · (i / of)`, for each block `i` of 32: scales of blocks that are several of 32.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn halves_of<const N: usize>(bytes: &[u8; N], first: usize, step: usize, of: usize) -> __m256 {
    let bits = std::array::from_fn(|i| u16::from_le_bytes(*part(bytes, first + step * (i / of))));
    _mm256_cvtph_ps(load_half_u16(&bits))
}

/// 32 columns of a `PTQ1_0` block.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn ptq1_0_digits(bytes: &[u8; 28], i: usize) -> __m256i {
    let (lower, upper) = (part(bytes, 0), part(bytes, PTQ1_0_UPPER));
    let table = &PTQ1_0[i];
    let bytes = look_up(if i < 3 { lower } else { upper }, if i < 2 { lower } else { upper }, &table.index);
    digits(bytes, &table.powers)
}

/// 16 bytes to 32 codes: low nibbles, then high nibbles.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn nibbles(bytes: &[u8; 16]) -> __m256i {
    let packed = load_half_u8(bytes);
    let both = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(packed), _mm_srli_epi16::<4>(packed));
    _mm256_and_si256(both, _mm256_set1_epi8(15))
}

/// Sets bit 4 of code `i` if bit `i` of `bits` is set.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn fifth_bits(codes: __m256i, bits: [u8; 4]) -> __m256i {
    // Each byte gets the byte of `bits` that holds its bit, then keeps that bit alone.
    let bytes = _mm256_shuffle_epi8(
        _mm256_set1_epi32(i32::from_le_bytes(bits)),
        _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303),
    );
    let own = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, own), own);
    _mm256_or_si256(codes, _mm256_and_si256(is_set, _mm256_set1_epi8(16)))
}

/// The `N` bytes from `at`.
#[inline]
pub(super) fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    match bytes[at..].first_chunk() {
        Some(part) => part,
        None => unreachable!("a format's field lies outside its group: {N} bytes from {at} of {}", bytes.len()),
    }
}

/// 32 codes of 2 bits, plane `plane` of four.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn plane(bytes: &[u8; 32], plane: usize) -> __m256i {
    let shifted = _mm256_srl_epi16(load_u8(bytes), _mm_cvtsi32_si128(2 * plane as i32));
    _mm256_and_si256(shifted, _mm256_set1_epi8(3))
}

/// 32 codes of 4 bits: the low nibbles, or the high ones.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn nibble_plane(bytes: &[u8; 32], high: bool) -> __m256i {
    let packed = load_u8(bytes);
    _mm256_and_si256(if high { _mm256_srli_epi16::<4>(packed) } else { packed }, _mm256_set1_epi8(15))
}

/// The f16 at `at`, in all lanes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn splat(bytes: &[u8], at: usize) -> __m256 {
    _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes(*part(bytes, at))))
}

/// Eight unsigned bytes as floats.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn floats(bytes: [u8; 8]) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes))))
}

/// Eight signed bytes as floats.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn signed_floats(bytes: [u8; 8]) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes))))
}

/// 6-bit scales and minima of `Q4_K` and `Q5_K`, one each per block: the 12 bytes from 4.
#[inline]
pub(super) fn scales_k(bytes: &[u8]) -> ([u8; 8], [u8; 8]) {
    let [a, b, c] = [4, 8, 12].map(|at| u32::from_le_bytes(*part(bytes, at)));
    let join = |low: u32, high: u32| (u64::from(low) | u64::from(high) << 32).to_le_bytes();
    (
        join(a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | (a >> 6 & 0x0303_0303) << 4),
        join(b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | (b >> 6 & 0x0303_0303) << 4),
    )
}

/// The bytes of even and of odd index.
#[inline]
pub(super) fn even_odd(bytes: [u8; 16]) -> [[u8; 8]; 2] {
    let (mut even, mut odd) = ([0; 8], [0; 8]);
    for (i, pair) in bytes.as_chunks::<2>().0.iter().enumerate() {
        (even[i], odd[i]) = (pair[0], pair[1]);
    }
    [even, odd]
}

/// The 16 values of `IQ4_NL` and `IQ4_XS` (ggml's `kvalues_iq4nl`) in place of 4-bit codes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn uneven(codes: __m256i) -> __m256i {
    let values = _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), codes)
}

/// Doubled E2M1 numbers in place of 4-bit codes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn e2m1(codes: __m256i) -> __m256i {
    let values = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), codes)
}

/// Halves of unsigned E4M3 numbers; 0x7f is zero.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn half_ue4m3(bytes: [u8; 8]) -> __m256 {
    let bits = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes)));
    let exponent = _mm256_and_si256(_mm256_srli_epi32::<3>(bits), _mm256_set1_epi32(15));
    let mantissa = _mm256_and_si256(bits, _mm256_set1_epi32(7));
    let normal = _mm256_or_si256(
        _mm256_slli_epi32::<23>(_mm256_add_epi32(exponent, _mm256_set1_epi32(119))),
        _mm256_slli_epi32::<20>(mantissa),
    );
    let small = _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(mantissa), _mm256_set1_ps(1.0 / 1024.0)));
    let value = _mm256_blendv_epi8(normal, small, _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()));
    _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_cmpeq_epi32(bits, _mm256_set1_epi32(0x7f)), value))
}

/// 6-bit scales of `Q3_K` less 32, as bytes: eight bytes of low bits, four of high ones.
#[inline]
pub(super) fn scales_3k(low: [u8; 8], high: [u8; 4]) -> [u8; 16] {
    let (low, high) = (u64::from_le_bytes(low), u64::from(u32::from_le_bytes(high)));
    let low = u128::from(low & 0x0f0f_0f0f_0f0f_0f0f) | u128::from(low >> 4 & 0x0f0f_0f0f_0f0f_0f0f) << 64;
    let high = |j: u32| u128::from(high >> (2 * j) & 0x0303_0303) << (32 * j + 4);
    let bits = low | high(0) | high(1) | high(2) | high(3);
    bits.to_le_bytes().map(|bits| bits.wrapping_sub(32))
}

/// Minima of a format that has none.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn none() -> [__m256; 2] {
    [_mm256_setzero_ps(); 2]
}

/// Scales or minima of a format of units of 32.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn one(scales: __m256) -> [__m256; 2] {
    [scales, _mm256_setzero_ps()]
}

/// The field at `at` of an [`ExpandedGroup`].
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn expanded_f32(bytes: &[u8; EXPANDED_BYTES], at: usize) -> [__m256; 2] {
    [_mm256_castsi256_ps(load_u8(part(bytes, at))), _mm256_castsi256_ps(load_u8(part(bytes, at + 4 * GROUP_BLOCKS)))]
}

pub(super) const EXPANDED_BYTES: usize = size_of::<ExpandedGroup>();
