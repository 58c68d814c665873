//! Names of a target: the language's case, its reserved words, and a suffix where a name is taken.

use std::collections::BTreeSet;

use crate::source::Span;

/// How a language writes a kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Snake,
    Camel,
    Pascal,
    Screaming,
}

/// The words of a name: `of_text`, `ofText`, `OfText`, `std.of$text` all are `of`, `text`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let starts = c.is_ascii_uppercase() && was_lower;
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        if starts || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Writes a name in a case. What is no ASCII letter or digit separates words.
pub(crate) fn in_case(name: &str, case: Case) -> String {
    let capital =
        |word: &String| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)).collect();
    let words = words(name);
    let mut name = match case {
        Case::Snake => words.join("_"),
        Case::Screaming => words.join("_").to_ascii_uppercase(),
        Case::Pascal => words.iter().map(capital).collect::<Vec<String>>().concat(),
        Case::Camel => {
            words.iter().take(1).cloned().chain(words.iter().skip(1).map(capital)).collect::<Vec<String>>().concat()
        }
    };
    if name.is_empty() {
        name.push(if matches!(case, Case::Pascal | Case::Screaming) { 'X' } else { 'x' });
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, if matches!(case, Case::Pascal | Case::Screaming) { 'N' } else { 'n' });
    }
    name
}

/// A name that could not be kept in the language's case: it is listed, as E0701 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Where the name is declared.
    pub span: Span,
    /// The name in the specification.
    pub from: String,
    /// The name in the generated code.
    pub to: String,
}

/// Names that are taken, at one place of the generated text.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    reserved: &'static [&'static str],
    taken: BTreeSet<String>,
    /// What got a suffix.
    pub(crate) renames: Vec<Rename>,
}

impl Scope {
    /// Creates a scope in which only a language's words are taken.
    pub(crate) fn new(reserved: &'static [&'static str]) -> Self {
        Self { reserved, taken: BTreeSet::new(), renames: Vec::new() }
    }

    /// A scope within this one: everything that is taken here is taken there, too.
    pub(crate) fn inner(&self) -> Self {
        Self { reserved: self.reserved, taken: self.taken.clone(), renames: Vec::new() }
    }

    /// A scope beside this one, of names that stand behind a point or in a namespace of their own.
    pub(crate) fn apart(&self) -> Self {
        Self::new(self.reserved)
    }

    /// Takes a name as it is: the runtime's.
    pub(crate) fn take(&mut self, name: impl Into<String>) {
        self.taken.insert(name.into());
    }

    /// Gives a name of a specification in a language's case: with `_`, then `_2`, `_3`, … behind it where it is a
    /// reserved word or taken.
    pub(crate) fn name(&mut self, written: &str, case: Case, span: Span) -> String {
        let wanted = in_case(written, case);
        let given = self.free(&wanted);
        if given != wanted {
            self.renames.push(Rename { span, from: written.to_owned(), to: given.clone() });
        }
        given
    }

    /// Gives a made name, which nobody misses if it gets a suffix.
    pub(crate) fn made(&mut self, written: &str, case: Case) -> String {
        self.free(&in_case(written, case))
    }

    fn free(&mut self, wanted: &str) -> String {
        let is_free = |name: &str| !self.reserved.contains(&name) && !self.taken.contains(name);
        let mut given = wanted.to_owned();
        let mut n = 1;
        while !is_free(&given) {
            given = if n == 1 { format!("{wanted}_") } else { format!("{wanted}_{n}") };
            n += 1;
        }
        self.taken.insert(given.clone());
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn names_follow_the_case_and_get_suffixes() {
        let check = |name, expected: [&str; 4]| {
            let given = [Case::Snake, Case::Camel, Case::Pascal, Case::Screaming].map(|case| in_case(name, case));
            assert_eq!(given, expected.map(str::to_owned), "{name}");
        };
        check("of_text", ["of_text", "ofText", "OfText", "OF_TEXT"]);
        check("KeepAlive", ["keep_alive", "keepAlive", "KeepAlive", "KEEP_ALIVE"]);
        check("$acc", ["acc", "acc", "Acc", "ACC"]);
        check("list.map$3", ["list_map_3", "listMap3", "ListMap3", "LIST_MAP_3"]);
        check("_", ["x", "x", "X", "X"]);
        let mut scope = Scope::new(&["for"]);
        let span = Span::new(FileId(0), 0, 0);
        let given = ["for", "a", "a", "a"].map(|name| scope.name(name, Case::Snake, span));
        assert_eq!(given, ["for_", "a", "a_", "a_2"]);
        assert_eq!(scope.renames.len(), 3);
    }
}
