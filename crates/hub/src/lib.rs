//! Model names to files: catalogue, download, verify, caches.
//!
//! [`Hub::resolve`] turns what a user calls a model into a file that is on this machine; [`Hub::pull`] gets one that is
//! not. Two invariants: nothing that was not verified ever stands under a final name, and a hub that
//! [`Settings::is_offline`] dials nothing and starts no pip. Start reading at `hub.rs`, then `pull.rs`.

mod catalogue;
mod copy;
mod embedded;
mod error;
mod hub;
mod hugging_face;
mod part;
mod pull;
mod reference;
mod repository;
mod settings;
mod source;
mod store;

pub use catalogue::{Entry, Source};
pub use embedded::{EMBEDDED, embedded};
pub use error::Error;
pub use hub::{Hub, Resolved};
pub use pull::{Event, HeldTo};
pub use repository::listing::RepositoryFile;
pub use settings::{Proxies, Settings};
pub use store::Installed;
