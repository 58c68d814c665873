//! Folders through the whole pipeline: into a file that is read back and compared.

use convert::{Freedom, Plan, Source, Target};
use quant::Format;
use serde_json::json;
use tempfile::tempdir;

use super::support::{folder, read};
use crate::support::{open, write};

#[test]
fn a_folder_becomes_a_file_that_holds_its_weights() {
    let folder = folder("llama");
    let source = folder.open().unwrap();
    let out = tempdir().unwrap();
    let path = out.path().join("out.gguf");
    let proof = write(&source, &Plan::keep(&source).unwrap(), &path).unwrap();
    assert!(proof.is_exact() && proof.tensors.len() == source.tensors().len());
    assert_eq!(open(&path).metadata(), source.metadata());
}

#[test]
fn ternary_masters_need_a_type_and_get_one_that_holds_them() {
    let mut folder = folder("llama-256-ternary");
    folder.config["quantization_config"] =
        json!({"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"});
    let source = folder.open().unwrap();
    let refused = Plan::keep(&source).err().unwrap().to_string();
    assert!(refused.contains("say which it should get"), "{refused}");
    let out = tempdir().unwrap();
    let path = out.path().join("out.gguf");
    let plan = convert::retyped(&source, Target::Format(Format::I2_S), Freedom::Exact, 2).unwrap();
    let proof = write(&source, &plan, &path).unwrap();
    assert!(proof.is_exact());
    let to: Vec<&str> = proof.tensors.iter().filter(|t| t.from == "ternary").map(|t| t.to.as_str()).collect();
    assert!(!to.is_empty() && to.iter().all(|&to| to == "i2_s"), "{to:?}");
    let (name, file) = ("blk.0.attn_q.weight", open(&path));
    testkit::assert_same_f32(name, &read(&file, name, 7), &read(&source, name, 7));
}
