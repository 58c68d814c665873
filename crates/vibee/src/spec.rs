//! A version 3 file as its schema reads it: items with their parsed expressions, before any name is looked up.

use crate::{
    ast::{Expr, Ident, Table, TypeExpr},
    source::{FileId, Span},
};

/// A file.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The file.
    pub file: FileId,
    /// `name`
    pub name: Ident,
    /// `version`, a semantic version
    pub version: String,
    /// `description`
    pub description: Option<String>,
    /// `imports`
    pub imports: Vec<Import>,
    /// `constants`
    pub constants: Vec<Constant>,
    /// `types`
    pub types: Vec<TypeItem>,
    /// `functions`, `behaviors` and `extern`, in the file's order
    pub functions: Vec<FunctionItem>,
    /// `fsm`: kept as it stands; nothing runs it yet, and a message says so
    pub machines: Vec<Ident>,
}

/// `{ name, path?, only? }`
#[derive(Clone, Debug)]
pub struct Import {
    /// The module, such as `other` or `std.math`.
    pub name: Ident,
    /// The file, where it is not `name.vibee` beside this one.
    pub path: Option<Ident>,
    /// Names that may be used without the module's; others need `module.name`.
    pub only: Vec<Ident>,
}

/// An entry of `constants`.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its name.
    pub name: Ident,
    /// Its type, where it is said.
    pub ty: Option<TypeExpr>,
    /// Its value.
    pub value: Expr,
    /// `say`
    pub say: Option<String>,
}

/// An entry of `types`.
#[derive(Clone, Debug)]
pub struct TypeItem {
    /// Its name.
    pub name: Ident,
    /// `say`
    pub say: Option<String>,
    /// What it is.
    pub shape: TypeShape,
}

/// What a declared type is.
#[derive(Clone, Debug)]
pub enum TypeShape {
    /// `Name: type`
    Alias(TypeExpr),
    /// `{ fields: … }`
    Record(Vec<(Ident, TypeExpr)>),
    /// `{ enum: …, ordered? }`
    Enum {
        /// The cases with what they carry.
        cases: Vec<(Ident, Vec<(Ident, TypeExpr)>)>,
        /// `ordered: true`
        is_ordered: bool,
    },
    /// `{ base, where }`
    Constrained {
        /// `base`
        base: TypeExpr,
        /// `where`, over `value`
        holds: Expr,
    },
}

/// Under which key a function stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `functions`
    Functions,
    /// `behaviors`
    Behaviors,
    /// `extern`
    Extern,
}

/// An entry of `functions`, `behaviors` or `extern`.
#[derive(Clone, Debug)]
pub struct FunctionItem {
    /// Where it stands.
    pub section: Section,
    /// Its name.
    pub name: Ident,
    /// Type parameters, such as `T`: in std alone.
    pub generics: Vec<Ident>,
    /// `say`
    pub say: Option<String>,
    /// `params`
    pub params: Vec<(Ident, TypeExpr)>,
    /// `returns`
    pub returns: TypeExpr,
    /// `given`
    pub given: Option<Expr>,
    /// `body`, or `when`
    pub body: Option<Expr>,
    /// `then`, each with its name where it has one
    pub then: Vec<(Option<Ident>, Expr)>,
    /// `raises`
    pub raises: Option<Vec<Ident>>,
    /// `decreases`: an Int, or a tuple of them
    pub decreases: Option<Expr>,
    /// `examples`
    pub examples: Option<Table>,
    /// `forall`
    pub forall: Vec<PropertyItem>,
    /// The whole entry.
    pub span: Span,
}

/// An entry of `forall`.
#[derive(Clone, Debug)]
pub struct PropertyItem {
    /// Its name.
    pub name: Ident,
    /// `vars`
    pub vars: Vec<(Ident, TypeExpr)>,
    /// `where`
    pub filter: Option<Expr>,
    /// `holds`
    pub holds: Expr,
    /// `cases`
    pub cases: Option<u32>,
}
