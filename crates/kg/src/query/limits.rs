//! What a query may use, and the meter that every loop pays.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::error::QueryError;

/// What one query or update may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// When the work must end.
    pub stop: Stop,
    /// The most rows that are read and made, intermediate ones counted.
    pub rows_max: u64,
    /// The most bytes that are held at once, as estimated from rows and terms.
    pub memory_max: u64,
    /// The most nodes that paths of any length visit.
    pub path_steps_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { stop: Stop::never(), rows_max: 1_000_000_000, memory_max: 4 << 30, path_steps_max: 100_000_000 }
    }
}

/// Says that the work must end: time is over, or nobody waits for the answer any more.
#[derive(Clone)]
pub struct Stop(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Stop {
    /// Work that ends by itself.
    pub fn never() -> Self {
        Self(None)
    }

    /// Work that ends once `must_stop` says so, which is asked about every thousandth row and must be quick.
    pub fn when(must_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(must_stop)))
    }

    pub(crate) fn is_now(&self) -> bool {
        self.0.as_ref().is_some_and(|must_stop| must_stop())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Stop::when(…)" } else { "Stop::never()" })
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// [`Limits::stop`] said so.
    Stopped,
    /// [`Limits::rows_max`], which is this many.
    Rows(u64),
    /// [`Limits::memory_max`], which is this many bytes.
    Memory(u64),
    /// [`Limits::path_steps_max`], which is this many.
    PathSteps(u64),
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => write!(f, "stopped: out of time, or cancelled"),
            Self::Rows(max) => write!(f, "rows_max of {max} is reached"),
            Self::Memory(max) => write!(f, "memory_max of {max} bytes is reached"),
            Self::PathSteps(max) => write!(f, "path_steps_max of {max} is reached"),
        }
    }
}

/// How many ticks pass between two questions to [`Limits::stop`].
const TICKS_PER_QUESTION: u32 = 1024;

/// Counts what one query uses.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    ticks: Cell<u32>,
    rows: Cell<u64>,
    bytes: Cell<u64>,
    path_steps: Cell<u64>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        let zero = || Cell::new(0);
        Self { limits, ticks: Cell::new(0), rows: zero(), bytes: zero(), path_steps: zero() }
    }

    fn reached(&self, limit: LimitKind, operator: &'static str) -> QueryError {
        QueryError::Limit { limit, operator, rows: self.rows.get() }
    }

    /// Some work is done, of which no row need have come.
    pub(crate) fn tick(&self, operator: &'static str) -> Result<(), QueryError> {
        self.ticks(1, operator)
    }

    /// As much work is done as `n` rows cost.
    pub(crate) fn ticks(&self, n: usize, operator: &'static str) -> Result<(), QueryError> {
        let ticks = self.ticks.get().saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        self.ticks.set(ticks);
        if ticks < TICKS_PER_QUESTION {
            return Ok(());
        }
        self.ticks.set(0);
        if self.limits.stop.is_now() { Err(self.reached(LimitKind::Stopped, operator)) } else { Ok(()) }
    }

    /// `n` rows are read or made.
    pub(crate) fn rows(&self, n: usize, operator: &'static str) -> Result<(), QueryError> {
        let rows = self.rows.get().saturating_add(n as u64);
        self.rows.set(rows);
        if rows > self.limits.rows_max {
            return Err(self.reached(LimitKind::Rows(self.limits.rows_max), operator));
        }
        self.ticks(n, operator)
    }

    /// `n` bytes more are held.
    pub(crate) fn hold(&self, n: usize, operator: &'static str) -> Result<(), QueryError> {
        let bytes = self.bytes.get().saturating_add(n as u64);
        self.bytes.set(bytes);
        self.holds(0, operator)
    }

    /// `n` bytes are given back.
    pub(crate) fn release(&self, n: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(n as u64));
    }

    /// Besides what [`Self::hold`] counts, `others` bytes are held.
    pub(crate) fn holds(&self, others: usize, operator: &'static str) -> Result<(), QueryError> {
        if self.bytes.get().saturating_add(others as u64) > self.limits.memory_max {
            return Err(self.reached(LimitKind::Memory(self.limits.memory_max), operator));
        }
        Ok(())
    }

    /// A path visits one more node.
    pub(crate) fn path_step(&self) -> Result<(), QueryError> {
        let steps = self.path_steps.get() + 1;
        self.path_steps.set(steps);
        if steps > self.limits.path_steps_max {
            return Err(self.reached(LimitKind::PathSteps(self.limits.path_steps_max), "path"));
        }
        self.tick("path")
    }
}
