//! The tensor types of `.tri` files: base-3 digits (`tri1`) or two bits (`tri2`) a weight, under one scale per tensor,
//! row or group of 32 to 256.
//!
//! With one scale per tensor or row ([`TriRows`]) a row is codes only, of any length, and the scales stand behind all
//! rows, where kernels find them at once. With a scale per group ([`TriBlocks`]) a block is the group's codes, then its
//! scale. `docs/tri-format.md` says the same for writers of readers.

use super::{Packed, ScaleType, pack_digits, pack_pairs, unpack_digits, unpack_pairs};
use crate::block::Block;

/// How codes are packed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Packing {
    /// Five base-3 digits a byte, as fractions of 256 (TQ1_0's way): 1.6 bits a weight.
    Base3,
    /// Four codes of two bits a byte.
    TwoBits,
}

impl Packing {
    /// Codes of a byte.
    pub const fn per_byte(self) -> usize {
        match self {
            Self::Base3 => 5,
            Self::TwoBits => 4,
        }
    }

    fn unpack(self, bytes: &[u8], codes: &mut [i8]) {
        match self {
            Self::Base3 => unpack_digits(bytes, codes),
            Self::TwoBits => unpack_pairs(bytes, codes),
        }
    }

    fn pack(self, codes: &[i8], bytes: &mut [u8]) {
        match self {
            Self::Base3 => pack_digits(codes, bytes),
            Self::TwoBits => pack_pairs(codes, bytes),
        }
    }
}

/// What shares a scale that lies outside of the rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Span {
    /// The whole tensor.
    Tensor,
    /// Each row by itself.
    Row,
}

/// Rows of codes, scales behind them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TriRows {
    /// How codes are packed.
    pub packing: Packing,
    /// What shares a scale.
    pub span: Span,
    /// Type of a scale.
    pub scale: ScaleType,
}

/// Weights of a *line*, the unit in which rows are walked.
pub const LINE: usize = 256;

/// Weights of a *long line* of base-3 digits: 256 bytes, in which digit `p` of all bytes is a line of its own.
pub const LONG_LINE: usize = 5 * LINE;

/// Bytes of a long line.
pub const LONG_LINE_BYTES: usize = LONG_LINE / 5;

/// Where a line of a row lies, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// All of it is digit `digit` of the 256 bytes at `at`.
    Digit {
        /// First byte of the long line.
        at: usize,
        /// Place of the digit in each byte, the largest first.
        digit: usize,
    },
    /// Byte `i` of `len` holds weights `i`, `len + i`, `2 len + i`, …
    Planes {
        /// Place of the line's first byte in the row.
        at: usize,
        /// Bytes, a multiple of 4.
        len: usize,
    },
}

impl TriRows {
    /// All of them.
    pub const ALL: [Self; 8] = {
        let mut all = [Self { packing: Packing::Base3, span: Span::Tensor, scale: ScaleType::F16 }; 8];
        let mut i = 0;
        while i < 8 {
            all[i] = Self {
                packing: if i & 4 == 0 { Packing::Base3 } else { Packing::TwoBits },
                span: if i & 2 == 0 { Span::Tensor } else { Span::Row },
                scale: if i & 1 == 0 { ScaleType::F16 } else { ScaleType::F32 },
            };
            i += 1;
        }
        all
    };

    /// Name of the type: `tri1_row_f32`.
    pub const fn name(self) -> &'static str {
        match (self.packing, self.span, self.scale) {
            (Packing::Base3, Span::Tensor, ScaleType::F16) => "tri1_tensor_f16",
            (Packing::Base3, Span::Tensor, ScaleType::F32) => "tri1_tensor_f32",
            (Packing::Base3, Span::Row, ScaleType::F16) => "tri1_row_f16",
            (Packing::Base3, Span::Row, ScaleType::F32) => "tri1_row_f32",
            (Packing::TwoBits, Span::Tensor, ScaleType::F16) => "tri2_tensor_f16",
            (Packing::TwoBits, Span::Tensor, ScaleType::F32) => "tri2_tensor_f32",
            (Packing::TwoBits, Span::Row, ScaleType::F16) => "tri2_row_f16",
            (Packing::TwoBits, Span::Row, ScaleType::F32) => "tri2_row_f32",
        }
    }

    /// Bytes of the last line of a row, of `n` weights.
    const fn line_bytes(self, n: usize) -> usize {
        n.div_ceil(4 * self.packing.per_byte()) * 4
    }

    /// Bytes of the codes of `cols` weights; `None` on overflow.
    pub const fn row_bytes(self, cols: usize) -> Option<usize> {
        let (long, rest) = match self.packing {
            Packing::Base3 => (cols / LONG_LINE * LONG_LINE_BYTES, cols % LONG_LINE),
            Packing::TwoBits => (0, cols),
        };
        let Some(lines) = (rest / LINE).checked_mul(self.line_bytes(LINE)) else { return None };
        match lines.checked_add(self.line_bytes(rest % LINE)) {
            Some(bytes) => long.checked_add(bytes),
            None => None,
        }
    }

    /// Where weights `256 g ..` of a row of `cols` lie.
    pub const fn line(self, cols: usize, g: usize) -> Line {
        let long_lines = match self.packing {
            Packing::Base3 => cols / LONG_LINE,
            Packing::TwoBits => 0,
        };
        if g < 5 * long_lines {
            return Line::Digit { at: g / 5 * LONG_LINE_BYTES, digit: g % 5 };
        }
        let n = if (g + 1) * LINE <= cols { LINE } else { cols - g * LINE };
        let at = long_lines * LONG_LINE_BYTES + (g - 5 * long_lines) * self.line_bytes(LINE);
        Line::Planes { at, len: self.line_bytes(n) }
    }

    /// Codes `256 g ..` of a row of `cols`, as many as fit `codes` or are there.
    pub(crate) fn expand_line(self, row: &[u8], cols: usize, g: usize, codes: &mut [i8]) {
        match self.line(cols, g) {
            Line::Digit { at, digit } => {
                let power = [1, 3, 9, 27, 81][digit];
                for (code, byte) in codes.iter_mut().zip(&row[at..at + LONG_LINE_BYTES]) {
                    *code = ((u16::from(byte.wrapping_mul(power)) * 3) >> 8) as i8 - 1;
                }
            }
            Line::Planes { at, len } => self.packing.unpack(&row[at..at + len], codes),
        }
    }

    /// Appends the codes of a row, each from −1 to what the packing has room for: 1, or 2 in two bits.
    pub fn pack_row(self, codes: &[i8], out: &mut Vec<u8>) {
        let n_long = match self.packing {
            Packing::Base3 => codes.len() / LONG_LINE * LONG_LINE,
            Packing::TwoBits => 0,
        };
        let (long, rest) = codes.split_at(n_long);
        for (line, len) in long
            .chunks_exact(LONG_LINE)
            .map(|line| (line, LONG_LINE_BYTES))
            .chain(rest.chunks(LINE).map(|line| (line, self.line_bytes(line.len()))))
        {
            let at = out.len();
            out.resize(at + len, 0);
            self.packing.pack(line, &mut out[at..]);
        }
    }
}

/// Blocks of codes and a scale.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(non_camel_case_types, missing_docs, reason = "packing, weights, type of the scale: tri1, 32, f16")]
pub enum TriBlocks {
    Tri1_32_F16,
    Tri1_64_F16,
    Tri1_128_F16,
    Tri1_256_F16,
    Tri1_32_F32,
    Tri1_64_F32,
    Tri1_128_F32,
    Tri1_256_F32,
    Tri2_32_F16,
    Tri2_64_F16,
    Tri2_128_F16,
    Tri2_256_F16,
    Tri2_32_F32,
    Tri2_64_F32,
    Tri2_128_F32,
    Tri2_256_F32,
}

macro_rules! tri_blocks {
    // `$d` stands for `$` in the macro that this one writes.
    (
        $d:tt
        $($name:ident $text:literal: $len:literal weights of $packing:ident in $codes:literal bytes,
            $scale:ident of $scale_bytes:literal;)*
    ) => {
        $(
            #[doc = concat!($text, ": ", $len, " weights, ", $codes, " bytes of codes, then the scale. Byte `i` of `n` holds weights `i`, `n + i`, `2 n + i`, …")]
            #[allow(non_camel_case_types, reason = "as the format is called")]
            pub(crate) struct $name;

            impl Block for $name {
                type Bytes = [u8; $codes + $scale_bytes];
                type Codes = [i8; $len];
                type Groups = [f32; $len / 16];
                const LARGEST: f32 = match ScaleType::$scale {
                    ScaleType::F16 => 65504.0,
                    ScaleType::F32 => f32::MAX,
                };

                fn expand(
                    bytes: &Self::Bytes,
                    codes: &mut Self::Codes,
                    scales: &mut Self::Groups,
                    _mins: &mut Self::Groups,
                ) {
                    *scales = [ScaleType::$scale.read(&bytes[$codes..]); $len / 16];
                    Packing::$packing.unpack(&bytes[..$codes], codes);
                }
            }

            impl Packed for $name {
                const SCALE: Option<(usize, ScaleType)> = Some(($codes, ScaleType::$scale));
                const CODE_MAX: i8 = match Packing::$packing {
                    Packing::Base3 => 1,
                    Packing::TwoBits => 2,
                };

                fn pack(codes: &Self::Codes, bytes: &mut Self::Bytes) {
                    Packing::$packing.pack(codes, &mut bytes[..$codes]);
                }
            }
        )*

        impl TriBlocks {
            /// All of them.
            pub const ALL: [Self; 16] = [$(Self::$name),*];

            /// Name of the type: `tri1_g32_f16`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text),*
                }
            }

            /// Codes, span and scale of the type.
            pub const fn parts(self) -> (Packing, usize, ScaleType) {
                match self {
                    $(Self::$name => (Packing::$packing, $len, ScaleType::$scale)),*
                }
            }
        }

        /// The only `match` from [`TriBlocks`] to the type of a block.
        macro_rules! with_tri_block {
            ($d blocks:expr, $d block:ident => $d body:expr) => {
                match $d blocks {
                    $(
                        $crate::ternary::tri::TriBlocks::$name => {
                            type $d block = $crate::ternary::tri::$name;
                            $d body
                        }
                    )*
                }
            };
        }
        pub(crate) use with_tri_block;
    };
}

tri_blocks! {
    $
    Tri1_32_F16 "tri1_g32_f16": 32 weights of Base3 in 7 bytes, F16 of 2;
    Tri1_64_F16 "tri1_g64_f16": 64 weights of Base3 in 13 bytes, F16 of 2;
    Tri1_128_F16 "tri1_g128_f16": 128 weights of Base3 in 26 bytes, F16 of 2;
    Tri1_256_F16 "tri1_g256_f16": 256 weights of Base3 in 52 bytes, F16 of 2;
    Tri1_32_F32 "tri1_g32_f32": 32 weights of Base3 in 7 bytes, F32 of 4;
    Tri1_64_F32 "tri1_g64_f32": 64 weights of Base3 in 13 bytes, F32 of 4;
    Tri1_128_F32 "tri1_g128_f32": 128 weights of Base3 in 26 bytes, F32 of 4;
    Tri1_256_F32 "tri1_g256_f32": 256 weights of Base3 in 52 bytes, F32 of 4;
    Tri2_32_F16 "tri2_g32_f16": 32 weights of TwoBits in 8 bytes, F16 of 2;
    Tri2_64_F16 "tri2_g64_f16": 64 weights of TwoBits in 16 bytes, F16 of 2;
    Tri2_128_F16 "tri2_g128_f16": 128 weights of TwoBits in 32 bytes, F16 of 2;
    Tri2_256_F16 "tri2_g256_f16": 256 weights of TwoBits in 64 bytes, F16 of 2;
    Tri2_32_F32 "tri2_g32_f32": 32 weights of TwoBits in 8 bytes, F32 of 4;
    Tri2_64_F32 "tri2_g64_f32": 64 weights of TwoBits in 16 bytes, F32 of 4;
    Tri2_128_F32 "tri2_g128_f32": 128 weights of TwoBits in 32 bytes, F32 of 4;
    Tri2_256_F32 "tri2_g256_f32": 256 weights of TwoBits in 64 bytes, F32 of 4;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_waste_next_to_nothing() {
        let tri1 = TriRows::ALL[0];
        // Widths of BitNet 700M, 3B and 2B-4T: 1.6 bits, and lines of whole words.
        for (cols, bytes) in
            [(1280, 256), (2560, 512), (1536, 308), (4096, 820), (3200, 644), (8640, 1732), (6912, 1384)]
        {
            assert_eq!(tri1.row_bytes(cols), Some(bytes), "{cols}");
            assert!(8.0 * bytes as f64 / cols as f64 <= 1.612, "{cols}");
        }
        let tri2 = TriRows::ALL[4];
        assert_eq!([256, 3200, 8640, 20, 1].map(|cols| tri2.row_bytes(cols)), [64, 800, 2160, 8, 4].map(Some));
    }

    #[test]
    fn the_examples_of_the_document() {
        let (tri1, tri2) = (TriRows::ALL[0], TriRows::ALL[4]);
        let row = |rows: TriRows, codes: &[i8]| {
            let mut bytes = Vec::new();
            rows.pack_row(codes, &mut bytes);
            bytes
        };
        assert_eq!(row(tri1, &[1, -1, 0]), [0xab, 0x00, 0x56, 0x00]);
        assert_eq!(row(tri2, &[1, -1, 0]), [0x02, 0x00, 0x01, 0x00]);
        assert_eq!(row(tri1, &[1, -1, 0, 1, 1, -1]), [0xe4, 0x00, 0x56, 0xab]);
        assert_eq!(row(tri2, &[1, -1, 0, 1, 1, -1]), [0x0a, 0x00, 0x01, 0x02]);
        let mut codes = [0; LONG_LINE];
        (codes[0], codes[512], codes[768]) = (1, -1, 1);
        assert_eq!(row(tri1, &codes), [&[0xcf][..], &[0x80; 255]].concat());
        let (mut codes, mut block) = ([0; 32], Vec::new());
        codes[0] = 1;
        crate::Format::TriBlocks(TriBlocks::Tri1_32_F16).pack_row(&codes, &[0.5], &mut block);
        assert_eq!(block, [0xd5, 0x80, 0x80, 0x80, 0x7f, 0x7f, 0x7f, 0x00, 0x38]);
    }
}
