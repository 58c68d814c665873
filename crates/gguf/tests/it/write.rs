//! What is written can be read, and is the same.

use gguf::{Array, Container, Metadata, TensorSpec, TypeId, Value, Writer};

/// One value of each type.
pub(crate) fn everything() -> Metadata {
    let mut metadata = Metadata::default();
    let mut set = |key: &str, value| metadata.set(key, value);
    set("general.architecture", Value::String("test".into()));
    set("u8", Value::U8(1));
    set("i8", Value::I8(-1));
    set("u16", Value::U16(2));
    set("i16", Value::I16(-2));
    set("u32", Value::U32(3));
    set("i32", Value::I32(-3));
    set("f32", Value::F32(0.5));
    set("bool", Value::Bool(true));
    set("string", Value::String("Zoë\n".into()));
    set("u64", Value::U64(u64::MAX));
    set("i64", Value::I64(i64::MIN));
    set("f64", Value::F64(-0.25));
    set("array.u8", Value::Array(Array::U8(vec![1, 2])));
    set("array.i8", Value::Array(Array::I8(vec![-1])));
    set("array.u16", Value::Array(Array::U16(vec![])));
    set("array.i16", Value::Array(Array::I16(vec![-5])));
    set("array.u32", Value::Array(Array::U32(vec![7])));
    set("array.i32", Value::Array(Array::I32(vec![7, -7])));
    set("array.f32", Value::Array(Array::F32(vec![1.5])));
    set("array.bool", Value::Array(Array::Bool(vec![true, false])));
    set("array.string", Value::Array(Array::String(vec!["a".into(), String::new()])));
    set("array.u64", Value::Array(Array::U64(vec![9])));
    set("array.i64", Value::Array(Array::I64(vec![-9])));
    set("array.f64", Value::Array(Array::F64(vec![2.5])));
    metadata
}

/// A container with two tensors.
pub(crate) fn sample(metadata: &Metadata) -> Vec<u8> {
    let tensors = vec![
        TensorSpec { name: "a".into(), dims: vec![3, 2], type_id: TypeId(0) },
        TensorSpec { name: "b".into(), dims: vec![32], type_id: TypeId(8) },
    ];
    let mut writer = Writer::new(Vec::new(), metadata, tensors).unwrap();
    writer.tensor(&[7; 24]).unwrap();
    writer.tensor(&[8; 34]).unwrap();
    writer.finish().unwrap()
}

#[test]
fn every_type_of_value_survives() {
    let metadata = everything();
    let container = Container::from_bytes("test", sample(&metadata)).unwrap();
    assert_eq!(container.metadata(), &metadata);
    assert_eq!(*container.bytes(container.tensor("b").unwrap()), [8; 34]);
    assert_eq!(container.version(), 3);
}

#[test]
fn version_2_is_read_too() {
    let mut bytes = sample(&everything());
    bytes[4] = 2;
    assert_eq!(Container::from_bytes("test", bytes).unwrap().version(), 2);
}

#[test]
fn real_files_survive() {
    for name in ["golden/llama-256-Q4_K_S.gguf", "tiny-models/stories260K-q8_0.gguf", "golden/bitnet.gguf"] {
        gguf::oracle(&std::fs::read(testkit::data(name)).unwrap());
    }
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let tensor =
        |dims: &[u64], type_id| vec![TensorSpec { name: "t".into(), dims: dims.to_vec(), type_id: TypeId(type_id) }];
    for (tensors, word) in [
        (tensor(&[33], 2), "33"),
        (tensor(&[1], 99), "99"),
        (tensor(&[1 << 62, 8], 0), "overflows"),
        (tensor(&[256, 0], 35), "no weights"),
    ] {
        let error = Writer::new(Vec::new(), &Metadata::default(), tensors).map(drop).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let mut writer = Writer::new(Vec::new(), &Metadata::default(), tensor(&[4], 0)).unwrap();
    assert!(writer.tensor(&[0; 15]).unwrap_err().to_string().contains("15"));
    let writer = Writer::new(Vec::new(), &Metadata::default(), tensor(&[4], 0)).unwrap();
    assert!(writer.finish().is_err(), "data is missing");
}
