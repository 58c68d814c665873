//! Expressions, patterns, types and tables as written.

use crate::source::Span;

/// A name and its place.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    pub name: String,
    pub span: Span,
}

/// An expression and its place.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Expr {
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// Kinds of expressions.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `12`, `1_000`, `0xff`, `0b10`: its magnitude, up to 2⁶⁴−1; `-` is a [`UnaryOp`].
    Int(u64),
    /// `1.5`, `1e-3`, `nan`, `inf`
    Float(f64),
    String(String),
    Bytes(Vec<u8>),
    /// `0t+0-`: digits, the most significant first
    Trits(Vec<i8>),
    Bool(bool),
    None,
    /// A name: of a parameter, constant, function, type or module.
    Name(String),
    Tuple(Vec<Expr>),
    /// `(a)`: kept, because `fmt` and messages need it
    Paren(Box<Expr>),
    List(Vec<Expr>),
    /// `a.name` without arguments: a field, a bare case of an enum, an item of a module
    Field(Box<Expr>, Ident),
    Place(Box<Expr>, u32, Span),
    Index(Box<Expr>, Box<Expr>),
    /// `callee<types>(args)`: a function, constructor, or `receiver.name(args)` where the callee is a
    /// [`ExprKind::Field`]
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// `tryte<4>(i)`: what stands between angle brackets; empty in other calls.
        widths: Vec<u32>,
        args: Vec<Arg>,
    },
    /// `a with (field = b)`
    With(Box<Expr>, Vec<(Ident, Expr)>),
    /// `-a`, `not a`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Span, Box<Expr>, Box<Expr>),
    /// `let pattern = value; body`
    Let(Pattern, Box<Expr>, Box<Expr>),
    /// `if a { b } else { c }`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `match a { pattern if guard => b, … }`
    Match(Box<Expr>, Vec<MatchArm>),
    /// `(a, b) => c`: only as an argument
    Lambda(Vec<Ident>, Box<Expr>),
    /// `all x in list where condition { body }`
    Quantified {
        quantifier: Quantifier,
        /// The name bound.
        name: Ident,
        /// What it goes over.
        over: Box<Expr>,
        /// Which members count.
        filter: Option<Box<Expr>>,
        /// What is asked or made of each.
        body: Box<Expr>,
    },
    Old(Ident),
    /// `fault(name)`: only in a cell of results
    Fault(Ident),
    /// What could not be read; a message says why.
    Broken,
}

/// `name = value` or a value.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Arg {
    /// The parameter's name, where it is said.
    pub name: Option<Ident>,
    pub value: Expr,
}

/// Operators with one operand.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
}

/// Operators with two operands, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operators by their names")]
pub enum BinaryOp {
    Implies,
    Or,
    Xor,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Range,
    Add,
    Sub,
    Concat,
    Mul,
    Slash,
    Div,
    Mod,
    Quo,
    Rem,
}

impl BinaryOp {
    /// All operators as they are written.
    pub const ALL: [(Self, &'static str); 21] = [
        (Self::Implies, "implies"),
        (Self::Or, "or"),
        (Self::Xor, "xor"),
        (Self::And, "and"),
        (Self::Eq, "=="),
        (Self::Ne, "!="),
        (Self::Lt, "<"),
        (Self::Le, "<="),
        (Self::Gt, ">"),
        (Self::Ge, ">="),
        (Self::In, "in"),
        (Self::Range, ".."),
        (Self::Add, "+"),
        (Self::Sub, "-"),
        (Self::Concat, "++"),
        (Self::Mul, "*"),
        (Self::Slash, "/"),
        (Self::Div, "div"),
        (Self::Mod, "mod"),
        (Self::Quo, "quo"),
        (Self::Rem, "rem"),
    ];

    /// Gives the operator as it is written.
    pub fn text(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// What a quantified expression asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the quantifiers by their names")]
pub enum Quantifier {
    All,
    Any,
    Count,
    Sum,
    Map,
    Filter,
}

/// `pattern or pattern if guard => body`
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct MatchArm {
    /// The pattern, [`PatternKind::Or`] where it has alternatives.
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Expr,
}

/// A pattern and its place.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Pattern {
    pub span: Span,
    /// What it is.
    pub kind: PatternKind,
}

/// Kinds of patterns.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum PatternKind {
    Any,
    /// A literal expression, with its `-`.
    Literal(Box<Expr>),
    /// `1..9`, of Int literals
    Range(Box<Expr>, Box<Expr>),
    /// A bare name: a case of an enum if the type that is matched has one of that name, else a name that is bound.
    Name(Ident),
    /// `Type.case(…)`, `case(…)`, `Type.case`, `Some(…)`, `Ok(…)`, `None`, a record's `Type(field = …)`
    Case {
        /// What stands before the point: a type, or `module.Type`.
        of: Vec<Ident>,
        /// The case, or the record's type.
        name: Ident,
        /// Patterns by name or place; `None` where no parentheses stand.
        fields: Option<Vec<(Option<Ident>, Pattern)>>,
    },
    Tuple(Vec<Pattern>),
    List(Vec<Pattern>),
    /// `a or b`
    Or(Vec<Pattern>),
    /// What could not be read.
    Broken,
}

/// A type and its place.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct TypeExpr {
    pub span: Span,
    /// What it is.
    pub kind: TypeExprKind,
}

/// Kinds of types.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum TypeExprKind {
    /// `name`, `module.name`, `name<types>`, `Tryte<4>`, `Int(0..9)`
    Name {
        /// The name, with its module before it where one stands.
        path: Vec<Ident>,
        /// Types between angle brackets.
        args: Vec<TypeExpr>,
        /// The number between angle brackets, of `Tryte`.
        width: Option<u64>,
        /// The bounds between parentheses, of `Int`.
        bounds: Option<(i64, i64)>,
    },
    Tuple(Vec<TypeExpr>),
    /// What could not be read.
    Broken,
}

/// A table of examples.
#[derive(Clone, Debug)]
pub struct Table {
    /// Names of the columns, and of a `result` column how near is near enough.
    pub header: Vec<Column>,
    /// Rows; each has as many cells as the header, or a message says otherwise.
    pub rows: Vec<Row>,
}

/// `name`, `result within 2 ulp`, `result within 1e-9`
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Column {
    pub name: Ident,
    /// How near is near enough.
    pub within: crate::typed::Tolerance,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The row's place.
    pub span: Span,
    /// A cell for each column.
    pub cells: Vec<Expr>,
}
