//! [`PackedMatrix`]: the bytes of a matrix in another order, in which panels of [`PANEL_ROWS`] rows need no packing
//! before each product.
//!
//! Not a bit is added: a block of 32 columns of 32 rows becomes their codes, `[column / 4][row][column mod 4]`, two
//! columns to a byte where the format has nibbles (`column` and `column + 16`, as in the file), then their f16 scales
//! and minima `[row]`. Blocks of a panel lie in the order of [`slot`], panels one after the other; rows that do not
//! exist are zeros.

use super::{
    Matrix,
    integer::{PANEL_ROWS, slot},
};
use crate::{Isa, activation::BLOCK, isa::Level, pool::Pool};
use bytemuck::{Pod, Zeroable};
use quant::Format;

#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;

/// What a block of a panel is made of.
#[derive(Clone, Copy)]
struct Layout {
    /// Bytes of a row's codes.
    code_bytes: usize,
    /// f16 values before them: the scale, and the minimum if there is one.
    n_halves: usize,
    /// Turns stored codes into unsigned ones.
    flip: u8,
}

impl Layout {
    /// `None`: no kernel reads this format packed.
    const fn of(format: Format) -> Option<Self> {
        match format {
            Format::Q4_0 => Some(Self { code_bytes: BLOCK / 2, n_halves: 1, flip: 0 }),
            Format::Q4_1 => Some(Self { code_bytes: BLOCK / 2, n_halves: 2, flip: 0 }),
            Format::Q8_0 => Some(Self { code_bytes: BLOCK, n_halves: 1, flip: 0x80 }),
            _ => None,
        }
    }

    /// Bytes of a row's block, which is where they are in the file: halves, then codes.
    const fn block_bytes(self) -> usize {
        self.code_bytes + 2 * self.n_halves
    }

    /// Lines of a block of a panel.
    const fn lines(self) -> usize {
        self.block_bytes() * PANEL_ROWS / size_of::<Line>()
    }
}

/// What one load takes.
#[derive(Clone, Copy, Pod, Zeroable, Debug)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

/// A copy of a [`Matrix`] in the order in which kernels walk it. It takes as many bytes, but for the rows that fill up
/// the last panel.
#[derive(Debug)]
pub struct PackedMatrix {
    format: Format,
    rows: usize,
    cols: usize,
    lines: Vec<Line>,
}

impl PackedMatrix {
    /// Bytes of the packed form of a matrix; `None` where no kernel of `isa` reads its format packed.
    pub fn bytes(isa: Isa, format: Format, rows: usize, cols: usize) -> Option<usize> {
        let layout = Layout::of(format).filter(|_| isa >= Isa::Avx512 && isa <= Isa::Avx512Popcnt)?;
        rows.div_ceil(PANEL_ROWS).checked_mul(cols / BLOCK)?.checked_mul(layout.lines() * size_of::<Line>())
    }

    /// Packs `w`; `None` where no kernel of the level reads its format packed.
    pub(crate) fn new(level: Level, pool: &Pool, w: &Matrix<'_>) -> Option<Self> {
        let n_bytes = Self::bytes(level.isa(), w.format, w.rows, w.cols)?;
        let layout = Layout::of(w.format)?;
        w.check(w.cols);
        let mut lines = vec![Line::zeroed(); n_bytes / size_of::<Line>()];
        let n_blocks = w.cols / BLOCK;
        if n_blocks > 0 {
            pool.for_rows(&mut lines, n_blocks * layout.lines(), 1, |first, panels, _| {
                for (i, panel) in panels.chunks_exact_mut(n_blocks * layout.lines()).enumerate() {
                    let rows = (first + i) * PANEL_ROWS..((first + i + 1) * PANEL_ROWS).min(w.rows);
                    fill(layout, w, rows, bytemuck::cast_slice_mut(panel));
                }
            });
        }
        Some(Self { format: w.format, rows: w.rows, cols: w.cols, lines })
    }

    /// Panics unless this can be a copy of `w`.
    pub(super) fn check(&self, w: &Matrix<'_>) {
        assert!(
            (self.format, self.rows, self.cols) == (w.format, w.rows, w.cols),
            "a packed {:?} [{}, {}] for {:?} [{}, {}]",
            self.format,
            self.rows,
            self.cols,
            w.format,
            w.rows,
            w.cols
        );
    }

    /// The lines of panel `i`.
    fn panel(&self, i: usize) -> &[Line] {
        let n = self.lines.len() / self.rows.div_ceil(PANEL_ROWS);
        &self.lines[i * n..(i + 1) * n]
    }
}

/// Fills a panel with `rows` of `w`.
fn fill(layout: Layout, w: &Matrix<'_>, rows: std::ops::Range<usize>, panel: &mut [u8]) {
    let n_blocks = w.cols / BLOCK;
    for (r, m) in rows.enumerate() {
        for (b, from) in w.row(m).chunks_exact(layout.block_bytes()).enumerate() {
            let block = &mut panel[slot(b, n_blocks) * layout.block_bytes() * PANEL_ROWS..];
            let (halves, codes) = from.split_at(2 * layout.n_halves);
            for (q, code) in codes.as_chunks::<4>().0.iter().enumerate() {
                block[4 * (q * PANEL_ROWS + r)..][..4].copy_from_slice(&code.map(|c| c ^ layout.flip));
            }
            let after = &mut block[layout.code_bytes * PANEL_ROWS..];
            for (h, half) in halves.as_chunks::<2>().0.iter().enumerate() {
                after[2 * (h * PANEL_ROWS + r)..][..2].copy_from_slice(half);
            }
        }
    }
}
