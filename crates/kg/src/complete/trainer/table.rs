//! Rows that are trained, with what the optimiser remembers of each number.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng as _;

use crate::complete::compose::{round_to_pairs, ternarise};
use crate::complete::settings::{EntityWeights, Optimiser, Settings};

/// Rows of one kind.
pub(super) struct Table {
    dim: usize,
    rows: Vec<f32>,
    /// Adagrad: sums of squares. Adam: means of squares.
    squares: Vec<f32>,
    /// Adam: means of gradients.
    means: Vec<f32>,
    /// Adam: the steps that each row has had.
    steps: Vec<u32>,
}

/// Keeps divisors from 0.
const EPSILON: f32 = 1e-8;

impl Table {
    /// `n` rows, evenly spread.
    pub(super) fn new(settings: &Settings, n: usize, chance: &mut Xoshiro256PlusPlus) -> Self {
        let len = n * settings.dim;
        let mut number = || {
            let unit = (chance.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
            unit * settings.spread
        };
        let is_adam = settings.optimiser == Optimiser::Adam;
        Self {
            dim: settings.dim,
            rows: (0..len).map(|_| number()).collect(),
            squares: vec![0.0; len],
            means: if is_adam { vec![0.0; len] } else { Vec::new() },
            steps: if is_adam { vec![0; n] } else { Vec::new() },
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.len() / self.dim
    }

    pub(super) fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// `out` = the chosen rows as they are stored.
    pub(super) fn gather(&self, weights: EntityWeights, chosen: &[u32], out: &mut Vec<f32>) {
        out.resize(chosen.len() * self.dim, 0.0);
        for (&row, out) in chosen.iter().zip(out.chunks_exact_mut(self.dim)) {
            let row = &self.rows[row as usize * self.dim..][..self.dim];
            match weights {
                EntityWeights::F32 => out.copy_from_slice(row),
                EntityWeights::Ternary => ternarise(row, out),
                EntityWeights::TernaryPairs => round_to_pairs(row, out),
            }
        }
    }

    /// One step of the chosen rows down `gradients`; rows that were not chosen stay as they are.
    pub(super) fn apply(&mut self, settings: &Settings, rate: f32, chosen: &[u32], gradients: &[f32]) {
        let dim = self.dim;
        for (&row, gradient) in chosen.iter().zip(gradients.chunks_exact(dim)) {
            let place = row as usize * dim..(row as usize + 1) * dim;
            let (rows, squares) = (&mut self.rows[place.clone()], &mut self.squares[place.clone()]);
            match settings.optimiser {
                Optimiser::Adagrad => {
                    for ((x, square), &g) in rows.iter_mut().zip(squares).zip(gradient) {
                        *square += g * g;
                        *x -= rate * g / (square.sqrt() + EPSILON);
                    }
                }
                Optimiser::Adam => {
                    let means = &mut self.means[place];
                    let steps = &mut self.steps[row as usize];
                    *steps = steps.saturating_add(1);
                    let (of_mean, of_square) = (1.0 - power(0.9, *steps), 1.0 - power(0.999, *steps));
                    let rate = rate / of_mean;
                    for (((x, square), mean), &g) in rows.iter_mut().zip(squares).zip(means).zip(gradient) {
                        *mean += 0.1 * (g - *mean);
                        *square += 0.001 * (g * g - *square);
                        *x -= rate * *mean / ((*square / of_square).sqrt() + EPSILON);
                    }
                }
            }
        }
    }
}

/// `base` to the power `n` by squaring: the same bytes on every machine.
fn power(base: f32, mut n: u32) -> f32 {
    let (mut out, mut square) = (1.0, base);
    while n > 0 {
        if n & 1 == 1 {
            out *= square;
        }
        square *= square;
        n >>= 1;
    }
    out
}
