//! Golden, refusal and invariance tests of loading and of the forward pass.

mod allocations;
mod broken;
mod dequantised;
mod edit;
mod golden;
mod invariance;
mod refusals;
mod session;
mod steps;
mod variants;
