//! Search with integers: a bundle is the sum of its binary digits, each a vector of trits, which kernels know.

use super::{Certificate, ItemId, Layout};
use crate::{Code, Sums};
use kernels::bits::{Bits, Element, LINE_WORDS, Line};
use std::cmp::Reverse;

/// What was read for a query.
pub(super) struct Searched {
    /// By descending product, then ascending id.
    pub(super) best: Vec<(i64, ItemId)>,
    pub(super) certificate: Certificate,
    pub(super) bytes_read: u64,
}

/// Rows that are multiplied together.
const BLOCK: usize = 64;

/// The `k` best rows for a bundle.
pub(super) fn best(layout: &Layout, query: &Sums, k: usize) -> Vec<(i64, ItemId)> {
    let digits = query.digits();
    let mut dots = vec![0i64; layout.n_rows()];
    let mut trits = Vec::new();
    for chunk in 0..layout.n_chunks() {
        let lines = layout.bounds[chunk] * 2..layout.bounds[chunk + 1] * 2;
        let parts: Vec<&[Line]> = digits.iter().map(|digit| &digit.lines()[lines.clone()]).collect();
        for start in (0..layout.n_rows()).step_by(BLOCK) {
            let rows = start..(start + BLOCK).min(layout.n_rows());
            let stored = layout.rows(chunk, rows.clone());
            let tile = match layout.element {
                Element::Ternary => stored,
                Element::Bipolar => {
                    // Behind the end the digits are zero, so that ones there count for nothing.
                    let all = Line([u64::MAX; LINE_WORDS]);
                    trits.clear();
                    trits.extend(stored.iter().flat_map(|sign| [*sign, all]));
                    &trits
                }
            };
            let mut products = vec![0; digits.len() * rows.len()];
            Bits::current().scan_tile(Element::Ternary, &parts, tile, &mut products);
            for (dot, products) in dots[rows].iter_mut().zip(products.chunks_exact(digits.len().max(1))) {
                *dot += products.iter().zip(0..).map(|(product, digit)| i64::from(*product) << digit).sum::<i64>();
            }
        }
    }
    let mut best: Vec<_> =
        (0..layout.n_rows()).filter(|row| layout.is_present(*row)).map(|row| (dots[row], ItemId(row as u32))).collect();
    best.sort_unstable_by_key(|(dot, id)| (Reverse(*dot), *id));
    best.truncate(k);
    best
}
