//! The seal of `.tri` files: what is changed after it was set is noticed.

use gguf::{Container, Metadata, NewFile, TensorSpec, TypeId, Value, Writer, seal};
use quant::Format;

/// A sealed file with two tensors, and where it lies.
fn sealed(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let path = folder.path().join("model.tri");
    let format = Format::from_name("tri1_row_f32").unwrap();
    let spec = |name: &str, rows| TensorSpec {
        name: name.into(),
        dims: vec![1280, rows],
        type_id: TypeId::of(format).unwrap(),
    };
    let mut metadata = Metadata::default();
    metadata.set("general.name", Value::String("a".into()));
    seal::prepare(&mut metadata, 2);
    let mut new = NewFile::create(&path).unwrap();
    let mut writer = Writer::new(new.file().unwrap(), &metadata, vec![spec("a", 3), spec("b", 1)]).unwrap();
    writer.tensor(&vec![1; format.tensor_bytes(3, 1280).unwrap()]).unwrap();
    writer.tensor(&vec![2; format.tensor_bytes(1, 1280).unwrap()]).unwrap();
    writer.finish().unwrap();
    new.seal().unwrap();
    new.commit().unwrap();
    path
}

fn verify(bytes: &[u8]) -> Result<bool, String> {
    let container = Container::from_bytes("test", bytes.to_vec()).map_err(|e| e.to_string())?;
    let mut n_read = 0;
    let result = container.verify(&mut |n| n_read = n).map_err(|e| e.to_string())?;
    assert_eq!(n_read, container.tensors().iter().map(|t| t.n_bytes).sum::<u64>());
    Ok(result)
}

#[test]
fn a_sealed_file_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(sealed(&folder)).unwrap();
    assert_eq!(verify(&bytes), Ok(true));
    let plain = crate::write::sample(&crate::write::everything());
    assert!(!Container::from_bytes("test", plain).unwrap().verify(&mut |_| {}).unwrap(), "no hashes");
}

/// Each bit of the header counts, and each of the data but for padding.
#[test]
fn every_flipped_bit_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(sealed(&folder)).unwrap();
    let container = Container::from_bytes("test", bytes.clone()).unwrap();
    let n_bytes: usize = container.tensors().iter().map(|t| t.n_bytes as usize).sum();
    let mut n_unnoticed = 0;
    for at in (0..bytes.len()).step_by(3) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        n_unnoticed += usize::from(verify(&changed).is_ok());
    }
    let header = container.tensors()[0].offset as usize;
    assert!(n_unnoticed <= bytes.len() - n_bytes - header, "{n_unnoticed} changes went unnoticed");
}

#[test]
fn a_type_that_is_exchanged_is_noticed_without_reading_data() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(sealed(&folder)).unwrap();
    let own = 0x5452_0111u32.to_le_bytes();
    let at = bytes.windows(4).position(|w| w == own).unwrap();
    let mut changed = bytes.clone();
    // Rows in halves have another size; a sibling of the same size has another hash.
    changed[at..at + 4].copy_from_slice(&0x5452_0101u32.to_le_bytes());
    assert!(Container::from_bytes("test", changed).is_err());
    let version = bytes.windows(19).position(|w| w == b"trinity.tri.version").unwrap() + 19 + 4;
    let mut newer = bytes;
    newer[version] = 2;
    let error = Container::from_bytes("test", newer).err().unwrap().to_string();
    assert!(error.contains("trinity.tri.version 2, expected 1"), "{error}");
}

/// A key that repeats the hash would leave open which of the two is the seal.
#[test]
fn a_hash_that_stands_twice_is_no_seal() {
    let folder = tempfile::tempdir().unwrap();
    let path = sealed(&folder);
    let mut metadata = Container::open(&path).unwrap().metadata().clone();
    for key in ["a.before", "z.behind"] {
        metadata.set(key, Value::String("x".repeat(64)));
    }
    gguf::rewrite_metadata(&path, &metadata, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let container = Container::from_bytes("test", bytes.clone()).unwrap();
    let hash = container.metadata().str("trinity.blake3.header").unwrap().unwrap().to_owned();
    let places: Vec<usize> = (0..bytes.len() - 64).filter(|&at| bytes[at..at + 64] == [b'x'; 64]).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        let mut twice = bytes.clone();
        twice[at..at + 64].copy_from_slice(hash.as_bytes());
        let error = Container::from_bytes("test", twice).err().unwrap().to_string();
        assert!(error.contains("trinity.blake3.header stands more than once"), "{error}");
    }
}

#[test]
fn changing_metadata_seals_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = sealed(&folder);
    let mut metadata = Container::open(&path).unwrap().metadata().clone();
    metadata.set("general.name", Value::String("b".into()));
    gguf::rewrite_metadata(&path, &metadata, &path).unwrap();
    let again = Container::open(&path).unwrap();
    assert_eq!(again.metadata().str("general.name").unwrap(), Some("b"));
    assert!(again.verify(&mut |_| {}).unwrap());
}
