//! `trinity doctor`: the machine as it is, and what follows for a model.

use crate::program::{command, finish, trinity};

#[test]
fn the_machine_and_a_model_on_it() {
    let model = testkit::data("golden/llama-256-ternary-TQ1_0.gguf");
    let report = trinity(["doctor", model.to_str().unwrap(), "--threads", "2", "--json"]).ok().json();
    assert_eq!(report["threads"], 2);
    let isa = report["isa"].as_str().unwrap();
    assert!(report["isa_available"].as_array().unwrap().iter().any(|name| name == isa), "{report}");
    let bandwidth = report["machine"]["read_bytes_per_second"].as_f64().unwrap();
    assert!((1e8..1e13).contains(&bandwidth), "{bandwidth}");
    let formats: Vec<_> = report["kernels"].as_array().unwrap().iter().map(|k| k["format"].as_str().unwrap()).collect();
    assert!(formats.contains(&"tq1_0") && !formats.contains(&"q4_k"), "those of the model: {formats:?}");
    let prediction = &report["model"];
    let bytes = prediction["weight_bytes_per_token"].as_f64().unwrap();
    let at_most = prediction["at_most"]["decode_tokens_per_second"].as_f64().unwrap();
    assert!(at_most <= 1.000001 * bandwidth / bytes, "{at_most} tokens/s at {bandwidth} bytes/s of {bytes} each");
    let tried = &prediction["verdict"]["outcome"]["tried"];
    let [slowest, fastest] = ["slowest", "fastest"].map(|name| tried[name].as_f64().unwrap());
    assert!(0.0 < slowest && slowest <= fastest, "{prediction}");
    assert!(prediction["verdict"]["memory_bytes"].as_f64().unwrap() > bytes, "{prediction}");
    if cfg!(target_os = "linux") {
        assert!(report["system"]["memory_bytes"].as_u64().unwrap() > 1 << 28, "{report}");
        assert!(report["system"]["cores_allowed"].as_u64().unwrap() >= 1, "{report}");
    }
}

#[test]
fn the_forced_level_is_the_one_in_use() {
    let outcome = finish(command(["doctor", "--threads", "1", "-v"]).env("TRINITY_ISA", "scalar")).ok();
    let text = outcome.text();
    assert!(text.contains("scalar (TRINITY_ISA forces another)"), "{text}");
    assert!(text.contains("q4_k       decode scalar × 1, int8 blocks, decoded first"), "{text}");
    assert!(text.contains("scan_tile  bipolar scalar"), "{text}");
}

#[test]
fn it_says_which_formats_are_kept_packed() {
    let report = trinity(["doctor", "--threads", "1", "--json"]).ok().json();
    let isa = report["isa"].as_str().unwrap();
    let (of_vectors, of_panels) = (isa.starts_with("avx"), isa.starts_with("avx512"));
    let kernels = report["kernels"].as_array().unwrap();
    assert!(kernels.len() > 20, "{report}");
    for kernel in kernels {
        let format = kernel["format"].as_str().unwrap();
        let in_rows = ["tq1_0", "tq2_0", "iq1_bn", "iq2_bn", "pq2_0", "ptq1_0", "q2_0"];
        let is_packed = of_vectors && in_rows.contains(&format)
            || of_panels && ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0"].contains(&format);
        for of in ["decode", "prefill"] {
            assert_eq!(kernel[of].as_str().unwrap().ends_with(", or packed"), is_packed, "{kernel}");
        }
    }
}

#[test]
fn the_first_line_is_a_verdict_and_kernels_come_when_asked_for() {
    let plain = trinity(["doctor", "stories260k", "--threads", "1"]).ok().text();
    let first = plain.lines().next().unwrap();
    assert!(first.starts_with("stories260k runs ") && first.ends_with(" tokens/s"), "{plain}");
    assert!(first.split([' ', ':']).any(|word| word.parse().is_ok_and(|speed: f64| speed > 0.0)), "a speed: {first}");
    assert!(plain.contains("processor") && !plain.contains("\nkernels"), "{plain}");
    let verbose = trinity(["doctor", "stories260k", "--threads", "1", "-v"]).ok().text();
    assert!(verbose.starts_with("stories260k runs ") && verbose.contains("\nkernels"), "{verbose}");
}
