//! IQ4_NL and IQ4_XS: 4-bit indices into a list of 16 unevenly spaced values.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{
        book::Uneven,
        nested,
        scale::{self, half_scale},
    },
    q4_0::pack_nibbles,
};

/// The 16 values that codes stand for.
pub(crate) const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// 32 weights, 18 bytes: f16 scale, nibbles as in Q4_0.
pub(crate) struct Iq4Nl;

/// 256 weights, 136 bytes: f16 scale; 16 high bits and 4 bytes of low bits of eight 6-bit scales; nibbles as in Q4_0,
/// 16 bytes per 32 weights. `w = d · (s − 32) · value`.
pub(crate) struct Iq4Xs;

fn unpack(bytes: &[u8; 16], codes: &mut [i8; 32]) {
    for (i, byte) in bytes.iter().enumerate() {
        codes[i] = VALUES[usize::from(byte & 15)];
        codes[i + 16] = VALUES[usize::from(byte >> 4)];
    }
}

/// The place of a value in the list.
fn index(code: i8) -> u8 {
    VALUES.partition_point(|&value| value < code) as u8
}

impl Block for Iq4Nl {
    type Bytes = [u8; 18];
    type Codes = [i8; 32];
    type Groups = [f32; 2];

    const ENCODE: Option<Encode<[u8; 18]>> = Some(|x, w, bytes| {
        let mut codes = [0; 32];
        set_half(bytes, 0, half_scale::<Uneven>(x, w, &mut codes));
        pack_nibbles(&codes.map(index), &mut bytes[2..]);
    });

    fn expand(bytes: &[u8; 18], codes: &mut [i8; 32], scales: &mut [f32; 2], _mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        bytes[2..].as_chunks::<16>().0.iter().for_each(|nibbles| unpack(nibbles, codes));
    }
}

impl Block for Iq4Xs {
    type Bytes = [u8; 136];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 136]>> = Some(|x, w, bytes| {
        let block = nested::fit::<Uneven, 8, -32, 31>(x, w, scale::fit::<Uneven>, 3);
        bytes.fill(0);
        set_half(bytes, 0, block.d);
        for (j, scale) in block.scales.iter().enumerate() {
            let bits = (scale + 32) as u8;
            bytes[2 + j / 4] |= (bits >> 4) << (2 * (j % 4));
            bytes[4 + j / 2] |= (bits & 15) << (4 * (j % 2));
        }
        for (bytes, codes) in bytes[8..].as_chunks_mut::<16>().0.iter_mut().zip(block.codes.as_chunks::<32>().0) {
            pack_nibbles(&codes.map(index), bytes);
        }
    });

    fn expand(bytes: &[u8; 136], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 0);
        let high = u16::from_le_bytes([bytes[2], bytes[3]]);
        for j in 0..8 {
            let low = bytes[4 + j / 2] >> (4 * (j % 2)) & 15;
            let scale = (low | ((high >> (2 * j) & 3) as u8) << 4) as i8 - 32;
            scales[2 * j..2 * j + 2].fill(d * f32::from(scale));
        }
        for (nibbles, codes) in bytes[8..].as_chunks::<16>().0.iter().zip(codes.as_chunks_mut::<32>().0) {
            unpack(nibbles, codes);
        }
    }
}
