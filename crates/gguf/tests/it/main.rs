//! Golden and property tests of the container.

mod malformed;
