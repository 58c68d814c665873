//! TypeScript: discriminated unions, `readonly` data, `bigint` for every Int, faults as a thrown `Fault`.
//!
//! A List is a readonly array, a Set a sorted one, a Map one of sorted pairs; an Option is `{ some }` or `undefined`,
//! so that options nest; a case without a payload among such is a text. Everything is plain data, compared by
//! structure. Texts are compared and counted by code point.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Generated, GeneratedFile, Input,
    names::{Case, Scope},
    naming::{Naming, Style},
    runtime::Runtime,
    terms::Options,
    writer::{Doc, Writer, list, many, text},
};
use crate::{
    intrinsic::Intrinsic,
    typed::FunctionId,
    types::{FieldDef, Shape, Type, TypeId},
    value::Value,
};

mod body;
mod operations;
mod orders;
mod terms;

/// Words of TypeScript, and names that the printed code means.
const RESERVED: &[&str] = &[
    "abstract",
    "any",
    "arguments",
    "as",
    "async",
    "await",
    "bigint",
    "boolean",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "declare",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "from",
    "function",
    "get",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "is",
    "keyof",
    "let",
    "module",
    "namespace",
    "never",
    "new",
    "null",
    "number",
    "object",
    "of",
    "package",
    "private",
    "protected",
    "public",
    "readonly",
    "require",
    "return",
    "set",
    "static",
    "string",
    "super",
    "switch",
    "symbol",
    "this",
    "throw",
    "true",
    "try",
    "type",
    "typeof",
    "undefined",
    "unknown",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "Array",
    "ArrayLike",
    "BigInt",
    "Boolean",
    "DataView",
    "Error",
    "Math",
    "Number",
    "Object",
    "String",
    "Uint8Array",
    "Extract",
    "NaN",
    "Infinity",
    "Record",
    "Fault",
    "FaultKind",
    "fail",
    "Option",
    "Result",
    "Ok",
    "Err",
    "Trit",
    "ok",
    "err",
    "test",
    "constructor",
    "prototype",
    "Symbol",
    "ArrayBuffer",
    "RegExp",
    "Map",
    "Set",
    "JSON",
    "Promise",
    "globalThis",
];
const RUNTIME: &str = include_str!("runtime/typescript.ts");
const STYLE: Style = Style {
    types: Case::Pascal,
    cases: Case::Snake,
    fields: Case::Camel,
    functions: Case::Camel,
    constants: Case::Camel,
};
const OPTIONS: Options = Options {
    has_conditional: true,
    is_ordered: true,
    builds: &[
        Intrinsic::ListPush,
        Intrinsic::ListSet,
        Intrinsic::ListConcat,
        Intrinsic::SetPut,
        Intrinsic::SetDelete,
        Intrinsic::MapPut,
        Intrinsic::MapDelete,
    ],
};
const WIDTH: usize = 100;

/// What all functions' printers share.
pub(super) struct TypeScript<'a> {
    input: &'a Input<'a>,
    naming: Naming,
    /// Sections of the runtime that are in use.
    sections: RefCell<BTreeSet<String>>,
    /// Types whose own order is in use: functions that are printed below.
    orders: RefCell<BTreeSet<TypeId>>,
}

/// Generates `STEM.ts` and `STEM.test.ts`.
pub(super) fn emit(input: &Input<'_>) -> Generated {
    let mut top = Scope::new(RESERVED);
    let runtime_names = RUNTIME.lines().filter_map(|line| {
        let rest = ["function ", "const ", "type "].iter().find_map(|word| line.strip_prefix(word))?;
        rest.split(|c: char| !c.is_ascii_alphanumeric()).next()
    });
    runtime_names.for_each(|name| top.take(name));
    let naming = Naming::new(input, top, STYLE);
    let sections = RefCell::default();
    let this = TypeScript { input, naming, sections, orders: RefCell::default() };
    let mut writer = Writer::new("  ", WIDTH);
    for id in &input.used.named {
        this.named(&mut writer, *id);
    }
    for id in &input.used.functions {
        if input.program.function(*id).body.is_some() {
            writer.blank();
            body::function(&this, &mut writer, *id);
        }
    }
    this.print_orders(&mut writer);
    let main = this.file(&writer.finish());
    let tests = this.tests();
    let files = vec![
        GeneratedFile { path: format!("{}.ts", input.stem), text: main },
        GeneratedFile { path: format!("{}.test.ts", input.stem), text: tests },
    ];
    Generated { files, renames: this.naming.renames, left_out: Vec::new() }
}

impl TypeScript<'_> {
    /// Says that a part of the runtime is in use, and gives its name.
    fn rt(&self, name: &str) -> String {
        let section = match name {
            "unwrap" => "some",
            "unwrapOk" => "okOf",
            name => name,
        };
        self.sections.borrow_mut().insert(section.to_owned());
        name.to_owned()
    }

    fn file(&self, body: &str) -> String {
        let runtime = Runtime::new(RUNTIME).print(&self.sections.borrow());
        let mut writer = Writer::new("  ", WIDTH);
        writer.line(self.input.header(&self.naming.renames));
        let has = |word: &str| body.contains(word) || runtime.contains(word);
        let kinds: Vec<String> = super::FAULTS.iter().map(|(fault, _)| format!("\"{}\"", fault.name())).collect();
        writer.line("/** Why a function gives no value. */");
        writer.doc(&many([
            text("export type FaultKind = "),
            super::writer::chain("|", kinds.into_iter().map(Doc::from).collect()),
            text(";"),
        ]));
        writer.blank();
        writer.line("/** What is thrown then. */");
        writer.open("export class Fault extends Error {");
        writer.open("constructor(readonly kind: FaultKind) {");
        writer.line("super(kind);");
        writer.close("}");
        writer.close("}");
        writer.blank();
        if has("fail(") {
            writer.open("function fail(kind: FaultKind): never {");
            writer.line("throw new Fault(kind);");
            writer.close("}");
            writer.blank();
        }
        if has("Option<") {
            writer.line("/** A value, or nothing. */");
            writer.line("export type Option<T> = { readonly some: T } | undefined;");
            writer.blank();
        }
        if has("Result<") || has("Ok<") || has("Err<") {
            writer.line("/** A value, or what was expected to go wrong. */");
            writer.line("export type Ok<T> = { readonly ok: true; readonly value: T };");
            writer.line("export type Err<E> = { readonly ok: false; readonly error: E };");
            writer.line("export type Result<T, E> = Ok<T> | Err<E>;");
            writer.blank();
        }
        if has("Trit") {
            writer.line("/** A balanced ternary digit, and one of Kleene's truth values. */");
            writer.line("export type Trit = -1 | 0 | 1;");
            writer.blank();
        }
        writer.line(body.trim());
        if !runtime.is_empty() {
            writer.blank();
            writer.line(runtime);
        }
        writer.finish()
    }

    /// Prints a type, as TypeScript has it.
    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "boolean".to_owned(),
            Type::Trit => "Trit".to_owned(),
            Type::Tryte(_) | Type::Int | Type::IntIn(..) | Type::U64 => "bigint".to_owned(),
            Type::Float | Type::F32 => "number".to_owned(),
            Type::String => "string".to_owned(),
            Type::Bytes => "Uint8Array".to_owned(),
            Type::List(of) | Type::Set(of) => format!("readonly {}[]", self.item_ty(of)),
            Type::Map(key, of) => format!("readonly (readonly [{}, {}])[]", self.ty(key), self.ty(of)),
            Type::Option(of) => format!("Option<{}>", self.ty(of)),
            Type::Result(of, err) => format!("Result<{}, {}>", self.ty(of), self.ty(err)),
            Type::Tuple(of) => format!("readonly [{}]", of.iter().map(|ty| self.ty(ty)).collect::<Vec<_>>().join(", ")),
            Type::Named(id) => match &self.input.program.type_def(*id).shape {
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => self.ty(ty),
                _ => self.naming.ty(*id).to_owned(),
            },
            Type::Param(_) | Type::Var(_) | Type::Poison => "never".to_owned(),
        }
    }

    /// A type before `[]`.
    fn item_ty(&self, ty: &Type) -> String {
        let ty = self.ty(ty);
        if ty.starts_with("readonly ") { format!("({ty})") } else { ty }
    }

    /// The type of a list, set or map that is still being gathered.
    fn builder_ty(&self, ty: &Type) -> String {
        let ty = self.ty(ty);
        ty.strip_prefix("readonly ").unwrap_or(&ty).to_owned()
    }

    /// Whether no case of an enum carries anything, so that a case is its name.
    fn is_bare(&self, id: TypeId) -> bool {
        match &self.input.program.type_def(id).shape {
            Shape::Enum { cases, .. } => cases.iter().all(|case| case.fields.is_empty()),
            _ => false,
        }
    }

    fn named(&self, writer: &mut Writer, id: TypeId) {
        let def = self.input.program.type_def(id);
        writer.blank();
        docs(writer, def.say.as_deref(), &format!("`{}` of the specification.", def.name));
        let name = self.naming.ty(id);
        match &def.shape {
            Shape::Record(fields) => {
                writer.open(format!("export type {name} = {{"));
                self.fields(id, 0, fields).iter().for_each(|field| writer.line(format!("{field};")));
                writer.close("};");
            }
            Shape::Enum { cases, .. } if self.is_bare(id) => {
                let cases = (0..cases.len() as u16).map(|i| text(format!("\"{}\"", self.naming.case(id, i)))).collect();
                writer.doc(&many([
                    text(format!("export type {name} = ")),
                    super::writer::chain("|", cases),
                    text(";"),
                ]));
            }
            Shape::Enum { cases, .. } => {
                writer.line(format!("export type {name} ="));
                writer.deeper();
                for (i, case) in (0..).zip(cases) {
                    let mut fields = vec![format!("readonly kind: \"{}\"", self.naming.case(id, i))];
                    fields.extend(self.fields(id, i, &case.fields));
                    let end = if i as usize + 1 == cases.len() { ";" } else { "" };
                    writer.line(format!("| {{ {} }}{end}", fields.join("; ")));
                }
                writer.up();
            }
            Shape::Constrained { .. } | Shape::Alias(_) => {}
        }
    }

    fn fields(&self, id: TypeId, case: u16, fields: &[FieldDef]) -> Vec<String> {
        let field =
            |(i, field): (u16, &FieldDef)| format!("readonly {}: {}", self.field_name(id, case, i), self.ty(&field.ty));
        (0..).zip(fields).map(field).collect()
    }

    /// A field's name; `kind` tells cases apart.
    fn field_name(&self, id: TypeId, case: u16, field: u16) -> String {
        match self.naming.field(id, case, field) {
            "kind" => "kind_".to_owned(),
            name => name.to_owned(),
        }
    }

    /// The types of what a record or case holds.
    fn field_types(&self, id: TypeId, case: u16) -> Vec<Type> {
        let fields = match &self.input.program.type_def(id).shape {
            Shape::Record(fields) => fields,
            Shape::Enum { cases, .. } => match cases.get(case as usize) {
                Some(case) => &case.fields,
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        fields.iter().map(|field| self.input.program.erased(&field.ty)).collect()
    }

    /// A record, or a case of an enum, of values that are printed.
    fn made(&self, id: TypeId, case: u16, values: Vec<Doc>) -> Doc {
        let mut fields = Vec::new();
        if matches!(self.input.program.type_def(id).shape, Shape::Enum { .. }) {
            let name = format!("\"{}\"", self.naming.case(id, case));
            if self.is_bare(id) {
                return text(name);
            }
            fields.push(text(format!("kind: {name}")));
        }
        for (i, value) in (0..).zip(values) {
            let name = self.field_name(id, case, i);
            fields.push(if value.is(&name) { value } else { many([text(format!("{name}: ")), value]) });
        }
        object(fields)
    }

    /// A known value.
    fn value(&self, value: &Value, ty: &Type) -> Doc {
        let ty = self.input.program.erased(ty);
        let part = |value: &Value, i: usize| {
            let ty = super::reach::parts(&ty).get(i).map_or(Type::Poison, |ty| (*ty).clone());
            self.value(value, &ty)
        };
        let all = |id: TypeId, case: u16, values: &[Value]| {
            let types = self.field_types(id, case);
            let docs = values.iter().zip(&types).map(|(value, ty)| self.value(value, ty)).collect();
            self.made(id, case, docs)
        };
        match value {
            Value::Bool(value) => text(value.to_string()),
            Value::Trit(n) => text(n.to_string()),
            Value::Tryte(n) | Value::Int(n) => text(format!("{n}n")),
            Value::U64(n) => text(format!("{n}n")),
            Value::Float(x) => text(float(*x)),
            Value::F32(x) => text(float(f64::from(*x))),
            Value::String(chars) => text(string(chars)),
            Value::Bytes(bytes) => {
                let bytes = bytes.iter().map(|byte| text(byte.to_string())).collect();
                many([text("Uint8Array.from("), list("[", bytes, "]", ","), text(")")])
            }
            Value::List(items) => list("[", items.iter().map(|item| part(item, 0)).collect(), "]", ","),
            Value::Set(items) => list("[", items.iter().map(|item| part(item, 0)).collect(), "]", ","),
            Value::Map(items) => {
                let pair = |(k, v): (&Value, &Value)| list("[", vec![part(k, 0), part(v, 1)], "]", ",");
                list("[", items.iter().map(pair).collect(), "]", ",")
            }
            Value::Option(None) => text("undefined"),
            Value::Option(Some(value)) => object(vec![many([text("some: "), part(value, 0)])]),
            Value::Result(Ok(value)) => object(vec![text("ok: true"), many([text("value: "), part(value, 0)])]),
            Value::Result(Err(value)) => object(vec![text("ok: false"), many([text("error: "), part(value, 1)])]),
            Value::Tuple(items) => {
                list("[", items.iter().enumerate().map(|(i, item)| part(item, i)).collect(), "]", ",")
            }
            Value::Record(id, values) => all(*id, 0, values),
            Value::Enum(id, case, values) => all(*id, *case, values),
        }
    }

    /// The test file, for `node --test` once it is compiled.
    fn tests(&self) -> String {
        let mut by_function: BTreeMap<FunctionId, Vec<&super::Case>> = BTreeMap::new();
        for case in self.input.cases {
            by_function.entry(case.function).or_default().push(case);
        }
        let mut writer = Writer::new("  ", WIDTH);
        writer.line(self.input.header(&[]).trim_end());
        if self.input.cases.is_empty() {
            writer.line("export {};");
            return writer.finish();
        }
        // Types of Node.js are a package of their own.
        writer.line("// @ts-ignore: without them, a test is of any type.");
        writer.line("import { test } from \"node:test\";");
        writer.line(format!("import * as subject from \"./{}.js\";", self.input.stem));
        let is_used = |expected: bool| self.input.cases.iter().any(|case| case.outcome.is_ok() == expected);
        let used = [(GIVES, true), (FAULTS, false)].into_iter().filter(|(_, expected)| is_used(*expected));
        for part in [SHOW].into_iter().chain(used.map(|(part, _)| part)) {
            writer.blank();
            writer.line(part.trim_end());
        }
        for (id, cases) in by_function {
            let function = self.input.program.function(id);
            let name = self.naming.function(id);
            writer.blank();
            writer.open(format!("test(\"{}\", () => {{", function.name));
            for case in cases {
                let args = function.locals.iter().zip(&case.args).map(|(local, arg)| self.value(arg, &local.ty));
                let call = list(format!("() => subject.{name}("), args.collect(), ")", ",");
                let origin = text(format!("{:?}", case.origin));
                match &case.outcome {
                    Ok(value) => {
                        let value = self.value(value, &function.returns);
                        writer.doc(&many([list("gives(", vec![origin, call, value], ")", ","), text(";")]));
                    }
                    Err(fault) => {
                        let fault = text(format!("\"{}\"", fault.name()));
                        writer.doc(&many([list("faults(", vec![origin, call, fault], ")", ","), text(";")]));
                    }
                }
            }
            writer.close("});");
        }
        writer.finish()
    }
}

/// How test files show values.
const SHOW: &str = r#"function show(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    return typeof part === "bigint" ? `${part}n` : Object.is(part, -0) || typeof part === "number" ? String(part) : part;
  });
}
"#;
/// What test files compare with: NaN is NaN, 0 is not −0.
const GIVES: &str = r#"/** Whether two values are the same, to the bits of their numbers. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return (
    left.length === right.length &&
    left.every(([key, value], i) => key === right[i]![0] && same(value, right[i]![1]))
  );
}

function gives<T>(name: string, call: () => T, expected: T): void {
  const got = call();
  if (!same(got, expected)) throw new Error(`${name}: ${show(got)} is not ${show(expected)}`);
}
"#;
/// What test files hold faults to.
const FAULTS: &str = r"function faults(name: string, call: () => unknown, kind: subject.FaultKind): void {
  let got: unknown;
  try {
    got = call();
  } catch (error) {
    if (error instanceof subject.Fault && error.kind === kind) return;
    throw error;
  }
  throw new Error(`${name}: ${show(got)} is no fault ${kind}`);
}
";

/// `{ a, b }`
fn object(fields: Vec<Doc>) -> Doc {
    if fields.is_empty() { text("{}") } else { super::rust::spaced("{", fields, "}") }
}

fn docs(writer: &mut Writer, say: Option<&str>, otherwise: &str) {
    let say = say.map(str::trim).filter(|say| !say.is_empty()).unwrap_or(otherwise).replace("*/", "* /");
    let lines: Vec<&str> = say.lines().collect();
    match &lines[..] {
        [one] => writer.line(format!("/** {one} */")),
        lines => {
            writer.line("/**");
            lines.iter().for_each(|line| writer.line(format!(" * {line}").trim_end()));
            writer.line(" */");
        }
    }
}

/// A text literal.
fn string(chars: &str) -> String {
    let mut literal = String::from("\"");
    for c in chars.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c.is_alphanumeric() || (c.is_ascii() && !c.is_ascii_control()) => literal.push(c),
            c => literal.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    literal.push('"');
    literal
}

fn float(x: f64) -> String {
    match x {
        _ if x.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => {
            let text = format!("{x:?}");
            text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
        }
    }
}
