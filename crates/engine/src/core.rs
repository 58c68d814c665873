//! Decides, with ids and numbers only: which tokens of which sequences a step computes, and in which pages their keys
//! and values lie.
//!
//! [`Scheduler`] is where to start: it owns the [`PagePool`], the [`PrefixTree`] and the [`Sequence`]s, and every page
//! belongs to exactly one of the three.

mod budget;
mod chain;
mod pages;
mod prefix_tree;
mod scheduler;
mod sequence;
mod tenants;

pub(crate) use budget::StepBudget;
pub(crate) use chain::{ChainKey, PageKey};
pub(crate) use pages::PagePool;
pub(crate) use prefix_tree::PrefixTree;
pub(crate) use scheduler::{PageMemory, Planned, Scheduler, SchedulerLimits, Wanted};
pub(crate) use sequence::{Goal, NewSequence, SeqId, Sequence, Turn};
pub(crate) use tenants::Tenants;
