//! The interpreter: a template's statements over one conversation.
//!
//! What can change during a rendering (scopes, namespaces, loops, macros) lives here in lists and is named by index,
//! so that values stay trees: nothing leaks, and dropping a value never goes deeper than its depth limit.

mod call;
mod evaluate;
mod function;
mod loops;
mod scope;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use function::Function;
pub(crate) use loops::{changed, cycle};

use super::{
    Result,
    ast::{CallBlock, Expr, Macro, Node, Post, Stmt, Target},
    meter::{Meter, Text},
    operators, repr,
    value::{StreamKind, Value},
};
use crate::{
    error::{Error, Limit},
    limits::OUTPUT_BYTES_MAX,
    now::Now,
};
use loops::Loop;
use scope::Scopes;

/// The state of one rendering.
pub(crate) struct Machine<'t> {
    pub(crate) meter: Meter,
    now: Now,
    globals: BTreeMap<Arc<str>, Value>,
    scopes: Scopes<'t>,
    namespaces: Vec<Vec<(Arc<str>, Value)>>,
    loops: Vec<Option<Loop<'t>>>,
    macros: Vec<MacroValue<'t>>,
    /// The text so far: what is rendered, then each open capture.
    output: Vec<String>,
    /// The state behind [`Self::draw`], once it was asked.
    draws: Option<u64>,
}

/// A macro and where it was defined.
#[derive(Clone, Copy)]
struct MacroValue<'t> {
    declared: &'t Macro,
    scope: usize,
}

/// How a statement ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl<'t> Machine<'t> {
    pub(crate) fn new(now: Now) -> Self {
        Self {
            meter: Meter::new(),
            now,
            globals: BTreeMap::new(),
            scopes: Scopes::new(),
            namespaces: Vec::new(),
            loops: Vec::new(),
            macros: Vec::new(),
            output: vec![String::new()],
            draws: None,
        }
    }

    /// Gives the template a variable.
    pub(crate) fn define(&mut self, name: &str, value: Value) {
        self.globals.insert(name.into(), value);
    }

    /// Runs `template` and returns its text.
    pub(crate) fn run(mut self, template: &'t [Node]) -> Result<String> {
        self.body(template)?;
        Ok(self.output.swap_remove(0))
    }

    fn body(&mut self, nodes: &'t [Node]) -> Result<Flow> {
        for node in nodes {
            let flow = self.statement(node).map_err(|e| e.at(node.line))?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, node: &'t Node) -> Result<Flow> {
        self.meter.steps(1)?;
        self.meter.enter()?;
        let flow = self.statement_here(&node.stmt);
        self.meter.leave();
        flow
    }

    /// One short arm per statement: this frame lies on the stack once per level of nesting.
    fn statement_here(&mut self, stmt: &'t Stmt) -> Result<Flow> {
        match stmt {
            Stmt::Text(text) => self.emit(text).map(|()| Flow::Next),
            Stmt::Print(expr) => self.print(expr),
            Stmt::If { arms, otherwise } => self.branch(arms, otherwise),
            Stmt::For(each) => self.for_loop(each),
            Stmt::Set { target, value } => self.set(target, value),
            Stmt::SetBlock { target, filters, body } => self.block(Some(target), filters, body),
            Stmt::FilterBlock { filters, body } => self.block(None, filters, body),
            Stmt::With { bindings, body } => self.with(bindings, body),
            Stmt::Macro(declared) => self.set_macro(declared),
            Stmt::CallBlock(block) => self.call_block(block),
            Stmt::Scope(body) => self.scoped(body),
            Stmt::Break => Ok(Flow::Break),
            Stmt::Continue => Ok(Flow::Continue),
        }
    }

    fn print(&mut self, expr: &'t Expr) -> Result<Flow> {
        let value = self.evaluate(expr)?;
        self.emit_value(&value)
    }

    fn emit_value(&mut self, value: &Value) -> Result<Flow> {
        let text = repr::to_str(value, self)?;
        self.emit(&text.text).map(|()| Flow::Next)
    }

    fn branch(&mut self, arms: &'t [(Expr, Vec<Node>)], otherwise: &'t [Node]) -> Result<Flow> {
        for (test, body) in arms {
            if self.evaluate(test)?.is_true() {
                return self.body(body);
            }
        }
        self.body(otherwise)
    }

    fn set(&mut self, target: &'t Target, value: &'t Expr) -> Result<Flow> {
        let value = self.evaluate(value)?;
        self.assign(target, value).map(|()| Flow::Next)
    }

    /// A `set` block, or a `filter` block without a target.
    fn block(&mut self, target: Option<&'t Target>, filters: &'t [Post], body: &'t [Node]) -> Result<Flow> {
        let (flow, text) = self.captured(|m| m.scoped(body))?;
        let value = self.filtered(Value::str(text), filters)?;
        match target {
            Some(target) => self.assign(target, value)?,
            None => _ = self.emit_value(&value)?,
        }
        Ok(flow)
    }

    fn set_macro(&mut self, declared: &'t Macro) -> Result<Flow> {
        let value = self.define_macro(declared)?;
        self.scopes.set(&declared.name, value, &self.meter).map(|()| Flow::Next)
    }

    fn call_block(&mut self, block: &'t CallBlock) -> Result<Flow> {
        let caller = self.define_macro(&block.caller)?;
        let value = self.call_with_caller(&block.call, caller)?;
        self.emit_value(&value)
    }

    /// `body` in a scope of its own.
    fn scoped(&mut self, body: &'t [Node]) -> Result<Flow> {
        let outer = self.scopes.push(&self.meter)?;
        let flow = self.body(body);
        self.scopes.pop(outer);
        flow
    }

    fn with(&mut self, bindings: &'t [(Target, Expr)], body: &'t [Node]) -> Result<Flow> {
        let mut values = Vec::new();
        for (_, value) in bindings {
            values.push(self.evaluate(value)?);
        }
        let outer = self.scopes.push(&self.meter)?;
        let assigned: Result<()> =
            bindings.iter().zip(values).try_for_each(|((target, _), value)| self.assign(target, value));
        let flow = assigned.and_then(|()| self.body(body));
        self.scopes.pop(outer);
        flow
    }

    /// What `run` writes, instead of writing it.
    fn captured<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<(T, String)> {
        self.output.push(String::new());
        let result = run(self);
        let text = self.output.pop().unwrap_or_default();
        result.map(|result| (result, text))
    }

    fn emit(&mut self, text: &str) -> Result<()> {
        let is_final = self.output.len() == 1;
        self.meter.bytes(text.len())?;
        let Some(out) = self.output.last_mut() else { return Ok(()) };
        if is_final && out.len() + text.len() > OUTPUT_BYTES_MAX {
            return Err(Error::limit(Limit::Output));
        }
        out.push_str(text);
        Ok(())
    }

    fn filtered(&mut self, mut value: Value, filters: &'t [Post]) -> Result<Value> {
        for filter in filters {
            if let Post::Filter { filter, args } = filter {
                let args = self.arguments(args)?;
                value = super::filters::apply(self, filter, &value, args)?;
            }
        }
        Ok(value)
    }

    fn assign(&mut self, target: &'t Target, value: Value) -> Result<()> {
        match target {
            Target::Name(name) => self.scopes.set(name, value, &self.meter),
            Target::Attribute { namespace, name } => {
                let object = self.lookup(namespace)?;
                let Value::Namespace(id) = object else {
                    operators::require(&object)?;
                    return Err(Error::render("cannot assign attribute on non-namespace object"));
                };
                self.set_attribute(id, name, value)
            }
            Target::Tuple(targets) => {
                let items = self.iterate(&value)?;
                if items.len() != targets.len() {
                    return Err(Error::render(format!(
                        "cannot unpack {} values into {} names",
                        items.len(),
                        targets.len()
                    )));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item))
            }
        }
    }

    fn set_attribute(&mut self, id: usize, name: &str, value: Value) -> Result<()> {
        let Some(namespace) = self.namespaces.get_mut(id) else { return Ok(()) };
        self.meter.steps(namespace.len() / 16)?;
        if let Some((_, held)) = namespace.iter_mut().find(|(n, _)| **n == *name) {
            *held = value;
        } else {
            self.meter.bytes(name.len() + 64)?;
            namespace.push((name.into(), value));
        }
        Ok(())
    }

    /// The attributes of a namespace.
    pub(crate) fn namespace(&self, id: usize) -> &[(Arc<str>, Value)] {
        self.namespaces.get(id).map_or(&[], Vec::as_slice)
    }

    /// A number that nothing in the template can foresee, and that is the same in each rendering of a conversation and
    /// of what it becomes: it depends on the messages up to the first of the user and on how many were drawn before.
    pub(crate) fn draw(&mut self) -> Result<u64> {
        let state = match self.draws {
            Some(state) => state,
            None => self.beginning()?,
        };
        // SplitMix64 (Steele, Lea and Flood 2014).
        let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.draws = Some(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    /// A hash (FNV-1a) of the messages up to the first of the user.
    fn beginning(&self) -> Result<u64> {
        let mut text = Text::new(&self.meter);
        if let Some(Value::List(messages)) = self.globals.get("messages") {
            for message in &messages.items {
                repr::write_repr(message, self, &mut text)?;
                let role =
                    if let Value::Dict(message) = message { message.get_str("role", &self.meter)? } else { None };
                if role.and_then(Value::as_str) == Some("user") {
                    break;
                }
            }
        }
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Ok(text.into_string().bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// The name of a macro.
    pub(crate) fn macro_name(&self, id: usize) -> &str {
        self.macros.get(id).map_or("", |m| &m.declared.name)
    }

    fn define_macro(&mut self, declared: &'t Macro) -> Result<Value> {
        self.meter.bytes(size_of::<MacroValue<'_>>())?;
        let scope = self.scopes.keep();
        self.macros.push(MacroValue { declared, scope });
        Ok(Value::Macro(self.macros.len() - 1))
    }

    /// A variable: from the scopes, then what the conversation gives, then functions.
    fn lookup(&mut self, name: &str) -> Result<Value> {
        if let Some(value) = self.scopes.get(name, &self.meter)? {
            return Ok(value);
        }
        if let Some(value) = self.globals.get(name) {
            return Ok(value.clone());
        }
        if let Some(function) = function::find(name) {
            return Ok(Value::Function(function));
        }
        self.meter.bytes(name.len() + 64)?;
        Ok(Value::undefined(format!("'{name}' is undefined")))
    }

    /// The items of something to loop over.
    pub(crate) fn iterate(&mut self, value: &Value) -> Result<Vec<Value>> {
        let items = match value {
            Value::Undefined(_) => Vec::new(),
            Value::List(s) | Value::Tuple(s) => {
                self.meter.slots(s.items.len())?;
                s.items.clone()
            }
            Value::Stream(s) => {
                self.meter.slots(s.items.len())?;
                s.take().to_vec()
            }
            Value::Dict(d) => {
                self.meter.slots(d.entries().len())?;
                d.entries().iter().map(|(k, _)| k.clone()).collect()
            }
            Value::Range(r) => {
                self.meter.slots(r.len)?;
                (0..r.len).map(|i| r.item(i)).collect()
            }
            Value::Str(s) => {
                // Each character becomes a value with its own allocation.
                self.meter.slots(s.text.len().saturating_mul(2))?;
                let mut buffer = [0; 4];
                s.text.chars().map(|c| Value::text(&*c.encode_utf8(&mut buffer), s.safe)).collect()
            }
            Value::Loop(id) => self.rest_of_loop(*id),
            _ => return Err(Error::render(format!("'{}' object is not iterable", value.type_name()))),
        };
        Ok(items)
    }

    /// Returns what `value|length` gives.
    pub(crate) fn length(&self, value: &Value) -> Result<usize> {
        Ok(match value {
            Value::Undefined(_) => 0,
            Value::Str(s) => {
                self.meter.scan(s.text.len())?;
                s.text.chars().count()
            }
            Value::List(s) | Value::Tuple(s) => s.items.len(),
            Value::Dict(d) => d.entries().len(),
            Value::Range(r) => r.len,
            Value::Stream(s) if s.kind != StreamKind::Generator => s.items.len(),
            Value::Loop(id) => self.loop_place(*id).1,
            _ => return Err(Error::render(format!("object of type '{}' has no len()", value.type_name()))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DateTime,
        error::Limit,
        jinja::{Dialect, parse},
    };

    /// The text of `source`, which is given a namespace that holds itself, as `n.x`, and twice in the list `n.list`,
    /// and the integer `i`.
    fn run(source: &str, i: i128) -> Result<String> {
        let nodes = parse(source, Dialect { generation: false })?;
        let mut machine = Machine::new(DateTime::constant(2026, 1, 15, 12, 0, 0, 0).into());
        let n = Value::Namespace(machine.namespaces.len());
        let list = Value::list(vec![n.clone(), n.clone()], &machine.meter)?;
        machine.namespaces.push(vec![("x".into(), n.clone()), ("list".into(), list)]);
        machine.define("n", n);
        machine.define("i", Value::Int(i));
        machine.run(&nodes)
    }

    #[test]
    fn what_holds_itself_ends_at_a_limit_where_it_is_spelled_out() {
        for source in ["{{ n }}", "{{ n.list ~ '' }}", "{{ '%r' % n }}", "{{ [[[[n.y, n]]]]|string }}"] {
            match run(source, 0) {
                Err(Error::Limit { limit, .. }) => {
                    assert!([Limit::Depth, Limit::Memory, Limit::Fuel, Limit::Output].contains(&limit), "{source}");
                }
                other => panic!("{source}: {:?} instead of a limit", other.map(|text| text.len())),
            }
        }
        assert_eq!(run("{{ n == n.x.x.x }}{{ n.list == n.x.list }}", 0).ok().as_deref(), Some("TrueTrue"));
        assert_eq!(run("{% for each in n.list %}{{ each == n }}{% endfor %}", 0).ok().as_deref(), Some("TrueTrue"));
    }

    #[test]
    fn ranges_of_large_numbers_do_not_overflow() {
        for i in [10i128.pow(9), 10i128.pow(30), i128::MAX] {
            for source in ["{{ range(i) }}", "{{ range(-i, i, 1) }}", "{{ range(0, i, 7) }}", "{{ range(0, -i, -1) }}"]
            {
                let got = run(source, i);
                assert!(matches!(got, Err(Error::Limit { limit: Limit::Range, .. })), "{source} of {i}: {got:?}");
            }
        }
        assert!(matches!(run("{{ range(0, 1, i) }}", 1 << 100), Err(Error::Limit { limit: Limit::Range, .. })));
        let slices = "{% set ns = namespace(r=range(1, 9, i)) %}{% for _ in range(999) %}{% set ns.r = ns.r[::i] %}{% endfor %}{{ ns.r|list }}";
        assert_eq!(run(slices, i128::from(i64::MAX)).ok().as_deref(), Some("[1]"));
        for source in ["{{ i * 'a' }}", "{{ 'a' * i }}", "{{ [1] * i }}", "{{ 'a'.center(i) }}", "{{ '%*d' % (i, 1) }}"]
        {
            let got = run(source, 1 << 80).map(|text| text.len());
            assert!(got.is_err(), "{source}: {got:?}");
        }
    }
}
