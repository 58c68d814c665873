//! Types and constants of bytecode, each once.

use super::Compiler;
use crate::{
    bytecode::{Const, Form, TypeIndex},
    types::{Shape, Type},
    value::Value,
};

impl Compiler<'_> {
    /// The index of a type, constraints left out.
    pub(super) fn ty(&mut self, ty: &Type) -> TypeIndex {
        if let Some(index) = self.types.get(ty) {
            return *index;
        }
        let erased = self.program.erased(ty);
        if erased != *ty {
            let index = self.ty(&erased);
            self.types.insert(ty.clone(), index);
            return index;
        }
        // The place is taken before the parts are looked at: one of them may be this type.
        let index = TypeIndex(self.bytecode.types.len() as u32);
        self.types.insert(ty.clone(), index);
        self.bytecode.types.push(Form::Bool);
        let form = self.form(ty);
        if let Some(place) = self.bytecode.types.get_mut(index.0 as usize) {
            *place = form;
        }
        index
    }

    fn form(&mut self, ty: &Type) -> Form {
        match ty {
            Type::Trit => Form::Trit,
            Type::Tryte(n) => Form::Tryte(*n),
            Type::Int | Type::IntIn(..) => Form::Int,
            Type::U64 => Form::U64,
            Type::Float => Form::Float,
            Type::F32 => Form::F32,
            Type::String => Form::String,
            Type::Bytes => Form::Bytes,
            Type::List(of) => Form::List(self.ty(of)),
            Type::Set(of) => Form::Set(self.ty(of)),
            Type::Map(key, of) => Form::Map(self.ty(key), self.ty(of)),
            Type::Option(of) => Form::Option(self.ty(of)),
            Type::Result(of, err) => Form::Result(self.ty(of), self.ty(err)),
            Type::Tuple(of) => Form::Tuple(of.iter().map(|ty| self.ty(ty)).collect()),
            Type::Named(id) => {
                let def = self.program.type_def(*id);
                let name = format!("{}.{}", def.module, def.name);
                match &def.shape {
                    Shape::Record(fields) => {
                        let fields = fields.iter().map(|field| (field.name.clone(), self.ty(&field.ty))).collect();
                        Form::Record { id: *id, name, fields }
                    }
                    Shape::Enum { cases, .. } => {
                        let mut all = Vec::new();
                        for case in cases {
                            let fields = case.fields.iter().map(|field| (field.name.clone(), self.ty(&field.ty)));
                            all.push((case.name.clone(), fields.collect()));
                        }
                        Form::Enum { id: *id, name, cases: all }
                    }
                    // `erased` left neither.
                    Shape::Constrained { .. } | Shape::Alias(_) => Form::Bool,
                }
            }
            // A checked program has no parameters of types left.
            _ => Form::Bool,
        }
    }

    /// The number of a constant that is one word.
    pub(super) fn word(&mut self, ty: TypeIndex, word: u64) -> u32 {
        let next = self.bytecode.consts.len() as u32;
        let index = *self.words.entry((ty, word)).or_insert(next);
        if index == next {
            self.bytecode.consts.push((ty, Const::Word(word)));
        }
        index
    }

    /// The number of a constant.
    pub(super) fn constant(&mut self, ty: TypeIndex, value: &Value) -> u32 {
        let next = self.bytecode.consts.len() as u32;
        match self.const_of(ty, value) {
            Const::Word(word) => self.word(ty, word),
            Const::Text(text) => {
                let index = *self.texts.entry(text.clone()).or_insert(next);
                if index == next {
                    self.bytecode.consts.push((ty, Const::Text(text)));
                }
                index
            }
            other => {
                self.bytecode.consts.push((ty, other));
                next
            }
        }
    }

    fn const_of(&self, ty: TypeIndex, value: &Value) -> Const {
        let form = self.bytecode.form(ty);
        let of = |ty: Option<TypeIndex>, value: &Value| self.const_of(ty.unwrap_or(ty_none()), value);
        let part = |place: usize| match form {
            Some(Form::List(of) | Form::Set(of)) => Some(*of),
            Some(Form::Map(key, of)) => Some(if place.is_multiple_of(2) { *key } else { *of }),
            Some(form) => form.places().and_then(|places| places.get(place).copied()),
            None => None,
        };
        let parts = |values: &mut dyn Iterator<Item = &Value>| {
            Const::Parts(values.enumerate().map(|(at, value)| of(part(at), value)).collect())
        };
        let case = |case: u16, values: &[Value]| {
            let carried = |place| form.and_then(|form| form.carried(case.into(), place));
            Const::Case(case, values.iter().enumerate().map(|(at, value)| of(carried(at), value)).collect())
        };
        match value {
            Value::Bool(x) => Const::Word((*x).into()),
            Value::Trit(x) => Const::Word(i64::from(*x) as u64),
            Value::Tryte(x) | Value::Int(x) => Const::Word(*x as u64),
            Value::U64(x) => Const::Word(*x),
            Value::Float(x) => Const::Word(crate::order::canonical(*x).to_bits()),
            Value::F32(x) => Const::Word(crate::order::canonical_f32(*x).to_bits().into()),
            Value::String(text) => Const::Text(text.to_string()),
            Value::Bytes(bytes) => Const::Bytes(bytes.to_vec()),
            Value::List(items) => parts(&mut items.iter()),
            Value::Set(items) => parts(&mut items.iter()),
            Value::Map(entries) => parts(&mut entries.iter().flat_map(|(key, of)| [key, of])),
            Value::Option(None) => case(0, &[]),
            Value::Option(Some(inner)) | Value::Result(Err(inner)) => case(1, std::slice::from_ref(inner)),
            Value::Result(Ok(inner)) => case(0, std::slice::from_ref(inner)),
            Value::Tuple(values) | Value::Record(_, values) => parts(&mut values.iter()),
            Value::Enum(_, n, values) => match form {
                Some(form) if form.is_bare_enum() => Const::Word((*n).into()),
                _ => case(*n, values),
            },
        }
    }
}

/// A type that there is not: what a value that is not of its type is looked for in.
fn ty_none() -> TypeIndex {
    TypeIndex(u32::MAX)
}
