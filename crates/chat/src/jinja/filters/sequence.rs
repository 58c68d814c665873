//! Filters over the items of something.

use std::cmp::Ordering;

use super::{
    super::{
        Result,
        arguments::{self, Args, flag, optional_text, required, size},
        ast::BinaryOp,
        compare,
        machine::Machine,
        meter::Text,
        methods, operators, predicates, repr,
        value::{StreamKind, Value},
    },
    fold, keyed,
};
use crate::error::Error;

pub(super) fn list(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    let items = machine.iterate(value)?;
    Value::list(items, &machine.meter)
}

pub(super) fn first(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    Ok(machine.iterate(value)?.first().cloned().unwrap_or_else(empty))
}

pub(super) fn last(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Str(s) => {
            let last = s.text.chars().next_back();
            Ok(last.map_or_else(empty, |c| Value::text(c.to_string(), s.safe)))
        }
        Value::Stream(s) if s.kind == StreamKind::Generator => {
            Err(Error::render("'generator' object is not reversible"))
        }
        _ => Ok(machine.iterate(value)?.pop().unwrap_or_else(empty)),
    }
}

pub(super) fn reverse(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    if let Value::Str(s) = value {
        machine.meter.bytes(s.text.len())?;
        return Ok(Value::str(s.text.chars().rev().collect::<String>()));
    }
    let mut items = machine.iterate(value)?;
    items.reverse();
    Value::stream(StreamKind::Generator, items, &machine.meter)
}

pub(super) fn sort(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [reverse, case_sensitive, attribute] = args.bind(name, ["reverse", "case_sensitive", "attribute"])?;
    let keys = Keys { attribute, case_sensitive: flag(case_sensitive.as_ref()), several: true };
    let items = machine.iterate(value)?;
    let items = sorted(machine, items, &keys, flag(reverse.as_ref()))?;
    Value::list(items.into_iter().map(|(_, item)| item).collect(), &machine.meter)
}

pub(super) fn min(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    extreme(machine, value, &Keys::single(name, args)?, Ordering::Less)
}

pub(super) fn max(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    extreme(machine, value, &Keys::single(name, args)?, Ordering::Greater)
}

/// The first item that is `wanted` against all before it.
fn extreme(machine: &mut Machine<'_>, value: &Value, keys: &Keys, wanted: Ordering) -> Result<Value> {
    let mut best: Option<(Value, Value)> = None;
    for item in machine.iterate(value)? {
        let key = keys.of(&item, machine)?;
        let better = match &best {
            None => true,
            Some((held, _)) => compare::order(&key, held, "<", &machine.meter)? == Some(wanted),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(empty, |(_, item)| item))
}

pub(super) fn sum(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [attribute, start] = args.bind(name, ["attribute", "start"])?;
    let mut sum = start.unwrap_or(Value::Int(0));
    for item in machine.iterate(value)? {
        let item = keyed(&item, attribute.as_ref(), None, machine)?;
        if let Value::Str(_) = item {
            return Err(Error::render("sum needs numbers, got str"));
        }
        sum = operators::binary(BinaryOp::Add, &sum, &item, machine)?;
    }
    Ok(sum)
}

pub(super) fn batch(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [count, fill] = args.bind(name, ["linecount", "fill_with"])?;
    let count = size(Some(&required(count, name, "linecount")?), 0, name)?.max(1);
    let items = machine.iterate(value)?;
    let rows = items.chunks(count).map(|row| filled(machine, row, count, fill.as_ref()));
    let rows: Result<Vec<_>> = rows.collect();
    Value::stream(StreamKind::Generator, rows?, &machine.meter)
}

fn empty() -> Value {
    Value::undefined("no first or last item, the sequence was empty")
}

/// `row`, filled up to `count` items.
fn filled(machine: &Machine<'_>, row: &[Value], count: usize, fill: Option<&Value>) -> Result<Value> {
    let mut row = row.to_vec();
    if let Some(fill) = fill.filter(|f| !matches!(f, Value::None)) {
        let lacking = count.saturating_sub(row.len());
        machine.meter.slots(lacking)?;
        row.extend(std::iter::repeat_n(fill.clone(), lacking));
    }
    Value::list(row, &machine.meter)
}

/// `count` lists of nearly the same length.
pub(super) fn slice(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [count, fill] = args.bind(name, ["slices", "fill_with"])?;
    let count = size(Some(&required(count, name, "slices")?), 0, name)?;
    let fill = fill.as_ref();
    let items = machine.iterate(value)?;
    if count == 0 {
        return Err(Error::render("integer division or modulo by zero"));
    }
    machine.meter.slots(count)?;
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut rest = items.as_slice();
    let mut rows = Vec::with_capacity(count);
    for i in 0..count {
        machine.meter.steps(1)?;
        let (row, after) = rest.split_at((each + usize::from(i < longer)).min(rest.len()));
        rest = after;
        let to = row.len() + usize::from(i >= longer);
        rows.push(filled(machine, row, if fill.is_some() { to } else { 0 }, fill)?);
    }
    Value::stream(StreamKind::Generator, rows, &machine.meter)
}

pub(super) fn join(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [separator, attribute] = args.bind(name, ["d", "attribute"])?;
    let separator = match &separator {
        Some(separator) => repr::to_str(separator, machine)?.text,
        None => "".into(),
    };
    let items = machine.iterate(value)?;
    let mut out = Text::new(&machine.meter);
    for (i, item) in items.iter().enumerate() {
        machine.meter.steps(1)?;
        if i > 0 {
            out.push_str(&separator)?;
        }
        repr::write_str(&keyed(item, attribute.as_ref(), None, machine)?, machine, &mut out)?;
    }
    Ok(Value::str(out.into_string()))
}

/// `map('filter', args…)` or `map(attribute=…, default=…)`.
pub(super) fn map(machine: &mut Machine<'_>, name: &'static str, value: &Value, mut args: Args) -> Result<Value> {
    if !value.is_true() {
        return Value::stream(StreamKind::Generator, Vec::new(), &machine.meter);
    }
    let mut mapped = Vec::new();
    if args.positional.is_empty() {
        let [attribute, default] = args.bind(name, ["attribute", "default"])?;
        let attribute = required(attribute, name, "attribute")?;
        for item in machine.iterate(value)? {
            machine.meter.steps(1)?;
            mapped.push(keyed(&item, Some(&attribute), default.as_ref(), machine)?);
        }
    } else {
        let filter = super::find(&arguments::text(&args.positional.remove(0), name)?);
        // A filter may be `map` again: count it like any nesting.
        machine.meter.enter()?;
        for item in machine.iterate(value)? {
            machine.meter.slots(args.positional.len() + args.named.len())?;
            let args = Args { positional: args.positional.clone(), named: args.named.clone() };
            mapped.push(super::apply(machine, &filter, &item, args)?);
        }
        machine.meter.leave();
    }
    Value::stream(StreamKind::Generator, mapped, &machine.meter)
}

pub(super) fn select(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    filtered(machine, name, value, args, Sieve { by_attribute: false, keeps: true })
}

pub(super) fn reject(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    filtered(machine, name, value, args, Sieve { by_attribute: false, keeps: false })
}

pub(super) fn select_attr(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    filtered(machine, name, value, args, Sieve { by_attribute: true, keeps: true })
}

pub(super) fn reject_attr(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    filtered(machine, name, value, args, Sieve { by_attribute: true, keeps: false })
}

/// Which items stay.
#[derive(Clone, Copy)]
struct Sieve {
    /// The first argument names an attribute, which is tested in place of the item.
    by_attribute: bool,
    /// Items that pass the test stay; else the others.
    keeps: bool,
}

fn filtered(
    machine: &mut Machine<'_>,
    name: &'static str,
    value: &Value,
    mut args: Args,
    sieve: Sieve,
) -> Result<Value> {
    if !value.is_true() {
        return Value::stream(StreamKind::Generator, Vec::new(), &machine.meter);
    }
    let attribute = if sieve.by_attribute {
        if args.positional.is_empty() {
            return Err(Error::render(format!("{name} needs an attribute")));
        }
        Some(args.positional.remove(0))
    } else {
        None
    };
    let test = if args.positional.is_empty() {
        None
    } else {
        Some(predicates::find(&arguments::text(&args.positional.remove(0), name)?))
    };
    let mut kept = Vec::new();
    for item in machine.iterate(value)? {
        machine.meter.slots(args.positional.len() + 1)?;
        let tested = keyed(&item, attribute.as_ref(), None, machine)?;
        let holds = match &test {
            Some(test) => {
                let args = Args { positional: args.positional.clone(), named: args.named.clone() };
                predicates::holds(machine, test, &tested, args)?
            }
            None => tested.is_true(),
        };
        if holds == sieve.keeps {
            kept.push(item);
        }
    }
    Value::stream(StreamKind::Generator, kept, &machine.meter)
}

/// One of the items, where Python leaves it to chance which.
pub(super) fn random(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::Undefined(_) | Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => {}
        Value::Dict(dict) if dict.entries().is_empty() => {}
        _ => return Err(Error::render(format!("random needs a sequence, got {}", value.type_name()))),
    }
    let items = machine.iterate(value)?;
    let n = items.len() as u64;
    let at = machine.draw()?.checked_rem(n);
    let item = at.and_then(|at| items.into_iter().nth(at as usize));
    Ok(item.unwrap_or_else(|| Value::undefined("No random item, sequence was empty.")))
}

/// What to sort, group or compare by.
struct Keys {
    attribute: Option<Value>,
    case_sensitive: bool,
    /// `a,b` names two attributes.
    several: bool,
}

impl Keys {
    /// Those of a filter that takes `case_sensitive` and one `attribute`.
    fn single(name: &str, args: Args) -> Result<Self> {
        let [case_sensitive, attribute] = args.bind(name, ["case_sensitive", "attribute"])?;
        Ok(Self { attribute, case_sensitive: flag(case_sensitive.as_ref()), several: false })
    }

    fn of(&self, item: &Value, machine: &Machine<'_>) -> Result<Value> {
        machine.meter.steps(1)?;
        let fold = |value| if self.case_sensitive { Ok(value) } else { fold(value, machine) };
        if self.several
            && let Some(path @ (Value::Str(_) | Value::Int(_))) = &self.attribute
        {
            let keys: Result<Vec<_>> = match path {
                Value::Str(paths) => paths
                    .text
                    .split(',')
                    .map(|path| fold(keyed(item, Some(&Value::str(path)), None, machine)?))
                    .collect(),
                _ => fold(keyed(item, Some(path), None, machine)?).map(|key| vec![key]),
            };
            return Value::list(keys?, &machine.meter);
        }
        fold(keyed(item, self.attribute.as_ref(), None, machine)?)
    }
}

/// `items` with their keys, in the order of the keys. Merge sort, so that a comparison may fail.
fn sorted(machine: &Machine<'_>, items: Vec<Value>, keys: &Keys, reverse: bool) -> Result<Vec<(Value, Value)>> {
    let keyed: Result<Vec<_>> = items.into_iter().map(|item| Ok((keys.of(&item, machine)?, item))).collect();
    order(machine, keyed?, reverse)
}

fn order(machine: &Machine<'_>, mut pairs: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<(Value, Value)>> {
    let mut width = 1;
    while width < pairs.len() {
        machine.meter.slots(pairs.len() * 2)?;
        let mut merged = Vec::with_capacity(pairs.len());
        let mut rest = pairs.into_iter();
        loop {
            let mut left = rest.by_ref().take(width).collect::<Vec<_>>().into_iter().peekable();
            let mut right = rest.by_ref().take(width).collect::<Vec<_>>().into_iter().peekable();
            if left.peek().is_none() {
                break;
            }
            while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
                let wanted = if reverse { Ordering::Greater } else { Ordering::Less };
                let right_first = compare::order(b, a, "<", &machine.meter)? == Some(wanted);
                merged.extend(if right_first { right.next() } else { left.next() });
            }
            merged.extend(left);
            merged.extend(right);
        }
        pairs = merged;
        width *= 2;
    }
    Ok(pairs)
}

pub(super) fn dict_sort(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [case_sensitive, by, reverse] = args.bind(name, ["case_sensitive", "by", "reverse"])?;
    let Value::Dict(_) = value else {
        super::require(value)?;
        return Err(Error::render(format!("dictsort needs a dict, got {}", value.type_name())));
    };
    let by = match optional_text(by.as_ref(), name)?.as_deref() {
        None | Some("key") => 0,
        Some("value") => 1,
        Some(_) => return Err(Error::render("dictsort sorts by key or value")),
    };
    let keys = Keys { attribute: Some(Value::Int(by)), case_sensitive: flag(case_sensitive.as_ref()), several: false };
    let items = methods::items(value, machine)?;
    let items = sorted(machine, items, &keys, flag(reverse.as_ref()))?;
    Value::list(items.into_iter().map(|(_, item)| item).collect(), &machine.meter)
}

pub(super) fn group_by(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [attribute, default, case_sensitive] = args.bind(name, ["attribute", "default", "case_sensitive"])?;
    let attribute = required(attribute, name, "attribute")?;
    let case_sensitive = flag(case_sensitive.as_ref());
    let mut keyed_items = Vec::new();
    for item in machine.iterate(value)? {
        let key = keyed(&item, Some(&attribute), default.as_ref(), machine)?;
        keyed_items.push((if case_sensitive { key } else { fold(key, machine)? }, item));
    }
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in order(machine, keyed_items, false)? {
        match groups.last_mut() {
            Some((held, items)) if compare::equal(held, &key, &machine.meter)? => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut result = Vec::new();
    for (key, items) in groups {
        // The name as the first item of the group spells it.
        let name = match items.first() {
            Some(first) if !case_sensitive => keyed(first, Some(&attribute), default.as_ref(), machine)?,
            _ => key,
        };
        let items = Value::list(items, &machine.meter)?;
        result.push(Value::tuple(vec![name, items], &machine.meter)?);
    }
    Value::list(result, &machine.meter)
}

pub(super) fn unique(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let keys = Keys::single(name, args)?;
    let mut seen: Vec<Value> = Vec::new();
    let mut kept = Vec::new();
    'items: for item in machine.iterate(value)? {
        let key = keys.of(&item, machine)?;
        if let Value::List(_) | Value::Dict(_) = key {
            return Err(Error::render(format!("unhashable type: '{}'", key.type_name())));
        }
        for held in &seen {
            if compare::equal(held, &key, &machine.meter)? {
                continue 'items;
            }
        }
        machine.meter.slots(1)?;
        seen.push(key);
        kept.push(item);
    }
    Value::stream(StreamKind::Generator, kept, &machine.meter)
}
