//! `general.file_type`: the number that llama.cpp gives a file by the type of most of its tensors
//! ([`quant::Format::file_type`], and those of mixes), and what stands beside it.

/// Metadata key of the number that llama.cpp gives a file.
pub(crate) const FILE_TYPE: &str = "general.file_type";
/// Metadata key of [`QUANTIZATION_VERSION`].
pub(crate) const VERSION: &str = "general.quantization_version";
/// Version of ggml's block formats, since 2023.
pub(crate) const QUANTIZATION_VERSION: u32 = 2;
