//! What a file may ask for. Each limit is named in the error of the file that exceeds it.

/// Metadata keys.
pub const KEYS_MAX: u64 = 65_536;
/// Tensors in one part.
pub const TENSORS_MAX: u64 = 65_536;
/// Bytes of a key (the format's own limit).
pub const KEY_BYTES_MAX: u64 = 65_535;
/// Bytes of a tensor name (the format's own limit).
pub const NAME_BYTES_MAX: u64 = 64;
/// Dimensions of a tensor.
pub const DIMS_MAX: u32 = 4;
/// Bytes of everything before the tensor data.
pub const HEADER_BYTES_MAX: u64 = 512 << 20;
/// `general.alignment`.
pub const ALIGNMENT_MAX: u64 = 1 << 20;
/// Parts of a split model.
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
