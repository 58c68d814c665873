//! Golden and property tests of the block formats.

mod decode;
