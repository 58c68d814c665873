//! Types that agree: variables get what they stand for.

use std::collections::HashSet;

use crate::types::{Shape, Type};

use super::{Checker, TYPE_NODES_MAX};

impl Checker<'_> {
    /// Creates a type that is not known yet.
    pub(super) fn fresh(&mut self) -> Type {
        self.body.vars.push(None);
        Type::Var(self.body.vars.len() as u32 - 1)
    }

    /// Gives what a type is as far as its outermost shape goes.
    pub(super) fn shallow(&self, ty: &Type) -> Type {
        let mut ty = ty;
        while let Type::Var(n) = ty {
            match self.body.vars.get(*n as usize) {
                Some(Some(known)) => ty = known,
                _ => break,
            }
        }
        ty.clone()
    }

    /// Gives the type with everything known put in. One of more than [`TYPE_NODES_MAX`] nodes is poison.
    pub(super) fn resolved(&mut self, ty: &Type) -> Type {
        let mut budget = TYPE_NODES_MAX;
        let resolved = self.resolve_within(ty, &mut budget);
        if budget == 0 {
            self.is_too_large = true;
            return Type::Poison;
        }
        resolved
    }

    fn resolve_within(&self, ty: &Type, budget: &mut usize) -> Type {
        if *budget == 0 {
            return Type::Poison;
        }
        *budget -= 1;
        let mut inner = |ty: &Type| Box::new(self.resolve_within(ty, budget));
        match self.shallow(ty) {
            Type::List(of) => Type::List(inner(&of)),
            Type::Set(of) => Type::Set(inner(&of)),
            Type::Map(key, of) => Type::Map(inner(&key), inner(&of)),
            Type::Option(of) => Type::Option(inner(&of)),
            Type::Result(of, err) => Type::Result(inner(&of), inner(&err)),
            Type::Tuple(of) => Type::Tuple(of.iter().map(|ty| *inner(ty)).collect()),
            known => known,
        }
    }

    /// Makes two types agree, or says that they do not.
    pub(super) fn unify(&mut self, a: &Type, b: &Type) -> bool {
        let (a, b) = (self.shallow(a), self.shallow(b));
        match (&a, &b) {
            (Type::Poison, _) | (_, Type::Poison) => true,
            (Type::Var(n), Type::Var(m)) if n == m => true,
            (Type::Var(n), other) | (other, Type::Var(n)) => {
                let other = self.resolved(other);
                if self.occurs(*n, &other) {
                    return false;
                }
                if let Some(var) = self.body.vars.get_mut(*n as usize) {
                    *var = Some(other);
                }
                true
            }
            (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Option(a), Type::Option(b)) => {
                self.unify(a, b)
            }
            (Type::Map(k, v), Type::Map(l, w)) | (Type::Result(k, v), Type::Result(l, w)) => {
                let keys = self.unify(k, l);
                self.unify(v, w) && keys
            }
            (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
                a.iter().zip(b).fold(true, |agree, (a, b)| self.unify(a, b) && agree)
            }
            _ => a == b,
        }
    }

    fn occurs(&self, var: u32, ty: &Type) -> bool {
        match self.shallow(ty) {
            Type::Var(n) => n == var,
            Type::List(of) | Type::Set(of) | Type::Option(of) => self.occurs(var, &of),
            Type::Map(a, b) | Type::Result(a, b) => self.occurs(var, &a) || self.occurs(var, &b),
            Type::Tuple(of) => of.iter().any(|ty| self.occurs(var, ty)),
            _ => false,
        }
    }

    /// Whether a value of `ty` could be an argument where `pattern` stands, a signature's type: `Param` fits
    /// everything, `Tryte(0)` every width.
    pub(super) fn fits(&self, pattern: &Type, ty: &Type) -> bool {
        let ty = self.shallow(ty);
        match (&self.shallow(pattern), &ty) {
            (Type::Param(_) | Type::Var(_) | Type::Poison, _)
            | (_, Type::Var(_) | Type::Poison)
            | (Type::Tryte(0), Type::Tryte(_)) => true,
            (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Option(a), Type::Option(b)) => {
                self.fits(a, b)
            }
            (Type::Map(k, v), Type::Map(l, w)) | (Type::Result(k, v), Type::Result(l, w)) => {
                self.fits(k, l) && self.fits(v, w)
            }
            (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.fits(a, b)),
            (a, b) => a == b,
        }
    }

    /// Whether `<` is defined.
    pub(super) fn is_ordered(&self, ty: &Type) -> bool {
        match ty {
            Type::Int
            | Type::U64
            | Type::Float
            | Type::F32
            | Type::Trit
            | Type::Tryte(_)
            | Type::String
            | Type::Bytes
            | Type::Poison
            | Type::Var(_) => true,
            Type::Named(id) => matches!(self.program.type_def(*id).shape, Shape::Enum { is_ordered: true, .. }),
            _ => false,
        }
    }

    /// Whether a Float or F32 may stand within values of the type, which keys of maps must not have.
    pub(super) fn has_float(&self, ty: &Type) -> bool {
        let mut has_float = false;
        self.for_each_within(std::slice::from_ref(ty), &mut |ty| has_float |= matches!(ty, Type::Float | Type::F32));
        has_float
    }

    /// Calls `visit` for all types that values of some types may have within, those themselves included: declared ones
    /// once each.
    pub(super) fn for_each_within(&self, types: &[Type], visit: &mut dyn FnMut(&Type)) {
        let mut seen = HashSet::new();
        let mut todo: Vec<Type> = types.to_vec();
        while let Some(ty) = todo.pop() {
            let ty = self.shallow(&ty);
            visit(&ty);
            match ty {
                Type::List(of) | Type::Set(of) | Type::Option(of) => todo.push(*of),
                Type::Map(a, b) | Type::Result(a, b) => todo.extend([*a, *b]),
                Type::Tuple(of) => todo.extend(of),
                Type::Named(id) if seen.insert(id) => match &self.program.type_def(id).shape {
                    Shape::Record(fields) => todo.extend(fields.iter().map(|f| f.ty.clone())),
                    Shape::Enum { cases, .. } => {
                        todo.extend(cases.iter().flat_map(|case| &case.fields).map(|f| f.ty.clone()));
                    }
                    Shape::Constrained { base, .. } | Shape::Alias(base) => todo.push(base.clone()),
                },
                _ => {}
            }
        }
    }
}

/// Whether poison stands anywhere in it: then a message was given already.
pub(super) fn is_poisoned(ty: &Type) -> bool {
    match ty {
        Type::Poison => true,
        Type::List(of) | Type::Set(of) | Type::Option(of) => is_poisoned(of),
        Type::Map(a, b) | Type::Result(a, b) => is_poisoned(a) || is_poisoned(b),
        Type::Tuple(of) => of.iter().any(is_poisoned),
        _ => false,
    }
}

/// The type with type parameters put in.
pub(super) fn with_params(ty: &Type, params: &[(char, Type)]) -> Type {
    let inner = |ty: &Type| Box::new(with_params(ty, params));
    match ty {
        Type::Param(name) => params.iter().find(|(n, _)| n == name).map_or(ty.clone(), |(_, ty)| ty.clone()),
        Type::Tryte(0) => params.iter().find(|(n, _)| *n == '#').map_or(ty.clone(), |(_, ty)| ty.clone()),
        Type::List(of) => Type::List(inner(of)),
        Type::Set(of) => Type::Set(inner(of)),
        Type::Map(key, of) => Type::Map(inner(key), inner(of)),
        Type::Option(of) => Type::Option(inner(of)),
        Type::Result(of, err) => Type::Result(inner(of), inner(err)),
        Type::Tuple(of) => Type::Tuple(of.iter().map(|ty| with_params(ty, params)).collect()),
        _ => ty.clone(),
    }
}
