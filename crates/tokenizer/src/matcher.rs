//! Finds added tokens in text: leftmost first, longest among those that begin there.

/// One token to look for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Added {
    pub(crate) id: u32,
    /// Takes the white space before it, too.
    pub(crate) lstrip: bool,
    /// Takes the white space after it, too.
    pub(crate) rstrip: bool,
}

/// A piece of text between added tokens, or one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fragment<'t> {
    Text(&'t str),
    Token(u32),
}

#[derive(Default)]
struct Node {
    edges: Vec<(u8, u32)>,
    token: Option<Added>,
}

/// A trie of token texts.
pub(crate) struct Matcher {
    nodes: Vec<Node>,
    starts: [bool; 256],
}

impl Matcher {
    pub(crate) fn new<'a>(tokens: impl Iterator<Item = (&'a [u8], Added)>) -> Self {
        let mut matcher = Self { nodes: vec![Node::default()], starts: [false; 256] };
        for (text, token) in tokens.filter(|(text, _)| !text.is_empty()) {
            let mut node = 0;
            for &byte in text {
                let next = matcher.child(node, byte);
                node = next.unwrap_or_else(|| {
                    let new = matcher.nodes.len();
                    matcher.nodes.push(Node::default());
                    matcher.nodes[node].edges.push((byte, new as u32));
                    new
                });
            }
            matcher.starts[usize::from(text[0])] = true;
            matcher.nodes[node].token.get_or_insert(token);
        }
        matcher
    }

    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        self.nodes.get(node)?.edges.iter().find(|(edge, _)| *edge == byte).map(|&(_, child)| child as usize)
    }

    /// The longest token at the start of `text`, and its length.
    fn longest(&self, text: &[u8]) -> Option<(Added, usize)> {
        let (mut node, mut found) = (0, None);
        for (i, &byte) in text.iter().enumerate() {
            let Some(next) = self.child(node, byte) else { break };
            node = next;
            if let Some(token) = self.nodes[node].token {
                found = Some((token, i + 1));
            }
        }
        found
    }

    /// Cuts `text` at the added tokens in it. No fragment of text is empty.
    pub(crate) fn split<'t>(&self, text: &'t str, mut emit: impl FnMut(Fragment<'t>)) {
        let bytes = text.as_bytes();
        let (mut start, mut at) = (0, 0);
        let emit_text = |range: std::ops::Range<usize>, emit: &mut dyn FnMut(Fragment<'t>)| {
            if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
                emit(Fragment::Text(text));
            }
        };
        while let Some(skip) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| self.starts[usize::from(b)])) {
            at += skip;
            let Some((token, n)) = self.longest(&bytes[at..]) else {
                at += 1;
                continue;
            };
            let mut end = at;
            while token.lstrip && end > start && is_blank(bytes[end - 1]) {
                end -= 1;
            }
            emit_text(start..end, &mut emit);
            emit(Fragment::Token(token.id));
            at += n;
            while token.rstrip && bytes.get(at).is_some_and(|&byte| is_blank(byte)) {
                at += 1;
            }
            start = at;
        }
        emit_text(start..bytes.len(), &mut emit);
    }
}

/// C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, 9..=13 | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use Fragment::{Text, Token};

    fn check(tokens: &[(&str, bool, bool)], text: &str, expected: &[Fragment<'_>]) {
        let tokens = (0..).zip(tokens).map(|(id, &(t, lstrip, rstrip))| (t.as_bytes(), Added { id, lstrip, rstrip }));
        let mut fragments = Vec::new();
        Matcher::new(tokens).split(text, |fragment| fragments.push(fragment));
        assert_eq!(fragments, expected, "{text:?}");
    }

    #[test]
    fn leftmost_then_longest() {
        let plain = [("<a>", false, false), ("<a><b>", false, false), ("b>c", false, false), ("é", false, false)];
        check(&plain, "x<a><b>c<a>", &[Text("x"), Token(1), Text("c"), Token(0)]);
        check(&plain, "<a><c>b>cé", &[Token(0), Text("<c>"), Token(2), Token(3)]);
        check(&plain, "<<a", &[Text("<<a")]);
        check(&plain, "", &[]);
        check(&[], "text", &[Text("text")]);
    }

    #[test]
    fn strips_white_space() {
        let tokens = [("<l>", true, false), ("<r>", false, true)];
        check(&tokens, "a \n<l> b <r> \t c", &[Text("a"), Token(0), Text(" b "), Token(1), Text("c")]);
        check(&tokens, " <l><r> ", &[Token(0), Token(1)]);
    }
}
