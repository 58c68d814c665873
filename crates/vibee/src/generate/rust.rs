//! Rust: enums and structs, `no_std + alloc`, faults as `Err(Fault)` around what a function gives.
//!
//! Rust's `if`, `match` and blocks are expressions, so this prints the typed tree as it stands. Parameters are borrowed
//! (`&str`, `&[T]`, `&T`) unless they are `Copy`; results are owned. A function that cannot fault gives its value bare.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Generated, GeneratedFile, Input,
    names::{Case, Scope},
    naming::{Naming, Style},
    reach::{has_float, parts},
    runtime::Runtime,
    writer::{Writer, many, text},
};
use crate::{
    intrinsic::Intrinsic,
    typed::FunctionId,
    types::{FieldDef, Shape, Type, TypeId},
    value::Fault,
};

mod blocks;
mod exprs;
mod matches;
mod moves;
mod operations;
mod values;

pub(super) use values::spaced;

/// Words of Rust, and names that the printed code means.
const RESERVED: &[&str] = &[
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "Self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "alloc",
    "core",
    "std",
    "rt",
    "vec",
    "bool",
    "char",
    "str",
    "i64",
    "u64",
    "f64",
    "f32",
    "u8",
    "Option",
    "Some",
    "None",
    "Result",
    "Ok",
    "Err",
    "Vec",
    "String",
    "Box",
    "BTreeMap",
    "BTreeSet",
    "Fault",
    "Trit",
    "ToString",
    "ToOwned",
    "Clone",
    "Copy",
    "Debug",
    "PartialEq",
    "Eq",
    "PartialOrd",
    "Ord",
    "Hash",
    "From",
    "Into",
    "Iterator",
    "Default",
    "Drop",
    "Fn",
    "FnMut",
    "FnOnce",
    "Send",
    "Sync",
];
const RUNTIME: &str = include_str!("runtime/rust.rs");
const STYLE: Style = Style {
    types: Case::Pascal,
    cases: Case::Pascal,
    fields: Case::Snake,
    functions: Case::Snake,
    constants: Case::Snake,
};
/// Where rustfmt breaks lines unless it is told otherwise.
const WIDTH: usize = 100;

/// What all functions' printers share.
pub(super) struct Rust<'a> {
    input: &'a Input<'a>,
    naming: Naming,
    /// Fields that stand in a `Box`, for their type contains itself.
    boxed: BTreeSet<(TypeId, u16, u16)>,
    /// Sections of the runtime that are in use.
    sections: RefCell<BTreeSet<String>>,
}

/// Generates `STEM.rs` and `STEM_test.rs`.
pub(super) fn emit(input: &Input<'_>) -> Generated {
    let naming = Naming::new(input, Scope::new(RESERVED), STYLE);
    let boxed = boxed(input);
    let rust = Rust { input, naming, boxed, sections: RefCell::default() };
    let mut writer = Writer::new("    ", WIDTH);
    for id in &input.used.named {
        rust.named(&mut writer, *id);
    }
    for id in &input.used.functions {
        if input.program.function(*id).body.is_some() {
            writer.blank();
            blocks::function(&rust, &mut writer, *id);
        }
    }
    rust.order_impls(&mut writer);
    let body = writer.finish();
    let tests = rust.tests();
    let main = rust.file(&body);
    let files = vec![
        GeneratedFile { path: format!("{}.rs", input.stem), text: main },
        GeneratedFile { path: format!("{}_test.rs", input.stem), text: tests },
    ];
    Generated { files, renames: rust.naming.renames, left_out: Vec::new() }
}

impl Rust<'_> {
    /// Says that a part of the runtime is in use, and gives its path.
    fn rt(&self, name: &str) -> String {
        self.need(name);
        format!("rt::{name}")
    }

    fn need(&self, name: &str) {
        self.sections.borrow_mut().insert(name.to_owned());
    }

    /// The main file around its types and functions.
    fn file(&self, body: &str) -> String {
        let mut writer = Writer::new("    ", WIDTH);
        let is_faulting = body.contains("Fault");
        let has_trits = self.input.used.types.contains(&Type::Trit);
        if has_trits {
            self.need("trit");
            if self.sections.borrow().contains("order") {
                self.need("order_trit");
            }
        }
        if self.sections.borrow().contains("order") {
            self.need("order");
        }
        let runtime = Runtime::new(RUNTIME).print(&self.sections.borrow());
        writer.line(self.input.header(&self.naming.renames));
        let description = self.input.description();
        for line in &description {
            writer.line(format!("//! {line}").trim_end());
        }
        if !description.is_empty() {
            writer.blank();
        }
        let imports = imports(body);
        if !imports.is_empty() || runtime.contains("alloc::") {
            writer.line("extern crate alloc;");
            writer.blank();
        }
        for import in &imports {
            writer.line(import);
        }
        writer.blank();
        if is_faulting || runtime.contains("Fault") || has_trits {
            fault(&mut writer);
        }
        if has_trits {
            trit(&mut writer);
        }
        writer.line(body.trim_end());
        if !runtime.is_empty() {
            writer.blank();
            writer.line("/// Operations as the specification means them.");
            writer.open("mod rt {");
            if runtime.contains("Fault") {
                writer.line("use super::Fault;");
            }
            if runtime.contains("Ordering") {
                writer.line("use core::cmp::Ordering;");
            }
            for name in ["alloc"] {
                if runtime.contains(&format!("{name}::")) {
                    writer.line("use super::alloc;");
                }
            }
            writer.blank();
            writer.line(&runtime);
            writer.close("}");
        }
        writer.finish()
    }

    /// A type as it is written where a value is owned.
    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::Trit => "Trit".to_owned(),
            Type::Tryte(_) | Type::Int | Type::IntIn(..) => "i64".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::Float => "f64".to_owned(),
            Type::F32 => "f32".to_owned(),
            Type::String => "String".to_owned(),
            Type::Bytes => "Vec<u8>".to_owned(),
            Type::List(of) => format!("Vec<{}>", self.ty(of)),
            Type::Set(of) => format!("BTreeSet<{}>", self.ty(of)),
            Type::Map(key, of) => format!("BTreeMap<{}, {}>", self.ty(key), self.ty(of)),
            Type::Option(of) => format!("Option<{}>", self.ty(of)),
            Type::Result(of, err) => format!("Result<{}, {}>", self.ty(of), self.ty(err)),
            Type::Tuple(of) => format!("({})", of.iter().map(|ty| self.ty(ty)).collect::<Vec<_>>().join(", ")),
            Type::Named(id) => match &self.input.program.type_def(*id).shape {
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => self.ty(ty),
                _ => self.naming.ty(*id).to_owned(),
            },
            Type::Param(_) | Type::Var(_) | Type::Poison => "()".to_owned(),
        }
    }

    /// A type as a parameter has it.
    fn view_ty(&self, ty: &Type) -> String {
        match self.input.program.erased(ty) {
            Type::String => "&str".to_owned(),
            Type::Bytes => "&[u8]".to_owned(),
            Type::List(of) => format!("&[{}]", self.ty(&of)),
            ty if self.is_copy(&ty) => self.ty(&ty),
            ty => format!("&{}", self.ty(&ty)),
        }
    }

    /// Whether values of the type are `Copy`.
    fn is_copy(&self, ty: &Type) -> bool {
        match ty {
            Type::String | Type::Bytes | Type::List(_) | Type::Set(_) | Type::Map(..) => false,
            Type::Named(id) => match &self.input.program.type_def(*id).shape {
                Shape::Record(fields) => !self.is_boxed(*id) && fields.iter().all(|field| self.is_copy(&field.ty)),
                Shape::Enum { cases, .. } => {
                    !self.is_boxed(*id)
                        && cases.iter().flat_map(|case| &case.fields).all(|field| self.is_copy(&field.ty))
                }
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => self.is_copy(ty),
            },
            _ => parts(ty).into_iter().all(|ty| self.is_copy(ty)),
        }
    }

    fn is_boxed(&self, id: TypeId) -> bool {
        self.boxed.iter().any(|(of, ..)| *of == id)
    }

    /// A struct or enum.
    fn named(&self, writer: &mut Writer, id: TypeId) {
        let def = self.input.program.type_def(id);
        writer.blank();
        docs(writer, def.say.as_deref(), &format!("`{}` of the specification.", def.name));
        let ty = Type::Named(id);
        let mut derives = vec!["Clone"];
        if self.is_copy(&ty) {
            derives.push("Copy");
        }
        derives.extend(["Debug", "PartialEq", "PartialOrd"]);
        if !has_float(self.input.program, &ty) {
            derives.extend(["Eq", "Ord"]);
        }
        writer.line(format!("#[derive({})]", derives.join(", ")));
        let name = self.naming.ty(id);
        match &def.shape {
            Shape::Record(fields) if fields.is_empty() => writer.line(format!("pub struct {name} {{}}")),
            Shape::Record(fields) => {
                writer.open(format!("pub struct {name} {{"));
                for line in self.fields(id, 0, fields) {
                    writer.line(format!("/// `{}`", line.1));
                    writer.line(format!("pub {},", line.0));
                }
                writer.close("}");
            }
            Shape::Enum { cases, .. } => {
                writer.open(format!("pub enum {name} {{"));
                for (i, case) in (0..).zip(cases) {
                    writer.line(format!("/// `{}`", case.name));
                    let case_name = self.naming.case(id, i);
                    if case.fields.is_empty() {
                        writer.line(format!("{case_name},"));
                        continue;
                    }
                    writer.open(format!("{case_name} {{"));
                    for line in self.fields(id, i, &case.fields) {
                        writer.line(format!("/// `{}`", line.1));
                        writer.line(format!("{},", line.0));
                    }
                    writer.close("},");
                }
                writer.close("}");
            }
            Shape::Constrained { .. } | Shape::Alias(_) => {}
        }
    }

    /// `name: type` and the specification's name of each field.
    fn fields<'d>(&self, id: TypeId, case: u16, fields: &'d [FieldDef]) -> Vec<(String, &'d str)> {
        let field = |(i, field): (u16, &'d FieldDef)| {
            let ty = self.ty(&field.ty);
            let ty = if self.boxed.contains(&(id, case, i)) { format!("Box<{ty}>") } else { ty };
            (format!("{}: {ty}", self.naming.field(id, case, i)), field.name.as_str())
        };
        (0..).zip(fields).map(field).collect()
    }

    /// `impl Order` of a type with floats, for `compare` and `same`.
    fn order_impls(&self, writer: &mut Writer) {
        let named = self.input.used.named.iter();
        for id in named.filter(|_| self.sections.borrow().contains("order")) {
            let name = self.naming.ty(*id);
            writer.blank();
            writer.open(format!("impl rt::Order for {name} {{"));
            writer.open("fn order(&self, other: &Self) -> core::cmp::Ordering {");
            if has_float(self.input.program, &Type::Named(*id)) {
                self.order_body(writer, *id);
            } else {
                writer.line("self.cmp(other)");
            }
            writer.close("}");
            writer.close("}");
        }
    }

    fn order_body(&self, writer: &mut Writer, id: TypeId) {
        let name = self.naming.ty(id);
        let comparison = |pairs: Vec<(String, String)>| {
            let mut pairs = pairs.into_iter();
            let first =
                pairs.next().map_or("core::cmp::Ordering::Equal".to_owned(), |(a, b)| format!("{a}.order({b})"));
            pairs.fold(first, |all, (a, b)| format!("{all}.then_with(|| {a}.order({b}))"))
        };
        match &self.input.program.type_def(id).shape {
            Shape::Record(fields) => {
                let names = (0..fields.len() as u16).map(|i| self.naming.field(id, 0, i));
                writer.line(comparison(names.map(|n| (format!("self.{n}"), format!("&other.{n}"))).collect()));
            }
            Shape::Enum { cases, .. } => {
                writer.open("let place = |of: &Self| match of {");
                for i in 0..cases.len() as u16 {
                    let rest =
                        if cases.get(i as usize).is_some_and(|case| case.fields.is_empty()) { "" } else { " { .. }" };
                    writer.line(format!("{name}::{}{rest} => {i},", self.naming.case(id, i)));
                }
                writer.close("};");
                writer.open("match (self, other) {");
                for (i, case) in (0..).zip(cases).filter(|(_, case)| !case.fields.is_empty()) {
                    let names: Vec<&str> = (0..case.fields.len() as u16).map(|n| self.naming.field(id, i, n)).collect();
                    let bind = |prefix: &str| {
                        let binds: Vec<String> = names.iter().map(|n| format!("{n}: {prefix}_{n}")).collect();
                        format!("{name}::{} {{ {} }}", self.naming.case(id, i), binds.join(", "))
                    };
                    let pairs = names.iter().map(|n| (format!("a_{n}"), format!("b_{n}"))).collect();
                    writer.line(format!("({}, {}) => {},", bind("a"), bind("b"), comparison(pairs)));
                }
                writer.line("_ => place(self).cmp(&place(other)),");
                writer.close("}");
            }
            Shape::Constrained { .. } | Shape::Alias(_) => {}
        }
    }

    /// The test file: every case, compared by what `Debug` shows, which tells all values apart that `same` does.
    fn tests(&self) -> String {
        let stem = self.input.stem;
        let mut writer = Writer::new("    ", WIDTH);
        let mut by_function: BTreeMap<FunctionId, Vec<&super::Case>> = BTreeMap::new();
        for case in self.input.cases {
            by_function.entry(case.function).or_default().push(case);
        }
        for (id, cases) in by_function {
            let function = self.input.program.function(id);
            let name = self.naming.function(id);
            writer.blank();
            writer.line("#[test]");
            writer.open(format!("fn {}_as_specified() {{", name.trim_end_matches('_')));
            for case in cases {
                let args = function.locals.iter().zip(&case.args).map(|(local, arg)| self.argument(arg, &local.ty));
                let call = super::writer::list(format!("subject::{name}("), args.collect(), ")", ",");
                let expected = match (&case.outcome, self.input.used.may_fault(id)) {
                    (Ok(value), true) => many([text("Ok("), self.owned_value(value, &function.returns), text(")")]),
                    (Ok(value), false) => self.owned_value(value, &function.returns),
                    (Err(fault), _) => text(format!("Err(Fault::{})", fault_name(*fault))),
                };
                let origin = text(format!("{:?}", case.origin));
                writer.doc(&many([super::writer::list("same(", vec![origin, call, expected], ")", ","), text(";")]));
            }
            writer.close("}");
        }
        let tests = writer.finish();
        let mut writer = Writer::new("    ", WIDTH);
        writer.line(self.input.header(&[]).trim_end());
        writer.line("#[allow(dead_code)]");
        writer.line(format!("#[path = \"{stem}.rs\"]"));
        writer.line("mod subject;");
        writer.blank();
        for path in ["std::collections::BTreeMap", "std::collections::BTreeSet"] {
            if has_word(&tests, path.rsplit(':').next().unwrap_or_default()) {
                writer.line(format!("use {path};"));
            }
        }
        writer.line("#[allow(unused_imports)]");
        writer.line("use subject::*;");
        writer.blank();
        writer.line("/// Compares by what is shown: NaN is NaN, 0.0 is not -0.0.");
        writer.open("fn same<T: core::fmt::Debug>(case: &str, got: T, expected: T) {");
        writer.line("assert_eq!(format!(\"{got:?}\"), format!(\"{expected:?}\"), \"{case}\");");
        writer.close("}");
        writer.line(tests.trim_end());
        writer.finish()
    }

    /// Whether a function is printed as part of the file's surface.
    fn is_public(&self, id: FunctionId) -> bool {
        self.input.used.public.contains(&id)
    }
}

/// Fields whose type contains the type that they stand in, other than behind a List, Set or Map.
fn boxed(input: &Input<'_>) -> BTreeSet<(TypeId, u16, u16)> {
    fn contains(input: &Input<'_>, ty: &Type, wanted: TypeId, seen: &mut BTreeSet<TypeId>) -> bool {
        match ty {
            Type::Named(id) if *id == wanted => true,
            Type::Named(id) if seen.insert(*id) => match &input.program.type_def(*id).shape {
                Shape::Record(fields) => fields.iter().any(|field| contains(input, &field.ty, wanted, seen)),
                Shape::Enum { cases, .. } => {
                    cases.iter().flat_map(|case| &case.fields).any(|field| contains(input, &field.ty, wanted, seen))
                }
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => contains(input, ty, wanted, seen),
            },
            Type::Option(_) | Type::Result(..) | Type::Tuple(_) => {
                parts(ty).into_iter().any(|ty| contains(input, ty, wanted, seen))
            }
            _ => false,
        }
    }
    let mut boxed = BTreeSet::new();
    for id in &input.used.named {
        let Shape::Enum { cases, .. } = &input.program.type_def(*id).shape else {
            if let Shape::Record(fields) = &input.program.type_def(*id).shape {
                for (i, field) in (0..).zip(fields) {
                    if contains(input, &field.ty, *id, &mut BTreeSet::new()) {
                        boxed.insert((*id, 0, i));
                    }
                }
            }
            continue;
        };
        for (case, def) in (0..).zip(cases) {
            for (i, field) in (0..).zip(&def.fields) {
                if contains(input, &field.ty, *id, &mut BTreeSet::new()) {
                    boxed.insert((*id, case, i));
                }
            }
        }
    }
    boxed
}

fn docs(writer: &mut Writer, say: Option<&str>, otherwise: &str) {
    let say = say.map(str::trim).filter(|say| !say.is_empty()).unwrap_or(otherwise);
    for line in say.lines() {
        writer.line(format!("/// {line}").trim_end());
    }
}

/// The fault's name in Rust.
fn fault_name(fault: Fault) -> String {
    super::names::in_case(fault.name(), Case::Pascal)
}

fn fault(writer: &mut Writer) {
    writer.line("/// Why a function gives no value.");
    writer.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]");
    writer.open("pub enum Fault {");
    for (fault, words) in super::FAULTS {
        writer.line(format!("/// {words}."));
        writer.line(format!("{},", fault_name(*fault)));
    }
    writer.close("}");
    writer.blank();
    writer.open("impl core::fmt::Display for Fault {");
    writer.open("fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {");
    writer.open("f.write_str(match self {");
    for (fault, words) in super::FAULTS {
        let words = super::lower_first(words);
        writer.line(format!("Self::{} => {words:?},", fault_name(*fault)));
    }
    writer.close("})");
    writer.close("}");
    writer.close("}");
    writer.blank();
    writer.line("impl core::error::Error for Fault {}");
    writer.blank();
}

fn trit(writer: &mut Writer) {
    writer.line("/// A balanced ternary digit, and one of Kleene's truth values.");
    writer.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]");
    writer.open("pub enum Trit {");
    for (name, number, words) in [("Minus", -1, "False"), ("Zero", 0, "Unknown"), ("Plus", 1, "True")] {
        writer.line(format!("/// {words}."));
        writer.line(format!("{name} = {number},"));
    }
    writer.close("}");
    writer.blank();
}

/// Whether a text has a name as a whole word.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The imports that code needs where the standard library's prelude is not there.
fn imports(body: &str) -> Vec<String> {
    let code: String = body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut imports = Vec::new();
    let groups: [(&str, &[(&str, &str)]); 5] = [
        ("alloc::borrow", &[("ToOwned", "to_owned")]),
        ("alloc::boxed", &[("Box", "Box")]),
        ("alloc::collections", &[("BTreeMap", "BTreeMap"), ("BTreeSet", "BTreeSet")]),
        ("alloc::string", &[("String", "String"), ("ToString", "to_string")]),
        ("alloc::vec", &[("Vec", "Vec")]),
    ];
    for (path, names) in groups {
        let used: Vec<&str> = names.iter().filter(|(_, word)| has_word(&code, word)).map(|(name, _)| *name).collect();
        match &used[..] {
            [] => {}
            [one] => imports.push(format!("use {path}::{one};")),
            all => imports.push(format!("use {path}::{{{}}};", all.join(", "))),
        }
    }
    if code.contains("vec![") {
        imports.push("use alloc::vec;".to_owned());
    }
    imports
}

/// Whether `compare` of the type is what Rust derives.
fn is_ordered(rust: &Rust<'_>, ty: &Type) -> bool {
    !has_float(rust.input.program, ty)
}

/// Operations that change a gathered value in place.
const BUILDS: &[Intrinsic] = &[
    Intrinsic::ListPush,
    Intrinsic::ListSet,
    Intrinsic::ListConcat,
    Intrinsic::SetPut,
    Intrinsic::SetDelete,
    Intrinsic::MapPut,
    Intrinsic::MapDelete,
    Intrinsic::StringConcat,
    Intrinsic::BytesConcat,
];
