//! `trinity inspect` of every ternary container, of sealed and of broken `.tri` files, and of Hugging Face folders.

use std::{fs, path::Path};

use gguf::Container;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    convert_folder::{write_folder, write_masters},
    program::trinity,
};

fn path(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

/// A small random model.
fn synth(dir: &TempDir, name: &str, arguments: &[&str]) -> String {
    let path = path(dir, name);
    trinity(["dev", "synth", &path, "--shape", "tiny"].iter().chain(arguments)).ok();
    path
}

/// Programs that read a file, by what `inspect` says.
fn readers(json: &Value) -> Vec<String> {
    let programs = json["readers"]["programs"].as_array().unwrap();
    let reads = programs.iter().filter(|p| p["reads"] == true);
    reads.map(|p| p["program"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_container_is_named_measured_and_given_its_readers() {
    let dir = tempfile::tempdir().unwrap();
    let (llama, prism) = (["llama.cpp", "Ollama, LM Studio"], "PrismML's llama.cpp");
    let (ik, ms) = ("ik_llama.cpp", "bitnet.cpp");
    // For 65536 weights in rows of 256: bits of codes and scales.
    let cases: &[(&str, &str, f64, &[&str])] = &[
        ("tq1_0", "group of 256", 54.0 / 32.0, &[llama[0], llama[1], ms, prism, prism]),
        ("tq2_0", "group of 256", 66.0 / 32.0, &[llama[0], llama[1], ms, prism, prism]),
        ("q2_0", "group of 64", 18.0 / 8.0, &[llama[0], llama[1], prism]),
        ("pq2_0", "group of 128", 34.0 / 16.0, &[prism]),
        ("ptq1_0", "group of 128", 28.0 / 16.0, &[prism]),
        ("i2_s", "tensor", 2.003, &[ms]),
        ("iq1_bn", "row", 1.683, &[ik]),
        ("iq2_bn", "row", 2.086, &[ik]),
        ("tri1_row_f16", "row", 1.668, &[]),
        ("tri2_g64_f32", "group of 64", 20.0 / 8.0, &[]),
    ];
    let mut zeros = None;
    for (name, span, bits, programs) in cases {
        let file = synth(&dir, &format!("{name}.gguf"), &["--type", name]);
        let json = trinity(["inspect", &file, "--json", "--deep"]).ok().json();
        let ternary = &json["ternary"];
        assert_eq!(
            (&ternary["n_tensors"], &ternary["scale_spans"][0]["span"]),
            (&14.into(), &(*span).into()),
            "{name}"
        );
        let measured = ternary["bits_per_weight"].as_f64().unwrap();
        assert!((measured - bits).abs() < 0.03, "{name}: {measured} bits");
        // All containers of one seed hold the same weights.
        assert_eq!(&ternary["zeros"], zeros.get_or_insert_with(|| ternary["zeros"].clone()), "{name}");
        let of = json["types"].as_array().unwrap().iter().find(|t| t["n_tensors"] == 14).unwrap();
        assert_eq!((&of["n_weights"], &of["bits_per_weight"]), (&ternary["n_weights"], &ternary["bits_per_weight"]));
        assert!(of["what"].as_str().unwrap().contains("scale"), "{of}");
        let expected: Vec<&str> = ["trinity"].iter().chain(*programs).copied().collect();
        assert_eq!(readers(&json), expected, "{name}");
    }
}

#[test]
fn each_no_has_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = synth(&dir, "model.gguf", &["--type", "i2_s", "--arch", "bitnet-b1.58"]);
    let text = trinity(["inspect", &file]).ok().text();
    for words in [
        "bitnet.cpp's ternary: four weights a byte, one f32 scale behind the tensor",
        "a scale per tensor, 2.003 bits per weight",
        "as of August 2026",
        "no: type I2_S, architecture bitnet-b1.58",
        "no: type I2_S (its llama-quantize makes IQ2_BN of it)",
    ] {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
    // Rotated weights without the word for it are for programs that know of rotation only.
    let rotated = synth(&dir, "rotated.gguf", &["--type", "f16"]);
    trinity(["metadata", &rotated, "--set", "prism.hadamard.version=u32:3"]).ok();
    let json = trinity(["inspect", &rotated, "--json"]).ok().json();
    assert_eq!(readers(&json), [""; 0], "{}", json["readers"]);
    assert!(json["readers"]["programs"][1]["why"][0].as_str().unwrap().starts_with("rotated weights"), "{json}");
}

#[test]
fn floats_that_are_ternary_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = synth(&dir, "model.gguf", &["--type", "f16"]);
    let json = trinity(["inspect", &file, "--json"]).ok().json();
    assert_eq!((&json["ternary"], &json["ternary_floats"]), (&Value::Null, &Value::Null));
    let json = trinity(["inspect", &file, "--json", "--deep"]).ok().json();
    assert_eq!((&json["ternary"], &json["ternary_floats"]["n_tensors"]), (&Value::Null, &14.into()));
    let text = trinity(["inspect", &file, "--deep"]).ok().text();
    assert!(text.contains("14 float tensors, 1.2 M weights, hold ternary weights"), "{text}");
}

#[test]
fn numbers_with_two_meanings_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    // PrismML's Q2_0 as it was before it had a number of its own.
    let file = synth(&dir, "old.gguf", &["--type", "pq2_0"]);
    let container = Container::open(file.as_ref()).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    for tensor in container.tensors().iter().filter(|t| t.type_id.0 == 142) {
        let at = bytes.windows(tensor.name.len()).position(|w| w == tensor.name.as_bytes()).unwrap();
        let id = at + tensor.name.len() + 4 + 8 * tensor.dims.len();
        assert_eq!(bytes[id..id + 4], 142u32.to_le_bytes());
        bytes[id..id + 4].copy_from_slice(&42u32.to_le_bytes());
    }
    fs::write(&file, bytes).unwrap();
    let json = trinity(["inspect", &file, "--json"]).ok().json();
    assert!(json["types"].as_array().unwrap().iter().any(|t| t["type"] == "Q2_0/128" && t["type_id"] == 42), "{json}");
    assert_eq!(readers(&json), ["trinity", "PrismML's llama.cpp"]);
    assert_eq!(json["readers"]["programs"][5]["reads"], false, "its newer branch");

    // A layout that only tables outside of the file explain.
    let file = path(&dir, "tl1.gguf");
    let mut metadata = gguf::Metadata::default();
    metadata.set("general.architecture", gguf::Value::String("bitnet".to_owned()));
    let spec =
        gguf::TensorSpec { name: "blk.0.attn_q.weight".to_owned(), dims: vec![256, 32], type_id: gguf::TypeId(38) };
    let mut writer = gguf::Writer::new(fs::File::create(&file).unwrap(), &metadata, vec![spec]).unwrap();
    writer.tensor(&[0; 256 * 32 / 4 + 32]).unwrap();
    writer.finish().unwrap();
    let json = trinity(["inspect", &file, "--json"]).ok().json();
    assert_eq!(readers(&json), ["bitnet.cpp"]);
    assert_eq!(json["ternary"]["scale_spans"][0]["span"], "tensor");
    assert!(json["types"][0]["what"].as_str().unwrap().contains("tables that the file does not hold"), "{json}");
}

#[test]
fn a_sealed_file_is_verified_and_a_flipped_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (source, tri) = (synth(&dir, "model.gguf", &[]), path(&dir, "model.tri"));
    trinity(["convert", &source, &tri]).ok();
    let text = trinity(["inspect", &tri, "--verify"]).ok().text();
    assert!(text.contains("sealed: 24 tensors match their hashes"), "{text}");
    let json = trinity(["inspect", &tri, "--verify", "--json"]).ok().json();
    assert_eq!((&json["n_tensors_verified"], &json["has_hashes"]), (&24.into(), &true.into()));
    trinity(["inspect", &source, "--verify"]).fails(1, &["model.gguf", "no hashes", "NAME.tri"]);

    let container = Container::open(tri.as_ref()).unwrap();
    let at = container.tensor("blk.1.ffn_norm.weight").unwrap().offset as usize;
    let mut bytes = fs::read(&tri).unwrap();
    bytes[at + 1] ^= 1;
    let broken = path(&dir, "broken.tri");
    fs::write(&broken, bytes).unwrap();
    trinity(["inspect", &broken]).ok();
    trinity(["inspect", &broken, "--verify"]).fails(1, &["broken.tri", "tensor blk.1.ffn_norm.weight", "BLAKE3"]);
}

#[test]
fn a_folder_is_described_with_what_convert_makes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, odd) = (path(&dir, "bitnet-tiny"), path(&dir, "bitnet-odd"));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&odd).unwrap();
    let model = ["--arch", "bitnet-b1.58", "--type", "f32", "--embedding-type", "f32"];
    write_folder(synth(&dir, "model.gguf", &model).as_ref(), folder.as_ref());
    write_folder(&testkit::data("golden/bitnet-b1.58.gguf"), odd.as_ref());
    let file = Path::new(&folder).join("model.safetensors");

    let text = trinity(["inspect", &folder, "--tensors"]).ok().text();
    for words in [
        "bitnet-b1.58",
        "14 tensors",
        "ternary, packed four weights a byte",
        "i2_s",
        "NAME.tri",
        "blk.1.ffn_down.weight",
    ] {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
    let json = trinity(["inspect", file.to_str().unwrap(), "--json", "--metadata"]).ok().json();
    assert_eq!((&json["architecture"], &json["is_ternary"]), (&"bitnet-b1.58".into(), &true.into()));
    assert_eq!(json["file_bytes"], file.metadata().unwrap().len());
    assert_eq!(readers(&json), ["trinity convert", "transformers or mlx-lm"]);
    assert_eq!((&json["kept"][0]["kept"], &json["kept"][0]["n_tensors"]), (&"ternary_packed".into(), &14.into()));
    assert!(json["metadata"].as_array().unwrap().iter().any(|m| m["key"] == "tokenizer.chat_template"), "{json}");
    // What it says is what is made, or why it is not.
    let made = path(&dir, "made.gguf");
    assert_eq!(json["convert_makes"], trinity(["convert", &folder, &made, "--json"]).ok().json()["types"]);
    let reason = "a row of 96, but iq2_bn needs a multiple of 64";
    let text = trinity(["inspect", &odd]).ok().text();
    assert!(text.contains(reason) && text.contains("NAME.tri"), "{text}");
    trinity(["convert", &odd, &path(&dir, "odd.gguf")]).fails(1, &[reason]);
    trinity(["inspect", &folder, "--verify"]).fails(2, &["--verify", "bitnet-tiny"]);
}

#[test]
fn masters_are_told_from_packed_weights() {
    let dir = tempfile::tempdir().unwrap();
    let folder = path(&dir, "masters");
    fs::create_dir(&folder).unwrap();
    write_masters(&testkit::data("golden/bitnet-b1.58.gguf"), folder.as_ref());
    let json = trinity(["inspect", &folder, "--json"]).ok().json();
    let kept: Vec<_> = json["kept"].as_array().unwrap().iter().map(|k| (&k["kept"], &k["n_tensors"])).collect();
    assert_eq!(kept[0], (&"ternary_masters".into(), &14.into()), "{json}");
}
