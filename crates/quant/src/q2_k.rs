//! Q2_K: 256 weights, 84 bytes: 16 bytes of 4-bit scale (low) and 4-bit offset (high) per group of 16; 64 bytes of
//! 2-bit codes; f16 `d`, f16 `dmin`. Codes: 128 weights share 32 bytes, four planes of 2 bits. `w = d·s·q − dmin·m`.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::nested_affine,
};

/// See the module.
pub(crate) struct Q2K;

impl Block for Q2K {
    type Bytes = [u8; 84];
    type Codes = [i8; 256];
    type Groups = [f32; 16];
    const HAS_MINS: bool = true;

    const ENCODE: Option<Encode<[u8; 84]>> = Some(|x, w, bytes| {
        let block = nested_affine::fit::<16, 3, 15>(x, w);
        for (byte, (s, m)) in bytes.iter_mut().zip(block.scales.iter().zip(&block.mins)) {
            *byte = s | m << 4;
        }
        pack_planes(&block.codes.map(|code| code as u8), &mut bytes[16..80]);
        set_half(bytes, 80, block.d);
        set_half(bytes, 82, block.d_min);
    });

    fn expand(bytes: &[u8; 84], codes: &mut [i8; 256], scales: &mut [f32; 16], mins: &mut [f32; 16]) {
        let (d, d_min) = (half(bytes, 80), half(bytes, 82));
        for (i, (scale, min)) in scales.iter_mut().zip(mins).enumerate() {
            *scale = d * f32::from(bytes[i] & 15);
            *min = -(d_min * f32::from(bytes[i] >> 4));
        }
        planes(&bytes[16..80], codes);
    }
}

/// 64 bytes → 256 codes of 2 bits: weight `128 h + 32 p + i` lies in byte `32 h + i`, bits `2 p`.
pub(crate) fn planes(bytes: &[u8], codes: &mut [i8; 256]) {
    for (bytes, codes) in bytes.as_chunks::<32>().0.iter().zip(codes.as_chunks_mut::<128>().0) {
        for (plane, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (code, byte) in codes.iter_mut().zip(bytes) {
                *code = (byte >> (2 * plane) & 3) as i8;
            }
        }
    }
}

/// The inverse of [`planes`]; higher bits are dropped.
pub(crate) fn pack_planes(numbers: &[u8; 256], bytes: &mut [u8]) {
    for (bytes, numbers) in bytes.as_chunks_mut::<32>().0.iter_mut().zip(numbers.as_chunks::<128>().0) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |byte, plane| byte | (numbers[32 * plane + i] & 3) << (2 * plane));
        }
    }
}
