//! `trinity quantize`: what it makes of real models, and what it refuses.

use std::fs;

use tempfile::tempdir;

use crate::program::trinity;

/// A random llama whose rows 256 divides, in F16.
fn random_llama() -> String {
    testkit::data("quant-vectors/random-llama/random-llama-f16.gguf").to_str().unwrap().to_owned()
}

/// Tensors of type `name` in the JSON of a run.
fn n_of(json: &serde_json::Value, name: &str) -> u64 {
    let types = json["types"].as_array().unwrap();
    types.iter().find(|t| t["type"] == name).map_or(0, |t| t["tensors"].as_u64().unwrap())
}

/// The counts are those of a file that llama.cpp made of the same source.
#[test]
fn a_dry_run_of_a_real_model_counts_as_llama_cpp_does() {
    let model = testkit::smollm2_path();
    let json = trinity(["quantize", model.to_str().unwrap(), "--type", "Q4_K_M", "--dry-run", "--json"]).ok().json();
    let counts = ["q5_0", "q4_k", "q6_k", "q8_0", "f32"].map(|name| n_of(&json, name));
    assert_eq!(counts, [166, 16, 14, 15, 61]);
    let first = json["tensors"].as_array().unwrap().iter().find(|t| t["name"] == "blk.0.attn_q.weight").unwrap();
    assert_eq!((&first["from"], &first["to"], &first["instead_of"]), (&"q4_1".into(), &"q5_0".into(), &"q4_k".into()));
    let text = trinity(["quantize", model.to_str().unwrap(), "--type", "q4_k_m", "--dry-run"]).ok().text();
    for words in [
        "166 tensors are q5_0 instead of q4_k, which rows of 576 do not divide into",
        "210 tensors were q4_1 already",
        "103.7 MB in 272 tensors",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Most tensors keep their bytes, 30 become Q8_0: the model must predict as before.
#[test]
fn a_real_model_predicts_as_before() {
    let folder = tempdir().unwrap();
    let (model, out) = (testkit::smollm2_path(), folder.path().join("out.gguf"));
    let text = testkit::data("eval-text/wikitext2-raw-test.txt");
    let json = trinity([
        "quantize",
        model.to_str().unwrap(),
        out.to_str().unwrap(),
        "--type",
        "q4_1",
        "--tensor",
        "blk.*.attn_v=q8_0",
        "--eval",
        text.to_str().unwrap(),
        "--eval-chunks",
        "2",
        "--json",
    ])
    .ok()
    .json();
    assert_eq!((n_of(&json, "q4_1"), n_of(&json, "q8_0"), n_of(&json, "f32")), (180, 31, 61));
    assert_eq!((&json["proof"]["n_tensors"], &json["proof"]["n_exact"]), (&272.into(), &242.into()));
    let lossy = json["proof"]["classes"].as_array().unwrap().iter().find(|c| c["exact"] == 0).unwrap();
    assert_eq!(lossy["class"], "blk.*.attn_v.weight");
    let rmse = lossy["loss"]["relative_rmse"].as_f64().unwrap();
    assert!(rmse > 0.0 && rmse < 0.01, "{rmse}");
    let (before, after) =
        (json["perplexity"]["before"].as_f64().unwrap(), json["perplexity"]["after"].as_f64().unwrap());
    assert!(before > 5.0 && (after / before - 1.0).abs() < 0.005, "{before} {after}");
}

#[test]
fn each_type_runs_and_the_loss_falls_with_the_bits() {
    let folder = tempdir().unwrap();
    let mut errors = Vec::new();
    for (mix, name, file_type) in [
        ("q2_k", "q2_k", 10),
        ("q3_k_s", "q3_k", 11),
        ("q4_k_m", "q4_k", 15),
        ("q5_k_s", "q5_k", 16),
        ("q6_k", "q6_k", 18),
    ] {
        let out = folder.path().join(format!("{mix}.gguf"));
        let out = out.to_str().unwrap();
        let json = trinity(["quantize", &random_llama(), out, "--type", mix, "--json"]).ok().json();
        assert!(n_of(&json, name) > 0, "{json}");
        errors.push(json["proof"]["loss"]["relative_rmse"].as_f64().unwrap());
        let facts = trinity(["inspect", out, "--json", "--metadata"]).ok().json();
        let keys = facts["metadata"].as_array().unwrap();
        assert!(keys.iter().any(|e| e["key"] == "general.file_type" && e["value"] == file_type), "{mix}");
        assert!(keys.iter().any(|e| e["key"] == "general.quantization_version" && e["value"] == 2), "{mix}");
        trinity(["run", out, "Once", "--temperature", "0", "-n", "2"]).ok();
    }
    assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
}

#[test]
fn nothing_becomes_ternary_that_is_not_unless_asked() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out.gguf");
    let out = out.to_str().unwrap();
    let source = random_llama();
    for name in ["tq1_0", "tq2_0", "q2_0"] {
        trinity(["quantize", &source, out, "--type", name]).fails(1, &["blk.0.", name, "RMSE", "--lossy"]);
    }
    trinity(["quantize", &source, out, "--type", "q8_0", "--tensor", "blk.0.ffn_up=tq2_0"]).fails(1, &["blk.0.ffn_up"]);
    trinity(["quantize", &source, out, "--type", "tq2_0", "--ternarise", "lsq"]).fails(2, &["--lossy"]);
    trinity(["quantize", &source, out, "--type", "tq2_0", "--lossy", "--ternarise", "x"])
        .fails(2, &["absmean max rms lsq"]);
    assert!(fs::read_dir(&folder).unwrap().next().is_none());
    let error = |arguments: &[&str]| {
        let quantize = ["quantize", &source, out, "--type", "tq2_0", "--force", "--json", "--lossy"];
        let json = trinity(quantize.iter().chain(arguments)).ok().json();
        json["proof"]["loss"]["relative_rmse"].as_f64().unwrap()
    };
    let [best, lsq, rms, absmean, max] = [
        error(&[]),
        error(&["--ternarise", "lsq"]),
        error(&["--ternarise", "rms"]),
        error(&["--ternarise", "absmean"]),
        error(&["--ternarise", "max"]),
    ];
    assert!((lsq / best - 1.0).abs() < 1e-3, "{lsq} {best}");
    assert!(lsq < rms && lsq < absmean && rms < max && absmean < max, "{lsq} {rms} {absmean} {max}");
}

#[test]
fn a_ternary_model_stays_what_it_is() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (float, ternary) = (path("float.gguf"), path("ternary.gguf"));
    trinity(["dev", "synth", &float, "--type", "bf16", "--embedding-type", "f32"]).ok();
    let json = trinity(["quantize", &float, &ternary, "--type", "tq1_0", "--json"]).ok().json();
    assert_eq!((n_of(&json, "tq1_0"), n_of(&json, "q6_k")), (14, 1));
    // All but the embeddings.
    assert_eq!((&json["proof"]["n_tensors"], &json["proof"]["n_exact"]), (&24.into(), &23.into()));
}

#[test]
fn importance_matters_and_must_fit() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (plain, weighed, matrix) = (path("plain.gguf"), path("weighed.gguf"), path("imatrix.gguf"));
    write_importance(&matrix, 256);
    let rule = ["--tensor", "blk.0.attn_q=q4_0"];
    let made = |out: &str, more: &[&str]| {
        let source = random_llama();
        trinity(["quantize", &source, out, "--type", "f16"].iter().chain(&rule).chain(more)).ok();
        fs::read(out).unwrap()
    };
    let text = trinity(["quantize", &random_llama(), &plain, "--type", "q8_0", "--imatrix", &matrix]).ok().text();
    assert!(text.contains("have no importance in the file"), "{text}");
    let plain = made(&path("a.gguf"), &[]);
    let weighed = made(&weighed, &["--imatrix", &matrix]);
    // Metadata aside, the data of the one tensor differs.
    assert_ne!(plain[plain.len() - 1000..].len(), 0);
    assert_ne!(plain.len(), weighed.len(), "the metadata names the importance matrix");
    write_importance(&matrix, 128);
    let refused = ["quantize", &random_llama(), &path("x.gguf"), "--type", "q4_0", "--imatrix", &matrix];
    trinity(refused).fails(1, &["imatrix.gguf", "blk.0.attn_q.weight", "128", "256"]);
    let source = random_llama();
    trinity(["quantize", &source, &path("x.gguf"), "--type", "q4_0", "--imatrix", &source]).fails(1, &["imatrix"]);
}

/// Formats of about two bits by llama.cpp's rules: with importance they run, and the loss falls with the bits; without
/// it some are useless.
#[test]
fn types_of_few_bits_run_and_need_importance() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (source, matrix, out) = (random_llama(), path("imatrix.gguf"), path("out.gguf"));
    let container = gguf::Container::open(std::path::Path::new(&source)).unwrap();
    let matrices = container.tensors().iter().filter(|t| t.name.starts_with("blk.") && t.dims.len() == 2);
    write_matrix(&matrix, matrices.map(|t| (t.name.as_str(), t.cols())));
    let mut errors = Vec::new();
    for (mix, name, file_type) in [
        ("iq1_s", "iq1_s", 24),
        ("iq1_m", "iq1_m", 31),
        ("iq2_xxs", "iq2_xxs", 19),
        ("iq2_xs", "iq2_xs", 20),
        ("iq2_s", "iq2_xs", 28),
        ("iq2_m", "iq2_s", 29),
        ("iq3_xxs", "iq3_xxs", 23),
        ("iq3_xs", "iq3_xxs", 22),
        ("iq3_s", "iq3_s", 26),
        ("iq3_m", "iq3_s", 27),
    ] {
        let quantize = ["quantize", &source, &out, "--type", mix, "--force", "--json"];
        let needs = !matches!(mix, "iq3_s" | "iq3_m");
        if needs {
            trinity(quantize).fails(2, &["tensor blk.0.", " needs --imatrix", "hint: trinity eval imatrix"]);
            let dry = trinity(quantize.iter().chain(&["--dry-run"])).ok().json();
            assert!(dry["notes"].to_string().contains("needs --imatrix"), "{dry}");
        }
        let json = trinity(quantize.iter().chain(&["--imatrix", &matrix])).ok().json();
        assert!(n_of(&json, name) > 0, "{mix}: {json}");
        let classes = json["proof"]["classes"].as_array().unwrap();
        let up = classes.iter().find(|c| c["class"] == "blk.*.ffn_up.weight").unwrap();
        errors.push(up["loss"]["relative_rmse"].as_f64().unwrap());
        let quantised = gguf::Container::open(std::path::Path::new(&out)).unwrap();
        assert_eq!(quantised.metadata().u32("general.file_type").unwrap(), Some(file_type), "{mix}");
        trinity(["run", &out, "--raw", "--temperature", "0", "-n", "2", "Once"]).ok();
        if !needs {
            trinity(quantize).ok();
        }
    }
    // More bits, less error; between books whose signs are free and those whose are not, importance this uneven
    // decides.
    assert!(errors[..6].windows(2).all(|pair| pair[0] >= pair[1]) && errors[6] > errors[8], "{errors:?}");
    let rule = ["quantize", &source, &out, "--type", "q8_0", "--force", "--tensor", "blk.*.ffn_up=iq1_m"];
    trinity(rule).fails(2, &["tensor blk.0.ffn_up.weight: iq1_m needs --imatrix"]);
    trinity(["quantize", &source, &out, "--type", "q2_k_s", "--force"]).fails(2, &["q2_k needs --imatrix"]);
    // Columns of one tensor matter by no file, though there is one.
    write_importance(&matrix, 256);
    trinity(["quantize", &source, &out, "--type", "iq2_s", "--force", "--imatrix", &matrix])
        .fails(2, &["needs --imatrix with the importance of its columns"]);
}

/// `testdata/regressions/imatrix-dat/case.json`: both forms of one importance matrix make the same tensors, which
/// others than those made without it.
#[test]
fn importance_in_the_older_form_does_the_same() {
    let case = testkit::read_json("regressions/imatrix-dat/case.json");
    let expected = case["expect"]["same_tensors_as"].as_str().unwrap();
    let folder = tempdir().unwrap();
    let source = testkit::data("tiny-models/stories260K-f32.gguf");
    let made = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let quantize = ["quantize", source.to_str().unwrap(), out.to_str().unwrap(), "--type", "q4_0"];
        trinity(quantize.iter().chain(more)).ok();
        let container = gguf::Container::open(&out).unwrap();
        let bytes =
            container.tensors().iter().map(|t| (t.name.clone(), container.bytes(t).to_vec())).collect::<Vec<_>>();
        (bytes, container.metadata().clone())
    };
    let file = |name: &str| testkit::data("regressions/imatrix-dat").join(name).to_str().unwrap().to_owned();
    let (flag, gguf) = expected.split_once(' ').unwrap();
    let (new, _) = made("new.gguf", &[flag, &file(gguf)]);
    let (old, metadata) = made("old.gguf", &[flag, &file("im.dat")]);
    assert!(old == new);
    assert!(old != made("without.gguf", &[]).0);
    assert_eq!(metadata.str("quantize.imatrix.dataset").unwrap(), Some("wt.txt"));
    assert_eq!(metadata.u32("quantize.imatrix.chunks_count").unwrap(), Some(30));
    // Cut off, of another model, and neither form.
    let bytes = fs::read(file("im.dat")).unwrap();
    let bad = folder.path().join("bad.dat");
    let refused = |bytes: &[u8], words: &[&str]| {
        fs::write(&bad, bytes).unwrap();
        let out = folder.path().join("x.gguf");
        let arguments = ["quantize", source.to_str().unwrap(), out.to_str().unwrap(), "--type", "q4_0", flag];
        trinity(arguments.iter().chain(&[bad.to_str().unwrap()])).fails(1, words);
        assert!(!out.exists());
    };
    refused(&bytes[..1000], &["bad.dat: values of entry 3 (blk.0.attn_v.weight): 256 bytes expected", "are left"]);
    refused(b"no matrix", &["bad.dat: n_entries is", "neither GGUF nor llama.cpp's older importance matrix"]);
    let other = [&1i32.to_le_bytes()[..], &bytes[4..27], &1i32.to_le_bytes(), &1i32.to_le_bytes(), &[0; 4]].concat();
    refused(&other, &["bad.dat: tensor blk.0.attn_k.weight: importance of 1 columns, but", "has 64 of 1"]);
}

/// The last columns of one tensor matter most.
fn write_importance(path: &str, n_cols: usize) {
    write_matrix(path, [("blk.0.attn_q.weight", n_cols)].into_iter());
}

/// Writes an importance matrix of several tensors, each by its name and columns.
fn write_matrix<'a>(path: &str, tensors: impl Iterator<Item = (&'a str, usize)>) {
    let sums = |n_cols| (0..n_cols).map(|i| if i % 32 > 24 { 100.0 } else { 0.1 }).collect();
    let importance = |n_cols| gguf::Importance::new(sums(n_cols), vec![1.0]).unwrap();
    let tensors = tensors.map(|(name, n_cols)| (name.to_owned(), importance(n_cols))).collect();
    let matrix =
        gguf::ImportanceMatrix { datasets: vec!["made up".to_owned()], chunk_count: 1, chunk_size: 512, tensors };
    matrix.write(fs::File::create(path).unwrap()).unwrap();
}

#[test]
fn what_is_asked_wrongly_is_a_usage_error() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out.gguf");
    let out = out.to_str().unwrap();
    let source = random_llama();
    trinity(["quantize", &source, out]).fails(2, &["--type"]);
    trinity(["quantize", &source, "--type", "q8_0"]).fails(2, &["DST"]);
    trinity(["quantize", &source, out, "--type", "q9_k"]).fails(2, &["q9_k", "q4_k_m"]);
    trinity(["quantize", &source, out, "--type", "iq9_xxs"]).fails(2, &["iq9_xxs", "iq2_xxs iq1_m iq1_s"]);
    trinity(["quantize", &source, out, "--type", "q8_0", "--tensor", "blk.7.*=q4_0"]).fails(2, &["blk.7.*=q4_0"]);
    trinity(["quantize", &source, out, "--type", "q8_0", "--tensor", "blk"]).fails(2, &["PATTERN=TYPE"]);
    trinity(["quantize", &source, &source, "--type", "q8_0"]).fails(1, &["is the source itself"]);
    assert!(fs::read_dir(&folder).unwrap().next().is_none());
}
