//! MXFP4 and NVFP4: 4-bit floats (E2M1) under a shared 8-bit float scale.
//!
//! Source: OCP Microscaling Formats specification 1.0. Codes are the E2M1 values doubled, scales halved to match.

use crate::block::Block;

/// E2M1 times two.
pub(crate) const VALUES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// 32 weights, 17 bytes: a power of two (E8M0), nibbles as in Q4_0.
pub(crate) struct Mxfp4;

/// 64 weights, 36 bytes: four unsigned E4M3 scales, one per 16 weights; per scale 8 bytes, whose low nibbles come first.
pub(crate) struct Nvfp4;

/// Half of 2^(byte − 127).
pub(crate) fn half_e8m0(byte: u8) -> f32 {
    f32::from_bits(if byte < 2 { 0x0020_0000 << byte } else { u32::from(byte - 1) << 23 })
}

/// Half of an unsigned E4M3 number; 0x7f, which is NaN there, is zero as in ggml.
pub(crate) fn half_ue4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    match byte {
        0 | 0x7f => 0.0,
        _ if exponent == 0 => mantissa * f32::exp2(-9.0) * 0.5,
        _ => (1.0 + mantissa / 8.0) * f32::exp2((exponent - 7) as f32) * 0.5,
    }
}

impl Block for Mxfp4 {
    type Bytes = [u8; 17];
    type Codes = [i8; 32];
    type Groups = [f32; 2];

    fn expand(bytes: &[u8; 17], codes: &mut [i8; 32], scales: &mut [f32; 2], _mins: &mut [f32; 2]) {
        *scales = [half_e8m0(bytes[0]); 2];
        for (i, byte) in bytes[1..].iter().enumerate() {
            codes[i] = VALUES[usize::from(byte & 15)];
            codes[i + 16] = VALUES[usize::from(byte >> 4)];
        }
    }
}

impl Block for Nvfp4 {
    type Bytes = [u8; 36];
    type Codes = [i8; 64];
    type Groups = [f32; 4];

    fn expand(bytes: &[u8; 36], codes: &mut [i8; 64], scales: &mut [f32; 4], _mins: &mut [f32; 4]) {
        for (scale, byte) in scales.iter_mut().zip(bytes) {
            *scale = half_ue4m3(*byte);
        }
        for (bytes, codes) in bytes[4..].as_chunks::<8>().0.iter().zip(codes.as_chunks_mut::<16>().0) {
            for (i, byte) in bytes.iter().enumerate() {
                codes[i] = VALUES[usize::from(byte & 15)];
                codes[i + 8] = VALUES[usize::from(byte >> 4)];
            }
        }
    }
}
