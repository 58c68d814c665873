//! PQ2_0 and PTQ1_0 (PrismML): 128 weights under an f16 scale. PQ2_0 is also what the older Q2_0 holds.

use super::{Packed, ScaleType, pack_digits, pack_in_order, unpack_digits, unpack_in_order};
use crate::block::{Block, half};

/// 128 weights, 34 bytes: f16 scale; weight `j` lies in byte `j / 4`, bits `2 (j mod 4)`. `w = d · (q − 1)`.
pub(crate) struct Pq2_0;

/// 128 weights, 28 bytes: 24 bytes of five base-3 digits, 2 bytes of four, f16 scale. Weight `16 n + m` of the first 80
/// is digit `n` of byte `m`, `80 + 8 n + m` of the next 40 digit `n` of byte `16 + m`, `120 + 2 n + h` digit `n` of
/// byte `24 + h`; digits as in TQ1_0.
pub(crate) struct Ptq1_0;

impl Block for Pq2_0 {
    type Bytes = [u8; 34];
    type Codes = [i8; 128];
    type Groups = [f32; 8];

    fn expand(bytes: &[u8; 34], codes: &mut [i8; 128], scales: &mut [f32; 8], _mins: &mut [f32; 8]) {
        *scales = [half(bytes, 0); 8];
        unpack_in_order(&bytes[2..], codes);
    }
}

impl Packed for Pq2_0 {
    const SCALE: Option<(usize, ScaleType)> = Some((0, ScaleType::F16));
    const CODE_MAX: i8 = 2;

    fn pack(codes: &[i8; 128], bytes: &mut [u8; 34]) {
        pack_in_order(codes, &mut bytes[2..]);
    }
}

impl Block for Ptq1_0 {
    type Bytes = [u8; 28];
    type Codes = [i8; 128];
    type Groups = [f32; 8];

    fn expand(bytes: &[u8; 28], codes: &mut [i8; 128], scales: &mut [f32; 8], _mins: &mut [f32; 8]) {
        *scales = [half(bytes, 26); 8];
        unpack_digits(&bytes[..16], &mut codes[..80]);
        unpack_digits(&bytes[16..24], &mut codes[80..120]);
        unpack_digits(&bytes[24..26], &mut codes[120..]);
    }
}

impl Packed for Ptq1_0 {
    const SCALE: Option<(usize, ScaleType)> = Some((26, ScaleType::F16));

    fn pack(codes: &[i8; 128], bytes: &mut [u8; 28]) {
        pack_digits(&codes[..80], &mut bytes[..16]);
        pack_digits(&codes[80..120], &mut bytes[16..24]);
        pack_digits(&codes[120..], &mut bytes[24..26]);
    }
}
