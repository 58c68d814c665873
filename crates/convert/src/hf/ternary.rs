//! Ternary weights: BitNet's, packed four rows to a byte, or masters to be rounded by the mean of their magnitudes;
//! MLX's, packed along the row.
//!
//! Sources: transformers' `integrations/bitnet.py` (`pack_weights`, `WeightQuant`), 1bitLLM's `utils_quant.py`
//! (`weight_quant`), `mlx.core.quantize`.

use half::{bf16, f16};
use quant::Format;

/// Number of rows in a byte of a packed matrix.
const ROWS_PER_BYTE: usize = 4;

/// Number of byte rows that hold `n_rows` rows of weights.
pub(super) fn packed_rows(n_rows: usize) -> usize {
    n_rows.div_ceil(ROWS_PER_BYTE)
}

/// Unpacks the codes of row `row` of a matrix of `n_rows`, from its `bytes` `[ceil(n_rows / 4), cols]`.
///
/// Byte row `r` holds row `i · ceil(n_rows / 4) + r` in bits `2i` and `2i + 1`: quarters of the matrix, not neighbours.
/// Codes 0, 1, 2 mean -1, 0, 1; nobody writes 3, so it is refused: `Err` is its column.
pub(super) fn unpack(bytes: &[u8], n_rows: usize, cols: usize, row: usize, out: &mut Vec<i8>) -> Result<(), usize> {
    let n_packed = packed_rows(n_rows);
    let (byte_row, quarter) = (row % n_packed, row / n_packed);
    let packed = bytes.chunks_exact(cols).nth(byte_row).unwrap_or_default();
    let start = out.len();
    out.extend(packed.iter().map(|byte| ((byte >> (2 * quarter)) & 3) as i8 - 1));
    match out.iter().skip(start).position(|&code| code == 2) {
        Some(col) => Err(col),
        None => Ok(()),
    }
}

/// Number of weights in a 32-bit word of MLX.
pub(super) const MLX_WEIGHTS_PER_WORD: usize = 16;

/// Unpacks the codes of a row of MLX's 2-bit words `[cols / 16]`: weight `16 i + j` stands in bits `2j` and `2j + 1` of
/// word `i`, which is little-endian. A code `c` means `c · scale + bias`; with the bias `-scale` of ternary models that
/// is `(c - 1) · scale`.
pub(super) fn unpack_mlx(bytes: &[u8], out: &mut Vec<i8>) {
    out.extend(bytes.iter().flat_map(|&byte| [0, 2, 4, 6].map(|shift| ((byte >> shift) & 3) as i8 - 1)));
}

/// The rule by which a matrix of masters becomes ternary: weight `w` becomes `code(w) · scale`.
///
/// Training computes, in f32, `s = 1 / max(mean|w|, 1e-5)`, `round(w·s)` to even, clamped to -1, 0, 1, divided by `s`,
/// and rounded to the type of the weights. This does the same; the mean is summed in f64 and rounded once, where a
/// GPU's order of additions may end some units in the last place away.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Absmean {
    inverse: f32,
    pub(super) scale: f32,
}

impl Absmean {
    /// Makes the rule from the sum of magnitudes of `n` weights kept in `format`.
    pub(super) fn new(sum: f64, n: usize, format: Format) -> Self {
        let mean = (sum / n.max(1) as f64) as f32;
        let inverse = 1.0 / mean.max(1e-5);
        let scale = 1.0 / inverse;
        let scale = match format {
            Format::F16 => f16::from_f32(scale).to_f32(),
            Format::BF16 => bf16::from_f32(scale).to_f32(),
            _ => scale,
        };
        Self { inverse, scale }
    }

    /// Returns the code of a weight: -1, 0 or 1.
    pub(super) fn code(self, weight: f32) -> i8 {
        (weight * self.inverse).round_ties_even().clamp(-1.0, 1.0) as i8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_of_a_matrix_share_bytes() {
        // Rows of one column, codes 0, 1, 2, 0, 1, 2: two byte rows hold rows 0 2 4 and 1 3 5.
        let bytes = [0b00_01_10_00, 0b00_10_00_01];
        let mut codes = Vec::new();
        (0..6).for_each(|row| unpack(&bytes, 6, 1, row, &mut codes).unwrap());
        assert_eq!(codes, [-1, 0, 1, -1, 0, 1]);
        assert_eq!(unpack(&[0b11], 4, 1, 0, &mut codes), Err(0));
    }

    #[test]
    fn halves_round_to_even_and_nothing_divides_by_zero() {
        // mean|w| = 1: 0.5 is a tie that goes to 0, 1.5 one that goes to 2 and is clamped.
        let absmean = Absmean::new(4.0, 4, Format::F32);
        assert_eq!([0.5, -0.5, 0.500001, 1.5, -7.0].map(|w| absmean.code(w)), [0, 0, 1, 1, -1]);
        let zeros = Absmean::new(0.0, 4, Format::F32);
        assert_eq!((zeros.code(0.0), zeros.scale), (0, 1.0 / (1.0 / 1e-5)));
    }

    #[test]
    fn the_scale_is_of_the_type_of_the_weights() {
        let scale = |format| Absmean::new(0.7, 3, format).scale;
        assert_eq!(scale(Format::BF16), bf16::from_f32(scale(Format::F32)).to_f32());
        assert_eq!(scale(Format::F16), f16::from_f32(scale(Format::F32)).to_f32());
        assert_ne!(scale(Format::F16), scale(Format::F32));
    }
}
