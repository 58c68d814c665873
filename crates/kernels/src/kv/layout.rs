//! What is cached for a position: [`KvType`], [`KvTypes`], [`KvLayout`].

use super::{PAGE_LEN, Side, q4_0, q8_0, t2};
use crate::Error;
use quant::ternarise::Mode;

/// Element type of cached keys or values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KvType {
    /// 4 bytes an element; for reference runs.
    F32,
    /// 2 bytes an element.
    F16,
    /// 34 bytes per 32 elements.
    Q8_0,
    /// 18 bytes per 32 elements, with the scale and codes of ggml's format.
    Q4_0,
    /// −1, 0, 1 in 2 bits, with an f16 scale for each head and position.
    T2(Mode),
}

impl KvType {
    /// Every type, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::F32,
        Self::F16,
        Self::Q8_0,
        Self::Q4_0,
        Self::T2(Mode::LeastSquares),
        Self::T2(Mode::Rms),
        Self::T2(Mode::Max),
        Self::T2(Mode::AbsMean),
    ];

    /// Name of the type: `f16`, `q4_0`, `t2-rms`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
            Self::T2(mode) => mode.t2_name(),
        }
    }

    /// Elements of a head that the width has to be a multiple of.
    fn granularity(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::T2(_) => 1,
            Self::Q8_0 => q8_0::BLOCK,
            Self::Q4_0 => q4_0::BLOCK,
        }
    }

    /// Bytes of a key or value block of heads of width `dim`; `None` on overflow.
    fn block_bytes(self, dim: usize) -> Option<usize> {
        let elements = dim.checked_mul(PAGE_LEN)?;
        match self {
            Self::F32 => elements.checked_mul(4),
            Self::F16 => elements.checked_mul(2),
            Self::Q8_0 => (elements / q8_0::BLOCK).checked_mul(q8_0::BLOCK + 2),
            Self::Q4_0 => (elements / q4_0::BLOCK).checked_mul(q4_0::BLOCK / 2 + 2),
            Self::T2(_) => t2::position_bytes(dim).checked_mul(PAGE_LEN),
        }
    }
}

/// How keys and values are cached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KvTypes {
    /// Type of keys.
    pub keys: KvType,
    /// Type of values.
    pub values: KvType,
    /// Do heads go through a Walsh-Hadamard transform before they are stored, which spreads a large element over all?
    /// Queries go through it as well, so that products with keys stay, and what attention gives comes back through it.
    pub is_rotated: bool,
}

impl KvTypes {
    /// One type for both, not rotated.
    pub const fn both(kv_type: KvType) -> Self {
        Self { keys: kv_type, values: kv_type, is_rotated: false }
    }
}

impl From<KvType> for KvTypes {
    fn from(kv_type: KvType) -> Self {
        Self::both(kv_type)
    }
}

/// Heads of keys and values of one layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KvHeads {
    /// KV heads (G).
    pub n_kv_heads: usize,
    /// Width of a key head.
    pub key_dim: usize,
    /// Width of a value head.
    pub value_dim: usize,
    /// Are values the first elements of their keys, and kept nowhere else (multi-head latent attention)?
    pub are_values_in_keys: bool,
}

impl KvHeads {
    /// Width of the heads of a side.
    pub(crate) fn dim(self, side: Side) -> usize {
        match side {
            Side::Keys => self.key_dim,
            Side::Values => self.value_dim,
        }
    }

    /// A width that says in which blocks the heads of a side are rotated: those of the largest power of two that
    /// divides it. Values that are part of keys have blocks of their own within these.
    pub(crate) fn rotated_dim(self, side: Side) -> usize {
        if self.are_values_in_keys { self.key_dim | self.value_dim } else { self.dim(side) }
    }

    /// The sides that are kept.
    pub(super) fn sides(self) -> impl Iterator<Item = Side> {
        std::iter::once(Side::Keys).chain((!self.are_values_in_keys).then_some(Side::Values))
    }
}

/// Shape of a KV cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KvLayout {
    /// Heads of the transformer layers that keep keys and values.
    pub layers: Vec<KvHeads>,
    /// Types of keys and values.
    pub types: KvTypes,
}

/// Where a layer's blocks lie in a page.
#[derive(Clone, Copy)]
pub(super) struct LayerPlace {
    /// First of the layer's bytes in a page.
    pub(super) start: usize,
    /// Bytes of one head's key block.
    pub(super) key_bytes: usize,
    /// Bytes of one head's value block; 0 where values are in keys.
    pub(super) value_bytes: usize,
}

impl KvLayout {
    /// Type of a side.
    pub(super) fn side_type(&self, side: Side) -> KvType {
        match side {
            Side::Keys => self.types.keys,
            Side::Values => self.types.values,
        }
    }

    /// Refuses widths that the types cannot hold.
    pub(super) fn check(&self) -> Result<(), Error> {
        for heads in &self.layers {
            for side in heads.sides() {
                let (kv_type, dim) = (self.side_type(side), heads.dim(side));
                let granularity = kv_type.granularity();
                if dim % granularity != 0 {
                    let side = if side == Side::Keys { "key" } else { "value" };
                    return Err(Error::HeadWidth { side, dim, kv_type: kv_type.name(), granularity });
                }
            }
        }
        Ok(())
    }

    /// Places of all layers, and the bytes of a page; `None` on overflow.
    pub(super) fn places(&self) -> Option<(Vec<LayerPlace>, usize)> {
        let mut end = 0usize;
        let mut places = Vec::with_capacity(self.layers.len());
        for heads in &self.layers {
            let mut bytes = [0; 2];
            for (bytes, side) in bytes.iter_mut().zip(heads.sides()) {
                *bytes = self.side_type(side).block_bytes(heads.dim(side))?;
            }
            let [key_bytes, value_bytes] = bytes;
            places.push(LayerPlace { start: end, key_bytes, value_bytes });
            end = end.checked_add(key_bytes.checked_add(value_bytes)?.checked_mul(heads.n_kv_heads)?)?;
        }
        Some((places, end))
    }

    /// Bytes of a page; `None` on overflow.
    pub(super) fn page_bytes(&self) -> Option<usize> {
        Some(self.places()?.1)
    }

    /// Bytes that one position takes in all layers; `None` on overflow.
    pub fn position_bytes(&self) -> Option<usize> {
        // Every block is made of equal parts for each position.
        Some(self.page_bytes()? / PAGE_LEN)
    }
}
