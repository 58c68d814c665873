//! 512 bits with a count of bits: a line a vector. Scans hold two rows and the sums of four queries in registers.

use super::{ADD_MANY, Counter, LINE_BITS, Line, PLANES, table::Tile, wide::operations};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

type Wide = __m512i;
const PER_LINE: usize = 1;

operations!("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg");

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn zero() -> Wide {
    _mm512_setzero_si512()
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn xor(a: Wide, b: Wide) -> Wide {
    _mm512_xor_si512(a, b)
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn and(a: Wide, b: Wide) -> Wide {
    _mm512_and_si512(a, b)
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn or(a: Wide, b: Wide) -> Wide {
    _mm512_or_si512(a, b)
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn xor3(a: Wide, b: Wide, c: Wide) -> Wide {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn majority(a: Wide, b: Wide, c: Wide) -> Wide {
    _mm512_ternarylogic_epi64::<0xE8>(a, b, c)
}

/// Counts in lanes of 64 bits.
type Tally = Wide;

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn tally() -> Tally {
    zero()
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn push(t: Tally, v: &[Wide; 8]) -> Tally {
    // A tree, so that the loop waits for one addition.
    let mut pairs = [zero(); 4];
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = count(_mm512_popcnt_epi64(v[2 * i]), v[2 * i + 1]);
    }
    let fours = [_mm512_add_epi64(pairs[0], pairs[1]), _mm512_add_epi64(pairs[2], pairs[3])];
    _mm512_add_epi64(t, _mm512_add_epi64(fours[0], fours[1]))
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn push_one(t: Tally, v: Wide) -> Tally {
    count(t, v)
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn total(t: Tally) -> i32 {
    _mm512_reduce_add_epi64(t) as i32
}

/// Adds the set bits of `v` to `counts`.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn count(counts: Wide, v: Wide) -> Wide {
    _mm512_add_epi64(counts, _mm512_popcnt_epi64(v))
}

/// Queries of a tile.
const QUERIES: usize = 4;
/// Rows of a tile.
const ROWS: usize = 2;

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
pub(super) fn scan_bipolar(tile: &Tile<'_>, dots: &mut [i32]) {
    scan::<1>(tile, dots);
}

#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
pub(super) fn scan_ternary(tile: &Tile<'_>, dots: &mut [i32]) {
    scan::<2>(tile, dots);
}

/// All tiles, those at the ends smaller.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn scan<const N: usize>(tile: &Tile<'_>, dots: &mut [i32]) {
    let (n_rows, n_queries) = (tile.n_rows(), tile.queries.len());
    for r in (0..n_rows).step_by(ROWS) {
        for q in (0..n_queries).step_by(QUERIES) {
            let queries = &tile.queries[q..n_queries.min(q + QUERIES)];
            let rows = &tile.rows[r * tile.row_lines..n_rows.min(r + ROWS) * tile.row_lines];
            let sums = &mut dots[q * n_rows + r..];
            match (queries, rows.len() / tile.row_lines) {
                (&[a, b, c, d], 2) => products::<N, 4, 2>([a, b, c, d], rows, sums, n_rows),
                (&[a, b, c], 2) => products::<N, 3, 2>([a, b, c], rows, sums, n_rows),
                (&[a, b], 2) => products::<N, 2, 2>([a, b], rows, sums, n_rows),
                (&[a], 2) => products::<N, 1, 2>([a], rows, sums, n_rows),
                _ => {
                    for (query, sums) in queries.iter().zip(sums.chunks_mut(n_rows)) {
                        products::<N, 1, 1>([query], rows, sums, n_rows);
                    }
                }
            }
        }
    }
}

/// Adds the products of `Q` queries with `R` rows to `sums` `[Q, n_rows]`, of which they are the first of each.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn products<const N: usize, const Q: usize, const R: usize>(
    queries: [&[Line]; Q],
    rows: &[Line],
    sums: &mut [i32],
    n_rows: usize,
) {
    let row_lines = rows.len() / R;
    let queries = queries.map(|query| query[..row_lines].as_chunks::<N>().0);
    let mut row = [&[][..]; R];
    row.iter_mut().zip(rows.chunks_exact(row_lines)).for_each(|(to, row)| *to = row.as_chunks::<N>().0);
    // Counts of [both not zero (of trits alone), other signs].
    let mut counts = [[[zero(); 2]; R]; Q];
    for l in 0..row_lines / N {
        for r in 0..R {
            let lines = &row[r][l];
            for q in 0..Q {
                let other = &queries[q][l];
                let mut differ = xor(load(&lines[0])[0], load(&other[0])[0]);
                let [both, minus] = &mut counts[q][r];
                if N == 2 {
                    let nonzero = and(load(&lines[1])[0], load(&other[1])[0]);
                    differ = and(differ, nonzero);
                    *both = count(*both, nonzero);
                }
                *minus = count(*minus, differ);
            }
        }
    }
    for q in 0..Q {
        for r in 0..R {
            let [both, minus] = counts[q][r];
            let all = if N == 2 { 0 } else { (row_lines * LINE_BITS) as i32 };
            let difference = _mm512_sub_epi64(both, _mm512_add_epi64(minus, minus));
            sums[q * n_rows + r] += all + _mm512_reduce_add_epi64(difference) as i32;
        }
    }
}
