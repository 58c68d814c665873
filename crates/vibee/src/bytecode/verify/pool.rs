//! Types and constants: whether their parts exist, whether constants are values of their types, whether cases are
//! calls.

use std::cmp::Ordering;

use crate::bytecode::{Bytecode, CARRIED_MAX, CONST_DEPTH_MAX, Case, CaseExpects, Const, Form, Refusal, TypeIndex};

/// The greatest number of `n` balanced ternary digits.
pub(crate) fn tryte_max(n: u8) -> i64 {
    ((3_i128.pow(u32::from(n.min(40))) - 1) / 2) as i64
}

pub(super) fn verify(bytecode: &Bytecode) -> Result<(), Refusal> {
    for (at, form) in bytecode.types.iter().enumerate() {
        let parts: Vec<TypeIndex> = match form {
            Form::List(of) | Form::Set(of) | Form::Option(of) => vec![*of],
            Form::Map(key, of) => vec![*key, *of],
            Form::Result(of, err) => vec![*of, *err],
            Form::Tuple(of) => of.clone(),
            Form::Record { fields, .. } => fields.iter().map(|(_, ty)| *ty).collect(),
            Form::Enum { cases, .. } => cases.iter().flat_map(|(_, fields)| fields).map(|(_, ty)| *ty).collect(),
            _ => Vec::new(),
        };
        if let Some(ty) = parts.iter().find(|ty| bytecode.form(**ty).is_none()) {
            return Err(Refusal::new("E0507", at, format!("type {at} is of type {}, which there is not", ty.0)));
        }
        match form {
            Form::Tryte(n) if !(1..=40).contains(n) => {
                return Err(Refusal::new("E0508", at, format!("Tryte<{n}>: 1 to 40 digits expected")));
            }
            Form::Enum { cases, .. }
                if cases.is_empty()
                    || cases.len() > usize::from(u16::MAX)
                    || cases.iter().any(|(_, fields)| fields.len() > CARRIED_MAX) =>
            {
                return Err(Refusal::new("E0508", at, format!("type {at}: no case, or one that carries too much")));
            }
            _ => {}
        }
    }
    for (at, (ty, value)) in bytecode.consts.iter().enumerate() {
        if bytecode.form(*ty).is_none() {
            return Err(Refusal::new("E0507", at, format!("constant {at} is of type {}, which there is not", ty.0)));
        }
        if !fits(bytecode, *ty, value, CONST_DEPTH_MAX) {
            return Err(Refusal::new("E0506", at, format!("constant {at} is no value of its type")));
        }
    }
    Ok(())
}

/// Whether a constant is a value of a type, in the one form that it has there.
fn fits(bytecode: &Bytecode, ty: TypeIndex, value: &Const, depth: usize) -> bool {
    let (Some(form), Some(depth)) = (bytecode.form(ty), depth.checked_sub(1)) else { return false };
    match (form, value) {
        (Form::String, Const::Text(_)) | (Form::Bytes, Const::Bytes(_)) => true,
        (Form::List(of), Const::Parts(items)) => items.iter().all(|item| fits(bytecode, *of, item, depth)),
        (Form::Set(of), Const::Parts(items)) => {
            items.iter().all(|item| fits(bytecode, *of, item, depth)) && ascends(bytecode, *of, items.iter())
        }
        (Form::Map(key, of), Const::Parts(items)) => {
            let typed = |(at, item)| fits(bytecode, if at % 2 == 0 { *key } else { *of }, item, depth);
            items.len() % 2 == 0
                && items.iter().enumerate().all(typed)
                && ascends(bytecode, *key, items.iter().step_by(2))
        }
        (_, Const::Parts(items)) => form.places().is_some_and(|places| {
            let all = items.iter().zip(&places).all(|(item, ty)| fits(bytecode, *ty, item, depth));
            places.len() == items.len() && all
        }),
        (_, Const::Case(case, carried)) => {
            let case = usize::from(*case);
            let typed = |(place, item)| form.carried(case, place).is_some_and(|ty| fits(bytecode, ty, item, depth));
            !form.is_bare_enum()
                && case < form.n_cases()
                && carried.len() == form.n_carried(case)
                && carried.iter().enumerate().all(typed)
        }
        (_, Const::Word(word)) => match form {
            Form::Bool => *word <= 1,
            Form::Trit => (-1..=1).contains(&(*word as i64)),
            Form::Tryte(n) => (*word as i64).unsigned_abs() <= tryte_max(*n) as u64,
            Form::Int | Form::U64 => true,
            Form::Float => crate::order::canonical(f64::from_bits(*word)).to_bits() == *word,
            Form::F32 => u32::try_from(*word)
                .is_ok_and(|bits| crate::order::canonical_f32(f32::from_bits(bits)).to_bits() == bits),
            Form::Enum { cases, .. } => form.is_bare_enum() && *word < cases.len() as u64,
            _ => false,
        },
        _ => false,
    }
}

fn ascends<'a>(bytecode: &Bytecode, ty: TypeIndex, items: impl Iterator<Item = &'a Const> + Clone) -> bool {
    items.clone().zip(items.skip(1)).all(|(one, next)| compare(bytecode, ty, one, next) == Ordering::Less)
}

/// The total order of constants of one type: see [`crate::order`].
fn compare(bytecode: &Bytecode, ty: TypeIndex, one: &Const, other: &Const) -> Ordering {
    let Some(form) = bytecode.form(ty) else { return Ordering::Equal };
    match (one, other) {
        (Const::Word(one), Const::Word(other)) => match form {
            Form::U64 => one.cmp(other),
            Form::Float => f64::from_bits(*one).total_cmp(&f64::from_bits(*other)),
            Form::F32 => f32::from_bits(*one as u32).total_cmp(&f32::from_bits(*other as u32)),
            _ => (*one as i64).cmp(&(*other as i64)),
        },
        (Const::Text(one), Const::Text(other)) => one.cmp(other),
        (Const::Bytes(one), Const::Bytes(other)) => one.cmp(other),
        (Const::Case(case, ones), Const::Case(other_case, others)) => case.cmp(other_case).then_with(|| {
            let mut pairs = ones.iter().zip(others).enumerate();
            let first = pairs.find_map(|(place, (one, other))| {
                let ty = form.carried(usize::from(*case), place)?;
                unequal(compare(bytecode, ty, one, other))
            });
            first.unwrap_or(Ordering::Equal)
        }),
        (Const::Parts(ones), Const::Parts(others)) => {
            let places = form.places();
            let of = |place: usize| match (form, &places) {
                (Form::List(of) | Form::Set(of), _) => Some(*of),
                (Form::Map(key, of), _) => Some(if place.is_multiple_of(2) { *key } else { *of }),
                (_, Some(places)) => places.get(place).copied(),
                _ => None,
            };
            let mut pairs = ones.iter().zip(others).enumerate();
            let first = pairs.find_map(|(place, (one, other))| unequal(compare(bytecode, of(place)?, one, other)));
            first.unwrap_or_else(|| ones.len().cmp(&others.len()))
        }
        _ => Ordering::Equal,
    }
}

fn unequal(order: Ordering) -> Option<Ordering> {
    (order != Ordering::Equal).then_some(order)
}

pub(super) fn case(bytecode: &Bytecode, case: &Case) -> Result<(), (&'static str, String)> {
    let find = |function: u32| {
        bytecode.functions.get(function as usize).ok_or(("E0507", format!("there is no function {function}")))
    };
    let gives = |function: u32, ty: TypeIndex| {
        let found = find(function)?;
        if found.n_params == 0 && found.returns == ty && !found.code.is_empty() {
            return Ok(());
        }
        Err(("E0511", format!("{} does not give what the case needs", found.name)))
    };
    let function = find(case.function)?;
    if case.args.len() != usize::from(function.n_params) {
        return Err(("E0511", format!("{} arguments for {}", case.args.len(), function.name)));
    }
    for (arg, ty) in case.args.iter().zip(&function.registers) {
        gives(*arg, *ty)?;
    }
    match case.expects {
        CaseExpects::Exact(value) | CaseExpects::Ulp(value, _) | CaseExpects::Absolute(value, _) => {
            gives(value, function.returns)
        }
        CaseExpects::Fault(_) | CaseExpects::NoFault => Ok(()),
    }
}
