//! Calls: of macros, functions, methods and loops.

use super::{
    super::{
        Result,
        arguments::Args,
        ast::{self, Expr, Post},
        methods,
        value::{Dict, Value},
    },
    Machine, MacroValue,
};
use crate::error::Error;

impl<'t> Machine<'t> {
    /// The values of a call's arguments.
    pub(super) fn arguments(&mut self, args: &'t ast::Args) -> Result<Args> {
        let mut values = Args::default();
        for arg in &args.positional {
            values.positional.push(self.evaluate(arg)?);
        }
        for (name, arg) in &args.named {
            values.named.push(((&**name).into(), self.evaluate(arg)?));
        }
        if let Some(star) = &args.star {
            let star = self.evaluate(star)?;
            values.positional.extend(self.iterate(&star)?);
        }
        if let Some(double_star) = &args.double_star {
            let Value::Dict(dict) = self.evaluate(double_star)? else {
                return Err(Error::render("argument after ** must be a mapping"));
            };
            self.meter.slots(dict.entries().len() * 2)?;
            for (key, value) in dict.entries() {
                let Value::Str(name) = key else { return Err(Error::render("keywords must be strings")) };
                if values.named.iter().any(|(n, _)| *n == name.text) {
                    return Err(Error::render(format!("two values for the argument '{}'", name.text)));
                }
                self.meter.steps(values.named.len() / 16)?;
                values.named.push((name.text.clone(), value.clone()));
            }
        }
        Ok(values)
    }

    /// Returns what `callee(args)` gives.
    pub(super) fn call(&mut self, callee: &Value, args: Args) -> Result<Value> {
        self.meter.steps(1)?;
        match callee {
            Value::Macro(id) => self.call_macro(*id, args),
            Value::Function(function) => (function.code)(self, function.name, args),
            Value::Method(bound) => methods::call(self, &bound.object, bound.method, args),
            Value::Loop(id) => {
                let items = args.one("loop", "iterable")?;
                self.call_loop(*id, &items)
            }
            Value::Joiner(joiner) => {
                args.none("joiner")?;
                Ok(if joiner.used.replace(true) { Value::Str(joiner.separator.clone()) } else { Value::str("") })
            }
            Value::Undefined(missing) => Err(Error::render(&missing.message)),
            _ => Err(Error::render(format!("'{}' object is not callable", callee.type_name()))),
        }
    }

    /// The call of a call block, with its `caller`.
    pub(super) fn call_with_caller(&mut self, call: &'t Expr, caller: Value) -> Result<Value> {
        let Expr::Postfix { base, ops } = call else { return Err(Error::render("expected a call")) };
        let Some((Post::Call(args), before)) = ops.split_last() else { return Err(Error::render("expected a call")) };
        let callee = self.postfix(base, before)?;
        let mut args = self.arguments(args)?;
        args.named.push(("caller".into(), caller));
        self.call(&callee, args)
    }

    fn call_macro(&mut self, id: usize, args: Args) -> Result<Value> {
        let Some(&MacroValue { declared, scope }) = self.macros.get(id) else { return Ok(Value::None) };
        self.meter.enter()?;
        let outer = self.scopes.push_inside(scope, &self.meter)?;
        let captured = self.captured(|m| {
            m.bind(declared, args)?;
            m.body(&declared.body)
        });
        self.scopes.pop(outer);
        self.meter.leave();
        captured.map(|(_, text)| Value::str(text))
    }

    /// Sets the parameters of a macro in its scope.
    fn bind(&mut self, declared: &'t ast::Macro, mut args: Args) -> Result<()> {
        let mut positional = args.positional.into_iter();
        for (name, default) in &declared.parameters {
            self.meter.steps(args.named.len() / 16)?;
            let passed = positional.next().or_else(|| {
                let at = args.named.iter().position(|(n, _)| **n == **name)?;
                Some(args.named.remove(at).1)
            });
            let value = match (passed, default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.evaluate(default)?,
                (None, None) => {
                    self.meter.bytes(name.len() + 64)?;
                    Value::undefined(format!("parameter '{name}' was not provided"))
                }
            };
            self.scopes.set(name, value, &self.meter)?;
        }
        if declared.uses.caller && !declared.parameters.iter().any(|(n, _)| &**n == "caller") {
            let at = args.named.iter().position(|(n, _)| &**n == "caller");
            let caller = at.map(|at| args.named.remove(at).1).filter(|c| !matches!(c, Value::None));
            let caller = caller.unwrap_or_else(|| Value::undefined("no caller defined"));
            self.scopes.set("caller", caller, &self.meter)?;
        }
        if declared.uses.kwargs {
            let pairs = args.named.into_iter().map(|(name, value)| (Value::str(name), value)).collect();
            let kwargs = Value::Dict(Dict::new(pairs, &self.meter)?.into());
            self.scopes.set("kwargs", kwargs, &self.meter)?;
        } else if let Some((name, _)) = args.named.first() {
            return Err(Error::render(format!("macro '{}' takes no keyword argument '{name}'", declared.name)));
        }
        let rest: Vec<_> = positional.collect();
        if declared.uses.varargs {
            let varargs = Value::tuple(rest, &self.meter)?;
            self.scopes.set("varargs", varargs, &self.meter)?;
        } else if !rest.is_empty() {
            return Err(Error::render(format!(
                "macro '{}' takes not more than {} argument(s)",
                declared.name,
                declared.parameters.len()
            )));
        }
        Ok(())
    }
}
