//! [`Block`]: what the bytes of a format mean, said once.

use bytemuck::{Pod, Zeroable};
use half::f16;

/// Weights that share a scale in the expanded form, for every format.
pub const GROUP: usize = 16;

/// Writes a block: its weights, their importance, its bytes.
pub(crate) type Encode<Bytes> = fn(&[f32], &[f32], &mut Bytes);

/// A block of weights: `weight[i] = scales[i / 16] · codes[i] + mins[i / 16]`.
pub(crate) trait Block {
    /// `[u8; bytes of a block]`
    type Bytes: Pod;
    /// `[i8; weights of a block]`
    type Codes: Pod + AsRef<[i8]> + AsMut<[i8]>;
    /// `[f32; weights of a block / 16]`
    type Groups: Pod + AsRef<[f32]> + AsMut<[f32]>;
    /// Weights in a block.
    const LEN: usize = size_of::<Self::Codes>();
    /// Bytes of a block.
    const BYTES: usize = size_of::<Self::Bytes>();
    /// Can `mins` differ from zero?
    const HAS_MINS: bool = false;

    /// Largest finite magnitude that is sure to be storable.
    const LARGEST: f32 = 65504.0;
    /// How to write a block; `None` where it holds ternary weights only, which others write. Weights are finite and at
    /// most [`LARGEST`](Self::LARGEST) in magnitude, importance is positive.
    const ENCODE: Option<Encode<Self::Bytes>> = None;

    /// Fills codes and scales, and mins if the format has them (they come in as zeros).
    fn expand(bytes: &Self::Bytes, codes: &mut Self::Codes, scales: &mut Self::Groups, mins: &mut Self::Groups);
}

/// Exact values of whole blocks.
pub(crate) fn decode<B: Block>(bytes: &[u8], out: &mut [f32]) {
    let blocks: &[B::Bytes] = bytemuck::cast_slice(bytes);
    assert_eq!(blocks.len() * B::LEN, out.len(), "{} blocks of {} weights", blocks.len(), B::LEN);
    for (block, out) in blocks.iter().zip(out.chunks_exact_mut(B::LEN)) {
        let (mut codes, mut scales, mut mins) = (B::Codes::zeroed(), B::Groups::zeroed(), B::Groups::zeroed());
        B::expand(block, &mut codes, &mut scales, &mut mins);
        let groups = scales.as_ref().iter().zip(mins.as_ref());
        for ((out, codes), (scale, min)) in
            out.chunks_exact_mut(GROUP).zip(codes.as_ref().chunks_exact(GROUP)).zip(groups)
        {
            for (out, &code) in out.iter_mut().zip(codes) {
                *out = scale * f32::from(code);
                if B::HAS_MINS {
                    *out += min;
                }
            }
        }
    }
}

/// Codes, scales and mins of whole blocks; `mins` is left alone if the format has none.
pub(crate) fn expand<B: Block>(bytes: &[u8], codes: &mut [i8], scales: &mut [f32], mins: &mut [f32]) {
    let blocks: &[B::Bytes] = bytemuck::cast_slice(bytes);
    let codes: &mut [B::Codes] = bytemuck::cast_slice_mut(codes);
    let scales: &mut [B::Groups] = bytemuck::cast_slice_mut(scales);
    assert!(
        blocks.len() == codes.len() && blocks.len() == scales.len(),
        "{} blocks, room for {}",
        blocks.len(),
        codes.len()
    );
    if B::HAS_MINS {
        let mins: &mut [B::Groups] = bytemuck::cast_slice_mut(mins);
        assert_eq!(blocks.len(), mins.len(), "room for mins");
        for (((block, codes), scales), mins) in blocks.iter().zip(codes).zip(scales).zip(mins) {
            B::expand(block, codes, scales, mins);
        }
    } else {
        let mut none = B::Groups::zeroed();
        for ((block, codes), scales) in blocks.iter().zip(codes).zip(scales) {
            B::expand(block, codes, scales, &mut none);
        }
    }
}

/// Writes `d`, a half-precision number, at `at`.
pub(crate) fn set_half(bytes: &mut [u8], at: usize, d: f32) {
    bytes[at..at + 2].copy_from_slice(&f16::from_f32(d).to_le_bytes());
}

/// The half-precision number at `at`.
pub(crate) fn half(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}
