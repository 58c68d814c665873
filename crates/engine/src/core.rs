//! The part of the engine that knows only ids and numbers: which pages a sequence has.

mod pages;
mod sequence;

pub(crate) use pages::PagePool;
pub(crate) use sequence::Sequence;
