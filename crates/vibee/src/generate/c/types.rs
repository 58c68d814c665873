//! Types: names, declarations in an order that C accepts, and what stands for their parts in the runtime's texts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    generate::{
        Input, Rename,
        names::{Case, Scope, in_case},
        reach::{field_types, parts},
        runtime::Runtime,
        writer::Writer,
    },
    typed::Program,
    types::{Shape, Type, TypeId},
};

/// Names of types and of their parts.
pub(super) struct Types<'a> {
    program: &'a Program,
    /// All types in use, inner ones first.
    all: Vec<Type>,
    names: BTreeMap<TypeId, String>,
    /// Enumerators, by case.
    pub(super) cases: BTreeMap<(TypeId, u16), String>,
    /// Members of the union, by case.
    pub(super) members: BTreeMap<(TypeId, u16), String>,
    /// Members of a record (case 0) or of a case.
    pub(super) fields: BTreeMap<(TypeId, u16), Vec<String>>,
}

impl<'a> Types<'a> {
    pub(super) fn new(input: &Input<'a>, renames: &mut Vec<Rename>) -> Self {
        let program = input.program;
        let (mut names, mut cases, mut members, mut fields) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut taken = BTreeSet::new();
        let mut free = |mut name: String| {
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            name
        };
        for id in &input.used.named {
            let def = program.type_def(*id);
            let name = free(format!("{}_{}", in_case(&def.module, Case::Snake), in_case(&def.name, Case::Pascal)));
            let mut names_of = |of: &mut dyn Iterator<Item = &String>| {
                let mut scope = Scope::new(super::RESERVED);
                let names: Vec<String> = of.map(|field| scope.name(field, Case::Snake, def.span)).collect();
                renames.append(&mut scope.renames);
                names
            };
            match &def.shape {
                Shape::Record(of) => {
                    fields.insert((*id, 0), names_of(&mut of.iter().map(|field| &field.name)));
                }
                Shape::Enum { cases: all, .. } => {
                    let names = names_of(&mut all.iter().map(|case| &case.name));
                    for ((i, case), member) in (0..).zip(all).zip(names) {
                        fields.insert((*id, i), names_of(&mut case.fields.iter().map(|field| &field.name)));
                        cases.insert((*id, i), free(format!("{name}_{}", in_case(&case.name, Case::Snake))));
                        members.insert((*id, i), member);
                    }
                }
                _ => {}
            }
            names.insert(*id, name);
        }
        Self { program, all: input.used.types.clone(), names, cases, members, fields }
    }

    /// What names of containers and functions call the type.
    pub(super) fn suffix(&self, ty: &Type) -> String {
        match ty {
            Type::Bool | Type::Param(_) | Type::Var(_) | Type::Poison => "bool".to_owned(),
            Type::Trit => "trit".to_owned(),
            Type::Tryte(_) | Type::Int | Type::IntIn(..) => "int".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::Float => "float".to_owned(),
            Type::F32 => "f32".to_owned(),
            Type::String => "text".to_owned(),
            Type::Bytes => "bytes".to_owned(),
            Type::List(of) => format!("list_{}", self.suffix(of)),
            Type::Set(of) => format!("set_{}", self.suffix(of)),
            Type::Option(of) => format!("option_{}", self.suffix(of)),
            Type::Map(a, b) => format!("map_{}_{}", self.suffix(a), self.suffix(b)),
            Type::Result(a, b) => format!("result_{}_{}", self.suffix(a), self.suffix(b)),
            Type::Tuple(of) => {
                format!("tuple_{}_{}", of.len(), of.iter().map(|ty| self.suffix(ty)).collect::<Vec<_>>().join("_"))
            }
            Type::Named(id) => match &self.program.type_def(*id).shape {
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => self.suffix(ty),
                _ => self.names.get(id).cloned().unwrap_or_default(),
            },
        }
    }

    /// The type's name.
    pub(super) fn name(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::Trit => "vibee_trit".to_owned(),
            Type::Tryte(_) | Type::Int | Type::IntIn(..) => "int64_t".to_owned(),
            Type::U64 => "uint64_t".to_owned(),
            Type::Float => "double".to_owned(),
            Type::F32 => "float".to_owned(),
            Type::Named(id) => match &self.program.type_def(*id).shape {
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => self.name(ty),
                _ => self.suffix(ty),
            },
            _ => format!("vibee_{}", self.suffix(ty)),
        }
    }

    /// Any value of the type: what a function gives that failed.
    pub(super) fn zero(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "false".to_owned(),
            Type::Trit | Type::Tryte(_) | Type::Int | Type::IntIn(..) | Type::U64 | Type::Float | Type::F32 => {
                "0".to_owned()
            }
            Type::Named(id) if self.is_bare(*id) => self.cases.get(&(*id, 0)).cloned().unwrap_or_default(),
            _ => format!("({}){{0}}", self.name(&self.program.erased(ty))),
        }
    }

    /// Whether no case of the enum carries anything.
    pub(super) fn is_bare(&self, id: TypeId) -> bool {
        let shape = &self.program.type_def(id).shape;
        matches!(shape, Shape::Enum { cases, .. } if cases.iter().all(|case| case.fields.is_empty()))
    }

    /// Types whose values lie within a value of this one, not behind a pointer.
    fn within(&self, ty: &Type) -> Vec<Type> {
        match ty {
            Type::List(_) | Type::Set(_) | Type::Map(..) => Vec::new(),
            Type::Named(id) => match &self.program.type_def(*id).shape {
                Shape::Enum { cases, .. } => {
                    (0..cases.len()).flat_map(|case| field_types(self.program, (*id, case as u16))).collect()
                }
                _ => field_types(self.program, (*id, 0)),
            },
            _ => parts(ty).into_iter().cloned().collect(),
        }
    }

    /// Whether a field of `id` stands behind a pointer: its value would contain one of `id`.
    pub(super) fn is_boxed(&self, id: TypeId, field: &Type) -> bool {
        let mut seen: Vec<Type> = vec![field.clone()];
        let mut at = 0;
        while let Some(ty) = seen.get(at).cloned() {
            if ty == Type::Named(id) {
                return true;
            }
            for inner in self.within(&ty) {
                if !seen.contains(&inner) {
                    seen.push(inner);
                }
            }
            at += 1;
        }
        false
    }

    /// Prints all declarations in the order that C wants.
    pub(super) fn print(&self) -> String {
        let mut out = Writer::new("    ", super::WIDTH);
        let mut done: BTreeSet<String> = BTreeSet::new();
        let structs: Vec<&Type> = self.all.iter().filter(|ty| self.is_struct(ty)).collect();
        for ty in &self.all {
            if let Type::Named(id) = ty
                && self.is_bare(*id)
            {
                self.enumeration(&mut out, *id, &self.name(ty));
                out.line("");
            }
        }
        for ty in &structs {
            let name = self.name(ty);
            if done.insert(name.clone()) {
                out.line(format!("typedef struct {name} {name};"));
            }
        }
        if !structs.is_empty() {
            out.line("");
        }
        done.clear();
        for ty in structs {
            self.declare(&mut out, ty, &mut done);
        }
        out.finish()
    }

    fn is_struct(&self, ty: &Type) -> bool {
        match ty {
            Type::Named(id) => {
                !self.is_bare(*id) && matches!(self.program.type_def(*id).shape, Shape::Record(_) | Shape::Enum { .. })
            }
            _ => !parts(ty).is_empty(),
        }
    }

    fn declare(&self, out: &mut Writer, ty: &Type, done: &mut BTreeSet<String>) {
        let name = self.name(ty);
        if !self.is_struct(ty) || !done.insert(name.clone()) {
            return;
        }
        for inner in self.within(ty) {
            let is_boxed = matches!(ty, Type::Named(id) if self.is_boxed(*id, &inner));
            if !is_boxed {
                self.declare(out, &inner, done);
            }
        }
        let section = match ty {
            Type::List(_) => "list",
            Type::Set(_) => "set",
            Type::Map(..) => "map",
            Type::Option(_) => "option",
            Type::Result(..) => "result",
            Type::Tuple(of) => {
                out.line(format!("#ifndef VIBEE_{name}\n#define VIBEE_{name}"));
                out.open(format!("struct {name} {{"));
                for (i, ty) in of.iter().enumerate() {
                    out.line(format!("{} item_{i};", self.name(ty)));
                }
                out.close("};");
                out.line("#endif\n");
                return;
            }
            Type::Named(id) => {
                self.named(out, *id, &name);
                out.line("");
                return;
            }
            _ => return,
        };
        let text = Runtime::new(include_str!("../runtime/c.h")).print(&[section.to_owned()].into());
        out.line(self.fill(ty, &name, &text));
        out.line("");
    }

    fn enumeration(&self, out: &mut Writer, id: TypeId, name: &str) {
        let def = self.program.type_def(id);
        let Shape::Enum { cases, .. } = &def.shape else { return };
        if let Some(say) = &def.say {
            out.line(super::comment(say));
        }
        out.open(format!("typedef enum {name} {{"));
        for i in 0..cases.len() {
            let comma = if i + 1 == cases.len() { "" } else { "," };
            out.line(format!("{}{comma}", self.cases.get(&(id, i as u16)).cloned().unwrap_or_default()));
        }
        out.close(format!("}} {name};"));
    }

    fn named(&self, out: &mut Writer, id: TypeId, name: &str) {
        let def = self.program.type_def(id);
        if let Shape::Enum { cases, .. } = &def.shape {
            self.enumeration(out, id, &format!("{name}_case"));
            out.line("");
            out.open(format!("struct {name} {{"));
            out.line(format!("{name}_case which;"));
            out.open("union {");
            for (i, case) in (0..).zip(cases) {
                if !case.fields.is_empty() {
                    out.open("struct {");
                    self.fields(out, (id, i));
                    out.close(format!("}} {};", self.members.get(&(id, i)).cloned().unwrap_or_default()));
                }
            }
            out.close("} as;");
            out.close("};");
        } else {
            if let Some(say) = &def.say {
                out.line(super::comment(say));
            }
            out.open(format!("struct {name} {{"));
            self.fields(out, (id, 0));
            out.close("};");
        }
    }

    fn fields(&self, out: &mut Writer, case: (TypeId, u16)) {
        let types = field_types(self.program, case);
        if types.is_empty() {
            out.line("char nothing;");
        }
        for (name, ty) in self.fields.get(&case).into_iter().flatten().zip(&types) {
            if self.is_boxed(case.0, ty) {
                out.line(format!("const {} *{name};", self.name(ty)));
            } else {
                out.line(format!("{} {name};", self.name(ty)));
            }
        }
    }

    /// Puts names of the type and its parts into a text of the runtime.
    pub(super) fn fill(&self, ty: &Type, name: &str, text: &str) -> String {
        let inner = parts(ty);
        let part = |i: usize| inner.get(i).map_or(Type::Bool, |ty| (*ty).clone());
        let (first, second) = (part(0), part(1));
        let zero = if matches!(ty, Type::Map(..)) { self.zero(&second) } else { self.zero(&first) };
        let list = Type::List(Box::new(first.clone()));
        let pairs = Type::List(Box::new(Type::Tuple(vec![first.clone(), second.clone()])));
        text.replace("$T", name)
            .replace("$I", &self.name(&first))
            .replace("$V", &self.name(&second))
            .replace("$L", &self.name(&list))
            .replace("$P", &self.name(&pairs))
            .replace("$O", &self.name(&Type::Option(Box::new(second.clone()))))
            .replace("$Z", &zero)
            .replace("$c", &format!("vibee_compare_{}", self.suffix(&first)))
    }
}
