//! `trinity convert` and `trinity dev synth`: what they prove, what they refuse, what they leave behind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::{TempDir, tempdir};

use crate::program::{command, finish, trinity};

/// A folder, and how to name files in it.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A small random model.
    fn synth(&self, name: &str, arguments: &[&str]) -> String {
        let path = self.path(name);
        trinity(["dev", "synth", &path, "--shape", "tiny"].iter().chain(arguments)).ok();
        path
    }
}

/// Logits of a few tokens, byte for byte.
fn logits(scratch: &Scratch, model: &str) -> Vec<u8> {
    let (ids, out) = (scratch.path("ids.txt"), scratch.path("logits.f32"));
    fs::write(&ids, "1 10 300 77 5 260").unwrap();
    trinity(["eval", "logits", model, "--tokens", &ids, "--out", &out]).ok();
    fs::read(out).unwrap()
}

#[test]
fn ternary_containers_of_one_seed_compute_the_same_bytes() {
    let scratch = Scratch::new();
    for arch in ["bitnet", "bitnet-b1.58"] {
        let first = scratch.synth(&format!("{arch}.gguf"), &["--arch", arch, "--seed", "5", "--type", "tq1_0"]);
        let expected = logits(&scratch, &first);
        for to in ["tq2_0", "i2_s", "iq1_bn", "iq2_bn", "q2_0", "tri1_tensor_f32", "tri2_row_f16", "tri2_g64_f16"] {
            let other = scratch.path(&format!("{arch}-{to}.gguf"));
            let json = trinity(["convert", &first, &other, "--to", to, "--json"]).ok().json();
            assert_eq!((&json["proof"]["n_tensors"], &json["proof"]["n_exact"]), (&24.into(), &24.into()), "{to}");
            assert_eq!(json["proof"]["loss"]["changed"], 0, "{to}");
            let types = json["types"].as_array().unwrap();
            assert!(types.iter().any(|t| t["type"] == to && t["tensors"] == 14), "{to}: {types:?}");
            assert!(logits(&scratch, &other) == expected, "{arch}: {to} computes something else than tq1_0");
            // There and back are the same weights.
            let back = scratch.path(&format!("{arch}-{to}-back.gguf"));
            trinity(["convert", &other, &back, "--to", "tq1_0"]).ok();
            let data = |path: &str| fs::read(path).unwrap().split_off(16 << 10);
            assert!(data(&first) == data(&back), "{to}");
        }
    }
}

#[test]
fn a_tri_file_computes_the_same_and_goes_back() {
    let scratch = Scratch::new();
    let source = scratch.synth("source.gguf", &["--seed", "6"]);
    let (tri, back) = (scratch.path("model.tri"), scratch.path("back.gguf"));
    let json = trinity(["convert", &source, &tri, "--json"]).ok().json();
    let types: Vec<&str> = json["types"].as_array().unwrap().iter().map(|t| t["type"].as_str().unwrap()).collect();
    assert!(types.iter().any(|name| name.starts_with("tri1_")), "{types:?}");
    // Floats that hold ternary weights are packed as well, those that do not stay as they are.
    let floats = scratch.synth("floats.gguf", &["--seed", "6", "--type", "bf16"]);
    let from_floats = scratch.path("floats.tri");
    trinity(["convert", &floats, &from_floats]).ok();
    assert!(fs::read(&from_floats).unwrap() == fs::read(&tri).unwrap());
    let plain = testkit::data("tiny-models/stories260K-f32.gguf");
    let json = trinity(["convert", plain.to_str().unwrap(), &scratch.path("plain.tri"), "--json"]).ok().json();
    assert_eq!(json["types"].as_array().unwrap().len(), 1, "{json}");
    // Long names of types do not push columns aside.
    let text = trinity(["convert", &source, &tri, "--force"]).ok().text();
    let ends: Vec<usize> = text.lines().take(4).map(str::len).collect();
    assert_eq!(ends, [ends[0]; 4], "{text}");
    assert!(logits(&scratch, &tri) == logits(&scratch, &source));
    assert!(fs::metadata(&tri).unwrap().len() < fs::metadata(&source).unwrap().len());
    trinity(["convert", &tri, &back, "--to", "tq2_0"]).ok();
    let data = |path: &str| fs::read(path).unwrap().split_off(16 << 10);
    assert!(data(&back) == data(&source));
}

/// One scale a token is another computation than the default's, and as the default's the same in every container, on
/// every instruction set and number of threads; a model without ternary matrices has no such rule.
#[test]
fn activations_per_token_give_the_same_bytes_everywhere() {
    let scratch = Scratch::new();
    let model = scratch.synth("model.gguf", &["--arch", "bitnet-b1.58", "--seed", "7", "--type", "tq1_0"]);
    let other = scratch.path("other.gguf");
    trinity(["convert", &model, &other, "--to", "i2_s"]).ok();
    let default = logits(&scratch, &model);
    let (ids, out) = (scratch.path("ids.txt"), scratch.path("logits.f32"));
    let per_token = |model: &str, isa: &str, threads: &str| {
        let arguments = ["eval", "logits", model, "--tokens", &ids, "--out", &out, "--activations", "per-token"];
        finish(command(arguments).args(["--threads", threads]).env("TRINITY_ISA", isa)).ok();
        fs::read(&out).unwrap()
    };
    let expected = per_token(&model, "scalar", "1");
    assert!(expected != default, "the rule changes nothing");
    for isa in kernels::Isa::available().map(kernels::Isa::name) {
        assert!(per_token(&model, isa, "3") == expected && per_token(&other, isa, "2") == expected, "{isa}");
    }
    trinity(["run", "Once", "--activations", "per-token"])
        .fails(1, &["activations per token, but no matrix is ternary with one scale a row"]);
}

/// What `quantize` has is made at once, as it makes it of the floats.
#[test]
fn synth_makes_what_the_quantiser_makes() {
    let scratch = Scratch::new();
    let of = |json: &serde_json::Value, name: &str| {
        let types = json["types"].as_array().unwrap();
        types.iter().find(|t| t["type"] == name).map_or(0, |t| t["tensors"].as_u64().unwrap())
    };
    let (direct, floats) = (scratch.path("direct.gguf"), scratch.synth("floats.gguf", &["--type", "f32"]));
    let json = trinity(["dev", "synth", &direct, "--type", "q4_k_m", "--json"]).ok().json();
    let two_steps = scratch.path("two-steps.gguf");
    let expected = trinity(["quantize", &floats, &two_steps, "--type", "q4_k_m", "--json"]).ok().json();
    for name in ["q4_k", "q6_k", "f32", "q8_0"] {
        assert_eq!(of(&json, name), of(&expected, name), "{name}");
    }
    assert!(of(&json, "q4_k") > 10, "{json}");
    let arguments = ["--type", "q4_k_m", "--embedding-type", "f16", "--force", "--json"];
    let json = trinity(["dev", "synth", &direct].iter().chain(&arguments)).ok().json();
    assert_eq!(of(&json, "f16"), 1, "{json}");
    trinity(["dev", "synth", &direct, "--force", "--type", "q9_z"]).fails(2, &["q9_z"]);
    trinity(["dev", "synth", &direct, "--force", "--arch", "lfm2"]).fails(2, &["\"lfm2\", shape tiny is of bitnet"]);
}

#[test]
fn the_proof_is_printed_and_the_source_stays() {
    let scratch = Scratch::new();
    let source = scratch.synth("source.gguf", &[]);
    let before = fs::read(&source).unwrap();
    let (float, copy) = (scratch.path("float.gguf"), scratch.path("copy.gguf"));
    let text = trinity(["convert", &source, &float, "--to", "f16"]).ok().text();
    for words in ["blk.*.ffn_down.weight", "tq2_0 → f16", "24 tensors, 24 exact: every weight is what it was"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Floats are found to be ternary by looking.
    trinity(["convert", &float, &copy, "--to", "tq2_0"]).ok();
    assert!(fs::read(&copy).unwrap() == before && fs::read(&source).unwrap() == before);
    assert_eq!(scratch.files(), ["copy.gguf", "float.gguf", "source.gguf"]);
}

#[test]
fn what_cannot_be_is_one_line_and_no_file() {
    let scratch = Scratch::new();
    let source = scratch.synth("source.gguf", &[]);
    let out = scratch.path("out.gguf");
    trinity(["convert", &source, &source]).fails(1, &["is the source itself"]);
    trinity(["convert", &source, &source, "--force"]).fails(1, &["is the source itself"]);
    trinity(["convert", &source, &scratch.path("out.bin")]).fails(2, &["out.bin", ".gguf"]);
    trinity(["convert", &source, &out, "--to", "q9_z"]).fails(2, &["q9_z", "tq2_0"]);
    trinity(["convert", &source, &out, "--to", "i2_s_arm"]).fails(2, &["i2_s_arm", "no type number of its own"]);
    trinity(["convert", &source, &out, "--to", "iq1_s"])
        .fails(2, &["iq1_s is neither ternary nor a float", "trinity quantize"]);
    trinity(["convert", &source, &out, "--to", "q4_k"]).fails(2, &["q4_k", "trinity quantize"]);
    trinity(["convert", &scratch.path("none.gguf"), &out]).fails(1, &["none.gguf"]);
    trinity(["convert", &source, &scratch.path("no/such/folder.gguf")]).fails(1, &["folder.gguf"]);
    let plain = testkit::data("tiny-models/stories260K-f32.gguf");
    trinity(["convert", plain.to_str().unwrap(), &out, "--to", "tq1_0", "--lossy"])
        .fails(1, &["no matrix is ternary", "trinity quantize"]);
    // The weights of a real model use all bits of an f32.
    trinity(["convert", plain.to_str().unwrap(), &out, "--to", "f16"]).fails(1, &["f16", "RMSE", "--lossy"]);
    trinity(["dev", "synth", &out, "--shape", "3b"]).fails(1, &["blk.0.attn_q.weight", "3200", "256"]);
    assert_eq!(scratch.files(), ["source.gguf"]);
    let text = trinity(["convert", plain.to_str().unwrap(), &out, "--to", "f16", "--lossy"]).ok().text();
    assert!(text.contains("f32 → f16") && text.contains("largest error"), "{text}");
    trinity(["convert", &source, &out]).fails(1, &["exists already", "--force"]);
    trinity(["convert", &source, &out, "--force"]).ok();
    assert!(fs::read(&out).unwrap() == fs::read(&source).unwrap());
}

#[test]
fn a_full_disk_leaves_nothing() {
    let scratch = Scratch::new();
    let source = scratch.synth("source.gguf", &[]);
    let out = scratch.path("out.gguf");
    // The limit on file sizes stands for the full disk; its signal is ignored, so that the write fails instead.
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" \"$@\"";
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", script, env!("CARGO_BIN_EXE_trinity"), "convert", &source, &out]).stdin(Stdio::null());
    finish(&mut limited).fails(1, &["out.gguf"]);
    assert_eq!(scratch.files(), ["source.gguf"]);
}

#[test]
fn memory_is_a_tensor_or_two_and_not_the_file() {
    const TENSOR_BYTES: u64 = 4 << 20;
    const N_TENSORS: u64 = 72;
    let scratch = Scratch::new();
    let (source, out) = (scratch.path("source.gguf"), scratch.path("out.gguf"));
    let file_kb = write_large(Path::new(&source), TENSOR_BYTES, N_TENSORS) / 1024;
    let limit_kb = (2 * TENSOR_BYTES + (200 << 20)) / 1024;
    assert!(file_kb > limit_kb, "the file must not fit the limit");
    let mut child = command(["convert", &source, &out, "--to", "f16", "--lossy", "--threads", "2"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak_kb = peak_kb.max(now.unwrap_or(0));
    }
    assert!(child.wait().unwrap().success());
    assert!(peak_kb > 0 && peak_kb < limit_kb, "{peak_kb} kB for a file of {file_kb} kB");
}

/// A GGUF file of F32 matrices without a model; its size.
fn write_large(path: &Path, tensor_bytes: u64, n_tensors: u64) -> u64 {
    let mut metadata = gguf::Metadata::default();
    metadata.set("general.architecture", gguf::Value::String("llama".to_owned()));
    let dims = vec![1024, tensor_bytes / 4096];
    let spec = |i| gguf::TensorSpec { name: format!("blk.{i}.w.weight"), dims: dims.clone(), type_id: gguf::TypeId(0) };
    let file = fs::File::create(path).unwrap();
    let mut writer = gguf::Writer::new(file, &metadata, (0..n_tensors).map(spec).collect()).unwrap();
    let data: Vec<u8> =
        testkit::Rng::new(1).normals(tensor_bytes as usize / 4).iter().flat_map(|x| x.to_le_bytes()).collect();
    (0..n_tensors).for_each(|_| writer.tensor(&data).unwrap());
    writer.finish().unwrap();
    fs::metadata(path).unwrap().len()
}

#[test]
fn a_split_model_is_one_model_to_every_command() {
    let scratch = Scratch::new();
    let one = scratch.synth("one.gguf", &["--type", "tq2_0"]);
    let parts = scratch.path("parts.gguf");
    let json = trinity(["convert", &one, &parts, "--split-size", "150K", "--json"]).ok().json();
    let files = json["proof"]["files"].as_array().unwrap();
    assert!(files.len() > 2, "{json}");
    let first = files[0].as_str().unwrap();
    assert!(first.ends_with(&format!("parts-00001-of-{:05}.gguf", files.len())), "{first}");
    assert_eq!(logits(&scratch, first), logits(&scratch, &one));
    assert_eq!(trinity(["inspect", first, "--json"]).ok().json()["parts"], files.len());
    // Metadata stand in the first part.
    let second = fs::read(files[1].as_str().unwrap()).unwrap();
    trinity(["metadata", first, "--set", "general.name=split"]).ok();
    assert_eq!(trinity(["inspect", first, "--json"]).ok().json()["name"], "split");
    assert_eq!(fs::read(files[1].as_str().unwrap()).unwrap(), second);
    trinity(["metadata", first, "--set", "split.count=1"]).fails(1, &["split.count 1", &files.len().to_string()]);
    let copy = scratch.path(&format!("copy-00001-of-{:05}.gguf", files.len()));
    trinity(["metadata", first, "--set", "general.name=copy", "--out", &copy]).ok();
    assert_eq!(trinity(["inspect", &copy, "--json"]).ok().json()["name"], "copy");
    trinity(["metadata", first, "--set", "general.name=copy", "--out", &copy]).fails(1, &["exists already", "--force"]);
    // Quantised, it may be split anew; measured, it is found.
    let small = scratch.path("small.gguf");
    let quantised = trinity(["quantize", first, &small, "--type", "q8_0", "--split-size", "1M"]).ok().text();
    assert!(quantised.contains("small-00001-of-0000"), "{quantised}");
    trinity(["convert", &one, &parts, "--split-size", "150K"]).fails(1, &["parts-00001-of", "exists already"]);
    trinity(["convert", &one, &parts, "--split-size", "1K"]).fails(2, &["bytes, but a part may have 1000"]);
    for size in ["0", "2T", "1.5G", "G", "99999999999G"] {
        trinity(["convert", &one, &parts, "--split-size", size]).fails(2, &[size, "number of bytes"]);
    }
    // Another part than the first, and one that is gone.
    let last = files.last().unwrap().as_str().unwrap();
    trinity(["inspect", last]).fails(1, &["open the first", first]);
    fs::remove_file(last).unwrap();
    trinity(["inspect", first]).fails(1, &["missing", last]);
    let receipt = scratch.path("receipt.json");
    let (ids, out) = (scratch.path("ids.txt"), scratch.path("logits.f32"));
    trinity(["eval", "logits", &copy, "--tokens", &ids, "--out", &out, "--receipt", &receipt]).ok();
    let receipt: serde_json::Value = serde_json::from_slice(&fs::read(receipt).unwrap()).unwrap();
    assert_eq!(receipt["models"].as_array().unwrap().len(), files.len());
}

/// Writes a folder of PEFT whose adapter is for the queries of the first layer, and returns the folder of its model.
fn adapter(scratch: &Scratch) -> (String, String) {
    let (folder, base) = (scratch.path("adapter"), scratch.path("base"));
    [&folder, &base].iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let config = r#"{"architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 8, "intermediate_size": 8,
        "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64, "vocab_size": 16}"#;
    fs::write(Path::new(&base).join("config.json"), config).unwrap();
    let peft = r#"{"peft_type": "LORA", "lora_alpha": 4, "r": 1, "base_model_name_or_path": "nowhere"}"#;
    fs::write(Path::new(&folder).join("adapter_config.json"), peft).unwrap();
    let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
    let header = format!(
        r#"{{"{name}A.weight":{{"dtype":"F32","shape":[1,8],"data_offsets":[0,32]}},"{name}B.weight":{{"dtype":"F32","shape":[8,1],"data_offsets":[32,64]}}}}"#
    );
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 64]].concat();
    fs::write(Path::new(&folder).join("adapter_model.safetensors"), bytes).unwrap();
    (folder, base)
}

#[test]
fn an_adapter_of_peft_becomes_one_of_gguf() {
    let scratch = Scratch::new();
    let ((folder, base), out) = (adapter(&scratch), scratch.path("adapter.gguf"));
    trinity(["convert", &folder, &out]).fails(1, &["adapter_config.json", "nowhere", "--base"]);
    trinity(["convert", &folder, &out, "--base", &base]).ok();
    trinity(["convert", &base, &scratch.path("model.gguf"), "--base", &base])
        .fails(2, &["--base", "no folder of PEFT"]);
    let text = trinity(["inspect", &out]).ok().text();
    assert!(text.contains("LoRA adapter") && text.contains("llama"), "{text}");
}
