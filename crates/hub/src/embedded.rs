//! The model that is compiled into the program.

/// Its name.
pub const EMBEDDED: &str = "stories260k";

/// Its bytes. A static, for a constant stands in the program once for each of its parts that mentions it: 1 MB twice.
static BYTES: &[u8] = include_bytes!("../../../models/stories260k/stories260K-f32.gguf");

/// Its file: a GGUF container (models/stories260k/MODEL_CARD.md says what it is).
pub fn embedded() -> &'static [u8] {
    BYTES
}

#[cfg(test)]
mod tests {
    use crate::{Hub, Settings, store::hex_of};

    #[test]
    fn the_embedded_file_is_what_the_catalogue_says() {
        let hub = Hub::new(Settings::new("/nowhere/at/all")).unwrap();
        let entry = hub.entry(super::EMBEDDED).unwrap();
        let bytes = super::embedded();
        assert_eq!(bytes.len() as u64, entry.bytes);
        assert_eq!(Some(hex_of(bytes)), entry.sha256);
    }
}
