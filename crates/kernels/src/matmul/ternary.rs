//! Ternary weights with one scale a row × int8 activation rows.
//!
//! What every kernel here computes, bit for bit (`scalar.rs` says it in code): `out = S · (w.scale · x.scale)` with the integer
//! `S = Σ_g 2^shift(g) · Σ code(w) · code(x)` over groups of 256. `S` does not depend on the order of its terms, so a kernel may walk the
//! matrix as it likes. Kernels add codes from 0 (two bits can say 3) instead of from -1 and take `Σ code(x)` off at the end; [`shift_max`] keeps all of it
//! below 2³¹.
//!
//! Matrices whose rows hold blocks of different scales go the way of the other block formats (`integer`).

use crate::{
    activation::GROUP,
    row_codes::{RowGroup, shift_max},
};
use quant::Format;

pub(super) mod scalar;
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

/// How a format packs 256 weights. Byte `i` of a group's line holds, in plane `p`, the code of one column; four bytes in a row (a *word*)
/// hold four columns in a row (a *quad*).
pub(super) trait Packing {
    /// Bytes of a group, its scale included.
    const GROUP_BYTES: usize;
    /// Words of a group's line, which comes first.
    const WORDS: usize;
    const CODES: Codes;
    /// Where the scale of the row lies in it, an f16.
    const SCALE_AT: usize;

    /// Columns `4 · quad ..` of the group in plane `plane` of word `word`; `None` if there are none.
    fn quad(word: usize, plane: usize) -> Option<usize>;
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

/// See `quant`'s `ternary.rs` for the bytes.
pub(super) enum Tq2_0 {}

impl Packing for Tq2_0 {
    const GROUP_BYTES: usize = 66;
    const WORDS: usize = 16;
    const CODES: Codes = Codes::TwoBits;
    const SCALE_AT: usize = 64;

    fn quad(word: usize, plane: usize) -> Option<usize> {
        Some(word / 8 * 32 + plane * 8 + word % 8)
    }
}

/// See `quant`'s `ternary.rs` for the bytes.
pub(super) enum Tq1_0 {}

impl Packing for Tq1_0 {
    const GROUP_BYTES: usize = 54;
    const WORDS: usize = 13;
    const CODES: Codes = Codes::Base3;
    const SCALE_AT: usize = 52;

    fn quad(word: usize, plane: usize) -> Option<usize> {
        match word {
            0..8 => Some(plane * 8 + word),
            8..12 => Some(40 + plane * 4 + (word - 8)),
            12 if plane < 4 => Some(60 + plane),
            _ => None,
        }
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
    pub(crate) fn arrange(&mut self, rows: &[RowGroup], format: Format) {
        let at = self.of.iter().position(|(of, _)| *of == format).unwrap_or_else(|| {
            self.of.push((format, Vec::new()));
            self.of.len() - 1
        });
        let codes = &mut self.of[at].1;
        if codes.is_empty() {
            match format {
                Format::TQ1_0 => arrange::<Tq1_0>(rows, codes),
                _ => arrange::<Tq2_0>(rows, codes),
            }
        }
    }

    /// The codes for `format`, empty if nobody asked for them.
    pub(crate) fn codes(&self, format: Format) -> &[i8] {
        self.of.iter().find(|(of, _)| *of == format).map_or(&[], |(_, codes)| codes)
    }
}

fn arrange<P: Packing>(rows: &[RowGroup], out: &mut Vec<i8>) {
    let planes = P::CODES.planes();
    out.clear();
    out.resize(rows.len() * planes * LINE, 0);
    let mut quads = [None; 5 * LINE / QUAD];
    for plane in 0..planes {
        for word in 0..P::WORDS {
            quads[plane * LINE / QUAD + word] = P::quad(word, plane);
        }
    }
    for (from, to) in rows.iter().zip(out.chunks_exact_mut(planes * LINE)) {
        let from = from.codes.as_chunks::<QUAD>().0;
        for (to, quad) in to.as_chunks_mut::<QUAD>().0.iter_mut().zip(quads) {
            if let Some(quad) = quad {
                *to = from[quad];
            }
        }
    }
}

/// Whether kernels here multiply `format`, given rows of one scale and of `cols` columns.
pub(super) fn takes(format: Format, cols: usize) -> bool {
    matches!(format, Format::TQ1_0 | Format::TQ2_0) && shift_max(cols).is_some()
}

/// Whether each row of `bytes` holds one scale only.
pub(super) fn rows_have_one_scale(format: Format, cols: usize, bytes: &[u8]) -> bool {
    let (group_bytes, scale_at) = match format {
        Format::TQ1_0 => (Tq1_0::GROUP_BYTES, Tq1_0::SCALE_AT),
        Format::TQ2_0 => (Tq2_0::GROUP_BYTES, Tq2_0::SCALE_AT),
        _ => return false,
    };
    let row_bytes = cols / GROUP * group_bytes;
    if row_bytes == 0 || !takes(format, cols) {
        return false;
    }
    bytes.chunks_exact(row_bytes).all(|row| {
        let scale = |group: &[u8]| [group[scale_at], group[scale_at + 1]];
        let first = scale(row);
        row.chunks_exact(group_bytes).all(|group| scale(group) == first)
    })
}

/// The scale of a row.
pub(super) fn row_scale<P: Packing>(row: &[u8]) -> f32 {
    crate::math::f16_to_f32(u16::from_le_bytes([row[P::SCALE_AT], row[P::SCALE_AT + 1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every column lies in exactly one place.
    fn check<P: Packing>(format: Format) {
        let mut seen = [false; QUADS];
        for plane in 0..P::CODES.planes() {
            for quad in (0..P::WORDS).filter_map(|word| P::quad(word, plane)) {
                assert!(!std::mem::replace(&mut seen[quad], true), "{format:?}: quad {quad} twice");
            }
        }
        assert_eq!(seen, [true; QUADS], "{format:?}");
        assert_eq!(P::GROUP_BYTES, format.block_bytes() * GROUP / format.block_len());
    }

    #[test]
    fn packings_hold_every_column_once() {
        check::<Tq1_0>(Format::TQ1_0);
        check::<Tq2_0>(Format::TQ2_0);
    }

    #[test]
    fn one_other_scale_is_noticed() {
        for format in [Format::TQ1_0, Format::TQ2_0] {
            let block = format.block_bytes();
            let mut bytes = vec![1; 6 * block];
            assert!(rows_have_one_scale(format, 3 * GROUP, &bytes));
            // Another scale in the second row as a whole is fine.
            for group in 3..6 {
                bytes[group * block + block - 1] = 2;
            }
            assert!(rows_have_one_scale(format, 3 * GROUP, &bytes));
            assert!(!rows_have_one_scale(format, 6 * GROUP, &bytes));
            bytes[5 * block - 2] = 7;
            assert!(!rows_have_one_scale(format, 3 * GROUP, &bytes));
        }
        assert!(!rows_have_one_scale(Format::Q8_0, 256, &[0; 272]));
    }
}
