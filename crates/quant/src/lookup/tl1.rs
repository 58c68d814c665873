//! TL1: a nibble for each pair of columns.
//!
//! From the outermost: tiles of `BM` rows, tiles of `BK` columns in them, strips of `bm` rows, `256 / bm` columns, 16
//! rows, four columns; then 16 bytes, one for each row, whose high nibble is the first pair.

use super::{BadIndex, LookupMatrix, LookupTiling, nibble, pair};

/// What of `tiling` does not fit, beyond what both layouts demand.
pub(super) fn broken_rule(cols: usize, tiling: LookupTiling) -> Option<&'static str> {
    let LookupTiling { tile_cols, strip_rows, .. } = tiling;
    if strip_rows != 32 && strip_rows != 64 {
        return Some("bmm must be 32 or 64");
    }
    if !cols.is_multiple_of(tile_cols) {
        return Some("tiles must divide the columns");
    }
    (!tile_cols.is_multiple_of(step_cols(strip_rows))).then_some("bk must be a multiple of 256 / bmm")
}

/// Columns of a strip that lie together.
fn step_cols(strip_rows: usize) -> usize {
    256 / strip_rows
}

/// Codes of row `row`.
pub(super) fn row(matrix: &LookupMatrix<'_>, row: usize, codes: &mut [i8]) -> Result<(), BadIndex> {
    let LookupTiling { tile_rows, tile_cols, strip_rows } = matrix.tiling;
    let step = step_cols(strip_rows);
    let (tile, in_tile) = (row / tile_rows, row % tile_rows);
    let (strip, in_strip) = (in_tile / strip_rows, in_tile % strip_rows);
    for (p, codes) in codes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (k_tile, in_k_tile) = (2 * p / tile_cols, p % (tile_cols / 2));
        let (k_step, in_step) = (in_k_tile / (step / 2), in_k_tile % (step / 2));
        let at = tile * (matrix.cols / tile_cols) + k_tile;
        let at = at * (tile_rows / strip_rows) + strip;
        let at = at * (tile_cols / step) + k_step;
        let at = at * (strip_rows / 16) + in_strip / 16;
        let at = (at * (step / 4) + in_step / 2) * 16 + in_strip % 16;
        *codes = pair(nibble(matrix.bytes[at], in_step % 2), 2 * p)?;
    }
    Ok(())
}
