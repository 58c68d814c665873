//! TL2: a nibble and a sign for each three columns, a nibble for each pair of those that are left over.
//!
//! Three sections, one behind the other: the nibbles of triples, their signs, the nibbles of pairs; zeros follow. In
//! each, from the outermost: tiles of `BM` rows, tiles of columns in them, strips of 32 rows, columns; then a byte for
//! each of 32 rows (a bit for each of 32 rows and 8 triples in the signs).

use super::{BadIndex, LookupMatrix, LookupTiling, nibble, pair};

/// Rows of a strip: no other kernel exists.
const STRIP: usize = 32;

/// Columns of a tile in the section of pairs.
const PAIR_COLS: usize = 32;

/// Most columns that may be left over: the converter makes room for so many.
const LEFT_OVER_MAX: usize = 256;

/// Bytes of all sections and the zeros behind them, divisions as the converter rounds them; `None` if there can be no
/// such tensor.
pub(super) fn data_bytes(rows: usize, cols: usize) -> Option<usize> {
    let triples = cols.checked_sub(LEFT_OVER_MAX)?.checked_mul(rows)? / 3;
    (triples.checked_mul(5)? / 8).checked_add(rows.checked_mul(LEFT_OVER_MAX / 4)?)
}

/// What of `tiling` does not fit, beyond what both layouts demand.
pub(super) fn broken_rule(rows: usize, cols: usize, tiling: LookupTiling) -> Option<&'static str> {
    let LookupTiling { tile_cols, strip_rows, .. } = tiling;
    if strip_rows != STRIP {
        return Some("bmm must be 32");
    }
    if !tile_cols.is_multiple_of(24) {
        return Some("bk must be a multiple of 24");
    }
    let left = cols % tile_cols;
    if left > LEFT_OVER_MAX || !left.is_multiple_of(PAIR_COLS) {
        return Some("the columns left over must be a multiple of 32 up to 256");
    }
    let fits = Sections::of(rows, cols, tiling).zip(data_bytes(rows, cols)).is_some_and(|(s, n)| s.end <= n);
    (!fits).then_some("there must be room for all sections")
}

/// Where sections begin, bytes.
struct Sections {
    /// Columns in triples.
    triple_cols: usize,
    signs: usize,
    pairs: usize,
    end: usize,
}

impl Sections {
    fn of(rows: usize, cols: usize, tiling: LookupTiling) -> Option<Self> {
        let left = cols % tiling.tile_cols;
        let triple_cols = cols - left;
        let in_triples = rows.checked_mul(triple_cols)?;
        let signs = in_triples / 6;
        let pairs = signs + in_triples / 24;
        Some(Self { triple_cols, signs, pairs, end: pairs.checked_add(rows.checked_mul(left)? / 4)? })
    }
}

/// Codes of row `row`.
pub(super) fn row(matrix: &LookupMatrix<'_>, row: usize, codes: &mut [i8]) -> Result<(), BadIndex> {
    let LookupTiling { tile_rows, tile_cols, .. } = matrix.tiling;
    // `new` has checked that there are sections.
    let Some(sections) = Sections::of(matrix.rows, matrix.cols, matrix.tiling) else { return Ok(()) };
    let (indices, rest) = matrix.bytes.split_at(sections.signs);
    let (signs, pairs) = rest.split_at(sections.pairs - sections.signs);
    let (tile, in_tile) = (row / tile_rows, row % tile_rows);
    let (strip, in_strip) = (in_tile / STRIP, in_tile % STRIP);
    // Before which strip of which tile of columns of `n`.
    let strip_of = |k_tile: usize, n: usize| (tile * n + k_tile) * (tile_rows / STRIP) + strip;
    let (triples, left) = codes.split_at_mut(sections.triple_cols);
    for (t, codes) in triples.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (k_tile, i) = (3 * t / tile_cols, t % (tile_cols / 3));
        let strip = strip_of(k_tile, sections.triple_cols / tile_cols);
        let index = nibble(indices[(strip * (tile_cols / 6) + i / 2) * STRIP + swapped(in_strip)], i % 2) as i8;
        let at = (strip * (tile_cols / 24) + i / 8) * STRIP + 2 * (in_strip % 16);
        let word = u16::from_le_bytes([signs[at], signs[at + 1]]);
        let is_negative = word >> (15 - (2 * (i % 8) + in_strip / 16)) & 1 == 1;
        *codes = triple(index, is_negative, 3 * t)?;
    }
    let n_tiles = left.len() / PAIR_COLS;
    for (p, codes) in left.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (k_tile, i) = (2 * p / PAIR_COLS, p % (PAIR_COLS / 2));
        let at = (strip_of(k_tile, n_tiles) * (PAIR_COLS / 4) + i / 2) * STRIP + swapped(in_strip);
        *codes = pair(nibble(pairs[at], i % 2), sections.triple_cols + 2 * p)?;
    }
    Ok(())
}

/// The place of a strip's row among its nibbles: the second and third group of 8 change places.
fn swapped(row: usize) -> usize {
    [0, 2, 1, 3][row / 8] * 8 + row % 8
}

/// The three weights of `±(9 a + 3 b + c)`; zero has no sign.
fn triple(index: i8, is_negative: bool, col: usize) -> Result<[i8; 3], BadIndex> {
    let signed = if is_negative { -index } else { index };
    if index > 13 || (is_negative && index == 0) {
        return Err(BadIndex { col, index: signed });
    }
    let digits = signed + 13;
    Ok([digits / 9 - 1, digits / 3 % 3 - 1, digits % 3 - 1])
}
