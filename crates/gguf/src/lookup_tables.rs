//! Sizes of TL1 and TL2, the look-up layouts of bitnet.cpp (`ggml.c` and the converters of microsoft/BitNet, 2026).

/// Behind the weights: an f32 scale, padded.
const TAIL_BYTES: u64 = 32;

/// TL1 of `n` weights: a nibble for each pair.
pub(crate) fn tl1_bytes(n: u64) -> Option<u64> {
    (n / 4).checked_add(TAIL_BYTES)
}

/// TL2 of `rows` × `cols`: five bits for each three of all but the last 256 columns, nibbles for pairs of these; divisions as the converter rounds them.
pub(crate) fn tl2_bytes(rows: u64, cols: u64) -> Option<u64> {
    let threes = cols.checked_sub(256)?.checked_mul(rows)? / 3;
    let data = (threes.checked_mul(5)? / 8).checked_add(rows.checked_mul(64)?)?;
    data.checked_next_multiple_of(TAIL_BYTES)?.checked_add(TAIL_BYTES)
}
