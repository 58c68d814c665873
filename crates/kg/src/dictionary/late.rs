//! Terms that came after the dictionary was sorted, numbered in the order of their coming.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::spelling::Class;
use crate::term::TermId;

/// Late terms from a number on. It only grows, so a snapshot is a length.
#[derive(Debug, Default)]
pub(crate) struct Late {
    first: u64,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    spellings: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, u64, hashbrown::DefaultHashBuilder>,
}

impl Late {
    pub(crate) fn new(first: u64) -> Self {
        Self { first, known: RwLock::default() }
    }

    /// The number behind the last.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.known.read().unwrap_or_else(PoisonError::into_inner).spellings.len() as u64
    }

    /// The id of a spelling, if its number is below `end`.
    pub(crate) fn id(&self, spelling: &[u8], end: u64) -> Option<TermId> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let number = known.numbers.get(spelling).copied().filter(|&number| number < end)?;
        Some(TermId::late(Class::of(*spelling.first()?)?, number))
    }

    /// The spelling of a number below `end`.
    pub(crate) fn spelling(&self, number: u64, end: u64) -> Option<Arc<[u8]>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let i = usize::try_from(number.checked_sub(self.first)?).ok()?;
        known.spellings.get(i).filter(|_| number < end).cloned()
    }

    /// The number of a spelling that is not known yet.
    pub(crate) fn push(&self, spelling: Arc<[u8]>) -> u64 {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.first + known.spellings.len() as u64;
        known.numbers.insert(Arc::clone(&spelling), number);
        known.spellings.push(spelling);
        number
    }

    /// The spellings from number `from` on.
    pub(crate) fn since(&self, from: u64) -> Vec<Arc<[u8]>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.spellings.iter().skip(from.saturating_sub(self.first) as usize).cloned().collect()
    }
}
