//! Q4_K: 256 weights, 144 bytes: f16 `d`, f16 `dmin`; 12 bytes of 6-bit scales and offsets, one each per 32 weights;
//! 128 bytes of nibbles: 64 weights share 32 bytes, the first 32 in bits 0–3. `w = d·s·q − dmin·m`.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::nested_affine::{self, NestedAffine},
};

/// See the module.
pub(crate) struct Q4K;

impl Block for Q4K {
    type Bytes = [u8; 144];
    type Codes = [i8; 256];
    type Groups = [f32; 16];
    const HAS_MINS: bool = true;

    const ENCODE: Option<Encode<[u8; 144]>> = Some(|x, w, bytes| {
        let block = nested_affine::fit::<8, 15, 63>(x, w);
        pack_scales_and_mins(&block, bytes);
        pack_nibble_pairs(&block.codes.map(|code| code as u8), &mut bytes[16..]);
    });

    fn expand(bytes: &[u8; 144], codes: &mut [i8; 256], scales: &mut [f32; 16], mins: &mut [f32; 16]) {
        scales_and_mins(bytes, scales, mins);
        for (bytes, codes) in bytes[16..].as_chunks::<32>().0.iter().zip(codes.as_chunks_mut::<64>().0) {
            for (i, byte) in bytes.iter().enumerate() {
                codes[i] = (byte & 15) as i8;
                codes[i + 32] = (byte >> 4) as i8;
            }
        }
    }
}

/// The first 16 bytes of Q4_K and Q5_K → scale and offset of each group of 16.
pub(crate) fn scales_and_mins(bytes: &[u8], scales: &mut [f32; 16], mins: &mut [f32; 16]) {
    let (d, d_min) = (half(bytes, 0), half(bytes, 2));
    let packed = &bytes[4..16];
    for j in 0..8 {
        let (scale, min) = if j < 4 {
            (packed[j] & 63, packed[j + 4] & 63)
        } else {
            (packed[j + 4] & 15 | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4)
        };
        let (scale, min) = (d * f32::from(scale), -(d_min * f32::from(min)));
        scales[2 * j..2 * j + 2].fill(scale);
        mins[2 * j..2 * j + 2].fill(min);
    }
}

/// The inverse of [`scales_and_mins`].
pub(crate) fn pack_scales_and_mins(block: &NestedAffine<8>, bytes: &mut [u8]) {
    set_half(bytes, 0, block.d);
    set_half(bytes, 2, block.d_min);
    let (s, m, packed) = (&block.scales, &block.mins, &mut bytes[4..16]);
    for j in 0..4 {
        packed[j] = s[j] & 63 | s[j + 4] >> 4 << 6;
        packed[j + 4] = m[j] & 63 | m[j + 4] >> 4 << 6;
        packed[j + 8] = s[j + 4] & 15 | m[j + 4] << 4;
    }
}

/// 256 numbers of 4 bits → 128 bytes: 64 share 32 bytes, the first 32 in bits 0–3; higher bits are dropped.
pub(crate) fn pack_nibble_pairs(numbers: &[u8; 256], bytes: &mut [u8]) {
    for (bytes, numbers) in bytes.as_chunks_mut::<32>().0.iter_mut().zip(numbers.as_chunks::<64>().0) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = numbers[i] & 15 | numbers[i + 32] << 4;
        }
    }
}
