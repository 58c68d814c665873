//! 256 bits: half a line a vector, bits counted by a table of nibbles.

use super::{
    ADD_MANY, Counter, LINE_BITS, Line, PLANES, SumLine, Turn, scalar,
    table::Tile,
    wide::{harley_seal, operations},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

type Wide = __m256i;
const PER_LINE: usize = 2;

operations!("avx2,fma,f16c");
harley_seal!("avx2,fma,f16c");

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn zero() -> Wide {
    _mm256_setzero_si256()
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn xor(a: Wide, b: Wide) -> Wide {
    _mm256_xor_si256(a, b)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn and(a: Wide, b: Wide) -> Wide {
    _mm256_and_si256(a, b)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn or(a: Wide, b: Wide) -> Wide {
    _mm256_or_si256(a, b)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn xor3(a: Wide, b: Wide, c: Wide) -> Wide {
    xor(xor(a, b), c)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn majority(a: Wide, b: Wide, c: Wide) -> Wide {
    or(and(a, b), and(c, xor(a, b)))
}

/// Set bits of each 64-bit lane.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn popcount(v: Wide) -> Wide {
    let table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
    );
    let mask = _mm256_set1_epi8(15);
    let low = _mm256_shuffle_epi8(table, and(v, mask));
    let high = _mm256_shuffle_epi8(table, and(_mm256_srli_epi16::<4>(v), mask));
    _mm256_sad_epu8(_mm256_add_epi8(low, high), zero())
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add(a: Wide, b: Wide) -> Wide {
    _mm256_add_epi64(a, b)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sum(v: Wide) -> i32 {
    let half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    _mm_cvtsi128_si32(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half)))
}

/// Adds `times` the counts of the 32 positions of a piece to `bytes`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn count(mut bytes: Wide, Counter(planes): &Counter, piece: usize, times: i8) -> Wide {
    // Byte i gets byte i / 8 of the piece, of which it looks at bit i % 8.
    let spread = _mm256_setr_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3,
    );
    let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    for (k, plane) in planes.iter().enumerate() {
        let bits = (plane.0[piece / 2] >> (piece % 2 * 32)) as i32;
        let spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread);
        let is_set = _mm256_cmpeq_epi8(and(spread, bit), bit);
        bytes = _mm256_add_epi8(bytes, and(is_set, _mm256_set1_epi8(times << k)));
    }
    bytes
}

/// Adds 32 bytes to sums.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_bytes(sums: &mut [i32; 32], bytes: Wide) {
    let bytes: [i64; 4] = bytemuck::must_cast(bytes);
    for (sums, bytes) in sums.as_chunks_mut::<8>().0.iter_mut().zip(bytes) {
        let more = _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(bytes));
        *sums = bytemuck::must_cast(_mm256_add_epi32(bytemuck::must_cast(*sums), more));
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn spill_bipolar(counters: &[Counter], n: i32, sums: &mut [SumLine]) {
    // What is added is -127 to 127, so it may be computed modulo 256.
    let all = _mm256_set1_epi8(n as i8);
    for (minus, sums) in counters.iter().zip(sums) {
        for (piece, sums) in sums.0.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            add_bytes(sums, count(all, minus, piece, -2));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn spill_ternary(counters: &[Counter], _: i32, sums: &mut [SumLine]) {
    for ([minus, nonzero], sums) in counters.as_chunks::<2>().0.iter().zip(sums) {
        for (piece, sums) in sums.0.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let plus = count(zero(), nonzero, piece, 1);
            add_bytes(sums, count(plus, minus, piece, -2));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn rotate_bipolar(v: &[Line], turn: Turn, out: &mut [Line]) {
    scalar::rotate_words(v, turn, out);
}
