//! Tensor types: what a raw type id in a file means, and how many bytes such a tensor has. ggml's ids of weights stand
//! in `quant`'s table of formats; all others, and what an id means where several formats have it, stand here.
//!
//! Some ids have had several meanings: 36 to 38 were repacked layouts of Q4_0, 39 is MXFP4 in ggml and TL2 in
//! bitnet.cpp, 42 is Q2_0 with 64 weights a block, and once had 128. Sizes differ, so the places of tensors in the file
//! tell them apart (`reader.rs`).

use quant::{
    Format, LookupLayout, ScaleType,
    tri::{Packing, Span, TriBlocks, TriRows},
};

use crate::i2_s;

/// The raw type id of a tensor in the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeId(pub u32);

/// What a type id means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Layout {
    /// Weights in a format.
    Weights(Format),
    /// Numbers or blocks that no model has as weights.
    Other {
        /// ggml's name of the type.
        name: &'static str,
        /// Elements in a block.
        block_len: u64,
        /// Bytes of a block.
        block_bytes: u64,
    },
    /// Look-up layout of bitnet.cpp for ARM: made for one shape by tables that the file does not hold.
    Tl1,
    /// Look-up layout of bitnet.cpp for x86: made for one shape by tables that the file does not hold.
    Tl2,
}

/// ggml's types that hold no weights.
const OTHERS: &[(u32, &str, u64, u64)] = &[
    (9, "Q8_1", 32, 36),
    (15, "Q8_K", 256, 292),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
];

/// bitnet.cpp's id of its look-up layout for ARM.
const TL1: u32 = 38;

/// bitnet.cpp's id of its look-up layout for x86, which ggml has given to MXFP4.
const TL2: u32 = 39;

/// Above it, in an id of ours: packing (1 or 2) << 8 | span (0 tensor, 1 row, else the logarithm of a group) << 4 |
/// scale (0 f16, 1 f32). "TR".
const TRI: u32 = 0x5452_0000;

/// Our id of some rows or blocks.
const fn tri_id(packing: Packing, span: u32, scale: ScaleType) -> u32 {
    let packing = match packing {
        Packing::Base3 => 1,
        Packing::TwoBits => 2,
    };
    let scale = match scale {
        ScaleType::F16 => 0,
        ScaleType::F32 => 1,
    };
    TRI | packing << 8 | span << 4 | scale
}

fn rows_id(rows: TriRows) -> u32 {
    let span = match rows.span {
        Span::Tensor => 0,
        Span::Row => 1,
    };
    tri_id(rows.packing, span, rows.scale)
}

fn blocks_id(blocks: TriBlocks) -> u32 {
    let (packing, len, scale) = blocks.parts();
    tri_id(packing, len.ilog2(), scale)
}

impl TypeId {
    /// The id under which weights of `format` are written (an I2_S in the order of ARM has that of I2_S); `None` if no
    /// container has one for it.
    pub fn of(format: Format) -> Option<Self> {
        let id = match format {
            Format::TriRows(rows) => Some(rows_id(rows)),
            Format::TriBlocks(blocks) => Some(blocks_id(blocks)),
            _ => format.type_ids().first().copied(),
        };
        id.map(Self)
    }

    /// What it means today; `None` for ids that are not (or no longer) defined.
    pub fn layout(self) -> Option<Layout> {
        if let Some(format) = Format::ALL.iter().find(|format| Self::of(**format) == Some(self)) {
            return Some(Layout::Weights(*format));
        }
        if let Some(&(_, name, block_len, block_bytes)) = OTHERS.iter().find(|(id, ..)| *id == self.0) {
            return Some(Layout::Other { name, block_len, block_bytes });
        }
        (self.0 == TL1).then_some(Layout::Tl1)
    }

    /// What it also meant, or means to others.
    pub(crate) fn other_layout(self) -> Option<Layout> {
        if self.0 == TL2 {
            return Some(Layout::Tl2);
        }
        let has_had = |format: &&Format| format.type_ids().iter().skip(1).any(|id| *id == self.0);
        Format::ALL.iter().find(has_had).map(|format| Layout::Weights(*format))
    }

    /// ggml's name, or why there is none.
    pub fn name(self) -> &'static str {
        match (self.layout(), self.0) {
            (Some(layout), _) => layout.name(),
            (None, 4 | 5) => "Q4_2/Q4_3 (removed)",
            (None, 31..=33 | 37) => "a repacked layout (removed)",
            (None, 335) => "IQ2_BN_R4 (rows interleaved by four)",
            (None, _) => "unknown",
        }
    }

    /// Bytes of a tensor of `dims` by the id's meaning today; an error names what does not fit.
    pub fn bytes_of(self, dims: &[u64]) -> Result<u64, String> {
        match i2_s::layout_by_size(self, dims.first().copied().unwrap_or(1)) {
            Some(layout) => layout.bytes_of(dims),
            None => Err(format!("tensor type {} is {}", self.0, self.name())),
        }
    }
}

impl Layout {
    /// The format of weights.
    pub fn format(self) -> Option<Format> {
        if let Self::Weights(format) = self { Some(format) } else { None }
    }

    /// Is it a type of `.tri` files?
    pub fn is_tri(self) -> bool {
        matches!(self, Self::Weights(Format::TriRows(_) | Format::TriBlocks(_)))
    }

    /// ggml's name of the type, or ours where ggml has none.
    pub fn name(self) -> &'static str {
        match self {
            Self::Other { name, .. } => name,
            Self::Tl1 => "TL1",
            Self::Tl2 => "TL2",
            // What an id means only where a file says more is called as we call it: `i2_s_arm`.
            Self::Weights(format) if TypeId::of(format).and_then(TypeId::layout) != Some(self) => format.name(),
            Self::Weights(format) => format.ggml_name(),
        }
    }

    /// The name, and what tells it from others of the same name.
    pub(crate) fn full_name(self) -> String {
        match self {
            Self::Weights(format) => format!("{} of {} weights a block", self.name(), format.block_len()),
            _ => self.name().to_owned(),
        }
    }

    /// Bytes of a tensor of `dims`; an error names what does not fit.
    pub(crate) fn bytes_of(self, dims: &[u64]) -> Result<u64, String> {
        let (cols, rows) = dims.split_first().map_or((1, &[][..]), |(cols, rows)| (*cols, rows));
        if dims.contains(&0) {
            return Err(format!("{dims:?} {} has no weights, expected dimensions of 1 or more", self.name()));
        }
        let overflow = || format!("{dims:?} {} overflows", self.name());
        let product = |of: &[u64]| of.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        let n = product(dims).filter(|&n| i64::try_from(n).is_ok()).ok_or_else(overflow)?;
        let n_rows = product(rows).ok_or_else(overflow)?;
        let needs_blocks = |block_len: u64| {
            Err(format!("a row of {cols} weights, but {} needs a multiple of {block_len}", self.name()))
        };
        let size = usize::try_from(n_rows).ok().zip(usize::try_from(cols).ok());
        let n_bytes = match self {
            Self::Other { block_len, .. } if cols % block_len != 0 => return needs_blocks(block_len),
            Self::Other { block_len, block_bytes, .. } => (n / block_len).checked_mul(block_bytes),
            Self::Weights(format) => {
                let block_len = format.block_len() as u64;
                if cols % block_len != 0 {
                    return needs_blocks(block_len);
                }
                size.and_then(|(rows, cols)| format.tensor_bytes(rows, cols)).map(|n| n as u64)
            }
            Self::Tl1 => size.and_then(|(rows, cols)| LookupLayout::Tl1.tensor_bytes(rows, cols)).map(|n| n as u64),
            Self::Tl2 => size.and_then(|(rows, cols)| LookupLayout::Tl2.tensor_bytes(rows, cols)).map(|n| n as u64),
        };
        n_bytes.filter(|&n| i64::try_from(n).is_ok()).ok_or_else(overflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_an_id_that_means_it() {
        for &format in Format::ALL {
            let id = TypeId::of(format).unwrap();
            let read = if format == Format::I2_S_ARM { Format::I2_S } else { format };
            assert_eq!(id.layout(), Some(Layout::Weights(read)), "{format:?}");
        }
        assert_eq!(TypeId::of(Format::from_name("tri2_g128_f16").unwrap()), Some(TypeId(0x5452_0270)));
        assert_eq!(TypeId::of(Format::from_name("tri1_row_f32").unwrap()), Some(TypeId(0x5452_0111)));
        assert_eq!(TypeId(0x5452_0121).layout(), None);
    }

    #[test]
    fn sizes_with_what_stands_outside_of_rows() {
        let bytes = |id: u32, dims: &[u64]| TypeId(id).bytes_of(dims).unwrap();
        assert_eq!(bytes(36, &[256, 3]), 3 * 64 + 32);
        assert_eq!(bytes(135, &[192, 3]), 3 * (4 + 48));
        assert_eq!(bytes(134, &[192, 3]), 3 * (2 + 39));
        assert_eq!(bytes(0x5452_0111, &[2560, 3, 2]), 6 * 512 + 6 * 4);
        assert_eq!(TypeId(36).bytes_of(&[100]).unwrap_err(), "a row of 100 weights, but I2_S needs a multiple of 128");
    }
}
