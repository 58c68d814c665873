//! Codes of a ternary tensor out of its bytes and back: the one place that knows ternary containers here.

use quant::{Format, GROUP, TernaryRows};

/// Rows and columns of a matrix, or of all matrices of a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) cols: usize,
}

/// Codes and scales of the whole tensor; `None` if the format is not ternary, or the bytes are no such matrix.
pub(super) fn read(format: Format, shape: Shape, bytes: &[u8]) -> Option<TernaryRows> {
    let Shape { rows, cols } = shape;
    let is_whole = format.row_bytes(cols)?.checked_mul(rows)? == bytes.len();
    if !is_whole || !matches!(format, Format::TQ1_0 | Format::TQ2_0) {
        return None;
    }
    let span = format.block_len();
    let (mut codes, mut scales) = (vec![0; rows * cols], vec![0.0; rows * cols / GROUP]);
    format.expand_i8(bytes, &mut codes, &mut scales, &mut []);
    Some(TernaryRows { cols, span, codes, scales: scales.into_iter().step_by(span / GROUP).collect() })
}

/// The bytes of `weights`; an error where the format would store others.
pub(super) fn write(format: Format, shape: Shape, weights: &TernaryRows) -> Result<Vec<u8>, String> {
    let values = weights.values();
    let n_bytes = format.row_bytes(shape.cols).and_then(|n| n.checked_mul(shape.rows));
    let mut bytes = vec![0; n_bytes.ok_or("too large to address")?];
    format.encode(&values, None, &mut bytes).map_err(|e| e.to_string())?;
    let mut stored = vec![0.0; values.len()];
    format.decode(&bytes, &mut stored);
    match stored.iter().zip(&values).position(|(stored, value)| stored != value) {
        Some(at) => Err(format!("weight {at} is {}, but {} stores {}", values[at], format.name(), stored[at])),
        None => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_written() {
        for format in [Format::TQ1_0, Format::TQ2_0] {
            let shape = Shape { rows: 3, cols: 512 };
            let mut rng = testkit::Rng::new(9);
            let codes = (0..3 * 512).map(|_| rng.below(3) as i8 - 1).collect();
            let weights =
                TernaryRows { cols: 512, span: 256, codes, scales: vec![0.5, 0.037_109_375, 1.25, 3.0, 2e-3f32, 1.0] };
            // 0.002 is no half-precision number.
            assert!(write(format, shape, &weights).unwrap_err().contains("0.002"));
            let weights = TernaryRows { scales: vec![0.5, 0.037_109_375, 1.25, 3.0, 0.125, 1.0], ..weights };
            let bytes = write(format, shape, &weights).unwrap();
            assert_eq!(read(format, shape, &bytes).unwrap(), weights, "{}", format.name());
            assert!(read(format, Shape { rows: 4, ..shape }, &bytes).is_none());
        }
        assert!(read(Format::Q8_0, Shape { rows: 1, cols: 32 }, &[0; 34]).is_none());
    }
}
