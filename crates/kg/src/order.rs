//! The orders in which facts are sorted.

use crate::quad::{Pattern, Quad};
use crate::term::TermId;

/// A fact with its terms in the places of an [`Order`].
pub type Row = [TermId; 4];

/// The order of a sorted copy of all facts; the letters say which term comes first, second, third and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Order {
    /// Subject, predicate, object, graph.
    Spog = 0,
    /// Predicate, subject, object, graph.
    Psog = 1,
    /// Predicate, object, subject, graph.
    Posg = 2,
    /// Object, subject, predicate, graph.
    Ospg = 3,
    /// Graph, subject, predicate, object.
    Gspo = 4,
}

impl Order {
    /// Every order that a store keeps.
    pub const ALL: [Self; 5] = [Self::Spog, Self::Psog, Self::Posg, Self::Ospg, Self::Gspo];

    /// The name of the order, which is its table's.
    pub fn name(self) -> &'static str {
        ["spog", "psog", "posg", "ospg", "gspo"][self as usize]
    }

    /// The places of subject, predicate, object and graph in a row.
    pub fn places(self) -> [usize; 4] {
        match self {
            Self::Spog => [0, 1, 2, 3],
            Self::Psog => [1, 0, 2, 3],
            Self::Posg => [2, 0, 1, 3],
            Self::Ospg => [1, 2, 0, 3],
            Self::Gspo => [1, 2, 3, 0],
        }
    }

    /// The row of a quad.
    pub fn row(self, quad: &Quad) -> Row {
        let mut row = [TermId::DEFAULT_GRAPH; 4];
        let terms = [quad.subject, quad.predicate, quad.object, quad.graph];
        for (place, term) in self.places().into_iter().zip(terms) {
            row[place] = term;
        }
        row
    }

    /// The quad of a row.
    pub fn quad(self, row: &Row) -> Quad {
        let [subject, predicate, object, graph] = self.places().map(|place| row[place]);
        Quad { subject, predicate, object, graph }
    }

    /// The order in which the terms that a pattern gives come first, and how many of them do.
    ///
    /// A graph comes first only if nothing else is given; beside other terms it comes last, and may have to be
    /// compared.
    pub fn of(pattern: &Pattern) -> (Self, usize) {
        match (pattern.subject.is_some(), pattern.predicate.is_some(), pattern.object.is_some()) {
            (true, true, true) => (Self::Spog, 3 + usize::from(pattern.graph.is_some())),
            (true, true, false) => (Self::Spog, 2),
            (true, false, false) => (Self::Spog, 1),
            (false, true, false) => (Self::Psog, 1),
            (false, true, true) => (Self::Posg, 2),
            (false, false, true) => (Self::Ospg, 1),
            (true, false, true) => (Self::Ospg, 2),
            (false, false, false) if pattern.graph.is_some() => (Self::Gspo, 1),
            (false, false, false) => (Self::Spog, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::TermKind;

    #[test]
    fn rows_give_back_their_quads_and_patterns_find_their_terms_in_front() {
        let id = |n| TermId::new(TermKind::Iri, n);
        let quad = Quad { subject: id(1), predicate: id(2), object: id(3), graph: id(4) };
        for order in Order::ALL {
            assert_eq!(order.quad(&order.row(&quad)), quad);
        }
        for which in 0..16 {
            let some = |bit: u32, term| (which >> bit & 1 == 1).then_some(term);
            let pattern = Pattern {
                subject: some(0, quad.subject),
                predicate: some(1, quad.predicate),
                object: some(2, quad.object),
                graph: some(3, quad.graph),
            };
            let (order, n) = Order::of(&pattern);
            let given = [pattern.subject, pattern.predicate, pattern.object, pattern.graph];
            let n_given = given.iter().flatten().count();
            assert!(n == n_given || n + 1 == n_given && pattern.graph.is_some(), "{pattern:?} by {order:?}: {n}");
            let row = order.row(&quad);
            assert!(row[..n].iter().all(|term| given.contains(&Some(*term))), "{pattern:?} by {order:?}");
        }
    }
}
