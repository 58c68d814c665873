//! `general.file_type`: the number that llama.cpp gives a file by the type of most of its tensors (`llama_ftype` of its
//! `llama.h`).

use quant::Format;

/// Metadata key of the number that llama.cpp gives a file.
pub(crate) const FILE_TYPE: &str = "general.file_type";
/// Metadata key of [`QUANTIZATION_VERSION`].
pub(crate) const VERSION: &str = "general.quantization_version";
/// Version of ggml's block formats, since 2023.
pub(crate) const QUANTIZATION_VERSION: u32 = 2;

/// Returns the number of a file whose matrices are `format`; `None` where llama.cpp has none.
pub(crate) fn number(format: Format) -> Option<u32> {
    Some(match format {
        Format::F32 => 0,
        Format::F16 => 1,
        Format::Q4_0 => 2,
        Format::Q4_1 => 3,
        Format::Q8_0 => 7,
        Format::Q5_0 => 8,
        Format::Q5_1 => 9,
        Format::Q2_K => 10,
        Format::Q3_K => 11,
        Format::Q4_K => 14,
        Format::Q5_K => 16,
        Format::Q6_K => 18,
        Format::IQ4_NL => 25,
        Format::IQ4_XS => 30,
        Format::BF16 => 32,
        Format::TQ1_0 => 36,
        Format::TQ2_0 => 37,
        Format::MXFP4 => 38,
        Format::NVFP4 => 39,
        Format::Q1_0 => 40,
        Format::Q2_0 => 41,
        _ => return None,
    })
}
