//! Ternary weights with one scale a row × int8 activation rows.
//!
//! What every kernel here computes, bit for bit (`scalar.rs` says it in code): `out = S · (w.scale · x.scale)` with the
//! integer `S = Σ_g 2^shift(g) · Σ code(w) · code(x)` over groups of 256. `S` does not depend on the order of its
//! terms, so a kernel may walk the matrix as it likes. Kernels add codes from 0 (two bits can say 3) instead of from -1
//! and take `Σ code(x)` off at the end; [`shift_max`] keeps all of it below 2³¹.
//!
//! Matrices whose rows hold blocks of different scales go the way of the other block formats (`integer`).

use crate::{
    activation::GROUP,
    row_codes::{RowGroup, shift_max},
};
use quant::{
    Format, ScaleType,
    tri::{LONG_LINE, LONG_LINE_BYTES, Packing as TriPacking, Span, TriRows},
};

pub(super) mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod simd128;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

/// Four columns: what one 32-bit lane multiplies.
pub(super) const QUAD: usize = 4;

/// Quads in a group.
pub(super) const QUADS: usize = GROUP / QUAD;

/// Codes in a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Codes {
    /// Four of two bits, the first lowest.
    TwoBits,
    /// Five base-3 digits, the byte being a fraction of 256: multiplied by 3, its carry is the next digit.
    Base3,
}

/// How a format packs a group of 256 weights. Byte `i` of a group's line holds, in plane `p`, the code of one column;
/// four bytes in a row (a *word*) hold four columns in a row (a *quad*).
pub(super) trait Packing {
    /// From one line to the next.
    const GROUP_BYTES: usize;
    const CODES: Codes;
    /// Do rows begin with long lines, in which each digit of 256 bytes is a group?
    const HAS_LONG_LINES: bool = false;

    /// Words of the line of `cols` columns (256, or what is left at the end of a row).
    fn words(cols: usize) -> usize;

    /// Which columns `4 · quad ..` of the group lie in plane `plane` of word `word` of `words`; `None` if none do.
    fn quad(word: usize, plane: usize, words: usize) -> Option<usize>;

    /// Groups of a row of `cols` columns that lie in long lines.
    fn long_groups(cols: usize) -> usize {
        if Self::HAS_LONG_LINES { cols / LONG_LINE * Codes::Base3.planes() } else { 0 }
    }

    /// Where the line of group `g`, which is in no long line, begins in a row of `cols` columns.
    #[inline]
    fn line_at(cols: usize, g: usize) -> usize {
        let long = Self::long_groups(cols);
        long / Codes::Base3.planes() * LONG_LINE_BYTES + (g - long) * Self::GROUP_BYTES
    }
}

/// Columns of group `g`.
pub(super) fn group_cols(cols: usize, g: usize) -> usize {
    (cols - g * GROUP).min(GROUP)
}

impl Codes {
    /// Codes of a byte.
    pub(super) const fn planes(self) -> usize {
        match self {
            Self::TwoBits => 4,
            Self::Base3 => 5,
        }
    }
}

/// See `quant`'s `ternary/tq.rs` for the bytes.
pub(super) enum Tq2_0 {}

impl Packing for Tq2_0 {
    const GROUP_BYTES: usize = 66;
    const CODES: Codes = Codes::TwoBits;

    fn words(_cols: usize) -> usize {
        16
    }

    fn quad(word: usize, plane: usize, _words: usize) -> Option<usize> {
        Some(word / 8 * 32 + plane * 8 + word % 8)
    }
}

/// See `quant`'s `ternary/tq.rs` for the bytes.
pub(super) enum Tq1_0 {}

impl Packing for Tq1_0 {
    const GROUP_BYTES: usize = 54;
    const CODES: Codes = Codes::Base3;

    fn words(_cols: usize) -> usize {
        13
    }

    fn quad(word: usize, plane: usize, _words: usize) -> Option<usize> {
        match word {
            0..8 => Some(plane * 8 + word),
            8..12 => Some(40 + plane * 4 + (word - 8)),
            12 if plane < 4 => Some(60 + plane),
            _ => None,
        }
    }
}

/// See `quant`'s `ternary/i2_s.rs` for the bytes.
pub(super) enum I2S {}

impl Packing for I2S {
    const GROUP_BYTES: usize = 64;
    const CODES: Codes = Codes::TwoBits;

    fn words(cols: usize) -> usize {
        cols.div_ceil(16)
    }

    fn quad(word: usize, plane: usize, _words: usize) -> Option<usize> {
        Some(word / 8 * 32 + (3 - plane) * 8 + word % 8)
    }
}

/// See `quant`'s `ternary/i2_s.rs` for the bytes.
pub(super) enum I2SArm {}

impl Packing for I2SArm {
    const GROUP_BYTES: usize = 64;
    const CODES: Codes = Codes::TwoBits;

    fn words(cols: usize) -> usize {
        cols.div_ceil(16)
    }

    fn quad(word: usize, plane: usize, _words: usize) -> Option<usize> {
        Some(word / 4 * 16 + (3 - plane) * 4 + word % 4)
    }
}

/// See `quant`'s `ternary/bn.rs` for the bytes.
pub(super) enum Iq2Bn {}

impl Packing for Iq2Bn {
    const GROUP_BYTES: usize = 64;
    const CODES: Codes = Codes::TwoBits;

    fn words(cols: usize) -> usize {
        cols.div_ceil(16)
    }

    fn quad(word: usize, plane: usize, _words: usize) -> Option<usize> {
        Some(word / 4 * 16 + plane * 4 + word % 4)
    }
}

/// See `quant`'s `ternary/tri.rs` for the bytes.
pub(super) enum Tri2 {}

impl Packing for Tri2 {
    const GROUP_BYTES: usize = 64;
    const CODES: Codes = Codes::TwoBits;

    fn words(cols: usize) -> usize {
        cols.div_ceil(16)
    }

    fn quad(word: usize, plane: usize, words: usize) -> Option<usize> {
        (word < words).then_some(plane * words + word)
    }
}

/// See `quant`'s `ternary/tri.rs` for the bytes.
pub(super) enum Tri1 {}

impl Packing for Tri1 {
    const GROUP_BYTES: usize = 52;
    const CODES: Codes = Codes::Base3;
    const HAS_LONG_LINES: bool = true;

    fn words(cols: usize) -> usize {
        cols.div_ceil(20)
    }

    fn quad(word: usize, plane: usize, words: usize) -> Option<usize> {
        let quad = plane * words + word;
        (word < words && quad < QUADS).then_some(quad)
    }
}

/// Bytes of a line in the largest vector: 16 words, of which a format may use fewer.
const LINE: usize = 64;

/// Activation codes in the order of a format's planes: `[T, groups, planes, 64]`, zero where the format has no column.
#[derive(Default)]
pub(crate) struct PlaneCodes {
    /// One entry for each format met so far; codes of none are empty.
    of: Vec<(Format, Vec<i8>)>,
}

impl PlaneCodes {
    /// Forgets the rows.
    pub(crate) fn clear(&mut self) {
        self.of.iter_mut().for_each(|(_, codes)| codes.clear());
    }

    /// Adds the codes of `rows` for `format`.
    pub(crate) fn arrange(&mut self, rows: &[RowGroup], cols: usize, format: Format) {
        let format = representative(format);
        let at = self.of.iter().position(|(of, _)| *of == format).unwrap_or_else(|| {
            self.of.push((format, Vec::new()));
            self.of.len() - 1
        });
        let codes = &mut self.of[at].1;
        if codes.is_empty() {
            match format {
                Format::TQ1_0 => arrange::<Tq1_0>(rows, cols, codes),
                Format::I2_S => arrange::<I2S>(rows, cols, codes),
                Format::I2_S_ARM => arrange::<I2SArm>(rows, cols, codes),
                Format::IQ2_BN => arrange::<Iq2Bn>(rows, cols, codes),
                _ if format == tri(TriPacking::Base3) => arrange::<Tri1>(rows, cols, codes),
                _ if format == tri(TriPacking::TwoBits) => arrange::<Tri2>(rows, cols, codes),
                _ => arrange::<Tq2_0>(rows, cols, codes),
            }
        }
    }

    /// The codes for `format`, empty if nobody asked for them.
    pub(crate) fn codes(&self, format: Format) -> &[i8] {
        self.of.iter().find(|(of, _)| *of == representative(format)).map_or(&[], |(_, codes)| codes)
    }
}

fn arrange<P: Packing>(rows: &[RowGroup], cols: usize, out: &mut Vec<i8>) {
    let planes = P::CODES.planes();
    out.clear();
    out.resize(rows.len() * planes * LINE, 0);
    let n_groups = cols.div_ceil(GROUP);
    let quads = |cols: usize| {
        let mut quads = [None; 5 * LINE / QUAD];
        let words = P::words(cols);
        for plane in 0..planes {
            for word in 0..words {
                quads[plane * LINE / QUAD + word] = P::quad(word, plane, words);
            }
        }
        quads
    };
    let (full, last) = (quads(GROUP), quads(group_cols(cols, n_groups - 1)));
    for (i, (from, to)) in rows.iter().zip(out.chunks_exact_mut(planes * LINE)).enumerate() {
        let quads = if i % n_groups + 1 == n_groups { &last } else { &full };
        let from = from.codes.as_chunks::<QUAD>().0;
        for (to, quad) in to.as_chunks_mut::<QUAD>().0.iter_mut().zip(quads) {
            if let Some(quad) = quad {
                *to = from[*quad];
            }
        }
    }
}

/// Do kernels here multiply `format`, given rows of one scale and of `cols` columns?
pub(super) fn takes(format: Format, cols: usize) -> bool {
    format.is_ternary() && shift_max(cols).is_some()
}

/// The format that stands for all whose rows are packed as those of `format`.
pub(super) const fn representative(format: Format) -> Format {
    match format {
        Format::TriRows(rows) => tri(rows.packing),
        other => other,
    }
}

/// Rows of `.tri`, wherever their scales are.
pub(super) const fn tri(packing: quant::tri::Packing) -> Format {
    Format::TriRows(TriRows { packing, span: Span::Row, scale: ScaleType::F32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every column lies in exactly one place, and where `quant` says.
    fn check<P: Packing>(format: Format, cols: usize) {
        let words = P::words(cols);
        let quads_here = cols.div_ceil(QUAD);
        let mut seen = [false; QUADS];
        for plane in 0..P::CODES.planes() {
            for quad in (0..words).filter_map(|word| P::quad(word, plane, words)).filter(|quad| *quad < quads_here) {
                assert!(!std::mem::replace(&mut seen[quad], true), "{format:?}: quad {quad} twice");
            }
        }
        assert!(seen[..quads_here].iter().all(|seen| *seen), "{format:?} of {cols}");
        assert_eq!(Some(P::line_at(512, 1)), format.row_bytes(256).map(|n| n - format.row_header_bytes()));
    }

    #[test]
    fn packings_hold_every_column_once() {
        check::<Tq1_0>(Format::TQ1_0, GROUP);
        check::<Tq2_0>(Format::TQ2_0, GROUP);
        check::<I2S>(Format::I2_S, GROUP);
        check::<I2S>(Format::I2_S, 128);
        for cols in [64, 128, 192, GROUP] {
            check::<Iq2Bn>(Format::IQ2_BN, cols);
            check::<I2SArm>(Format::I2_S_ARM, cols);
        }
        for cols in 1..=GROUP {
            check::<Tri1>(tri(TriPacking::Base3), cols);
            check::<Tri2>(tri(TriPacking::TwoBits), cols);
        }
    }
}
