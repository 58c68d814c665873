//! Types as written become types.

use crate::{
    ast::{TypeExpr, TypeExprKind},
    diagnostic::Diagnostic,
    types::{Shape, Type, TypeId},
};

use super::{Checker, TYPE_NODES_MAX};

/// Names of the types that are built in, with how many types each takes.
pub(super) const BUILT_IN: &[(&str, usize)] = &[
    ("Bool", 0),
    ("Trit", 0),
    ("Tryte", 0),
    ("Int", 0),
    ("U64", 0),
    ("Float", 0),
    ("F32", 0),
    ("String", 0),
    ("Bytes", 0),
    ("List", 1),
    ("Set", 1),
    ("Map", 2),
    ("Option", 1),
    ("Result", 2),
];

/// Digits of the widest Tryte: 3⁴⁰ is the last power of 3 whose balanced numbers are Ints.
const TRYTE_DIGITS_MAX: u64 = 40;

/// Aliases of aliases, one after the other.
const ALIASES_MAX: usize = 256;

impl Checker<'_> {
    /// Reads a type; what is wrong with it is said, and poison in its place.
    pub(super) fn resolve_type(&mut self, module: usize, expr: &TypeExpr, generics: &[char]) -> Type {
        let (path, args, width, bounds) = match &expr.kind {
            TypeExprKind::Broken => return Type::Poison,
            TypeExprKind::Tuple(of) => {
                return Type::Tuple(of.iter().map(|of| self.resolve_type(module, of, generics)).collect());
            }
            TypeExprKind::Name { path, args, width, bounds } => (path, args, *width, *bounds),
        };
        let args: Vec<Type> = args.iter().map(|arg| self.resolve_type(module, arg, generics)).collect();
        let [name] = path.as_slice() else {
            return self.declared(module, expr, args.len());
        };
        let mut letters = name.name.chars();
        if let (Some(letter), None) = (letters.next(), letters.next())
            && generics.contains(&letter)
        {
            return Type::Param(letter);
        }
        let Some((_, n_args)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name.name) else {
            return self.declared(module, expr, args.len());
        };
        if args.len() != *n_args {
            let text = format!("`{}` takes {n_args} types, found {}", name.name, args.len());
            self.report(Diagnostic::new("E0310", expr.span, text));
            return Type::Poison;
        }
        if bounds.is_some() && name.name != "Int" || width.is_some() && name.name != "Tryte" {
            let text = format!("`{}` takes no {}", name.name, if bounds.is_some() { "bounds" } else { "width" });
            self.report(Diagnostic::new("E0310", expr.span, text));
            return Type::Poison;
        }
        let mut args = args.into_iter().map(Box::new);
        let mut next = || args.next().unwrap_or(Box::new(Type::Poison));
        match name.name.as_str() {
            "Bool" => Type::Bool,
            "Trit" => Type::Trit,
            "U64" => Type::U64,
            "Float" => Type::Float,
            "F32" => Type::F32,
            "String" => Type::String,
            "Bytes" => Type::Bytes,
            "List" => Type::List(next()),
            "Set" => self.keyed(expr, *next(), |key| Type::Set(Box::new(key))),
            "Map" => {
                let (key, of) = (next(), next());
                self.keyed(expr, *key, |key| Type::Map(Box::new(key), of))
            }
            "Option" => Type::Option(next()),
            "Result" => Type::Result(next(), next()),
            "Tryte" => match width {
                Some(n @ 1..=TRYTE_DIGITS_MAX) => Type::Tryte(n as u8),
                Some(n) => {
                    let text = format!("a Tryte has 1 to {TRYTE_DIGITS_MAX} digits, found {n}");
                    self.report(Diagnostic::new("E0330", expr.span, text));
                    Type::Poison
                }
                // In signatures of std: of any width.
                None if self.scopes.get(module).is_some_and(|scope| scope.is_std) => Type::Tryte(0),
                None => {
                    let text = "a Tryte needs its number of digits";
                    self.report(Diagnostic::new("E0310", expr.span, text).help("such as `Tryte<4>`"));
                    Type::Poison
                }
            },
            _ => match bounds {
                Some((lo, hi)) if lo > hi => {
                    let text = format!("no Int is from {lo} to {hi}");
                    self.report(
                        Diagnostic::new("E0330", expr.span, text)
                            .help("the smaller bound comes first; both are included"),
                    );
                    Type::Poison
                }
                Some((i64::MIN, i64::MAX)) | None => Type::Int,
                Some((lo, hi)) => Type::IntIn(lo, hi),
            },
        }
    }

    fn declared(&mut self, module: usize, expr: &TypeExpr, n_args: usize) -> Type {
        let TypeExprKind::Name { path, width, bounds, .. } = &expr.kind else { return Type::Poison };
        let Some(id) = self.type_named(module, path) else { return Type::Poison };
        if n_args > 0 || width.is_some() || bounds.is_some() {
            let text = format!("`{}` takes no types, width or bounds", self.program.type_def(id).name);
            self.report(Diagnostic::new("E0310", expr.span, text));
        }
        Type::Named(id)
    }

    /// Keys are looked at again by [`Checker::check_keys`], when all declared types are known.
    fn keyed(&mut self, expr: &TypeExpr, key: Type, make: impl FnOnce(Type) -> Type) -> Type {
        self.keys.push((expr.span, key.clone()));
        make(key)
    }

    /// Refuses keys with a Float inside.
    pub(super) fn check_keys(&mut self) {
        for (span, key) in std::mem::take(&mut self.keys) {
            if self.has_float(&key) {
                let text = format!("{} cannot be a key or member: it has a Float inside", self.show(&key));
                self.report(Diagnostic::new("E0310", span, text).help("keys need an equality without NaN"));
            }
        }
    }

    /// Refuses aliases and constrained types that are defined by themselves, and those that grow beyond
    /// [`TYPE_NODES_MAX`] when written out.
    pub(super) fn check_aliases(&mut self) {
        let mut sizes: Vec<Option<Result<usize, ()>>> = vec![None; self.program.types.len()];
        for number in 0..self.program.types.len() {
            self.alias_size(TypeId(number as u32), &mut sizes, 0);
        }
    }

    fn alias_size(&mut self, id: TypeId, sizes: &mut Vec<Option<Result<usize, ()>>>, depth: usize) -> usize {
        let at = id.0 as usize;
        let base = match self.program.types.get(at).map(|def| &def.shape) {
            Some(Shape::Alias(base) | Shape::Constrained { base, .. }) => base.clone(),
            _ => return 1,
        };
        match sizes.get(at) {
            Some(Some(Ok(size))) => return *size,
            // Reached again while its size is being found.
            Some(Some(Err(()))) => {
                self.break_alias(id, "is defined by itself", "E0330");
                return 1;
            }
            _ if depth < ALIASES_MAX => {}
            _ => {
                self.break_alias(id, &format!("stands at the end of more than {ALIASES_MAX} aliases"), "E0140");
                return 1;
            }
        }
        sizes[at] = Some(Err(()));
        let size = self.written_size(&base, sizes, depth + 1).saturating_add(1);
        if size > TYPE_NODES_MAX {
            self.break_alias(
                id,
                &format!("written out has more than {TYPE_NODES_MAX} parts, aliases counted"),
                "E0140",
            );
        }
        let size = if size > TYPE_NODES_MAX { 1 } else { size };
        sizes[at] = Some(Ok(size));
        size
    }

    fn written_size(&mut self, ty: &Type, sizes: &mut Vec<Option<Result<usize, ()>>>, depth: usize) -> usize {
        let parts: Vec<&Type> = match ty {
            Type::Named(id) => return self.alias_size(*id, sizes, depth),
            Type::List(of) | Type::Set(of) | Type::Option(of) => vec![of],
            Type::Map(a, b) | Type::Result(a, b) => vec![a, b],
            Type::Tuple(of) => of.iter().collect(),
            _ => return 1,
        };
        let mut size = 1_usize;
        for part in parts {
            size = size.saturating_add(self.written_size(part, sizes, depth + 1));
        }
        size
    }

    fn break_alias(&mut self, id: TypeId, what: &str, code: &'static str) {
        let Some(def) = self.program.types.get_mut(id.0 as usize) else { return };
        def.shape = Shape::Alias(Type::Poison);
        let message = Diagnostic::new(code, def.span, format!("type `{}` {what}", def.name));
        self.report(message);
    }

    /// Refuses types that have no value: a record that contains itself, an enum whose every case does.
    pub(super) fn check_inhabited(&mut self) {
        let n = self.program.types.len();
        let mut has_value = vec![false; n];
        loop {
            let mut is_changed = false;
            for at in 0..n {
                if !has_value[at] && shape_has_value(&self.program.types[at].shape, &has_value) {
                    has_value[at] = true;
                    is_changed = true;
                }
            }
            if !is_changed {
                break;
            }
        }
        for (at, has_value) in has_value.iter().enumerate() {
            if *has_value {
                continue;
            }
            let def = &self.program.types[at];
            if matches!(&def.shape, Shape::Enum { cases, .. } if cases.is_empty()) {
                continue;
            }
            let text = format!("type `{}` has no value: each would contain another", def.name);
            let message = Diagnostic::new("E0330", def.span, text)
                .help("put an `Option` or a `List` around it, or add a case without it");
            self.report(message);
        }
    }
}

fn shape_has_value(shape: &Shape, known: &[bool]) -> bool {
    let all = |fields: &[crate::types::FieldDef]| fields.iter().all(|f| type_has_value(&f.ty, known));
    match shape {
        Shape::Record(fields) => all(fields),
        Shape::Enum { cases, .. } => cases.iter().any(|case| all(&case.fields)),
        Shape::Constrained { base, .. } | Shape::Alias(base) => type_has_value(base, known),
    }
}

fn type_has_value(ty: &Type, known: &[bool]) -> bool {
    match ty {
        Type::Named(id) => known.get(id.0 as usize).copied().unwrap_or(true),
        Type::Tuple(of) => of.iter().all(|ty| type_has_value(ty, known)),
        Type::Result(a, b) => type_has_value(a, known) || type_has_value(b, known),
        _ => true,
    }
}
