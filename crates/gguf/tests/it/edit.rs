//! Metadata changes, data stays, and nothing is half-written.

use gguf::{Container, NewFile, Value, rewrite_metadata, split};

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

/// Three parts of the sample's tensors.
fn parts(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let container = Container::from_bytes("sample", sample(&everything())).unwrap();
    let specs: Vec<_> = container.tensors().iter().map(gguf::TensorInfo::spec).collect();
    let parts = split::split(container.metadata(), &specs, 64).unwrap();
    assert!(parts.len() > 1);
    let path = |i| split::part_path(&folder.join(format!("{name}.gguf")), i, parts.len());
    for (i, part) in parts.iter().enumerate() {
        let file = std::fs::File::create(path(i)).unwrap();
        let mut writer = gguf::Writer::new(file, &part.metadata, specs[part.tensors.clone()].to_vec()).unwrap();
        container.tensors()[part.tensors.clone()].iter().for_each(|t| writer.tensor(&container.bytes(t)).unwrap());
        writer.finish().unwrap();
    }
    path(0)
}

#[test]
fn of_a_split_model_the_first_part_changes() {
    let folder = tempfile::tempdir().unwrap();
    let first = parts(folder.path(), "m");
    let before = Container::open(&first).unwrap();
    let others = |c: &Container| c.paths()[1..].iter().map(|p| std::fs::read(p).unwrap()).collect::<Vec<_>>();
    let mut metadata = before.metadata().clone();
    metadata.set("general.name", Value::String("other".into()));
    rewrite_metadata(&first, &metadata, &first).unwrap();
    let after = Container::open(&first).unwrap();
    assert_eq!((after.metadata(), others(&after)), (&metadata, others(&before)));
    for tensor in before.tensors() {
        assert_eq!(*after.bytes(after.tensor(&tensor.name).unwrap()), *before.bytes(tensor));
    }
    // Elsewhere: all of it, under names that belong together.
    let n_parts = before.n_parts();
    let elsewhere = split::part_path(&folder.path().join("copy.gguf"), 0, n_parts);
    rewrite_metadata(&first, &metadata, &elsewhere).unwrap();
    let copy = Container::open(&elsewhere).unwrap();
    assert_eq!((copy.metadata(), others(&copy)), (&metadata, others(&before)));
    let error = rewrite_metadata(&first, &metadata, &folder.path().join("copy.gguf")).unwrap_err().to_string();
    assert!(error.contains(&format!("-00001-of-{n_parts:05}.gguf")), "{error}");
    // What says how many there are stays true.
    metadata.set("split.count", Value::U16(9));
    let error = rewrite_metadata(&first, &metadata, &first).unwrap_err().to_string();
    assert!(error.contains("split.count 9") && error.contains(&n_parts.to_string()), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2 * n_parts);
}

/// The mode, the link and the umask: what a user sees of how a file came to be.
#[cfg(unix)]
#[test]
fn a_replaced_file_keeps_its_mode_and_a_link_stays() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str| {
        let mut new = NewFile::create(&path(name)).unwrap();
        std::io::Write::write_all(new.file().unwrap(), name.as_bytes()).unwrap();
        new.commit().unwrap();
    };
    let mode = |name: &str| path(name).metadata().unwrap().mode() & 0o7777;
    std::fs::write(path("plain"), "").unwrap();
    write("new");
    assert_eq!(mode("new"), mode("plain"));
    for bits in [0o640, 0o600, 0o755, 0o444] {
        std::fs::set_permissions(path("new"), std::fs::Permissions::from_mode(bits)).unwrap();
        write("new");
        assert_eq!(mode("new"), bits);
    }
    // A chain of relative links to a file in another folder; its mode is kept, too.
    std::fs::create_dir(path("sub")).unwrap();
    std::fs::write(path("sub/target"), "old").unwrap();
    std::fs::set_permissions(path("sub/target"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("target", path("sub/second")).unwrap();
    symlink("sub/second", path("link")).unwrap();
    write("link");
    assert!(path("link").symlink_metadata().unwrap().is_symlink());
    assert!(path("sub/second").symlink_metadata().unwrap().is_symlink());
    assert_eq!((std::fs::read(path("sub/target")).unwrap(), mode("sub/target")), (b"link".to_vec(), 0o640));
    // One that leads nowhere yet.
    symlink("sub/later", path("early")).unwrap();
    write("early");
    assert_eq!(std::fs::read(path("sub/later")).unwrap(), b"early");
    symlink("circle", path("circle")).unwrap();
    assert!(NewFile::create(&path("circle")).is_err());
    // Never in place of a device.
    symlink("/dev/null", path("null")).unwrap();
    assert!(NewFile::create(&path("null")).map(drop).unwrap_err().to_string().contains("no regular file"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 7);
    assert_eq!(std::fs::read_dir(path("sub")).unwrap().count(), 3);
}
