//! What a template may use.

/// Bytes of source.
pub const SOURCE_BYTES_MAX: usize = 256 << 10;
/// Brackets and tags that may be open at once.
pub const NESTING_MAX: usize = 128;
/// Instructions of one rendering.
pub const FUEL: u64 = 1_000_000;
/// Macros that may call each other.
pub const RECURSION_MAX: usize = 64;
/// Bytes of one rendering.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// All limits with their names, for a command that prints them.
pub const TABLE: &[(&str, u64)] = &[
    ("template bytes", SOURCE_BYTES_MAX as u64),
    ("template nesting", NESTING_MAX as u64),
    ("template fuel", FUEL),
    ("template recursion", RECURSION_MAX as u64),
    ("template output bytes", OUTPUT_BYTES_MAX as u64),
];
