//! The typed tree: what the checker makes of specifications, and all that evaluator, compiler and generators read.
//!
//! It is small on purpose. The checker has lowered:
//!
//! - `and`, `or`, `implies` of `Bool` to [`Kind::If`]; those of `Trit` to intrinsics;
//! - `given` and `then` of a behaviour, `decreases` of a function, and every constraint of a type that a value enters,
//!   to [`Kind::Assert`], [`Kind::InRange`] and calls of validators, within the body;
//! - quantifiers, and the methods that take a lambda (`map`, `fold`, `take_while`, `sort_by` …), to [`Kind::Loop`];
//! - `with` to a record of the other's fields; arguments by name to their places (with [`Kind::Let`] where that would
//!   change the order of evaluation, which is the order of the text);
//! - generic functions of std to one [`Function`] for each list of types that they are used with;
//! - constants to functions without parameters;
//! - `Type::Constrained` and aliases: no [`Expr::ty`] holds one, nor a [`Type::IntIn`] anywhere in it. The types of
//!   parameters, returns and fields ([`Local::declared`], [`Function::returns`], [`crate::types::FieldDef`]) keep
//!   theirs, for whoever makes values (properties, validators of generated code).
//!
//! So a backend knows no contract and no constraint: what it must do is in the body.

use crate::{
    intrinsic::Intrinsic,
    source::Span,
    types::{Type, TypeDef, TypeId},
    value::{Fault, Value},
};

/// A function of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// A parameter or local name of a [`Function`]: an index into [`Function::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u32);

/// Everything that was checked together: the module asked for, those it imports, and what it uses of std.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Modules, the ones asked for last; std's among them where it is used.
    pub modules: Vec<Module>,
    /// Declared types, by [`TypeId`].
    pub types: Vec<TypeDef>,
    /// Functions, by [`FunctionId`].
    pub functions: Vec<Function>,
    /// Rows of tables of examples.
    pub examples: Vec<Example>,
    /// What shall hold for all values of a domain.
    pub properties: Vec<Property>,
    /// Places that coverage counts, by the number in [`Kind::Cover`].
    pub cover: Vec<CoverPoint>,
}

/// A module: one file.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Module {
    pub name: String,
    /// Its version; std has the program's.
    pub version: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// Its file; the name's place.
    pub span: Span,
    /// BLAKE3 of the file's bytes.
    pub hash: [u8; 32],
    /// Whether it was asked for, rather than imported.
    pub is_asked_for: bool,
}

/// What a function is for, which tells generators and reports what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An entry of `functions`.
    Function,
    /// An entry of `behaviors`.
    Behavior,
    /// An entry of `extern`, or a behaviour without `when`: no body, only an implementation can answer.
    Extern,
    /// An entry of `constants`: no parameters.
    Constant,
    /// A function of std, perhaps for certain types.
    Std,
    /// Made by the checker for a constrained type or one that contains such: gives its argument back or faults.
    Validator,
    /// Made by the checker: a condition of a constrained type, a `given`, a `then`, a measure, a cell of an example.
    /// Its arguments have entered their types before: its body does not look again, nor does that of
    /// [`Role::Property`].
    Condition,
    /// Made by the checker: `where` or `holds` of a property; its parameters are the property's variables.
    Property,
}

/// A function. Values of parameters have entered their types when the body runs: the body's first nodes see to it, each
/// a [`Kind::Let`] of a local named `$entered` that nothing reads, whose value is a [`Kind::InRange`] or a validator's
/// call.
#[derive(Clone, Debug)]
pub struct Function {
    /// The module's name.
    pub module: String,
    /// Its name; those the checker made have a `$` in it.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Prose of the spec about it.
    pub say: Option<String>,
    /// Where it is declared.
    pub span: Span,
    /// Parameters first, then all names bound within.
    pub locals: Vec<Local>,
    /// How many of `locals` are parameters.
    pub n_params: usize,
    /// The declared type of what it gives, constraints included.
    pub returns: Type,
    /// The body; `None` for [`Role::Extern`].
    pub body: Option<Expr>,
    /// The condition that arguments meet, without the fault: what draws cases asks it. Its parameters are this one's.
    pub given: Option<FunctionId>,
    /// What shall hold of parameters and result, by its name where it has one: functions of this one's parameters and
    /// of the result. What judges implementations asks them; a body asserts them itself.
    pub then: Vec<(Option<String>, FunctionId)>,
    /// For a behaviour: the cases of its error type that may come, by number.
    pub raises: Vec<u16>,
    /// Sentences of a legacy or extern behaviour that nothing executes.
    pub prose: Vec<String>,
}

/// A name of a function.
#[derive(Clone, Debug)]
pub struct Local {
    /// The name as written; made ones begin with `$`.
    pub name: String,
    /// The type without constraints.
    pub ty: Type,
    /// The type as declared, for parameters; else the same as `ty`.
    pub declared: Type,
}

/// An expression with its type, constraints erased, and its place.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    pub ty: Type,
    pub span: Span,
}

/// Kinds of expressions. Evaluation is strict and from left to right.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum Kind {
    /// A value known when checking.
    Const(Value),
    /// A parameter or bound name.
    Local(LocalId),
    /// `let local = value; body`
    Let {
        local: LocalId,
        value: Box<Expr>,
        /// What sees it.
        body: Box<Expr>,
    },
    /// `if condition { then } else { otherwise }`
    If {
        /// Of type `Bool`.
        condition: Box<Expr>,
        /// Where it is true.
        then: Box<Expr>,
        /// Where it is false.
        otherwise: Box<Expr>,
    },
    /// The first arm whose pattern fits and whose guard holds. One does: the checker saw that.
    Match {
        /// The value looked at.
        subject: Box<Expr>,
        /// The arms, in order.
        arms: Vec<Arm>,
    },
    /// A call of a function that has a body.
    Call {
        function: FunctionId,
        /// As many as it has parameters.
        args: Vec<Expr>,
        /// Whether nothing of the caller is done after it, not even a check.
        is_tail: bool,
    },
    /// An operation that no VIBEE source says.
    Intrinsic {
        op: Intrinsic,
        args: Vec<Expr>,
    },
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    /// A record: all fields in the order of declaration.
    Record(TypeId, Vec<Expr>),
    /// A case of an enum with what it carries, in the order of declaration.
    Variant(TypeId, u16, Vec<Expr>),
    /// `None` without a value, `Some` with one.
    Option(Option<Box<Expr>>),
    Ok(Box<Expr>),
    Err(Box<Expr>),
    /// A field of a record, or a place of a tuple, by number.
    Field(Box<Expr>, u16),
    /// A loop: `acc` begins as `init`; for each `item` of `over`, in order, unless `until` holds (asked before each
    /// step, with `item` and `acc` in sight), `acc` becomes `step`. Gives the last `acc`.
    Loop(Box<Loop>),
    /// `value`, an Int, which is a fault `range` outside `lo..=hi`.
    InRange {
        value: Box<Expr>,
        /// The least that passes.
        lo: i64,
        /// The greatest that passes.
        hi: i64,
    },
    /// Faults unless `condition` holds, then gives `body`.
    Assert {
        /// Of type `Bool`.
        condition: Box<Expr>,
        /// The fault where it is false.
        fault: Fault,
        /// What comes after it.
        body: Box<Expr>,
    },
    /// A fault, whatever the type.
    Fault(Fault),
    /// Counts that this place was reached, then gives the inner expression.
    Cover(u32, Box<Expr>),
}

/// What a [`Kind::Loop`] was written as: lets generators write it as people of their language would.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopForm {
    /// `all x in … { … }` or `.all(…)`
    All,
    Any,
    Count,
    Sum,
    Map,
    /// `filter`, and `map` with `where`
    Filter,
    Fold,
    Other,
}

/// The parts of a [`Kind::Loop`].
#[derive(Clone, Debug)]
pub struct Loop {
    /// What it was written as.
    pub form: LoopForm,
    /// What it goes over.
    pub over: Over,
    /// The name of the item.
    pub item: LocalId,
    /// The name of what is gathered.
    pub acc: LocalId,
    /// The first `acc`.
    pub init: Expr,
    /// Of type `Bool`: ends the loop where it holds.
    pub until: Option<Expr>,
    /// The next `acc`.
    pub step: Expr,
}

/// What a loop goes over.
#[derive(Clone, Debug)]
pub enum Over {
    /// Items of a List, members of a Set, `(key, value)` of a Map, texts of one scalar value each of a String, Ints of
    /// Bytes: by the expression's type.
    Items(Expr),
    /// Ints from the first to the second, both included; none where the second is smaller.
    Range(Expr, Expr),
}

/// `pattern if guard => body`
#[derive(Clone, Debug)]
pub struct Arm {
    /// What the value must look like.
    pub pattern: Pattern,
    /// Of type `Bool`.
    pub guard: Option<Expr>,
    /// What the arm gives.
    pub body: Expr,
}

/// What a value looks like. Alternatives of [`Pattern::Or`] bind no names, or all the same ones.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum Pattern {
    Any,
    /// Anything, by a name.
    Bind(LocalId),
    /// A literal of Bool, Trit, Tryte, Int, U64, Float, F32, String or Bytes, compared by `==`.
    Literal(Value),
    /// An Int from the first to the second, both included.
    IntIn(i64, i64),
    /// A case of an enum; a pattern for each thing that it carries.
    Variant(TypeId, u16, Vec<Pattern>),
    /// A record; a pattern for each field.
    Record(TypeId, Vec<Pattern>),
    None,
    Some(Box<Pattern>),
    Ok(Box<Pattern>),
    Err(Box<Pattern>),
    Tuple(Vec<Pattern>),
    /// A list of exactly so many items.
    List(Vec<Pattern>),
    /// Any of these.
    Or(Vec<Pattern>),
}

/// A row of examples.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Example {
    /// The function or behaviour.
    pub function: FunctionId,
    /// A function without parameters for each argument: constants, evaluated like the rest. Its return type is the
    /// parameter's declared one.
    pub args: Vec<FunctionId>,
    /// What is expected.
    pub expected: Expected,
    pub span: Span,
    /// The row's place in its table, from 0.
    pub row: usize,
}

/// What a row expects.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum Expected {
    /// The value that this function without parameters gives, compared by `same`.
    Value(FunctionId, Tolerance),
    Fault(Fault),
    /// Nothing but that it does not fault: `then` says the rest.
    NoFault,
}

/// How far a Float or F32, wherever it stands in the result, may lie from the expected one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// Not at all: compared by `same`.
    Exact,
    /// `within n ulp`
    Ulp(u64),
    /// `within d`, an absolute difference
    Absolute(f64),
}

/// An entry of `forall`.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Property {
    /// The function or behaviour that it belongs to.
    pub of: FunctionId,
    pub name: String,
    pub span: Span,
    /// Names and declared types of the variables: the domain.
    pub vars: Vec<(String, Type)>,
    /// Which members of the domain count: a function of the variables to `Bool`.
    pub filter: Option<FunctionId>,
    /// What shall hold: a function of the variables to `Bool`.
    pub holds: FunctionId,
    /// How many cases are drawn, where it says so.
    pub cases: Option<u32>,
}

/// A place that coverage counts.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct CoverPoint {
    pub span: Span,
    /// The function that it is in.
    pub function: FunctionId,
    /// What it is: `arm`, `then`, `else`, `case NAME of TYPE`.
    pub what: String,
}

impl Expr {
    /// Whether the expression is made of constants alone.
    pub fn is_constant(&self) -> bool {
        match &self.kind {
            Kind::Const(_) | Kind::Option(None) => true,
            Kind::Tuple(of) | Kind::List(of) | Kind::Record(_, of) | Kind::Variant(_, _, of) => {
                of.iter().all(Self::is_constant)
            }
            Kind::Option(Some(of)) | Kind::Ok(of) | Kind::Err(of) => of.is_constant(),
            _ => false,
        }
    }

    /// Gives the value of an expression that is made of constants alone.
    pub fn constant(&self) -> Option<Value> {
        let all = |of: &[Self]| of.iter().map(Self::constant).collect::<Option<Vec<Value>>>();
        Some(match &self.kind {
            Kind::Const(value) => value.clone(),
            Kind::Tuple(of) => Value::Tuple(all(of)?.into()),
            Kind::List(of) => Value::List(all(of)?.into()),
            Kind::Record(id, of) => Value::Record(*id, all(of)?.into()),
            Kind::Variant(id, number, of) => Value::Enum(*id, *number, all(of)?.into()),
            Kind::Option(None) => Value::Option(None),
            Kind::Option(Some(of)) => Value::Option(Some(of.constant()?.into())),
            Kind::Ok(of) => Value::Result(Ok(of.constant()?.into())),
            Kind::Err(of) => Value::Result(Err(of.constant()?.into())),
            _ => return None,
        })
    }

    /// Calls `f` with each expression directly within this one, in the order of evaluation; guards and bodies of arms
    /// in the arms' order.
    pub fn for_each_part<'a>(&'a self, f: &mut impl FnMut(&'a Self)) {
        match &self.kind {
            Kind::Const(_) | Kind::Local(_) | Kind::Fault(_) | Kind::Option(None) => {}
            Kind::Let { value, body, .. } => [value, body].into_iter().for_each(|part| f(part)),
            Kind::If { condition, then, otherwise } => {
                [condition, then, otherwise].into_iter().for_each(|part| f(part));
            }
            Kind::Match { subject, arms } => {
                f(subject);
                for arm in arms {
                    arm.guard.iter().for_each(&mut *f);
                    f(&arm.body);
                }
            }
            Kind::Call { args, .. }
            | Kind::Intrinsic { args, .. }
            | Kind::Tuple(args)
            | Kind::List(args)
            | Kind::Record(_, args)
            | Kind::Variant(_, _, args) => args.iter().for_each(f),
            Kind::Option(Some(inner))
            | Kind::Ok(inner)
            | Kind::Err(inner)
            | Kind::Field(inner, _)
            | Kind::InRange { value: inner, .. }
            | Kind::Cover(_, inner) => f(inner),
            Kind::Loop(of) => {
                match &of.over {
                    Over::Items(over) => f(over),
                    Over::Range(first, last) => [first, last].into_iter().for_each(&mut *f),
                }
                f(&of.init);
                of.until.iter().for_each(&mut *f);
                f(&of.step);
            }
            Kind::Assert { condition, body, .. } => [condition, body].into_iter().for_each(|part| f(part)),
        }
    }
}

impl Program {
    /// Gives a function.
    ///
    /// # Panics
    ///
    /// If `id` is another program's.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.0 as usize]
    }

    /// Gives a declared type.
    ///
    /// # Panics
    ///
    /// If `id` is another program's.
    pub fn type_def(&self, id: TypeId) -> &TypeDef {
        &self.types[id.0 as usize]
    }

    /// Finds a function by module and name.
    pub fn find(&self, module: &str, name: &str) -> Option<FunctionId> {
        let at = self.functions.iter().position(|f| f.module == module && f.name == name)?;
        Some(FunctionId(at as u32))
    }

    /// The type with names of constrained types and aliases resolved and all constraints left out: what the types of
    /// expressions are.
    #[must_use]
    pub fn erased(&self, ty: &Type) -> Type {
        let inner = |ty: &Type| Box::new(self.erased(ty));
        match ty {
            Type::IntIn(..) => Type::Int,
            Type::List(of) => Type::List(inner(of)),
            Type::Set(of) => Type::Set(inner(of)),
            Type::Map(key, of) => Type::Map(inner(key), inner(of)),
            Type::Option(of) => Type::Option(inner(of)),
            Type::Result(of, err) => Type::Result(inner(of), inner(err)),
            Type::Tuple(of) => Type::Tuple(of.iter().map(|ty| self.erased(ty)).collect()),
            Type::Named(id) => match &self.type_def(*id).shape {
                crate::types::Shape::Constrained { base, .. } | crate::types::Shape::Alias(base) => self.erased(base),
                _ => ty.clone(),
            },
            _ => ty.clone(),
        }
    }
}
