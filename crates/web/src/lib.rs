//! The engine as one module of a page: bytes of a model in, requests as JSON in, events as lines of JSON out.
//!
//! [`Session`] (`session.rs`) is all of it, on any machine; `exports.rs` is how a page calls one, and the only file
//! that knows pointers. Nothing here has a thread, a file or a clock of its own: whoever holds a session steps it and
//! gives it the time. What every call takes and gives is written down in `web/package/ABI.md`.

mod error;
mod events;
#[cfg(target_family = "wasm")]
mod exports;
mod loaded;
mod options;
mod output;
mod plan;
mod read;
mod request;
mod session;
mod trace;
mod weights;

pub use error::{Error, ErrorKind};
pub use session::{Session, Stepped};
