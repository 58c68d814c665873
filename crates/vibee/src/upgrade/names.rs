//! Names as version 3 writes them.

use crate::syntax::is_keyword;

/// Writes a name in lower_snake; `None` if nothing of it is left.
pub(super) fn lower(name: &str) -> Option<String> {
    let mut snake = String::new();
    let mut was_lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && was_lower {
            snake.push('_');
        }
        was_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        snake.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    let snake = snake.trim_matches('_').to_owned();
    let begins_well = snake.starts_with(|c: char| c.is_ascii_lowercase());
    let named = if begins_well { snake } else { format!("n_{snake}") };
    let is_empty = named.len() <= 2 && !begins_well;
    (!is_empty).then(|| if is_keyword(&named) { named + "_" } else { named })
}

/// Tells whether a name may be a type's.
pub(super) fn is_upper_camel(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
        && !is_keyword(name)
}

/// Writes a constant's name in UPPER_SNAKE or lower_snake.
pub(super) fn constant(name: &str) -> Option<String> {
    let is_upper = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if is_upper { Some(name.to_owned()) } else { lower(name) }
}

/// Tells whether a text is a semantic version.
pub(super) fn is_semver(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| {
        let is_zero_led = part.len() > 1 && part.starts_with('0');
        !part.is_empty() && part.len() < 10 && part.bytes().all(|b| b.is_ascii_digit()) && !is_zero_led
    };
    let rest = text.get(core.len()..).unwrap_or_default();
    let is_rest = rest.is_empty()
        || rest.len() > 1 && rest.bytes().skip(1).all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    core.split('.').count() == 3 && core.split('.').all(is_number) && is_rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_version_3_wants_them() {
        let cases = [
            ("OpenAI", "open_ai"),
            ("x", "x"),
            ("SIMD-4", "simd_4"),
            ("not", "not_"),
            ("2d", "n_2d"),
            ("α", ""),
            ("_", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(lower(name).unwrap_or_default(), expected, "{name}");
        }
        assert_eq!(constant("MAX_2").as_deref(), Some("MAX_2"));
        assert_eq!(constant("maxSize").as_deref(), Some("max_size"));
        for (text, is) in [
            ("1.0.0", true),
            ("7.0.0-final", true),
            ("1.0", false),
            ("1.0.x", false),
            ("01.0.0", false),
            ("1.0.0-", false),
        ] {
            assert_eq!(is_semver(text), is, "{text}");
        }
        assert!(
            is_upper_camel("Point2") && !is_upper_camel("point") && !is_upper_camel("None") && !is_upper_camel("A_B")
        );
    }
}
