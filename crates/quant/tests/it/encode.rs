//! Encoding loses no more than the reference encoder on its own rows.

use proptest::prelude::*;
use quant::Format;

const COLS: usize = 512;

/// Room for rounding in the reference's printed errors.
const TOLERANCE: f64 = 1.0005;
/// Errors of this size are rounding of exact representations.
const ABSOLUTE: f64 = 1e-9;

fn encode(format: Format, values: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = vec![0; format.row_bytes(values.len()).unwrap()];
    format.encode(values, None, &mut bytes);
    let mut decoded = vec![0.0; values.len()];
    format.decode(&bytes, &mut decoded);
    (bytes, decoded)
}

fn rmse(a: &[f32], b: &[f32]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (sum / a.len() as f64).sqrt()
}

#[test]
fn errors_are_no_worse_than_the_reference_encoders() {
    let manifest = testkit::read_json("quant-vectors/manifest.json");
    let input = testkit::read_f32("quant-vectors/input.f32");
    let mut failures = Vec::new();
    for &format in Format::ALL.iter().filter(|f| f.can_encode()) {
        let facts = &manifest["types"][format.name().to_uppercase()];
        let Some(reference) = facts["rmse_per_row"].as_array() else { continue };
        let mut ratios = Vec::new();
        for (i, (row, reference)) in input.chunks_exact(COLS).zip(reference).enumerate() {
            let (_, decoded) = encode(format, row);
            let (ours, theirs) = (rmse(&decoded, row), reference.as_f64().unwrap());
            ratios.push(if theirs > 0.0 { format!("{:.3}", ours / theirs) } else { format!("{ours:.0e}/0") });
            if ours > theirs * TOLERANCE + ABSOLUTE {
                failures.push(format!("{} row {i}: {ours:e}, reference {theirs:e}", format.name()));
            }
        }
        println!("{:<7} {}", format.name(), ratios.join(" "));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn ternary_weights_survive_ternary_formats() {
    let input = testkit::read_f32("quant-vectors/input.f32");
    let row = &input[5 * COLS..6 * COLS];
    for format in [Format::TQ1_0, Format::TQ2_0, Format::Q2_0] {
        let (_, decoded) = encode(format, row);
        // The scale is rounded to f16, once.
        let scale = decoded.iter().copied().fold(0.0, f32::max);
        for (d, x) in decoded.iter().zip(row) {
            assert_eq!(d / scale, (x / 0.37).round(), "{format:?}");
        }
    }
}

#[test]
fn importance_decides_where_the_error_goes() {
    let input = testkit::read_f32("quant-vectors/input.f32");
    let row = &input[..COLS];
    let importance: Vec<f32> = (0..COLS).map(|i| if i % 2 == 0 { 100.0 } else { 1.0 }).collect();
    for format in [Format::Q4_0, Format::Q4_K, Format::Q2_K, Format::Q3_K, Format::IQ4_XS] {
        let error = |importance: Option<&[f32]>| {
            let mut bytes = vec![0; format.row_bytes(COLS).unwrap()];
            format.encode(row, importance, &mut bytes);
            let mut decoded = vec![0.0; COLS];
            format.decode(&bytes, &mut decoded);
            row.iter().zip(&decoded).step_by(2).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
        };
        assert!(error(Some(&importance)) < error(None), "{format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_values_can_be_encoded(seed: u64, exponent in -40i32..40, odd in prop::sample::select(vec![0.0f32, f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE, -1.0])) {
        let mut values = testkit::Rng::new(seed).normals(256);
        values.iter_mut().for_each(|v| *v *= f32::exp2(exponent as f32));
        values[17] = odd;
        for &format in Format::ALL.iter().filter(|f| f.can_encode() && !f.is_float()) {
            let (_, decoded) = encode(format, &values);
            prop_assert!(exponent > 12 || odd == f32::MAX || decoded.iter().all(|d| d.is_finite()), "{:?}", format);
        }
    }
}
