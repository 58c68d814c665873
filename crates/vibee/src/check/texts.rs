//! Types as messages write them.

use crate::types::Type;

use super::Checker;

impl Checker<'_> {
    /// Writes a type as a spec would.
    pub(super) fn show(&self, ty: &Type) -> String {
        let list = |of: &[Type]| of.iter().map(|ty| self.show(ty)).collect::<Vec<_>>().join(", ");
        match self.shallow(ty) {
            Type::Bool => "Bool".into(),
            Type::Trit => "Trit".into(),
            Type::Tryte(0) => "Tryte".into(),
            Type::Tryte(n) => format!("Tryte<{n}>"),
            Type::Int => "Int".into(),
            Type::IntIn(lo, hi) => format!("Int({lo}..{hi})"),
            Type::U64 => "U64".into(),
            Type::Float => "Float".into(),
            Type::F32 => "F32".into(),
            Type::String => "String".into(),
            Type::Bytes => "Bytes".into(),
            Type::List(of) => format!("List<{}>", self.show(&of)),
            Type::Set(of) => format!("Set<{}>", self.show(&of)),
            Type::Map(key, of) => format!("Map<{}, {}>", self.show(&key), self.show(&of)),
            Type::Option(of) => format!("Option<{}>", self.show(&of)),
            Type::Result(of, err) => format!("Result<{}, {}>", self.show(&of), self.show(&err)),
            Type::Tuple(of) => format!("({})", list(&of)),
            Type::Named(id) => self.program.type_def(id).name.clone(),
            Type::Param(name) => name.to_string(),
            Type::Var(_) | Type::Poison => "_".into(),
        }
    }
}
