//! Formats and the type ids that GGUF files know them by.

use gguf::TypeId;
use quant::Format;

/// Ids that may have a format.
const IDS: std::ops::Range<u32> = 0..256;

/// The id of `format` in a GGUF file.
pub(crate) fn type_id(format: Format) -> Option<TypeId> {
    IDS.map(TypeId).find(|&id| model::format_of(id) == Some(format))
}

/// Does `format` hold -1, 0 and 1 under scales?
pub fn is_ternary(format: Format) -> bool {
    matches!(format, Format::TQ1_0 | Format::TQ2_0 | Format::Q2_0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_an_id() {
        for &format in Format::ALL {
            let id = type_id(format).unwrap_or_else(|| panic!("{}", format.name()));
            assert_eq!(id.name().to_ascii_lowercase(), format.name());
        }
    }
}
