//! The parsed template. Operators of one precedence lie side by side instead of nesting, so that the depth of this
//! tree follows the nesting of the source, which [`parser`](super::parser) limits.

use std::sync::Arc;

use super::{filters, named::Known, predicates};

/// A statement with its line.
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) stmt: Stmt,
}

/// What a template does.
pub(crate) enum Stmt {
    Text(Box<str>),
    Print(Expr),
    /// `if`, `elif`…, `else`.
    If {
        arms: Vec<(Expr, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    For(Box<For>),
    Set {
        target: Target,
        value: Expr,
    },
    SetBlock {
        target: Target,
        filters: Vec<Post>,
        body: Vec<Node>,
    },
    With {
        bindings: Vec<(Target, Expr)>,
        body: Vec<Node>,
    },
    Macro(Box<Macro>),
    CallBlock(Box<CallBlock>),
    FilterBlock {
        filters: Vec<Post>,
        body: Vec<Node>,
    },
    /// `block` and `generation`: the body, where it stands.
    Scope(Vec<Node>),
    Break,
    Continue,
}

/// `{% for target in items if test recursive %}body{% else %}otherwise{% endfor %}`
pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) items: Expr,
    pub(crate) test: Option<Expr>,
    pub(crate) recursive: bool,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// `{% macro name(parameters) %}body{% endmacro %}`
pub(crate) struct Macro {
    pub(crate) name: Box<str>,
    pub(crate) parameters: Vec<(Box<str>, Option<Expr>)>,
    pub(crate) body: Vec<Node>,
    /// The body mentions `varargs`, `kwargs`, `caller`: only then may the call pass them.
    pub(crate) uses: Uses,
}

/// Which of the special names a macro body mentions.
#[derive(Clone, Copy, Default)]
pub(crate) struct Uses {
    pub(crate) varargs: bool,
    pub(crate) kwargs: bool,
    pub(crate) caller: bool,
}

/// `{% call(parameters) target(args) %}body{% endcall %}`
pub(crate) struct CallBlock {
    pub(crate) call: Expr,
    pub(crate) caller: Macro,
}

/// What `set` and `for` assign to.
pub(crate) enum Target {
    Name(Box<str>),
    Attribute { namespace: Box<str>, name: Box<str> },
    Tuple(Vec<Target>),
}

/// An expression of the language.
pub(crate) enum Expr {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    Name(Box<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Not(Box<Expr>),
    Sign {
        negative: bool,
        of: Box<Expr>,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare {
        first: Box<Expr>,
        rest: Vec<(CompareOp, Expr)>,
    },
    /// `first op expr op expr…`, all of one precedence, from the left.
    Chain {
        first: Box<Expr>,
        rest: Vec<(BinaryOp, Expr)>,
    },
    Concat(Vec<Expr>),
    /// `then if test else otherwise`
    IfElse {
        test: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    /// `base.attr[item](args)|filter is test…`
    Postfix {
        base: Box<Expr>,
        ops: Vec<Post>,
    },
}

/// What may follow a value.
pub(crate) enum Post {
    Attribute(Box<str>),
    Item(Expr),
    Slice(Box<[Option<Expr>; 3]>),
    Call(Args),
    Filter { filter: Known<filters::Code>, args: Args },
    Test { test: Known<predicates::Code>, args: Args, negated: bool },
}

/// `(positional, *star, name=value, **double_star)`
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) positional: Vec<Expr>,
    pub(crate) named: Vec<(Box<str>, Expr)>,
    pub(crate) star: Option<Box<Expr>>,
    pub(crate) double_star: Option<Box<Expr>>,
}

/// The operators that compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// The operators of arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

impl BinaryOp {
    /// Returns the operator as templates write it.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Mod => "%",
            Self::Pow => "**",
        }
    }
}
