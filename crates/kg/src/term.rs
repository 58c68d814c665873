//! Ids of terms.

/// The id of a term: 4 bits of kind, 60 bits of payload.
///
/// Two ids are equal if and only if the terms have the same spelling (SPARQL's `sameTerm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermId(u64);

/// What kind of term an id stands for, read off the id alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TermKind {
    /// The default graph, which has no name.
    DefaultGraph = 0,
    /// An IRI.
    Iri = 1,
    /// A blank node.
    Blank = 2,
    /// A literal, of any type or language.
    Literal = 3,
}

impl TermId {
    /// The default graph in the fourth place of a quad.
    pub const DEFAULT_GRAPH: Self = Self(0);
    const PAYLOAD_BITS: u32 = 60;
    /// The largest payload.
    pub const PAYLOAD_MAX: u64 = (1 << Self::PAYLOAD_BITS) - 1;

    /// The id of `kind` with `payload`, which is at most [`Self::PAYLOAD_MAX`].
    pub fn new(kind: TermKind, payload: u64) -> Self {
        debug_assert!(payload <= Self::PAYLOAD_MAX);
        Self((kind as u64) << Self::PAYLOAD_BITS | payload & Self::PAYLOAD_MAX)
    }

    /// The bits, as blocks store them.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The id of these bits, or none if no kind has their number.
    pub fn from_bits(bits: u64) -> Option<Self> {
        (bits >> Self::PAYLOAD_BITS <= TermKind::Literal as u64).then_some(Self(bits))
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

    /// The payload: 60 bits whose meaning is the kind's.
    pub fn payload(self) -> u64 {
        self.0 & Self::PAYLOAD_MAX
    }
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
}
