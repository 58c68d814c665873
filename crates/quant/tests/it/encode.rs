//! Encoding is no worse than the reference on any row, says what it cannot do, and gives back what is already on the
//! grid.

use proptest::prelude::*;
use quant::{EncodeError, Format};

/// Both errors are sums of 512 squares of the same input.
const SUMMATION: f64 = 1e-6;

fn encodable() -> impl Iterator<Item = Format> {
    Format::ALL.iter().copied().filter(|f| f.can_encode())
}

/// Root of the mean of `importance · (a − b)²`.
fn rmse(a: &[f32], b: &[f32], importance: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    let weighted = a.iter().zip(b).map(square).zip(importance.iter().cycle()).map(|(e, w)| e * f64::from(*w));
    (weighted.sum::<f64>() / a.len() as f64).sqrt()
}

fn round_trip(format: Format, values: &[f32], importance: Option<&[f32]>) -> Vec<f32> {
    let mut bytes = vec![0; format.row_bytes(values.len()).unwrap()];
    format.encode(values, importance, &mut bytes).unwrap();
    let mut out = vec![0.0; values.len()];
    format.decode(&bytes, &mut out);
    out
}

/// For each row of the golden input: the reference encoder's error and ours.
fn errors(format: Format) -> Vec<(f64, f64)> {
    let manifest = testkit::read_json("quant-vectors/manifest.json");
    let input = testkit::read_f32("quant-vectors/input.f32");
    let cols = manifest["cols"].as_u64().unwrap() as usize;
    let reference = testkit::read_f32(&format!("quant-vectors/{}.dequant.f32", format.name().to_uppercase()));
    let ours = round_trip(format, &input, None);
    let rows = input.chunks(cols).zip(reference.chunks(cols)).zip(ours.chunks(cols));
    rows.map(|((x, reference), ours)| (rmse(x, reference, &[1.0]), rmse(x, ours, &[1.0]))).collect()
}

/// Encodable formats that the reference encodes too.
fn compared() -> impl Iterator<Item = Format> {
    encodable().filter(|f| !matches!(f, Format::F32 | Format::Q2_0))
}

#[test]
fn no_row_is_worse_than_the_reference_encoders() {
    let manifest = testkit::read_json("quant-vectors/manifest.json");
    assert_eq!(compared().count(), manifest["types"].as_object().unwrap().len());
    for format in compared() {
        for (row, (reference, ours)) in errors(format).into_iter().enumerate() {
            assert!(
                ours <= reference * (1.0 + SUMMATION),
                "{format:?} row {row}: error {ours:e}, reference {reference:e}"
            );
        }
    }
}

#[test]
fn the_readme_states_these_errors() {
    let mut table = String::new();
    for format in compared() {
        let cells: Vec<String> = errors(format)
            .iter()
            .map(
                |(reference, ours)| if *reference == 0.0 { "0".to_owned() } else { format!("{:.3}", ours / reference) },
            )
            .collect();
        table += &format!("| {} | {} |\n", format.name(), cells.join(" | "));
    }
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&table), "crates/quant/README.md should hold this table:\n{table}");
}

#[test]
fn importance_lowers_the_error_that_it_weighs() {
    let mut rng = testkit::Rng::new(11);
    let values = rng.normals(4 * 512);
    // One weight in eight counts 100 times as much.
    let importance: Vec<f32> = (0..512).map(|_| if rng.below(8) == 0 { 100.0 } else { 1.0 }).collect();
    for format in encodable().filter(|f| !f.is_float()) {
        let with = rmse(&values, &round_trip(format, &values, Some(&importance)), &importance);
        let without = rmse(&values, &round_trip(format, &values, None), &importance);
        // A power of two is a coarse choice; signs leave none but the scale.
        let bound = if matches!(format, Format::MXFP4 | Format::Q1_0 | Format::Q8_0) { 1.0 } else { 0.98 };
        assert!(with <= bound * without, "{format:?}: {with} with importance, {without} without");
    }
}

#[test]
fn importance_may_be_zero_and_only_its_ratios_count() {
    let values = testkit::Rng::new(3).normals(512);
    for format in encodable() {
        let plain = round_trip(format, &values, None);
        for constant in [0.0, 1.0, 1e-38, 1e38] {
            let importance = vec![constant; 256];
            testkit::assert_same_f32(format.name(), &round_trip(format, &values, Some(&importance)), &plain);
        }
    }
}

#[test]
fn ternary_weights_survive_exactly() {
    // The scale of each block is a half-precision number, as in files that were trained that way.
    for scale in [1.0, 0.0123_f32, 3.1e-5, 6e-8, 60000.0] {
        let scale = half::f16::from_f32(scale).to_f32();
        let values: Vec<f32> = (0..512).map(|i| scale * [0.0, 1.0, -1.0, 1.0, -1.0, -1.0, 0.0][i * i % 7]).collect();
        for format in [Format::TQ1_0, Format::TQ2_0, Format::Q2_0, Format::Q4_0, Format::Q5_0, Format::Q8_0] {
            let out = round_trip(format, &values, None);
            assert!(out == values, "{format:?}, scale {scale:e}: error {:e}", rmse(&values, &out, &[1.0]));
        }
    }
}

fn check_refused(format: Format, values: &[f32], importance: Option<&[f32]>, expected: &str) {
    let mut bytes = vec![0; format.row_bytes(values.len()).unwrap()];
    let error: EncodeError = format.encode(values, importance, &mut bytes).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn refusals_name_the_offender() {
    let with = |value: f32| (0..256).map(|i| if i == 77 { value } else { 0.5 }).collect::<Vec<f32>>();
    for format in encodable() {
        check_refused(format, &with(f32::NAN), None, "weight 77 is NaN");
        check_refused(format, &with(f32::NEG_INFINITY), None, "weight 77 is -inf");
    }
    check_refused(Format::Q4_K, &with(1e5), None, "weight 77 is 100000, but q4_k holds at most 65504");
    check_refused(Format::F16, &with(-7e4), None, "weight 77 is -70000, but f16 holds at most 65504");
    check_refused(Format::NVFP4, &with(2700.0), None, "weight 77 is 2700, but nvfp4 holds at most 2688");
    check_refused(Format::PTQ1_0, &with(0.5), None, "format ptq1_0 holds ternary weights only");
    let message = "importance of column 77 is -1, but needs to be finite and not negative";
    check_refused(Format::Q6_K, &with(0.5), Some(&with(-1.0)), message);
}

#[test]
fn only_ternary_containers_do_not_take_any_weights() {
    let refused: Vec<Format> = Format::ALL.iter().copied().filter(|f| !f.can_encode()).collect();
    assert!(refused.iter().all(|f| f.is_ternary()), "{refused:?}");
    assert!(!refused.is_empty());
}

proptest! {
    /// Any magnitude, from nothing to the end of the range: finite, and never worse than writing zeros.
    #[test]
    fn any_weights_can_be_encoded(seed: u64, exponent in -45i32..5, spread in 0i32..20) {
        let mut rng = testkit::Rng::new(seed);
        let values: Vec<f32> = rng.normals(256).into_iter()
            .map(|v| {
                let v = v.clamp(-5.0, 5.0) * 10f32.powi(exponent);
                (v * 0.5f32.powi(rng.below(spread as usize + 1) as i32)).clamp(-2600.0, 2600.0)
            })
            .collect();
        for format in encodable() {
            let out = round_trip(format, &values, None);
            let (error, zeros) = (rmse(&values, &out, &[1.0]), rmse(&values, &[0.0; 256], &[1.0]));
            prop_assert!(error <= zeros * (1.0 + SUMMATION), "{format:?}: error {error:e}, of zeros {zeros:e}");
        }
    }

    /// What was decoded is encoded again without loss where a block has one scale, and nearer than the first time
    /// elsewhere.
    #[test]
    fn encoding_twice_changes_little(seed: u64) {
        use Format::{Q2_K, Q3_K, Q4_1, Q4_K, Q5_1, Q5_K, Q6_K, Q8_0, IQ4_XS};
        use Format::{IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS};
        let values = testkit::Rng::new(seed).normals(256);
        for format in encodable() {
            let once = round_trip(format, &values, None);
            let twice = round_trip(format, &once, None);
            let has_book = matches!(format, IQ1_S | IQ1_M | IQ2_XXS | IQ2_XS | IQ2_S | IQ3_XXS | IQ3_S);
            if has_book || matches!(format, Q2_K | Q3_K | Q4_K | Q5_K | Q6_K | Q4_1 | Q5_1 | Q8_0 | IQ4_XS) {
                let (first, second) = (rmse(&values, &once, &[1.0]), rmse(&once, &twice, &[1.0]));
                prop_assert!(second <= first, "{format:?}: error {first:e}, the second time {second:e}");
            } else {
                // Not bit for bit: the sign of a zero is that of the scale.
                prop_assert!(twice == once, "{format:?}: {twice:?} after {once:?}");
            }
        }
    }
}
