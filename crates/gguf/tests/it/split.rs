//! Models in several files.

use std::path::Path;

use gguf::{Container, Metadata, TensorSpec, TypeId, Value, Writer};

fn part(folder: &Path, no: u16, count: u16, total: Option<u32>, tensor: &str) -> std::path::PathBuf {
    let mut metadata = Metadata::default();
    metadata.set("general.architecture", Value::String("test".into()));
    metadata.set("split.no", Value::U16(no));
    metadata.set("split.count", Value::U16(count));
    if let Some(total) = total {
        metadata.set("split.tensors.count", Value::U32(total));
    }
    let tensors = vec![TensorSpec { name: tensor.into(), dims: vec![2], type_id: TypeId(0) }];
    let mut writer = Writer::new(Vec::new(), &metadata, tensors).unwrap();
    writer.tensor(&[no as u8; 8]).unwrap();
    let path = folder.join(format!("m-{:05}-of-{count:05}.gguf", no + 1));
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}

#[test]
fn parts_are_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let first = part(folder.path(), 0, 2, Some(2), "a");
    let second = part(folder.path(), 1, 2, None, "b");
    let container = Container::open(&first).unwrap();
    assert_eq!(container.tensors().len(), 2);
    assert_eq!(*container.bytes(container.tensor("b").unwrap()), [1; 8]);
    let error = Container::open(&second).map(drop).unwrap_err().to_string();
    assert!(error.contains("m-00001-of-00002.gguf"), "{error}");
}

#[test]
fn parts_that_do_not_fit_are_refused_by_name() {
    let check = |build: &dyn Fn(&Path), words: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        build(folder.path());
        let error = Container::open(&folder.path().join("m-00001-of-00002.gguf")).map(drop).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "{word:?} is missing in {error}"));
    };
    check(&|f| drop(part(f, 0, 2, Some(2), "a")), &["missing", "m-00002-of-00002.gguf"]);
    check(
        &|f| {
            part(f, 0, 2, Some(3), "a");
            part(f, 1, 2, None, "b");
        },
        &["3", "2"],
    );
    check(
        &|f| {
            part(f, 0, 2, Some(2), "a");
            part(f, 1, 2, None, "a");
        },
        &["two parts"],
    );
    check(
        &|f| {
            part(f, 0, 2, Some(2), "a");
            std::fs::rename(part(f, 4, 9, None, "b"), f.join("m-00002-of-00002.gguf")).unwrap();
        },
        &["m-00002-of-00002.gguf", "split.no"],
    );
}
