//! Golden and invariance tests of the forward pass.

mod golden;
mod invariance;
mod session;
