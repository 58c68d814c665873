//! Estimates of a run of rows, and the choice of the instruction set.
#![allow(unsafe_code, reason = "the calls of functions compiled for an instruction set")]

use super::{CoarseInput, Estimate, HIGH_BYTES, LOW_BYTES, RowNorms, SPAN, SPAN_BYTES};
#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;
use crate::{isa::Level, math::fma};

/// What a variant computes: `Σ code · x̃` of one row, codes 0..=63.
pub(super) type Dot<'a> = (&'a [[u8; SPAN_BYTES]], &'a [[i8; SPAN]], &'a [f32]);

/// Estimates of the rows of `codes` `[rows, row bytes]` with their `norms`.
pub(super) fn estimate(level: Level, codes: &[u8], norms: &[RowNorms], input: &CoarseInput, out: &mut [Estimate]) {
    let (spans, _) = codes.as_chunks::<SPAN_BYTES>();
    let (x, _) = input.codes.as_chunks::<SPAN>();
    assert_eq!((spans.len(), x.len()), (out.len() * x.len(), input.scales.len()), "spans of rows and of the input");
    let rows = spans.chunks_exact(x.len()).zip(norms).zip(out);
    for ((w, norms), out) in rows {
        let dot = (w, x, &*input.scales);
        let sum = match level.isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Level` exists only for an instruction set that this CPU has.
            Isa::Avx512 | Isa::Avx512Vbmi | Isa::Avx512Popcnt => unsafe { super::x86::avx512::dot(dot) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 | Isa::AvxVnni => unsafe { super::x86::avx2::dot(dot) },
            _ => scalar(dot),
        };
        let value = norms.step * (sum - input.offset);
        *out = Estimate { value, upper: value + input.margin(*norms) };
    }
}

/// The product in plain Rust: the specification of all others.
pub(super) fn scalar((w, x, scales): Dot<'_>) -> f32 {
    let mut sum = 0.0f32;
    for ((w, x), scale) in w.iter().zip(x).zip(scales) {
        let (low, high) = w.split_at(LOW_BYTES);
        let code = |k: usize| {
            let low = if k < LOW_BYTES { low[k] & 15 } else { low[k - LOW_BYTES] >> 4 };
            low | (high[k % HIGH_BYTES] >> (2 * (k / HIGH_BYTES)) & 3) << 4
        };
        let products: i32 = (0..SPAN).map(|k| i32::from(code(k)) * i32::from(x[k])).sum();
        sum = fma(products as f32, *scale, sum);
    }
    sum
}
