//! Names and types of everything that specifications declare, before any body is looked at.

use crate::{
    ast::{Ident, TypeExpr},
    diagnostic::Diagnostic,
    source::Span,
    spec::{Section, Spec, TypeShape},
    typed::{Function, FunctionId, Local, LocalId, Role},
    types::{CaseDef, FieldDef, Shape, Type, TypeDef, TypeId},
};

use super::{Checker, Decl, Imported, Item, Scope, State, resolve::BUILT_IN};
use crate::nearest::nearest;

impl<'a> Checker<'a> {
    /// Declares all types, functions and constants.
    pub(super) fn declare(&mut self) {
        let specs = self.specs;
        for (number, spec) in specs.iter().enumerate() {
            self.scopes.push(Scope { is_std: spec.name.name.starts_with("std."), ..Scope::default() });
            self.declare_types(number, spec);
        }
        for (number, spec) in specs.iter().enumerate() {
            self.declare_items(number, spec);
        }
        for (number, spec) in specs.iter().enumerate() {
            self.declare_imports(number, spec);
        }
        for (number, spec) in specs.iter().enumerate() {
            self.declare_shapes(number, spec);
        }
        self.check_aliases();
        self.check_inhabited();
        for at in 0..self.decls.len() {
            self.declare_signature(at);
        }
        self.check_keys();
    }

    fn declare_types(&mut self, number: usize, spec: &Spec) {
        for item in &spec.types {
            let id = TypeId(self.program.types.len() as u32);
            if BUILT_IN.iter().any(|(name, _)| *name == item.name.name) {
                let text = format!("`{}` is a type that is built in", item.name.name);
                self.report(Diagnostic::new("E0302", item.name.span, text).help("give it another name"));
            }
            let old = self.scopes[number].types.insert(item.name.name.clone(), id);
            if let Some(old) = old {
                let first = self.program.type_def(old).span;
                self.declared_twice(&item.name, first);
            }
            self.type_modules.push(number);
            self.program.types.push(TypeDef {
                module: spec.name.name.clone(),
                name: item.name.name.clone(),
                say: item.say.clone(),
                span: item.name.span,
                shape: Shape::Alias(Type::Poison),
            });
        }
    }

    fn declared_twice(&mut self, name: &Ident, first: Span) {
        let text = format!("`{}` is declared already", name.name);
        let message =
            Diagnostic::new("E0322", name.span, text).label("declared again").also(first, "declared here first");
        self.report(message);
    }

    fn declare_items(&mut self, number: usize, spec: &'a Spec) {
        let constants = spec.constants.iter().map(|item| (&item.name, Item::Constant(item)));
        let functions = spec.functions.iter().map(|item| (&item.name, Item::Function(item)));
        for (name, item) in constants.chain(functions) {
            let generics = match item {
                Item::Function(f) => f.generics.iter().filter_map(|g| g.name.chars().next()).collect(),
                Item::Constant(_) => Vec::new(),
            };
            let decl = Decl {
                module: number,
                name,
                item,
                generics,
                params: Vec::new(),
                returns: Type::Poison,
                state: State::Declared,
            };
            let at = self.decls.len();
            self.decls.push(decl);
            // Functions of std may share a name: their parameters tell them apart.
            let is_std = self.scopes[number].is_std;
            self.by_name.entry(name.name.as_str()).or_default().push(at);
            if let Some(old) = self.scopes[number].items.insert(name.name.clone(), at)
                && !is_std
            {
                let first = self.decls[old].name.span;
                self.declared_twice(name, first);
            }
        }
    }

    fn declare_imports(&mut self, number: usize, spec: &Spec) {
        for import in &spec.imports {
            let full = import.name.name.clone();
            // A module that could not be loaded has its message already.
            let Some(module) = self.specs.iter().position(|spec| spec.name.name == full) else { continue };
            let mut names = vec![full.clone()];
            if let Some(short) = full.strip_prefix("std.") {
                names.push(short.to_string());
            }
            for only in &import.only {
                let scope = &self.scopes[module];
                if !scope.types.contains_key(&only.name) && !scope.items.contains_key(&only.name) {
                    let text = format!("`{full}` has no `{}`", only.name);
                    let mut message = Diagnostic::new("E0301", only.span, text).label("unknown name");
                    let mut known: Vec<&str> =
                        scope.types.keys().chain(scope.items.keys()).map(String::as_str).collect();
                    known.sort_unstable();
                    if let Some(near) = nearest(&only.name, known.into_iter()) {
                        message = message.help(format!("`{near}` is near")).fix(only.span, near);
                    }
                    self.report(message);
                }
                if let Some(own) = self.scopes[number].items.get(&only.name) {
                    let first = self.decls[*own].name.span;
                    self.declared_twice(only, first);
                } else if let Some(own) = self.scopes[number].types.get(&only.name) {
                    let first = self.program.type_def(*own).span;
                    self.declared_twice(only, first);
                }
            }
            let only = import.only.clone();
            self.scopes[number].imports.push(Imported { module, names, span: import.name.span, only });
        }
    }

    fn declare_shapes(&mut self, number: usize, spec: &'a Spec) {
        let first = self.type_modules.iter().take_while(|module| **module < number).count();
        for (id, item) in (first..).zip(&spec.types) {
            let shape = match &item.shape {
                TypeShape::Alias(ty) => Shape::Alias(self.resolve_type(number, ty, &[])),
                TypeShape::Record(fields) => Shape::Record(self.fields(number, fields)),
                TypeShape::Enum { cases, is_ordered } => {
                    let mut defs: Vec<CaseDef> = Vec::new();
                    for (at, (name, fields)) in cases.iter().enumerate() {
                        if let Some((first, _)) = cases[..at].iter().find(|(other, _)| other.name == name.name) {
                            self.repeated("case", name, first.span);
                        }
                        let fields = self.fields(number, fields);
                        if *is_ordered && !fields.is_empty() {
                            let text = "a case of an ordered enum carries nothing";
                            self.report(Diagnostic::new("E0310", name.span, text));
                        }
                        defs.push(CaseDef { name: name.name.clone(), fields });
                    }
                    Shape::Enum { cases: defs, is_ordered: *is_ordered }
                }
                TypeShape::Constrained { base, .. } => {
                    let base = self.resolve_type(number, base, &[]);
                    let name = format!("{}$holds", item.name.name);
                    let holds = self.allocate(number, name, Role::Condition, item.name.span);
                    Shape::Constrained { base, holds }
                }
            };
            self.program.types[id].shape = shape;
        }
    }

    fn repeated(&mut self, what: &str, name: &Ident, first: Span) {
        let text = format!("{what} `{}` is there already", name.name);
        let message = Diagnostic::new("E0322", name.span, text).label("again").also(first, "first here");
        self.report(message);
    }

    fn fields(&mut self, number: usize, fields: &[(Ident, TypeExpr)]) -> Vec<FieldDef> {
        let mut defs = Vec::new();
        for (at, (name, ty)) in fields.iter().enumerate() {
            if let Some((first, _)) = fields[..at].iter().find(|(other, _)| other.name == name.name) {
                self.repeated("field", name, first.span);
            }
            defs.push(FieldDef { name: name.name.clone(), ty: self.resolve_type(number, ty, &[]) });
        }
        defs
    }

    fn declare_signature(&mut self, at: usize) {
        let (module, item, generics) = (self.decls[at].module, self.decls[at].item, self.decls[at].generics.clone());
        match item {
            Item::Constant(constant) => {
                if let Some(ty) = &constant.ty {
                    self.decls[at].returns = self.resolve_type(module, ty, &[]);
                }
            }
            Item::Function(function) => {
                if !generics.is_empty() && !self.scopes[module].is_std {
                    let text = "type parameters are for std alone";
                    self.report(Diagnostic::new("E0130", function.name.span, text));
                }
                let mut params: Vec<(&'a Ident, Type)> = Vec::new();
                for (name, ty) in &function.params {
                    if let Some((first, _)) = params.iter().find(|(other, _)| other.name == name.name) {
                        self.repeated("parameter", name, first.span);
                    }
                    params.push((name, self.resolve_type(module, ty, &generics)));
                }
                let returns = self.resolve_type(module, &function.returns, &generics);
                self.decls[at].params = params;
                self.decls[at].returns = returns;
            }
        }
    }

    /// Which role a declared function has.
    pub(super) fn role(&self, at: usize) -> Role {
        let decl = &self.decls[at];
        match decl.item {
            Item::Constant(_) => Role::Constant,
            Item::Function(function) => match function.section {
                _ if self.scopes[decl.module].is_std => Role::Std,
                _ if function.body.is_none() => Role::Extern,
                Section::Functions => Role::Function,
                Section::Behaviors => Role::Behavior,
                Section::Extern => Role::Extern,
            },
        }
    }

    /// Adds a function whose body comes later.
    pub(super) fn allocate(&mut self, module: usize, name: String, role: Role, span: Span) -> FunctionId {
        let id = FunctionId(self.program.functions.len() as u32);
        self.program.functions.push(Function {
            module: self.specs[module].name.name.clone(),
            name,
            role,
            say: None,
            span,
            locals: Vec::new(),
            n_params: 0,
            returns: Type::Poison,
            body: None,
            given: None,
            then: Vec::new(),
            raises: Vec::new(),
            prose: Vec::new(),
        });
        id
    }

    /// A parameter of a function as one of its locals, constraints left out.
    pub(super) fn param_local(&self, name: &str, declared: &Type) -> Local {
        Local { name: name.to_string(), ty: self.program.erased(declared), declared: declared.clone() }
    }

    /// The locals of parameters, in order.
    pub(super) fn param_ids(n: usize) -> impl Iterator<Item = LocalId> {
        (0..n as u32).map(LocalId)
    }
}
