//! The complete evaluator: `spareval` over a snapshot, which knows every operator and function of SPARQL 1.1.
//!
//! It asks its cancellation token only where it reads quads, and collects errors instead of ending at the first, so
//! that a product, a sort or a group would run on after its time. Its terms are ours, though, and no loop of it goes
//! without copying some: the copy of a [`Word`] pays the meter, and where a limit is reached it unwinds with
//! [`Stopped`], which [`guarded`] turns into the error. So no loop outlives its limit.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use oxrdf::{Term, Variable};
use spareval::{InternalQuad, QueryEvaluationError, QueryEvaluator, QueryResults, QueryableDataset};
use spargebra::Query;

use super::error::QueryError;
use super::limits::Meter;
use super::results::{Answer, Rows, Triples};
use crate::error::Error;
use crate::quad::Pattern;
use crate::snapshot::Snapshot;
use crate::term::TermId;

/// What a copy of a term in a row is taken to hold, in bytes: itself, and its share of the row.
const WORD_BYTES: usize = 40;
/// How many copies of terms are taken for a row that was made: joins inside the evaluator tell nobody of theirs.
const COPIES_PER_ROW: u32 = 8;
const JOIN: &str = "a join or expression of the complete evaluator";
/// The longest term that a query may make.
pub(crate) const TERM_BYTES_MAX: usize = 16 << 20;

/// The error at which the evaluator was stopped, as it travels up through its frames.
struct Stopped(QueryError);

fn stop(error: QueryError) -> ! {
    resume_unwind(Box::new(Stopped(error)))
}

/// What `work` returns, or the error at which the meter stopped it. A panic is an error of the query too: `spareval`
/// 0.2.9 sorts by an order that is none where numbers and other literals meet (`2 < 10 < "1x" < 2`), which `std` may
/// answer with a panic.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, QueryError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| match payload.downcast::<Stopped>() {
        Ok(stopped) => stopped.0,
        Err(_) => {
            QueryError::Evaluation("the evaluator panicked, as it may in ORDER BY over terms of mixed kinds".into())
        }
    })
}

/// A term as the evaluator holds it: an id of the store, or one that the query made.
#[derive(Debug)]
pub(crate) struct Word {
    id: WordId,
    shared: Rc<Shared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum WordId {
    Stored(TermId),
    Made(u32),
}

/// What all words of one query share: as many of these are counted as there are words.
#[derive(Debug)]
struct Shared {
    meter: Rc<Meter>,
    /// How many bytes of text were read, where a query glues texts together.
    text_read: Cell<usize>,
    copies: Cell<u32>,
    glues: bool,
}

impl Shared {
    fn pay(self: &Rc<Self>) {
        let copies = self.copies.get().wrapping_add(1);
        self.copies.set(copies);
        let is_row = copies.is_multiple_of(COPIES_PER_ROW);
        let paid = if is_row { self.meter.rows(1, JOIN) } else { self.meter.tick(JOIN) };
        let held = || self.meter.holds(Rc::strong_count(self).saturating_mul(WORD_BYTES), JOIN);
        if let Err(error) = paid.and_then(|()| held()) {
            stop(error);
        }
    }
}

impl Clone for Word {
    fn clone(&self) -> Self {
        self.shared.pay();
        Self { id: self.id, shared: Rc::clone(&self.shared) }
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Word {}

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// Terms that the query made and the store has not.
#[derive(Debug, Default)]
struct Made {
    terms: Vec<Term>,
    ids: HashMap<Term, u32>,
}

#[derive(Debug)]
struct Facts {
    snapshot: Snapshot,
    shared: Rc<Shared>,
    made: RefCell<Made>,
}

impl Facts {
    fn word(&self, id: WordId) -> Word {
        Word { id, shared: Rc::clone(&self.shared) }
    }

    /// Reads a pattern of words; none if a word of it is not in the store, so that nothing can match.
    #[expect(clippy::option_option, reason = "spareval says it so: any graph, the default one, or this one")]
    fn pattern(places: [Option<&Word>; 3], graph: Option<Option<&Word>>) -> Option<Pattern> {
        let stored = |word: Option<&Word>| match word.map(|word| word.id) {
            None => Some(None),
            Some(WordId::Stored(id)) => Some(Some(id)),
            Some(WordId::Made(_)) => None,
        };
        let [subject, predicate, object] = places;
        let graph = match graph {
            None => None,
            Some(None) => Some(TermId::DEFAULT_GRAPH),
            Some(some) => stored(some)?,
        };
        Some(Pattern { subject: stored(subject)?, predicate: stored(predicate)?, object: stored(object)?, graph })
    }
}

impl QueryableDataset<'static> for Facts {
    type InternalTerm = Word;
    type Error = Error;

    fn internal_quads_for_pattern(
        &self,
        subject: Option<&Word>,
        predicate: Option<&Word>,
        object: Option<&Word>,
        graph_name: Option<Option<&Word>>,
    ) -> impl Iterator<Item = Result<InternalQuad<Word>, Error>> + use<> {
        let pattern = Self::pattern([subject, predicate, object], graph_name);
        let shared = Rc::clone(&self.shared);
        let found = pattern.map(|pattern| self.snapshot.matching(pattern));
        found.into_iter().flatten().filter_map(move |quad| {
            if let Err(error) = shared.meter.rows(1, "a scan of quads") {
                stop(error);
            }
            let word = |id| Word { id: WordId::Stored(id), shared: Rc::clone(&shared) };
            let quad = match quad {
                Ok(quad) => quad,
                Err(error) => stop(QueryError::Store(error)),
            };
            let graph_name = (quad.graph != TermId::DEFAULT_GRAPH).then(|| word(quad.graph));
            if pattern.is_some_and(|pattern| pattern.graph.is_none()) && graph_name.is_none() {
                return None;
            }
            let (subject, predicate, object) = (word(quad.subject), word(quad.predicate), word(quad.object));
            Some(Ok(InternalQuad { subject, predicate, object, graph_name }))
        })
    }

    fn internal_named_graphs(&self) -> impl Iterator<Item = Result<Word, Error>> + use<> {
        let mut graphs = BTreeSet::new();
        for quad in self.snapshot.matching(Pattern::all()) {
            if let Err(error) = self.shared.meter.tick("the list of graphs") {
                stop(error);
            }
            match quad {
                Ok(quad) if quad.graph != TermId::DEFAULT_GRAPH => _ = graphs.insert(quad.graph),
                Ok(_) => {}
                Err(error) => stop(QueryError::Store(error)),
            }
        }
        let words: Vec<_> = graphs.into_iter().map(|graph| Ok(self.word(WordId::Stored(graph)))).collect();
        words.into_iter()
    }

    fn internalize_term(&self, term: Term) -> Result<Word, Error> {
        if let Some(id) = self.snapshot.id(term.as_ref())? {
            return Ok(self.word(WordId::Stored(id)));
        }
        let mut made = self.made.borrow_mut();
        if let Some(&id) = made.ids.get(&term) {
            return Ok(self.word(WordId::Made(id)));
        }
        let bytes = text_len(&term);
        if let Err(error) = self.shared.meter.hold(2 * (bytes + WORD_BYTES), "an expression") {
            drop(made);
            stop(error);
        }
        if bytes > TERM_BYTES_MAX {
            drop(made);
            stop(QueryError::Evaluation(format!(
                "an expression makes a term of {bytes} bytes, a term has at most {TERM_BYTES_MAX}"
            )));
        }
        let id = u32::try_from(made.terms.len()).unwrap_or(u32::MAX);
        made.terms.push(term.clone());
        made.ids.insert(term, id);
        Ok(self.word(WordId::Made(id)))
    }

    fn externalize_term(&self, word: Word) -> Result<Term, Error> {
        let term = match word.id {
            WordId::Stored(id) => self.snapshot.term(id)?,
            WordId::Made(id) => {
                let made = self.made.borrow();
                made.terms.get(id as usize).cloned().ok_or(Error::UnknownTerm(TermId::DEFAULT_GRAPH))?
            }
        };
        if self.shared.glues {
            let read = self.shared.text_read.get().saturating_add(text_len(&term));
            self.shared.text_read.set(read);
            if let Err(error) = self.shared.meter.holds(read, "GROUP_CONCAT") {
                stop(error);
            }
        }
        Ok(term)
    }
}

/// The bytes of a term's text.
pub(crate) fn text_len(term: &Term) -> usize {
    match term {
        Term::NamedNode(node) => node.as_str().len(),
        Term::BlankNode(node) => node.as_str().len(),
        Term::Literal(literal) => literal.value().len() + literal.language().map_or(0, str::len),
    }
}

/// The answer to a query, by the complete evaluator.
pub(crate) fn answer(snapshot: &Snapshot, query: &Query, meter: &Rc<Meter>) -> Result<Answer, QueryError> {
    let glues = query.to_string().to_ascii_uppercase().contains("GROUP_CONCAT");
    let shared = Rc::new(Shared { meter: Rc::clone(meter), text_read: Cell::new(0), copies: Cell::new(0), glues });
    let facts = Facts { snapshot: snapshot.clone(), shared, made: RefCell::default() };
    let results = guarded(|| QueryEvaluator::new().prepare(query).execute(facts))?.map_err(failure)?;
    Ok(match results {
        QueryResults::Boolean(truth) => Answer::Truth(truth),
        QueryResults::Solutions(solutions) => {
            let variables: Vec<Variable> = solutions.variables().to_vec();
            let guarded = Guarded { inner: Some(solutions) };
            let meter = Rc::clone(meter);
            let rows = guarded.map(move |row| {
                let row = row?.map_err(failure)?;
                meter.rows(1, "the result")?;
                Ok(row.values().to_vec())
            });
            Answer::Rows(Rows::new(variables, rows))
        }
        QueryResults::Graph(triples) => {
            let guarded = Guarded { inner: Some(triples) };
            Answer::Triples(Triples::new(guarded.map(|triple| triple?.map_err(failure))))
        }
    })
}

/// An iterator whose steps are [`guarded`], and which has ended once it was stopped.
struct Guarded<I> {
    inner: Option<I>,
}

impl<I: Iterator> Iterator for Guarded<I> {
    type Item = Result<I::Item, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let inner = self.inner.as_mut()?;
        match guarded(|| inner.next()) {
            Ok(item) => item.map(Ok),
            Err(error) => {
                self.inner = None;
                Some(Err(error))
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is called by map_err")]
fn failure(error: QueryEvaluationError) -> QueryError {
    QueryError::Evaluation(error.to_string())
}
