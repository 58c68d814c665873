//! Packing of the plain block formats with AVX-512: the bytes of 16 rows are transposed before they are unpacked, so
//! that half as many move and nothing but the panel is written.

use crate::{
    activation::BLOCK,
    matmul::integer::{PANEL_ROWS, PanelBlock, slot},
    simd::{
        avx2::load_half_u8,
        avx512::{load_half_u16, store_f32, store_u8},
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Rows of a vector of words.
const LANES: usize = 16;

/// Bytes of a `Q4_1` block: f16 scale, f16 minimum, 16 bytes of two codes.
const Q4_1_BYTES: usize = 20;

/// Bytes of a `Q4_0` block: f16 scale, 16 bytes of two codes.
const Q4_0_BYTES: usize = 18;

/// Bytes of a `Q8_0` block: f16 scale, 32 codes.
const Q8_0_BYTES: usize = 34;

/// Fills `panel` with `rows` of `Q4_1` blocks.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn q4_1(panel: &mut [PanelBlock], rows: &[&[u8]; PANEL_ROWS]) {
    for (v, rows) in rows.as_chunks::<LANES>().0.iter().enumerate() {
        for first in (0..panel.len()).step_by(4) {
            match panel.len() - first {
                1 => q4_1_blocks::<1>(panel, rows, first, v),
                2 => q4_1_blocks::<2>(panel, rows, first, v),
                3 => q4_1_blocks::<3>(panel, rows, first, v),
                _ => q4_1_blocks::<4>(panel, rows, first, v),
            }
        }
    }
}

/// `N` blocks from `first` of rows `v`: four are five times 16 bytes a row, so transposing those serves scales, minima
/// and codes alike.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn q4_1_blocks<const N: usize>(panel: &mut [PanelBlock], rows: &[&[u8]; LANES], first: usize, v: usize) {
    const WORDS: usize = Q4_1_BYTES / 4;
    let n_blocks = panel.len();
    let mut parts: [&[u8]; LANES] = [&[]; LANES];
    for (part, row) in parts.iter_mut().zip(rows) {
        *part = &row[first * Q4_1_BYTES..][..N * Q4_1_BYTES];
    }
    for at in 0..(N * WORDS).div_ceil(4) {
        for (j, words) in columns(&parts, 16 * at).into_iter().enumerate().take(N * WORDS - 4 * at) {
            let (i, word) = ((4 * at + j) / WORDS, (4 * at + j) % WORDS);
            let block = &mut panel[slot(first + i, n_blocks)];
            if word == 0 {
                store_f32(&mut block.scales[0].as_chunks_mut().0[v], floats(_mm512_cvtepi32_epi16(words)));
                let mins = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(words));
                store_f32(&mut block.mins[0].as_chunks_mut().0[v], floats(mins));
            } else {
                store_nibbles(block, word - 1, v, words);
            }
        }
    }
}

/// Fills `panel` with `rows` of `Q4_0` blocks.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn q4_0(panel: &mut [PanelBlock], rows: &[&[u8]; PANEL_ROWS]) {
    let n_blocks = panel.len();
    for (v, rows) in rows.as_chunks::<LANES>().0.iter().enumerate() {
        for b in 0..n_blocks {
            let parts = blocks::<Q4_0_BYTES>(rows, b);
            let block = &mut panel[slot(b, n_blocks)];
            store_f32(&mut block.scales[0].as_chunks_mut().0[v], scales(&parts));
            for (q, words) in columns(&parts.map(|part| &part[..]), 2).into_iter().enumerate() {
                store_nibbles(block, q, v, words);
            }
        }
    }
}

/// Fills `panel` with `rows` of `Q8_0` blocks, 128 added to their codes.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn q8_0(panel: &mut [PanelBlock], rows: &[&[u8]; PANEL_ROWS]) {
    let n_blocks = panel.len();
    let offset = _mm512_set1_epi8(-128);
    for (v, rows) in rows.as_chunks::<LANES>().0.iter().enumerate() {
        for b in 0..n_blocks {
            let parts = blocks::<Q8_0_BYTES>(rows, b);
            let block = &mut panel[slot(b, n_blocks)];
            store_f32(&mut block.scales[0].as_chunks_mut().0[v], scales(&parts));
            for (half, codes) in block.codes.as_chunks_mut::<{ BLOCK / 8 }>().0.iter_mut().enumerate() {
                let columns = columns(&parts.map(|part| &part[..]), 2 + 16 * half);
                for (codes, words) in codes.iter_mut().zip(columns) {
                    store_u8(&mut codes.as_chunks_mut().0[v], _mm512_xor_si512(words, offset));
                }
            }
        }
    }
}

/// Block `b` of each row.
#[inline]
fn blocks<'a, const BYTES: usize>(rows: &[&'a [u8]; LANES], b: usize) -> [&'a [u8; BYTES]; LANES] {
    rows.map(|row| match row[b * BYTES..].first_chunk() {
        Some(block) => block,
        None => unreachable!("block {b} lies outside its row of {}", row.len()),
    })
}

/// The 16 bytes from `at`, or what there is of them and zeros.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn piece_from(bytes: &[u8], at: usize) -> __m128i {
    if let Some(piece) = bytes[at..].first_chunk() {
        return load_half_u8(piece);
    }
    let mut words = [0; 4];
    for (word, from) in words.iter_mut().zip(bytes[at..].as_chunks().0) {
        *word = i32::from_le_bytes(*from);
    }
    bytemuck::must_cast(words)
}

/// The 16 bytes from `at` of each row: vector `j` has bytes `4 j..4 j + 4`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn columns(rows: &[&[u8]; LANES], at: usize) -> [__m512i; 4] {
    // Row k + 4 l in 128-bit lane l of vector k.
    let mut fours = [_mm512_setzero_si512(); 4];
    for (k, four) in fours.iter_mut().enumerate() {
        let low = _mm256_castsi128_si256(piece_from(rows[k], at));
        let low = _mm256_inserti128_si256::<1>(low, piece_from(rows[k + 4], at));
        let high = _mm256_castsi128_si256(piece_from(rows[k + 8], at));
        let high = _mm256_inserti128_si256::<1>(high, piece_from(rows[k + 12], at));
        *four = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
    }
    let [a, b, c, d] = fours;
    let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (low_after, high_after) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(low, low_after),
        _mm512_unpackhi_epi64(low, low_after),
        _mm512_unpacklo_epi64(high, high_after),
        _mm512_unpackhi_epi64(high, high_after),
    ]
}

/// Word `q` of the 16 bytes of a block: columns `4 q..` in the low nibbles, `16 + 4 q..` in the high ones.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn store_nibbles(block: &mut PanelBlock, q: usize, v: usize, words: __m512i) {
    let nibble = _mm512_set1_epi8(15);
    let high = _mm512_srli_epi16::<4>(words);
    store_u8(&mut block.codes[q].as_chunks_mut().0[v], _mm512_and_si512(words, nibble));
    store_u8(&mut block.codes[q + BLOCK / 8].as_chunks_mut().0[v], _mm512_and_si512(high, nibble));
}

/// The f16 that each block begins with.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn scales<const BYTES: usize>(blocks: &[&[u8; BYTES]; LANES]) -> __m512 {
    floats(load_half_u16(&blocks.map(|block| u16::from_le_bytes([block[0], block[1]]))))
}

/// 16 f16 values.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn floats(halves: __m256i) -> __m512 {
    _mm512_cvtph_ps(halves)
}
