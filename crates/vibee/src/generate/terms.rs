//! What a function is when its control flow stands in statements: see [`super::statements`], which makes it.

use super::reach::{Used, may_fault};
use crate::{
    intrinsic::Intrinsic,
    typed::FunctionId,
    types::{Type, TypeId},
    value::{Fault, Value},
};

/// What a language has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// An operator such as `a ? b : c`.
    pub(crate) has_conditional: bool,
    /// Whether operands are evaluated from left to right. If not, they are put into temporaries where two can fault.
    pub(crate) is_ordered: bool,
    /// Operations that change a gathered value in place.
    pub(crate) builds: &'static [Intrinsic],
}

/// A name of a lowered function: an index of [`Lowered::vars`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct VarId(pub(crate) u32);

/// A parameter, name or temporary.
#[derive(Clone, Debug)]
pub(crate) struct Var {
    /// The name as written; made ones begin with `$`.
    pub(crate) name: String,
    /// The type without constraints.
    pub(crate) ty: Type,
    /// Whether it is assigned after its declaration or a [`Statement::Push`] changes it.
    pub(crate) is_changed: bool,
    /// Whether a compiler may not see that it is assigned before it is read: give it a value where it is declared.
    pub(crate) needs_default: bool,
    /// Whether it gathers in place; read as [`TermKind::Built`] after its loop, as [`TermKind::Var`] within.
    pub(crate) is_builder: bool,
    /// How often terms and statements read it.
    pub(crate) reads: u32,
}

/// A function, as statements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lowered {
    pub(crate) vars: Vec<Var>,
    /// How many of `vars` are parameters.
    pub(crate) n_params: usize,
    /// The body; every way through it ends in [`Statement::Return`], [`Statement::Fault`], [`Statement::Again`] or
    /// [`Statement::Unreachable`].
    pub(crate) body: Vec<Statement>,
    /// Whether `body` holds an [`Statement::Again`]: then it stands in a loop without end.
    pub(crate) is_repeated: bool,
}

/// A statement that every imperative language has.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// Declares a name with its value. With `is_builder`, the value is copied.
    Let(VarId, Term),
    /// Declares a name that what follows assigns.
    Declare(VarId),
    /// Gives a name another value.
    Assign(VarId, Term),
    /// Evaluates, for its fault alone.
    Do(Term),
    /// The first branch whose condition holds.
    If(Vec<(Term, Vec<Statement>)>, Vec<Statement>),
    /// Does the statements for each item.
    For(VarId, Each, Vec<Statement>),
    /// Ends the innermost [`Statement::For`].
    Break,
    /// Goes to the beginning of the body; parameters have been assigned.
    Again,
    /// Changes a builder in place: it becomes what the operation gives of it and these operands.
    Push(VarId, Intrinsic, Vec<Term>),
    /// Faults unless the condition holds.
    Check(Term, Fault),
    /// Gives the function's value.
    Return(Term),
    Fault(Fault),
    /// Nothing comes here: a match is exhaustive.
    Unreachable,
}

/// What a [`Statement::For`] goes over.
#[derive(Clone, Debug)]
pub(crate) enum Each {
    /// Items of a List, members of a Set, pairs of a Map, characters of a String, numbers of Bytes: by the term's type.
    Items(Term),
    /// Ints from the first to the second, both included; none where the second is smaller.
    Range(Term, Term),
}

/// An expression without statements.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// What it is.
    pub(crate) kind: TermKind,
    /// Its type without constraints.
    pub(crate) ty: Type,
}

/// Kinds of terms.
#[derive(Clone, Debug)]
pub(crate) enum TermKind {
    /// A known value.
    Const(Value),
    Var(VarId),
    /// What a builder gathered, to be changed no more.
    Built(VarId),
    Call(FunctionId, Vec<Term>),
    Op(Intrinsic, Vec<Term>),
    Tuple(Vec<Term>),
    List(Vec<Term>),
    Record(TypeId, Vec<Term>),
    /// A case of an enum.
    Variant(TypeId, u16, Vec<Term>),
    None,
    Some(Box<Term>),
    Ok(Box<Term>),
    Err(Box<Term>),
    /// A field of a record, or a place of a tuple.
    Field(Box<Term>, u16),
    /// What an enum's value carries, where it is known to be of that case: type, case, place.
    Payload(Box<Term>, TypeId, u16, u16),
    /// What is in a value known to be `Some`.
    SomeOf(Box<Term>),
    /// What is in a value known to be `Ok`.
    OkOf(Box<Term>),
    /// What is in a value known to be `Err`.
    ErrOf(Box<Term>),
    /// An item of a list known to be long enough.
    Item(Box<Term>, usize),
    /// Whether it is that case.
    IsCase(Box<Term>, TypeId, u16),
    /// Whether it is `Some`.
    IsSome(Box<Term>),
    /// Whether it is `Ok`.
    IsOk(Box<Term>),
    /// Whether a list has so many items.
    HasLen(Box<Term>, usize),
    /// Whether it equals a literal of a scalar type, a String or Bytes, by `==`.
    Equals(Box<Term>, Value),
    /// Whether an Int lies within the bounds, both included.
    Between(Box<Term>, i64, i64),
    /// Not, of `Bool`.
    Not(Box<Term>),
    /// And; the second is not evaluated where the first is false.
    And(Box<Term>, Box<Term>),
    /// Or; the second is not evaluated where the first is true.
    Or(Box<Term>, Box<Term>),
    /// The second where the first holds, else the third.
    Cond(Box<Term>, Box<Term>, Box<Term>),
    /// The Int, or fault `range` outside the bounds.
    InRange(Box<Term>, i64, i64),
}

impl Term {
    /// Creates a term.
    pub(crate) fn new(kind: TermKind, ty: Type) -> Self {
        Self { kind, ty }
    }

    /// A term of type `Bool`.
    pub(crate) fn bool(kind: TermKind) -> Self {
        Self::new(kind, Type::Bool)
    }

    /// Whether evaluating it again costs nothing and cannot fault: names, constants, and parts of these.
    pub(crate) fn is_path(&self) -> bool {
        match &self.kind {
            TermKind::Var(_) | TermKind::Const(_) | TermKind::Built(_) | TermKind::None => true,
            TermKind::Field(of, _)
            | TermKind::Payload(of, ..)
            | TermKind::SomeOf(of)
            | TermKind::OkOf(of)
            | TermKind::ErrOf(of)
            | TermKind::Item(of, _) => of.is_path(),
            _ => false,
        }
    }

    /// The terms within it, in the order of evaluation.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            TermKind::Const(_) | TermKind::Var(_) | TermKind::Built(_) | TermKind::None => Vec::new(),
            TermKind::Call(_, of)
            | TermKind::Op(_, of)
            | TermKind::Tuple(of)
            | TermKind::List(of)
            | TermKind::Record(_, of)
            | TermKind::Variant(_, _, of) => of.iter().collect(),
            TermKind::Some(of)
            | TermKind::Ok(of)
            | TermKind::Err(of)
            | TermKind::Field(of, _)
            | TermKind::Payload(of, ..)
            | TermKind::SomeOf(of)
            | TermKind::OkOf(of)
            | TermKind::ErrOf(of)
            | TermKind::Item(of, _)
            | TermKind::IsCase(of, ..)
            | TermKind::IsSome(of)
            | TermKind::IsOk(of)
            | TermKind::HasLen(of, _)
            | TermKind::Equals(of, _)
            | TermKind::Between(of, ..)
            | TermKind::Not(of)
            | TermKind::InRange(of, ..) => vec![of],
            TermKind::And(a, b) | TermKind::Or(a, b) => vec![a, b],
            TermKind::Cond(a, b, c) => vec![a, b, c],
        }
    }

    /// Whether evaluating it can fault.
    pub(crate) fn may_fault(&self, used: &Used) -> bool {
        let itself = match &self.kind {
            TermKind::Call(function, _) => used.may_fault(*function),
            TermKind::Op(op, _) => may_fault(*op),
            TermKind::InRange(..) => true,
            _ => false,
        };
        itself || self.children().into_iter().any(|of| of.may_fault(used))
    }
}

/// Visits all terms of statements, the outermost ones.
pub(crate) fn each_term<'a>(statements: &'a [Statement], visit: &mut impl FnMut(&'a Term)) {
    for statement in statements {
        match statement {
            Statement::Let(_, term)
            | Statement::Assign(_, term)
            | Statement::Do(term)
            | Statement::Check(term, _)
            | Statement::Return(term) => visit(term),
            Statement::If(branches, otherwise) => {
                for (condition, then) in branches {
                    visit(condition);
                    each_term(then, visit);
                }
                each_term(otherwise, visit);
            }
            Statement::For(_, each, body) => {
                match each {
                    Each::Items(over) => visit(over),
                    Each::Range(lo, hi) => {
                        visit(lo);
                        visit(hi);
                    }
                }
                each_term(body, visit);
            }
            Statement::Push(_, _, args) => args.iter().for_each(&mut *visit),
            Statement::Declare(_)
            | Statement::Break
            | Statement::Again
            | Statement::Fault(_)
            | Statement::Unreachable => {}
        }
    }
}

pub(super) fn count_reads(statements: &[Statement], reads: &mut [u32]) {
    fn within(term: &Term, reads: &mut [u32]) {
        if let TermKind::Var(var) | TermKind::Built(var) = &term.kind
            && let Some(reads) = reads.get_mut(var.0 as usize)
        {
            *reads += 1;
        }
        for child in term.children() {
            within(child, reads);
        }
    }
    each_term(statements, &mut |term| within(term, reads));
}

/// Whether a term reads a name.
pub(crate) fn reads(term: &Term, var: VarId) -> bool {
    matches!(&term.kind, TermKind::Var(of) | TermKind::Built(of) if *of == var)
        || term.children().into_iter().any(|of| reads(of, var))
}

/// The term's negative.
pub(crate) fn not(term: Term) -> Term {
    match term.kind {
        TermKind::Not(inner) => *inner,
        TermKind::Const(Value::Bool(value)) => Term::bool(TermKind::Const(Value::Bool(!value))),
        kind => Term::bool(TermKind::Not(Box::new(Term::bool(kind)))),
    }
}
