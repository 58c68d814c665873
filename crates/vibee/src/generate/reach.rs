//! What of a program goes into generated code: all that the modules asked for can reach.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    intrinsic::Intrinsic,
    typed::{Expr, FunctionId, Kind, Over, Pattern, Program, Role},
    types::{Shape, Type, TypeId},
    value::Value,
};

/// What generated code contains.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used {
    /// Public functions: functions, behaviours and constants of the modules asked for that have a body, and conditions
    /// of their constrained types.
    pub(crate) public: Vec<FunctionId>,
    /// All functions in the order of the program: the public ones and what they call.
    pub(crate) functions: Vec<FunctionId>,
    /// Behaviours of the modules asked for without a body, which no code is generated for.
    pub(crate) external: Vec<FunctionId>,
    /// Conditions of constrained types: the type and the function, which asks whether a value is one of it.
    pub(crate) conditions: Vec<(TypeId, FunctionId)>,
    /// Records and enums, each after those that it contains where that is possible.
    pub(crate) named: Vec<TypeId>,
    /// Types of values without constraints, inner ones first, each once.
    pub(crate) types: Vec<Type>,
    /// Operations with the types of their operands (without constraints) and of their result.
    pub(crate) operations: BTreeMap<Intrinsic, Vec<(Vec<Type>, Type)>>,
    may_fault: BTreeSet<FunctionId>,
    seen: BTreeSet<TypeId>,
}

/// Whether an operation can fault, as its row says.
pub(crate) fn may_fault(op: Intrinsic) -> bool {
    op.row().doc.contains("fault")
}

impl Used {
    /// Finds what the modules of `program` that were asked for use.
    pub(crate) fn of(program: &Program) -> Self {
        let mut used = Self::default();
        let is_asked_for = |module: &str| program.modules.iter().any(|m| m.is_asked_for && m.name == module);
        for (i, def) in program.types.iter().enumerate() {
            if let (Shape::Constrained { holds, .. }, true) = (&def.shape, is_asked_for(&def.module)) {
                used.conditions.push((TypeId(i as u32), *holds));
            }
        }
        for (i, function) in program.functions.iter().enumerate() {
            let id = FunctionId(i as u32);
            if !is_asked_for(&function.module) {
                continue;
            }
            match function.role {
                Role::Function | Role::Behavior | Role::Constant if function.body.is_some() => used.public.push(id),
                Role::Behavior | Role::Extern => used.external.push(id),
                _ => {}
            }
        }
        used.public.extend(used.conditions.iter().map(|(_, holds)| *holds));
        used.reach(program, &used.public.clone());
        for (i, def) in program.types.iter().enumerate() {
            if is_asked_for(&def.module) {
                used.add_named(program, TypeId(i as u32));
            }
        }
        used.find_faults(program);
        used
    }

    /// Adds functions, and all that they use.
    pub(crate) fn reach(&mut self, program: &Program, roots: &[FunctionId]) {
        let mut functions: BTreeSet<FunctionId> = self.functions.iter().copied().collect();
        let mut open: Vec<FunctionId> = roots.to_vec();
        while let Some(id) = open.pop() {
            if !functions.insert(id) {
                continue;
            }
            let function = program.function(id);
            for local in &function.locals {
                self.add_type(program, &local.ty);
            }
            self.add_type(program, &function.returns);
            let Some(body) = &function.body else { continue };
            walk(body, &mut |expr| {
                self.add_type(program, &expr.ty);
                match &expr.kind {
                    Kind::Call { function, .. } => open.push(*function),
                    Kind::Intrinsic { op, args } => {
                        let types: Vec<Type> = args.iter().map(|arg| program.erased(&arg.ty)).collect();
                        let all = self.operations.entry(*op).or_default();
                        let row = (types, program.erased(&expr.ty));
                        if !all.contains(&row) {
                            all.push(row);
                        }
                    }
                    _ => {}
                }
            });
        }
        self.functions = functions.into_iter().collect();
        self.find_faults(program);
    }

    /// Whether a call of the function can fault, the limits of fuel, memory and depth aside.
    pub(crate) fn may_fault(&self, function: FunctionId) -> bool {
        self.may_fault.contains(&function)
    }

    fn add_type(&mut self, program: &Program, ty: &Type) {
        let ty = program.erased(ty);
        if self.types.contains(&ty) {
            return;
        }
        for inner in parts(&ty) {
            self.add_type(program, inner);
        }
        if let Type::Named(id) = ty {
            self.add_named(program, id);
        }
        if !self.types.contains(&ty) {
            self.types.push(ty);
        }
    }

    fn add_named(&mut self, program: &Program, id: TypeId) {
        if !self.seen.insert(id) {
            return;
        }
        let fields: Vec<&Type> = match &program.type_def(id).shape {
            Shape::Record(fields) => fields.iter().map(|field| &field.ty).collect(),
            Shape::Enum { cases, .. } => cases.iter().flat_map(|case| &case.fields).map(|field| &field.ty).collect(),
            Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => return self.add_type(program, ty),
        };
        for ty in fields {
            self.add_type(program, ty);
        }
        self.named.push(id);
        if !self.types.contains(&Type::Named(id)) {
            self.types.push(Type::Named(id));
        }
    }

    /// The least set of functions that fault: those that do themselves, and those that call one.
    fn find_faults(&mut self, program: &Program) {
        loop {
            let before = self.may_fault.len();
            for id in &self.functions {
                let Some(body) = &program.function(*id).body else { continue };
                if !self.may_fault.contains(id) && faults(body, &|id| self.may_fault.contains(&id)) {
                    self.may_fault.insert(*id);
                }
            }
            if self.may_fault.len() == before {
                return;
            }
        }
    }
}

/// Whether the expression can fault, if the functions that can are those of `may_call_fault`.
pub(crate) fn faults(expr: &Expr, may_call_fault: &dyn Fn(FunctionId) -> bool) -> bool {
    let mut found = false;
    walk(expr, &mut |expr| {
        found |= match &expr.kind {
            Kind::Call { function, .. } => may_call_fault(*function),
            Kind::Intrinsic { op, .. } => may_fault(*op),
            Kind::InRange { .. } | Kind::Assert { .. } | Kind::Fault(_) => true,
            _ => false,
        }
    });
    found
}

/// The types that a type is directly made of.
pub(crate) fn parts(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::List(of) | Type::Set(of) | Type::Option(of) => vec![of],
        Type::Map(a, b) | Type::Result(a, b) => vec![a, b],
        Type::Tuple(of) => of.iter().collect(),
        _ => Vec::new(),
    }
}

/// The expressions directly within one, in the order of evaluation.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        Kind::Const(_) | Kind::Local(_) | Kind::Option(None) | Kind::Fault(_) => Vec::new(),
        Kind::Let { value, body, .. } => vec![value, body],
        Kind::If { condition, then, otherwise } => vec![condition, then, otherwise],
        Kind::Match { subject, arms } => {
            let arms = arms.iter().flat_map(|arm| arm.guard.iter().chain([&arm.body]));
            std::iter::once(&**subject).chain(arms).collect()
        }
        Kind::Call { args, .. } | Kind::Intrinsic { args, .. } => args.iter().collect(),
        Kind::Tuple(items) | Kind::List(items) | Kind::Record(_, items) | Kind::Variant(_, _, items) => {
            items.iter().collect()
        }
        Kind::Option(Some(inner))
        | Kind::Ok(inner)
        | Kind::Err(inner)
        | Kind::Field(inner, _)
        | Kind::Cover(_, inner) => {
            vec![inner]
        }
        Kind::InRange { value, .. } => vec![value],
        Kind::Assert { condition, body, .. } => vec![condition, body],
        Kind::Loop(each) => {
            let over = match &each.over {
                Over::Items(items) => vec![items],
                Over::Range(lo, hi) => vec![lo, hi],
            };
            over.into_iter().chain([&each.init]).chain(&each.until).chain([&each.step]).collect()
        }
    }
}

/// Visits an expression and all within it.
pub(crate) fn walk<'a>(expr: &'a Expr, visit: &mut impl FnMut(&'a Expr)) {
    visit(expr);
    for child in children(expr) {
        walk(child, visit);
    }
}

/// Visits a pattern and all within it.
pub(crate) fn walk_pattern<'a>(pattern: &'a Pattern, visit: &mut impl FnMut(&'a Pattern)) {
    visit(pattern);
    match pattern {
        Pattern::Variant(_, _, inner)
        | Pattern::Record(_, inner)
        | Pattern::Tuple(inner)
        | Pattern::List(inner)
        | Pattern::Or(inner) => inner.iter().for_each(|pattern| walk_pattern(pattern, visit)),
        Pattern::Some(inner) | Pattern::Ok(inner) | Pattern::Err(inner) => walk_pattern(inner, visit),
        _ => {}
    }
}

/// Whether the value of this type contains a Float or F32, so that equality is no order.
pub(crate) fn has_float(program: &Program, ty: &Type) -> bool {
    fn within(program: &Program, ty: &Type, seen: &mut BTreeSet<TypeId>) -> bool {
        match ty {
            Type::Float | Type::F32 => true,
            Type::Named(id) if seen.insert(*id) => match &program.type_def(*id).shape {
                Shape::Record(fields) => fields.iter().any(|field| within(program, &field.ty, seen)),
                Shape::Enum { cases, .. } => {
                    cases.iter().flat_map(|case| &case.fields).any(|field| within(program, &field.ty, seen))
                }
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => within(program, ty, seen),
            },
            _ => parts(ty).into_iter().any(|ty| within(program, ty, seen)),
        }
    }
    within(program, ty, &mut BTreeSet::new())
}

/// Types of a record's fields, or of what a case carries, without constraints.
pub(crate) fn field_types(program: &Program, (id, case): (TypeId, u16)) -> Vec<Type> {
    let fields = match &program.type_def(id).shape {
        Shape::Record(fields) => &fields[..],
        Shape::Enum { cases, .. } => cases.get(case as usize).map_or(&[][..], |case| &case.fields),
        _ => &[],
    };
    fields.iter().map(|field| program.erased(&field.ty)).collect()
}

/// Whether the value is an empty List, Set, Map, String or Bytes.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Set(items) => items.is_empty(),
        Value::Map(items) => items.is_empty(),
        _ => false,
    }
}
