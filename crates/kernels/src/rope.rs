//! Rotary position embedding (Su et al. 2021, arXiv 2104.09864).

use crate::{Rope, RopePairs, isa::multiversion, math::fma};

/// Sines and cosines of a step's rows, kept while rotation and positions stay the same: queries, keys and all layers
/// share them.
#[derive(Default)]
pub(crate) struct RopeTable {
    rope: Option<Rope>,
    positions: Vec<u32>,
    /// `[T, n_pairs]` cosines · magnitude.
    cos: Vec<f32>,
    /// `[T, n_pairs]` sines · magnitude.
    sin: Vec<f32>,
}

/// Which positions a rotation is for: two sets of them alternate within a layer whose queries meet attention sinks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meets {
    /// Those of the rows.
    All,
    /// Those at which queries meet sinks.
    Sinks,
}

/// The tables of the rotations that a model switches between: Gemma 3's layers have two.
#[derive(Default)]
pub(crate) struct RopeTables {
    /// The rotation used last comes first; one table for each of [`Meets`].
    tables: [[RopeTable; 2]; 2],
}

impl RopeTables {
    /// The table of `rope` at `positions`; the one that was not used for longer gives way to another rotation.
    pub(crate) fn table(&mut self, rope: &Rope, meets: Meets, positions: &[u32]) -> &RopeTable {
        let is_of = |tables: &[RopeTable; 2]| tables.iter().any(|table| table.rope.as_ref() == Some(rope));
        if !is_of(&self.tables[0]) {
            self.tables.swap(0, 1);
        }
        let table = &mut self.tables[0][usize::from(meets == Meets::Sinks)];
        table.update(rope, positions);
        table
    }
}

impl RopeTable {
    /// Makes the table that of `rope` at `positions`.
    fn update(&mut self, rope: &Rope, positions: &[u32]) {
        if self.rope.as_ref() == Some(rope) && self.positions == positions {
            return;
        }
        if self.rope.as_ref() != Some(rope) {
            self.rope = Some(rope.clone());
        }
        self.positions.clear();
        self.positions.extend_from_slice(positions);
        self.cos.clear();
        self.sin.clear();
        for &position in positions {
            for &frequency in &rope.inverse_frequencies {
                // In f64: an f32 angle at position 100,000 is off by up to 0.004 radians.
                let (sin, cos) = libm::sincos(f64::from(position) * f64::from(frequency));
                self.cos.push((cos * f64::from(rope.magnitude)) as f32);
                self.sin.push((sin * f64::from(rope.magnitude)) as f32);
            }
        }
    }

    /// Cosines and sines of rows `row_first..row_first + n_rows`.
    pub(crate) fn rows(&self, row_first: usize, n_rows: usize) -> (&[f32], &[f32]) {
        let n_pairs = self.rope.as_ref().map_or(0, |rope| rope.inverse_frequencies.len());
        let range = row_first * n_pairs..(row_first + n_rows) * n_pairs;
        (&self.cos[range.clone()], &self.sin[range])
    }
}

multiversion! {
    /// Rotates `x` `[T, H, Dh]`, `T · H = x.len() / head_dim`, by `cos` and `sin` `[T, n_pairs]`.
    pub(crate) fn rotate(pairs: RopePairs, n_heads: usize, head_dim: usize, cos: &[f32], sin: &[f32], x: &mut [f32]) {
        let n_rows = x.len() / (n_heads * head_dim);
        if n_rows == 0 {
            return;
        }
        let n_pairs = cos.len() / n_rows;
        for (r, row) in x.chunks_exact_mut(n_heads * head_dim).enumerate() {
            let (cos, sin) = (&cos[r * n_pairs..][..n_pairs], &sin[r * n_pairs..][..n_pairs]);
            for head in row.chunks_exact_mut(head_dim) {
                match pairs {
                    RopePairs::Adjacent => {
                        for ((pair, &c), &s) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                            let [a, b] = *pair;
                            *pair = [fma(a, c, -(b * s)), fma(a, s, b * c)];
                        }
                    }
                    RopePairs::Halves => {
                        let (first, second) = head.split_at_mut(n_pairs);
                        for (((a, b), &c), &s) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                            (*a, *b) = (fma(*a, c, -(*b * s)), fma(*a, s, *b * c));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Level};
    use testkit::{Rng, assert_same_f32};

    #[test]
    fn pairs_turn_by_position_times_frequency_and_levels_agree() {
        let (n_heads, head_dim, positions) = (3, 20, [0, 1, 77, 100_000]);
        let x = Rng::new(3).normals(positions.len() * n_heads * head_dim);
        for pairs in [RopePairs::Adjacent, RopePairs::Halves] {
            let rope = Rope { pairs, inverse_frequencies: (0..8).map(|i| 0.3f32.powi(i)).collect(), magnitude: 1.5 };
            let mut table = RopeTable::default();
            table.update(&rope, &positions);
            let (cos, sin) = table.rows(0, positions.len());
            let run = |isa| {
                let mut out = x.clone();
                rotate(Level::detect(isa).expect("available"), pairs, n_heads, head_dim, cos, sin, &mut out);
                out
            };
            let out = run(Isa::Scalar);
            for isa in Isa::available() {
                assert_same_f32(isa.name(), &run(isa), &out);
            }
            for (i, (got, before)) in out.iter().zip(&x).enumerate() {
                let (row, e) = (i / (n_heads * head_dim), i % head_dim);
                let (pair, partner, sign) = match pairs {
                    RopePairs::Adjacent => {
                        (e / 2, if e % 2 == 0 { i + 1 } else { i - 1 }, if e % 2 == 0 { -1.0 } else { 1.0 })
                    }
                    RopePairs::Halves if e < 8 => (e, i + 8, -1.0),
                    RopePairs::Halves => (e.wrapping_sub(8), i.wrapping_sub(8), 1.0),
                };
                if e >= 16 {
                    assert_eq!(got, before, "elements past the rotated ones are kept");
                    continue;
                }
                let angle = f64::from(positions[row]) * f64::from(rope.inverse_frequencies[pair]);
                let exact = 1.5 * (f64::from(*before) * angle.cos() + sign * f64::from(x[partner]) * angle.sin());
                assert!((f64::from(*got) - exact).abs() < 1e-5, "{pairs:?} {i}: {got}, exact {exact}");
            }
        }
    }

    #[test]
    fn products_depend_on_the_distance_alone_however_far_out() {
        let rope = Rope {
            pairs: RopePairs::Halves,
            inverse_frequencies: (0..16).map(|i| 10_000f32.powf(-f32::from(i as u8) / 16.0)).collect(),
            magnitude: 1.0,
        };
        let (q, k) = (Rng::new(8).normals(32), Rng::new(9).normals(32));
        let product = |position_q: u32, position_k: u32| {
            let turned = |x: &[f32], position| {
                let (mut table, mut x) = (RopeTable::default(), x.to_vec());
                table.update(&rope, &[position]);
                let (cos, sin) = table.rows(0, 1);
                rotate(Level::detect(Isa::best()).expect("available"), rope.pairs, 1, 32, cos, sin, &mut x);
                x
            };
            turned(&q, position_q).iter().zip(turned(&k, position_k)).map(|(q, k)| f64::from(q * k)).sum::<f64>()
        };
        for distance in [0, 1, 100, 5000] {
            let near = product(distance, 0);
            for position in [10_000, 1 << 20, 1 << 27, (1 << 31) - 1] {
                let far = product(position, position - distance);
                assert!((far - near).abs() < 1e-5, "{distance} back from {position}: {far}, near the start {near}");
            }
        }
    }

    #[test]
    fn tables_of_rotations_and_of_sinks_stand_beside_each_other() {
        let rope = |f| Rope { pairs: RopePairs::Halves, inverse_frequencies: vec![f], magnitude: 1.0 };
        let mut tables = RopeTables::default();
        for f in [1.0, 0.5, 1.0, 0.25, 0.5] {
            for (meets, position) in [(Meets::All, 7), (Meets::Sinks, 3), (Meets::All, 7)] {
                let cos = tables.table(&rope(f), meets, &[position]).rows(0, 1).0[0];
                assert_eq!(cos, (f64::from(position) * f64::from(f)).cos() as f32, "{f} {meets:?}");
            }
        }
    }

    #[test]
    fn the_table_follows_rope_and_positions() {
        let rope = Rope { pairs: RopePairs::Halves, inverse_frequencies: vec![1.0, 0.5], magnitude: 1.0 };
        let mut table = RopeTable::default();
        table.update(&rope, &[0, 3]);
        assert_eq!(table.rows(0, 1).0, [1.0, 1.0]);
        assert_eq!(table.rows(1, 1).0[0], 3f64.cos() as f32);
        table.update(&rope, &[5]);
        assert_eq!(table.rows(0, 1).0[0], 5f64.cos() as f32);
        table.update(&Rope { inverse_frequencies: vec![2.0], ..rope }, &[5]);
        assert_eq!(table.rows(0, 1).0, [10f64.cos() as f32]);
    }

    /// Two sequences of a step: where the second begins shows in neither the length nor the first position.
    #[test]
    fn the_table_follows_each_position() {
        let rope = Rope { pairs: RopePairs::Halves, inverse_frequencies: vec![1.0], magnitude: 1.0 };
        let mut table = RopeTable::default();
        for positions in [[0, 1, 2, 0, 1], [0, 1, 2, 3, 0], [0, 1, 2, 3, 4], [0, 1, 0, 3, 4]] {
            table.update(&rope, &positions);
            let angles = positions.map(f64::from);
            assert_eq!(table.rows(0, 5).0, angles.map(|angle| angle.cos() as f32), "{positions:?}");
            assert_eq!(table.rows(0, 5).1, angles.map(|angle| angle.sin() as f32), "{positions:?}");
        }
    }
}
