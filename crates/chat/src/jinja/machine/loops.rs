//! `for` loops and the `loop` variable.

use super::{
    super::{Result, arguments::Args, ast::For, compare, methods, value::Value},
    Flow, Machine,
};
use crate::error::Error;

/// A running loop.
pub(super) struct Loop<'t> {
    each: &'t For,
    items: Vec<Value>,
    /// Where in `items` the loop is.
    at: usize,
    /// Recursive loops around this one.
    depth: usize,
    /// The scope around the loop, in which a recursive call runs again.
    scope: usize,
    changed: Option<Vec<Value>>,
}

impl<'t> Machine<'t> {
    pub(super) fn for_loop(&mut self, each: &'t For) -> Result<Flow> {
        let items = self.evaluate(&each.items)?;
        self.run_loop(each, &items, 0)?;
        Ok(Flow::Next)
    }

    fn run_loop(&mut self, each: &'t For, items: &Value, depth: usize) -> Result<()> {
        let mut items = self.iterate(items)?;
        if let Some(test) = &each.test {
            let mut kept = Vec::new();
            for item in items {
                let outer = self.scopes.push(&self.meter)?;
                let holds = self.assign(&each.target, item.clone()).and_then(|()| self.evaluate(test));
                self.scopes.pop(outer);
                if holds?.is_true() {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            self.scoped(&each.otherwise)?;
            return Ok(());
        }
        self.meter.bytes(size_of::<Option<Loop<'_>>>())?;
        let (id, n) = (self.loops.len(), items.len());
        let scope = self.scopes.current();
        self.loops.push(Some(Loop { each, items, at: 0, depth, scope, changed: None }));
        let result = (0..n).try_for_each(|at| self.iteration(each, id, at));
        // What still names this loop finds nothing from here on.
        if let Some(place) = self.loops.get_mut(id) {
            *place = None;
        }
        match result {
            Ok(()) | Err(Stop::Break) => Ok(()),
            Err(Stop::Error(e)) => Err(e),
        }
    }

    fn iteration(&mut self, each: &'t For, id: usize, at: usize) -> std::result::Result<(), Stop> {
        self.meter.steps(1)?;
        let Some(Some(state)) = self.loops.get_mut(id) else { return Err(Stop::Break) };
        // The rest of a loop that was iterated over from inside is gone.
        if state.at > at {
            return Err(Stop::Break);
        }
        state.at = at;
        let item = state.items.get(at).cloned().unwrap_or(Value::None);
        let outer = self.scopes.push(&self.meter)?;
        let flow = self.scopes.set("loop", Value::Loop(id), &self.meter);
        let flow = flow.and_then(|()| self.assign(&each.target, item)).and_then(|()| self.body(&each.body));
        self.scopes.pop(outer);
        if flow? == Flow::Break { Err(Stop::Break) } else { Ok(()) }
    }

    /// `loop(items)`: the body again, over other items.
    pub(super) fn call_loop(&mut self, id: usize, items: &Value) -> Result<Value> {
        let Some(Some(Loop { each, depth, scope, .. })) = self.loops.get(id) else { return Err(ended()) };
        let (each, depth, scope) = (*each, *depth + 1, *scope);
        if !each.recursive {
            return Err(Error::render("the loop must have the 'recursive' marker to be called recursively"));
        }
        self.meter.enter()?;
        let outer = self.scopes.push_inside(scope, &self.meter)?;
        let captured = self.captured(|m| m.run_loop(each, items, depth));
        self.scopes.pop(outer);
        self.meter.leave();
        captured.map(|((), text)| Value::str(text))
    }

    /// The items after the current one, which the loop then no longer visits.
    pub(super) fn rest_of_loop(&mut self, id: usize) -> Vec<Value> {
        let Some(Some(state)) = self.loops.get_mut(id) else { return Vec::new() };
        let rest = state.items.get(state.at + 1..).unwrap_or(&[]).to_vec();
        state.at = state.items.len();
        rest
    }

    /// The index from 1 and the length of a loop.
    pub(crate) fn loop_place(&self, id: usize) -> (usize, usize) {
        match self.loops.get(id) {
            Some(Some(state)) => (state.at + 1, state.items.len()),
            _ => (0, 0),
        }
    }

    /// Returns what `loop.name` is, if it is no method.
    pub(crate) fn loop_property(&self, id: usize, name: &str) -> Result<Option<Value>> {
        let Some(Some(state)) = self.loops.get(id) else { return Err(ended()) };
        let (at, n) = (state.at, state.items.len());
        let number = |n: usize| Some(Value::Int(n as i128));
        let item = |at: Option<usize>, what: &str| {
            let found = at.and_then(|at| state.items.get(at)).cloned();
            Some(found.unwrap_or_else(|| Value::undefined(format!("there is no {what} item"))))
        };
        Ok(match name {
            "index" => number(at + 1),
            "index0" => number(at),
            "revindex" => number(n.saturating_sub(at)),
            "revindex0" => number(n.saturating_sub(at + 1)),
            "first" => Some(Value::Bool(at == 0)),
            "last" => Some(Value::Bool(at + 1 >= n)),
            "length" => number(n),
            "depth" => number(state.depth + 1),
            "depth0" => number(state.depth),
            "previtem" => item(at.checked_sub(1), "previous"),
            "nextitem" => item(at.checked_add(1), "next"),
            _ => None,
        })
    }
}

/// `loop.cycle(values…)`: the value whose turn it is.
pub(crate) fn cycle(machine: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    let Value::Loop(id) = object else { return Err(methods::foreign(name, object)) };
    let Some(Some(state)) = machine.loops.get(*id) else { return Err(ended()) };
    let at = state.at.checked_rem(args.positional.len()).unwrap_or(0);
    args.positional.into_iter().nth(at).ok_or_else(|| Error::render("no items for cycling given"))
}

/// `loop.changed(values…)`: whether they are others than when this was asked before.
pub(crate) fn changed(machine: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    let Value::Loop(id) = object else { return Err(methods::foreign(name, object)) };
    let Some(Some(state)) = machine.loops.get_mut(*id) else { return Err(ended()) };
    let same = match &state.changed {
        Some(before) if before.len() == args.positional.len() => {
            let mut same = true;
            for (a, b) in before.iter().zip(&args.positional) {
                same = same && compare::equal(a, b, &machine.meter)?;
            }
            same
        }
        _ => false,
    };
    state.changed = Some(args.positional);
    Ok(Value::Bool(!same))
}

/// Why a loop stopped before its end.
enum Stop {
    Break,
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn ended() -> Error {
    Error::render("the loop has ended")
}
