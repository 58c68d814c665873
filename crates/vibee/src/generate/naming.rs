//! Names of a program's types, fields, cases and functions in a target.

use std::collections::BTreeMap;

use super::{
    Input,
    names::{Case, Rename, Scope},
};
use crate::{
    typed::{FunctionId, Role},
    types::{FieldDef, Shape, TypeId},
};

/// How a language writes each kind of name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) types: Case,
    /// Cases of enums.
    pub(crate) cases: Case,
    pub(crate) fields: Case,
    pub(crate) functions: Case,
    /// Functions without parameters that are constants.
    pub(crate) constants: Case,
}

/// The names that were given.
#[derive(Debug)]
pub(crate) struct Naming {
    pub(crate) types: BTreeMap<TypeId, String>,
    /// Cases of enums, by number.
    pub(crate) cases: BTreeMap<(TypeId, u16), String>,
    /// Fields: of a record (with 0) or of a case of an enum.
    pub(crate) fields: BTreeMap<(TypeId, u16, u16), String>,
    pub(crate) functions: BTreeMap<FunctionId, String>,
    /// Everything at the top of the file is taken here.
    pub(crate) top: Scope,
    /// Names that got a suffix.
    pub(crate) renames: Vec<Rename>,
}

impl Naming {
    /// Names all that is in use; `top` has the runtime's names taken.
    pub(crate) fn new(input: &Input<'_>, mut top: Scope, style: Style) -> Self {
        let (mut types, mut cases, mut fields, mut functions) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut renames = Vec::new();
        let mut name_fields =
            |fields: &mut BTreeMap<_, _>, scope: &Scope, id: TypeId, case: u16, defs: &[FieldDef], span| {
                let mut scope = scope.apart();
                for (i, field) in (0..).zip(defs) {
                    fields.insert((id, case, i), scope.name(&field.name, style.fields, span));
                }
                renames.append(&mut scope.renames);
            };
        let mut case_renames = Vec::new();
        for id in &input.used.named {
            let def = input.program.type_def(*id);
            types.insert(*id, top.name(&def.name, style.types, def.span));
            match &def.shape {
                Shape::Record(defs) => name_fields(&mut fields, &top, *id, 0, defs, def.span),
                Shape::Enum { cases: defs, .. } => {
                    let mut scope = top.apart();
                    for (i, case) in (0..).zip(defs) {
                        cases.insert((*id, i), scope.name(&case.name, style.cases, def.span));
                        name_fields(&mut fields, &top, *id, i, &case.fields, def.span);
                    }
                    case_renames.append(&mut scope.renames);
                }
                Shape::Constrained { .. } | Shape::Alias(_) => {}
            }
        }
        renames.append(&mut case_renames);
        for id in &input.used.public {
            let function = input.program.function(*id);
            let case = if function.role == Role::Constant { style.constants } else { style.functions };
            let condition = input.used.conditions.iter().find(|(_, holds)| holds == id);
            let name = match condition {
                Some((of, _)) => format!("is_{}", input.program.type_def(*of).name),
                None => function.name.clone(),
            };
            functions.insert(*id, top.name(&name, case, function.span));
        }
        renames.append(&mut top.renames);
        // What only generated code calls has a made name, after its module.
        for id in &input.used.functions {
            let function = input.program.function(*id);
            let is_main = input.program.modules.iter().any(|m| m.is_asked_for && m.name == function.module);
            let name = if is_main { function.name.clone() } else { format!("{}_{}", function.module, function.name) };
            functions.entry(*id).or_insert_with(|| top.made(&name, style.functions));
        }
        Self { types, cases, fields, functions, top, renames }
    }

    /// A type's name.
    pub(crate) fn ty(&self, id: TypeId) -> &str {
        self.types.get(&id).map_or("", String::as_str)
    }

    /// A case's name.
    pub(crate) fn case(&self, id: TypeId, case: u16) -> &str {
        self.cases.get(&(id, case)).map_or("", String::as_str)
    }

    /// A field's name.
    pub(crate) fn field(&self, id: TypeId, case: u16, field: u16) -> &str {
        self.fields.get(&(id, case, field)).map_or("", String::as_str)
    }

    /// A function's name.
    pub(crate) fn function(&self, id: FunctionId) -> &str {
        self.functions.get(&id).map_or("", String::as_str)
    }
}
