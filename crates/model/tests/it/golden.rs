//! Every model of `testdata/golden` gives the reference engines' logits and greedy continuation.

use crate::session::{greedy, load, logits, tokens};

/// Largest error of f32 files: only the order of additions differs from the reference.
const NMSE_F32: f64 = 1e-6;
/// Factor for quantised files: they may be as far from exact as the reference's own kernels, times this.
const NATIVE_FACTOR: f64 = 2.0;
/// Largest error of files whose only reference is a native run, with its activations rounded to 8 bits: that run's
/// distance from exact is about 1.5e-4 on like files, ours about the same, and errors of both sides add.
const NMSE_NATIVE_ONLY: f64 = 6e-4;

#[test]
fn every_golden_model_gives_its_logits() {
    let manifest = testkit::read_json("golden/manifest.json");
    let (mut n_models, mut n_greedy, mut failures) = (0, 0, Vec::new());
    for entry in manifest.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let mut model = load(&testkit::data(&format!("golden/{name}.gguf")), None, 2);
        let prompt = tokens(&entry["tokens"]);
        let got = logits(&mut model, &prompt, 0, 64);
        let expected = testkit::read_f32(&format!("golden/{}", entry["logits"].as_str().unwrap()));
        let nmse = testkit::nmse(&got, &expected);
        let native = entry["native_nmse_vs_exact"].as_f64();
        let bound = match (entry["nmse_max"].as_f64(), native, entry["exact"].as_bool()) {
            (Some(bound), _, _) => bound,
            (None, Some(native), _) => native * NATIVE_FACTOR,
            (None, None, Some(false)) => NMSE_NATIVE_ONLY,
            (None, None, _) => NMSE_F32,
        };
        assert!(!expected.is_empty(), "{name}: no logits to compare");
        n_models += 1;
        println!("{name:<28} NMSE {nmse:.2e}, at most {bound:.2e}");
        if nmse > bound || nmse.is_nan() {
            failures.push(format!("{name}: NMSE {nmse:e}, at most {bound:e}"));
        }
        if native.is_none() && entry["exact"].as_bool().is_none() {
            let expected =
                tokens(if entry["greedy_exact"].is_null() { &entry["greedy"] } else { &entry["greedy_exact"] });
            let got = greedy(&mut model, &prompt, expected.len());
            n_greedy += 1;
            if got != expected {
                failures.push(format!("{name}: greedy continuation {got:?}, expected {expected:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!((n_models, n_greedy), (40, 20));
}
