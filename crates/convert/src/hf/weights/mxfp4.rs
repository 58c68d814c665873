//! Experts in MXFP4 as gpt-oss was published: blocks of 32 codes, and their scales beside them.

use std::ops::Range;

use super::RowOrder;
use crate::safetensors::Place;

/// Weights in a block.
pub(super) const BLOCK_LEN: usize = 32;
/// Bytes of the codes of a block.
pub(super) const CODE_BYTES: usize = BLOCK_LEN / 2;
/// Bytes of a block in GGUF: the scale, then the codes.
const BLOCK_BYTES: usize = 1 + CODE_BYTES;

/// Matrices of experts: codes `[experts, rows, blocks, 16]`, scales `[experts, rows, blocks]`.
pub(super) struct Mxfp4 {
    pub(super) codes: Place,
    pub(super) scales: Place,
    pub(super) order: RowOrder,
    /// Number of blocks in a row.
    pub(super) n_blocks: usize,
}

impl Mxfp4 {
    /// Returns GGUF's bytes of `rows`. In the checkpoint neighbours share a byte, the first in the low half; in GGUF
    /// weights that are half a block apart.
    pub(super) fn rows(&self, rows: Range<usize>) -> Vec<u8> {
        let mut out = Vec::with_capacity(rows.len() * self.n_blocks * BLOCK_BYTES);
        for row in rows.map(|row| self.order.source_row(row)) {
            for block in row * self.n_blocks..(row + 1) * self.n_blocks {
                let codes = self.codes.bytes().get(block * CODE_BYTES..(block + 1) * CODE_BYTES).unwrap_or_default();
                out.push(self.scales.bytes().get(block).copied().unwrap_or_default());
                let code = |i: usize| codes.get(i / 2).map_or(0, |byte| byte >> (4 * (i % 2)) & 15);
                out.extend((0..CODE_BYTES).map(|i| code(i) | code(i + CODE_BYTES) << 4));
            }
        }
        out
    }

    /// Returns GGUF's bytes `bytes` of the tensor.
    pub(super) fn bytes(&self, bytes: Range<u64>) -> Vec<u8> {
        let row_bytes = (self.n_blocks * BLOCK_BYTES) as u64;
        let first = bytes.start / row_bytes;
        let rows = self.rows(first as usize..bytes.end.div_ceil(row_bytes) as usize);
        let start = (bytes.start - first * row_bytes) as usize;
        rows.get(start..start + (bytes.end - bytes.start) as usize).unwrap_or_default().to_vec()
    }
}
