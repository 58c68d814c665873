//! Markers in a text that comes in pieces.

/// Holds back the end of a text as long as it may still become one of some markers.
#[derive(Debug, Default)]
pub(crate) struct Search {
    held: String,
}

impl Search {
    /// Takes one character; what cannot belong to a marker any more goes to `released`. A found marker is returned and
    /// no longer held. No marker may stand inside another, except at its end.
    pub(crate) fn push(&mut self, c: char, markers: &[&'static str], released: &mut String) -> Option<&'static str> {
        if self.held.is_empty() && !markers.iter().any(|m| m.starts_with(c)) {
            released.push(c);
            return None;
        }
        self.held.push(c);
        while !self.held.is_empty() {
            if let Some(found) = markers.iter().find(|m| **m == self.held) {
                self.held.clear();
                return Some(found);
            }
            if markers.iter().any(|m| m.starts_with(&self.held)) {
                return None;
            }
            released.push(self.held.remove(0));
        }
        None
    }

    /// What is held, which the text's end sets free.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// What the text after a call may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    Found(&'static str),
    Partly,
    Nothing,
}

/// Whether `text` is, or may become, one of `options`. White space before an option does not count.
pub(crate) fn expect(text: &str, options: impl Iterator<Item = &'static str>) -> Expected {
    let mut partly = false;
    for option in options.filter(|o| !o.is_empty()) {
        let trimmed = option.trim_start();
        if trimmed == text {
            return Expected::Found(option);
        }
        partly |= trimmed.starts_with(text);
    }
    if partly { Expected::Partly } else { Expected::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, found: &[&str]) {
        let mut search = Search::default();
        let mut released = String::new();
        let all: Vec<&str> = text.chars().filter_map(|c| search.push(c, &["<ab>", "a<c"], &mut released)).collect();
        released.push_str(&search.take());
        assert_eq!((released.as_str(), all.as_slice()), (expected, found), "{text:?}");
    }

    #[test]
    fn markers_are_found_and_the_rest_released() {
        check("x<ab>y", "xy", &["<ab>"]);
        check("<<ab>", "<", &["<ab>"]);
        check("a<ab>", "a", &["<ab>"]);
        check("aa<c<a", "a<a", &["a<c"]);
        check("<a", "<a", &[]);
    }
}
