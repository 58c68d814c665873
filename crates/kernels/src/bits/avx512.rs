//! 512 bits without their own count of bits: a line a vector, bits counted by a table of nibbles.

use super::{
    ADD_MANY, Counter, LINE_BITS, LINE_WORDS, Line, PLANES, SumLine, Turn, scalar,
    table::Tile,
    wide::{harley_seal, operations},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

type Wide = __m512i;
const PER_LINE: usize = 1;

operations!("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni");
harley_seal!("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni");

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn zero() -> Wide {
    _mm512_setzero_si512()
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn xor(a: Wide, b: Wide) -> Wide {
    _mm512_xor_si512(a, b)
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn and(a: Wide, b: Wide) -> Wide {
    _mm512_and_si512(a, b)
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn or(a: Wide, b: Wide) -> Wide {
    _mm512_or_si512(a, b)
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn xor3(a: Wide, b: Wide, c: Wide) -> Wide {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn majority(a: Wide, b: Wide, c: Wide) -> Wide {
    _mm512_ternarylogic_epi64::<0xE8>(a, b, c)
}

/// Set bits of each 64-bit lane.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn popcount(v: Wide) -> Wide {
    let table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    let mask = _mm512_set1_epi8(15);
    let low = _mm512_shuffle_epi8(table, and(v, mask));
    let high = _mm512_shuffle_epi8(table, and(_mm512_srli_epi16::<4>(v), mask));
    _mm512_sad_epu8(_mm512_add_epi8(low, high), zero())
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn add(a: Wide, b: Wide) -> Wide {
    _mm512_add_epi64(a, b)
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn sum(v: Wide) -> i32 {
    _mm512_reduce_add_epi64(v) as i32
}

/// Adds `times` the counts of the 64 positions of word `word` to `bytes`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn count(mut bytes: Wide, Counter(planes): &Counter, word: usize, times: i8) -> Wide {
    for (k, plane) in planes.iter().enumerate() {
        bytes = _mm512_mask_add_epi8(bytes, plane.0[word], bytes, _mm512_set1_epi8(times << k));
    }
    bytes
}

/// Adds 64 bytes to sums.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn add_bytes(sums: &mut [i32; 64], bytes: Wide) {
    let bytes: [__m128i; 4] = bytemuck::must_cast(bytes);
    for (sums, bytes) in sums.as_chunks_mut::<16>().0.iter_mut().zip(bytes) {
        *sums = bytemuck::must_cast(_mm512_add_epi32(bytemuck::must_cast(*sums), _mm512_cvtepi8_epi32(bytes)));
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn spill_bipolar(counters: &[Counter], n: i32, sums: &mut [SumLine]) {
    // What is added is -127 to 127, so it may be computed modulo 256.
    let all = _mm512_set1_epi8(n as i8);
    for (minus, sums) in counters.iter().zip(sums) {
        for (word, sums) in sums.0.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            add_bytes(sums, count(all, minus, word, -2));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn spill_ternary(counters: &[Counter], _: i32, sums: &mut [SumLine]) {
    for ([minus, nonzero], sums) in counters.as_chunks::<2>().0.iter().zip(sums) {
        for (word, sums) in sums.0.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            let plus = count(zero(), nonzero, word, 1);
            add_bytes(sums, count(plus, minus, word, -2));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn rotate_bipolar(v: &[Line], turn: Turn, out: &mut [Line]) {
    if turn.n_words.is_multiple_of(LINE_WORDS) {
        rotate_lines::<1>(v, turn, out);
    } else {
        scalar::rotate_words(v, turn, out);
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn rotate_ternary(v: &[Line], turn: Turn, out: &mut [Line]) {
    if turn.n_words.is_multiple_of(LINE_WORDS) {
        rotate_lines::<2>(v, turn, out);
    } else {
        scalar::rotate_ternary(v, turn, out);
    }
}

/// Turns planes of whole lines: each line is made of the ends of two.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn rotate_lines<const N: usize>(v: &[Line], turn: Turn, out: &mut [Line]) {
    let n_lines = turn.n_words / LINE_WORDS;
    let (v, out) = (&v.as_chunks::<N>().0[..n_lines], &mut out.as_chunks_mut::<N>().0[..n_lines]);
    // Word w comes from word `from + w` of the two lines `first` and the one behind it.
    let start = (turn.n_words - turn.words) % turn.n_words.max(1);
    let (mut first, from) = (start / LINE_WORDS, start % LINE_WORDS);
    let from = _mm512_add_epi64(_mm512_set1_epi64(from as i64), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    let bits = _mm512_set1_epi64(turn.bits.into());
    for (l, out) in out.iter_mut().enumerate() {
        let second = if first + 1 == n_lines { 0 } else { first + 1 };
        // What came round the end turns by a bit more.
        let n_round = turn.words.saturating_sub(l * LINE_WORDS).min(LINE_WORDS);
        let round = ((1_u32 << n_round) - 1) as u8;
        let bits = _mm512_mask_add_epi64(bits, round, bits, _mm512_set1_epi64(1));
        for ((out, a), b) in out.iter_mut().zip(&v[first]).zip(&v[second]) {
            let [a, b] = [load(a)[0], load(b)[0]];
            store(out, [_mm512_rolv_epi64(_mm512_permutex2var_epi64(a, from, b), bits)]);
        }
        first = second;
    }
}
