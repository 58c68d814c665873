//! Expressions of the typed tree, in Rust.

use super::{
    super::{
        statements::{logic, uncovered},
        writer::{Doc, Writer, chain, group, list, many, text},
    },
    WIDTH,
    blocks::{Printer, Rep, Tail, owning},
};
use crate::{
    intrinsic::Intrinsic,
    typed::{Expr, Kind},
    types::Type,
    value::Value,
};

/// How a value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// It is moved.
    Own,
    /// It is borrowed where the compiler turns `&String` into `&str`.
    Arg,
    /// It is borrowed as `&str`, `&[T]` or `&T`.
    View,
}

/// An expression and how tightly it binds.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) doc: Doc,
    level: Level,
}

/// How tightly expressions bind, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// `if`, `match`, blocks.
    Block,
    Or,
    And,
    /// Comparisons, and `as`, which comparisons must not follow.
    Compare,
    /// Operators on bits.
    Bits,
    Sum,
    Product,
    /// `-`, `!`, `*`, `&`
    Unary,
    /// Paths, literals, calls.
    Atom,
}

impl Code {
    pub(super) fn new(doc: impl Into<Doc>, level: Level) -> Self {
        Self { doc: doc.into(), level }
    }

    pub(super) fn atom(doc: impl Into<Doc>) -> Self {
        Self::new(doc, Level::Atom)
    }

    /// In parentheses unless it binds so tightly.
    pub(super) fn at(self, level: Level) -> Doc {
        if self.level >= level { self.doc } else { many([text("("), self.doc, text(")")]) }
    }

    /// As what a method is called on.
    pub(super) fn operand(self) -> Doc {
        self.at(Level::Atom)
    }
}

impl Printer<'_> {
    /// A condition behind `if`: a brace in it would open the block.
    pub(super) fn head(&mut self, condition: &Expr) -> Doc {
        braced(self.expr(condition, Want::Own).doc)
    }

    /// The negative of a condition.
    pub(super) fn negated(&mut self, condition: &Expr) -> Doc {
        let code = self.not(condition);
        braced(code.doc)
    }

    pub(super) fn not(&mut self, expr: &Expr) -> Code {
        let inner = uncovered(expr);
        if let Kind::Intrinsic { op, args } = &inner.kind {
            let has_order = |args: &[Expr]| args.first().is_some_and(|arg| !matches!(arg.ty, Type::Float | Type::F32));
            let other = match op {
                Intrinsic::Not => {
                    return args.first().map_or_else(|| Code::atom("true"), |arg| self.expr(arg, Want::Own));
                }
                Intrinsic::Eq => Some(Intrinsic::Ne),
                Intrinsic::Ne => Some(Intrinsic::Eq),
                Intrinsic::Lt if has_order(args) => Some(Intrinsic::Ge),
                Intrinsic::Le if has_order(args) => Some(Intrinsic::Gt),
                Intrinsic::Gt if has_order(args) => Some(Intrinsic::Le),
                Intrinsic::Ge if has_order(args) => Some(Intrinsic::Lt),
                _ => None,
            };
            if let Some(other) = other {
                return self.operation(other, args, &inner.ty, Want::Own);
            }
        }
        let doc = self.expr(inner, Want::Own).at(Level::Unary);
        Code::new(many([text("!"), doc]), Level::Unary)
    }

    /// An expression where nothing else tells the compiler its type.
    pub(super) fn typed(&mut self, expr: &Expr, want: Want) -> Code {
        if !is_open(expr) {
            return self.expr(expr, want);
        }
        let ty = self.rust.ty(&expr.ty);
        let inner = uncovered(expr);
        let types = ty.split_once('<').map_or("", |(_, rest)| rest);
        let wrapped = |printer: &mut Self, name: &str, value: &Expr| {
            let value = printer.expr(value, Want::Own).doc;
            many([text(format!("{name}::<{types}(")), value, text(")")])
        };
        let doc = match &inner.kind {
            Kind::Option(None) => text(format!("None::<{types}")),
            Kind::Option(Some(value)) => wrapped(self, "Some", value),
            Kind::Ok(value) => wrapped(self, "Ok", value),
            Kind::Err(value) => wrapped(self, "Err", value),
            Kind::List(items) if items.is_empty() => text(format!("Vec::<{types}::new()")),
            Kind::Const(Value::Int(_) | Value::U64(_) | Value::Tryte(_) | Value::Float(_) | Value::F32(_)) => {
                let code = self.expr(inner, Want::Own);
                let flat = code.doc.flat();
                // A constant by name, such as `f64::NAN`, tells it.
                let is_number = flat.ends_with(|c: char| c.is_ascii_digit()) && !flat.contains(':');
                return if is_number { Code::new(format!("{flat}_{ty}"), code.level) } else { code };
            }
            _ => {
                let value = self.expr(inner, Want::Own).doc;
                many([text(format!("core::convert::identity::<{ty}>(")), value, text(")")])
            }
        };
        self.owned(Code::atom(doc), &expr.ty, want)
    }

    /// Prints an expression, in the form that is wanted.
    pub(super) fn expr(&mut self, expr: &Expr, want: Want) -> Code {
        let ty = self.rust.input.program.erased(&expr.ty);
        let code = match &expr.kind {
            Kind::Cover(_, inner) => return self.expr(inner, want),
            Kind::Const(value) => return self.constant(value, &ty, want),
            Kind::Local(local) => return self.local(expr, *local, &ty, want),
            Kind::Field(..) => return self.field(expr, &ty, want),
            Kind::Intrinsic { op, args } => return self.operation(*op, args, &ty, want),
            Kind::If { condition, then, otherwise } => {
                if let Some((is_and, is_negated, first, second)) = logic(expr) {
                    return self.logic(is_and, is_negated, first, second);
                }
                if Self::is_plain(then) && Self::is_plain(otherwise) && Self::is_plain(condition) {
                    let head = self.head(condition);
                    let (then, otherwise) = (self.expr(then, Want::Own).doc, self.expr(otherwise, Want::Own).doc);
                    let flat = [&head, &then, &otherwise].iter().map(|doc| doc.flat().len()).sum::<usize>();
                    if flat <= 50 {
                        let parts = [text("if "), head, text(" { "), then, text(" } else { "), otherwise, text(" }")];
                        return self.owned(Code::new(many(parts), Level::Block), &ty, want);
                    }
                }
                Code::new(self.blocked(expr), Level::Block)
            }
            Kind::Let { .. } | Kind::Match { .. } | Kind::Loop(_) | Kind::Assert { .. } | Kind::Fault(_) => {
                Code::new(self.blocked(expr), Level::Block)
            }
            Kind::Call { function, args, .. } => {
                let args = args.iter().map(|arg| self.expr(arg, Want::Arg).doc).collect();
                let call = list(format!("{}(", self.rust.naming.function(*function)), args, ")", ",");
                let is_faulting = self.rust.input.used.may_fault(*function);
                Code::atom(if is_faulting { many([call, text("?")]) } else { call })
            }
            Kind::Tuple(items) => {
                let items = items.iter().map(|item| self.expr(item, Want::Own).doc).collect();
                Code::atom(list("(", items, ")", ","))
            }
            Kind::List(items) if items.is_empty() => Code::atom("Vec::new()"),
            Kind::List(items) => {
                let items = items.iter().map(|item| self.expr(item, Want::Own).doc).collect();
                Code::atom(list("vec![", items, "]", ","))
            }
            Kind::Record(id, fields) => {
                let fields = fields.iter().map(|field| self.expr(field, Want::Own).doc).collect();
                Code::atom(self.rust.made(*id, 0, fields))
            }
            Kind::Variant(id, case, fields) => {
                let fields = fields.iter().map(|field| self.expr(field, Want::Own).doc).collect();
                Code::atom(self.rust.made(*id, *case, fields))
            }
            Kind::Option(None) => Code::atom("None"),
            Kind::Option(Some(inner)) => self.wrapped("Some", inner),
            Kind::Ok(inner) => self.wrapped("Ok", inner),
            Kind::Err(inner) => self.wrapped("Err", inner),
            Kind::InRange { value, lo, hi } => {
                let value = self.expr(value, Want::Own).doc;
                let (lo, hi) = (text(int(*lo)), text(int(*hi)));
                let call = list(format!("{}(", self.rust.rt("in_range")), vec![value, lo, hi], ")", ",");
                Code::atom(many([call, text("?")]))
            }
        };
        // What never gives a value has no type to borrow.
        match want {
            Want::Own => code,
            _ if is_never(expr) => {
                let ty = self.rust.view_ty(&ty);
                Code::atom(many([text(format!("core::convert::identity::<{ty}>(")), code.doc, text(")")]))
            }
            _ => self.owned(code, &ty, want),
        }
    }

    fn wrapped(&mut self, name: &str, inner: &Expr) -> Code {
        let inner = self.expr(inner, Want::Own).doc;
        Code::atom(group(many([text(format!("{name}(")), inner, text(")")])))
    }

    /// Whether it has no statements.
    fn is_plain(expr: &Expr) -> bool {
        match &expr.kind {
            Kind::Let { .. } | Kind::Match { .. } | Kind::Loop(_) | Kind::Assert { .. } | Kind::Fault(_) => false,
            Kind::If { .. } if logic(expr).is_none() => false,
            _ => super::super::reach::children(expr).into_iter().all(Self::is_plain),
        }
    }

    /// Statements as an expression.
    fn blocked(&mut self, expr: &Expr) -> Doc {
        let mut writer = Writer::new("    ", WIDTH);
        self.block(&mut writer, expr, Tail::Value);
        let block = writer.finish();
        // A `match` may have come out as statements.
        let is_bare = (matches!(&expr.kind, Kind::If { .. }) && block.starts_with("if "))
            || (matches!(&expr.kind, Kind::Match { .. }) && block.starts_with("match "));
        if is_bare {
            return lines(&block);
        }
        let mut writer = Writer::new("    ", WIDTH);
        writer.open("{");
        writer.line(block.trim_end());
        writer.close("}");
        lines(&writer.finish())
    }

    fn logic(&mut self, is_and: bool, is_negated: bool, first: &Expr, second: Option<&Expr>) -> Code {
        let first = if is_negated { self.not(first) } else { self.expr(first, Want::Own) };
        let Some(second) = second else { return first };
        let level = if is_and { Level::And } else { Level::Or };
        let second = self.expr(second, Want::Own);
        let docs = vec![first.at(level), second.at(level)];
        Code::new(chain(if is_and { "&&" } else { "||" }, docs), level)
    }

    fn constant(&mut self, value: &Value, ty: &Type, want: Want) -> Code {
        let doc = match (value, want) {
            (Value::String(_), Want::Arg | Want::View) => self.rust.argument(value, ty),
            (Value::List(_) | Value::Bytes(_), Want::Arg) => {
                return Code::new(self.rust.argument(value, ty), Level::Unary);
            }
            (Value::List(_) | Value::Bytes(_), Want::View) => {
                let doc = self.rust.owned_value(value, ty);
                return Code::atom(many([doc, text(".as_slice()")]));
            }
            _ => {
                let doc = self.rust.owned_value(value, ty);
                let is_negative = doc.flat().starts_with('-');
                let code = Code::new(doc, if is_negative { Level::Unary } else { Level::Atom });
                return self.owned(code, ty, want);
            }
        };
        Code::atom(doc)
    }

    /// An owned value where it is wanted.
    pub(super) fn owned(&self, code: Code, ty: &Type, want: Want) -> Code {
        if want == Want::Own || self.rust.is_copy(ty) {
            return code;
        }
        match (want, ty) {
            (Want::View, Type::String) => Code::atom(many([code.operand(), text(".as_str()")])),
            (Want::View, Type::List(_) | Type::Bytes) => Code::atom(many([code.operand(), text(".as_slice()")])),
            _ => Code::new(many([text("&"), code.at(Level::Unary)]), Level::Unary),
        }
    }

    /// A borrowed value where it is wanted; `is_exact` says that it is `&str` and not `&String`, and so on.
    pub(super) fn borrowed(&self, code: Code, ty: &Type, want: Want, is_exact: bool) -> Code {
        if self.rust.is_copy(ty) {
            return Code::new(many([text("*"), code.at(Level::Unary)]), Level::Unary);
        }
        match (want, ty) {
            (Want::Own, _) => {
                let method = if is_exact { owning(ty) } else { "clone" };
                Code::atom(many([code.operand(), text(format!(".{method}()"))]))
            }
            (Want::View, Type::String) if !is_exact => Code::atom(many([code.operand(), text(".as_str()")])),
            (Want::View, Type::List(_) | Type::Bytes) if !is_exact => {
                Code::atom(many([code.operand(), text(".as_slice()")]))
            }
            _ => code,
        }
    }

    fn local(&mut self, expr: &Expr, local: crate::typed::LocalId, ty: &Type, want: Want) -> Code {
        let name = Code::atom(self.name(local).to_owned());
        match self.rep(local) {
            Rep::Value => name,
            Rep::CopyRef => Code::new(many([text("*"), name.doc]), Level::Unary),
            Rep::Owned if want == Want::Own && !self.moves.is_last(expr) => {
                Code::atom(many([name.doc, text(".clone()")]))
            }
            Rep::Owned => self.owned(name, ty, want),
            Rep::Ref => self.borrowed(name, ty, want, false),
            Rep::View => self.borrowed(name, ty, want, true),
        }
    }

    /// Whether it is a name, or a part of what a name holds or a reference points to.
    fn is_place(expr: &Expr) -> bool {
        match &expr.kind {
            Kind::Field(inner, _) | Kind::Cover(_, inner) => Self::is_place(inner),
            Kind::Local(_) | Kind::Intrinsic { op: Intrinsic::ListAt | Intrinsic::MapAt, .. } => true,
            _ => false,
        }
    }

    /// Whether it makes a new value rather than look at one.
    pub(super) fn is_made(expr: &Expr) -> bool {
        match &expr.kind {
            Kind::Cover(_, inner) => Self::is_made(inner),
            Kind::Intrinsic {
                op: Intrinsic::ListSlice | Intrinsic::BytesSlice | Intrinsic::StringSlice | Intrinsic::StringAt,
                ..
            }
            | Kind::Const(_) => false,
            _ => !Self::is_place(expr),
        }
    }

    /// What a point may follow.
    fn place(&mut self, expr: &Expr) -> Doc {
        match &expr.kind {
            Kind::Cover(_, inner) => self.place(inner),
            Kind::Local(local) => text(self.name(*local).to_owned()),
            Kind::Field(inner, field) => {
                let base = self.place(inner);
                many([base, text(format!(".{}", self.field_name(&inner.ty, *field)))])
            }
            Kind::Intrinsic { op: Intrinsic::ListAt | Intrinsic::MapAt, args } => self.item(args).operand(),
            _ => self.typed(expr, Want::Own).operand(),
        }
    }

    fn field_name(&self, ty: &Type, field: u16) -> String {
        match self.rust.input.program.erased(ty) {
            Type::Named(id) => self.rust.naming.field(id, 0, field).to_owned(),
            _ => field.to_string(),
        }
    }

    fn field(&mut self, expr: &Expr, ty: &Type, want: Want) -> Code {
        let Kind::Field(inner, field) = &expr.kind else { return Code::atom("()") };
        let access = Code::atom(self.place(expr));
        let is_boxed = match self.rust.input.program.erased(&inner.ty) {
            Type::Named(id) => self.rust.boxed.contains(&(id, 0, *field)),
            _ => false,
        };
        if is_boxed {
            let inside = Code::new(many([text("*"), access.doc]), Level::Unary);
            return match want {
                Want::Own => Code::atom(many([inside.operand(), text(".clone()")])),
                _ => Code::new(many([text("&"), inside.doc]), Level::Unary),
            };
        }
        if want == Want::Own && Self::is_place(inner) && !self.rust.is_copy(ty) {
            return Code::atom(many([access.doc, text(".clone()")]));
        }
        self.owned(access, ty, want)
    }
}

/// In parentheses if a brace in it would be taken for a block's.
pub(super) fn braced(doc: Doc) -> Doc {
    let mut depth = 0;
    let is_open = doc.flat().chars().any(|c| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        c == '{' && depth == 0
    });
    // A block, `if` or `match` at the beginning is taken for what it is.
    let is_block = ["{", "if ", "match "].iter().any(|word| doc.flat().starts_with(word));
    if is_open && !is_block { many([text("("), doc, text(")")]) } else { doc }
}

/// Whether every way through the expression ends in a fault that stands there.
fn is_never(expr: &Expr) -> bool {
    match &uncovered(expr).kind {
        Kind::Fault(_) => true,
        Kind::Let { body, .. } | Kind::Assert { body, .. } => is_never(body),
        Kind::If { then, otherwise, .. } => is_never(then) && is_never(otherwise),
        Kind::Match { arms, .. } => arms.iter().all(|arm| is_never(&arm.body)),
        _ => false,
    }
}

/// Whether the compiler may not know the type of a value from the expression alone.
pub(super) fn is_open(expr: &Expr) -> bool {
    match &uncovered(expr).kind {
        Kind::Option(None) | Kind::Ok(_) | Kind::Err(_) | Kind::Fault(_) => true,
        Kind::Option(Some(inner)) => is_open(inner),
        Kind::List(items) => items.first().is_none_or(is_open),
        Kind::Tuple(items) => items.iter().any(is_open),
        Kind::Const(_) => !matches!(expr.ty, Type::Bool | Type::Trit | Type::String | Type::Named(_)),
        Kind::Let { body, .. } | Kind::Assert { body, .. } => is_open(body),
        Kind::If { then, otherwise, .. } => logic(expr).is_none() && (is_open(then) || is_open(otherwise)),
        Kind::Match { arms, .. } => arms.iter().any(|arm| is_open(&arm.body)),
        _ => false,
    }
}

/// Lines as a document that keeps their breaks.
pub(super) fn lines(block: &str) -> Doc {
    let mut parts = Vec::new();
    for (i, line) in block.trim_end_matches('\n').split('\n').enumerate() {
        if i > 0 {
            parts.push(Doc::HardLine);
        }
        parts.push(text(line.to_owned()));
    }
    many(parts)
}

/// An Int literal.
pub(super) fn int(n: i64) -> String {
    match n {
        i64::MIN => "i64::MIN".to_owned(),
        i64::MAX => "i64::MAX".to_owned(),
        n => n.to_string(),
    }
}
