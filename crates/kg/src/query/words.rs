//! Terms as words of 64 bits: ids of the store, and ids of terms that the query made.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use oxrdf::Term;
use rustc_hash::FxHashMap;
use spareval::ExpressionTerm;

use super::complete::{TERM_BYTES_MAX, text_len};
use super::error::QueryError;
use super::limits::Meter;
use crate::bulk::Parts;
use crate::snapshot::Snapshot;
use crate::term::{TermId, TermKind};

/// A term in a row; two are equal if and only if the terms have the same spelling. [`UNBOUND`] is none.
pub(crate) type Word = u64;

/// No term. It is the id of the default graph, which is a term of no row.
pub(crate) const UNBOUND: Word = 0;
/// Words from here on are terms that the query made: no id of a store has all four of the highest bits.
const MADE: Word = 15 << 60;
/// How many decoded values are kept.
const VALUES_MAX: usize = 1 << 18;

/// What kind of term a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Iri,
    Blank,
    Literal,
}

/// The terms of one query.
pub(crate) struct Words {
    pub(crate) snapshot: Snapshot,
    pub(crate) meter: Rc<Meter>,
    made: RefCell<Made>,
    values: RefCell<FxHashMap<Word, Rc<ExpressionTerm>>>,
    /// How many terms were decoded, for explanations.
    pub(crate) decoded: Cell<u64>,
}

#[derive(Debug, Default)]
struct Made {
    terms: Vec<Term>,
    words: FxHashMap<Term, Word>,
}

impl Words {
    pub(crate) fn new(snapshot: Snapshot, meter: Rc<Meter>) -> Self {
        Self { snapshot, meter, made: RefCell::default(), values: RefCell::default(), decoded: Cell::new(0) }
    }

    /// The word of a term, which is made if the store has it not.
    pub(crate) fn word(&self, term: Term) -> Result<Word, QueryError> {
        if let Some(id) = self.snapshot.id(term.as_ref())? {
            return Ok(id.to_bits());
        }
        let mut made = self.made.borrow_mut();
        if let Some(&word) = made.words.get(&term) {
            return Ok(word);
        }
        let bytes = text_len(&term);
        if bytes > TERM_BYTES_MAX {
            return Err(QueryError::Evaluation(format!(
                "an expression makes a term of {bytes} bytes, a term has at most {TERM_BYTES_MAX}"
            )));
        }
        self.meter.hold(2 * (bytes + size_of::<Term>()), "an expression")?;
        let word = MADE | made.terms.len() as u64;
        made.terms.push(term.clone());
        made.words.insert(term, word);
        Ok(word)
    }

    /// The id in the store, if the word is one.
    pub(crate) fn id(word: Word) -> Option<TermId> {
        if word < MADE { TermId::from_bits(word) } else { None }
    }

    pub(crate) fn kind(&self, word: Word) -> Kind {
        if word < MADE {
            return match TermId::from_bits(word).map(TermId::kind) {
                Some(TermKind::Iri) => Kind::Iri,
                Some(TermKind::Blank) => Kind::Blank,
                _ => Kind::Literal,
            };
        }
        match self.made.borrow().terms.get((word & !MADE) as usize) {
            Some(Term::NamedNode(_)) => Kind::Iri,
            Some(Term::BlankNode(_)) => Kind::Blank,
            _ => Kind::Literal,
        }
    }

    /// The term, as it was spelled.
    pub(crate) fn term(&self, word: Word) -> Result<Term, QueryError> {
        self.decoded.set(self.decoded.get() + 1);
        if word < MADE {
            let id = TermId::from_bits(word).unwrap_or(TermId::DEFAULT_GRAPH);
            return Ok(self.snapshot.term(id)?);
        }
        let made = self.made.borrow();
        let term = made.terms.get((word & !MADE) as usize).cloned();
        term.ok_or_else(|| QueryError::Evaluation(format!("no term has the word {word:#x}")))
    }

    /// What `test` says of the text of a string; none of any other term. Nothing is kept.
    pub(crate) fn test(&self, word: Word, test: impl FnOnce(&str) -> bool) -> Result<Option<bool>, QueryError> {
        let Some(id) = Self::id(word) else {
            return Ok(match &*self.value(word)? {
                ExpressionTerm::StringLiteral(text) | ExpressionTerm::LangStringLiteral { value: text, .. } => {
                    Some(test(text))
                }
                _ => None,
            });
        };
        Ok(self.snapshot.with_term(id, |parts| match parts {
            Parts::Plain(text) | Parts::Language(text, _) => Some(test(text)),
            _ => None,
        })?)
    }

    /// The value of a term, decoded once.
    pub(crate) fn value(&self, word: Word) -> Result<Rc<ExpressionTerm>, QueryError> {
        if let Some(value) = self.values.borrow().get(&word) {
            return Ok(Rc::clone(value));
        }
        let value = Rc::new(ExpressionTerm::from(self.term(word)?));
        let mut values = self.values.borrow_mut();
        if values.len() >= VALUES_MAX {
            values.clear();
        }
        values.insert(word, Rc::clone(&value));
        Ok(value)
    }
}
