//! What `specs/trit_pack.vibee` judges: the packing that several formats have in common, a byte at a time. For
//! `tests/runner.rs` and nobody else.

use crate::ternary::{pack_digits, pack_pairs, unpack_digits, unpack_in_order, unpack_pairs};

/// Packs five trits.
pub fn pack_five(trits: [i8; 5]) -> u8 {
    let mut byte = [0];
    pack_digits(&trits, &mut byte);
    byte[0]
}

/// Unpacks five trits.
pub fn unpack_five(byte: u8) -> [i8; 5] {
    let mut trits = [0; 5];
    unpack_digits(&[byte], &mut trits);
    trits
}

/// Packs four codes of two bits.
pub fn pack_four(codes: [i8; 4]) -> u8 {
    let mut byte = [0];
    pack_pairs(&codes, &mut byte);
    byte[0]
}

/// Unpacks four codes of two bits, as formats do that keep them in planes.
pub fn unpack_four(byte: u8) -> [i8; 4] {
    let mut codes = [0; 4];
    unpack_pairs(&[byte], &mut codes);
    codes
}

/// Unpacks four codes of two bits, as formats do that keep them in order.
pub fn unpack_four_in_order(byte: u8) -> [i8; 4] {
    let mut codes = [0; 4];
    unpack_in_order(&[byte], &mut codes);
    codes
}
