//! The merge loop that BPE and SPM share: join the best neighbours until no pair is a token.
//!
//! The best pair is the one of lowest rank, leftmost among equals. Short words are scanned again after every merge,
//! which is quickest while they fit a few cache lines; long ones keep a linked list and a heap, `O(n log n)`, so that a
//! megabyte of one letter costs no more per byte than prose.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Id that stands for no token.
pub(crate) const NO_ID: u32 = u32::MAX;
const NO_RANK: u32 = u32::MAX;
const NO_SYMBOL: u32 = u32::MAX;
/// Largest number of symbols of a word for which the scan is the faster loop.
const SCAN_SYMBOLS_MAX: usize = 40;

/// A stretch of the word that is, or stays, one token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol {
    /// Offset of the symbol's first byte in the word; the length follows.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Token that is spelled like the symbol, or [`NO_ID`].
    pub(crate) id: u32,
}

/// The merge of two neighbours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// Rank of the merge, below `u32::MAX`; smaller ones come first.
    pub(crate) rank: u32,
    /// Token that the merge makes.
    pub(crate) id: u32,
}

const NO_PAIR: Pair = Pair { rank: NO_RANK, id: NO_ID };

/// A rule that says which neighbours merge.
pub(crate) trait MergeRule {
    fn pair(&self, word: &[u8], left: Symbol, right: Symbol) -> Option<Pair>;
}

/// Buffers that are kept between words.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Symbols: before a merge the word cut into characters or bytes, after it the tokens.
    pub(crate) symbols: Vec<Symbol>,
    pairs: Vec<Pair>,
    /// Previous and next living symbol of each symbol.
    links: Vec<(u32, u32)>,
    heap: BinaryHeap<Reverse<u64>>,
}

impl Scratch {
    /// Merges `self.symbols`, which cut `word` from left to right.
    pub(crate) fn merge(&mut self, rule: &impl MergeRule, word: &[u8]) {
        self.pairs.clear();
        let pair = |pair: &[Symbol]| match pair {
            [left, right] => rule.pair(word, *left, *right).unwrap_or(NO_PAIR),
            _ => NO_PAIR,
        };
        self.pairs.extend(self.symbols.windows(2).map(pair));
        if self.symbols.len() <= SCAN_SYMBOLS_MAX { self.scan(rule, word) } else { self.sift(rule, word) }
    }

    fn scan(&mut self, rule: &impl MergeRule, word: &[u8]) {
        let (symbols, pairs) = (&mut self.symbols, &mut self.pairs);
        loop {
            let mut best = (NO_RANK, 0);
            for (i, pair) in pairs.iter().enumerate() {
                if pair.rank < best.0 {
                    best = (pair.rank, i);
                }
            }
            let (rank, i) = best;
            if rank == NO_RANK {
                return;
            }
            let merged = Symbol { start: symbols[i].start, end: symbols[i + 1].end, id: pairs[i].id };
            symbols[i] = merged;
            symbols.remove(i + 1);
            pairs.remove(i);
            if i > 0 {
                pairs[i - 1] = rule.pair(word, symbols[i - 1], merged).unwrap_or(NO_PAIR);
            }
            if i < pairs.len() {
                pairs[i] = rule.pair(word, merged, symbols[i + 1]).unwrap_or(NO_PAIR);
            }
        }
    }

    /// Merges with a heap: `pairs[i]` is what symbol `i` makes with the next living one; a heap entry that says
    /// otherwise is out of date.
    fn sift(&mut self, rule: &impl MergeRule, word: &[u8]) {
        let (symbols, pairs, links) = (&mut self.symbols, &mut self.pairs, &mut self.links);
        let n = symbols.len() as u32;
        pairs.push(NO_PAIR);
        links.clear();
        links.extend((0..n).map(|i| (i.wrapping_sub(1), if i + 1 < n { i + 1 } else { NO_SYMBOL })));
        let key = |pair: Pair, i: u32| Reverse(u64::from(pair.rank) << 32 | u64::from(i));
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        entries
            .extend((0..n).zip(pairs.iter()).filter(|(_, pair)| pair.rank != NO_RANK).map(|(i, pair)| key(*pair, i)));
        let mut heap = BinaryHeap::from(entries);
        while let Some(Reverse(entry)) = heap.pop() {
            let (rank, i) = ((entry >> 32) as u32, entry as u32);
            let left = i as usize;
            if pairs[left].rank != rank {
                continue;
            }
            let right = links[left].1 as usize;
            let merged = Symbol { start: symbols[left].start, end: symbols[right].end, id: pairs[left].id };
            symbols[left] = merged;
            pairs[right] = NO_PAIR;
            let (previous, next) = (links[left].0, links[right].1);
            links[left].1 = next;
            links[right] = (NO_SYMBOL, right as u32); // dead: its own neighbour
            pairs[left] = NO_PAIR;
            if next != NO_SYMBOL {
                links[next as usize].0 = i;
                if let Some(pair) = rule.pair(word, merged, symbols[next as usize]) {
                    pairs[left] = pair;
                    heap.push(key(pair, i));
                }
            }
            if previous != NO_SYMBOL {
                pairs[previous as usize] = NO_PAIR;
                if let Some(pair) = rule.pair(word, symbols[previous as usize], merged) {
                    pairs[previous as usize] = pair;
                    heap.push(key(pair, previous));
                }
            }
        }
        self.heap = heap; // empty, with its allocation
        let mut i = 0;
        self.symbols.retain(|_| {
            let is_alive = self.links[i].1 != i as u32;
            i += 1;
            is_alive
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A rule that merges any two neighbours whose ids are in the table.
    struct Table(Vec<(u32, u32, u32)>);

    impl MergeRule for Table {
        fn pair(&self, _word: &[u8], left: Symbol, right: Symbol) -> Option<Pair> {
            let rank = self.0.iter().position(|&(l, r, _)| (l, r) == (left.id, right.id))?;
            Some(Pair { rank: rank as u32, id: self.0[rank].2 })
        }
    }

    fn symbols(ids: &[u32]) -> Vec<Symbol> {
        (0..).zip(ids).map(|(i, &id)| Symbol { start: i, end: i + 1, id }).collect()
    }

    #[test]
    fn leftmost_of_equal_rank_first() {
        let rule = Table(vec![(1, 1, 2), (2, 1, 3)]);
        let mut scratch = Scratch { symbols: symbols(&[1, 1, 1]), ..Scratch::default() };
        scratch.merge(&rule, b"aaa");
        assert_eq!(scratch.symbols.iter().map(|s| (s.id, s.start, s.end)).collect::<Vec<_>>(), [(3, 0, 3)]);
    }

    proptest! {
        /// The heap merges like the scan, only faster.
        #[test]
        fn both_loops_agree(
            ids in prop::collection::vec(0_u32..4, 0..120),
            table in prop::collection::vec((0_u32..8, 0_u32..8, 0_u32..8), 0..20),
        ) {
            let rule = Table(table);
            let word = vec![0; ids.len()];
            let run = |merge: fn(&mut Scratch, &Table, &[u8])| {
                let mut scratch = Scratch { symbols: symbols(&ids), ..Scratch::default() };
                let pairs = ids.windows(2).zip(0..).map(|(_, i)| {
                    rule.pair(&word, scratch.symbols[i], scratch.symbols[i + 1]).unwrap_or(NO_PAIR)
                }).collect();
                scratch.pairs = pairs;
                merge(&mut scratch, &rule, &word);
                scratch.symbols.iter().map(|s| (s.id, s.start, s.end)).collect::<Vec<_>>()
            };
            prop_assert_eq!(run(Scratch::scan), run(Scratch::sift));
        }
    }
}
