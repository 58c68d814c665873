//! Random programs and values, for tests that compare engines.
//!
//! A program is well typed by construction, uses every kind of expression and every operation, and ends: functions call
//! earlier ones only, and loops go over little. Faults are wanted.

pub mod programs;
mod signatures;
pub mod values;
