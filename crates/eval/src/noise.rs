//! Noise on trits: how much of a ternary model's quality survives when a part of its weights is wrong.
//!
//! [`flip`] changes each trit of all ternary matrices with a given probability into one of the two other values,
//! equally likely; scales stay. What comes out is a model like any other, in memory.

use gguf::{Container, I2sOrder, TensorInfo, Writer};
use quant::{StoredMatrix, TernaryEncoder};
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};
use serde::Serialize;

use crate::Error;

/// Number of rows read at a time.
const ROWS_AT_ONCE: usize = 64;

/// Counts of changed trits: the file has `n_trits` in `n_matrices` ternary matrices, and `n_flipped` of them were
/// changed.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Debug)]
pub struct Flips {
    pub n_matrices: usize,
    pub n_trits: u64,
    pub n_flipped: u64,
}

/// Returns a copy of the model with each trit changed with probability `rate` (0 to 1). Equal seeds make equal models;
/// a file without ternary matrices has nothing to change and is refused.
pub fn flip(container: &Container, rate: f64, seed: u64) -> Result<(Container, Flips), Error> {
    let specs: Vec<_> = container.tensors().iter().map(TensorInfo::spec).collect();
    let name = format!("{} with {rate} of its trits changed", container.name());
    let io = |source| Error::Io { file: name.clone(), source };
    let mut metadata = container.metadata().clone();
    if gguf::seal::remove(&mut metadata) {
        gguf::seal::prepare(&mut metadata, container.tensors().len());
    }
    // All parts become one.
    metadata.remove_split();
    metadata.disambiguate(&specs, container.i2_s_order().unwrap_or(I2sOrder::X86));
    let mut writer = Writer::new(Vec::new(), &metadata, specs).map_err(io)?;
    let mut noise = Noise { rng: Xoshiro256PlusPlus::seed_from_u64(seed), threshold: threshold(rate) };
    let mut flips = Flips::default();
    for tensor in container.tensors() {
        let bytes = container.bytes(tensor);
        match noise.tensor(container, tensor, &bytes, &mut flips)? {
            Some(changed) => writer.tensor(&changed),
            None => writer.tensor(&bytes),
        }
        .map_err(io)?;
    }
    if flips.n_matrices == 0 {
        return Err(Error::Invalid {
            file: container.name().to_owned(),
            what: "no ternary matrix to change".to_owned(),
        });
    }
    let bytes = writer.finish().map_err(io)?;
    let changed = Container::from_bytes(&name, bytes);
    Ok((changed.map_err(|e| Error::Invalid { file: name, what: e.to_string() })?, flips))
}

/// Returns the number that a uniform 64-bit one is below with probability `rate`; `None` stands for always.
fn threshold(rate: f64) -> Option<u64> {
    // The cast saturates.
    if rate >= 1.0 { None } else { Some((rate * 2f64.powi(64)) as u64) }
}

struct Noise {
    rng: Xoshiro256PlusPlus,
    threshold: Option<u64>,
}

impl Noise {
    /// Returns the changed bytes of a ternary matrix; `None` of any other tensor.
    fn tensor(
        &mut self,
        container: &Container,
        tensor: &TensorInfo,
        bytes: &[u8],
        flips: &mut Flips,
    ) -> Result<Option<Vec<u8>>, Error> {
        let refuse = |what: String| Error::Invalid {
            file: container.name().to_owned(),
            what: format!("tensor {}: {what}", tensor.name.escape_debug()),
        };
        let Some(format) = tensor.format().filter(|f| f.is_ternary() && tensor.dims.len() > 1) else { return Ok(None) };
        let (n_rows, cols) = (tensor.n_rows(), tensor.cols());
        let stored = StoredMatrix::new(format, n_rows, cols, bytes).map_err(|e| refuse(e.to_string()))?;
        let mut encoder = TernaryEncoder::new(format, n_rows, cols).map_err(|e| refuse(e.to_string()))?;
        let mut changed = Vec::with_capacity(bytes.len());
        flips.n_matrices += 1;
        for first in (0..n_rows).step_by(ROWS_AT_ONCE) {
            let Some(mut rows) = stored.ternary(first, ROWS_AT_ONCE.min(n_rows - first)) else { return Ok(None) };
            flips.n_trits += rows.codes.len() as u64;
            flips.n_flipped += self.flip(&mut rows.codes);
            encoder.rows(&rows, &mut changed).map_err(|e| refuse(e.to_string()))?;
        }
        encoder.finish(&mut changed);
        Ok(Some(changed))
    }

    /// Changes each of `codes` with the probability of this noise; returns how many were changed.
    fn flip(&mut self, codes: &mut [i8]) -> u64 {
        let mut n_flipped = 0;
        for code in codes {
            if self.threshold.is_some_and(|threshold| self.rng.next_u64() >= threshold) {
                continue;
            }
            // The values that it does not have; a fourth code, where there is one, is left for a trit.
            let others = match *code {
                -1 => [0, 1],
                0 => [-1, 1],
                _ => [-1, 0],
            };
            *code = others[usize::from(self.rng.next_u64() >> 63 == 1)];
            n_flipped += 1;
        }
        n_flipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rate: f64, n: usize) -> (u64, Vec<i8>, Vec<i8>) {
        let before: Vec<i8> = (0..n).map(|i| (i % 3) as i8 - 1).collect();
        let mut after = before.clone();
        let mut noise = Noise { rng: Xoshiro256PlusPlus::seed_from_u64(3), threshold: threshold(rate) };
        let n_flipped = noise.flip(&mut after);
        assert_eq!(n_flipped, before.iter().zip(&after).filter(|(a, b)| a != b).count() as u64);
        assert!(after.iter().all(|code| (-1..=1).contains(code)));
        (n_flipped, before, after)
    }

    #[test]
    fn every_flip_is_a_change_and_each_change_equally_likely() {
        assert_eq!(check(0.0, 3000).0, 0);
        let (n_flipped, before, after) = check(1.0, 30_000);
        assert_eq!(n_flipped, 30_000);
        for from in -1..=1 {
            for to in (-1..=1).filter(|to| *to != from) {
                let n = before.iter().zip(&after).filter(|(a, b)| (**a, **b) == (from, to)).count();
                // 5,000 expected, standard deviation 50.
                assert!((4750..5250).contains(&n), "{n} from {from} to {to}");
            }
        }
        // 1,000 expected, standard deviation 31.5.
        assert!((850..1150).contains(&check(0.01, 100_000).0));
    }
}
