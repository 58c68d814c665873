//! Decoding equals the reference bit for bit; the expanded form is the same numbers; no bytes panic.

use proptest::prelude::*;
use quant::{Format, GROUP, OuterScale};

fn golden(format: Format) -> Option<(Vec<u8>, Vec<f32>)> {
    let name = format.name().to_uppercase();
    let manifest = testkit::read_json("quant-vectors/manifest.json");
    manifest["types"].get(&name)?;
    let raw = std::fs::read(testkit::data(&format!("quant-vectors/{name}.raw"))).unwrap();
    Some((raw, testkit::read_f32(&format!("quant-vectors/{name}.dequant.f32"))))
}

fn n_vectors() -> usize {
    testkit::read_json("quant-vectors/manifest.json")["types"].as_object().unwrap().len()
}

#[test]
fn decoding_equals_the_reference_bit_for_bit() {
    let mut n_checked = 0;
    for &format in Format::ALL {
        let Some((raw, expected)) = golden(format) else {
            let is_checked_elsewhere = format == Format::F32 || format.is_ternary();
            assert!(is_checked_elsewhere, "{format:?} has neither a golden vector nor a formula in ternary.rs");
            continue;
        };
        let mut values = vec![0.0; expected.len()];
        format.decode(&raw, &mut values);
        testkit::assert_same_f32(format.name(), &values, &expected);
        n_checked += 1;
    }
    assert_eq!(n_checked, n_vectors(), "golden vectors that no format has read");
}

#[test]
fn sizes_equal_the_manifest() {
    let manifest = testkit::read_json("quant-vectors/manifest.json");
    let types = manifest["types"].as_object().unwrap();
    assert_eq!(types.len(), 26);
    for (name, facts) in types {
        let format = Format::from_name(name).unwrap();
        assert_eq!(format.block_len() as u64, facts["block"], "{name}");
        assert_eq!(format.block_bytes().map(|n| n as u64), facts["block_bytes"].as_u64(), "{name}");
    }
}

/// Two roundings apart at most, relative to the largest term.
fn check_expanded(format: Format, bytes: &[u8]) {
    let n = bytes.len() / format.block_bytes().unwrap() * format.block_len();
    let (mut codes, mut scales, mut mins) = (vec![0; n], vec![0.0; n / GROUP], vec![0.0; n / GROUP]);
    format.expand_i8(bytes, n, 0, &mut codes, &mut scales, &mut mins);
    let mut values = vec![0.0; n];
    format.decode(bytes, &mut values);
    for (i, value) in values.iter().enumerate() {
        let (scale, min) = (f64::from(scales[i / GROUP]), f64::from(mins[i / GROUP]));
        let expected = scale * f64::from(codes[i]) + min;
        let bound = 2.0 * f64::from(f32::EPSILON) * (scale.abs() * 127.0 + min.abs()) + f64::from(f32::MIN_POSITIVE);
        let is_same = (f64::from(*value) - expected).abs() <= bound
            || !expected.is_finite()
            || expected.abs() > f64::from(f32::MAX);
        assert!(is_same, "{format:?} weight {i}: decoded {value:e}, expanded {expected:e}");
    }
}

#[test]
fn the_expanded_form_is_the_same_numbers() {
    let mut n_checked = 0;
    for &format in Format::ALL.iter().filter(|f| !f.is_float()) {
        if let Some((raw, _)) = golden(format) {
            check_expanded(format, &raw);
            n_checked += 1;
        }
    }
    assert_eq!(n_checked, 24);
}

proptest! {
    #[test]
    fn any_bytes_can_be_decoded(seed: u64, n_blocks in 1usize..4) {
        for &format in Format::ALL.iter().filter(|f| f.outer_scale() == OuterScale::None) {
            let bytes = testkit::Rng::new(seed).bytes(n_blocks * format.block_bytes().unwrap());
            if format.is_float() {
                format.decode(&bytes, &mut vec![0.0; n_blocks]);
            } else {
                check_expanded(format, &bytes);
            }
        }
    }
}
