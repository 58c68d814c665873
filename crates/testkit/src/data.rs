//! Golden files, by their path below `shared/data`.

use std::{fs, io::Read, path::PathBuf};

/// The path of `shared/data/<name>`: `TRINITY_SHARED`, else `shared` beside the checkout.
///
/// # Panics
/// If it does not exist: a test that lacks its data fails.
pub fn shared(name: &str) -> PathBuf {
    let root = std::env::var_os("TRINITY_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join("data").join(name);
    assert!(path.exists(), "test data {} is missing (TRINITY_SHARED names the folder above data/)", path.display());
    path
}

/// The path of `testdata/<name>` in the repository.
///
/// # Panics
/// If it does not exist: a test that lacks its data fails.
pub fn data(name: &str) -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(name);
    assert!(path.exists(), "test data {} is missing", path.display());
    path
}

/// A text file.
pub fn read_text(name: &str) -> String {
    let path = shared(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A JSON file.
pub fn read_json(name: &str) -> serde_json::Value {
    serde_json::from_str(&read_text(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Little-endian f32 values.
pub fn read_f32(name: &str) -> Vec<f32> {
    let path = shared(name);
    let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty(), "{name}: {} bytes are no whole number of f32", bytes.len());
    values.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// A gzip file, unpacked.
pub fn read_gz(name: &str) -> Vec<u8> {
    let path = shared(name);
    let file = fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    bytes
}
