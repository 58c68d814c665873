//! Names to slots: which variable of which scope has which place in a row.

use std::collections::HashMap;
use std::fmt;

use oxrdf::{Term, Variable};
use spargebra::algebra::GraphPattern;

use super::algebra::slots_of;
use super::atoms::Step;
use crate::query::error::QueryError;
use crate::query::facts::Facts;
use crate::query::words::{Word, Words};

/// The most slots of a row: one for its weight, the rest for variables.
pub(crate) const SLOTS_MAX: usize = 120;

/// Why a query goes to the complete evaluator, or could not be planned at all.
#[derive(Debug)]
pub(crate) enum Unsupported {
    Because(String),
    Failed(QueryError),
}

impl Unsupported {
    pub(crate) fn new(why: impl fmt::Display) -> Self {
        Self::Because(why.to_string())
    }
}

impl From<QueryError> for Unsupported {
    fn from(error: QueryError) -> Self {
        Self::Failed(error)
    }
}

/// The variables that a pattern can name, with their slots.
pub(crate) struct Scope<'q> {
    pub(crate) words: &'q Words,
    pub(crate) facts: &'q Facts,
    slots: HashMap<String, usize>,
    /// The names of all slots, of every scope.
    pub(crate) names: Vec<String>,
}

impl<'q> Scope<'q> {
    pub(crate) fn new(words: &'q Words, facts: &'q Facts) -> Self {
        // Slot 0 is the row's weight.
        Self { words, facts, slots: HashMap::new(), names: vec!["(weight)".to_owned()] }
    }

    pub(crate) fn slot(&mut self, variable: &Variable) -> Result<usize, Unsupported> {
        self.named(variable.as_str())
    }

    /// The slot of a blank node of a pattern, which is a variable that no one else can name.
    pub(crate) fn blank(&mut self, label: &str) -> Result<usize, Unsupported> {
        self.named(&format!("_:{label}"))
    }

    fn named(&mut self, name: &str) -> Result<usize, Unsupported> {
        if let Some(&slot) = self.slots.get(name) {
            return Ok(slot);
        }
        let slot = self.fresh(name)?;
        self.slots.insert(name.to_owned(), slot);
        Ok(slot)
    }

    /// A slot that no variable names.
    pub(crate) fn fresh(&mut self, name: &str) -> Result<usize, Unsupported> {
        if self.names.len() == SLOTS_MAX {
            return Err(Unsupported::new(format!("more than {SLOTS_MAX} variables")));
        }
        self.names.push(name.to_owned());
        Ok(self.names.len() - 1)
    }

    /// Those of the slots that a variable names, in order; nothing if a blank node of a pattern is among them, as
    /// steps of a path are.
    pub(crate) fn named_of(&self, slots: u128) -> Option<Vec<usize>> {
        let names = slots_of(slots).into_iter().filter_map(|slot| Some((slot, self.names.get(slot)?)));
        let own = names.filter(|(_, name)| !name.starts_with('('));
        own.map(|(slot, name)| (!name.starts_with("_:")).then_some(slot)).collect()
    }

    pub(crate) fn word(&self, term: Term) -> Result<Word, Unsupported> {
        Ok(self.words.word(term)?)
    }

    /// Plans what is inside a `SELECT`, of whose variables only `variables` are those outside.
    pub(crate) fn inside<T>(
        &mut self,
        variables: &[Variable],
        plan: impl FnOnce(&mut Self) -> Result<T, Unsupported>,
    ) -> Result<T, Unsupported> {
        let mut inner = HashMap::new();
        for variable in variables {
            inner.insert(variable.as_str().to_owned(), self.slot(variable)?);
        }
        let outer = std::mem::replace(&mut self.slots, inner);
        let planned = plan(self);
        self.slots = outer;
        planned
    }

    /// The steps that an `EXISTS` takes from a row in which the variables of `bound` have a term.
    pub(crate) fn steps_of_exists(&mut self, pattern: &GraphPattern, bound: u128) -> Result<Vec<Step>, Unsupported> {
        super::joins::steps_of(pattern, self, bound, super::joins::Filters::AtTheEnd)?
            .ok_or_else(|| Unsupported::new("EXISTS of more than patterns and filters"))
    }
}
