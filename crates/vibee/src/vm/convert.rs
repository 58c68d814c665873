//! Values into words and back, at the VM's border. Neither recurses: no value is too deep; and what an object shares,
//! its value shares.

use std::{collections::HashMap, rc::Rc};

use super::{
    heap::{Heap, INLINE},
    layout::Layouts,
};
use crate::{
    bytecode::{Bytecode, Const, Form, TypeIndex},
    value::{Fault, Value},
};

/// What is to be done next, to make words.
enum Build<'a> {
    Part(&'a Value, TypeIndex),
    /// Of the last so many words, a List, Set or Map.
    Words(u32, usize),
    /// Of the last so many words, a record, tuple or case.
    Parts(u32, usize),
}

/// Makes the word of a value; `None` where it is not of the type.
#[inline]
pub(super) fn word_of(
    heap: &mut Heap,
    layouts: &Layouts,
    bytecode: &Bytecode,
    value: &Value,
    ty: TypeIndex,
) -> Result<Option<u64>, Fault> {
    if let Some(word) = bytecode.form(ty).and_then(|form| scalar(form, value)) {
        return Ok(Some(word));
    }
    object_of(heap, layouts, bytecode, value, ty)
}

fn object_of(
    heap: &mut Heap,
    layouts: &Layouts,
    bytecode: &Bytecode,
    value: &Value,
    ty: TypeIndex,
) -> Result<Option<u64>, Fault> {
    let mut todo = vec![Build::Part(value, ty)];
    let mut words: Vec<u64> = Vec::new();
    while let Some(next) = todo.pop() {
        let (value, ty) = match next {
            Build::Part(value, ty) => (value, ty),
            Build::Words(shape, n) => {
                let parts = words.split_off(words.len().saturating_sub(n));
                words.push(heap.of_words(shape, parts)?);
                continue;
            }
            Build::Parts(shape, n) => {
                let parts = words.split_off(words.len().saturating_sub(n));
                words.push(heap.of_parts(shape, layouts, &parts)?);
                continue;
            }
        };
        let Some(form) = bytecode.form(ty) else { return Ok(None) };
        match (form, value) {
            (Form::String, Value::String(text)) => words.push(heap.text(text)?),
            (Form::Bytes, Value::Bytes(bytes)) => words.push(heap.of_bytes(bytes.to_vec())?),
            _ => {
                if let Some(word) = scalar(form, value) {
                    words.push(word);
                    continue;
                }
                let Some((parts, build)) = parts(form, value, layouts.shape_of(ty.0)) else { return Ok(None) };
                todo.push(build);
                todo.extend(parts.into_iter().rev().map(|(value, ty)| Build::Part(value, ty)));
            }
        }
    }
    Ok(words.pop())
}

#[inline]
fn scalar(form: &Form, value: &Value) -> Option<u64> {
    Some(match (form, value) {
        (Form::Bool, Value::Bool(x)) => (*x).into(),
        (Form::Trit, Value::Trit(x)) => i64::from(*x) as u64,
        (Form::Tryte(_), Value::Tryte(x)) | (Form::Int, Value::Int(x)) => *x as u64,
        (Form::U64, Value::U64(x)) => *x,
        (Form::Float, Value::Float(x)) => crate::order::canonical(*x).to_bits(),
        (Form::F32, Value::F32(x)) => crate::order::canonical_f32(*x).to_bits().into(),
        (Form::Enum { id, cases, .. }, Value::Enum(of, case, _))
            if id == of && form.is_bare_enum() && usize::from(*case) < cases.len() =>
        {
            (*case).into()
        }
        _ => return None,
    })
}

/// The value of a word of a scalar type.
#[inline]
pub(super) fn of_scalar(form: &Form, word: u64) -> Option<Value> {
    Some(match form {
        Form::Bool => Value::Bool(word != 0),
        Form::Trit => Value::Trit(word as i8),
        Form::Tryte(_) => Value::Tryte(word as i64),
        Form::Int => Value::Int(word as i64),
        Form::U64 => Value::U64(word),
        Form::Float => Value::Float(f64::from_bits(word)),
        Form::F32 => Value::F32(f32::from_bits(word as u32)),
        Form::Enum { id, .. } if form.is_bare_enum() => Value::Enum(*id, word as u16, Vec::new().into()),
        _ => return None,
    })
}

/// A value's parts with their types, and what is made of their words.
type Parts<'a> = (Vec<(&'a Value, TypeIndex)>, Build<'a>);

fn parts<'a>(form: &Form, value: &'a Value, shape: u32) -> Option<Parts<'a>> {
    let typed = |values: &'a [Value], types: Vec<TypeIndex>| {
        let n = values.len();
        (n == types.len()).then(|| (values.iter().zip(types).collect::<Vec<_>>(), n))
    };
    let case = |case: u16, carried: &'a [Value]| {
        if usize::from(case) >= form.n_cases() {
            return None;
        }
        let types = (0..form.n_carried(case.into())).filter_map(|place| form.carried(case.into(), place)).collect();
        typed(carried, types).map(|(parts, n)| (parts, Build::Parts(shape + u32::from(case), n)))
    };
    match (form, value) {
        (Form::List(of), Value::List(items)) => {
            Some((items.iter().map(|item| (item, *of)).collect(), Build::Words(shape, items.len())))
        }
        (Form::Set(of), Value::Set(items)) => {
            Some((items.iter().map(|item| (item, *of)).collect(), Build::Words(shape, items.len())))
        }
        (Form::Map(key, of), Value::Map(entries)) => {
            let parts = entries.iter().flat_map(|(k, v)| [(k, *key), (v, *of)]).collect();
            Some((parts, Build::Words(shape, 2 * entries.len())))
        }
        (Form::Tuple(_), Value::Tuple(values)) => {
            typed(values, form.places()?).map(|(parts, n)| (parts, Build::Parts(shape, n)))
        }
        (Form::Record { id, .. }, Value::Record(of, values)) if id == of => {
            typed(values, form.places()?).map(|(parts, n)| (parts, Build::Parts(shape, n)))
        }
        (Form::Option(_), Value::Option(inner)) => match inner {
            None => case(0, &[]),
            Some(inner) => case(1, std::slice::from_ref(inner)),
        },
        (Form::Result(..), Value::Result(Ok(inner))) => case(0, std::slice::from_ref(inner)),
        (Form::Result(..), Value::Result(Err(inner))) => case(1, std::slice::from_ref(inner)),
        (Form::Enum { id, .. }, Value::Enum(of, n, carried)) if id == of => case(*n, carried),
        _ => None,
    }
}

/// Makes the word of a constant that the verifier accepted.
pub(super) fn word_of_const(
    heap: &mut Heap,
    layouts: &Layouts,
    bytecode: &Bytecode,
    value: &Const,
    ty: TypeIndex,
) -> Result<u64, Fault> {
    let form = bytecode.form(ty);
    match value {
        Const::Word(word) => Ok(*word),
        Const::Text(text) => heap.text(text),
        Const::Bytes(bytes) => heap.of_bytes(bytes.clone()),
        Const::Parts(parts) => {
            let mut words = Vec::with_capacity(parts.len());
            for (at, part) in parts.iter().enumerate() {
                let ty = TypeIndex(layouts.part(ty.0, at));
                words.push(word_of_const(heap, layouts, bytecode, part, ty)?);
            }
            match form {
                Some(Form::Tuple(_) | Form::Record { .. }) => heap.of_parts(layouts.shape_of(ty.0), layouts, &words),
                _ => heap.of_words(layouts.shape_of(ty.0), words),
            }
        }
        Const::Case(case, carried) => {
            let mut words = Vec::with_capacity(carried.len());
            for (at, part) in carried.iter().enumerate() {
                let ty = TypeIndex(layouts.carried(ty.0, *case, at));
                words.push(word_of_const(heap, layouts, bytecode, part, ty)?);
            }
            heap.of_parts(layouts.shape_of(ty.0) + u32::from(*case), layouts, &words)
        }
    }
}

/// What is to be done next, to make values.
enum Read {
    Part(u64, TypeIndex),
    /// Of the last so many values, one of a type; the case of those that have cases. The cell is kept for its next use.
    Make(u64, TypeIndex, u16, usize),
}

/// Makes the value of a word.
pub(super) fn value_of(heap: &Heap, layouts: &Layouts, bytecode: &Bytecode, word: u64, ty: TypeIndex) -> Value {
    let mut todo = vec![Read::Part(word, ty)];
    let mut values: Vec<Value> = Vec::new();
    let mut known: HashMap<u64, Value> = HashMap::new();
    let mut buffer = [0; 8];
    while let Some(next) = todo.pop() {
        match next {
            Read::Part(word, ty) => {
                let Some(form) = bytecode.form(ty) else { continue };
                let is_cell = form.is_heap() && word & INLINE == 0;
                if is_cell && let Some(value) = known.get(&word) {
                    values.push(value.clone());
                    continue;
                }
                if let Some(value) = of_scalar(form, word) {
                    values.push(value);
                    continue;
                }
                let leaf = match form {
                    Form::String => Value::String(heap.str(word, &mut buffer).into()),
                    Form::Bytes => Value::Bytes(heap.bytes(word).into()),
                    _ => {
                        open(heap, layouts, word, ty, form, &mut todo);
                        continue;
                    }
                };
                values.push(leaf);
            }
            Read::Make(word, ty, case, n) => {
                let parts = values.split_off(values.len().saturating_sub(n));
                let Some(value) = bytecode.form(ty).map(|form| made(form, case, parts)) else { continue };
                if word & INLINE == 0 {
                    known.insert(word, value.clone());
                }
                values.push(value);
            }
        }
    }
    values.pop().unwrap_or(Value::Bool(false))
}

fn open(heap: &Heap, layouts: &Layouts, word: u64, ty: TypeIndex, form: &Form, todo: &mut Vec<Read>) {
    if form.n_cases() > 0 {
        let case = heap.case(word, layouts);
        let n = layouts.n_carried(ty.0, case);
        todo.push(Read::Make(word, ty, case, n));
        let part = |at| Read::Part(heap.carried(word, at), TypeIndex(layouts.carried(ty.0, case, at)));
        todo.extend((0..n).rev().map(part));
        return;
    }
    let words = heap.words(word);
    let n = if form.places().is_some() { layouts.n_places(ty.0) } else { words.len() };
    todo.push(Read::Make(word, ty, 0, n));
    let part = |at: usize| Read::Part(words.get(at).copied().unwrap_or(0), TypeIndex(layouts.part(ty.0, at)));
    todo.extend((0..n).rev().map(part));
}

fn made(form: &Form, case: u16, parts: Vec<Value>) -> Value {
    let one = |parts: Vec<Value>| Rc::new(parts.into_iter().next().unwrap_or(Value::Bool(false)));
    match form {
        Form::List(_) => Value::List(Rc::new(parts)),
        Form::Set(_) => Value::Set(Rc::new(parts.into_iter().collect())),
        Form::Map(..) => {
            let mut entries = std::collections::BTreeMap::new();
            let mut parts = parts.into_iter();
            while let (Some(key), Some(of)) = (parts.next(), parts.next()) {
                entries.insert(key, of);
            }
            Value::Map(Rc::new(entries))
        }
        Form::Option(_) if case == 0 => Value::Option(None),
        Form::Option(_) => Value::Option(Some(one(parts))),
        Form::Result(..) if case == 0 => Value::Result(Ok(one(parts))),
        Form::Result(..) => Value::Result(Err(one(parts))),
        Form::Record { id, .. } => Value::Record(*id, parts.into()),
        Form::Enum { id, .. } => Value::Enum(*id, case, parts.into()),
        _ => Value::Tuple(parts.into()),
    }
}
