//! Exact counts of what the last merge wrote.

use std::collections::BTreeMap;

use crate::dictionary::fences::{sealed, take_u64, unsealed};
use crate::order::{Order, Row};
use crate::term::TermId;

/// The facts of one predicate, of all graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfPredicate {
    /// The number of facts.
    pub quads: u64,
    /// The number of different subjects.
    pub subjects: u64,
    /// The number of different objects.
    pub objects: u64,
}

/// What was counted when the blocks were written; changes since are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics {
    /// The facts of each predicate.
    pub predicates: BTreeMap<TermId, OfPredicate>,
    /// The number of different subjects.
    pub subjects: u64,
    /// The number of different objects.
    pub objects: u64,
    /// The number of facts in named graphs.
    pub named: u64,
}

impl Statistics {
    /// The number of facts.
    pub fn quads(&self) -> u64 {
        self.predicates.values().map(|of| of.quads).sum()
    }

    /// Counts a row that follows `before` in its order.
    pub(crate) fn count(&mut self, order: Order, before: Option<&Row>, row: &Row) {
        let differs = |n: usize| before.is_none_or(|before| before[..n] != row[..n]);
        match order {
            Order::Spog => {
                self.subjects += u64::from(differs(1));
                self.named += u64::from(row[3] != TermId::DEFAULT_GRAPH);
            }
            Order::Ospg => self.objects += u64::from(differs(1)),
            Order::Psog => {
                let of = self.predicates.entry(row[0]).or_default();
                of.quads += 1;
                of.subjects += u64::from(differs(2));
            }
            Order::Posg if differs(2) => self.predicates.entry(row[0]).or_default().objects += 1,
            Order::Posg | Order::Gspo => {}
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |value: u64| out.extend_from_slice(&value.to_le_bytes());
        [self.subjects, self.objects, self.named].into_iter().for_each(&mut put);
        for (predicate, of) in &self.predicates {
            [predicate.to_bits(), of.quads, of.subjects, of.objects].into_iter().for_each(&mut put);
        }
        sealed(out)
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut rest = unsealed(bytes)?;
        let (subjects, objects, named) = (take_u64(&mut rest)?, take_u64(&mut rest)?, take_u64(&mut rest)?);
        let mut predicates = BTreeMap::new();
        while !rest.is_empty() {
            let predicate = TermId::from_block(take_u64(&mut rest)?);
            let (quads, subjects) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
            predicates.insert(predicate, OfPredicate { quads, subjects, objects: take_u64(&mut rest)? });
        }
        Ok(Self { predicates, subjects, objects, named })
    }
}
