//! [`Format`]: the identity of a block format at run time, and what a caller may ask of it.

/// A block format, named as ggml names it. How an id in a file maps to one of these is `model::load`'s business.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[allow(non_camel_case_types, reason = "the field's names: Q4_K, TQ2_0")]
pub enum Format {
    /// 32-bit float.
    F32,
    /// IEEE half.
    F16,
    /// bfloat16.
    BF16,
    /// 32 weights, 4 bit.
    Q4_0,
    /// 32 weights, 8 bit.
    Q8_0,
}

/// A name that no format has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown weight format {0:?}")]
pub struct UnknownFormat(pub String);

impl Format {
    /// ggml's name in lower case: `q4_k`.
    pub fn name(self) -> &'static str {
        unimplemented!()
    }

    /// Weights in a block.
    pub fn block_len(self) -> usize {
        unimplemented!()
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        unimplemented!()
    }

    /// Bytes of a row of `n` weights; `None` if `n` is no multiple of [`block_len`](Self::block_len) or it overflows.
    pub fn row_bytes(self, _n: usize) -> Option<usize> {
        unimplemented!()
    }

    /// Exact values of whole blocks: `bytes` holds `out.len()` weights.
    ///
    /// # Panics
    /// If the two lengths disagree.
    pub fn decode(self, _bytes: &[u8], _out: &mut [f32]) {
        unimplemented!()
    }
}
