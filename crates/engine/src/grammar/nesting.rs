//! How deep a compiler recurses along rules within rules.

use super::{GrammarError, limits::NESTING_MAX};
use std::collections::{HashMap, HashSet};

/// A graph of definitions that name each other.
#[derive(Default)]
pub(super) struct Graph<'a> {
    /// Definitions by name: the names in each body, and how deep in groups they stand.
    definitions: HashMap<&'a str, Vec<(&'a str, usize)>>,
    order: Vec<&'a str>,
}

impl<'a> Graph<'a> {
    /// Begins the body of `name`, to which later references belong.
    pub(super) fn define(&mut self, name: &'a str) {
        self.definitions.entry(name).or_default();
        self.order.push(name);
    }

    pub(super) fn refer(&mut self, name: &'a str, n_groups: usize) {
        if let Some(body) = self.order.last().and_then(|current| self.definitions.get_mut(current)) {
            body.push((name, n_groups));
        }
    }

    /// Returns the largest number of names and groups in any definition that is `counted`, with all definitions in it
    /// written out. Call [`Self::check`] first: it bounds the recursion.
    pub(super) fn written_out_max(&self, counted: impl Fn(&str) -> bool) -> usize {
        let mut known = HashMap::new();
        self.order.iter().filter(|name| counted(name)).map(|name| self.written_out(name, &mut known)).max().unwrap_or(0)
    }

    fn written_out(&self, name: &'a str, known: &mut HashMap<&'a str, usize>) -> usize {
        if let Some(&size) = known.get(name) {
            return size;
        }
        // A circle is refused elsewhere.
        known.insert(name, 1);
        let body = self.definitions.get(name).map_or(&[][..], Vec::as_slice);
        let size = body.iter().fold(1usize, |size, (name, _)| size.saturating_add(self.written_out(name, known)));
        known.insert(name, size);
        size
    }

    /// Checks the depth of a compiler's walk that visits each definition once: from `start`, then from what is left.
    pub(super) fn check(&self, start: &str, field: &str) -> Result<(), GrammarError> {
        let mut seen = HashSet::new();
        for root in std::iter::once(&start).chain(&self.order) {
            let mut todo = vec![(*root, 1)];
            while let Some((name, depth)) = todo.pop() {
                check_depth(depth, field)?;
                let Some((&name, body)) = self.definitions.get_key_value(name) else { continue };
                if seen.insert(name) {
                    // The first one on top: depth first, in the order of the text.
                    todo.extend(body.iter().rev().map(|(name, n_groups)| (*name, depth + 1 + n_groups)));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn check_depth(depth: usize, field: &str) -> Result<(), GrammarError> {
    if depth <= NESTING_MAX {
        return Ok(());
    }
    Err(GrammarError::Limit { path: field.into(), what: "levels of groups and rules", got: depth, max: NESTING_MAX })
}
