//! Test data, by its path below `testdata/`.

use std::{fs, path::PathBuf};

use crate::packs;

/// Returns the path of `testdata/<name>`, a file or a folder.
///
/// Where `testdata/<folder>` holds packs (`*.tar.xz`), what is not there as a plain file is looked for in these; they
/// are unpacked below `target/` when they are first asked for. Of a folder with packs the path is that of its unpacked
/// part.
///
/// # Panics
/// If it does not exist: a test that lacks its data fails.
pub fn data(name: &str) -> PathBuf {
    let plain = packs::testdata().join(name);
    if plain.is_file() {
        return plain;
    }
    let (folder, rest) = name.split_once('/').unwrap_or((name, ""));
    let unpacked = packs::unpacked(folder).map(|unpacked| unpacked.join(rest));
    let path = unpacked.filter(|path| path.exists()).unwrap_or(plain);
    assert!(path.exists(), "test data {} is missing", path.display());
    path
}

/// Returns a folder of first inputs for fuzzing: one of a crate's own (`crates/…`), or below `testdata/`.
///
/// # Panics
/// If it is one of `testdata/` and does not exist.
pub fn inputs(place: &str) -> PathBuf {
    if place.starts_with("crates/") { packs::testdata().with_file_name(place) } else { data(place) }
}

/// Reads all bytes of `testdata/<name>`.
pub fn read_bytes(name: &str) -> Vec<u8> {
    let path = data(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads `testdata/<name>` as text.
pub fn read_text(name: &str) -> String {
    String::from_utf8(read_bytes(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Reads `testdata/<name>` as JSON.
pub fn read_json(name: &str) -> serde_json::Value {
    serde_json::from_str(&read_text(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Reads `testdata/<name>` as little-endian f32 values.
pub fn read_f32(name: &str) -> Vec<f32> {
    let bytes = read_bytes(name);
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty(), "{name}: {} bytes are no whole number of f32", bytes.len());
    values.iter().map(|b| f32::from_le_bytes(*b)).collect()
}
