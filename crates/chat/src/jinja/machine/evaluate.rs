//! Expressions → values.

use super::{
    super::{
        Result,
        ast::{Args, BinaryOp, CompareOp, Expr, Post},
        attribute, compare, filters, methods,
        named::Known,
        operators, predicates,
        value::{Dict, Value},
    },
    Machine,
};

impl<'t> Machine<'t> {
    /// The value of `expr`.
    pub(super) fn evaluate(&mut self, expr: &'t Expr) -> Result<Value> {
        self.meter.steps(1)?;
        if let Some(simple) = self.simple(expr) {
            return simple;
        }
        self.meter.enter()?;
        let value = self.compound(expr);
        self.meter.leave();
        value
    }

    /// The value of what has no parts; none for the rest.
    fn simple(&mut self, expr: &'t Expr) -> Option<Result<Value>> {
        Some(Ok(match expr {
            Expr::None => Value::None,
            Expr::Bool(b) => Value::Bool(*b),
            Expr::Int(i) => Value::Int(*i),
            Expr::Float(f) => Value::Float(*f),
            Expr::Str(s) => Value::str(s.clone()),
            Expr::Name(name) => return Some(self.lookup(name)),
            _ => return None,
        }))
    }

    fn all(&mut self, exprs: &'t [Expr]) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        for expr in exprs {
            values.push(self.evaluate(expr)?);
        }
        Ok(values)
    }

    /// One short arm per kind: this frame lies on the stack once per level of nesting.
    fn compound(&mut self, expr: &'t Expr) -> Result<Value> {
        match expr {
            Expr::Postfix { base, ops } => self.postfix(base, ops),
            Expr::List(items) => self.list(items),
            Expr::Tuple(items) => self.tuple(items),
            Expr::Dict(pairs) => self.dict(pairs),
            Expr::Not(of) => self.not(of),
            Expr::Sign { negative, of } => self.sign(*negative, of),
            Expr::And(all) => self.until(all, false),
            Expr::Or(all) => self.until(all, true),
            Expr::Compare { first, rest } => self.comparisons(first, rest),
            Expr::Chain { first, rest } => self.chain(first, rest),
            Expr::Concat(all) => self.concat(all),
            Expr::IfElse { test, then, otherwise } => self.if_else(test, then, otherwise.as_deref()),
            // The rest is answered before this is called.
            Expr::None | Expr::Bool(_) | Expr::Int(_) | Expr::Float(_) | Expr::Str(_) | Expr::Name(_) => {
                Ok(Value::None)
            }
        }
    }

    fn list(&mut self, items: &'t [Expr]) -> Result<Value> {
        let items = self.all(items)?;
        Value::list(items, &self.meter)
    }

    fn tuple(&mut self, items: &'t [Expr]) -> Result<Value> {
        let items = self.all(items)?;
        Value::tuple(items, &self.meter)
    }

    fn not(&mut self, of: &'t Expr) -> Result<Value> {
        self.evaluate(of).map(|value| Value::Bool(!value.is_true()))
    }

    fn sign(&mut self, negative: bool, of: &'t Expr) -> Result<Value> {
        operators::sign(negative, &self.evaluate(of)?)
    }

    fn chain(&mut self, first: &'t Expr, rest: &'t [(BinaryOp, Expr)]) -> Result<Value> {
        let mut value = self.evaluate(first)?;
        for (op, right) in rest {
            let right = self.evaluate(right)?;
            value = operators::binary(*op, &value, &right, self)?;
        }
        Ok(value)
    }

    fn concat(&mut self, all: &'t [Expr]) -> Result<Value> {
        let values = self.all(all)?;
        operators::concat(&values, self)
    }

    fn if_else(&mut self, test: &'t Expr, then: &'t Expr, otherwise: Option<&'t Expr>) -> Result<Value> {
        if self.evaluate(test)?.is_true() {
            return self.evaluate(then);
        }
        match otherwise {
            Some(otherwise) => self.evaluate(otherwise),
            None => Ok(Value::undefined("the inline if-expression evaluated to false and no else section was defined")),
        }
    }

    fn dict(&mut self, pairs: &'t [(Expr, Expr)]) -> Result<Value> {
        let mut values = Vec::new();
        for (key, value) in pairs {
            let key = self.evaluate(key)?;
            values.push((key, self.evaluate(value)?));
        }
        Ok(Value::Dict(Dict::new(values, &self.meter)?.into()))
    }

    /// The first value whose truth is `stop`, else the last: `and` and `or`.
    fn until(&mut self, all: &'t [Expr], stop: bool) -> Result<Value> {
        let mut value = Value::None;
        for expr in all {
            value = self.evaluate(expr)?;
            if value.is_true() == stop {
                break;
            }
        }
        Ok(value)
    }

    fn comparisons(&mut self, first: &'t Expr, rest: &'t [(CompareOp, Expr)]) -> Result<Value> {
        let mut left = self.evaluate(first)?;
        for (op, right) in rest {
            let right = self.evaluate(right)?;
            if !self.compare(*op, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// `left op right`.
    pub(crate) fn compare(&mut self, op: CompareOp, left: &Value, right: &Value) -> Result<bool> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let meter = &self.meter;
        Ok(match op {
            CompareOp::Eq => compare::equal(left, right, meter)?,
            CompareOp::Ne => !compare::equal(left, right, meter)?,
            CompareOp::In => compare::contains(right, left, meter)?,
            CompareOp::NotIn => !compare::contains(right, left, meter)?,
            CompareOp::Lt => compare::order(left, right, "<", meter)? == Some(Less),
            CompareOp::Le => matches!(compare::order(left, right, "<=", meter)?, Some(Less | Equal)),
            CompareOp::Gt => compare::order(left, right, ">", meter)? == Some(Greater),
            CompareOp::Ge => matches!(compare::order(left, right, ">=", meter)?, Some(Greater | Equal)),
        })
    }

    /// `base` with all that follows it.
    pub(super) fn postfix(&mut self, base: &'t Expr, ops: &'t [Post]) -> Result<Value> {
        let mut value = self.evaluate(base)?;
        let mut ops = ops;
        while let Some((op, rest)) = ops.split_first() {
            self.meter.steps(1)?;
            ops = rest;
            value = match (op, rest) {
                // A method that is called at once need not become a value.
                (Post::Attribute(name), [Post::Call(args), rest @ ..]) => {
                    ops = rest;
                    self.method_call(&value, name, args)?
                }
                _ => self.post(&value, op)?,
            };
        }
        Ok(value)
    }

    /// `value` with one thing that follows it.
    fn post(&mut self, value: &Value, op: &'t Post) -> Result<Value> {
        match op {
            Post::Attribute(name) => attribute::attribute(value, name, self),
            Post::Item(key) => self.item(value, key),
            Post::Slice(parts) => self.slice(value, parts),
            Post::Call(args) => self.call_with(value, args),
            Post::Filter { filter, args } => self.filter(filter, value, args),
            Post::Test { test, args, negated } => self.test(test, value, args, *negated),
        }
    }

    fn method_call(&mut self, value: &Value, name: &str, args: &'t Args) -> Result<Value> {
        if let Some(method) = methods::find(value, name) {
            let args = self.arguments(args)?;
            return methods::call(self, value, method, args);
        }
        let callee = attribute::attribute(value, name, self)?;
        self.call_with(&callee, args)
    }

    fn item(&mut self, value: &Value, key: &'t Expr) -> Result<Value> {
        let key = self.evaluate(key)?;
        attribute::item(value, &key, self)
    }

    fn slice(&mut self, value: &Value, parts: &'t [Option<Expr>; 3]) -> Result<Value> {
        let mut values = [Value::None, Value::None, Value::None];
        for (value, part) in values.iter_mut().zip(parts) {
            if let Some(part) = part {
                *value = self.evaluate(part)?;
            }
        }
        operators::slice(value, &values, self)
    }

    fn call_with(&mut self, callee: &Value, args: &'t Args) -> Result<Value> {
        let args = self.arguments(args)?;
        self.call(callee, args)
    }

    fn filter(&mut self, filter: &Known<filters::Code>, value: &Value, args: &'t Args) -> Result<Value> {
        let args = self.arguments(args)?;
        filters::apply(self, filter, value, args)
    }

    fn test(&mut self, test: &Known<predicates::Code>, value: &Value, args: &'t Args, negated: bool) -> Result<Value> {
        let args = self.arguments(args)?;
        Ok(Value::Bool(predicates::holds(self, test, value, args)? != negated))
    }
}
