//! [`Format`]: the identity of a block format at run time, and what a caller may ask of it.

use crate::{
    block::{self, GROUP},
    encode::{self, EncodeError},
    float,
    ternary::{
        OuterScale, Packed, ScaleType,
        tri::{LINE, Packing, Span, TriBlocks, TriRows},
    },
};
use bytemuck::Zeroable;
use std::ops::Range;

#[macro_use]
mod define;
#[macro_use]
mod table;

use table::FORMATS;
pub use table::Format;

/// What stands behind the rows of a tensor begins at a multiple of so many bytes from its start.
pub(crate) const TAIL_ALIGNMENT: usize = 32;

/// A name that no format has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown weight format {0:?}")]
pub struct UnknownFormat(pub String);

impl Format {
    /// All formats, those of the table first.
    pub const ALL: &[Self] = &{
        let mut all = [Self::F32; FORMATS.len() + TriRows::ALL.len() + TriBlocks::ALL.len()];
        let mut i = 0;
        while i < all.len() {
            all[i] = if i < FORMATS.len() {
                FORMATS[i]
            } else if i < FORMATS.len() + TriRows::ALL.len() {
                Self::TriRows(TriRows::ALL[i - FORMATS.len()])
            } else {
                Self::TriBlocks(TriBlocks::ALL[i - FORMATS.len() - TriRows::ALL.len()])
            };
            i += 1;
        }
        all
    };

    /// ggml's name in lower case: `q4_k`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// ggml's name: `Q4_K`; for formats of `.tri`, which ggml does not have, the same as [`name`](Self::name).
    pub const fn ggml_name(self) -> &'static str {
        self.row().ggml_name
    }

    /// The type ids under which GGUF files have it; the first is the one to write. None for formats of `.tri`, whose
    /// ids `gguf::TypeId` makes.
    pub const fn type_ids(self) -> &'static [u32] {
        self.row().type_ids
    }

    /// llama.cpp's number (`llama_ftype`) of a file most of whose matrices have the format; `None` where it has none.
    pub const fn file_type(self) -> Option<u32> {
        self.row().file_type
    }

    /// Weights that share a scale and a minimum, as kernels count them: 16 or 32, and 32 where more do; 1 for floats.
    pub const fn unit_len(self) -> usize {
        self.row().unit_len
    }

    /// The format of that name, in any case.
    pub fn from_name(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|f| f.name().eq_ignore_ascii_case(name));
        found.copied().ok_or_else(|| UnknownFormat(name.to_owned()))
    }

    /// Weights in a block; 1 where rows may have any length.
    pub fn block_len(self) -> usize {
        with_block!(self, B => <B as block::Block>::LEN, Self::F32 | Self::F16 | Self::BF16 | Self::TriRows(_) => 1)
    }

    /// Bytes of a block; `None` for [`TriRows`], whose rows are no sequence of blocks.
    pub fn block_bytes(self) -> Option<usize> {
        Some(with_block!(self, B => <B as block::Block>::BYTES,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::TriRows(_) => return None,
        ))
    }

    /// Bytes of a row of `n` weights, from the start of one to the start of the next; `None` if `n` is no multiple of
    /// [`block_len`](Self::block_len) or it overflows.
    pub fn row_bytes(self, n: usize) -> Option<usize> {
        if let Self::TriRows(rows) = self {
            return rows.row_bytes(n);
        }
        if !n.is_multiple_of(self.block_len()) {
            return None;
        }
        (n / self.block_len()).checked_mul(self.block_bytes()?)?.checked_add(self.row_header_bytes())
    }

    /// Bytes before the blocks of a row.
    pub fn row_header_bytes(self) -> usize {
        if let OuterScale::RowHeader(scale) = self.outer_scale() { scale.bytes() } else { 0 }
    }

    /// Bytes of a tensor of `rows` rows of `cols` weights, with what stands behind them; `None` as for
    /// [`row_bytes`](Self::row_bytes).
    pub fn tensor_bytes(self, rows: usize, cols: usize) -> Option<usize> {
        let in_rows = self.row_bytes(cols)?.checked_mul(rows)?;
        match self.outer_scale() {
            OuterScale::None | OuterScale::RowHeader(_) => Some(in_rows),
            OuterScale::Tensor { tail, .. } => in_rows.checked_next_multiple_of(TAIL_ALIGNMENT)?.checked_add(tail),
            OuterScale::RowTail(scale) => {
                in_rows.checked_next_multiple_of(TAIL_ALIGNMENT)?.checked_add(rows.checked_mul(scale.bytes())?)
            }
        }
    }

    /// Where, in a tensor of `n_rows` rows of `cols` weights, the scales of `rows` stand behind all rows; `None` if
    /// there are none, or rows are no whole blocks.
    pub fn tail_range(self, n_rows: usize, cols: usize, rows: Range<usize>) -> Option<Range<usize>> {
        let in_rows = self.row_bytes(cols)?.checked_mul(n_rows)?;
        match self.outer_scale() {
            OuterScale::None | OuterScale::RowHeader(_) => None,
            OuterScale::Tensor { scale, .. } => {
                let at = in_rows.checked_next_multiple_of(TAIL_ALIGNMENT)?;
                Some(at..at + scale.bytes())
            }
            OuterScale::RowTail(scale) => {
                let at = in_rows.checked_next_multiple_of(TAIL_ALIGNMENT)?;
                Some(at + rows.start * scale.bytes()..at + rows.end * scale.bytes())
            }
        }
    }

    /// The type of the scales of a ternary format.
    pub fn scale_type(self) -> Option<ScaleType> {
        match self.outer_scale() {
            OuterScale::None => self.block_scale().map(|(_, scale)| scale),
            OuterScale::RowHeader(scale) | OuterScale::RowTail(scale) | OuterScale::Tensor { scale, .. } => Some(scale),
        }
    }

    /// Where scales lie outside of blocks.
    pub fn outer_scale(self) -> OuterScale {
        match self {
            Self::I2_S | Self::I2_S_ARM => OuterScale::Tensor { scale: ScaleType::F32, tail: 32 },
            Self::IQ1_BN => OuterScale::RowHeader(ScaleType::F16),
            Self::IQ2_BN => OuterScale::RowHeader(ScaleType::F32),
            Self::TriRows(TriRows { span: Span::Tensor, scale, .. }) => {
                OuterScale::Tensor { scale, tail: scale.bytes() }
            }
            Self::TriRows(TriRows { span: Span::Row, scale, .. }) => OuterScale::RowTail(scale),
            _ => OuterScale::None,
        }
    }

    /// The largest code of a ternary format: 1, or 2 where two bits can say it; `None` for other formats.
    pub fn ternary_code_max(self) -> Option<i8> {
        with_ternary!(self, B => Some(<B as Packed>::CODE_MAX),
            Self::TriRows(rows) => Some(if rows.packing == Packing::Base3 { 1 } else { 2 }),
            _ => None,
        )
    }

    /// Is this a container of ternary weights?
    pub fn is_ternary(self) -> bool {
        self.ternary_code_max().is_some()
    }

    /// Average storage of a weight in long rows, without what lies outside of rows.
    pub fn bits_per_weight(self) -> f64 {
        match self {
            Self::TriRows(rows) => 8.0 / rows.packing.per_byte() as f64,
            _ => 8.0 * self.block_bytes().unwrap_or(0) as f64 / self.block_len() as f64,
        }
    }

    /// Are weights plain numbers, without codes and scales?
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16)
    }

    /// Can the `mins` of [`expand_i8`](Self::expand_i8) differ from zero?
    pub fn has_mins(self) -> bool {
        with_block!(
            self, B => <B as block::Block>::HAS_MINS,
            Self::F32 | Self::F16 | Self::BF16 | Self::TriRows(_) => false
        )
    }

    /// Can [`encode`](Self::encode) write any weights in it? If not, it holds ternary ones only.
    pub fn can_encode(self) -> bool {
        with_block!(self, B => <B as block::Block>::ENCODE.is_some(),
            Self::F32 | Self::F16 | Self::BF16 => true,
            Self::TriRows(_) => false,
        )
    }

    /// Writes whole blocks that decode to about `values`: the sum of `importance · (value − decoded)²` is kept small.
    /// Floats are rounded to nearest.
    ///
    /// `importance` has a positive or zero number for each column of a row, and `values` are rows of that many columns;
    /// only ratios within a block matter. Without it all weights count the same.
    ///
    /// # Errors
    /// If the format holds ternary weights only, or a value or importance is one that it cannot take; `out` is then
    /// undefined.
    ///
    /// # Panics
    /// If the lengths disagree.
    pub fn encode(self, values: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), EncodeError> {
        with_block!(self, B => encode::blocks::<B>(self, values, importance, out),
            Self::F32 => encode::floats(self, values, f32::MAX, out, float::encode_f32),
            Self::F16 => encode::floats(self, values, 65504.0, out, float::encode_f16),
            Self::BF16 => encode::floats(self, values, half::bf16::MAX.to_f32(), out, float::encode_bf16),
            Self::TriRows(_) => Err(EncodeError::TernaryOnly(self)),
        )
    }

    /// Exact values of whole blocks: `bytes` holds `out.len()` weights. What lies outside of blocks is not known here:
    /// see [`StoredMatrix`](crate::StoredMatrix).
    ///
    /// # Panics
    /// If the two lengths disagree, or the format has no blocks or keeps scales elsewhere.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        assert_eq!(self.outer_scale(), OuterScale::None, "{self:?} is decoded by rows");
        with_block!(self, B => block::decode::<B>(bytes, out),
            Self::F32 => float::decode_f32(bytes, out),
            Self::F16 => float::decode_f16(bytes, out),
            Self::BF16 => float::decode_bf16(bytes, out),
            Self::TriRows(_) => {}
        );
    }

    /// Columns `first ..` of a row of `cols` as integers: weight `first + i` is
    /// `scales[i / 16] · codes[i] + mins[i / 16]`, mathematically exact; where a scale lies outside of blocks, `scales`
    /// are 1. `mins` is written only where [`has_mins`](Self::has_mins).
    ///
    /// `row` is what follows the row's header. `codes` are whole blocks or all that is left, and `scales` one for each
    /// 16 of them begun.
    ///
    /// # Panics
    /// If the lengths disagree, `first` is no multiple of 256, or the format is a float.
    pub fn expand_i8(
        self,
        row: &[u8],
        cols: usize,
        first: usize,
        codes: &mut [i8],
        scales: &mut [f32],
        mins: &mut [f32],
    ) {
        assert!(first.is_multiple_of(LINE), "columns from {first}");
        assert_eq!(codes.len().div_ceil(GROUP), scales.len(), "codes and scales of one row");
        let block = |columns: usize| columns / self.block_len() * self.block_bytes().unwrap_or(0);
        with_block!(self, B => block::expand::<B>(&row[block(first)..][..block(codes.len())], codes, scales, mins),
            Self::TriRows(rows) => {
                for (g, codes) in codes.chunks_mut(LINE).enumerate() {
                    rows.expand_line(row, cols, first / LINE + g, codes);
                }
                scales.fill(1.0);
            },
            Self::F32 | Self::F16 | Self::BF16 => panic!("{self:?} has no integer codes"),
        );
    }

    /// Exact values of a row (what follows its header) under `scale`, where a format keeps scales outside of blocks.
    pub fn decode_codes(self, row: &[u8], scale: f32, out: &mut [f32]) {
        let cols = out.len();
        let mut codes = [0; LINE];
        for (g, out) in out.chunks_mut(LINE).enumerate() {
            let (codes, mut ones) = (&mut codes[..out.len()], [0.0; LINE / GROUP]);
            let ones = &mut ones[..out.len().div_ceil(GROUP)];
            self.expand_i8(row, cols, g * LINE, codes, ones, &mut []);
            out.iter_mut().zip(codes).for_each(|(out, code)| *out = scale * f32::from(*code));
        }
    }

    /// The scale in a block, where blocks of a ternary format have one.
    pub(crate) fn block_scale(self) -> Option<(usize, ScaleType)> {
        with_ternary!(self, B => <B as Packed>::SCALE, _ => None)
    }

    /// Appends ternary codes of a row, with a scale for each block where blocks have one: `scales[b]` of block `b`.
    pub(crate) fn pack_row(self, codes: &[i8], scales: &[f32], out: &mut Vec<u8>) {
        with_ternary!(self, B => pack_blocks::<B>(codes, scales, out),
            Self::TriRows(rows) => rows.pack_row(codes, out),
            _ => panic!("{self:?} is not ternary"),
        );
    }
}

/// Appends a row's blocks to `out`.
fn pack_blocks<B: Packed>(codes: &[i8], scales: &[f32], out: &mut Vec<u8>) {
    for (b, codes) in bytemuck::cast_slice::<i8, B::Codes>(codes).iter().enumerate() {
        let mut block = B::Bytes::zeroed();
        B::pack(codes, &mut block);
        let bytes = bytemuck::bytes_of_mut(&mut block);
        if let Some((at, scale)) = B::SCALE {
            let mut stored = Vec::with_capacity(4);
            scale.write(scales[b], &mut stored);
            bytes[at..at + stored.len()].copy_from_slice(&stored);
        }
        out.extend_from_slice(bytes);
    }
}
