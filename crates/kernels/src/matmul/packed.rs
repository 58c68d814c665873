//! [`PackedMatrix`]: a copy of a matrix in another order, which kernels walk faster than the file's.
//!
//! *Panels* of [`PANEL_ROWS`] rows need no packing before each product, and not a bit is added: a block of 32 columns
//! of 32 rows becomes their codes, `[column / 4][row][column mod 4]`, two columns to a byte where the format has
//! nibbles (`column` and `column + 16`, as in the file), then their fifth bits in the same order, bit `4 · row + column
//! mod 4` of 64 for 16 rows, then their f16 scales and minima `[row]`. Blocks of a panel lie in the order of [`slot`],
//! panels one after the other; rows that do not exist are zeros.
//!
//! *Rows* of ternary weights under one scale each are copied to `tri2`, which has kernels at every level of x86-64,
//! from containers that no kernel reads as they are, and from those whose lines have scales between them (`TQ1_0`,
//! `TQ2_0`) or before them (`IQ2_BN`), so that most loads cross a line of the cache.

use std::ops::Range;

use super::{
    Matrix,
    integer::{PANEL_ROWS, slot},
};
use crate::{Isa, activation::BLOCK, isa::Level, pool::Pool};
use bytemuck::{Pod, Zeroable};
use quant::{
    Format, ScaleType,
    tri::{Packing, Span, TriRows},
};

#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;

/// What a copy is made of.
#[derive(Clone, Copy)]
enum Order {
    Panels(Layout),
    Rows,
}

impl Order {
    /// The order in which kernels of `isa` read `w` best; `None` where that is the file's.
    fn of(isa: Isa, w: &Matrix<'_>) -> Option<Self> {
        let has = |least: Isa| isa >= least && isa <= Isa::Avx512Popcnt;
        if w.is_ternary() {
            let is_decoded = matches!(w.format, Format::IQ1_BN | Format::PQ2_0 | Format::PTQ1_0 | Format::Q2_0);
            // Lines of the others are of whole vectors, or blocks of a scale each that few files have.
            let has_gain = is_decoded || PackedMatrix::can_wait(w);
            return (has_gain && has(Isa::Avx2)).then_some(Self::Rows);
        }
        Layout::of(w.format).filter(|_| has(Isa::Avx512)).map(Self::Panels)
    }

    /// Lines of the copy of `w`; `None` if they cannot be counted.
    fn n_lines(self, w: &Matrix<'_>) -> Option<usize> {
        match self {
            Self::Panels(layout) => {
                w.rows.div_ceil(PANEL_ROWS).checked_mul(w.cols / BLOCK)?.checked_mul(layout.lines())
            }
            Self::Rows => {
                Some(w.rows.checked_mul(Format::TriRows(ROWS).row_bytes(w.cols)?)?.div_ceil(size_of::<Line>()))
            }
        }
    }
}

/// What copies in rows hold.
const ROWS: TriRows = TriRows { packing: Packing::TwoBits, span: Span::Row, scale: ScaleType::F32 };

/// What a block of a panel is made of.
#[derive(Clone, Copy)]
struct Layout {
    /// Bytes of a row's codes, without fifth bits.
    code_bytes: usize,
    /// Do codes have a fifth bit? 32 of them stand before the others in the file.
    has_fifths: bool,
    /// f16 values before both: the scale, and the minimum if there is one.
    n_halves: usize,
    /// Turns stored codes into unsigned ones.
    flip: u8,
}

impl Layout {
    /// `None`: no kernel reads this format in panels.
    const fn of(format: Format) -> Option<Self> {
        let nibbles = Self { code_bytes: BLOCK / 2, has_fifths: false, n_halves: 1, flip: 0 };
        match format {
            Format::Q4_0 => Some(nibbles),
            Format::Q4_1 => Some(Self { n_halves: 2, ..nibbles }),
            Format::Q5_0 => Some(Self { has_fifths: true, ..nibbles }),
            Format::Q5_1 => Some(Self { has_fifths: true, n_halves: 2, ..nibbles }),
            Format::Q8_0 => Some(Self { code_bytes: BLOCK, flip: 0x80, ..nibbles }),
            _ => None,
        }
    }

    /// Bytes of a row's fifth bits.
    const fn fifth_bytes(self) -> usize {
        if self.has_fifths { BLOCK / 8 } else { 0 }
    }

    /// Bytes of a row's block, which is where they are in the file: halves, fifth bits, then codes.
    const fn block_bytes(self) -> usize {
        self.code_bytes + self.fifth_bytes() + 2 * self.n_halves
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

/// A copy of a [`Matrix`] in the order in which kernels walk it. Of block formats it takes as many bytes, but for the
/// rows that fill up the last panel; of ternary rows two bits a weight.
#[derive(Debug)]
pub struct PackedMatrix {
    format: Format,
    rows: usize,
    cols: usize,
    /// Is it made of rows rather than panels?
    is_rows: bool,
    lines: Vec<Line>,
}

impl PackedMatrix {
    /// Bytes of the copy of `w`, of whose own bytes nothing is read; `None` where no kernel of `isa` would be faster
    /// with it.
    pub fn bytes(isa: Isa, w: &Matrix<'_>) -> Option<usize> {
        Order::of(isa, w)?.n_lines(w)?.checked_mul(size_of::<Line>())
    }

    /// Whether kernels read `w` nearly as well as its copy, which then need not be there for the first products.
    pub fn can_wait(w: &Matrix<'_>) -> bool {
        w.is_ternary() && matches!(w.format, Format::TQ1_0 | Format::TQ2_0 | Format::IQ2_BN)
    }

    /// Copies `w`; `None` where no kernel of the level would be faster with it.
    pub(crate) fn new(level: Level, pool: &Pool, w: &Matrix<'_>) -> Option<Self> {
        let order = Order::of(level.isa(), w)?;
        w.check(w.cols);
        let mut lines = vec![Line::zeroed(); order.n_lines(w)?];
        if w.cols > 0 {
            match order {
                Order::Panels(layout) => fill_panels(layout, pool, w, &mut lines),
                Order::Rows => fill_rows(pool, w, &mut lines),
            }
        }
        let is_rows = matches!(order, Order::Rows);
        Some(Self { format: w.format, rows: w.rows, cols: w.cols, is_rows, lines })
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

    /// Is it made of panels?
    pub(super) fn is_panels(&self) -> bool {
        !self.is_rows
    }

    /// Format and bytes of the copied rows; `None` of panels.
    pub(super) fn rows(&self) -> Option<(Format, &[u8])> {
        let format = Format::TriRows(ROWS);
        let n = self.rows * format.row_bytes(self.cols)?;
        self.is_rows.then(|| (format, &bytemuck::cast_slice(&self.lines)[..n]))
    }

    /// The lines of panel `i`.
    fn panel(&self, i: usize) -> &[Line] {
        let n = self.lines.len() / self.rows.div_ceil(PANEL_ROWS);
        &self.lines[i * n..(i + 1) * n]
    }
}

/// Fills `lines` with the rows of `w` as [`ROWS`].
fn fill_rows(pool: &Pool, w: &Matrix<'_>, lines: &mut [Line]) {
    let row_bytes = Format::TriRows(ROWS).row_bytes(w.cols).unwrap_or(0);
    let bytes = &mut bytemuck::cast_slice_mut(lines)[..w.rows * row_bytes];
    pool.for_rows(bytes, row_bytes, 1, |first, bytes, _| {
        let (mut codes, mut scales) = (vec![0; w.cols], vec![0.0; w.cols.div_ceil(quant::GROUP)]);
        let mut row = Vec::with_capacity(row_bytes);
        for (m, bytes) in (first..).zip(bytes.chunks_exact_mut(row_bytes)) {
            w.format.expand_i8(w.row(m), w.cols, 0, &mut codes, &mut scales, &mut []);
            row.clear();
            ROWS.pack_row(&codes, &mut row);
            bytes.copy_from_slice(&row);
        }
    });
}

/// Fills `lines` with panels of `w`.
fn fill_panels(layout: Layout, pool: &Pool, w: &Matrix<'_>, lines: &mut [Line]) {
    let panel_lines = w.cols / BLOCK * layout.lines();
    pool.for_rows(lines, panel_lines, 1, |first, panels, _| {
        for (i, panel) in (first..).zip(panels.chunks_exact_mut(panel_lines)) {
            let rows = i * PANEL_ROWS..((i + 1) * PANEL_ROWS).min(w.rows);
            fill(layout, w, rows, bytemuck::cast_slice_mut(panel));
        }
    });
}

/// Fills a panel with `rows` of `w`.
fn fill(layout: Layout, w: &Matrix<'_>, rows: Range<usize>, panel: &mut [u8]) {
    let n_blocks = w.cols / BLOCK;
    for (r, m) in rows.enumerate() {
        for (b, from) in w.row(m).chunks_exact(layout.block_bytes()).enumerate() {
            let block = &mut panel[slot(b, n_blocks) * layout.block_bytes() * PANEL_ROWS..];
            let (halves, codes) = from.split_at(2 * layout.n_halves);
            let (fifths, codes) = codes.split_at(layout.fifth_bytes());
            for (q, code) in codes.as_chunks::<4>().0.iter().enumerate() {
                block[4 * (q * PANEL_ROWS + r)..][..4].copy_from_slice(&code.map(|c| c ^ layout.flip));
            }
            let after = &mut block[layout.code_bytes * PANEL_ROWS..];
            for (q, four) in fifths.iter().flat_map(|byte| [byte & 15, byte >> 4]).enumerate() {
                // Two rows share a byte.
                after[q * (PANEL_ROWS / 2) + r / 2] |= four << (r % 2 * 4);
            }
            let after = &mut after[layout.fifth_bytes() * PANEL_ROWS..];
            for (h, half) in halves.as_chunks::<2>().0.iter().enumerate() {
                after[2 * (h * PANEL_ROWS + r)..][..2].copy_from_slice(half);
            }
        }
    }
}
