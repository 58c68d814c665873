//! Every limit of the table: a file at it is read, or refused for another reason, and one over is refused by it.

use std::path::Path;

use gguf::{Container, Metadata, TensorSpec, TypeId, Value, Writer, limits::TABLE};

fn file(metadata: &Metadata, tensors: Vec<TensorSpec>) -> Vec<u8> {
    let n_tensors = tensors.len();
    let mut writer = Writer::new(Vec::new(), metadata, tensors).unwrap();
    (0..n_tensors).for_each(|_| writer.tensor(&[0; 4]).unwrap());
    writer.finish().unwrap()
}

/// A tensor of one number.
fn tensor(name: String, n_dims: usize) -> TensorSpec {
    TensorSpec { name, dims: vec![1; n_dims], type_id: TypeId(0) }
}

fn with(key: &str, value: Value) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.set(key, value);
    metadata
}

/// A sound file with so much of what the limit counts.
fn of(name: &str, n: usize) -> Vec<u8> {
    let none = Metadata::default();
    match name {
        "gguf keys" => {
            let mut metadata = Metadata::default();
            (0..n).for_each(|i| metadata.set(format!("k{i}"), Value::U8(0)));
            file(&metadata, Vec::new())
        }
        "gguf tensors" => file(&none, (0..n).map(|i| tensor(format!("t{i}"), 1)).collect()),
        "gguf key bytes" => file(&with(&"k".repeat(n), Value::U8(0)), Vec::new()),
        "gguf tensor name bytes" => file(&none, vec![tensor("t".repeat(n), 1)]),
        "gguf dimensions" => file(&none, vec![tensor("t".to_owned(), n)]),
        "gguf header bytes" => {
            let padding = |n: usize| with("k", Value::String("x".repeat(n)));
            let head = file(&padding(32), Vec::new()).len() - 32;
            file(&padding(n - head), Vec::new())
        }
        other => panic!("the limit {other:?} has no test"),
    }
}

/// Why a file is refused.
fn refusal(bytes: Vec<u8>) -> Option<String> {
    Container::from_bytes("test", bytes).err().map(|error| error.to_string())
}

/// Why the first of `n` parts, of which the others are missing, is refused.
fn refusal_of_parts(folder: &Path, n: u64) -> String {
    let mut metadata = with("split.count", Value::U64(n));
    metadata.set("split.no", Value::U64(0));
    let path = folder.join(format!("m-00001-of-{n:05}.gguf"));
    std::fs::write(&path, file(&metadata, Vec::new())).unwrap();
    Container::open(&path).map(drop).unwrap_err().to_string()
}

#[test]
fn one_over_each_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in TABLE {
        let max = value.to_string();
        match *name {
            "gguf alignment" => {
                let aligned = |n: u64| with("general.alignment", Value::U32(u32::try_from(n).unwrap()));
                assert_eq!(refusal(file(&aligned(*value), Vec::new())), None);
                // The next that is a power of two.
                let error = Writer::new(Vec::new(), &aligned(2 * value), Vec::new()).err().unwrap().to_string();
                assert!(error.contains(&max), "{error}");
            }
            "gguf parts" => {
                assert!(refusal_of_parts(folder.path(), *value).contains("is missing"));
                let over = refusal_of_parts(folder.path(), value + 1);
                assert!(over.contains(&format!("at most {max}")), "{over}");
            }
            name => {
                let n = usize::try_from(*value).unwrap();
                assert_eq!(refusal(of(name, n)), None, "{name}: {n}");
                let step = if name == "gguf header bytes" { 32 } else { 1 };
                let over = refusal(of(name, n + step)).unwrap_or_else(|| panic!("{name}: one over {n} is taken"));
                assert!(over.contains(&(n + step).to_string()) && over.contains(&max), "{name}: {over}");
            }
        }
    }
}
