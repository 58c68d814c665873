//! MXFP4 and NVFP4: 4-bit floats (E2M1) under a shared 8-bit float scale.
//!
//! Source: OCP Microscaling Formats specification 1.0. Codes are the E2M1 values doubled, scales halved to match.

use crate::{
    block::{Block, Encode},
    fit::{
        book::E2M1,
        scale::{assign, measure},
    },
    q4_0::pack_nibbles,
};

/// E2M1 times two.
pub(crate) const VALUES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// 32 weights, 17 bytes: a power of two (E8M0), nibbles as in Q4_0.
pub(crate) struct Mxfp4;

/// 64 weights, 36 bytes: four unsigned E4M3 scales, one per 16 weights; per scale 8 bytes, whose low nibbles come
/// first.
pub(crate) struct Nvfp4;

/// Half of 2^(byte − 127).
pub(crate) fn half_e8m0(byte: u8) -> f32 {
    f32::from_bits(if byte < 2 { 0x0020_0000 << byte } else { u32::from(byte - 1) << 23 })
}

/// Half of an unsigned E4M3 number; 0x7f, which is NaN there, is zero as in ggml.
pub(crate) fn half_ue4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (u32::from(byte >> 3 & 15), u32::from(byte & 7));
    match byte {
        0x7f => 0.0,
        // Halves of multiples of 2^-9.
        _ if exponent == 0 => mantissa as f32 / 1024.0,
        // The exponent's bias is 7 there and 127 in f32; one less for the half.
        _ => f32::from_bits((exponent + 119) << 23 | mantissa << 20),
    }
}

/// The E8M0 byte for 32 weights.
fn best_e8m0(x: &[f32], w: &[f32]) -> u8 {
    let peak = x.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let exponent = (peak.to_bits() >> 23) as i32 - 127;
    // The power of two of the peak leaves the numbers, so that their squares are in range.
    let shrink = f64::from_bits(((1023 - exponent) as u64) << 52);
    let mut shrunk = [0.0; 32];
    for (shrunk, &x) in shrunk.iter_mut().zip(x) {
        *shrunk = (f64::from(x) * shrink) as f32;
    }
    let mut best = (f32::INFINITY, 0);
    // The peak becomes 4 to 8 (in E2M1's values), or is cut, or is smaller.
    for byte in [exponent + 125, exponent + 124, exponent + 126, exponent + 127] {
        let byte = byte.clamp(0, 254);
        let d = f32::from_bits(((byte - 1 - exponent).clamp(1, 254) as u32) << 23);
        let error = measure::<E2M1>(&shrunk, w, d).error;
        if error < best.0 {
            best = (error, byte as u8);
        }
    }
    best.1
}

/// The E4M3 byte for 16 weights.
fn best_ue4m3(x: &[f32], w: &[f32]) -> u8 {
    let peak = x.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let mut best = (measure::<E2M1>(x, w, 0.0).error, 0);
    for byte in 1..0x7f {
        let d = half_ue4m3(byte);
        // Not where the peak would lose 40 % or become zero.
        if d * 12.0 < peak * 0.6 || d * 0.5 > peak {
            continue;
        }
        let error = measure::<E2M1>(x, w, d).error;
        if error < best.0 {
            best = (error, byte);
        }
    }
    best.1
}

/// The number of a doubled E2M1 value.
fn index(code: i8) -> u8 {
    let magnitude = VALUES[..8].partition_point(|&value| value < code.abs()) as u8;
    magnitude | u8::from(code < 0) << 3
}

impl Block for Mxfp4 {
    type Bytes = [u8; 17];
    type Codes = [i8; 32];
    type Groups = [f32; 2];

    /// 6 · 2^125: further up, squares of the scale overflow.
    const LARGEST: f32 = 2.5e38;
    const ENCODE: Option<Encode<[u8; 17]>> = Some(|x, w, bytes| {
        bytes[0] = best_e8m0(x, w);
        let mut codes = [0; 32];
        assign::<E2M1>(x, half_e8m0(bytes[0]), &mut codes);
        pack_nibbles(&codes.map(index), &mut bytes[1..]);
    });

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

    /// 6 · 448
    const LARGEST: f32 = 2688.0;
    const ENCODE: Option<Encode<[u8; 36]>> = Some(|x, w, bytes| {
        let (scales, nibbles) = bytes.split_at_mut(4);
        let groups = x.as_chunks::<16>().0.iter().zip(w.as_chunks::<16>().0);
        for (((x, w), scale), bytes) in groups.zip(scales).zip(nibbles.as_chunks_mut::<8>().0) {
            *scale = best_ue4m3(x, w);
            let mut codes = [0; 16];
            assign::<E2M1>(x, half_ue4m3(*scale), &mut codes);
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = index(codes[i]) | index(codes[i + 8]) << 4;
            }
        }
    });

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
