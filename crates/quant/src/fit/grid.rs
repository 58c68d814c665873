//! [`Grid`]: a code book whose entries are two bytes, and the search for the entry of least error.
//!
//! An entry's error is a sum over its weights, hence the error of its low byte plus that of its high byte. Two tables
//! of what each byte costs are filled once; then most of the book is passed over at a glance: entries are sorted, so
//! all of one high byte stand together, and if that byte and the cheapest low one cost more than the best entry yet,
//! they need no look.

/// High bytes that a book can have: four places of three levels, or two of eight.
const N_BYTES_MAX: usize = 81;

/// A sorted code book.
pub(crate) struct Grid {
    entries: &'static [u16],
    /// Each high byte, and where its entries begin; they end where those of the next do.
    spans: [(u8, u16); N_BYTES_MAX],
    n_spans: usize,
}

/// What the bytes of entries cost.
pub(crate) struct Costs {
    low: [f32; 256],
    high: [f32; 256],
    /// That of the cheapest low byte.
    low_min: f32,
}

impl Grid {
    /// # Panics
    /// If `entries` are not sorted: when the program is compiled.
    pub(crate) const fn new(entries: &'static [u16]) -> Self {
        let (mut spans, mut n_spans, mut i) = ([(0, 0); N_BYTES_MAX], 0, 0);
        while i < entries.len() {
            assert!(i == 0 || entries[i - 1] < entries[i], "a book of sorted entries");
            let byte = (entries[i] >> 8) as u8;
            if i == 0 || (entries[i - 1] >> 8) as u8 != byte {
                spans[n_spans] = (byte, i as u16);
                n_spans += 1;
            }
            i += 1;
        }
        Self { entries, spans, n_spans }
    }

    pub(crate) fn entry(&self, i: u16) -> u16 {
        self.entries[usize::from(i)]
    }

    /// The entry of least cost, and that cost, both with what `more` adds, which is never less than `least`; `known` is
    /// a guess.
    pub(crate) fn cheapest(&self, costs: &Costs, known: u16, least: f32, more: impl Fn(u16) -> f32) -> (u16, f32) {
        let all = |entry: u16| costs.of(entry) + more(entry);
        let mut best = (known, all(self.entry(known)));
        let spans = &self.spans[..self.n_spans];
        for (place, &(byte, first)) in spans.iter().enumerate() {
            if costs.high[usize::from(byte)] + costs.low_min + least >= best.1 {
                continue;
            }
            let first = usize::from(first);
            let end = spans.get(place + 1).map_or(self.entries.len(), |next| usize::from(next.1));
            for (i, &entry) in self.entries[first..end].iter().enumerate() {
                if costs.of(entry) + least < best.1 {
                    let cost = all(entry);
                    if cost < best.1 {
                        best = ((first + i) as u16, cost);
                    }
                }
            }
        }
        best
    }
}

impl Costs {
    fn of(&self, entry: u16) -> f32 {
        let [low, high] = entry.to_le_bytes();
        self.low[usize::from(low)] + self.high[usize::from(high)]
    }

    /// Bytes of four indices of two bits into three levels: `levels[i][l]` is the cost of level `l` at place `i`.
    pub(crate) fn of_eight(levels: &[[f32; 3]; 8]) -> Self {
        let mut costs = Self { low: [0.0; 256], high: [0.0; 256], low_min: 0.0 };
        for (table, levels) in [&mut costs.low, &mut costs.high].into_iter().zip(levels.as_chunks::<4>().0) {
            for (d, third) in levels[3].iter().enumerate() {
                for (c, second) in levels[2].iter().enumerate() {
                    for (b, first) in levels[1].iter().enumerate() {
                        for (a, zeroth) in levels[0].iter().enumerate() {
                            table[a | b << 2 | c << 4 | d << 6] = (zeroth + first) + (second + third);
                        }
                    }
                }
            }
        }
        let least = |levels: &[f32; 3]| levels.iter().copied().fold(f32::INFINITY, f32::min);
        costs.low_min = (least(&levels[0]) + least(&levels[1])) + (least(&levels[2]) + least(&levels[3]));
        costs
    }

    /// Bytes of two indices of four bits into eight levels.
    pub(crate) fn of_four(levels: &[[f32; 8]; 4]) -> Self {
        let mut costs = Self { low: [0.0; 256], high: [0.0; 256], low_min: 0.0 };
        for (table, levels) in [&mut costs.low, &mut costs.high].into_iter().zip(levels.as_chunks::<2>().0) {
            for (b, first) in levels[1].iter().enumerate() {
                for (a, zeroth) in levels[0].iter().enumerate() {
                    table[a | b << 4] = zeroth + first;
                }
            }
        }
        let least = |levels: &[f32; 8]| levels.iter().copied().fold(f32::INFINITY, f32::min);
        costs.low_min = least(&levels[0]) + least(&levels[1]);
        costs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grids;

    /// The cheapest entry by exhaustion.
    fn check(entries: &'static [u16], costs: &Costs, extra: f32, more: impl Fn(u16) -> f32) {
        let grid = Grid::new(entries);
        let least = entries.iter().map(|&e| costs.of(e) + more(e)).fold(f32::INFINITY, f32::min);
        for known in [0, entries.len() as u16 / 2, entries.len() as u16 - 1] {
            let (i, cost) = grid.cheapest(costs, known, extra, &more);
            assert_eq!(cost, least);
            assert_eq!(costs.of(grid.entry(i)) + more(grid.entry(i)), least);
        }
    }

    #[test]
    fn no_entry_is_cheaper() {
        let mut rng = testkit::Rng::new(77);
        for _ in 0..200 {
            let x = rng.normals(24);
            let eight = Costs::of_eight(&std::array::from_fn(|i| std::array::from_fn(|l| x[3 * i + l].abs())));
            let x = rng.normals(32);
            let four = Costs::of_four(&std::array::from_fn(|i| std::array::from_fn(|l| x[8 * i + l].abs())));
            for book in [&grids::IQ2_XXS[..], &grids::IQ2_XS, &grids::IQ2_S, &grids::IQ1_S] {
                check(book, &eight, 0.0, |_| 0.0);
                check(book, &eight, 0.5, |entry| 0.5 + f32::from(entry & 7) * 0.1);
            }
            for book in [&grids::IQ3_XXS[..], &grids::IQ3_S] {
                check(book, &four, 0.0, |_| 0.0);
            }
        }
    }

    #[test]
    fn costs_are_those_of_the_levels_of_an_entry() {
        let eight = Costs::of_eight(&std::array::from_fn(|i| [0.0, 1.0, 2.0].map(|l| l * 3f32.powi(i as i32))));
        assert_eq!(eight.of(0b00_01_10_00_10_00_01_10), 2.0 + 3.0 + 54.0 + 486.0 + 729.0);
        assert_eq!(eight.low_min, 0.0);
        let four = Costs::of_four(&std::array::from_fn(|i| std::array::from_fn(|l| (l as f32) * 8f32.powi(i as i32))));
        assert_eq!(four.of(0x7053), 3.0 + 40.0 + 7.0 * 512.0);
    }
}
