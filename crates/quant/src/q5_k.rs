//! Q5_K: 256 weights, 176 bytes: scales as in Q4_K; 32 bytes whose bit `p` of byte `i` is bit 4 of weight `32 p + i`;
//! nibbles as in Q4_K. `w = d·s·q − dmin·m`.

use crate::{
    block::{Block, Encode},
    fit::nested_affine,
    q4_k::{pack_nibble_pairs, pack_scales_and_mins, scales_and_mins},
};

/// See the module.
pub(crate) struct Q5K;

impl Block for Q5K {
    type Bytes = [u8; 176];
    type Codes = [i8; 256];
    type Groups = [f32; 16];
    const HAS_MINS: bool = true;

    const ENCODE: Option<Encode<[u8; 176]>> = Some(|x, w, bytes| {
        let block = nested_affine::fit::<8, 31, 63>(x, w);
        let numbers = block.codes.map(|code| code as u8);
        bytes.fill(0);
        pack_scales_and_mins(&block, bytes);
        for (i, number) in numbers.iter().enumerate() {
            bytes[16 + i % 32] |= (number >> 4) << (i / 32);
        }
        pack_nibble_pairs(&numbers, &mut bytes[48..]);
    });

    fn expand(bytes: &[u8; 176], codes: &mut [i8; 256], scales: &mut [f32; 16], mins: &mut [f32; 16]) {
        scales_and_mins(bytes, scales, mins);
        let (high, low) = (&bytes[16..48], &bytes[48..]);
        for (pair, (bytes, codes)) in low.as_chunks::<32>().0.iter().zip(codes.as_chunks_mut::<64>().0).enumerate() {
            for (i, byte) in bytes.iter().enumerate() {
                codes[i] = (byte & 15 | (high[i] >> (2 * pair) & 1) << 4) as i8;
                codes[i + 32] = (byte >> 4 | (high[i] >> (2 * pair + 1) & 1) << 4) as i8;
            }
        }
    }
}
