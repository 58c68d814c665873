//! Keys that say that a file is one part of several.

/// Which part it is, counted from 0.
pub(crate) const NO: &str = "split.no";
/// How many there are.
pub(crate) const COUNT: &str = "split.count";
/// Tensors in all parts together.
pub(crate) const TENSORS: &str = "split.tensors.count";
/// The same text in all parts of one model and no other (a hash of the header that it would have in one file): the others do not tell parts of two models
/// of one shape apart. A key of ours.
pub(crate) const MODEL: &str = "trinity.split.model";
/// A key that some programs write into every part.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) const ARCHITECTURE: &str = "general.architecture";
