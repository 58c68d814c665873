//! The second line of a generated file: a digest of the rest, by which an edited file is known.

/// The word before the digest.
const WORD: &str = " Seal ";

fn digest(first: &str, rest: &str) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(first.as_bytes());
    hash.update(rest.as_bytes());
    hash.finalize().to_hex().chars().take(16).collect()
}

/// Puts the line in; `comment` begins it.
pub(super) fn sealed(text: &str, comment: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{first}\n{comment}{WORD}{}\n{rest}", digest(first, rest))
}

/// Whether a file is as [`super::generate`] wrote it, from whatever specification.
pub fn is_as_written(text: &str) -> bool {
    let mut parts = text.splitn(3, '\n');
    let (Some(first), Some(seal), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    seal.split_once(WORD).is_some_and(|(_, seal)| seal == digest(first, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_file_is_known() {
        let text = sealed("// Generated\nfn a() {}\n", "//");
        assert!(is_as_written(&text) && text.lines().nth(1).is_some_and(|line| line.starts_with("// Seal ")));
        assert!(!is_as_written(&text.replace("a()", "b()")));
        assert!(!is_as_written(&text.replace("Generated", "Written")));
        assert!(!is_as_written("// Generated\nfn a() {}\n"));
        assert!(!is_as_written(""));
    }
}
