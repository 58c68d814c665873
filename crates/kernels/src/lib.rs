//! One table per operation, instruction-set dispatch, KV pages and the worker pool; nothing above knows an instruction
//! set.
//!
//! [`Kernels`] is the handle that `model` holds: an instruction set level and a pool of workers. Every operation is a
//! method of it, takes row-major `f32` buffers, and gives the same bytes for any level, any thread count and any split
//! into steps (numerics contract, ARCHITECTURE.md). Start reading at `handle.rs`, then `matmul.rs`.
#![cfg_attr(test, allow(clippy::float_cmp, reason = "equal bytes are what the tests are about"))]
#![cfg_attr(
    all(test, target_family = "wasm"),
    feature(custom_test_frameworks, test),
    test_runner(crate::tests_in_wasm::keep)
)]

mod activation;
mod attention;
pub mod bits;
mod coarse;
mod columns;
mod convolution;
mod delta;
mod elementwise;
mod error;
mod hadamard;
mod handle;
mod isa;
mod kv;
mod machine;
mod mamba;
mod math;
mod matmul;
mod pool;
mod rope;
mod row_codes;
mod rows;
mod shape;
mod simd;
#[cfg(all(test, target_family = "wasm"))]
mod tests_in_wasm;
mod wkv;

pub use coarse::{CoarseMatrix, CoarseScratch};
pub use delta::DeltaShape;
pub use error::Error;
pub use handle::Kernels;
pub use isa::Isa;
pub use kv::{KvHeads, KvLayout, KvPages, KvType, KvTypes, PAGE_LEN, PageId};
pub use mamba::MambaShape;
pub use matmul::{Activation, MATMUL_KERNELS, MatmulKernel, Matrix, PackedMatrix, Weights};
pub use pool::default_threads;
pub use row_codes::ActivationRule;
pub use rows::Rows;
pub use shape::{AttentionShape, Gate, Queries, Rope, RopePairs, Span};
pub use wkv::{WkvOutput, WkvShape, WkvTokens};
