//! 512 bits with VNNI and VBMI: base-3 digits come out of tables of 256 entries held in registers.

use super::{Packing, avx512::wide};
use crate::{
    matmul::ternary::{Codes, Tri1},
    simd::avx512::load_u8 as load,
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

wide!("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi");

/// Digits 0 to 3 of each byte, two bits each.
static FOUR: [[u8; 64]; 4] = digits(0, 4);
/// Digit 4 of each byte.
static FIFTH: [[u8; 64]; 4] = digits(4, 5);

const fn digits(first: usize, end: usize) -> [[u8; 64]; 4] {
    let mut table = [[0; 64]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut fraction = byte;
        let mut i = 0;
        while i < end {
            if i >= first {
                table[byte / 64][byte % 64] |= (((fraction * 3) >> 8) as u8) << (2 * (i - first));
            }
            fraction = fraction * 3 % 256;
            i += 1;
        }
        byte += 1;
    }
    table
}

/// The entry of each byte of `index`, whose upper halves of 128 are `high`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi")]
#[inline]
fn look_up(table: &[[u8; 64]; 4], index: __m512i, high: __mmask64) -> __m512i {
    let below = _mm512_permutex2var_epi8(load(&table[0]), index, load(&table[1]));
    let above = _mm512_permutex2var_epi8(load(&table[2]), index, load(&table[3]));
    _mm512_mask_blend_epi8(high, below, above)
}

/// The codes 0, 1, 2 of each plane of 64 bytes.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi")]
#[inline]
fn planes<P: Packing>(line: __m512i) -> [__m512i; 5] {
    let three = _mm512_set1_epi8(3);
    let (four, fifth) = match P::CODES {
        Codes::TwoBits => (line, _mm512_setzero_si512()),
        Codes::Base3 => {
            let high = _mm512_movepi8_mask(line);
            (look_up(&FOUR, line, high), look_up(&FIFTH, line, high))
        }
    };
    [
        _mm512_and_si512(four, three),
        _mm512_and_si512(_mm512_srli_epi16::<2>(four), three),
        _mm512_and_si512(_mm512_srli_epi16::<4>(four), three),
        _mm512_and_si512(_mm512_srli_epi16::<6>(four), three),
        fifth,
    ]
}
