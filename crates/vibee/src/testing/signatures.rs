//! Types of the table of operations, read and compared with those of a program.

use super::programs::COLOR;
use crate::types::Type;

/// Stands for the width of a Tryte.
pub(super) const WIDTH: char = 'n';

pub(super) fn is_ordered(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Int
            | Type::U64
            | Type::Float
            | Type::F32
            | Type::Trit
            | Type::Tryte(_)
            | Type::String
            | Type::Bytes
            | Type::Named(COLOR)
    )
}

/// The type of what a loop over it gives.
pub(super) fn items_of(ty: &Type) -> Option<Type> {
    match ty {
        Type::List(of) | Type::Set(of) => Some((**of).clone()),
        Type::Map(key, of) => Some(Type::Tuple(vec![(**key).clone(), (**of).clone()])),
        Type::String => Some(Type::String),
        Type::Bytes => Some(Type::Int),
        _ => None,
    }
}

/// Reads a type of the table of operations.
pub(super) fn signature(text: &str) -> Type {
    let inside = |text: &str| -> Vec<Type> {
        let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
        for (at, c) in text.char_indices() {
            match c {
                '<' | '(' => depth += 1,
                '>' | ')' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(signature(text.get(begin..at).unwrap_or_default()));
                    begin = at + 1;
                }
                _ => {}
            }
        }
        parts.push(signature(text.get(begin..).unwrap_or_default()));
        parts
    };
    let text = text.trim();
    if let Some(parts) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return Type::Tuple(inside(parts));
    }
    if let Some((name, args)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        let mut args = inside(args).into_iter().map(Box::new);
        let mut next = || args.next().unwrap_or_else(|| Box::new(Type::Poison));
        return match name {
            "List" => Type::List(next()),
            "Set" => Type::Set(next()),
            "Map" => Type::Map(next(), next()),
            "Option" => Type::Option(next()),
            _ => Type::Result(next(), next()),
        };
    }
    match text {
        "Bool" => Type::Bool,
        "Trit" => Type::Trit,
        "Tryte" => Type::Param(WIDTH),
        "Int" => Type::Int,
        "U64" => Type::U64,
        "Float" => Type::Float,
        "F32" => Type::F32,
        "String" => Type::String,
        "Bytes" => Type::Bytes,
        name => Type::Param(name.chars().next().unwrap_or('T')),
    }
}

pub(super) fn unify(signature: &Type, ty: &Type, bound: &mut Vec<(char, Type)>) -> bool {
    match (signature, ty) {
        (Type::Param(WIDTH), _) if !matches!(ty, Type::Tryte(_)) => false,
        (Type::Param(name), _) => {
            if !bound.iter().any(|(known, _)| known == name) {
                bound.push((*name, ty.clone()));
            }
            bound.contains(&(*name, ty.clone()))
        }
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Option(a), Type::Option(b)) => {
            unify(a, b, bound)
        }
        (Type::Map(a, c), Type::Map(b, d)) | (Type::Result(a, c), Type::Result(b, d)) => {
            unify(a, b, bound) && unify(c, d, bound)
        }
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| unify(a, b, bound)),
        _ => signature == ty,
    }
}

pub(super) fn filled(signature: &Type, bound: &[(char, Type)]) -> Type {
    let inner = |ty: &Type| Box::new(filled(ty, bound));
    match signature {
        Type::Param(name) => bound.iter().find(|(known, _)| known == name).map_or(Type::Bool, |(_, ty)| ty.clone()),
        Type::List(of) => Type::List(inner(of)),
        Type::Set(of) => Type::Set(inner(of)),
        Type::Option(of) => Type::Option(inner(of)),
        Type::Map(key, of) => Type::Map(inner(key), inner(of)),
        Type::Result(of, err) => Type::Result(inner(of), inner(err)),
        Type::Tuple(of) => Type::Tuple(of.iter().map(|ty| filled(ty, bound)).collect()),
        _ => signature.clone(),
    }
}
