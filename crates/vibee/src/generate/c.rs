//! C11: structs and tagged unions, an arena as first argument, faults noted in the arena and checked after what may
//! fault.
//!
//! A List, Set, Map, text points into an arena, or at constants; nothing is changed once it can be seen, so values may
//! share parts and are copied freely. A part through which a type would contain itself is behind a pointer
//! ([`Types::is_boxed`]).

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{
    Generated, GeneratedFile, Input,
    names::{Case, Scope, in_case},
    reach::walk,
    runtime::Runtime,
    writer::{Writer, list, many, text},
};
use crate::{
    typed::{FunctionId, Kind},
    types::{Type, TypeId},
};

mod body;
mod compare;
mod terms;
mod tests_file;
mod types;
mod values;

/// Keywords, and names of the standard library that generated code uses.
const RESERVED: &[&str] = &[
    "auto",
    "break",
    "case",
    "char",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "typedef",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
    "bool",
    "true",
    "false",
    "abort",
    "abs",
    "arena",
    "ceil",
    "fabs",
    "fabsf",
    "floor",
    "free",
    "malloc",
    "memcmp",
    "memcpy",
    "nearbyint",
    "signbit",
    "snprintf",
    "sqrt",
    "sqrtf",
    "strtod",
    "trunc",
    "strlen",
    "asm",
    "main",
    "unix",
    "linux",
    "i386",
    "isnan",
    "isinf",
    "div",
    "exit",
    "strcmp",
    "strchr",
    "errno",
    "stdin",
    "stdout",
    "stderr",
    "assert",
    "INFINITY",
    "NAN",
    "NULL",
];

/// Where lines are broken.
const WIDTH: usize = 110;

/// Generates a header, a source, and tests that include the source.
pub(super) fn emit(input: &Input<'_>) -> Generated {
    let c = C::new(input);
    let functions = c.functions();
    let tests = c.cases();
    let compare = c.compare_functions();
    let stem = in_case(input.stem, Case::Snake);
    let head = input.header(&c.renames);
    let guard = in_case(&format!("{stem}_h"), Case::Screaming);
    let mut header = format!("{head}\n");
    let _ = writeln!(header, "#ifndef {guard}\n#define {guard}\n");
    let base: BTreeSet<String> = ["base".to_owned()].into();
    let _ = writeln!(header, "{}\n", Runtime::new(include_str!("runtime/c.h")).print(&base));
    let _ = writeln!(header, "{}\n\n{}\n#endif", c.types.print(), c.prototypes());
    let (plain, typed) = c.runtime();
    let mut source = format!("{head}\n");
    let _ = writeln!(
        source,
        "#include \"{stem}.h\"\n\n#include <float.h>\n#include <inttypes.h>\n#include <locale.h>\n#include <math.h>\n\
         #include <stdio.h>\n\n_Static_assert(FLT_EVAL_METHOD == 0, \"floats are computed as they are stored\");\n\n\
         /* A text that stands in this file. */\n\
         #define VIBEE_TEXT(literal) ((vibee_text){{(const uint8_t *)(literal), sizeof(literal) - 1, NULL}})\n"
    );
    let constants = c.constants.borrow().iter().map(|(_, text)| text.clone()).collect::<Vec<_>>().join("\n");
    for part in [plain, compare.0, typed, compare.1, constants, c.private_prototypes(), functions] {
        if !part.is_empty() {
            let _ = writeln!(source, "{}\n", part.trim_end());
        }
    }
    let source = format!("{}\n", source.trim_end());
    Generated {
        files: vec![
            GeneratedFile { path: format!("{stem}.h"), text: header },
            GeneratedFile { path: format!("{stem}.c"), text: source },
            GeneratedFile { path: format!("test_{stem}.c"), text: format!("{head}\n{tests}") },
        ],
        renames: c.renames.clone(),
        left_out: Vec::new(),
    }
}

/// What printing needs to know.
struct C<'a> {
    input: &'a Input<'a>,
    types: types::Types<'a>,
    functions: BTreeMap<FunctionId, String>,
    /// Functions that call themselves other than at their end, and the name of what such a one does within its limit of
    /// depth.
    recursive: BTreeMap<FunctionId, String>,
    scope: Scope,
    renames: Vec<super::Rename>,
    /// Sections of the runtime that are used so far.
    plain: RefCell<BTreeSet<String>>,
    /// Sections that are printed for a type, by the type's name.
    typed: RefCell<BTreeMap<String, (Type, BTreeSet<String>)>>,
    /// Types whose values are compared by order and by `==`.
    compared: RefCell<Vec<(Type, bool)>>,
    /// Arrays that constants point at: their initialisers, to find equal ones, and their text.
    constants: RefCell<Vec<(String, String)>>,
}

impl<'a> C<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let mut renames = Vec::new();
        let types = types::Types::new(input, &mut renames);
        let mut scope = Scope::new(RESERVED);
        for text in [include_str!("runtime/c.c"), include_str!("runtime/c.h"), include_str!("runtime/c_types.c")] {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.filter(|word| word.starts_with("vibee_")).for_each(|word| scope.take(word));
        }
        let mut functions = BTreeMap::new();
        let conditions: BTreeMap<FunctionId, TypeId> =
            input.used.conditions.iter().map(|(ty, function)| (*function, *ty)).collect();
        for id in input.used.public.iter().chain(&input.used.functions) {
            if functions.contains_key(id) {
                continue;
            }
            let function = input.program.function(*id);
            let name = match conditions.get(id) {
                Some(ty) => format!("is_{}", input.program.type_def(*ty).name),
                None => function.name.clone(),
            };
            functions.insert(*id, scope.made(&format!("{}_{name}", function.module), Case::Snake));
        }
        let recursive = input.used.functions.iter().filter(|id| calls_itself(input, **id));
        let recursive = recursive.map(|id| {
            let name = functions.get(id).map_or("", String::as_str);
            (*id, scope.made(&format!("{name}_within"), Case::Snake))
        });
        let recursive = recursive.collect();
        Self {
            input,
            types,
            functions,
            recursive,
            scope,
            renames,
            plain: RefCell::default(),
            typed: RefCell::default(),
            compared: RefCell::default(),
            constants: RefCell::default(),
        }
    }

    fn need(&self, section: &str) {
        self.plain.borrow_mut().insert(section.to_owned());
    }

    /// Notes that a section is used for a type, and gives the type's name.
    fn need_for(&self, ty: &Type, section: &str) -> String {
        let name = self.types.name(ty);
        self.typed
            .borrow_mut()
            .entry(name.clone())
            .or_insert_with(|| (ty.clone(), BTreeSet::new()))
            .1
            .insert(section.to_owned());
        name
    }

    fn is_public(&self, id: FunctionId) -> bool {
        self.input.used.public.contains(&id)
    }

    fn function(&self, id: FunctionId) -> String {
        self.functions.get(&id).cloned().unwrap_or_default()
    }

    /// What stands before a function's body, with names of the parameters.
    fn signature(&self, id: FunctionId, names: &[String], end: &'static str) -> super::writer::Doc {
        let linkage = if self.is_public(id) { "" } else { "static " };
        self.head(id, linkage, &self.function(id), names, end)
    }

    fn head(
        &self,
        id: FunctionId,
        linkage: &str,
        name: &str,
        names: &[String],
        end: &'static str,
    ) -> super::writer::Doc {
        let function = self.input.program.function(id);
        let params = function.locals.iter().take(function.n_params).zip(names);
        let params = params.map(|(local, name)| text(format!("{} {name}", self.types.name(&local.ty))));
        let params = [text("vibee_arena *arena")].into_iter().chain(params).collect();
        let returns = self.types.name(&function.returns);
        many([text(format!("{linkage}{returns} {name}")), list("(", params, ")", ""), text(end)])
    }

    fn params(&self, id: FunctionId) -> Vec<String> {
        let function = self.input.program.function(id);
        let mut scope = self.scope.inner();
        function.locals.iter().take(function.n_params).map(|local| scope.made(&local.name, Case::Snake)).collect()
    }

    fn prototypes(&self) -> String {
        let mut out = Writer::new("    ", WIDTH);
        for id in &self.input.used.public {
            if let Some(say) = &self.input.program.function(*id).say {
                out.line(comment(say));
            }
            out.doc(&self.signature(*id, &self.params(*id), ";"));
            out.line("");
        }
        out.finish()
    }

    fn private_prototypes(&self) -> String {
        let mut out = Writer::new("    ", WIDTH);
        for id in self.input.used.functions.iter().filter(|id| !self.is_public(**id)) {
            out.doc(&self.signature(*id, &self.params(*id), ";"));
        }
        out.finish()
    }

    /// The parts of the runtime that no type is needed for, and those that are printed for a type.
    fn runtime(&self) -> (String, String) {
        let runtime = Runtime::new(include_str!("runtime/c_types.c"));
        let mut typed: Vec<(u8, String)> = Vec::new();
        let all = self.typed.borrow();
        for (name, (ty, sections)) in all.iter() {
            self.plain.borrow_mut().extend(runtime.wanted(sections));
            let place = match ty {
                Type::List(_) => 0,
                Type::Set(_) => 1,
                _ => 2,
            };
            typed.push((place, self.types.fill(ty, name, &runtime.print(sections))));
        }
        typed.sort_by_key(|(place, _)| *place);
        let plain = Runtime::new(include_str!("runtime/c.c")).print(&self.plain.borrow());
        (plain, typed.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n\n"))
    }
}

/// Whether calls lead from the function back to it, those aside after which nothing is left to do.
fn calls_itself(input: &Input<'_>, id: FunctionId) -> bool {
    let callees = |id: FunctionId| {
        let mut found = Vec::new();
        if let Some(body) = &input.program.function(id).body {
            walk(body, &mut |expr| {
                if let Kind::Call { function, is_tail: false, .. } = &expr.kind {
                    found.push(*function);
                }
            });
        }
        found
    };
    let mut open = callees(id);
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if next == id {
            return true;
        }
        if seen.insert(next) {
            open.extend(callees(next));
        }
    }
    false
}

/// A comment of documentation; what could end it is taken apart.
fn comment(say: &str) -> String {
    let say = say.trim().replace("*/", "* /").replace("/*", "/ *");
    if say.contains('\n') { format!("/**\n * {}\n */", say.replace('\n', "\n * ")) } else { format!("/** {say} */") }
}
