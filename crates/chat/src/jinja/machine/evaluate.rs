//! Expressions → values.

use super::{
    super::{
        Result,
        ast::{CompareOp, Expr, Post},
        attribute, compare, filters, methods, operators, predicates,
        value::{Dict, Value},
    },
    Machine,
};

impl<'t> Machine<'t> {
    /// The value of `expr`.
    pub(super) fn evaluate(&mut self, expr: &'t Expr) -> Result<Value> {
        self.meter.steps(1)?;
        Ok(match expr {
            Expr::None => Value::None,
            Expr::Bool(b) => Value::Bool(*b),
            Expr::Int(i) => Value::Int(*i),
            Expr::Float(f) => Value::Float(*f),
            Expr::Str(s) => {
                self.meter.bytes(s.len())?;
                Value::str(&**s)
            }
            Expr::Name(name) => self.lookup(name)?,
            _ => {
                self.meter.enter()?;
                let value = self.compound(expr);
                self.meter.leave();
                value?
            }
        })
    }

    fn all(&mut self, exprs: &'t [Expr]) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        for expr in exprs {
            values.push(self.evaluate(expr)?);
        }
        Ok(values)
    }

    fn compound(&mut self, expr: &'t Expr) -> Result<Value> {
        match expr {
            Expr::Postfix { base, ops } => self.postfix(base, ops),
            Expr::List(items) => {
                let items = self.all(items)?;
                Value::list(items, &self.meter)
            }
            Expr::Tuple(items) => {
                let items = self.all(items)?;
                Value::tuple(items, &self.meter)
            }
            Expr::Dict(pairs) => self.dict(pairs),
            Expr::Not(of) => self.evaluate(of).map(|value| Value::Bool(!value.is_true())),
            Expr::Sign { negative, of } => operators::sign(*negative, &self.evaluate(of)?),
            Expr::And(all) => self.until(all, false),
            Expr::Or(all) => self.until(all, true),
            Expr::Compare { first, rest } => self.comparisons(first, rest),
            Expr::Chain { first, rest } => {
                let mut value = self.evaluate(first)?;
                for (op, right) in rest {
                    let right = self.evaluate(right)?;
                    value = operators::binary(*op, &value, &right, self)?;
                }
                Ok(value)
            }
            Expr::Concat(all) => {
                let values = self.all(all)?;
                operators::concat(&values, self)
            }
            Expr::IfElse { test, then, otherwise } => {
                if self.evaluate(test)?.is_true() {
                    return self.evaluate(then);
                }
                match otherwise {
                    Some(otherwise) => self.evaluate(otherwise),
                    None => Ok(Value::undefined(
                        "the inline if-expression evaluated to false and no else section was defined",
                    )),
                }
            }
            // The rest is answered before this is called.
            Expr::None | Expr::Bool(_) | Expr::Int(_) | Expr::Float(_) | Expr::Str(_) | Expr::Name(_) => {
                Ok(Value::None)
            }
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
        let mut ops = ops.iter().peekable();
        while let Some(op) = ops.next() {
            self.meter.steps(1)?;
            value = match op {
                Post::Attribute(name) => {
                    // A method that is called at once need not become a value.
                    if let Some(Post::Call(args)) = ops.peek()
                        && let Some(method) = attribute::method(&value, name)
                    {
                        ops.next();
                        let args = self.arguments(args)?;
                        methods::call(self, &value, method, args)?
                    } else {
                        attribute::attribute(&value, name, self)?
                    }
                }
                Post::Item(key) => {
                    let key = self.evaluate(key)?;
                    attribute::item(&value, &key, self)?
                }
                Post::Slice(parts) => {
                    let mut values = [Value::None, Value::None, Value::None];
                    for (value, part) in values.iter_mut().zip(parts.iter()) {
                        if let Some(part) = part {
                            *value = self.evaluate(part)?;
                        }
                    }
                    operators::slice(&value, &values, self)?
                }
                Post::Call(args) => {
                    let args = self.arguments(args)?;
                    self.call(&value, args)?
                }
                Post::Filter { name, args } => {
                    let args = self.arguments(args)?;
                    filters::apply(self, name, value, args)?
                }
                Post::Test { name, args, negated } => {
                    let args = self.arguments(args)?;
                    Value::Bool(predicates::holds(self, name, &value, args)? != *negated)
                }
            };
        }
        Ok(value)
    }
}
