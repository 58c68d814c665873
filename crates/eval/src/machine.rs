//! What the machine can do at most, and what follows for a model: the roofs that speeds are to be seen against.

use std::{hint::black_box, time::Instant};

use kernels::Kernels;
use model::StepCost;
use serde::Serialize;

/// Number of bytes that are read to measure bandwidth: more than caches hold.
pub const READ_BYTES: usize = 512 << 20;

/// Number of passes of each measurement; the best counts, as others on the machine can only take away.
const PASSES: usize = 5;

/// Number of rounds of byte products in a pass, which take some ten milliseconds.
const ROUNDS: usize = 2_000_000;

/// Speeds of a machine, measured with all compute threads.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub struct Machine {
    /// Bytes per second read from memory.
    pub read_bytes_per_second: f64,
    /// Multiplications and additions of bytes per second; `None` if this level has no instruction whose speed says so.
    pub byte_operations_per_second: Option<f64>,
}

/// Speeds that a model can reach at most on a machine.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub struct Limits {
    /// Tokens per second of one sequence: every weight is read for every token.
    pub decode_tokens_per_second: f64,
    /// Prompt tokens per second: every weight is multiplied with every token.
    pub prefill_tokens_per_second: Option<f64>,
}

impl Machine {
    /// Measures the machine, for about a second.
    pub fn measure(kernels: &Kernels) -> Self {
        // Written once, so that pages are there; not zero, which memory may hold in one page for all.
        let bytes = vec![1u8; READ_BYTES];
        let mut read_bytes_per_second = 0.0f64;
        let mut byte_operations_per_second = None;
        for _ in 0..PASSES {
            let start = Instant::now();
            black_box(kernels.read_all(&bytes));
            let speed = bytes.len() as f64 / start.elapsed().as_secs_f64();
            read_bytes_per_second = read_bytes_per_second.max(speed);
            let start = Instant::now();
            let Some(n) = kernels.multiply_bytes(ROUNDS) else { continue };
            let speed = n as f64 / start.elapsed().as_secs_f64();
            byte_operations_per_second = Some(byte_operations_per_second.map_or(speed, |best: f64| best.max(speed)));
        }
        Self { read_bytes_per_second, byte_operations_per_second }
    }

    /// Returns the limits of a model whose steps cost `cost`.
    pub fn limits(&self, cost: &StepCost) -> Limits {
        let operations = 2.0 * cost.products as f64;
        let by_reading = self.read_bytes_per_second / cost.weight_bytes as f64;
        let by_multiplying = self.byte_operations_per_second.map(|speed| speed / operations);
        Limits {
            decode_tokens_per_second: by_multiplying.map_or(by_reading, |limit| limit.min(by_reading)),
            // The head serves only the last token of a prompt.
            prefill_tokens_per_second: self
                .byte_operations_per_second
                .map(|speed| speed / (2.0 * cost.layer_products.max(1) as f64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_lower_roof() {
        let machine = Machine { read_bytes_per_second: 100.0, byte_operations_per_second: Some(4000.0) };
        let cost = StepCost { weight_bytes: 10, products: 50, layer_products: 40 };
        let limits = machine.limits(&cost);
        assert_eq!((limits.decode_tokens_per_second, limits.prefill_tokens_per_second), (10.0, Some(50.0)));
        let heavy = StepCost { products: 2000, ..cost };
        assert_eq!(machine.limits(&heavy).decode_tokens_per_second, 1.0);
        let unknown = Machine { byte_operations_per_second: None, ..machine }.limits(&heavy);
        assert_eq!((unknown.decode_tokens_per_second, unknown.prefill_tokens_per_second), (10.0, None));
    }
}
