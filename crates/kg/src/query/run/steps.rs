//! Patterns and filters, one after the other.
//!
//! A pattern is looked up in the store for each row, until that has cost more than reading all facts of its constants:
//! then these are read once, sorted by the places that are looked up, and found by galloping from the last place.

use std::cell::Ref;

use super::sorted::Sorted;
use super::{BATCH, Out, Rows, Runner, Sink, WEIGHT};
use crate::query::error::QueryError;
use crate::query::facts::{Active, By, Fact};
use crate::query::plan::atoms::{Columns, Place, Step, StepKind, Triple};
use crate::query::words::{UNBOUND, Word};

/// How many facts are read in the time of one look-up in the store.
const FACTS_PER_LOOKUP: u64 = 32;
/// Facts are read at once if so many times the rows that are expected are as many.
const SURE: f64 = 4.0;
/// How many terms a filter remembers what it says of.
const KNOWN_MAX: usize = 4096;

/// Where the four places of a fact go in a row.
struct Places {
    /// For each place of a fact the slot that gets its term, if the row has none yet.
    free: [Option<usize>; 4],
    /// For each place of a fact the term that it must have, or [`UNBOUND`].
    given: Fact,
}

impl Places {
    fn of(triple: &Triple, row: &[Word]) -> Self {
        let (mut free, mut given) = ([None; 4], [UNBOUND; 4]);
        let graph = triple.graph.map(Place::Slot);
        for (n, place) in triple.places.iter().copied().map(Some).chain([graph]).enumerate() {
            match place {
                Some(Place::Const(word)) => given[n] = word,
                Some(Place::Slot(slot)) if row[slot] != UNBOUND => given[n] = row[slot],
                Some(Place::Slot(slot)) => free[n] = Some(slot),
                None => {}
            }
        }
        Self { free, given }
    }

    /// Which places are looked up: they have a term, and no constant.
    fn looked_up(triple: &Triple, row: &[Word]) -> u128 {
        let graph = triple.graph.map(Place::Slot);
        let places = triple.places.iter().copied().map(Some).chain([graph]).enumerate();
        places.fold(0, |mask, (n, place)| match place {
            Some(Place::Slot(slot)) if row[slot] != UNBOUND => mask | 1 << n,
            _ => mask,
        })
    }
}

/// Rows that come out of a step. Rows that differ in nothing that is read are one, of the weight of both.
struct Emit<'o, 's, 'c> {
    out: &'o mut Out<'s>,
    /// The slots that are read afterwards, if not all are.
    needed: Option<&'o [usize]>,
    /// Those and what `check` reads.
    read: u128,
    /// What the next step asks of each row, which is then no step any more.
    check: Option<&'o mut Check<'c>>,
}

/// A pattern that binds nothing new, whose facts are held: a row is dropped before it is handed on.
struct Check<'c> {
    pairs: Ref<'c, Columns>,
    /// The slots of the subject and the object.
    slots: [usize; 2],
    hint: usize,
    /// How many rows were asked.
    asked: u64,
}

impl Check<'_> {
    fn holds(&mut self, row: &[Word]) -> bool {
        self.asked += 1;
        let key = self.slots.map(|slot| row[slot]);
        !self.pairs.pairs.find(&key, &mut self.hint).is_empty()
    }
}

impl Emit<'_, '_, '_> {
    /// The row with the fact's terms in the free slots, `weight` times; whether to go on.
    fn fact(&mut self, row: &[Word], free: &[Option<usize>; 4], fact: &Fact, weight: u64) -> Result<bool, QueryError> {
        let words = &mut self.out.rows.words;
        let start = words.len();
        words.extend_from_slice(row);
        words[start + WEIGHT] = row[WEIGHT].saturating_mul(weight);
        for (slot, &word) in free.iter().zip(fact) {
            if let Some(slot) = *slot {
                let place = &mut words[start + slot];
                if *place != UNBOUND && *place != word {
                    words.truncate(start);
                    return Ok(true);
                }
                *place = word;
            }
        }
        if let Some(check) = &mut self.check
            && !check.holds(&words[start..])
        {
            words.truncate(start);
            return Ok(true);
        }
        let width = row.len();
        if let Some(needed) = self.needed
            && start >= width
        {
            let (before, new) = words.split_at(start);
            let last = &before[start - width..];
            if needed.iter().all(|&slot| last[slot] == new[slot]) {
                let weight = new[WEIGHT];
                words.truncate(start);
                words[start - width + WEIGHT] = words[start - width + WEIGHT].saturating_add(weight);
                return Ok(true);
            }
        }
        self.out.full()
    }
}

impl Runner {
    /// Rows through the steps; false if their reader wants no more.
    pub(crate) fn steps(&self, steps: &[Step], rows: &Rows, sink: &mut Sink<'_>) -> Result<bool, QueryError> {
        let Some((step, mut rest)) = steps.split_first() else { return sink(rows) };
        let (mut check, mut last, following) = (self.check(step, rest, rows), step, rest);
        if let (Some(_), [checked, others @ ..]) = (&check, rest) {
            (last, rest) = (checked, others);
        }
        let mut next = |rows: &Rows| {
            last.made.set(last.made.get() + rows.len() as u64);
            if rest.is_empty() { sink(rows) } else { self.steps(rest, rows, sink) }
        };
        let mut out = self.out(&mut next);
        match &step.kind {
            StepKind::Filter(expr) => {
                // What reads one term says the same of the same term.
                let one = Some(expr.slots()).filter(|slots| slots.is_power_of_two()).map(u128::trailing_zeros);
                let mut known = step.known.borrow_mut();
                for row in rows.iter() {
                    self.meter.tick("FILTER")?;
                    let holds = match one {
                        None => expr.holds(row, self)? == Some(true),
                        Some(slot) => {
                            if let Some(&holds) = known.get(&row[slot as usize]) {
                                holds
                            } else {
                                let holds = expr.holds(row, self)? == Some(true);
                                if known.len() < KNOWN_MAX {
                                    known.insert(row[slot as usize], holds);
                                }
                                holds
                            }
                        }
                    };
                    if holds && !out.push(row)? {
                        return Ok(false);
                    }
                }
            }
            StepKind::Triple(triple) => {
                let goes_on = self.triple([step, last], following, triple, rows, check.as_mut(), &mut out)?;
                if let Some(check) = check {
                    step.made.set(step.made.get() + check.asked);
                }
                if !goes_on {
                    return Ok(false);
                }
            }
            StepKind::Path(atom) => {
                for row in rows.iter() {
                    if !self.path_step(atom, row, &mut out)? {
                        return Ok(false);
                    }
                }
            }
        }
        out.flush()
    }

    /// What the first step of `rest` asks of rows that `step` makes of these, if it only asks and its facts are held.
    fn check<'c>(&self, step: &Step, rest: &'c [Step], rows: &Rows) -> Option<Check<'c>> {
        let (StepKind::Triple(_), StepKind::Triple(triple)) = (&step.kind, &rest.first()?.kind) else { return None };
        let [Place::Slot(subject), Place::Const(_), Place::Slot(object)] = triple.places else { return None };
        let pairs = triple.columns.borrow();
        let is_held = pairs.of == Some((self.active.get(), 0b101)) && triple.graph.is_none();
        let is_bound = |slot: usize| step.kind.binds() >> slot & 1 == 1 || rows.iter().all(|row| row[slot] != UNBOUND);
        let is_check = is_held && is_bound(subject) && is_bound(object);
        is_check.then_some(Check { pairs, slots: [subject, object], hint: 0, asked: 0 })
    }

    /// Rows through a pattern. With a check, `last` is the step that it stands for, else the same as `step`.
    fn triple(
        &self,
        [step, last]: [&Step; 2],
        rest: &[Step],
        triple: &Triple,
        rows: &Rows,
        check: Option<&mut Check<'_>>,
        out: &mut Out<'_>,
    ) -> Result<bool, QueryError> {
        let (needed, told) = (step.needed.get(), last.needed.get());
        let slots: Vec<usize> = (1..self.width).filter(|slot| told >> slot & 1 == 1).collect();
        let mut emit = Emit { out, needed: (told != u128::MAX).then_some(&slots[..]), read: needed, check };
        let by = first_read(triple, needed, rest);
        let active = if triple.graph.is_some() { Active::AnyNamed } else { self.active.get() };
        let Some(first) = rows.iter().next() else { return Ok(true) };
        let of = Places::looked_up(triple, first);
        let mut columns = triple.columns.borrow_mut();
        if columns.of != Some((active, of)) {
            columns.lookups = columns.lookups.saturating_add(rows.len() as u64);
            let pays = columns.lookups.saturating_mul(FACTS_PER_LOOKUP) >= triple.count;
            // Where many rows are to come, nothing is looked up first; unless only the first rows are wanted.
            let is_sure = self.batch.get() == BATCH && step.expected * SURE >= triple.count as f64;
            if (pays || is_sure) && (of != 0 || columns.lookups > 1) {
                self.load(triple, active, of, &mut columns)?;
            }
        }
        // What a filter of this step's rows asks may be this very pattern, never: patterns of EXISTS are their own.
        let columns = &*columns;
        let mut hint = 0;
        for row in rows.iter() {
            self.meter.tick("a pattern")?;
            let places = Places::of(triple, row);
            let goes_on = if columns.of == Some((active, of)) && Places::looked_up(triple, row) == of {
                if is_narrow(triple, of) {
                    self.gallop(&columns.pairs, of, triple, row, &places, &mut hint, &mut emit)?
                } else {
                    self.gallop(&columns.rows, of, triple, row, &places, &mut hint, &mut emit)?
                }
            } else if let Some(n) = self.counted(&places, needed, active)? {
                n == 0 || emit.fact(row, &[None; 4], &[UNBOUND; 4], n)?
            } else {
                self.facts.read_by(by, places.given, active, self.batch.get(), &self.meter, &mut |facts| {
                    for fact in facts {
                        if !emit.fact(row, &places.free, fact, 1)? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                })?
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many facts there are, where nobody reads more of them than that.
    fn counted(&self, places: &Places, needed: u128, active: Active) -> Result<Option<u64>, QueryError> {
        let [s, p, o, graph] = places.free;
        let is_read = |slot: Option<usize>| slot.is_some_and(|slot| needed >> slot & 1 == 1);
        let repeats = |a: Option<usize>, b: Option<usize>| a.is_some() && a == b;
        if [s, p, o].into_iter().any(is_read) || repeats(s, p) || repeats(s, o) || repeats(p, o) || graph.is_some() {
            return Ok(None);
        }
        let [s, p, o, _] = places.given;
        self.facts.exact_count([s, p, o], active)
    }

    /// Reads the facts of the constants, sorted by the places that are looked up.
    fn load(&self, triple: &Triple, active: Active, of: u128, columns: &mut Columns) -> Result<(), QueryError> {
        self.meter.release(columns.pairs.bytes() + columns.rows.bytes());
        *columns = Columns { of: Some((active, of)), lookups: columns.lookups, ..Columns::default() };
        let constants = triple.places.map(|place| if let Place::Const(word) = place { word } else { UNBOUND });
        let [s, p, o] = constants;
        let order = column_order(triple, of);
        let is_narrow = is_narrow(triple, of);
        let (mut pairs, mut wide) = (Vec::new(), Vec::new());
        let by = if order[0] == Some(2) { By::Object } else { By::Subject };
        self.facts.read_by(by, [s, p, o, UNBOUND], active, BATCH, &self.meter, &mut |facts| {
            if is_narrow {
                self.meter.hold(facts.len() * size_of::<[Word; 2]>(), "a pattern")?;
                pairs.extend(facts.iter().map(|fact| [0, 1].map(|n| order[n].map_or(0, |place| fact[place]))));
            } else {
                self.meter.hold(size_of_val(facts), "a pattern")?;
                wide.extend(facts.iter().map(|fact| order.map(|place| place.map_or(0, |place| fact[place]))));
            }
            Ok(true)
        })?;
        columns.pairs = Sorted::new(pairs, &self.meter)?;
        columns.rows = Sorted::new(wide, &self.meter)?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one look-up")]
    fn gallop<const K: usize>(
        &self,
        columns: &Sorted<K>,
        of: u128,
        triple: &Triple,
        row: &[Word],
        places: &Places,
        hint: &mut usize,
        emit: &mut Emit<'_, '_, '_>,
    ) -> Result<bool, QueryError> {
        let order = column_order(triple, of);
        let n_keys = of.count_ones() as usize;
        let mut key = [UNBOUND; K];
        for n in 0..n_keys.min(K) {
            key[n] = order[n].map_or(UNBOUND, |place| places.given[place]);
        }
        let found = columns.find(&key[..n_keys.min(K)], hint);
        if found.is_empty() {
            return Ok(true);
        }
        // Which slots the columns behind the keys fill.
        let mut free = [None; 4];
        for (free, place) in free.iter_mut().zip(order).take(K).skip(n_keys) {
            *free = place.and_then(|place| places.free[place]);
        }
        let reads_none = free.iter().flatten().all(|slot| emit.read >> slot & 1 == 0);
        let repeats =
            free.iter().flatten().enumerate().any(|(n, slot)| free.iter().flatten().skip(n + 1).any(|s| s == slot));
        let mut fact = [UNBOUND; 4];
        if reads_none && !repeats {
            return emit.fact(row, &[None; 4], &fact, found.len() as u64);
        }
        self.meter.ticks(found.len(), "a pattern")?;
        for found in columns.rows(found) {
            fact[..K].copy_from_slice(found);
            if !emit.fact(row, &free, &fact, 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Rows of the left side of an `OPTIONAL` through the steps of its right side.
    pub(crate) fn left_steps(
        &self,
        rows: &Rows,
        steps: &[Step],
        tag: usize,
        sink: &mut Sink<'_>,
    ) -> Result<bool, QueryError> {
        let mut tagged = rows.clone();
        for (n, row) in tagged.words.chunks_exact_mut(self.width).enumerate() {
            row[tag] = n as Word + 1;
        }
        let mut found = vec![false; rows.len()];
        let goes_on = self.steps(steps, &tagged, &mut |matched| {
            let mut matched = matched.clone();
            for row in matched.words.chunks_exact_mut(self.width) {
                let n = std::mem::replace(&mut row[tag], UNBOUND);
                if let Some(found) = found.get_mut((n as usize).wrapping_sub(1)) {
                    *found = true;
                }
            }
            sink(&matched)
        })?;
        if !goes_on {
            return Ok(false);
        }
        let mut out = self.out(sink);
        for (row, _) in rows.iter().zip(&found).filter(|(_, found)| !**found) {
            if !out.push(row)? {
                return Ok(false);
            }
        }
        out.flush()
    }
}

/// Whether at most two places are kept.
fn is_narrow(triple: &Triple, of: u128) -> bool {
    column_order(triple, of)[2].is_none()
}

/// Whether facts of a predicate are read in the order of their objects: where subjects are not told apart, equal
/// objects then come together and are one row; where the next step looks objects up, it finds them in order.
fn first_read(triple: &Triple, needed: u128, rest: &[Step]) -> By {
    let [subject, _, object] = triple.places.map(Place::slots);
    let next = rest.first().map_or(0, |step| step.kind.binds());
    let reads_object = needed & subject == 0 && needed & object != 0;
    let finds_object = needed & subject != 0 && next & object != 0 && next & subject == 0;
    if reads_object || finds_object { By::Object } else { By::Subject }
}

/// The places of a fact in the order of the columns: those looked up, then the other variables.
fn column_order(triple: &Triple, of: u128) -> [Option<usize>; 4] {
    let is_slot = |n: usize| match triple.places.get(n) {
        Some(place) => matches!(place, Place::Slot(_)),
        None => triple.graph.is_some(),
    };
    let keys = (0..4).filter(|n| of >> n & 1 == 1);
    let others = (0..4).filter(|&n| of >> n & 1 == 0 && is_slot(n));
    let mut order = [None; 4];
    order.iter_mut().zip(keys.chain(others)).for_each(|(to, place)| *to = Some(place));
    order
}
