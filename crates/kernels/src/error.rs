//! Why there are no kernels or no KV cache as asked for.

use crate::{Isa, KvLayout};

/// A refused level, shape or size.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    /// The CPU does not have the level.
    #[error("this CPU lacks {}: it has {}", .0.name(), Isa::available().map(Isa::name).collect::<Vec<_>>().join(", "))]
    MissingIsa(Isa),
    /// The type of cached keys or values cannot hold heads of that width.
    #[error("{side} heads of {dim} elements, but a {kv_type} cache needs a multiple of {granularity}")]
    HeadWidth { side: &'static str, dim: usize, kv_type: &'static str, granularity: usize },
    /// The cache has more bytes than can be addressed.
    #[error("the KV cache of {n_pages} pages of {} layers has more bytes than can be addressed", .layout.layers.len())]
    Unaddressable { n_pages: usize, layout: KvLayout },
    /// The system does not give the memory for the cache.
    #[error("the system refuses {bytes} bytes for the KV cache ({n_pages} pages of {page_bytes} bytes)")]
    Refused { bytes: usize, n_pages: usize, page_bytes: usize },
}
