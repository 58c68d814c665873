//! Variables by scope. Scopes are a stack, except that a macro keeps the scope in which it was defined.

use super::super::{Result, meter::Meter, value::Value};

/// All scopes of one rendering.
pub(super) struct Scopes<'t> {
    all: Vec<Scope<'t>>,
    current: usize,
    /// Scopes below this index may be held by a macro.
    kept: usize,
}

struct Scope<'t> {
    names: Vec<(&'t str, Value)>,
    outer: Option<usize>,
}

/// Variables of a scope that cost one step to look through.
const NAMES_PER_STEP: usize = 32;

impl<'t> Scopes<'t> {
    pub(super) fn new() -> Self {
        Self { all: vec![Scope { names: Vec::new(), outer: None }], current: 0, kept: 1 }
    }

    /// Opens a scope inside the current one; returns what [`Self::pop`] needs.
    pub(super) fn push(&mut self, meter: &Meter) -> Result<usize> {
        let current = self.current;
        self.push_inside(current, meter)
    }

    /// Opens a scope inside `outer`, as for a macro; returns what [`Self::pop`] needs.
    pub(super) fn push_inside(&mut self, outer: usize, meter: &Meter) -> Result<usize> {
        meter.bytes(size_of::<Scope<'_>>())?;
        self.all.push(Scope { names: Vec::new(), outer: Some(outer) });
        Ok(std::mem::replace(&mut self.current, self.all.len() - 1))
    }

    /// Goes back to the scope `before`.
    pub(super) fn pop(&mut self, before: usize) {
        if self.current >= self.kept {
            self.all.truncate(self.current);
        }
        self.current = before;
    }

    /// The current scope.
    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// The current scope, which stays from now on.
    pub(super) fn keep(&mut self) -> usize {
        self.kept = self.all.len();
        self.current
    }

    pub(super) fn get(&self, name: &str, meter: &Meter) -> Result<Option<Value>> {
        let mut at = Some(self.current);
        let mut looked = 0;
        while let Some(scope) = at.and_then(|at| self.all.get(at)) {
            looked += 1 + scope.names.len();
            if let Some((_, value)) = scope.names.iter().rev().find(|(n, _)| *n == name) {
                meter.steps(looked / NAMES_PER_STEP)?;
                return Ok(Some(value.clone()));
            }
            at = scope.outer;
        }
        meter.steps(looked / NAMES_PER_STEP)?;
        Ok(None)
    }

    pub(super) fn set(&mut self, name: &'t str, value: Value, meter: &Meter) -> Result<()> {
        let Some(scope) = self.all.get_mut(self.current) else { return Ok(()) };
        meter.steps(scope.names.len() / NAMES_PER_STEP)?;
        if let Some((_, held)) = scope.names.iter_mut().find(|(n, _)| *n == name) {
            *held = value;
        } else {
            meter.bytes(size_of::<(&str, Value)>())?;
            scope.names.push((name, value));
        }
        Ok(())
    }
}
