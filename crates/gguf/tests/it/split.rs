//! Models in several files.

use std::path::Path;

use gguf::{Container, Metadata, TensorSpec, TypeId, Value, Writer, split};

fn part(folder: &Path, no: u16, count: u16, total: Option<u32>, tensor: &str) -> std::path::PathBuf {
    let mut metadata = Metadata::default();
    metadata.set("general.architecture", Value::String("test".into()));
    metadata.set("split.no", Value::U16(no));
    metadata.set("split.count", Value::U16(count));
    if let Some(total) = total {
        metadata.set("split.tensors.count", Value::U32(total));
    }
    let path = folder.join(format!("m-{:05}-of-{count:05}.gguf", no + 1));
    write(&path, &metadata, tensor, no as u8);
    path
}

/// A file of one tensor, all of whose bytes are `byte`.
fn write(path: &Path, metadata: &Metadata, tensor: &str, byte: u8) {
    let tensors = vec![TensorSpec { name: tensor.into(), dims: vec![2], type_id: TypeId(0) }];
    let mut writer = Writer::new(Vec::new(), metadata, tensors).unwrap();
    writer.tensor(&[byte; 8]).unwrap();
    std::fs::write(path, writer.finish().unwrap()).unwrap();
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
    // `gguf-split --no-tensor-first-split` leaves metadata alone in the first.
    let metadata = container.metadata().clone();
    std::fs::write(&first, Writer::new(Vec::new(), &metadata, Vec::new()).unwrap().finish().unwrap()).unwrap();
    let error = Container::open(&first).map(drop).unwrap_err().to_string();
    assert!(error.contains("split.tensors.count 2, but the parts hold 1"), "{error}");
    let mut metadata = metadata;
    metadata.set("split.tensors.count", Value::I32(1));
    std::fs::write(&first, Writer::new(Vec::new(), &metadata, Vec::new()).unwrap().finish().unwrap()).unwrap();
    assert_eq!(*Container::open(&first).unwrap().bytes(&container.tensors()[1]), [1; 8]);
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
        &["two parts", "m-00001-of-00002.gguf", "m-00002-of-00002.gguf"],
    );
    check(
        &|f| {
            part(f, 0, 2, Some(2), "a");
            part(f, 1, 2, Some(3), "b");
        },
        &["m-00002-of-00002.gguf: a part of another model: split.tensors.count 3", "m-00001-of-00002.gguf has 2"],
    );
    check(
        &|f| {
            part(f, 0, 2, Some(2), "a");
            let other = part(f, 1, 2, Some(2), "b");
            let mut metadata = Container::from_bytes("", std::fs::read(&other).unwrap()).unwrap().metadata().clone();
            metadata.set("general.architecture", Value::String("other".into()));
            write(&other, &metadata, "b", 1);
        },
        &[
            "m-00002-of-00002.gguf: a part of another model: general.architecture other",
            "m-00001-of-00002.gguf has test",
        ],
    );
    // By its name one of two.
    check(
        &|f| std::fs::rename(part(f, 0, 1, None, "a"), f.join("m-00001-of-00002.gguf")).unwrap(),
        &["count 1", "of 2"],
    );
    check(
        &|f| {
            part(f, 0, 2, Some(2), "a");
            let mut metadata = Metadata::default();
            metadata.set("split.no", Value::U16(1));
            write(&f.join("m-00002-of-00002.gguf"), &metadata, "b", 1);
        },
        &["m-00002-of-00002.gguf: split.no 1 and split.count missing, expected 1 and 2", "m-00001-of-00002.gguf"],
    );
    check(
        &|f| {
            part(f, 0, 2, Some(2), "a");
            std::fs::rename(part(f, 4, 9, None, "b"), f.join("m-00002-of-00002.gguf")).unwrap();
        },
        &["m-00002-of-00002.gguf", "split.no"],
    );
}

/// The tensors of each part, for tensors of so many floats.
fn ranges(lens: &[u64], bytes_max: u64) -> Result<Vec<std::ops::Range<usize>>, String> {
    let spec = |(i, len): (usize, &u64)| TensorSpec { name: format!("t{i}"), dims: vec![*len], type_id: TypeId(0) };
    let specs: Vec<TensorSpec> = lens.iter().enumerate().map(spec).collect();
    let mut metadata = Metadata::default();
    metadata.set("general.architecture", Value::String("test".into()));
    let parts = split::split(&metadata, &specs, bytes_max)?;
    for (i, part) in parts.iter().enumerate() {
        let number = |key| part.metadata.u64(key).unwrap().unwrap() as usize;
        assert_eq!((number("split.no"), number("split.count")), (i, parts.len()));
        assert_eq!(number("split.tensors.count"), lens.len());
        assert_eq!(part.metadata.get("trinity.split.model"), parts[0].metadata.get("trinity.split.model"));
        assert_eq!(part.metadata.get("general.architecture").is_some(), i == 0);
    }
    Ok(parts.into_iter().map(|part| part.tensors).collect())
}

/// Sizes are counted with their padding to 32 bytes, as `gguf-split --split-max-size` does.
#[test]
fn tensors_go_into_the_next_part_when_one_is_full() {
    assert_eq!(ranges(&[8, 8, 1, 8], 64).unwrap(), [0..2, 2..4]);
    assert_eq!(ranges(&[8, 16, 8], 64).unwrap(), [0..1, 1..2, 2..3]);
    assert_eq!(ranges(&[8, 8], 1 << 40).unwrap(), vec![0..2; 1]);
    assert_eq!(ranges(&[], 1).unwrap(), vec![0..0; 1]);
    let error = ranges(&[8, 17, 8], 64).unwrap_err();
    assert!(error.contains("t1") && error.contains("96 bytes") && error.contains("64"), "{error}");
    let error = ranges(&[8; 1025], 32).unwrap_err();
    assert!(error.contains("1025") && error.contains("1024"), "{error}");
}

/// Parts of two models of one shape have the same numbers.
#[test]
fn parts_of_another_model_of_the_same_shape_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let model = |name: &str| {
        let mut metadata = Metadata::default();
        metadata.set("general.name", Value::String(name.into()));
        let spec = |name: &str| TensorSpec { name: name.into(), dims: vec![2], type_id: TypeId(0) };
        for (i, part) in split::split(&metadata, &[spec("t0"), spec("t1")], 32).unwrap().iter().enumerate() {
            let path = split::part_path(&folder.path().join(format!("{name}.gguf")), i, 2);
            write(&path, &part.metadata, &format!("t{i}"), i as u8);
        }
        folder.path().join(format!("{name}-00001-of-00002.gguf"))
    };
    let (first, other) = (model("a"), model("b"));
    assert_eq!(Container::open(&first).unwrap().tensors().len(), 2);
    let second = folder.path().join("a-00002-of-00002.gguf");
    std::fs::copy(other.with_file_name("b-00002-of-00002.gguf"), &second).unwrap();
    let error = Container::open(&first).map(drop).unwrap_err().to_string();
    for word in ["a-00002-of-00002.gguf", "another model", "trinity.split.model", "a-00001-of-00002.gguf"] {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn names_of_parts_are_taken_apart() {
    let check = |name: &str, expected| assert_eq!(split::number_of(Path::new(name)), expected, "{name}");
    check("a/m-00002-of-00003.gguf", Some(("m", 1, 3)));
    check("m-x-00001-of-00001.gguf", Some(("m-x", 0, 1)));
    for other in ["m.gguf", "m-2-of-3.gguf", "m-00004-of-00003.gguf", "m-00000-of-00003.gguf", "m-00001-of-0000x.gguf"]
    {
        check(other, None);
    }
}
