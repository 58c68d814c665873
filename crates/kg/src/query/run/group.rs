//! GROUP BY and aggregates. A row of weight n counts as n rows.

use std::rc::Rc;

use oxsdatatypes::Integer;
use rustc_hash::{FxHashMap, FxHashSet};
use spareval::ExpressionTerm as Value;

use super::{Runner, Sink, WEIGHT};
use crate::query::complete::TERM_BYTES_MAX;
use crate::query::error::QueryError;
use crate::query::expression::Given;
use crate::query::plan::{Aggregate, AggregateKind, Node, Of};
use crate::query::value::{self, Arithmetic, Number};
use crate::query::words::{UNBOUND, Word};

/// What a group knows of its rows by one aggregate.
struct State {
    seen: Option<FxHashSet<Word>>,
    seen_rows: FxHashSet<Box<[Word]>>,
    so_far: SoFar,
}

enum SoFar {
    Count(u64),
    Number {
        sum: Option<Number>,
        n: i64,
    },
    Best {
        is_max: bool,
        best: Option<(Word, Rc<Value>)>,
    },
    Sample(Word),
    Text {
        text: String,
        n: u64,
    },
    /// An error in one value is an error of the whole.
    Failed,
}

impl State {
    fn new(aggregate: &Aggregate) -> Self {
        let so_far = match aggregate.kind {
            AggregateKind::Count => SoFar::Count(0),
            AggregateKind::Sum | AggregateKind::Average => {
                SoFar::Number { sum: Some(Number::Integer(Integer::from(0))), n: 0 }
            }
            AggregateKind::Min => SoFar::Best { is_max: false, best: None },
            AggregateKind::Max => SoFar::Best { is_max: true, best: None },
            AggregateKind::Sample => SoFar::Sample(UNBOUND),
            AggregateKind::Concat(_) => SoFar::Text { text: String::new(), n: 0 },
        };
        Self { seen: aggregate.is_distinct.then(FxHashSet::default), seen_rows: FxHashSet::default(), so_far }
    }

    fn count(&mut self, weight: u64) {
        if let SoFar::Count(n) = &mut self.so_far {
            *n = n.saturating_add(weight);
        }
    }

    fn take(&mut self, aggregate: &Aggregate, row: &[Word], run: &Runner) -> Result<(), QueryError> {
        let expr = match &aggregate.of {
            Of::Value(expr) => expr,
            Of::Nothing => {
                self.count(row[WEIGHT]);
                return Ok(());
            }
            Of::Row(slots) => {
                if self.seen_rows.insert(slots.iter().map(|&slot| row[slot]).collect()) {
                    run.meter.hold(size_of::<Word>() * (4 + slots.len()), "GROUP BY")?;
                    self.count(1);
                }
                return Ok(());
            }
        };
        let Some(given) = expr.give(row, run)? else {
            if !matches!(self.so_far, SoFar::Count(_) | SoFar::Sample(_)) {
                self.so_far = SoFar::Failed;
            }
            return Ok(());
        };
        let mut weight = row[WEIGHT];
        if let Some(seen) = &mut self.seen {
            if !seen.insert(given.word(&run.words)?) {
                return Ok(());
            }
            run.meter.hold(2 * size_of::<Word>(), "GROUP BY")?;
            weight = 1;
        }
        match &mut self.so_far {
            SoFar::Count(n) => *n = n.saturating_add(weight),
            SoFar::Number { sum, n } => {
                let number = Number::of(&*given.value(&run.words)?);
                *sum = sum.zip(number).and_then(|(sum, number)| sum.compute(Arithmetic::Add, number));
                *n += 1;
                // Only rows of weight 1 come here: see `Aggregate::counts_weights`.
            }
            SoFar::Best { is_max, best } => {
                let value = given.value(&run.words)?;
                let is_better = best.as_ref().is_none_or(|(_, known)| {
                    let order = value::order(Some(&value), Some(known));
                    if *is_max { order.is_gt() } else { order.is_lt() }
                });
                if is_better {
                    *best = Some((given.word(&run.words)?, value));
                }
            }
            SoFar::Sample(word) => {
                if *word == UNBOUND {
                    *word = given.word(&run.words)?;
                }
            }
            SoFar::Text { text, n } => {
                let value = given.value(&run.words)?;
                let (Value::StringLiteral(part) | Value::LangStringLiteral { value: part, .. }) = &*value else {
                    self.so_far = SoFar::Failed;
                    return Ok(());
                };
                if let (AggregateKind::Concat(separator), true) = (&aggregate.kind, *n > 0) {
                    run.meter.hold(separator.len(), "GROUP_CONCAT")?;
                    text.push_str(separator);
                }
                run.meter.hold(part.len(), "GROUP_CONCAT")?;
                text.push_str(part);
                *n += 1;
                if text.len() > TERM_BYTES_MAX {
                    return Err(QueryError::Evaluation(format!(
                        "GROUP_CONCAT makes a term of more than {TERM_BYTES_MAX} bytes"
                    )));
                }
            }
            SoFar::Failed => {}
        }
        Ok(())
    }

    fn finish(self, aggregate: &Aggregate, run: &Runner) -> Result<Word, QueryError> {
        let value = match self.so_far {
            SoFar::Count(n) => Value::IntegerLiteral(i64::try_from(n).unwrap_or(i64::MAX).into()),
            SoFar::Number { sum: None, .. } | SoFar::Failed | SoFar::Best { best: None, .. } => return Ok(UNBOUND),
            SoFar::Number { sum: Some(sum), n } => {
                if aggregate.kind == AggregateKind::Average && n > 0 {
                    match sum.compute(Arithmetic::Divide, Number::Integer(n.into())) {
                        Some(mean) => mean.into_value(),
                        None => return Ok(UNBOUND),
                    }
                } else {
                    sum.into_value()
                }
            }
            SoFar::Best { best: Some((word, _)), .. } | SoFar::Sample(word) => return Ok(word),
            SoFar::Text { text, .. } => Value::StringLiteral(text),
        };
        Given::Value(Rc::new(value)).word(&run.words)
    }
}

impl Runner {
    pub(crate) fn group(
        &self,
        inner: &Node,
        keys: &[usize],
        aggregates: &[(usize, Aggregate)],
        sink: &mut Sink<'_>,
    ) -> Result<bool, QueryError> {
        let new_states = || aggregates.iter().map(|(_, aggregate)| State::new(aggregate)).collect::<Vec<_>>();
        let mut groups: FxHashMap<Box<[Word]>, usize> = FxHashMap::default();
        let mut states: Vec<Vec<State>> = Vec::new();
        if keys.is_empty() {
            groups.insert(Box::default(), 0);
            states.push(new_states());
        }
        let mut key: Vec<Word> = Vec::new();
        let mut last: Option<usize> = None;
        self.run(inner, &mut |rows| {
            for row in rows.iter() {
                let is_last = last.is_some() && keys.iter().zip(&key).all(|(&slot, &word)| row[slot] == word);
                let group = match last {
                    Some(last) if is_last => last,
                    _ => {
                        key.clear();
                        key.extend(keys.iter().map(|&slot| row[slot]));
                        if let Some(&group) = groups.get(&key[..]) {
                            group
                        } else {
                            self.meter.hold((keys.len() + aggregates.len() * 6 + 8) * 8, "GROUP BY")?;
                            groups.insert(key.clone().into(), states.len());
                            states.push(new_states());
                            states.len() - 1
                        }
                    }
                };
                last = Some(group);
                for (state, (_, aggregate)) in states[group].iter_mut().zip(aggregates) {
                    self.meter.tick("GROUP BY")?;
                    state.take(aggregate, row, self)?;
                }
            }
            Ok(true)
        })?;
        let mut in_order: Vec<(Box<[Word]>, usize)> = groups.into_iter().collect();
        in_order.sort_unstable_by_key(|(_, group)| *group);
        let mut out = self.out(sink);
        let unit = self.unit();
        for ((key, _), states) in in_order.into_iter().zip(states) {
            let mut row = unit.words.clone();
            keys.iter().zip(&key).for_each(|(&slot, &word)| row[slot] = word);
            for (state, (slot, aggregate)) in states.into_iter().zip(aggregates) {
                row[*slot] = state.finish(aggregate, self)?;
            }
            if !out.push(&row)? {
                return Ok(false);
            }
        }
        out.flush()
    }
}
