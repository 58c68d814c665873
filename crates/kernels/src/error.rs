//! Why there are no kernels or no KV cache as asked for.

use crate::{Isa, KvLayout};

/// A refused level, shape or size.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The CPU does not have the level.
    #[error("this CPU lacks {}: it has {}", .0.name(), Isa::available().map(Isa::name).collect::<Vec<_>>().join(", "))]
    MissingIsa(Isa),
    /// The type of cached keys or values cannot hold heads of that width.
    #[error("{side} heads of {dim} elements, but a {kv_type} cache needs a multiple of {granularity}")]
    HeadWidth {
        /// `key` or `value`.
        side: &'static str,
        /// Elements of a head.
        dim: usize,
        /// Name of the type.
        kv_type: &'static str,
        /// What the width has to be a multiple of.
        granularity: usize,
    },
    /// So many pages cannot be addressed.
    #[error("the KV cache of {n_pages} pages of {layout:?} has more bytes than can be addressed")]
    Unaddressable {
        /// Pages asked for.
        n_pages: usize,
        /// Shape of the cache.
        layout: KvLayout,
    },
    /// The system does not give the memory.
    #[error("the system refuses {bytes} bytes for the KV cache ({n_pages} pages of {page_bytes} bytes)")]
    Refused {
        /// Bytes asked for.
        bytes: usize,
        /// Pages asked for.
        n_pages: usize,
        /// Bytes of a page.
        page_bytes: usize,
    },
}
