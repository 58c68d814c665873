//! Ternary containers: each holds what its definition says, bit for bit, and gives it to every other that can hold it.

use proptest::prelude::*;
use quant::{Format, OuterScale, ScaleType, StoredMatrix, TernaryEncoder, TernaryError, TernaryRows, tri::TriRows};

fn containers() -> impl Iterator<Item = Format> {
    Format::ALL.iter().copied().filter(|f| f.is_ternary())
}

fn encode(format: Format, rows: &TernaryRows) -> Result<Vec<u8>, TernaryError> {
    let mut encoder = TernaryEncoder::new(format, rows.n_rows(), rows.cols)?;
    let mut bytes = Vec::new();
    encoder.rows(rows, &mut bytes)?;
    encoder.finish(&mut bytes);
    assert_eq!(Some(bytes.len()), format.tensor_bytes(rows.n_rows(), rows.cols), "{format:?}");
    Ok(bytes)
}

fn read(format: Format, n_rows: usize, cols: usize, bytes: &[u8]) -> TernaryRows {
    StoredMatrix::new(format, n_rows, cols, bytes).unwrap().ternary(0, n_rows).unwrap()
}

/// Random codes; a scale for each `span` weights, taken in turn from `scales`.
fn random(seed: u64, n_rows: usize, cols: usize, span: usize, scales: &[f32]) -> TernaryRows {
    let mut rng = testkit::Rng::new(seed);
    let codes = rng.bytes(n_rows * cols).iter().map(|b| (b % 3) as i8 - 1).collect();
    let scales = scales.iter().copied().cycle().take(n_rows * cols / span).collect();
    TernaryRows { cols, span, codes, scales }
}

/// Digit `j` of `n` of a byte that is a fraction of 256, the first being the largest.
fn digit(byte: u8, j: u32) -> i8 {
    let number = (u32::from(byte) * 243) / 256;
    (number / 3u32.pow(4 - j) % 3) as i8 - 1
}

fn bits(byte: u8, shift: usize) -> i8 {
    (byte >> shift & 3) as i8 - 1
}

/// The code of column `c`, by the definition of each container and nothing else.
fn defined(format: Format, row: &[u8], cols: usize, c: usize) -> i8 {
    match format {
        Format::TQ2_0 => bits(row[c / 256 * 66 + c % 256 / 128 * 32 + c % 32], c % 128 / 32 * 2),
        Format::Q2_0 => bits(row[c / 64 * 18 + 2 + c % 64 / 4], c % 4 * 2),
        Format::PQ2_0 => bits(row[c / 128 * 34 + 2 + c % 128 / 4], c % 4 * 2),
        Format::I2_S => bits(row[c / 128 * 32 + c % 32], 6 - c % 128 / 32 * 2),
        Format::I2_S_ARM => bits(row[c / 64 * 16 + c % 16], 6 - c % 64 / 16 * 2),
        Format::IQ2_BN => bits(row[c / 64 * 16 + c % 16], c % 64 / 16 * 2),
        Format::TQ1_0 => {
            let (block, c) = (&row[c / 256 * 54..], c % 256);
            match c {
                0..160 => digit(block[c % 32], c as u32 / 32),
                160..240 => digit(block[32 + (c - 160) % 16], (c as u32 - 160) / 16),
                _ => digit(block[48 + (c - 240) % 4], (c as u32 - 240) / 4),
            }
        }
        Format::PTQ1_0 => {
            let (block, c) = (&row[c / 128 * 28..], c % 128);
            match c {
                0..80 => digit(block[c % 16], c as u32 / 16),
                80..120 => digit(block[16 + (c - 80) % 8], (c as u32 - 80) / 8),
                _ => digit(block[24 + (c - 120) % 2], (c as u32 - 120) / 2),
            }
        }
        Format::IQ1_BN => {
            // The first digit is the least here.
            let (block, c) = (&row[c / 64 * 13..], c % 64);
            let (byte, place) =
                if c % 16 < 15 { (block[3 * (c / 16) + c % 16 / 5], c % 16 % 5) } else { (block[12], c / 16) };
            digit(byte, 4 - place as u32)
        }
        Format::TriRows(rows) => {
            let name = rows.name();
            if name.starts_with("tri1") && c < cols / 1280 * 1280 {
                return digit(row[c / 1280 * 256 + c % 256], c as u32 % 1280 / 256);
            }
            let (before, at) = if name.starts_with("tri1") { (cols / 1280 * 1280, cols / 1280 * 256) } else { (0, 0) };
            let (per_byte, full) = if name.starts_with("tri1") { (5, 52) } else { (4, 64) };
            let (line, n) = ((c - before) / 256, (cols - (c - before) / 256 * 256 - before).min(256));
            let (len, i) = (n.div_ceil(4 * per_byte) * 4, (c - before) % 256);
            let byte = row[at + line * full + i % len];
            if per_byte == 5 { digit(byte, (i / len) as u32) } else { bits(byte, i / len * 2) }
        }
        Format::TriBlocks(blocks) => {
            let (_, n, scale) = blocks.parts();
            let is_base3 = blocks.name().starts_with("tri1");
            let len = n.div_ceil(if is_base3 { 5 } else { 4 });
            let (byte, place) = (row[c / n * (len + scale.bytes()) + c % n % len], c % n / len);
            if is_base3 { digit(byte, place as u32) } else { bits(byte, place * 2) }
        }
        other => panic!("{other:?} is no ternary container"),
    }
}

#[test]
fn every_container_holds_what_its_definition_says() {
    for format in containers() {
        for (seed, cols) in [(1, 256), (2, 1536), (3, 2560), (4, 3328)] {
            let rows = random(seed, 3, cols, cols, &[0.5]);
            let bytes = encode(format, &rows).unwrap();
            let matrix = StoredMatrix::new(format, 3, cols, &bytes).unwrap();
            matrix.check_ternary(3).unwrap();
            for m in 0..3 {
                for c in 0..cols {
                    let expected = rows.codes[m * cols + c];
                    assert_eq!(defined(format, matrix.row(m), cols, c), expected, "{format:?} [{m}, {c}] of {cols}");
                }
            }
            let mut values = vec![0.0; 3 * cols];
            matrix.decode(0, &mut values);
            testkit::assert_same_f32(format.name(), &values, &rows.values());
        }
    }
}

/// Row lengths that are no multiple of 256: those of BitNet 3B, and of any length where a format allows.
#[test]
fn rows_of_other_lengths() {
    for format in containers() {
        for cols in [3200, 8640, 64, 192, 1344, 1300, 172, 20, 1usize] {
            if !cols.is_multiple_of(format.block_len()) {
                let error = TernaryEncoder::new(format, 2, cols).err().unwrap().to_string();
                assert!(error.contains(&format!("rows of {cols} weights")), "{error}");
                continue;
            }
            let rows = random(cols as u64, 2, cols, cols, &[0.25]);
            let bytes = encode(format, &rows).unwrap();
            let matrix = StoredMatrix::new(format, 2, cols, &bytes).unwrap();
            for (i, &expected) in rows.codes.iter().enumerate() {
                assert_eq!(defined(format, matrix.row(i / cols), cols, i % cols), expected, "{format:?} {i} of {cols}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// From every container into every other and back: the same bytes, as one scale that a half holds fits all of them.
    #[test]
    fn one_scale_goes_through_all_containers(
        seed: u64,
        n_rows in 1usize..4,
        groups in 1usize..8,
        exponent in -14i32..3,
    ) {
        let cols = 256 * groups;
        let rows = random(seed, n_rows, cols, cols, &[1.375 * 2f32.powi(exponent)]);
        let all: Vec<_> = containers().map(|format| (format, encode(format, &rows).unwrap())).collect();
        for (from, bytes) in &all {
            let read = read(*from, n_rows, cols, bytes);
            for (to, expected) in &all {
                let written = encode(*to, &read).unwrap();
                prop_assert!(&written == expected, "{from:?} to {to:?}");
            }
        }
    }

    /// A scale for each group goes through the containers that have one for as many weights or fewer, and no other
    /// takes it.
    #[test]
    fn scales_of_groups(seed: u64, span_power in 0usize..4, n_rows in 1usize..3) {
        let (cols, span) = (1024, 32 << span_power);
        let rows = random(seed, n_rows, cols, span, &[0.5, -0.25, 0.125, 3.0]);
        for format in containers() {
            let fits = format.outer_scale() == OuterScale::None && format.block_len() <= span;
            match encode(format, &rows) {
                Ok(bytes) => {
                    prop_assert!(fits, "{format:?} took scales of {span}");
                    let again = read(format, n_rows, cols, &bytes);
                    prop_assert_eq!(&again.codes, &rows.codes);
                    prop_assert_eq!(again.values(), rows.values());
                }
                Err(TernaryError::Mixed { scale, common, .. }) => {
                    prop_assert!(!fits && scale != common, "{format:?}");
                }
                Err(other) => prop_assert!(false, "{format:?}: {other}"),
            }
        }
    }

    /// A scale for each row.
    #[test]
    fn scales_of_rows(seed: u64) {
        let rows = random(seed, 4, 512, 512, &[0.5, 0.25, 0.75, 1.0]);
        for format in containers() {
            let is_one = matches!(format.outer_scale(), OuterScale::Tensor { .. });
            let result = encode(format, &rows);
            prop_assert_eq!(result.is_err(), is_one, "{:?}", format);
            if let Ok(bytes) = result {
                let matrix = StoredMatrix::new(format, 4, 512, &bytes).unwrap();
                prop_assert_eq!(matrix.row_scales(0..4), Some(vec![0.5, 0.25, 0.75, 1.0]));
                prop_assert_eq!(read(format, 4, 512, &bytes).values(), rows.values());
            }
        }
    }

    /// Any bytes of the right number can be read.
    #[test]
    fn any_bytes_can_be_read(seed: u64, n_rows in 1usize..4) {
        for format in containers() {
            let bytes = testkit::Rng::new(seed).bytes(format.tensor_bytes(n_rows, 512).unwrap());
            let matrix = StoredMatrix::new(format, n_rows, 512, &bytes).unwrap();
            let rows = matrix.ternary(0, n_rows).unwrap();
            let code_max = format.ternary_code_max().unwrap();
            prop_assert!(rows.codes.iter().all(|code| (-1..=code_max).contains(code)), "{format:?}");
            let mut values = vec![0.0; n_rows * 512];
            matrix.decode(0, &mut values);
            matrix.row_scales(0..n_rows);
            let _ = matrix.check_ternary(n_rows);
        }
    }
}

/// What our encoders make of any weights looks like what it is.
#[test]
fn encoded_weights_pass_the_check() {
    for format in containers().filter(|f| f.can_encode()) {
        for seed in 0..20 {
            let values: Vec<f32> = testkit::Rng::new(seed).normals(4 * 512).iter().map(|x| x * 0.02).collect();
            let mut bytes = vec![0; format.tensor_bytes(4, 512).unwrap()];
            format.encode(&values, None, &mut bytes).unwrap();
            StoredMatrix::new(format, 4, 512, &bytes).unwrap().check_ternary(4).unwrap();
        }
    }
}

#[test]
fn what_a_container_cannot_hold_is_named() {
    let third = random(1, 1, 256, 256, &[1.0 / 3.0]);
    let error = encode(Format::TQ2_0, &third).unwrap_err().to_string();
    assert_eq!(error, "the scale of row 0 is 0.33333334, but tq2_0 would store 0.33325195");
    assert!(encode(Format::I2_S, &third).is_ok());
    let mut two = random(1, 1, 256, 256, &[1.0]);
    two.codes[7] = 2;
    let error = encode(Format::TQ1_0, &two).unwrap_err().to_string();
    assert_eq!(error, "row 0, column 7 is 2 times its scale, but tq1_0 holds -1 to 1");
    assert_eq!(read(Format::TQ2_0, 1, 256, &encode(Format::TQ2_0, &two).unwrap()).codes[7], 2);
    let mixed = random(1, 2, 512, 128, &[1.0, 2.0]);
    let error = encode(Format::TQ2_0, &mixed).unwrap_err().to_string();
    assert_eq!(error, "row 0, column 128 has scale 2, but tq2_0 has one for each 256 weights, here 1");
    let error = encode(Format::I2_S, &random(1, 2, 256, 256, &[1.0, 2.0])).unwrap_err().to_string();
    assert_eq!(error, "row 1, column 0 has scale 2, but i2_s has one for each tensor, here 1");
    assert!(matches!(TernaryEncoder::new(Format::Q8_0, 1, 256).err(), Some(TernaryError::NotTernary(Format::Q8_0))));
    let error = StoredMatrix::new(Format::IQ2_BN, 2, 256, &[0; 100]).unwrap_err().to_string();
    assert_eq!(error, "100 bytes, but 2 rows of 256 weights in iq2_bn have 136");
}

/// Blocks of zeros have any scale: it neither hinders a container with fewer scales nor says that a row has two.
#[test]
fn blocks_of_zeros_have_no_say() {
    let mut rows = random(3, 1, 512, 256, &[0.0, 0.5]);
    rows.codes[..256].fill(0);
    for format in containers() {
        let bytes = encode(format, &rows).unwrap();
        let matrix = StoredMatrix::new(format, 1, 512, &bytes).unwrap();
        assert_eq!(matrix.row_scales(0..1), Some(vec![0.5]), "{format:?}");
        assert_eq!(read(format, 1, 512, &bytes).values(), rows.values(), "{format:?}");
    }
    rows.codes[0] = 1;
    for format in containers().filter(|f| f.outer_scale() == OuterScale::None) {
        let bytes = encode(format, &rows).unwrap();
        assert_eq!(StoredMatrix::new(format, 1, 512, &bytes).unwrap().row_scales(0..1), None, "{format:?}");
    }
    assert_eq!(StoredMatrix::new(Format::F32, 1, 2, &[0; 8]).unwrap().row_scales(0..1), None);
    assert_eq!(TriRows::ALL.len(), 8);
}

/// The bytes of a container do not look like those of another of the same size: scales where codes should be and codes
/// where digits should be.
#[test]
fn bytes_of_another_container_are_noticed() {
    let rows = random(5, 16, 1024, 1024, &[0.0117]);
    let mut n = 0;
    for from in containers() {
        let Ok(bytes) = encode(from, &TernaryRows { scales: vec![from_f16(0.0117); 16], ..rows.clone() }) else {
            continue;
        };
        for to in containers() {
            let (is_base3_from, is_base3_to) = (from.ternary_code_max() == Some(1), to.ternary_code_max() == Some(1));
            let len = to.tensor_bytes(16, 1024).unwrap();
            let mut padded = bytes.clone();
            padded.resize(len.max(bytes.len()), 0);
            if from == to || is_base3_from == is_base3_to || bytes.len().abs_diff(len) > 64 {
                continue;
            }
            let matrix = StoredMatrix::new(to, 16, 1024, &padded[..len]).unwrap();
            assert!(matrix.check_ternary(16).is_err(), "{from:?} passes for {to:?}");
            n += 1;
        }
    }
    assert!(n > 0);
}

/// The nearest half.
fn from_f16(x: f32) -> f32 {
    ScaleType::F16.stored(x)
}

/// Rows without weights take no bytes: any number of them is a matrix.
#[test]
fn more_rows_than_can_be_multiplied_are_checked() {
    for format in containers().filter(|f| f.outer_scale() == OuterScale::None) {
        let matrix = StoredMatrix::new(format, usize::MAX, 0, &[]).unwrap();
        matrix.check_ternary(8).unwrap();
    }
}
