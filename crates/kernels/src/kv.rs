//! The bytes of KV pages: nothing outside this module reads or writes them.
//!
//! A page holds [`PAGE_LEN`] positions of all layers, whose heads may differ ([`KvHeads`]): for each KV head of a layer
//! a key block, then for each head a value block, unless values are part of keys. Keys lie transposed, `[Dk, P]`, so
//! that one vector holds one element of many positions and scores need no horizontal sums; values lie `[P, Dv]`. What
//! the blocks of a type look like stands in its file. Heads may be rotated before they are stored
//! ([`KvTypes::is_rotated`]).

use crate::{Error, Span, hadamard, isa::Level, simd};
use block::Room;

use layout::LayerPlace;
pub use layout::{KvHeads, KvLayout, KvType, KvTypes};

mod block;
mod layout;
mod q4_0;
mod q8_0;
mod t2;

/// Positions in a page (P).
pub const PAGE_LEN: usize = 32;

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// A key block `[Dk, P]`.
    Keys,
    /// A value block `[P, Dv]`.
    Values,
}

/// Index of a page in the arena.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PageId(pub u32);

/// The arena of KV pages: allocated once, never grows. A page holds `PAGE_LEN` positions of all layers.
pub struct KvPages {
    layout: KvLayout,
    n_pages: usize,
    places: Vec<LayerPlace>,
    page_bytes: usize,
    /// Words, so that f32 and f16 views are aligned. Zeroed by the system, which gives memory to a page at its first
    /// touch.
    words: Vec<u64>,
    room: Room,
}

impl KvPages {
    /// `n_pages` zeroed pages; `Err` names the bytes if the system refuses them, or the width that the type cannot
    /// hold.
    pub fn new(layout: KvLayout, n_pages: usize) -> Result<Self, Error> {
        layout.check()?;
        let (Some(bytes), Some((places, page_bytes))) = (Self::bytes_of(&layout, n_pages), layout.places()) else {
            return Err(Error::Unaddressable { n_pages, layout });
        };
        let n_words = bytes.div_ceil(8);
        // Ask first: `vec!` of zeroes, the only safe lazily zeroed allocation, aborts when refused.
        let refused = |_| Error::Refused { bytes, n_pages, page_bytes };
        Vec::<u64>::new().try_reserve_exact(n_words).map_err(refused)?;
        let room = Room::new(layout.layers.iter().map(|heads| heads.key_dim.max(heads.value_dim)).max().unwrap_or(0));
        Ok(Self { layout, n_pages, places, page_bytes, words: vec![0; n_words], room })
    }

    /// Shape of the cache.
    pub fn layout(&self) -> &KvLayout {
        &self.layout
    }

    /// Heads of a layer.
    pub(crate) fn heads(&self, layer: usize) -> KvHeads {
        assert!(layer < self.layout.layers.len(), "layer {layer} of {}", self.layout.layers.len());
        self.layout.layers[layer]
    }

    /// Number of pages in the arena.
    pub fn n_pages(&self) -> usize {
        self.n_pages
    }

    /// Bytes of `n_pages` pages of `layout`; `None` on overflow.
    pub fn bytes_of(layout: &KvLayout, n_pages: usize) -> Option<usize> {
        layout.page_bytes()?.checked_mul(n_pages).filter(|&bytes| isize::try_from(bytes).is_ok())
    }

    /// Bytes of a page.
    pub fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// The bytes of a page, layer after layer: what they mean is this layout's alone.
    fn page_range(&self, page: PageId) -> std::ops::Range<usize> {
        assert!((page.0 as usize) < self.n_pages, "page {} of {}", page.0, self.n_pages);
        let start = page.0 as usize * self.page_bytes;
        start..start + self.page_bytes
    }

    /// Makes page `to` hold what `from` holds.
    pub fn copy_page(&mut self, from: PageId, to: PageId) {
        let (from, to) = (self.page_range(from), self.page_range(to));
        bytemuck::cast_slice_mut::<u64, u8>(&mut self.words).copy_within(from, to.start);
    }

    /// The bytes of a page into `out` `[page_bytes]`.
    pub fn read_page(&self, page: PageId, out: &mut [u8]) {
        assert_eq!(out.len(), self.page_bytes, "bytes of a page");
        out.copy_from_slice(&bytemuck::cast_slice(&self.words)[self.page_range(page)]);
    }

    /// Gives a page the `bytes` `[page_bytes]` that [`KvPages::read_page`] of a cache of the same layout gave.
    pub fn write_page(&mut self, page: PageId, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.page_bytes, "bytes of a page");
        let range = self.page_range(page);
        bytemuck::cast_slice_mut(&mut self.words)[range].copy_from_slice(bytes);
    }

    /// The bytes of a head's block.
    fn block_range(&self, page: PageId, layer: usize, head: usize, side: Side) -> std::ops::Range<usize> {
        let n_kv_heads = self.heads(layer).n_kv_heads;
        assert!(head < n_kv_heads, "kv head {head} of {n_kv_heads}");
        let LayerPlace { start, key_bytes, value_bytes } = self.places[layer];
        let (before, len) = match side {
            Side::Keys => (head * key_bytes, key_bytes),
            Side::Values => (n_kv_heads * key_bytes + head * value_bytes, value_bytes),
        };
        let start = self.page_range(page).start + start + before;
        start..start + len
    }

    fn block(&self, page: PageId, layer: usize, head: usize, side: Side) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[self.block_range(page, layer, head, side)]
    }

    fn block_mut(&mut self, page: PageId, layer: usize, head: usize, side: Side) -> &mut [u8] {
        let range = self.block_range(page, layer, head, side);
        &mut bytemuck::cast_slice_mut(&mut self.words)[range]
    }

    /// The keys of a page as `out` `[Dk, P]`, rotated if they are stored so.
    pub(crate) fn read_keys(&self, level: Level, page: PageId, layer: usize, head: usize, out: &mut [f32]) {
        self.read(level, Side::Keys, (page, layer, head), out);
    }

    /// The values of a page as `out` `[P, Dv]`, rotated if they are stored so; `keys` are those of the same page and
    /// head as [`Self::read_keys`] gives them.
    pub(crate) fn read_values(&self, level: Level, place: (PageId, usize, usize), keys: &[f32], out: &mut [f32]) {
        let KvHeads { value_dim, are_values_in_keys, .. } = self.heads(place.1);
        if !are_values_in_keys {
            self.read(level, Side::Values, place, out);
            return;
        }
        assert_eq!(out.len(), value_dim * PAGE_LEN, "a block of values");
        for (d, key) in keys.as_chunks::<PAGE_LEN>().0[..value_dim].iter().enumerate() {
            out[d..].iter_mut().step_by(value_dim).zip(key).for_each(|(out, x)| *out = *x);
        }
    }

    fn read(&self, level: Level, side: Side, (page, layer, head): (PageId, usize, usize), out: &mut [f32]) {
        let dim = self.heads(layer).dim(side);
        assert_eq!(out.len(), dim * PAGE_LEN, "a block of {side:?}");
        block::read(level, self.layout.side_type(side), side, self.block(page, layer, head, side), dim, out);
    }

    /// Asks for the keys and values of a page to be brought near.
    pub(crate) fn prefetch(&self, page: PageId, layer: usize, head: usize) {
        for side in self.heads(layer).sides() {
            self.block(page, layer, head, side).chunks(64).for_each(simd::prefetch);
        }
    }

    /// Writes `k` `[T, G, Dk]` and `v` `[T, G, Dv]` of the spans' rows; `v` is not read where values are part of keys.
    pub(crate) fn write(&mut self, level: Level, layer: usize, spans: &[Span<'_>], k: &[f32], v: &[f32]) {
        let heads = self.heads(layer);
        let n_kv_heads = heads.n_kv_heads;
        for span in spans {
            for i in 0..span.n_rows {
                let (row, position) = (span.row_first + i, span.position_first + i);
                let page = span.page(position);
                for head in 0..n_kv_heads {
                    for side in heads.sides() {
                        let x = if side == Side::Keys { k } else { v };
                        let dim = heads.dim(side);
                        let x = &x[(row * n_kv_heads + head) * dim..][..dim];
                        self.write_head(level, (page, layer, head), side, position % PAGE_LEN, x);
                    }
                }
            }
        }
    }

    /// One position of one head.
    fn write_head(
        &mut self,
        level: Level,
        (page, layer, head): (PageId, usize, usize),
        side: Side,
        slot: usize,
        x: &[f32],
    ) {
        // Taken out and put back: the room is used while a block is borrowed.
        let mut room = std::mem::take(&mut self.room);
        let Room { head: rotated, codes, sorted } = &mut room;
        let x = if self.layout.types.is_rotated {
            let rotated = &mut rotated[..x.len()];
            rotate(level, self.heads(layer).rotated_dim(side), x, rotated);
            &*rotated
        } else {
            x
        };
        let kv_type = self.layout.side_type(side);
        let block = self.block_mut(page, layer, head, side);
        block::write(level, kv_type, side, slot, x, (&mut codes[..x.len()], sorted), block);
        self.room = room;
    }
}

/// A head rotated. One with NaN or an infinity becomes all infinite, which every type reads back as no number: sums and
/// differences of infinities would leave NaN, which int8 forgets.
fn rotate(level: Level, dim: usize, x: &[f32], out: &mut [f32]) {
    out.copy_from_slice(x);
    hadamard::rotate(level, dim, out);
    if x.iter().any(|x| !x.is_finite()) {
        out.fill(f32::INFINITY);
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
