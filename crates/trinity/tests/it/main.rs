//! End to end: the real binary on real files; what it prints, where, and its exit code.

mod bad_input;
mod evaluate;
mod inspect;
mod interface;
mod program;
mod run;
