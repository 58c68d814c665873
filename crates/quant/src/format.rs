//! [`Format`]: the identity of a block format at run time, and what a caller may ask of it.

use crate::{
    block::{self, GROUP},
    encode::{self, EncodeError},
    float,
};

/// A block format, named as ggml names it. How an id in a file maps to one of these is `model::load`'s business.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[allow(non_camel_case_types, reason = "the field's names: Q4_K, TQ2_0")]
pub enum Format {
    /// 32-bit float.
    F32,
    /// IEEE half.
    F16,
    /// bfloat16.
    BF16,
    /// 32 weights, 4 bits and a scale.
    Q4_0,
    /// 32 weights, 4 bits, scale and offset.
    Q4_1,
    /// 32 weights, 5 bits and a scale.
    Q5_0,
    /// 32 weights, 5 bits, scale and offset.
    Q5_1,
    /// 32 weights, 8 bits and a scale.
    Q8_0,
    /// 256 weights, 2 bits.
    Q2_K,
    /// 256 weights, 3 bits.
    Q3_K,
    /// 256 weights, 4 bits.
    Q4_K,
    /// 256 weights, 5 bits.
    Q5_K,
    /// 256 weights, 6 bits.
    Q6_K,
    /// 256 weights, ternary code book.
    IQ1_S,
    /// 256 weights, ternary code book, finer scales.
    IQ1_M,
    /// 256 weights, code book of 256.
    IQ2_XXS,
    /// 256 weights, code book of 512.
    IQ2_XS,
    /// 256 weights, code book of 1024.
    IQ2_S,
    /// 256 weights, code book of 256.
    IQ3_XXS,
    /// 256 weights, code book of 512.
    IQ3_S,
    /// 32 weights, 16 uneven values.
    IQ4_NL,
    /// 256 weights, 16 uneven values.
    IQ4_XS,
    /// 256 ternary weights, five in a byte.
    TQ1_0,
    /// 256 ternary weights, four in a byte.
    TQ2_0,
    /// 32 weights, E2M1 under E8M0.
    MXFP4,
    /// 64 weights, E2M1 under E4M3.
    NVFP4,
    /// 128 signs and a scale.
    Q1_0,
    /// 64 weights, 2 bits and a scale.
    Q2_0,
}

/// A name that no format has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown weight format {0:?}")]
pub struct UnknownFormat(pub String);

/// The only `match` from a format to its type: runs `$body` with `$block` bound to it; `$float` for the unblocked formats.
macro_rules! with_block {
    ($format:expr, $block:ident => $body:expr, $($float:pat => $result:expr),+ $(,)?) => {
        match $format {
            $($float => $result,)+
            Format::Q4_0 => {
                type $block = crate::q4_0::Q4_0;
                $body
            }
            Format::Q4_1 => {
                type $block = crate::q4_1::Q4_1;
                $body
            }
            Format::Q5_0 => {
                type $block = crate::q5_0::Q5_0;
                $body
            }
            Format::Q5_1 => {
                type $block = crate::q5_1::Q5_1;
                $body
            }
            Format::Q8_0 => {
                type $block = crate::q8_0::Q8_0;
                $body
            }
            Format::Q2_K => {
                type $block = crate::q2_k::Q2K;
                $body
            }
            Format::Q3_K => {
                type $block = crate::q3_k::Q3K;
                $body
            }
            Format::Q4_K => {
                type $block = crate::q4_k::Q4K;
                $body
            }
            Format::Q5_K => {
                type $block = crate::q5_k::Q5K;
                $body
            }
            Format::Q6_K => {
                type $block = crate::q6_k::Q6K;
                $body
            }
            Format::IQ1_S => {
                type $block = crate::iq1::Iq1S;
                $body
            }
            Format::IQ1_M => {
                type $block = crate::iq1::Iq1M;
                $body
            }
            Format::IQ2_XXS => {
                type $block = crate::iq2::Iq2Xxs;
                $body
            }
            Format::IQ2_XS => {
                type $block = crate::iq2::Iq2Xs;
                $body
            }
            Format::IQ2_S => {
                type $block = crate::iq2::Iq2S;
                $body
            }
            Format::IQ3_XXS => {
                type $block = crate::iq3::Iq3Xxs;
                $body
            }
            Format::IQ3_S => {
                type $block = crate::iq3::Iq3S;
                $body
            }
            Format::IQ4_NL => {
                type $block = crate::iq4::Iq4Nl;
                $body
            }
            Format::IQ4_XS => {
                type $block = crate::iq4::Iq4Xs;
                $body
            }
            Format::TQ1_0 => {
                type $block = crate::ternary::Tq1_0;
                $body
            }
            Format::TQ2_0 => {
                type $block = crate::ternary::Tq2_0;
                $body
            }
            Format::MXFP4 => {
                type $block = crate::microscaling::Mxfp4;
                $body
            }
            Format::NVFP4 => {
                type $block = crate::microscaling::Nvfp4;
                $body
            }
            Format::Q1_0 => {
                type $block = crate::small::Q1_0;
                $body
            }
            Format::Q2_0 => {
                type $block = crate::small::Q2_0;
                $body
            }
        }
    };
}

impl Format {
    /// Every format.
    pub const ALL: &[Self] = &[
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2_K,
        Self::Q3_K,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
        Self::IQ1_S,
        Self::IQ1_M,
        Self::IQ2_XXS,
        Self::IQ2_XS,
        Self::IQ2_S,
        Self::IQ3_XXS,
        Self::IQ3_S,
        Self::IQ4_NL,
        Self::IQ4_XS,
        Self::TQ1_0,
        Self::TQ2_0,
        Self::MXFP4,
        Self::NVFP4,
        Self::Q1_0,
        Self::Q2_0,
    ];

    /// ggml's name in lower case: `q4_k`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Q8_0 => "q8_0",
            Self::Q2_K => "q2_k",
            Self::Q3_K => "q3_k",
            Self::Q4_K => "q4_k",
            Self::Q5_K => "q5_k",
            Self::Q6_K => "q6_k",
            Self::IQ1_S => "iq1_s",
            Self::IQ1_M => "iq1_m",
            Self::IQ2_XXS => "iq2_xxs",
            Self::IQ2_XS => "iq2_xs",
            Self::IQ2_S => "iq2_s",
            Self::IQ3_XXS => "iq3_xxs",
            Self::IQ3_S => "iq3_s",
            Self::IQ4_NL => "iq4_nl",
            Self::IQ4_XS => "iq4_xs",
            Self::TQ1_0 => "tq1_0",
            Self::TQ2_0 => "tq2_0",
            Self::MXFP4 => "mxfp4",
            Self::NVFP4 => "nvfp4",
            Self::Q1_0 => "q1_0",
            Self::Q2_0 => "q2_0",
        }
    }

    /// The format of that name, in any case.
    pub fn from_name(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|f| f.name().eq_ignore_ascii_case(name));
        found.copied().ok_or_else(|| UnknownFormat(name.to_owned()))
    }

    /// Weights in a block.
    pub fn block_len(self) -> usize {
        with_block!(self, B => <B as block::Block>::LEN, Self::F32 | Self::F16 | Self::BF16 => 1)
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        with_block!(self, B => <B as block::Block>::BYTES, Self::F32 => 4, Self::F16 | Self::BF16 => 2)
    }

    /// Bytes of a row of `n` weights; `None` if `n` is no multiple of [`block_len`](Self::block_len) or it overflows.
    pub fn row_bytes(self, n: usize) -> Option<usize> {
        if n.is_multiple_of(self.block_len()) { (n / self.block_len()).checked_mul(self.block_bytes()) } else { None }
    }

    /// Average storage of a weight.
    pub fn bits_per_weight(self) -> f64 {
        8.0 * self.block_bytes() as f64 / self.block_len() as f64
    }

    /// Are weights plain numbers, without codes and scales?
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16)
    }

    /// Can the `mins` of [`expand_i8`](Self::expand_i8) differ from zero?
    pub fn has_mins(self) -> bool {
        with_block!(self, B => <B as block::Block>::HAS_MINS, Self::F32 | Self::F16 | Self::BF16 => false)
    }

    /// Can [`encode`](Self::encode) write it?
    pub fn can_encode(self) -> bool {
        with_block!(self, B => <B as block::Block>::ENCODE.is_some(), Self::F32 | Self::F16 | Self::BF16 => true)
    }

    /// Writes whole blocks that decode to about `values`: the sum of `importance · (value − decoded)²` is kept small. Floats are rounded to nearest.
    ///
    /// `importance` has a positive or zero number for each column of a row, and `values` are rows of that many columns; only ratios
    /// within a block matter. Without it all weights count the same.
    ///
    /// # Errors
    /// If the format is only read, or a value or importance is one that it cannot take; `out` is then undefined.
    ///
    /// # Panics
    /// If the lengths disagree.
    pub fn encode(self, values: &[f32], importance: Option<&[f32]>, out: &mut [u8]) -> Result<(), EncodeError> {
        with_block!(self, B => encode::blocks::<B>(self, values, importance, out),
            Self::F32 => encode::floats(self, values, f32::MAX, out, float::encode_f32),
            Self::F16 => encode::floats(self, values, 65504.0, out, float::encode_f16),
            Self::BF16 => encode::floats(self, values, half::bf16::MAX.to_f32(), out, float::encode_bf16),
        )
    }

    /// Exact values of whole blocks: `bytes` holds `out.len()` weights.
    ///
    /// # Panics
    /// If the two lengths disagree.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        with_block!(self, B => block::decode::<B>(bytes, out),
            Self::F32 => float::decode_f32(bytes, out),
            Self::F16 => float::decode_f16(bytes, out),
            Self::BF16 => float::decode_bf16(bytes, out),
        );
    }

    /// Whole blocks as integers: weight `i` is `scales[i / 16] · codes[i] + mins[i / 16]`, mathematically exact. `mins` is written only
    /// where [`has_mins`](Self::has_mins).
    ///
    /// # Panics
    /// If the lengths disagree, or the format is a float.
    pub fn expand_i8(self, bytes: &[u8], codes: &mut [i8], scales: &mut [f32], mins: &mut [f32]) {
        assert_eq!(codes.len(), scales.len() * GROUP, "codes and scales of one row");
        with_block!(self, B => block::expand::<B>(bytes, codes, scales, mins),
            Self::F32 | Self::F16 | Self::BF16 => panic!("{self:?} has no integer codes"),
        );
    }
}
