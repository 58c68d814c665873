//! int8 activation rows: what weights in block formats are multiplied with.
//!
//! A row of K is cut in groups of 256, a group in 8 blocks of 32 with a scale each. A row's bytes depend on that row
//! alone.

#![allow(unsafe_code, reason = "calls functions compiled for the level that `Level` proves")]

use crate::{isa::Level, math::round};
use bytemuck::{Pod, Zeroable};

/// Activations in a block: they share a scale.
pub(crate) const BLOCK: usize = 32;

/// Blocks in a group: as many as a vector of block sums has lanes.
pub(crate) const GROUP_BLOCKS: usize = 8;

/// Activations in a group.
pub(crate) const GROUP: usize = BLOCK * GROUP_BLOCKS;

/// 256 activations, `x ≈ code · scale`. The last group of a row is filled up with zeros.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct ActivationGroup {
    /// Codes -127..=127, in order.
    pub(crate) codes: [i8; GROUP],
    /// Scale of each block: the largest magnitude / 127.
    pub(crate) scales: [f32; GROUP_BLOCKS],
    /// Sum of the codes of each block.
    pub(crate) sums: [i32; GROUP_BLOCKS],
    /// Sums of the codes of the first and of the second 16 of each block.
    pub(crate) half_sums: [[i32; GROUP_BLOCKS]; 2],
}

#[cfg(target_arch = "x86_64")]
mod x86;

/// `x` `[T, K]` → `out` `[T, ceil(K / 256)]`.
pub(crate) fn quantise(level: Level, x: &[f32], k: usize, out: &mut [ActivationGroup]) {
    match level.isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` exists only for an instruction set that this CPU has.
        crate::Isa::Avx512 | crate::Isa::Avx512Vbmi | crate::Isa::Avx512Popcnt => unsafe {
            x86::avx512::quantise(x, k, out);
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        crate::Isa::Avx2 | crate::Isa::AvxVnni => unsafe { x86::avx2::quantise(x, k, out) },
        _ => scalar(x, k, out),
    }
}

/// What every version computes, bit for bit.
fn scalar(x: &[f32], k: usize, out: &mut [ActivationGroup]) {
    let n_groups = k.div_ceil(GROUP);
    for (x, out) in x.chunks_exact(k).zip(out.chunks_exact_mut(n_groups)) {
        for (x, out) in x.chunks(GROUP).zip(out) {
            *out = ActivationGroup::zeroed();
            for (b, x) in x.chunks(BLOCK).enumerate() {
                let mut full = [0.0f32; BLOCK];
                full[..x.len()].copy_from_slice(x);
                let codes = &mut out.codes[b * BLOCK..][..BLOCK];
                out.scales[b] = quantise_block(&full, codes);
                for half in 0..2 {
                    out.half_sums[half][b] = codes[half * 16..][..16].iter().map(|&c| i32::from(c)).sum();
                }
                out.sums[b] = out.half_sums[0][b] + out.half_sums[1][b];
            }
        }
    }
}

/// Codes of one block; returns its scale.
fn quantise_block(x: &[f32; BLOCK], codes: &mut [i8]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for chunk in x.as_chunks::<8>().0 {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = if v.abs() > *lane { v.abs() } else { *lane };
        }
    }
    let mut max = 0.0f32;
    for lane in lanes {
        max = if lane > max { lane } else { max };
    }
    // Below this 127 / max would overflow; such a block is nothing.
    let (scale, inverse) = if max > 1e-36 { (max / 127.0, 127.0 / max) } else { (0.0, 0.0) };
    for (code, &v) in codes.iter_mut().zip(x) {
        let rounded = round(v * inverse);
        let capped = if rounded > 127 { 127 } else { rounded };
        *code = if capped < -127 { -127 } else { capped as i8 };
    }
    scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    #[cfg(not(target_family = "wasm"))]
    use proptest::prelude::*;
    use testkit::Rng;

    /// Quantises on every level over groups that held something, checks that they agree, returns the groups.
    fn check(x: &[f32], k: usize) -> Vec<ActivationGroup> {
        let run = |isa| {
            let mut before = ActivationGroup::zeroed();
            before.codes = [1; GROUP];
            (before.scales, before.sums) = ([1.0; GROUP_BLOCKS], [1; GROUP_BLOCKS]);
            before.half_sums = [[1; GROUP_BLOCKS]; 2];
            let mut out = vec![before; x.len() / k * k.div_ceil(GROUP)];
            quantise(Level::detect(isa).expect("available"), x, k, &mut out);
            out
        };
        let scalar = run(Isa::Scalar);
        for isa in Isa::available() {
            assert_eq!(
                bytemuck::cast_slice::<_, u8>(&run(isa)),
                bytemuck::cast_slice::<_, u8>(&scalar),
                "{}",
                isa.name()
            );
        }
        scalar
    }

    #[test]
    fn codes_times_scale_are_near_and_sums_are_theirs() {
        let mut rng = Rng::new(1);
        for k in [1, 31, 32, 64, 65, 100, 192, 256, 300, 576, 1536] {
            let x: Vec<f32> = rng.normals(3 * k).iter().map(|v| v * v * v).collect();
            let groups = check(&x, k);
            for (i, &x) in x.iter().enumerate() {
                let group = &groups[i / k * k.div_ceil(GROUP) + i % k / GROUP];
                let at = i % k % GROUP;
                let scale = group.scales[at / BLOCK];
                assert!((f32::from(group.codes[at]) * scale - x).abs() <= 0.501 * scale);
            }
            for group in &groups {
                for (b, codes) in group.codes.chunks(BLOCK).enumerate() {
                    assert_eq!(group.sums[b], codes.iter().map(|&c| i32::from(c)).sum::<i32>());
                    assert_eq!(group.sums[b], group.half_sums[0][b] + group.half_sums[1][b]);
                    assert_eq!(group.half_sums[1][b], codes[16..].iter().map(|&c| i32::from(c)).sum::<i32>());
                }
            }
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest! {
        /// Any bits at all, in rows of any length.
        #[test]
        fn every_level_has_the_same_bytes(seed: u64, k in 1..700usize, n_rows in 1..4usize, is_any: bool) {
            let mut rng = Rng::new(seed);
            let any = |rng: &mut Rng| f32::from_bits(rng.bits() as u32);
            let x = if is_any { (0..n_rows * k).map(|_| any(&mut rng)).collect() } else { rng.normals(n_rows * k) };
            check(&x, k);
        }
    }

    #[test]
    fn a_row_depends_on_itself_alone() {
        let x = Rng::new(2).normals(2 * 96);
        let both = check(&x, 96);
        let second = check(&x[96..], 96);
        assert_eq!(bytemuck::bytes_of(&both[1]), bytemuck::bytes_of(&second[0]));
    }

    #[test]
    fn extremes_neither_panic_nor_leave_the_range() {
        let specials = [0.0, -0.0, 1e-45, 1e-37, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1.0];
        for a in specials {
            for b in specials {
                for at in [7, 63] {
                    let mut x = [a; 64];
                    x[at] = b;
                    let groups = check(&x, 64);
                    assert!(groups[0].codes.iter().all(|&c| c >= -127));
                    assert_eq!(groups[0].codes[64..], [0; 192]);
                }
                check(&[a, b, -b, -a, 1.0].repeat(60), 300);
            }
        }
    }
}
