//! Bytes in and out: listeners, TLS, connections with their limits of time and number.

pub(crate) mod accept;
pub(crate) mod connection;
pub(crate) mod places;
mod stream;
pub(crate) mod tls;
pub(crate) mod unix;
