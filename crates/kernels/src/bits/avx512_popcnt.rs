//! 512 bits with a count of bits: a line a vector. Scans hold eight counters in registers, of a row and eight queries
//! or of more rows and fewer, and add up the lanes of 32 at once.

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

/// The longest rows that are scanned in groups, in lines of a plane: their sums fit 16 bits.
const GROUP_LINES_MAX: usize = 63;

/// Sums of a group of pairs of query and row.
const GROUP_SUMS: usize = 32;

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

/// All queries, eight, four, two or one at a time.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn scan<const N: usize>(tile: &Tile<'_>, dots: &mut [i32]) {
    let mut at = 0;
    while let Some(queries) = tile.queries.get(at..).filter(|queries| !queries.is_empty()) {
        at += match *queries {
            [a, b, c, d, e, f, g, h, ..] => groups::<N, 8, 1>(tile, [a, b, c, d, e, f, g, h], at, dots),
            [a, b, c, d, ..] => groups::<N, 4, 2>(tile, [a, b, c, d], at, dots),
            [a, b, ..] => groups::<N, 2, 4>(tile, [a, b], at, dots),
            [a, ..] => groups::<N, 1, 8>(tile, [a], at, dots),
            [] => 1,
        };
    }
}

/// Adds the products of all rows with the `Q` queries from `at` on, of which there are so many; `R` rows are read at
/// once, `Q * R` being eight.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn groups<const N: usize, const Q: usize, const R: usize>(
    tile: &Tile<'_>,
    queries: [&[Line]; Q],
    at: usize,
    dots: &mut [i32],
) -> usize {
    let n_queries = tile.queries.len();
    let n_lines = tile.row_lines / N;
    let group_rows = GROUP_SUMS / Q;
    let grouped = if n_lines <= GROUP_LINES_MAX { tile.n_rows() / group_rows * group_rows } else { 0 };
    let (groups, rest) = tile.rows.split_at(grouped * tile.row_lines);
    // By line, so that one place in memory is all that a loop has to know.
    let by_line: Vec<[[Line; N]; Q]> = (0..n_lines).map(|l| queries.map(|query| query.as_chunks::<N>().0[l])).collect();
    // Sums count signs that differ; those of trits are the products, and 64 for each line and lane.
    let (all, times) = if N == 2 { (-((n_lines * LINE_BITS) as i32), 1) } else { ((n_lines * LINE_BITS) as i32, -2) };
    for (g, rows) in groups.chunks_exact(group_rows * tile.row_lines).enumerate() {
        let sums = group::<N, Q, R>(&by_line, rows.as_chunks::<N>().0);
        for (r, sums) in sums.as_chunks::<Q>().0.iter().enumerate() {
            let first = (g * group_rows + r) * n_queries + at;
            for (dot, sum) in dots[first..first + Q].iter_mut().zip(sums) {
                *dot += all + times * i32::from(*sum);
            }
        }
    }
    for (r, row) in rest.chunks_exact(tile.row_lines).enumerate() {
        for (q, query) in queries.iter().enumerate() {
            let dot = if N == 2 { dot_ternary(query, row) } else { dot_bipolar(query, row) };
            dots[(grouped + r) * n_queries + at + q] += dot;
        }
    }
    Q
}

/// Sums of 32 pairs, `[row, query]`. They are added up together: eight counters at a time are packed into two, and the
/// lanes of eight such are added as those of one.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn group<const N: usize, const Q: usize, const R: usize>(
    queries: &[[[Line; N]; Q]],
    rows: &[[Line; N]],
) -> [u16; GROUP_SUMS] {
    let n_lines = queries.len();
    let mut packed = [zero(); 8];
    for (packed, rows) in packed.as_chunks_mut::<2>().0.iter_mut().zip(rows.chunks_exact(R * n_lines)) {
        // Trits' products are of either sign: with 64 for each line they are positive in every lane.
        let mut counts = [_mm512_set1_epi64(if N == 2 { 64 * n_lines as i64 } else { 0 }); 8];
        let mut minus = [zero(); 8];
        let mut by_row = [rows; R];
        for (r, row) in by_row.iter_mut().enumerate() {
            *row = &rows[r * n_lines..][..n_lines];
        }
        for (l, queries) in queries.iter().enumerate() {
            for (r, row) in by_row.iter().enumerate() {
                let lines = &row[l];
                lines.iter().for_each(Line::prefetch_ahead);
                let row = lines.map(|line| load(&line)[0]);
                for (q, query) in queries.iter().enumerate() {
                    let pair = r * Q + q;
                    let differ = xor(row[0], load(&query[0])[0]);
                    if N == 2 {
                        let both = and(row[1], load(&query[1])[0]);
                        counts[pair] = count(counts[pair], both);
                        minus[pair] = count(minus[pair], and(differ, both));
                    } else {
                        counts[pair] = count(counts[pair], differ);
                    }
                }
            }
        }
        if N == 2 {
            for (count, minus) in counts.iter_mut().zip(minus) {
                *count = _mm512_sub_epi64(*count, _mm512_add_epi64(minus, minus));
            }
        }
        for (packed, c) in packed.iter_mut().zip(counts.as_chunks::<4>().0) {
            let low = or(c[0], _mm512_slli_epi64::<16>(c[1]));
            *packed = or(low, or(_mm512_slli_epi64::<32>(c[2]), _mm512_slli_epi64::<48>(c[3])));
        }
    }
    let [a, b, c, d, e, f, g, h] = packed;
    let (low, high) = (quarters(halves(a, b), halves(c, d)), quarters(halves(e, f), halves(g, h)));
    bytemuck::must_cast(quarters(low, high))
}

/// Lanes of `a` and of `b` in turn, each the sum of two neighbours.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn halves(a: Wide, b: Wide) -> Wide {
    _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
}

/// Two sums of neighbouring pairs of lanes of `a`, then two of `b`.
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg"
)]
#[inline]
fn quarters(a: Wide, b: Wide) -> Wide {
    _mm512_add_epi64(_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xDD>(a, b))
}
