//! Model names to files: catalogue, download, verify, caches.
//!
//! [`Hub::resolve`] turns what a user calls a model into a file that is on this machine; [`Hub::pull`] gets one that is not. Nothing that was
//! not verified ever stands under a final name. Start reading at `hub.rs`.

mod catalogue;
mod embedded;
mod error;
mod hub;
mod pull;
mod reference;
mod source;
mod store;

pub use catalogue::{Entry, Source, catalogue};
pub use embedded::{EMBEDDED, embedded};
pub use error::Error;
pub use hub::{Hub, Resolved};
pub use pull::Progress;
pub use store::Installed;
