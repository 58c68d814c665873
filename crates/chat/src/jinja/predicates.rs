//! `value is name(args)`: jinja2's tests.

use super::{
    Result,
    arguments::Args,
    ast::{BinaryOp, CompareOp},
    compare, filters,
    machine::Machine,
    named::{self, Known, Named, named},
    operators, repr,
    value::{StreamKind, Value},
};
use crate::error::Error;

/// A test of the table.
pub(crate) type Test = Named<Code>;

/// What a test asks of a value.
#[derive(Clone, Copy)]
pub(crate) enum Code {
    /// Looks at the value alone, and takes no arguments.
    Is(fn(&Value) -> bool),
    /// Reads the value too, which may cost or fail, and takes no arguments.
    Reads(fn(&mut Machine<'_>, &Value) -> Result<bool>),
    /// Compares the value with its one argument.
    Compares(CompareOp),
    /// Takes one argument, of this name.
    With(&'static str, fn(&mut Machine<'_>, &Value, &Value) -> Result<bool>),
}

use Code::{Compares, Is, Reads, With};

static TESTS: &[Test] = &[
    named("odd", Reads(|machine, value| parity(machine, value, 1))),
    named("even", Reads(|machine, value| parity(machine, value, 0))),
    named("divisibleby", With("num", divides)),
    named("defined", Is(|value| !matches!(value, Value::Undefined(_)))),
    named("undefined", Is(|value| matches!(value, Value::Undefined(_)))),
    named("filter", Reads(|_, value| names(value, |name| filters::find(name).is_ok()))),
    named("test", Reads(|_, value| names(value, |name| find(name).is_ok()))),
    named("none", Is(|value| matches!(value, Value::None))),
    named("boolean", Is(|value| matches!(value, Value::Bool(_)))),
    named("false", Is(|value| matches!(value, Value::Bool(false)))),
    named("true", Is(|value| matches!(value, Value::Bool(true)))),
    named("integer", Is(|value| matches!(value, Value::Int(_)))),
    named("float", Is(|value| matches!(value, Value::Float(_)))),
    named("lower", Reads(|machine, value| has_case(machine, value, char::is_lowercase, char::is_uppercase))),
    named("upper", Reads(|machine, value| has_case(machine, value, char::is_uppercase, char::is_lowercase))),
    named("string", Is(|value| matches!(value, Value::Str(_)))),
    named("mapping", Is(|value| matches!(value, Value::Dict(_)))),
    named("number", Is(|value| matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)))),
    named("sequence", Is(is_sequence)),
    named("iterable", Is(is_iterable)),
    named("callable", Is(is_callable)),
    named("sameas", With("other", same)),
    named("escaped", Is(|value| matches!(value, Value::Str(s) if s.safe))),
    named("in", Compares(CompareOp::In)),
    named("==", Compares(CompareOp::Eq)),
    named("eq", Compares(CompareOp::Eq)),
    named("equalto", Compares(CompareOp::Eq)),
    named("!=", Compares(CompareOp::Ne)),
    named("ne", Compares(CompareOp::Ne)),
    named(">", Compares(CompareOp::Gt)),
    named("gt", Compares(CompareOp::Gt)),
    named("greaterthan", Compares(CompareOp::Gt)),
    named(">=", Compares(CompareOp::Ge)),
    named("ge", Compares(CompareOp::Ge)),
    named("<", Compares(CompareOp::Lt)),
    named("lt", Compares(CompareOp::Lt)),
    named("lessthan", Compares(CompareOp::Lt)),
    named("<=", Compares(CompareOp::Le)),
    named("le", Compares(CompareOp::Le)),
];

/// The test of this name.
pub(crate) fn find(name: &str) -> Known<Code> {
    named::known(TESTS, name)
}

/// Says that there is no test of this name.
pub(crate) fn unknown(name: &str) -> String {
    format!("no test is called '{name}'")
}

/// Whether `value` passes a test; one that does not exist fails here, where a condition let it be reached.
pub(crate) fn holds(machine: &mut Machine<'_>, test: &Known<Code>, value: &Value, args: Args) -> Result<bool> {
    machine.meter.steps(1)?;
    let test = test.as_ref().map_err(|name| Error::render(unknown(name)))?;
    match test.code {
        Is(code) => {
            args.none(test.name)?;
            Ok(code(value))
        }
        Reads(code) => {
            args.none(test.name)?;
            code(machine, value)
        }
        Compares(op) => machine.compare(op, value, &args.one(test.name, "other")?),
        With(parameter, code) => {
            let argument = args.one(test.name, parameter)?;
            code(machine, value, &argument)
        }
    }
}

// jinja2's Undefined has the methods that these three look for.

fn is_sequence(value: &Value) -> bool {
    matches!(
        value,
        Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Range(_) | Value::Undefined(_)
    )
}

fn is_iterable(value: &Value) -> bool {
    is_sequence(value) || matches!(value, Value::Stream(_) | Value::Loop(_))
}

fn is_callable(value: &Value) -> bool {
    matches!(
        value,
        Value::Function(_)
            | Value::Method(_)
            | Value::Macro(_)
            | Value::Joiner(_)
            | Value::Undefined(_)
            | Value::Loop(_)
    )
}

/// Whether `rest` is left where `value` is divided by two.
fn parity(machine: &Machine<'_>, value: &Value, rest: i128) -> Result<bool> {
    let left = operators::binary(BinaryOp::Mod, value, &Value::Int(2), machine)?;
    compare::equal(&left, &Value::Int(rest), &machine.meter)
}

fn divides(machine: &mut Machine<'_>, value: &Value, by: &Value) -> Result<bool> {
    Ok(!operators::binary(BinaryOp::Mod, value, by, machine)?.is_true())
}

/// Whether the text of `value` has a `right` letter and no `wrong` one.
fn has_case(machine: &Machine<'_>, value: &Value, right: fn(char) -> bool, wrong: fn(char) -> bool) -> Result<bool> {
    let text = repr::to_str(value, machine)?.text;
    machine.meter.scan(text.len())?;
    Ok(text.chars().any(right) && !text.chars().any(wrong))
}

/// Whether `value` is a name that `is_known`.
fn names(value: &Value, is_known: impl Fn(&str) -> bool) -> Result<bool> {
    match value {
        Value::List(_) | Value::Dict(_) => Err(Error::render(format!("unhashable type: '{}'", value.type_name()))),
        _ => Ok(value.as_str().is_some_and(is_known)),
    }
}

/// Python's `is`: for what is shared, the same object; for the rest, the same type and value.
fn same(machine: &mut Machine<'_>, a: &Value, b: &Value) -> Result<bool> {
    use std::rc::Rc;
    Ok(match (a, b) {
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => Rc::ptr_eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
        (Value::Stream(a), Value::Stream(b)) => Rc::ptr_eq(a, b) && a.kind == StreamKind::Generator,
        _ => a.type_name() == b.type_name() && compare::equal(a, b, &machine.meter)?,
    })
}
