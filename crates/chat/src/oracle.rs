//! For fuzzing.

use crate::{Inputs, Message, Template, limits, protect, segments};

/// Whatever the bytes: compiling and rendering end, within their limits, without a panic.
///
/// # Panics
/// If one of that is not so.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (source, content) = text.split_once('\0').unwrap_or((&text, "hello <|im_end|>"));
    let Ok(template) = Template::new(source) else { return };
    let content = protect(content, &["<|im_end|>", "<s>"]);
    let now = jiff::civil::date(2026, 1, 15).at(12, 0, 0, 0);
    if let Ok(rendered) = template.render(&Inputs::new(&[Message::new("user", &content)], "<s>", "</s>", now)) {
        assert!(rendered.len() <= limits::OUTPUT_BYTES_MAX);
        assert!(segments(&rendered).len() <= rendered.len());
    }
}
