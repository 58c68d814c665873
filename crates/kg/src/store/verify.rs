//! Everything in the file, read and compared.

use std::sync::Arc;

use super::Store;
use crate::delta::Side;
use crate::error::{Damage, Error};
use crate::order::{Order, Row};
use crate::state::State;
use crate::term::{Place, TermId};

/// What was read and found to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Blocks of all orders.
    pub blocks: u64,
    /// Pages of the dictionary.
    pages: u64,
    /// The number of facts.
    pub quads: u64,
    /// Terms of the dictionary, those that came late among them.
    pub terms: u64,
}

impl Store {
    /// Reads every block and page and compares them: checksums, sorting, counts, that all orders hold the same facts
    /// and that every fact's terms are known.
    ///
    /// # Errors
    /// Every damage that is found, by table and block.
    pub fn verify(&self) -> Result<Verified, Vec<Damage>> {
        let state = self.state();
        let mut damages = Vec::new();
        let mut verified = Verified { quads: state.n_quads(), ..Verified::default() };
        check_terms(&state, &mut verified, &mut damages);
        let mut first = None;
        for order in Order::ALL {
            if state.fences(order).is_ok() {
                let (n_rows, sum) = check_order(&state, order, &mut verified, &mut damages);
                let (n_first, sum_first) = *first.get_or_insert((n_rows, sum));
                if damages.is_empty() && (n_rows, sum) != (n_first, sum_first) {
                    let why = format!("{n_rows} facts that are not the {n_first} of {}", Order::Spog.name());
                    damages.push(Damage { table: order.name(), block: 0, why });
                }
            }
        }
        check_changes(&state, &mut damages);
        if damages.is_empty() { Ok(verified) } else { Err(damages) }
    }
}

fn damage(table: &'static str, block: u64, error: Error) -> Damage {
    match error {
        Error::Damaged(damage) => damage,
        other => Damage { table, block, why: other.to_string() },
    }
}

fn check_terms(state: &State, verified: &mut Verified, damages: &mut Vec<Damage>) {
    let starts = state.base.terms.starts();
    let mut last: Option<Vec<u8>> = None;
    for number in 0..state.base.terms.n_pages() {
        let block = number as u64;
        let mut found = |why: String| damages.push(Damage { table: "terms", block, why });
        let page = match state.tables.page(block) {
            Ok(page) => page,
            Err(error) => {
                damages.push(damage("terms", block, error));
                continue;
            }
        };
        let n_written = starts[number + 1] - starts[number];
        if page.len() as u64 != n_written {
            found(format!("{} terms, but {n_written} were written", page.len()));
        }
        let mut is_sorted = true;
        let read = page.each(|spelling| {
            is_sorted &= last.as_ref().is_none_or(|last| last.as_slice() < spelling);
            is_sorted &= crate::dictionary::spelling::Parts::read(spelling).is_some();
            last = Some(spelling.to_vec());
        });
        if let Err(why) = read {
            found(why.to_owned());
        } else if !is_sorted {
            found("terms that are out of order, or none".to_owned());
        }
        verified.pages += 1;
    }
    verified.terms = state.base.terms.n_terms() + state.late.committed.1;
}

fn check_order(state: &State, order: Order, verified: &mut Verified, damages: &mut Vec<Damage>) -> (u64, u64) {
    let (mut n_rows, mut sum, mut last) = (0, 0_u64, None::<Row>);
    let Ok(fences) = state.fences(order) else { return (0, 0) };
    for number in 0..fences.n_blocks() {
        let block = number as u64;
        let rows = match state.tables.rows(order, block) {
            Ok(rows) => rows,
            Err(error) => {
                damages.push(damage(order.name(), block, error));
                continue;
            }
        };
        let mut found = |why: String| damages.push(Damage { table: order.name(), block, why });
        let n_written = fences.starts[number + 1] - fences.starts[number];
        if rows.len() as u64 != n_written || rows.first() != fences.first.get(number) {
            found(format!("{} rows, but {n_written} that begin with another were written", rows.len()));
        }
        for row in &rows {
            if last.is_some_and(|last| last >= *row) {
                found("rows that are out of order".to_owned());
            }
            if let Some(id) = unknown(state, row) {
                found(format!("a fact of an id that no term has: {id:?}"));
            }
            last = Some(*row);
            let quad = order.quad(row);
            // The orders' sums are equal if their facts are; a mere sum of ids would not see two terms swapped.
            let terms = [quad.subject, quad.predicate, quad.object, quad.graph];
            let hash = terms.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |hash, term| {
                (hash.rotate_left(23) ^ term.to_bits()).wrapping_mul(0x2545_f491_4f6c_dd1d)
            });
            sum = sum.wrapping_add(hash);
        }
        n_rows += rows.len() as u64;
        verified.blocks += 1;
    }
    (n_rows, sum)
}

fn unknown(state: &State, row: &Row) -> Option<TermId> {
    let is_known = |id: &TermId| match id.place() {
        None => *id == TermId::DEFAULT_GRAPH,
        Some(Place::Inline) => TermId::from_bits(id.to_bits()).is_some(),
        Some(Place::Late(number)) => number < state.late.committed.1,
        Some(Place::Sorted(class, rank)) => state.base.terms.page_at(class, rank).is_some(),
    };
    row.iter().find(|id| !is_known(id)).copied()
}

fn check_changes(state: &Arc<State>, damages: &mut Vec<Damage>) {
    for run in &state.runs {
        for side in [Side::Added, Side::Removed] {
            for row in run.rows(Order::Spog, side) {
                if let Some(id) = unknown(state, row) {
                    let why = format!("a change of an id that no term has: {id:?}");
                    damages.push(Damage { table: "delta", block: 0, why });
                }
            }
        }
    }
}
