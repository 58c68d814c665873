//! The bytes of KV pages: nothing outside this module reads or writes them.
//!
//! A page holds [`PAGE_LEN`] positions of all layers: for each layer and KV head a key block, then for each head a value block. Keys lie
//! transposed, `[Dk, P]`, so that one vector holds one element of many positions and scores need no horizontal sums; values lie `[P, Dv]`.
//! `Q8_0` blocks are int8 in that order, then f16 scales: keys `[Dk / 32, P]`, values `[P, Dv / 32]`.

use crate::{Span, isa::Level, simd};
use block::{Q8_BLOCK, Side};

mod block;

/// Positions in a page (P).
pub const PAGE_LEN: usize = 32;

/// Element type of cached keys and values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KvType {
    /// 4 bytes an element; for reference runs.
    F32,
    /// 2 bytes.
    F16,
    /// 34 bytes per 32 elements.
    Q8_0,
}

/// Shape of a KV cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KvLayout {
    /// Transformer layers that keep keys and values.
    pub n_layers: usize,
    /// KV heads (G).
    pub n_kv_heads: usize,
    /// Width of a key head.
    pub key_dim: usize,
    /// Width of a value head.
    pub value_dim: usize,
    /// Element type.
    pub kv_type: KvType,
}

impl KvLayout {
    /// Bytes of a key or value block of width `dim`; `None` on overflow.
    fn block_bytes(self, dim: usize) -> Option<usize> {
        let elements = dim.checked_mul(PAGE_LEN)?;
        match self.kv_type {
            KvType::F32 => elements.checked_mul(4),
            KvType::F16 => elements.checked_mul(2),
            KvType::Q8_0 => (elements / Q8_BLOCK).checked_mul(Q8_BLOCK + 2),
        }
    }

    fn page_bytes(self) -> Option<usize> {
        let per_head = self.block_bytes(self.key_dim)?.checked_add(self.block_bytes(self.value_dim)?)?;
        per_head.checked_mul(self.n_kv_heads)?.checked_mul(self.n_layers)
    }
}

/// Index of a page in the arena.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PageId(pub u32);

/// The arena of KV pages: allocated once, never grows. A page holds `PAGE_LEN` positions of all layers.
pub struct KvPages {
    layout: KvLayout,
    n_pages: usize,
    key_bytes: usize,
    value_bytes: usize,
    page_bytes: usize,
    /// Words, so that f32 and f16 views are aligned. Zeroed by the system, which gives memory to a page at its first touch.
    words: Vec<u64>,
}

impl KvPages {
    /// `n_pages` zeroed pages; `Err` names the bytes if the system refuses them, or the width that the type cannot hold.
    pub fn new(layout: KvLayout, n_pages: usize) -> Result<Self, String> {
        if layout.kv_type == KvType::Q8_0 {
            for (what, dim) in [("key", layout.key_dim), ("value", layout.value_dim)] {
                if dim % Q8_BLOCK != 0 {
                    return Err(format!(
                        "{what} heads of {dim} elements, but a q8_0 cache needs a multiple of {Q8_BLOCK}"
                    ));
                }
            }
        }
        let too_large =
            || format!("the KV cache of {n_pages} pages of {layout:?} has more bytes than can be addressed");
        let bytes = Self::bytes_of(layout, n_pages).ok_or_else(too_large)?;
        let (Some(key_bytes), Some(value_bytes), Some(page_bytes)) =
            (layout.block_bytes(layout.key_dim), layout.block_bytes(layout.value_dim), layout.page_bytes())
        else {
            return Err(too_large());
        };
        let n_words = bytes.div_ceil(8);
        // Ask first: `vec!` of zeroes, the only safe lazily zeroed allocation, aborts when refused.
        Vec::<u64>::new().try_reserve_exact(n_words).map_err(|_| {
            format!("the system refuses {bytes} bytes for the KV cache ({n_pages} pages of {page_bytes} bytes)")
        })?;
        Ok(Self { layout, n_pages, key_bytes, value_bytes, page_bytes, words: vec![0; n_words] })
    }

    /// Shape.
    pub fn layout(&self) -> KvLayout {
        self.layout
    }

    /// Pages in the arena.
    pub fn n_pages(&self) -> usize {
        self.n_pages
    }

    /// Bytes of `n_pages` pages of `layout`; `None` on overflow.
    pub fn bytes_of(layout: KvLayout, n_pages: usize) -> Option<usize> {
        layout.page_bytes()?.checked_mul(n_pages).filter(|&bytes| isize::try_from(bytes).is_ok())
    }

    /// First byte of the key block (the value block, if `values`) of a head.
    fn block_start(&self, page: PageId, layer: usize, head: usize, values: bool) -> usize {
        let KvLayout { n_layers, n_kv_heads, .. } = self.layout;
        assert!((page.0 as usize) < self.n_pages, "page {} of {}", page.0, self.n_pages);
        assert!(layer < n_layers && head < n_kv_heads, "layer {layer} of {n_layers}, kv head {head} of {n_kv_heads}");
        let layer_bytes = self.page_bytes / n_layers;
        let keys = if values { n_kv_heads * self.key_bytes + head * self.value_bytes } else { head * self.key_bytes };
        page.0 as usize * self.page_bytes + layer * layer_bytes + keys
    }

    fn block(&self, page: PageId, layer: usize, head: usize, values: bool) -> &[u8] {
        let start = self.block_start(page, layer, head, values);
        let len = if values { self.value_bytes } else { self.key_bytes };
        &bytemuck::cast_slice(&self.words)[start..start + len]
    }

    fn block_mut(&mut self, page: PageId, layer: usize, head: usize, values: bool) -> &mut [u8] {
        let start = self.block_start(page, layer, head, values);
        let len = if values { self.value_bytes } else { self.key_bytes };
        &mut bytemuck::cast_slice_mut(&mut self.words)[start..start + len]
    }

    /// The keys of a page as `out` `[Dk, P]`.
    pub(crate) fn read_keys(&self, level: Level, page: PageId, layer: usize, head: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.layout.key_dim * PAGE_LEN, "a key block");
        let block = self.block(page, layer, head, false);
        block::read(level, self.layout.kv_type, Side::Keys, block, self.layout.key_dim, out);
    }

    /// The values of a page as `out` `[P, Dv]`.
    pub(crate) fn read_values(&self, level: Level, page: PageId, layer: usize, head: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.layout.value_dim * PAGE_LEN, "a value block");
        let block = self.block(page, layer, head, true);
        block::read(level, self.layout.kv_type, Side::Values, block, self.layout.value_dim, out);
    }

    /// Asks for the keys and values of a page to be brought near.
    pub(crate) fn prefetch(&self, page: PageId, layer: usize, head: usize) {
        for values in [false, true] {
            self.block(page, layer, head, values).chunks(64).for_each(simd::prefetch);
        }
    }

    /// Writes `k` `[T, G, Dk]` and `v` `[T, G, Dv]` of the spans' rows.
    pub(crate) fn write(&mut self, level: Level, layer: usize, spans: &[Span<'_>], k: &[f32], v: &[f32]) {
        let KvLayout { n_kv_heads, key_dim, value_dim, kv_type, .. } = self.layout;
        for span in spans {
            for i in 0..span.n_rows {
                let (row, position) = (span.row_first + i, span.position_first + i);
                let page = span.page(position);
                for head in 0..n_kv_heads {
                    let index = row * n_kv_heads + head;
                    let slot = position % PAGE_LEN;
                    let x = &k[index * key_dim..][..key_dim];
                    block::write(level, kv_type, Side::Keys, slot, x, self.block_mut(page, layer, head, false));
                    let x = &v[index * value_dim..][..value_dim];
                    block::write(level, kv_type, Side::Values, slot, x, self.block_mut(page, layer, head, true));
                }
            }
        }
    }
}

impl Span<'_> {
    /// The page of `position`.
    pub(crate) fn page(&self, position: usize) -> PageId {
        let index = position / PAGE_LEN;
        assert!(index < self.pages.len(), "position {position} needs page {index} of a table of {}", self.pages.len());
        self.pages[index]
    }
}

#[cfg(test)]
mod tests;
