//! The longest token that a text begins with, for vocabularies that are cut from left to right.

use crate::{
    strings::{Sorted, Strings, partition, sort},
    vocabulary::Vocabulary,
};

/// No node above this one.
const NONE: u32 = u32::MAX;

/// The keys of all tokens that text may become, in byte order, and their tree: above a key is the longest other one
/// that it begins with.
///
/// The last key that does not sort after a text begins with each key that the text begins with, so these are it and
/// what is above it. However keys and texts are made, a search reads the text as often as a binary search has steps,
/// and climbs as many.
#[derive(Default)]
pub(crate) struct Longest {
    keys: Strings,
    nodes: Vec<Node>,
}

/// A key's place in the tree.
#[derive(Clone, Copy)]
struct Node {
    id: u32,
    depth: u32,
    above: u32,
    /// A node further up, so that any height is climbed in a logarithm of steps. Source: Myers 1983, "An applicative
    /// random-access stack", Information Processing Letters 17.
    far_above: u32,
}

impl Longest {
    pub(crate) fn new(vocabulary: &Vocabulary) -> Self {
        let found = (0..vocabulary.len() as u32).map(|id| (vocabulary.key(id), id, 0));
        // Nobody gets on by an empty one.
        let is_taken = |&(key, id, _): &Sorted<'_>| !key.is_empty() && vocabulary.find_text(key) == Some(id);
        let mut sorted: Vec<Sorted<'_>> = found.filter(is_taken).collect();
        sort(&mut sorted);
        let n_bytes = sorted.iter().map(|(key, ..)| key.len()).sum();
        let mut longest =
            Self { keys: Strings::with_capacity(sorted.len(), n_bytes), nodes: Vec::with_capacity(sorted.len()) };
        for (place, (key, id, _)) in (0..).zip(sorted) {
            longest.push(place, id, key);
        }
        longest
    }

    /// Appends a key that sorts behind all others.
    fn push(&mut self, place: u32, id: u32, key: &[u8]) {
        // What the last key begins with, from itself upwards, until the new one does, too.
        let mut above = place.checked_sub(1).unwrap_or(NONE);
        while let Some(node) = self.node(above)
            && !key.starts_with(self.keys.at(above as usize))
        {
            above = node.above;
        }
        let node = match self.node(above) {
            None => Node { id, depth: 0, above, far_above: NONE },
            Some(parent) => {
                let far_above = match self.node(parent.far_above) {
                    Some(far) if parent.depth - far.depth == far.depth - self.depth(far.far_above) => far.far_above,
                    _ => above,
                };
                Node { id, depth: parent.depth + 1, above, far_above }
            }
        };
        self.keys.push(key);
        self.nodes.push(node);
    }

    fn node(&self, place: u32) -> Option<Node> {
        self.nodes.get(place as usize).copied()
    }

    fn depth(&self, place: u32) -> u32 {
        self.node(place).map_or(0, |node| node.depth)
    }

    /// Returns the token with the longest key that `text` begins with, and the key's length.
    pub(crate) fn find(&self, text: &[u8]) -> Option<(u32, usize)> {
        let end = partition(0, self.nodes.len() as u32, |i| self.keys.at(i as usize) <= text);
        let mut place = end.checked_sub(1)?;
        let n_common = self.keys.at(place as usize).iter().zip(text).take_while(|(a, b)| a == b).count();
        loop {
            let node = self.node(place)?;
            let n = self.keys.at(place as usize).len();
            if n <= n_common {
                return Some((node.id, n));
            }
            let is_above = node.far_above != NONE && self.keys.at(node.far_above as usize).len() >= n_common;
            place = if is_above { node.far_above } else { node.above };
        }
    }
}
