//! The budget of one rendering. Everything that takes time or memory asks here first.

use std::cell::Cell;

use super::Result;
use crate::{
    error::{Error, Limit},
    limits::{DEPTH_MAX, FUEL_MAX, MEMORY_BYTES_MAX},
};

/// Bytes of text that cost one step.
const BYTES_PER_STEP: usize = 64;

/// Values of a list that cost one step; their bytes come on top.
const SLOTS_PER_STEP: usize = 8;

/// What is left of fuel, memory and depth.
pub(crate) struct Meter {
    fuel: Cell<u64>,
    bytes: Cell<u64>,
    depth: Cell<usize>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { fuel: Cell::new(FUEL_MAX), bytes: Cell::new(MEMORY_BYTES_MAX), depth: Cell::new(0) }
    }

    /// Pays for `n` steps.
    pub(crate) fn steps(&self, n: usize) -> Result<()> {
        let left = self.fuel.get().checked_sub(n as u64);
        self.fuel.set(left.unwrap_or(0));
        if left.is_none() {
            return Err(Error::limit(Limit::Fuel));
        }
        Ok(())
    }

    /// Pays for walking over `n` bytes of text.
    pub(crate) fn scan(&self, n: usize) -> Result<()> {
        self.steps(n / BYTES_PER_STEP)
    }

    /// Pays for `n` bytes that are about to be allocated.
    pub(crate) fn bytes(&self, n: usize) -> Result<()> {
        let left = self.bytes.get().checked_sub(n as u64);
        self.bytes.set(left.unwrap_or(0));
        if left.is_none() {
            return Err(Error::limit(Limit::Memory));
        }
        self.scan(n)
    }

    /// Pays for a list of `n` values that is about to be allocated.
    pub(crate) fn slots(&self, n: usize) -> Result<()> {
        self.steps(n / SLOTS_PER_STEP)?;
        self.bytes(n.saturating_mul(size_of::<super::value::Value>()))
    }

    /// Goes one level deeper; [`Self::leave`] comes back.
    pub(crate) fn enter(&self) -> Result<()> {
        if self.depth.get() >= DEPTH_MAX {
            return Err(Error::limit(Limit::Depth));
        }
        self.depth.set(self.depth.get() + 1);
        Ok(())
    }

    /// Comes back from [`Self::enter`].
    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}

/// A string that pays for what is written to it.
pub(crate) struct Text<'m> {
    text: String,
    meter: &'m Meter,
}

impl<'m> Text<'m> {
    pub(crate) fn new(meter: &'m Meter) -> Self {
        Self { text: String::new(), meter }
    }

    pub(crate) fn push_str(&mut self, s: &str) -> Result<()> {
        self.meter.bytes(s.len())?;
        self.text.push_str(s);
        Ok(())
    }

    pub(crate) fn push(&mut self, c: char) -> Result<()> {
        self.meter.bytes(c.len_utf8())?;
        self.text.push(c);
        Ok(())
    }

    pub(crate) fn repeat(&mut self, c: char, n: usize) -> Result<()> {
        self.meter.bytes(n.saturating_mul(c.len_utf8()))?;
        self.text.extend(std::iter::repeat_n(c, n));
        Ok(())
    }

    pub(crate) fn meter(&self) -> &'m Meter {
        self.meter
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }
}
