//! F32, F16 and BF16: one number a weight.

use half::{bf16, f16};

/// Decodes 32-bit floats.
pub(crate) fn decode_f32(bytes: &[u8], out: &mut [f32]) {
    decode(bytes, out, f32::from_le_bytes);
}

/// Decodes IEEE halves.
pub(crate) fn decode_f16(bytes: &[u8], out: &mut [f32]) {
    decode(bytes, out, |b| f16::from_le_bytes(b).to_f32());
}

/// BF16: the upper half of an f32.
pub(crate) fn decode_bf16(bytes: &[u8], out: &mut [f32]) {
    decode(bytes, out, |b: [u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16));
}

/// Encodes 32-bit floats.
pub(crate) fn encode_f32(values: &[f32], out: &mut [u8]) {
    encode(values, out, f32::to_le_bytes);
}

/// F16, nearest even.
pub(crate) fn encode_f16(values: &[f32], out: &mut [u8]) {
    encode(values, out, |x| f16::from_f32(x).to_le_bytes());
}

/// BF16, nearest even.
pub(crate) fn encode_bf16(values: &[f32], out: &mut [u8]) {
    encode(values, out, |x| bf16::from_f32(x).to_le_bytes());
}

fn decode<const N: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    assert_eq!(bytes.len(), out.len() * N, "bytes of {} weights", out.len());
    for (out, b) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *out = read(*b);
    }
}

fn encode<const N: usize>(values: &[f32], out: &mut [u8], write: impl Fn(f32) -> [u8; N]) {
    assert_eq!(out.len(), values.len() * N, "bytes of {} weights", values.len());
    for (out, x) in out.as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *out = write(*x);
    }
}
