//! The model that is compiled into the program.

/// Name of the model that is compiled into the program.
pub const EMBEDDED: &str = "stories260k";

/// Bytes of the embedded model. A static: a constant would stand in the program once for each part that mentions it, 1
/// MB each time.
static BYTES: &[u8] = include_bytes!("../../../models/stories260k/stories260K-f32.gguf");

/// Returns the file of the embedded model, a GGUF container (models/stories260k/MODEL_CARD.md says what it is).
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
