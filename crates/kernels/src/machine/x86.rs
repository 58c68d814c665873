//! Byte products on independent accumulators, as many as hide the latency of one.
#![allow(unsafe_code, reason = "calls functions compiled for the level that `Level` proves")]

use crate::isa::{Isa, Level};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;
use std::hint::black_box;

/// Number of accumulators.
const N: usize = 10;

/// Multiplications and additions made in `rounds`.
pub(super) fn multiply(level: Level, rounds: usize) -> Option<u64> {
    let bytes = match level.isa() {
        Isa::Avx512 | Isa::Avx512Vbmi | Isa::Avx512Popcnt => {
            // SAFETY: a `Level` exists only for an instruction set that this CPU has.
            unsafe { avx512(rounds) };
            64
        }
        Isa::AvxVnni => {
            // SAFETY: as above.
            unsafe { avxvnni(rounds) };
            32
        }
        Isa::Avx2 => {
            // SAFETY: as above.
            unsafe { avx2(rounds) };
            32
        }
        _ => return None,
    };
    Some((rounds * N * 2 * bytes) as u64)
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn avx512(rounds: usize) {
    let (w, x) = black_box((_mm512_set1_epi8(1), _mm512_set1_epi8(-1)));
    let mut sums = [_mm512_setzero_si512(); N];
    for _ in 0..rounds {
        sums = sums.map(|sum| _mm512_dpbusd_epi32(sum, w, x));
    }
    black_box(sums);
}

#[target_feature(enable = "avx2,avxvnni")]
fn avxvnni(rounds: usize) {
    let (w, x) = black_box((_mm256_set1_epi8(1), _mm256_set1_epi8(-1)));
    let mut sums = [_mm256_setzero_si256(); N];
    for _ in 0..rounds {
        sums = sums.map(|sum| _mm256_dpbusd_avx_epi32(sum, w, x));
    }
    black_box(sums);
}

#[target_feature(enable = "avx2")]
fn avx2(rounds: usize) {
    let ones = _mm256_set1_epi16(1);
    let (mut w, x) = black_box((_mm256_set1_epi8(1), _mm256_set1_epi8(-1)));
    let mut sums = [_mm256_setzero_si256(); N];
    for _ in 0..rounds {
        sums = sums.map(|sum| {
            let pairs = _mm256_maddubs_epi16(w, x);
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones))
        });
        // Or the products of one round would serve all.
        w = black_box(w);
    }
    black_box(sums);
}
