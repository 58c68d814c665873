//! TL1 and TL2, the look-up layouts of bitnet.cpp: read only. A matrix is cut into tiles, by sizes that were chosen for
//! its shape when the file was made and that the file does not hold.
//!
//! TL1 (for ARM) has a nibble for each pair of columns; TL2 (for x86) a nibble and a sign bit for each three, and pairs
//! for the columns that are left over. Behind them is one f32 scale for the tensor. Sources: `utils/codegen_tl1.py`,
//! `utils/codegen_tl2.py` and `utils/convert-hf-to-gguf-bitnet.py` of microsoft/BitNet.

mod tl1;
mod tl2;

use std::ops::Range;

use crate::TernaryRows;

/// A look-up layout of bitnet.cpp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupLayout {
    /// The layout for ARM.
    Tl1,
    /// The layout for x86.
    Tl2,
}

/// How a matrix of one shape is cut into tiles: `BM`, `BK` and `bm` of bitnet.cpp's kernels (`bm`, `bk` and `bmm` of
/// its `kernel_config.ini`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookupTiling {
    /// Rows of a tile: `BM`.
    pub tile_rows: usize,
    /// Columns of a tile: `BK`.
    pub tile_cols: usize,
    /// Rows that a kernel takes at once: `bm`.
    pub strip_rows: usize,
}

/// Why bytes are no matrix in a look-up layout.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum LookupError {
    /// Tiles that do not cover the matrix.
    #[error("{} of {rows} rows of {cols} weights cannot be in tiles of {}: {rule}", .layout.name(), .tiling.text())]
    Tiling {
        layout: LookupLayout,
        rows: usize,
        cols: usize,
        tiling: LookupTiling,
        /// What would have to hold.
        rule: &'static str,
    },
    /// There are too many bytes or too few.
    #[error("{got} bytes, but {rows} rows of {cols} weights in {} have {expected}", .layout.name())]
    Bytes {
        layout: LookupLayout,
        rows: usize,
        cols: usize,
        /// Bytes of such a matrix.
        expected: usize,
        /// Number of bytes that there are.
        got: usize,
    },
    /// An index that stands for no weights.
    #[error("row {row}, column {col} has index {index}, which {} never holds in tiles of {}", .layout.name(), .tiling.text())]
    Index {
        layout: LookupLayout,
        tiling: LookupTiling,
        row: usize,
        /// First column that the index stands for.
        col: usize,
        /// The index; negative where its sign bit is set.
        index: i8,
    },
    /// A scale that is negative or not finite.
    #[error("the scale is {scale}, so this is not {}", .layout.name())]
    Scale { layout: LookupLayout, scale: f32 },
}

/// What stands behind the data: an f32 and zeros.
const TAIL_BYTES: usize = 32;

impl LookupLayout {
    /// Name as ggml spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tl1 => "TL1",
            Self::Tl2 => "TL2",
        }
    }

    /// Bytes before the scale of a tensor of `rows` × `cols`; `None` if there can be no such tensor.
    fn scale_at(self, rows: usize, cols: usize) -> Option<usize> {
        match self {
            Self::Tl1 => Some(rows.checked_mul(cols)? / 4),
            Self::Tl2 => tl2::data_bytes(rows, cols)?.checked_next_multiple_of(TAIL_BYTES),
        }
    }

    /// Bytes of a tensor of `rows` × `cols`; `None` if there can be no such tensor.
    pub fn tensor_bytes(self, rows: usize, cols: usize) -> Option<usize> {
        self.scale_at(rows, cols)?.checked_add(TAIL_BYTES)
    }

    /// What of `tiling` does not fit a matrix of `rows` × `cols`, as the rule that is broken.
    fn broken_rule(self, rows: usize, cols: usize, tiling: LookupTiling) -> Option<&'static str> {
        let LookupTiling { tile_rows, tile_cols, strip_rows } = tiling;
        if rows == 0 || cols == 0 || tile_rows == 0 || tile_cols == 0 || strip_rows == 0 {
            return Some("nothing may be 0");
        }
        if !rows.is_multiple_of(tile_rows) {
            return Some("tiles must divide the rows");
        }
        if !tile_rows.is_multiple_of(strip_rows) {
            return Some("bmm must divide bm");
        }
        match self {
            Self::Tl1 => tl1::broken_rule(cols, tiling),
            Self::Tl2 => tl2::broken_rule(rows, cols, tiling),
        }
    }
}

impl LookupTiling {
    fn text(self) -> String {
        format!("bm {}, bk {}, bmm {}", self.tile_rows, self.tile_cols, self.strip_rows)
    }
}

/// A tensor in one of the layouts.
#[derive(Clone, Copy, Debug)]
pub struct LookupMatrix<'a> {
    layout: LookupLayout,
    tiling: LookupTiling,
    rows: usize,
    cols: usize,
    bytes: &'a [u8],
    scale: f32,
}

impl<'a> LookupMatrix<'a> {
    /// Can a matrix of `rows` × `cols` be in such tiles?
    pub fn check_tiling(
        layout: LookupLayout,
        tiling: LookupTiling,
        rows: usize,
        cols: usize,
    ) -> Result<(), LookupError> {
        match layout.broken_rule(rows, cols, tiling) {
            Some(rule) => Err(LookupError::Tiling { layout, rows, cols, tiling, rule }),
            None => Ok(()),
        }
    }

    /// A view of `bytes`, the whole of a tensor of `rows` × `cols`.
    pub fn new(
        layout: LookupLayout,
        tiling: LookupTiling,
        rows: usize,
        cols: usize,
        bytes: &'a [u8],
    ) -> Result<Self, LookupError> {
        Self::check_tiling(layout, tiling, rows, cols)?;
        let (at, expected) = (layout.scale_at(rows, cols), layout.tensor_bytes(rows, cols));
        let (Some(at), true) = (at, expected == Some(bytes.len())) else {
            let expected = expected.unwrap_or(0);
            return Err(LookupError::Bytes { layout, rows, cols, expected, got: bytes.len() });
        };
        let scale = f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if !scale.is_finite() || scale < 0.0 {
            return Err(LookupError::Scale { layout, scale });
        }
        Ok(Self { layout, tiling, rows, cols, bytes: &bytes[..at], scale })
    }

    /// Rows `rows` as codes under the tensor's scale.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn ternary(&self, rows: Range<usize>) -> Result<TernaryRows, LookupError> {
        assert!(rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let mut codes = vec![0; rows.len() * self.cols];
        for (row, codes) in rows.clone().zip(codes.chunks_exact_mut(self.cols)) {
            let decoded = match self.layout {
                LookupLayout::Tl1 => tl1::row(self, row, codes),
                LookupLayout::Tl2 => tl2::row(self, row, codes),
            };
            decoded.map_err(|BadIndex { col, index }| LookupError::Index {
                layout: self.layout,
                tiling: self.tiling,
                row,
                col,
                index,
            })?;
        }
        Ok(TernaryRows { cols: self.cols, span: self.cols, codes, scales: vec![self.scale; rows.len()] })
    }
}

/// An index that stands for no weights, at the first of its columns.
struct BadIndex {
    col: usize,
    index: i8,
}

/// The two weights of a pair's nibble, `3 a + b + 4`.
fn pair(nibble: u8, col: usize) -> Result<[i8; 2], BadIndex> {
    let index = nibble as i8;
    if nibble > 8 { Err(BadIndex { col, index }) } else { Ok([index / 3 - 1, index % 3 - 1]) }
}

/// Nibble `i` of a byte, the first being the high one.
fn nibble(byte: u8, i: usize) -> u8 {
    if i == 0 { byte >> 4 } else { byte & 15 }
}
