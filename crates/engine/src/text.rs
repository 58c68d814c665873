//! From tokens to text that may be shown.

mod stop;

pub use stop::StopFilter;
