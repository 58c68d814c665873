//! What this machine can do at most: loops that only read memory or only multiply bytes, for the caller to time.

use crate::{Kernels, isa::multiversion, simd::prefetch_ahead};
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(target_arch = "x86_64")]
mod x86;

/// Bytes that a thread reads at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Tasks of each thread in [`Kernels::multiply_bytes`].
const TASKS_PER_THREAD: usize = 4;

multiversion! {
    /// Adds up the words of `bytes`: as little work as a reader can do.
    fn sum(bytes: &[[u8; 512]], out: &mut u64) {
        let mut lanes = [0u64; 64];
        for bytes in bytes {
            prefetch_ahead(bytes);
            let words: [u64; 64] = bytemuck::must_cast(*bytes);
            for (lane, word) in lanes.iter_mut().zip(words) {
                *lane = lane.wrapping_add(word);
            }
        }
        *out = lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane));
    }
}

impl Kernels {
    /// All threads together read `bytes` once, as kernels read weights; the sum of its words is there so that the
    /// reading has a purpose.
    pub fn read_all(&self, bytes: &[u8]) -> u64 {
        let total = AtomicU64::new(0);
        let pieces: Vec<&[u8]> = bytes.chunks(PIECE_BYTES).collect();
        self.pool.run(pieces.len(), |i, _| {
            let mut piece = 0;
            sum(self.level, pieces[i].as_chunks().0, &mut piece);
            total.fetch_add(piece, Ordering::Relaxed);
        });
        total.into_inner()
    }

    /// All threads together multiply bytes in registers for about as many `rounds`; the multiplications and additions
    /// made, or `None` where this level has no loop for it.
    pub fn multiply_bytes(&self, rounds: usize) -> Option<u64> {
        let total = AtomicU64::new(0);
        self.pool.run(TASKS_PER_THREAD * self.n_threads(), |_, _| {
            if let Some(n) = multiply(self, rounds) {
                total.fetch_add(n, Ordering::Relaxed);
            }
        });
        Some(total.into_inner()).filter(|n| *n > 0)
    }
}

#[cfg(target_arch = "x86_64")]
fn multiply(kernels: &Kernels, rounds: usize) -> Option<u64> {
    x86::multiply(kernels.level, rounds)
}

#[cfg(not(target_arch = "x86_64"))]
fn multiply(_: &Kernels, _: usize) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_byte_is_read_and_every_level_multiplies() {
        let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 1024).map(|i| (i * 7 % 251) as u8).collect();
        let words = bytes.as_chunks::<8>().0;
        let expected = words.iter().fold(0u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
        for isa in Isa::available() {
            let kernels = Kernels::new(Some(isa), 2).expect("available");
            assert_eq!(kernels.read_all(&bytes), expected, "{}", isa.name());
            let n = kernels.multiply_bytes(10);
            assert_eq!(n.is_some(), cfg!(target_arch = "x86_64") && isa != Isa::Scalar, "{}", isa.name());
            assert_eq!(kernels.multiply_bytes(20), n.map(|n| 2 * n), "{}", isa.name());
        }
    }
}
