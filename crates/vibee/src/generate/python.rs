//! Python 3.11: frozen dataclasses, `Enum` where no case carries anything, faults as one exception, tests for
//! `unittest`.
//!
//! `List` is `tuple`, `Set` is `frozenset`, `Map` a dict that is never changed and whose entries stand in the keys'
//! order, `Option` is `Some[T] | None` (so that options nest), `Result` is `Ok[T] | Err[E]`. All are compared by
//! structure.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Generated, GeneratedFile, Input,
    names::{Case, Scope, in_case},
    runtime::Runtime,
    writer::Writer,
};
use crate::{
    typed::{FunctionId, Role},
    types::{Shape, Type, TypeDef, TypeId},
};

mod body;
mod terms;
mod tests_file;

/// Keywords, and names of the language that generated code uses.
const RESERVED: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "_",
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "dict",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "getattr",
    "hash",
    "int",
    "isinstance",
    "len",
    "list",
    "map",
    "max",
    "min",
    "ord",
    "chr",
    "range",
    "repr",
    "reversed",
    "round",
    "self",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
    "math",
    "struct",
    "re",
    "functools",
    "Any",
    "Callable",
    "Context",
    "Decimal",
    "Enum",
    "Fraction",
    "Generic",
    "Iterable",
    "Mapping",
    "NoReturn",
    "Sequence",
    "TypeAlias",
    "TypeVar",
    "Fault",
    "Some",
    "Ok",
    "Err",
    "Map",
    "Exception",
    "ROUND_UP",
    "ROUND_HALF_EVEN",
    "T",
    "E",
    "K",
    "V",
    "S",
    "dataclass",
    "ClassVar",
    "Final",
    "spec",
    "sys",
    "unittest",
    "Cases",
];

/// Modules that a generated one must not hide from those that it imports.
const MODULES: &[&str] = &[
    "abc",
    "argparse",
    "ast",
    "asyncio",
    "base64",
    "bisect",
    "calendar",
    "code",
    "codecs",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "dis",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "gc",
    "heapq",
    "inspect",
    "io",
    "itertools",
    "json",
    "keyword",
    "linecache",
    "locale",
    "logging",
    "math",
    "numbers",
    "operator",
    "opcode",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "pprint",
    "queue",
    "random",
    "re",
    "reprlib",
    "select",
    "selectors",
    "shutil",
    "signal",
    "site",
    "socket",
    "stat",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "sys",
    "tempfile",
    "test",
    "textwrap",
    "threading",
    "time",
    "token",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "unittest",
    "urllib",
    "uuid",
    "warnings",
    "weakref",
    "zlib",
];

/// Where lines are broken.
const WIDTH: usize = 110;

/// Generates a module and its tests.
pub(super) fn emit(input: &Input<'_>) -> Generated {
    let python = Python::new(input);
    let functions = python.functions();
    let cases = python.cases();
    let types = python.types();
    let needed = python.needed.borrow();
    let runtime = Runtime::new(include_str!("runtime/python.py"));
    let is_type = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
    let first = runtime.print_some(&needed, "\n\n\n", is_type);
    let last = runtime.print_some(&needed, "\n\n\n", |name| !is_type(name));
    let parts: Vec<String> =
        [first, types, functions, last, python.constants()].into_iter().filter(|text| !text.is_empty()).collect();
    let text = parts.join("\n\n\n");
    let module = stem(input.stem);
    let header = input.header(&python.renames);
    let description = python.description();
    let module_text = format!("{header}{description}\n{}\n\n\n{text}\n", imports(&text));
    let tests = format!("{header}{cases}");
    Generated {
        files: vec![
            GeneratedFile { path: format!("{module}.py"), text: module_text },
            GeneratedFile { path: format!("test_{module}.py"), text: tests },
        ],
        renames: python.renames.clone(),
        left_out: Vec::new(),
    }
}

/// The module's name.
fn stem(stem: &str) -> String {
    let name = in_case(stem, Case::Snake);
    if MODULES.contains(&name.as_str()) || RESERVED.contains(&name.as_str()) { format!("{name}_") } else { name }
}

/// Import lines for what a text uses.
fn imports(text: &str) -> String {
    let uses = |name: &str| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.match_indices(name).any(|(at, _)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(|c| is_word(c) || c == '.') && (name.ends_with('.') || !after.is_some_and(is_word))
        })
    };
    let mut lines = vec!["from __future__ import annotations\n".to_owned()];
    for module in ["functools", "math", "re", "struct"] {
        if uses(&format!("{module}.")) {
            lines.push(format!("import {module}"));
        }
    }
    for (module, names) in [
        ("collections.abc", &["Callable", "Iterable", "Mapping", "Sequence"][..]),
        ("dataclasses", &["dataclass"]),
        ("decimal", &["ROUND_HALF_EVEN", "ROUND_UP", "Context", "Decimal"]),
        ("enum", &["Enum"]),
        ("fractions", &["Fraction"]),
        ("typing", &["Any", "ClassVar", "Final", "Generic", "NoReturn", "TypeAlias", "TypeVar"]),
    ] {
        let variables = ["T", "E", "K", "V", "S"].iter().any(|name| uses(name));
        let used: Vec<&str> =
            names.iter().copied().filter(|name| uses(name) || (*name == "TypeVar" && variables)).collect();
        if !used.is_empty() {
            lines.push(format!("from {module} import {}", used.join(", ")));
        }
    }
    let mut variables = Vec::new();
    for name in ["T", "E", "K", "V"] {
        if uses(name) {
            variables.push(format!("{name} = TypeVar(\"{name}\")"));
        }
    }
    if uses("S") {
        variables.push("S = TypeVar(\"S\", str, bytes, tuple[Any, ...])".to_owned());
        if !lines.iter().any(|line| line.contains("Any")) {
            lines.iter_mut().filter(|line| line.starts_with("from typing")).for_each(|line| line.push_str(", Any"));
        }
    }
    if !variables.is_empty() {
        variables.insert(0, String::new());
    }
    lines.extend(variables);
    lines.join("\n")
}

/// What printing needs to know.
struct Python<'a> {
    input: &'a Input<'a>,
    functions: BTreeMap<FunctionId, String>,
    types: BTreeMap<TypeId, String>,
    /// Classes, or members of an `Enum`.
    cases: BTreeMap<(TypeId, u16), String>,
    /// Fields of records, and of cases by their number.
    fields: BTreeMap<(TypeId, u16), Vec<String>>,
    scope: Scope,
    renames: Vec<super::Rename>,
    /// Sections of the runtime that are used so far.
    needed: RefCell<BTreeSet<String>>,
}

impl<'a> Python<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let mut scope = Scope::new(RESERVED);
        let (mut types, mut cases, mut fields) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut renames = Vec::new();
        for id in &input.used.named {
            let def = input.program.type_def(*id);
            let name = scope.name(&def.name, Case::Pascal, def.span);
            let mut names_of = |of: &[crate::types::FieldDef]| {
                let mut inner = Scope::new(RESERVED);
                let names: Vec<String> =
                    of.iter().map(|field| inner.name(&field.name, Case::Snake, def.span)).collect();
                renames.append(&mut inner.renames);
                names
            };
            match &def.shape {
                Shape::Record(of) => {
                    fields.insert((*id, 0), names_of(of));
                }
                Shape::Enum { cases: all, .. } => {
                    let mut members = Scope::new(RESERVED);
                    for (i, case) in (0..).zip(all) {
                        fields.insert((*id, i), names_of(&case.fields));
                        let name = if is_bare(def) {
                            format!("{name}.{}", members.made(&case.name, Case::Screaming))
                        } else {
                            scope.made(&format!("{name}_{}", case.name), Case::Pascal)
                        };
                        cases.insert((*id, i), name);
                    }
                }
                _ => {}
            }
            types.insert(*id, name);
        }
        // Names that begin with `_` are the runtime's and those of functions that are not public.
        let mut private = Scope::new(RESERVED);
        let heads = include_str!("runtime/python.py").lines().filter_map(|line| line.strip_prefix("#= _"));
        heads.for_each(|head| private.take(head.split(':').next().unwrap_or_default()));
        for name in ["key", "case"] {
            private.take(name);
        }
        let mut functions = BTreeMap::new();
        let conditions: BTreeMap<FunctionId, TypeId> =
            input.used.conditions.iter().map(|(ty, function)| (*function, *ty)).collect();
        for id in input.used.public.iter().chain(&input.used.functions) {
            if functions.contains_key(id) {
                continue;
            }
            let function = input.program.function(*id);
            let name = if let Some(ty) = conditions.get(id) {
                scope.made(&format!("is_{}", input.program.type_def(*ty).name), Case::Snake)
            } else if input.used.public.contains(id) {
                let case = if function.role == Role::Constant { Case::Screaming } else { Case::Snake };
                scope.name(&function.name, case, function.span)
            } else {
                let module = function.module.strip_prefix("std.").unwrap_or(&function.module);
                format!("_{}", private.made(&format!("{module}_{}", function.name), Case::Snake))
            };
            functions.insert(*id, name);
        }
        renames.append(&mut scope.renames);
        Self { input, functions, types, cases, fields, scope, renames, needed: RefCell::default() }
    }

    /// Notes that a section of the runtime is used, and gives its name.
    fn need(&self, name: &str) -> String {
        self.needed.borrow_mut().insert(name.to_owned());
        name.to_owned()
    }

    fn function(&self, id: FunctionId) -> String {
        let name = self.functions.get(&id).cloned().unwrap_or_default();
        if self.is_constant(id) { format!("_{}_value", name.to_ascii_lowercase()) } else { name }
    }

    fn is_constant(&self, id: FunctionId) -> bool {
        self.input.program.function(id).role == Role::Constant && self.input.used.public.contains(&id)
    }

    /// The module's docstring.
    fn description(&self) -> String {
        let module = super::asked_for(self.input.program).last();
        let text = module.map_or_else(String::new, |module| {
            module.description.clone().unwrap_or_else(|| format!("Specification {}.", module.name))
        });
        format!("{}\n", docstring(&text))
    }

    /// A type's annotation.
    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::Trit | Type::Tryte(_) | Type::Int | Type::IntIn(..) | Type::U64 => "int".to_owned(),
            Type::Float | Type::F32 => "float".to_owned(),
            Type::String => "str".to_owned(),
            Type::Bytes => "bytes".to_owned(),
            Type::List(of) => format!("tuple[{}, ...]", self.ty(of)),
            Type::Set(of) => format!("frozenset[{}]", self.ty(of)),
            Type::Map(key, of) => format!("{}[{}, {}]", self.need("Map"), self.ty(key), self.ty(of)),
            Type::Option(of) => format!("{}[{}] | None", self.need("Some"), self.ty(of)),
            Type::Result(of, err) => {
                format!("{}[{}] | {}[{}]", self.need("Ok"), self.ty(of), self.need("Err"), self.ty(err))
            }
            Type::Tuple(of) => format!("tuple[{}]", of.iter().map(|ty| self.ty(ty)).collect::<Vec<_>>().join(", ")),
            Type::Named(id) => match &self.input.program.type_def(*id).shape {
                Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => self.ty(ty),
                _ => self.types.get(id).cloned().unwrap_or_default(),
            },
            Type::Param(_) | Type::Var(_) | Type::Poison => "Any".to_owned(),
        }
    }

    /// Prints the declared types.
    fn types(&self) -> String {
        let mut parts = Vec::new();
        for id in &self.input.used.named {
            let def = self.input.program.type_def(*id);
            let name = self.types.get(id).cloned().unwrap_or_default();
            match &def.shape {
                Shape::Record(fields) => parts.push(self.class(*id, 0, &name, fields, def.say.as_deref(), None)),
                Shape::Enum { cases, .. } if is_bare(def) => {
                    self.need("Enum");
                    let mut out = Writer::new("    ", WIDTH);
                    out.open(format!("class {name}(Enum):"));
                    out.line(docstring(def.say.as_deref().unwrap_or(&format!("The cases of {}.", def.name))));
                    out.line("");
                    for i in 0..cases.len() {
                        let member = self.cases.get(&(*id, i as u16)).cloned().unwrap_or_default();
                        out.line(format!("{} = {i}", member.rsplit('.').next().unwrap_or_default()));
                    }
                    parts.push(out.finish().trim_end().to_owned());
                }
                Shape::Enum { cases, .. } => {
                    let mut names = Vec::new();
                    for (i, case) in (0..).zip(cases) {
                        let class = self.cases.get(&(*id, i)).cloned().unwrap_or_default();
                        let say = format!("Case `{}` of {}.", case.name, def.name);
                        parts.push(self.class(*id, i, &class, &case.fields, Some(&say), Some(i)));
                        names.push(class);
                    }
                    let say = def.say.as_deref().map_or_else(String::new, |say| format!("\n{}", docstring(say)));
                    parts.push(format!("{name}: TypeAlias = {}{say}", names.join(" | ")));
                }
                _ => {}
            }
        }
        parts.join("\n\n\n")
    }

    /// A frozen dataclass.
    fn class(
        &self,
        id: TypeId,
        case: u16,
        name: &str,
        fields: &[crate::types::FieldDef],
        say: Option<&str>,
        number: Option<u16>,
    ) -> String {
        let mut out = Writer::new("    ", WIDTH);
        out.line("@dataclass(frozen=True, slots=True)");
        out.open(format!("class {name}:"));
        out.line(docstring(say.unwrap_or(&format!("A record {name}."))));
        if let Some(number) = number {
            out.line("");
            out.line(format!("_CASE: ClassVar[int] = {number}"));
        }
        if !fields.is_empty() {
            out.line("");
        }
        let names = self.fields.get(&(id, case)).cloned().unwrap_or_default();
        for (name, field) in names.iter().zip(fields) {
            out.line(format!("{name}: {}", self.ty(&field.ty)));
        }
        out.finish().trim_end().to_owned()
    }

    /// Constants, evaluated when the module is loaded.
    fn constants(&self) -> String {
        let constants = self.input.used.public.iter().filter(|id| self.is_constant(**id));
        let lines = constants.map(|id| {
            let function = self.input.program.function(*id);
            let name = self.functions.get(id).cloned().unwrap_or_default();
            format!("{name}: Final[{}] = {}()", self.ty(&function.returns), self.function(*id))
        });
        lines.collect::<Vec<String>>().join("\n")
    }
}

/// Whether no case of the enum carries anything.
fn is_bare(def: &TypeDef) -> bool {
    matches!(&def.shape, Shape::Enum { cases, .. } if cases.iter().all(|case| case.fields.is_empty()))
}

/// A docstring; what could end it is taken apart.
fn docstring(text: &str) -> String {
    let text = text.trim().replace('\\', "\\\\").replace("\"\"\"", "'''");
    let text = if text.ends_with('"') { format!("{text} ") } else { text };
    if text.contains('\n') { format!("\"\"\"{text}\n\"\"\"") } else { format!("\"\"\"{text}\"\"\"") }
}
