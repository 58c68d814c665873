//! Q5_0: 32 weights, 22 bytes: f16 scale `d`; 4 bytes whose bit `i` is bit 4 of weight `i`; nibbles as in Q4_0.
//! `w = d · (q − 16)`.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{book::Integers, scale::half_scale},
    q4_0::pack_nibbles,
};

/// See the module.
pub(crate) struct Q5_0;

impl Block for Q5_0 {
    type Bytes = [u8; 22];
    type Codes = [i8; 32];
    type Groups = [f32; 2];

    const ENCODE: Option<Encode<[u8; 22]>> = Some(|x, w, bytes| {
        let mut codes = [0; 32];
        set_half(bytes, 0, half_scale::<Integers<-16, 15>>(x, w, &mut codes));
        pack(&codes.map(|code| (code + 16) as u8), &mut bytes[2..]);
    });

    fn expand(bytes: &[u8; 22], codes: &mut [i8; 32], scales: &mut [f32; 2], _mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        unpack(&bytes[2..], codes);
        codes.iter_mut().for_each(|code| *code -= 16);
    }
}

/// 4 bytes of high bits and 16 of nibbles → 32 numbers of 5 bits.
pub(crate) fn unpack(bytes: &[u8], codes: &mut [i8; 32]) {
    let high = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    for i in 0..16 {
        codes[i] = (bytes[4 + i] & 15 | ((high >> i & 1) as u8) << 4) as i8;
        codes[i + 16] = (bytes[4 + i] >> 4 | ((high >> (i + 16) & 1) as u8) << 4) as i8;
    }
}

/// The inverse of [`unpack`].
pub(crate) fn pack(numbers: &[u8; 32], bytes: &mut [u8]) {
    let mut high = 0u32;
    for (i, number) in numbers.iter().enumerate() {
        high |= u32::from(number >> 4 & 1) << i;
    }
    bytes[..4].copy_from_slice(&high.to_le_bytes());
    pack_nibbles(numbers, &mut bytes[4..]);
}
