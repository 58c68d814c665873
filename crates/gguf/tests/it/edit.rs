//! Metadata changes, data stays, and nothing is half-written.

use gguf::{Container, Value, rewrite_metadata};

use crate::write::{everything, sample};

#[test]
fn metadata_changes_and_data_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    std::fs::write(&path, sample(&everything())).unwrap();
    let mut metadata = everything();
    metadata.set("general.name", Value::String("a name that makes the header longer".repeat(5)));
    assert!(metadata.remove("u8") && !metadata.remove("u8"));
    rewrite_metadata(&path, &metadata, &path).unwrap();
    let container = Container::open(&path).unwrap();
    assert_eq!(container.metadata(), &metadata);
    assert_eq!(*container.bytes(container.tensor("a").unwrap()), [7; 24]);
    assert_eq!(*container.bytes(container.tensor("b").unwrap()), [8; 34]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_refused_change_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    let before = sample(&everything());
    std::fs::write(&path, &before).unwrap();
    let mut metadata = everything();
    metadata.set("general.alignment", Value::U32(64));
    assert!(rewrite_metadata(&path, &metadata, &path).unwrap_err().to_string().contains("64"));
    let mut metadata = everything();
    metadata.set("", Value::U32(1));
    assert!(rewrite_metadata(&path, &metadata, &path).is_err(), "an empty key");
    assert!(rewrite_metadata(&path, &everything(), &folder.path().join("no/such/folder.gguf")).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
