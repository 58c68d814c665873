//! A seal vouches for what the file held when it was converted: damage since then is neither copied nor sealed again.

use std::fs;

use gguf::Container;

use crate::program::trinity;

#[test]
fn damage_is_not_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (source, tri, out) = (path("model.gguf"), path("model.tri"), path("out.tri"));
    trinity(["dev", "synth", &source]).ok();
    trinity(["convert", &source, &tri]).ok();
    trinity(["metadata", &tri, "--set", "general.name=whole"]).ok();
    trinity(["inspect", &tri, "--verify"]).ok();

    let mut bytes = fs::read(&tri).unwrap();
    let at = Container::open(tri.as_ref()).unwrap().tensor("blk.1.ffn_norm.weight").unwrap().offset as usize;
    bytes[at + 1] ^= 1;
    fs::write(&tri, &bytes).unwrap();
    let words = &["model.tri: tensor blk.1.ffn_norm.weight: data has BLAKE3"];
    trinity(["convert", &tri, &out]).fails(1, words);
    trinity(["convert", &tri, &path("out.gguf"), "--to", "tq2_0"]).fails(1, words);
    trinity(["quantize", &tri, &path("out.gguf"), "--type", "q8_0"]).fails(1, words);
    trinity(["metadata", &tri, "--set", "general.name=b", "--out", &out]).fails(1, words);
    trinity(["metadata", &tri, "--set", "general.name=b"]).fails(1, words);
    assert_eq!(fs::read(&tri).unwrap(), bytes);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
}

#[test]
fn only_a_seal_sets_what_it_consists_of() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.tri");
    let tri = path.to_str().unwrap();
    let source = testkit::data("golden/bitnet.gguf");
    trinity(["convert", source.to_str().unwrap(), tri]).ok();
    let before = fs::read(&path).unwrap();
    trinity(["metadata", tri, "--set", "trinity.tri.version=9"]).fails(2, &["trinity.tri.version", "seal"]);
    trinity(["metadata", tri, "--set", "trinity.blake3.header=00"]).fails(2, &["trinity.blake3.header", "seal"]);
    trinity(["metadata", tri, "--remove", "trinity.blake3.tensors"]).fails(2, &["trinity.blake3.tensors", "seal"]);
    assert_eq!(fs::read(&path).unwrap(), before);
}
