//! Keys that say that a file is one part of several.

/// Key of the number of the part, counted from 0.
pub(crate) const NO: &str = "split.no";
/// Key of the number of parts.
pub(crate) const COUNT: &str = "split.count";
/// Key of the number of tensors in all parts together.
pub(crate) const TENSORS: &str = "split.tensors.count";
/// Key, of ours, of a text that all parts of one model share and no other has (a hash of the header that it would have
/// in one file): the other keys do not tell parts of two models of one shape apart.
pub(crate) const MODEL: &str = "trinity.split.model";
/// A key that some programs write into every part.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) const ARCHITECTURE: &str = "general.architecture";
