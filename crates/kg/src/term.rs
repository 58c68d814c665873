//! Ids of terms.

pub(crate) mod inline;

use crate::dictionary::spelling::Class;

/// The id of a term: 4 bits of class, 60 bits of payload.
///
/// Two ids are equal if and only if the terms have the same spelling (SPARQL's `sameTerm`). Short strings and the
/// canonical spellings of numbers, booleans and dates are in the id itself; every other term is in the dictionary, at
/// the place that the payload names. Ids of the dictionary are in the order of their spellings after a merge; those of
/// terms that came later stand behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermId(u64);

/// What kind of term an id stands for, read off the id alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TermKind {
    /// The default graph, which has no name.
    DefaultGraph = 0,
    /// The term is an IRI.
    Iri = 1,
    /// A blank node.
    Blank = 2,
    /// A literal, of any type or language.
    Literal = 3,
}

/// The last class of an id: a dateTime in the id itself.
const LAST_CLASS: u64 = 12;

impl TermId {
    /// The default graph in the fourth place of a quad.
    pub const DEFAULT_GRAPH: Self = Self(0);
    /// The largest id that bits can spell.
    pub(crate) const LAST: Self = Self(u64::MAX);
    const PAYLOAD_BITS: u32 = 60;
    /// The largest payload.
    pub const PAYLOAD_MAX: u64 = (1 << Self::PAYLOAD_BITS) - 1;
    const LATE: u64 = 1 << (Self::PAYLOAD_BITS - 1);

    /// The id of `kind` with `payload`, which is at most [`Self::PAYLOAD_MAX`].
    pub fn new(kind: TermKind, payload: u64) -> Self {
        Self::of(kind as u64, payload)
    }

    fn of(class: u64, payload: u64) -> Self {
        debug_assert!(payload <= Self::PAYLOAD_MAX);
        Self(class << Self::PAYLOAD_BITS | payload & Self::PAYLOAD_MAX)
    }

    /// The id of the term at a place of the sorted dictionary, counted within its class.
    pub(crate) fn in_dictionary(class: Class, rank: u64) -> Self {
        Self::of(class as u64, rank)
    }

    /// The id of a term that came after the dictionary was sorted.
    pub(crate) fn late(class: Class, number: u64) -> Self {
        Self::of(class as u64, number | Self::LATE)
    }

    /// Where the term stands, which is nowhere for the default graph.
    pub(crate) fn place(self) -> Option<Place> {
        let class = self.0 >> Self::PAYLOAD_BITS;
        match (u8::try_from(class).ok().and_then(Class::of), self.payload()) {
            (Some(_), payload) if payload & Self::LATE != 0 => Some(Place::Late(payload & !Self::LATE)),
            (Some(class), rank) => Some(Place::Sorted(class, rank)),
            (None, _) if class == 0 => None,
            (None, _) => Some(Place::Inline),
        }
    }

    /// The bits, as blocks store them.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The id of these bits, or none if no class has their number.
    pub fn from_bits(bits: u64) -> Option<Self> {
        (bits >> Self::PAYLOAD_BITS <= LAST_CLASS).then_some(Self(bits))
    }

    /// The id of bits that a block of this store holds.
    pub(crate) fn from_block(bits: u64) -> Self {
        Self(bits)
    }

    /// The kind of the term.
    pub fn kind(self) -> TermKind {
        match self.0 >> Self::PAYLOAD_BITS {
            0 => TermKind::DefaultGraph,
            1 => TermKind::Iri,
            2 => TermKind::Blank,
            _ => TermKind::Literal,
        }
    }

    /// The payload: 60 bits whose meaning is the class's.
    pub fn payload(self) -> u64 {
        self.0 & Self::PAYLOAD_MAX
    }
}

/// Where the spelling of a term is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this rank of its class in the sorted dictionary.
    Sorted(Class, u64),
    /// Among the terms that came later, at this number.
    Late(u64),
    /// In the id itself.
    Inline,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_gives_back_its_kind_and_payload() {
        for kind in [TermKind::DefaultGraph, TermKind::Iri, TermKind::Blank, TermKind::Literal] {
            for payload in [0, 1, 77, TermId::PAYLOAD_MAX] {
                let id = TermId::new(kind, payload);
                assert_eq!((id.kind(), id.payload()), (kind, payload));
                assert_eq!(TermId::from_bits(id.to_bits()), Some(id));
            }
        }
        assert_eq!(TermId::from_bits(u64::MAX), None);
    }

    #[test]
    fn places_near_the_largest_ids_are_kept_apart() {
        let last = TermId::LATE - 1;
        for class in Class::ALL {
            assert_eq!(TermId::in_dictionary(class, last).place(), Some(Place::Sorted(class, last)));
            assert_eq!(TermId::late(class, last).place(), Some(Place::Late(last)));
        }
        assert_eq!(TermId::DEFAULT_GRAPH.place(), None);
    }
}
