//! Names of blank nodes, which are scoped to a document.
//!
//! Two documents that both say `_:b0` mean two nodes. The name in the store is 125 bits of BLAKE3 over the document's
//! scope and the label, so that any number of parsers agree on it without asking each other.

use std::collections::HashMap;

/// Where the labels of one document's blank nodes are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope([u8; 32]);

/// The content of a document: BLAKE3 of its bytes, uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Scope {
    const CONTEXT: &str = "trinity kg 2026-12-01 blank nodes of a document";

    /// A scope of its own for one load: no two loads have the same words.
    pub fn of_load(words: &str) -> Self {
        Self(blake3::derive_key(Self::CONTEXT, words.as_bytes()))
    }

    /// The scope of a content, the same whenever it is read.
    pub fn of_content(digest: Digest) -> Self {
        Self(blake3::derive_key(Self::CONTEXT, &digest.0))
    }

    /// The scope as text, to go on with an interrupted load later.
    pub fn to_hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// The scope of such a text.
    pub fn from_hex(hex: &str) -> Option<Self> {
        blake3::Hash::from_hex(hex).ok().map(|hash| Self(*hash.as_bytes()))
    }
}

/// Gives blank nodes their names.
#[derive(Debug, Clone)]
pub(super) struct Names {
    scope: Scope,
    /// The label asked last and its name, since labels come in runs.
    last: (String, String),
}

impl Names {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, last: (String::new(), Self::compute(scope, "")) }
    }

    fn compute(scope: Scope, label: &str) -> String {
        let hash = blake3::keyed_hash(&scope.0, label.as_bytes());
        let mut name = hash.to_hex().as_str().get(..32).unwrap_or_default().to_owned();
        // A letter first: RDF/XML cannot write a name that begins with a digit.
        let first = char::from(b'a' + hash.as_bytes()[31] % 6);
        name.replace_range(..1, first.encode_utf8(&mut [0; 4]));
        name
    }

    /// The name of the node with this label: 32 hexadecimal digits, the first a letter.
    pub(super) fn name(&mut self, label: &str) -> &str {
        if self.last.0 != label {
            label.clone_into(&mut self.last.0);
            self.last.1 = Self::compute(self.scope, label);
        }
        &self.last.1
    }
}

/// Numbers of blank nodes in the order in which a parser gives them, for formats with nodes that have no label.
#[derive(Debug, Default)]
pub(super) struct Ordinals(HashMap<String, String>);

impl Ordinals {
    pub(super) fn of(&mut self, node: &str) -> &str {
        let next = self.0.len();
        self.0.entry(node.to_owned()).or_insert_with(|| next.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_depends_on_scope_and_label_only() {
        let (one, two) = (Scope::of_load("1 a.nt"), Scope::of_content(Digest([7; 32])));
        let name = |scope, label: &str| Names::new(scope).name(label).to_owned();
        assert_eq!(name(one, "b0"), name(one, "b0"));
        assert_ne!(name(one, "b0"), name(one, "b1"));
        assert_ne!(name(one, "b0"), name(two, "b0"));
        assert_eq!(Scope::from_hex(&two.to_hex()), Some(two));
        for label in 0..200 {
            let name = name(one, &label.to_string());
            assert!(name.len() == 32 && name.starts_with(|c: char| ('a'..='f').contains(&c)), "{name}");
        }
    }
}
