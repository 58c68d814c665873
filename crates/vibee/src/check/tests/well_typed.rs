//! What the checker promises of a program without errors, asked of every node; and that no text makes it panic.

use std::collections::HashSet;

use super::{STRINGS, checked};
use crate::{
    check::candidates::{Param, Target, operations},
    diagnostic::Severity,
    random::SplitMix64,
    typed::{Expr, Function, Kind, LocalId, Over, Pattern, Program, Role},
    types::{Shape, Type},
    value::Value,
};

/// Asserts that a program keeps every promise of `typed`.
pub(super) fn assert_well_typed(program: &Program) {
    for function in &program.functions {
        let name = format!("{}.{}", function.module, function.name);
        for local in &function.locals {
            assert_plain(program, &local.ty, &name);
        }
        for local in function.locals.iter().take(function.n_params) {
            assert_eq!(program.erased(&local.declared), local.ty, "{name}: {}", local.name);
        }
        let Some(body) = &function.body else {
            assert_eq!(function.role, Role::Extern, "{name} has no body");
            continue;
        };
        assert_eq!(program.erased(&function.returns), body.ty, "{name} returns");
        let mut check = Check { program, function, name, bound: HashSet::new() };
        check.bound.extend((0..function.n_params as u32).map(LocalId));
        check.expr(body);
    }
}

/// Types of expressions have no constraint, no name of another type, nothing unknown.
fn assert_plain(program: &Program, ty: &Type, name: &str) {
    assert_eq!(program.erased(ty), *ty, "{name}");
    let text = format!("{ty:?}");
    assert!(!["Var", "Poison", "Param", "Tryte(0)"].iter().any(|bad| text.contains(bad)), "{name}: {text}");
}

struct Check<'p> {
    program: &'p Program,
    function: &'p Function,
    name: String,
    bound: HashSet<LocalId>,
}

impl Check<'_> {
    fn is(&self, expr: &Expr, ty: &Type) {
        assert_eq!(expr.ty, *ty, "{}: {expr:?}", self.name);
    }

    fn bind(&mut self, local: LocalId, ty: &Type) {
        assert_eq!(self.function.locals[local.0 as usize].ty, *ty, "{}: {local:?}", self.name);
        self.bound.insert(local);
    }

    fn fields(&self, fields: &[crate::types::FieldDef], parts: &[Expr]) {
        assert_eq!(fields.len(), parts.len(), "{}", self.name);
        for (field, part) in fields.iter().zip(parts) {
            self.is(part, &self.program.erased(&field.ty));
        }
    }

    fn expr(&mut self, expr: &Expr) {
        assert_plain(self.program, &expr.ty, &self.name);
        let outer = self.bound.clone();
        match &expr.kind {
            Kind::Let { local, value, body } => {
                self.expr(value);
                self.is(body, &expr.ty);
                self.bind(*local, &value.ty);
                self.expr(body);
            }
            Kind::Match { subject, arms } => {
                self.expr(subject);
                for arm in arms {
                    let outer = self.bound.clone();
                    self.pattern(&arm.pattern, &subject.ty);
                    arm.guard.iter().for_each(|guard| {
                        self.is(guard, &Type::Bool);
                        self.expr(guard);
                    });
                    self.is(&arm.body, &expr.ty);
                    self.expr(&arm.body);
                    self.bound = outer;
                }
            }
            Kind::Loop(of) => {
                let item = match &of.over {
                    Over::Range(lo, hi) => {
                        self.is(lo, &Type::Int);
                        self.is(hi, &Type::Int);
                        self.expr(lo);
                        self.expr(hi);
                        Type::Int
                    }
                    Over::Items(over) => {
                        self.expr(over);
                        match &over.ty {
                            Type::List(of) | Type::Set(of) => (**of).clone(),
                            Type::Map(key, of) => Type::Tuple(vec![(**key).clone(), (**of).clone()]),
                            Type::String => Type::String,
                            Type::Bytes => Type::Int,
                            other => panic!("{}: a loop over {other:?}", self.name),
                        }
                    }
                };
                self.expr(&of.init);
                self.is(&of.init, &expr.ty);
                self.bind(of.item, &item);
                self.bind(of.acc, &expr.ty);
                of.until.iter().for_each(|until| {
                    self.is(until, &Type::Bool);
                    self.expr(until);
                });
                self.is(&of.step, &expr.ty);
                self.expr(&of.step);
            }
            _ => {
                self.node(expr);
                expr.for_each_part(&mut |part| self.expr(part));
            }
        }
        self.bound = outer;
    }

    fn node(&self, expr: &Expr) {
        let name = &self.name;
        match (&expr.kind, &expr.ty) {
            (Kind::Const(value), ty) => assert!(is_of(value, ty), "{name}: {value:?} of {ty:?}"),
            (Kind::Local(local), ty) => {
                assert!(self.bound.contains(local), "{name}: {local:?} is not bound");
                assert_eq!(self.function.locals[local.0 as usize].ty, *ty, "{name}: {local:?}");
            }
            (Kind::If { condition, then, otherwise }, ty) => {
                self.is(condition, &Type::Bool);
                self.is(then, ty);
                self.is(otherwise, ty);
            }
            (Kind::Call { function, args, .. }, ty) => {
                let callee = self.program.function(*function);
                assert_eq!(callee.n_params, args.len(), "{name}: {}", callee.name);
                args.iter().zip(&callee.locals).for_each(|(arg, local)| self.is(arg, &local.ty));
                assert_eq!(self.program.erased(&callee.returns), *ty, "{name}: {}", callee.name);
            }
            (Kind::Intrinsic { op, args }, ty) => {
                let row = operations(op.row().name)
                    .find(|row| matches!(row.target, Target::Intrinsic(found) if found == *op))
                    .expect("each operation is in the table");
                let mut params: Vec<(String, Type)> = Vec::new();
                assert_eq!(row.params.len(), args.len(), "{name}: {op:?}");
                for (param, arg) in row.params.iter().zip(args) {
                    let Param::Value(param) = param else { panic!("{op:?} takes a lambda") };
                    assert!(fits(param, &arg.ty, &mut params), "{name}: {op:?} of {:?}", arg.ty);
                }
                assert!(fits(&row.returns, ty, &mut params), "{name}: {op:?} gives {ty:?}");
            }
            (Kind::Tuple(parts), Type::Tuple(of)) => {
                assert_eq!(parts.len(), of.len());
                parts.iter().zip(of).for_each(|(part, ty)| self.is(part, ty));
            }
            (Kind::List(items), Type::List(of)) => items.iter().for_each(|item| self.is(item, of)),
            (Kind::Record(id, parts), Type::Named(named)) if id == named => {
                let Shape::Record(fields) = &self.program.type_def(*id).shape else { panic!("{name}: no record") };
                self.fields(fields, parts);
            }
            (Kind::Variant(id, number, parts), Type::Named(named)) if id == named => {
                let Shape::Enum { cases, .. } = &self.program.type_def(*id).shape else { panic!("{name}: no enum") };
                self.fields(&cases[usize::from(*number)].fields, parts);
            }
            (Kind::Option(None), Type::Option(_)) | (Kind::Fault(_), _) => {}
            (Kind::Option(Some(inner)), Type::Option(of))
            | (Kind::Ok(inner), Type::Result(of, _))
            | (Kind::Err(inner), Type::Result(_, of)) => self.is(inner, of),
            (Kind::Field(of, at), ty) => {
                let found = match &of.ty {
                    Type::Tuple(parts) => parts[usize::from(*at)].clone(),
                    Type::Named(id) => match &self.program.type_def(*id).shape {
                        Shape::Record(fields) => self.program.erased(&fields[usize::from(*at)].ty),
                        _ => panic!("{name}: a field of no record"),
                    },
                    other => panic!("{name}: a field of {other:?}"),
                };
                assert_eq!(found, *ty, "{name}");
            }
            (Kind::InRange { value, .. }, Type::Int) => self.is(value, &Type::Int),
            (Kind::Assert { condition, body, .. }, ty) => {
                self.is(condition, &Type::Bool);
                self.is(body, ty);
            }
            (Kind::Cover(number, inner), ty) => {
                assert!((*number as usize) < self.program.cover.len());
                self.is(inner, ty);
            }
            (kind, ty) => panic!("{name}: {kind:?} of {ty:?}"),
        }
    }

    fn pattern(&mut self, pattern: &Pattern, ty: &Type) {
        match (pattern, ty) {
            (Pattern::Any, _) | (Pattern::IntIn(..), Type::Int) | (Pattern::None, Type::Option(_)) => {}
            (Pattern::Bind(local), ty) => self.bind(*local, ty),
            (Pattern::Literal(value), ty) => assert!(is_of(value, ty), "{}: {value:?} of {ty:?}", self.name),
            (Pattern::Variant(id, number, of), Type::Named(_)) => {
                let Shape::Enum { cases, .. } = &self.program.type_def(*id).shape else { panic!("no enum") };
                let fields = cases[usize::from(*number)].fields.clone();
                assert_eq!(fields.len(), of.len());
                fields.iter().zip(of).for_each(|(field, of)| self.pattern(of, &self.program.erased(&field.ty)));
            }
            (Pattern::Record(id, of), Type::Named(_)) => {
                let Shape::Record(fields) = self.program.type_def(*id).shape.clone() else { panic!("no record") };
                assert_eq!(fields.len(), of.len());
                fields.iter().zip(of).for_each(|(field, of)| self.pattern(of, &self.program.erased(&field.ty)));
            }
            (Pattern::Some(of), Type::Option(ty))
            | (Pattern::Ok(of), Type::Result(ty, _))
            | (Pattern::Err(of), Type::Result(_, ty)) => self.pattern(of, ty),
            (Pattern::Tuple(of), Type::Tuple(types)) => {
                assert_eq!(of.len(), types.len());
                of.iter().zip(types).for_each(|(of, ty)| self.pattern(of, ty));
            }
            (Pattern::List(of), Type::List(ty)) => of.iter().for_each(|of| self.pattern(of, ty)),
            (Pattern::Or(of), ty) => of.iter().for_each(|of| self.pattern(of, ty)),
            (pattern, ty) => panic!("{}: {pattern:?} of {ty:?}", self.name),
        }
    }
}

fn is_of(value: &Value, ty: &Type) -> bool {
    matches!(
        (value, ty),
        (Value::Bool(_), Type::Bool)
            | (Value::Trit(_), Type::Trit)
            | (Value::Tryte(_), Type::Tryte(_))
            | (Value::Int(_), Type::Int)
            | (Value::U64(_), Type::U64)
            | (Value::Float(_), Type::Float)
            | (Value::F32(_), Type::F32)
            | (Value::String(_), Type::String)
            | (Value::Bytes(_), Type::Bytes)
    )
}

/// Whether a signature's type is that type, each parameter of it the same everywhere.
fn fits(pattern: &Type, ty: &Type, params: &mut Vec<(String, Type)>) -> bool {
    let mut is = |name: String| {
        let known = params.iter().find(|(n, _)| *n == name).map(|(_, known)| known.clone());
        if known.is_none() {
            params.push((name, ty.clone()));
        }
        known.is_none_or(|known| known == *ty)
    };
    match (pattern, ty) {
        (Type::Param(name), _) => is(name.to_string()),
        (Type::Tryte(0), Type::Tryte(_)) => is("#".into()),
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Option(a), Type::Option(b)) => {
            fits(a, b, params)
        }
        (Type::Map(k, v), Type::Map(l, w)) | (Type::Result(k, v), Type::Result(l, w)) => {
            fits(k, l, params) && fits(v, w, params)
        }
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits(a, b, params)),
        (a, b) => a == b,
    }
}

const TEXTS: [&str; 2] =
    [include_str!("../../../testdata/check/keep_alive.vibee"), include_str!("../../../testdata/check/language.vibee")];

#[test]
fn what_is_accepted_is_well_typed() {
    for text in TEXTS {
        let (_, program, _) = checked(&[STRINGS, text]);
        assert_well_typed(&program);
    }
}

/// Words of the texts are taken away, doubled, exchanged and replaced by others.
#[test]
fn no_change_of_a_text_makes_a_panic_or_an_ill_typed_program() {
    let mut n_accepted = 0;
    for seed in 0..150 {
        let mut random = SplitMix64::new(seed);
        let text = TEXTS[random.below(2) as usize];
        let items: Vec<&str> = text.split_inclusive("\n  - name").collect();
        let mut below = |n: usize| random.below(n as u64) as usize;
        let mut words: Vec<String> = Vec::new();
        for item in items {
            for word in item.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
                words.push(word.to_string());
            }
        }
        for _ in 0..=below(3) {
            let (at, other) = (below(words.len()), below(words.len()));
            match below(4) {
                0 => words[at].clear(),
                1 => words[at] = words[other].clone(),
                2 => words.swap(at, other),
                _ => {
                    let word = words[at].clone();
                    words.insert(at, word);
                }
            }
        }
        let text = words.concat();
        let (_, program, diagnostics) = checked(&[STRINGS, &text]);
        if diagnostics.iter().all(|d| d.severity() == Severity::Warning) {
            assert_well_typed(&program);
            n_accepted += 1;
        }
    }
    assert!(n_accepted > 10, "{n_accepted}");
}

#[test]
fn expressions_as_deep_as_the_parser_lets_through_are_checked() {
    let deep = |open: &str, inner: &str, close: &str, n: usize| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    let n = crate::limits::EXPR_DEPTH_MAX - 4;
    for body in [
        deep("(", "a", ")", n),
        deep("1 + (", "a", ")", n / 2),
        deep("if a > 0 { ", "a", " } else { 0 }", n),
        deep("match a { 0 => 1, _ => ", "a", " }", n),
        deep("[1].map(_ => ", "a", ").len()", n / 4),
        (0..n).map(|n| format!("let a{n} = a; ")).collect::<String>() + "a",
    ] {
        let text = format!(
            "vibee: 3\nname: t\nversion: 1.0.0\nfunctions:\n  - name: f\n    params: {{ a: Int }}\n    returns: Int\n    body: |\n      {body}\n"
        );
        let (sources, program, diagnostics) = checked(&[&text]);
        let errors: Vec<_> = diagnostics.into_iter().filter(|d| d.severity() == Severity::Error).collect();
        let shown = crate::render::render(&errors, &sources, crate::render::Style::Plain);
        assert!(errors.is_empty(), "{shown}");
        assert_well_typed(&program);
    }
}
