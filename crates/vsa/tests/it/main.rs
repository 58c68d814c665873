//! Laws of hypervectors at every instruction-set level, and vectors that never change.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod laws;
mod refusals;
mod sums;
mod vectors;

use kernels::{Isa, bits::Bits};
use std::sync::{Mutex, PoisonError};
use testkit::Rng;
use vsa::{Bipolar, Code, Dim, Ternary};

/// Dimensions with whole lines, whole words, tails of both, and the one that is measured.
const DIMS: [u32; 10] = [64, 65, 128, 192, 511, 512, 704, 1000, 1029, 10_240];

/// Runs `check` at each level of this CPU; tests that do so take turns, as the level is the process's.
fn at_every_level(check: impl Fn(Isa)) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for isa in Isa::available() {
        Bits::use_level(isa).unwrap();
        check(isa);
    }
}

/// Vectors of one kind, random ones.
trait Drawn: Code {
    fn draw(rng: &mut Rng, dim: Dim) -> Self;
}

impl Drawn for Bipolar {
    fn draw(rng: &mut Rng, dim: Dim) -> Self {
        let values: Vec<i8> = (0..dim.to_usize()).map(|_| 1 - 2 * (rng.bits() & 1) as i8).collect();
        Self::from_values(dim, &values).unwrap()
    }
}

impl Drawn for Ternary {
    fn draw(rng: &mut Rng, dim: Dim) -> Self {
        let values: Vec<i8> = (0..dim.to_usize()).map(|_| rng.below(3) as i8 - 1).collect();
        Self::from_values(dim, &values).unwrap()
    }
}
