//! A version 3 file as its schema reads it: items with their parsed expressions, before any name is looked up.

use crate::{
    ast::{Expr, Ident, Table, TypeExpr},
    source::{FileId, Span},
};

/// A file, read by its schema.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Spec {
    pub file: FileId,
    pub name: Ident,
    /// `version`, a semantic version
    pub version: String,
    pub description: Option<String>,
    pub imports: Vec<Import>,
    pub constants: Vec<Constant>,
    pub types: Vec<TypeItem>,
    /// `functions`, `behaviors` and `extern`, in the file's order
    pub functions: Vec<FunctionItem>,
    /// `fsm`: kept as it stands; nothing runs it yet, and a message says so
    pub machines: Vec<Ident>,
    /// Whether everything that the file declares is here: else a message says what is wrong with the rest
    pub is_whole: bool,
    /// Whether nothing in it was said to be wrong
    pub is_sound: bool,
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
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Constant {
    pub name: Ident,
    /// Its type, where it is said.
    pub ty: Option<TypeExpr>,
    pub value: Expr,
    pub say: Option<String>,
}

/// An entry of `types`.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct TypeItem {
    pub name: Ident,
    pub say: Option<String>,
    /// What it is.
    pub shape: TypeShape,
}

/// What a declared type is.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum TypeShape {
    Alias(TypeExpr),
    /// `{ fields: … }`
    Record(Vec<(Ident, TypeExpr)>),
    /// `{ enum: …, ordered? }`
    Enum {
        /// The cases with what they carry.
        cases: Vec<(Ident, Vec<(Ident, TypeExpr)>)>,
        is_ordered: bool,
    },
    /// `{ base, where }`
    Constrained {
        base: TypeExpr,
        /// `where`, over `value`
        holds: Expr,
    },
}

/// Under which key a function stands.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Functions,
    Behaviors,
    Extern,
}

/// An entry of `functions`, `behaviors` or `extern`.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct FunctionItem {
    /// Where it stands.
    pub section: Section,
    pub name: Ident,
    /// Type parameters, such as `T`: in std alone.
    pub generics: Vec<Ident>,
    pub say: Option<String>,
    pub params: Vec<(Ident, TypeExpr)>,
    pub returns: TypeExpr,
    pub given: Option<Expr>,
    /// `body`, or `when`
    pub body: Option<Expr>,
    /// `then`, each with its name where it has one
    pub then: Vec<(Option<Ident>, Expr)>,
    pub raises: Option<Vec<Ident>>,
    /// `decreases`: an Int, or a tuple of them
    pub decreases: Option<Expr>,
    pub examples: Option<Table>,
    pub forall: Vec<PropertyItem>,
    /// The whole entry.
    pub span: Span,
}

/// An entry of `forall`.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct PropertyItem {
    pub name: Ident,
    pub vars: Vec<(Ident, TypeExpr)>,
    pub filter: Option<Expr>,
    pub holds: Expr,
    pub cases: Option<u32>,
}
