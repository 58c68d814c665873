//! What a safetensors file may not say.

use std::fs;

use convert::safetensors::{Checkpoint, Dtype, SafeTensors};

use super::support::{Tensor, safetensors, with_header};

fn open(bytes: &[u8]) -> Result<SafeTensors, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    fs::write(&path, bytes).unwrap();
    SafeTensors::open(&path).map_err(|e| {
        let text = e.to_string();
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        text
    })
}

/// Checks that a file is refused, with `expected` in the text.
fn check(bytes: &[u8], expected: &str) {
    let text = open(bytes).map(|_| ()).unwrap_err();
    assert!(text.contains(expected), "{text:?}, expected {expected:?}");
}

#[test]
fn tensors_are_found_where_the_header_says() {
    let tensors =
        [Tensor::f32("a", &[2, 1], &[1.0, 2.0]), Tensor::f32("b", &[], &[3.0]), Tensor::f32("none", &[0, 4], &[])];
    let file = open(&safetensors(&tensors)).unwrap();
    for t in &tensors {
        let info = file.tensor(&t.name).unwrap();
        assert_eq!(info.shape.iter().map(|&n| n as usize).collect::<Vec<_>>(), t.shape);
        assert_eq!((info.dtype, file.bytes(info)), (Dtype::F32, t.bytes.as_slice()));
    }
    assert!(file.tensor("c").is_none());
    // A file without tensors, and one with the padding that writers use.
    assert!(open(&with_header("{}", b"")).is_ok());
    assert!(open(&with_header("{}      ", b"")).is_ok());
}

#[test]
fn broken_frames() {
    check(b"", "0 bytes, expected 8 or more");
    check(&[8, 0, 0, 0, 0, 0, 0, 0, b'{', b'}'], "header of 8 bytes, but 2 are left");
    check(&[0xff; 16], "header of 18446744073709551615 bytes, expected at most 100000000");
    check(&100_000_001u64.to_le_bytes(), "header of 100000001 bytes, expected at most 100000000");
    check(&with_header("", b""), "header begins with None");
    check(&with_header(" {}", b""), "header begins with Some(' ')");
    check(&with_header("[]", b""), "header begins with Some('[')");
    check(&with_header("{}{}", b""), "trailing characters");
    check(&with_header("{\"a\u{fffd}", b""), "header: EOF");
    check(&[3, 0, 0, 0, 0, 0, 0, 0, b'{', b'"', 0xff], "header:");
}

#[test]
fn broken_entries() {
    let entry = |dtype: &str, shape: &str, offsets: &str, data: usize| {
        let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#);
        with_header(&header, &vec![0; data])
    };
    assert!(open(&entry("F32", "[2]", "[0,8]", 8)).is_ok());
    check(&entry("F32", "[3]", "[0,8]", 8), "tensor a: data_offsets [0, 8] hold 8 bytes, but shape [3] of F32 has 12");
    check(&entry("F16", "[2]", "[0,8]", 8), "shape [2] of F16 has 4");
    check(&entry("F32", "[3]", "[0,12]", 8), "tensor a: data_offsets [0, 12], expected a range within 8 bytes");
    check(&entry("F32", "[2]", "[8,0]", 8), "data_offsets [8, 0], expected a range");
    check(&entry("F32", "[2]", "[4,12]", 12), "tensor a: begins at 4 and leaves a gap before it, expected 0");
    check(&entry("F32", "[2]", "[0,8]", 9), "9 bytes of data, but the tensors have 8");
    check(&entry("F32", "[-1]", "[0,8]", 8), "header: a: invalid value: integer `-1`");
    check(&entry("F32", "[2.0]", "[0,8]", 8), "header: a: invalid type");
    check(&entry("F32", "[4611686018427387904,4]", "[0,0]", 0), "overflows");
    check(&entry("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]", 1), "9 dimensions, expected at most 8");
    check(&entry("F4", "[2]", "[0,1]", 1), "header: a: unknown variant `F4`, expected one of `BOOL`");
    check(&entry("F32", "[2]", "[0,4,8]", 8), "header: a: ");
    check(&entry("F32", "[2]", "[0,18446744073709551616]", 8), "header: a: ");
    check(
        &with_header(r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1}}"#, b""),
        "unknown field `more`",
    );
    check(&with_header(r#"{"a":{"dtype":"U8","shape":[0]}}"#, b""), "missing field `data_offsets`");
    check(
        &with_header(r#"{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, b""),
        "duplicate field `dtype`",
    );
    check(&with_header(r#"{"__metadata__":{"a":1}}"#, b""), "__metadata__: invalid type");
    check(&with_header(r#"{"__metadata__":{"a":"1","a":"2"}}"#, b""), "key \"a\" stands twice");
}

#[test]
fn names_that_stand_twice_and_tensors_that_overlap() {
    let entry = |offsets: &str| format!(r#"{{"dtype":"U8","shape":[2],"data_offsets":{offsets}}}"#);
    let two =
        |a: &str, b: &str, names: [&str; 2]| format!(r#"{{"{}":{},"{}":{}}}"#, names[0], entry(a), names[1], entry(b));
    assert!(open(&with_header(&two("[2,4]", "[0,2]", ["a", "b"]), &[0; 4])).is_ok(), "any order of names");
    check(&with_header(&two("[0,2]", "[2,4]", ["a", "a"]), &[0; 4]), "a: stands twice");
    check(&with_header(&two("[0,2]", "[1,3]", ["a", "b"]), &[0; 3]), "tensor b: begins at 1 and overlaps");
    check(&with_header(&two("[0,2]", "[0,2]", ["a", "b"]), &[0; 2]), "tensor b: begins at 0 and overlaps");
    check(&with_header(&two("[0,2]", "[3,5]", ["a", "b"]), &[0; 5]), "tensor b: begins at 3 and leaves a gap");
}

#[test]
fn folders_without_weights() {
    let dir = tempfile::tempdir().unwrap();
    let error = Checkpoint::open(dir.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("neither model.safetensors nor model.safetensors.index.json in this folder"), "{error}");
    let error = Checkpoint::open(&dir.path().join("none")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
}
