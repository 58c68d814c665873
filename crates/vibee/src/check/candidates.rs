//! What a name that is called may mean: operations of the table, methods that take a lambda, declared functions; with
//! their signatures as types.

use std::{collections::HashMap, sync::LazyLock};

use crate::{
    intrinsic::{Intrinsic, TABLE},
    types::Type,
};

use super::{
    Checker,
    methods::{METHODS, Method},
    unify::with_params,
};

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Intrinsic(Intrinsic),
    Method(&'static Method),
    Decl(usize),
}

/// A parameter: a value, or what a lambda takes and gives.
#[derive(Clone, Debug)]
pub(super) enum Param {
    Value(Type),
    Lambda(Vec<Type>, Type),
}

/// A meaning of a name, with the types of its signature; `Param` and `Tryte(0)` stand for whatever the use has.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) target: Target,
    pub(super) params: Vec<Param>,
    pub(super) returns: Type,
}

/// A row of a table with its signature read.
struct Signature {
    params: Vec<Param>,
    returns: Type,
}

struct Tables {
    intrinsics: Vec<Signature>,
    methods: Vec<Signature>,
    by_name: HashMap<&'static str, Vec<Target>>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut by_name: HashMap<&'static str, Vec<Target>> = HashMap::new();
    let mut methods = Vec::new();
    for row in METHODS {
        by_name.entry(row.name).or_default().push(Target::Method(row));
        methods.push(signature(row.params, row.returns));
    }
    let mut intrinsics = Vec::new();
    for row in TABLE {
        by_name.entry(row.name).or_default().push(Target::Intrinsic(row.op));
        intrinsics.push(signature(row.params, row.returns));
    }
    Tables { intrinsics, methods, by_name }
});

fn signature(params: &[&str], returns: &str) -> Signature {
    Signature { params: params.iter().map(|text| read_param(text)).collect(), returns: read_type(returns) }
}

fn read_param(text: &str) -> Param {
    let Some((takes, gives)) = text.split_once("=>") else { return Param::Value(read_type(text)) };
    let takes = takes.trim();
    // `(A, T) => A` takes two; a pair would be written `((A, T)) => A`.
    let inner = takes.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    let takes = inner.map_or_else(|| vec![takes], split).into_iter().map(read_type).collect();
    Param::Lambda(takes, read_type(gives))
}

/// Reads a type of a signature, such as `List<(K, V)>`.
fn read_type(text: &str) -> Type {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        return Type::Tuple(split(inner).into_iter().map(read_type).collect());
    }
    let (name, args) = match text.split_once('<') {
        Some((name, rest)) => (name, split(rest.strip_suffix('>').unwrap_or(rest))),
        None => (text, Vec::new()),
    };
    let mut args = args.into_iter().map(|arg| Box::new(read_type(arg)));
    let mut next = || args.next().unwrap_or(Box::new(Type::Poison));
    match name {
        "Bool" => Type::Bool,
        "Trit" => Type::Trit,
        "Tryte" => Type::Tryte(0),
        "Int" => Type::Int,
        "U64" => Type::U64,
        "Float" => Type::Float,
        "F32" => Type::F32,
        "String" => Type::String,
        "Bytes" => Type::Bytes,
        "List" => Type::List(next()),
        "Set" => Type::Set(next()),
        "Map" => Type::Map(next(), next()),
        "Option" => Type::Option(next()),
        "Result" => Type::Result(next(), next()),
        letter => letter.chars().next().map_or(Type::Poison, Type::Param),
    }
}

/// Divides at the commas that stand in no bracket.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut rest, mut depth) = (Vec::new(), text, 0);
    let mut from = 0;
    loop {
        let Some(at) = rest.get(from..).and_then(|t| t.find([',', '<', '>', '(', ')'])).map(|at| at + from) else {
            parts.push(rest);
            return parts;
        };
        match rest.as_bytes().get(at) {
            Some(b'<' | b'(') => depth += 1,
            Some(b'>' | b')') => depth -= 1,
            _ if depth == 0 => {
                let (part, behind) = rest.split_at(at);
                parts.push(part);
                rest = behind.strip_prefix(',').unwrap_or(behind);
                from = 0;
                continue;
            }
            _ => {}
        }
        from = at + 1;
    }
}

/// The operations of a name, in the order of the table.
pub(super) fn operations(name: &str) -> impl Iterator<Item = Candidate> {
    let targets = TABLES.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
    targets.iter().map(|target| {
        let signature = match target {
            Target::Intrinsic(op) => TABLES.intrinsics.get(*op as usize),
            Target::Method(row) => {
                METHODS.iter().position(|r| std::ptr::eq(r, *row)).and_then(|at| TABLES.methods.get(at))
            }
            Target::Decl(_) => None,
        };
        Candidate {
            target: *target,
            params: signature.map(|s| s.params.clone()).unwrap_or_default(),
            returns: signature.map_or(Type::Poison, |s| s.returns.clone()),
        }
    })
}

impl Checker<'_> {
    /// A declared function as a candidate.
    pub(super) fn declared_candidate(&self, at: usize) -> Candidate {
        let decl = &self.decls[at];
        Candidate {
            target: Target::Decl(at),
            params: decl.params.iter().map(|(_, ty)| Param::Value(self.program.erased(ty))).collect(),
            returns: self.program.erased(&decl.returns),
        }
    }

    /// Puts fresh types for the type parameters of a signature; gives them too.
    pub(super) fn instantiate(&mut self, candidate: &Candidate) -> (Candidate, Vec<(char, Type)>) {
        let mut names = Vec::new();
        for param in &candidate.params {
            match param {
                Param::Value(ty) => params_of(ty, &mut names),
                Param::Lambda(takes, gives) => {
                    takes.iter().for_each(|ty| params_of(ty, &mut names));
                    params_of(gives, &mut names);
                }
            }
        }
        params_of(&candidate.returns, &mut names);
        if let Target::Decl(at) = candidate.target {
            for name in &self.decls[at].generics {
                if !names.contains(name) {
                    names.push(*name);
                }
            }
        }
        let types: Vec<(char, Type)> = names.into_iter().map(|name| (name, self.fresh())).collect();
        let params = candidate.params.iter().map(|param| match param {
            Param::Value(ty) => Param::Value(with_params(ty, &types)),
            Param::Lambda(takes, gives) => {
                Param::Lambda(takes.iter().map(|ty| with_params(ty, &types)).collect(), with_params(gives, &types))
            }
        });
        let made = Candidate {
            target: candidate.target,
            params: params.collect(),
            returns: with_params(&candidate.returns, &types),
        };
        (made, types)
    }

    /// Writes a candidate's parameters for a message.
    pub(super) fn show_params(&self, candidate: &Candidate) -> String {
        let params: Vec<String> = candidate
            .params
            .iter()
            .map(|param| match param {
                Param::Value(ty) => self.show(ty),
                Param::Lambda(takes, gives) => {
                    let takes: Vec<String> = takes.iter().map(|ty| self.show(ty)).collect();
                    format!("({}) => {}", takes.join(", "), self.show(gives))
                }
            })
            .collect();
        format!("({})", params.join(", "))
    }
}

/// Lists the type parameters of a type; `#` for the width of its Trytes.
fn params_of(ty: &Type, names: &mut Vec<char>) {
    match ty {
        Type::Param(name) if !names.contains(name) => names.push(*name),
        Type::Tryte(0) if !names.contains(&'#') => names.push('#'),
        Type::List(of) | Type::Set(of) | Type::Option(of) => params_of(of, names),
        Type::Map(a, b) | Type::Result(a, b) => {
            params_of(a, names);
            params_of(b, names);
        }
        Type::Tuple(of) => of.iter().for_each(|ty| params_of(ty, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Param, TABLES, read_param, read_type};
    use crate::types::Type;

    fn has_poison(ty: &Type) -> bool {
        crate::check::unify::is_poisoned(ty)
    }

    #[test]
    fn signatures_of_both_tables_are_read_whole() {
        assert_eq!(
            read_type("Map<K, List<(K, V)>>"),
            Type::Map(
                Box::new(Type::Param('K')),
                Box::new(Type::List(Box::new(Type::Tuple(vec![Type::Param('K'), Type::Param('V')]))))
            )
        );
        let Param::Lambda(takes, gives) = read_param("(A, T) => A") else { panic!("not a lambda") };
        assert_eq!((takes, gives), (vec![Type::Param('A'), Type::Param('T')], Type::Param('A')));
        for signature in TABLES.intrinsics.iter().chain(&TABLES.methods) {
            assert!(!has_poison(&signature.returns));
            for param in &signature.params {
                match param {
                    Param::Value(ty) => assert!(!has_poison(ty), "{ty:?}"),
                    Param::Lambda(takes, gives) => assert!(!takes.iter().any(has_poison) && !has_poison(gives)),
                }
            }
        }
    }
}
