//! What a file may ask for. Each limit is named in the error of the file that exceeds it.

/// Most metadata keys.
pub const KEYS_MAX: u64 = 65_536;
/// Most tensors in one part.
pub const TENSORS_MAX: u64 = 65_536;
/// Most bytes of a key (the format's own limit).
pub const KEY_BYTES_MAX: u64 = 65_535;
/// Most bytes of a tensor name (the format's own limit).
pub const NAME_BYTES_MAX: u64 = 64;
/// Most dimensions of a tensor.
pub const DIMS_MAX: u32 = 4;
/// Most bytes of everything before the tensor data.
pub const HEADER_BYTES_MAX: u64 = 512 << 20;
/// Largest `general.alignment` of a file.
pub const ALIGNMENT_MAX: u64 = 1 << 20;
/// Most parts of a split model.
pub const PARTS_MAX: u64 = 1024;

/// All limits with their names, for a command that prints them.
pub const TABLE: &[(&str, u64)] = &[
    ("gguf keys", KEYS_MAX),
    ("gguf tensors", TENSORS_MAX),
    ("gguf key bytes", KEY_BYTES_MAX),
    ("gguf tensor name bytes", NAME_BYTES_MAX),
    ("gguf dimensions", DIMS_MAX as u64),
    ("gguf header bytes", HEADER_BYTES_MAX),
    ("gguf alignment", ALIGNMENT_MAX),
    ("gguf parts", PARTS_MAX),
];
