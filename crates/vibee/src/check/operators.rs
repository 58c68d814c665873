//! Operators: which operation of the table each is, by the types of its operands; and literals.

use crate::{
    ast::{self, BinaryOp, ExprKind, UnaryOp},
    diagnostic::Diagnostic,
    intrinsic::{Intrinsic, TABLE},
    source::Span,
    typed::{Expr, Kind, Loop, LoopForm, Over},
    types::Type,
    value::Value,
};

use super::{
    Checker,
    expr::{bool, if_else, lets_around, node, operation, poison},
    unify::is_poisoned,
};

/// Whether the expression is a number as written, or made of such by operators: it takes its type from beside it.
fn is_literal(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Trits(_) => true,
        ExprKind::Paren(of) | ExprKind::Unary(UnaryOp::Neg, of) => is_literal(of),
        ExprKind::Binary(op, _, a, b) => *op as u8 >= BinaryOp::Add as u8 && is_literal(a) && is_literal(b),
        _ => false,
    }
}

impl Checker<'_> {
    /// A literal of a number, perhaps behind `-`, of the type that its place asks for where that is one.
    pub(super) fn number(&mut self, expr: &ast::Expr, is_negative: bool, want: &Type) -> Expr {
        let span = expr.span;
        let want = self.shallow(want);
        match &expr.kind {
            ExprKind::Int(n) => match want {
                Type::U64 if !is_negative => node(Kind::Const(Value::U64(*n)), Type::U64, span),
                Type::Float | Type::F32 => {
                    let sign = if is_negative { "-" } else { "" };
                    let name = self.show(&want);
                    let text = format!("an Int where {name} is expected");
                    let message = Diagnostic::new("E0311", span, text)
                        .label(format!("expected {name}, found Int"))
                        .help(format!("a {name} has a point: `{sign}{n}.0`; `float(i)` converts a value"));
                    self.report(message.fix(span, format!("{n}.0")));
                    poison(span)
                }
                _ => {
                    let signed = if is_negative { 0_i64.checked_sub_unsigned(*n) } else { i64::try_from(*n).ok() };
                    let Some(value) = signed else {
                        let text = "this is no Int: Ints are from -9223372036854775808 to 9223372036854775807";
                        let mut message = Diagnostic::new("E0330", span, text);
                        if !is_negative {
                            message =
                                message.help("a U64 goes up to 18446744073709551615: it is one where U64 is expected");
                        }
                        self.report(message);
                        return poison(span);
                    };
                    node(Kind::Const(Value::Int(value)), Type::Int, span)
                }
            },
            ExprKind::Float(x) => {
                let x = if x.is_nan() {
                    f64::NAN
                } else if is_negative {
                    -x
                } else {
                    *x
                };
                if want == Type::F32 {
                    return node(Kind::Const(Value::F32(x as f32)), Type::F32, span);
                }
                node(Kind::Const(Value::Float(x)), Type::Float, span)
            }
            ExprKind::Trits(digits) => {
                if digits.len() == 1 && want != Type::Tryte(1) {
                    let digit = digits.first().copied().unwrap_or(0);
                    return node(Kind::Const(Value::Trit(if is_negative { -digit } else { digit })), Type::Trit, span);
                }
                if digits.is_empty() || digits.len() > 40 {
                    let text = format!("a Tryte has 1 to 40 digits, found {}", digits.len());
                    self.report(Diagnostic::new("E0330", span, text));
                    return poison(span);
                }
                let value = digits.iter().fold(0_i64, |value, digit| value * 3 + i64::from(*digit));
                let value = if is_negative { -value } else { value };
                node(Kind::Const(Value::Tryte(value)), Type::Tryte(digits.len() as u8), span)
            }
            _ => poison(span),
        }
    }

    pub(super) fn unary(&mut self, op: UnaryOp, of: &ast::Expr, want: &Type, span: Span) -> Expr {
        let mut inner = of;
        while let ExprKind::Paren(within) = &inner.kind {
            inner = within;
        }
        if op == UnaryOp::Neg && matches!(inner.kind, ExprKind::Int(_) | ExprKind::Float(_)) {
            let mut made = self.number(inner, true, want);
            made.span = span;
            return made;
        }
        let of = self.expr_hinted(of, want);
        let ty = self.resolved(&of.ty);
        let op = match (op, &ty) {
            (_, Type::Poison) => return poison(span),
            (UnaryOp::Not, Type::Bool) => Intrinsic::Not,
            (UnaryOp::Not, Type::Trit) => Intrinsic::TritNot,
            (UnaryOp::Neg, Type::Int) => Intrinsic::IntNeg,
            (UnaryOp::Neg, Type::Float) => Intrinsic::FloatNeg,
            (UnaryOp::Neg, Type::F32) => Intrinsic::F32Neg,
            (UnaryOp::Neg, Type::Tryte(_)) => Intrinsic::TryteNeg,
            _ => {
                let name = if op == UnaryOp::Not { "not" } else { "-" };
                let mut message =
                    Diagnostic::new("E0310", of.span, format!("`{name}` is not defined on {}", self.show(&ty)));
                if ty == Type::Trit {
                    message = message.help("the negative of a Trit is its `not`");
                }
                self.report(message);
                return poison(span);
            }
        };
        operation(op, vec![of], ty, span)
    }

    /// A number as written takes the type asked for; anything else has its own.
    fn expr_hinted(&mut self, expr: &ast::Expr, want: &Type) -> Expr {
        let want = self.shallow(want);
        if is_literal(expr) && matches!(want, Type::U64 | Type::Float | Type::F32 | Type::Tryte(_)) {
            return self.expr(expr, &want);
        }
        self.infer(expr)
    }

    /// Two operands of one type. Where one is a number as written it takes the other's type.
    fn operands(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        a: &ast::Expr,
        b: &ast::Expr,
        want: &Type,
    ) -> Option<(Expr, Expr)> {
        let (a, b) = match (is_literal(a), is_literal(b)) {
            (true, true) => {
                let a = self.expr_hinted(a, want);
                let b = self.expr_hinted(b, &a.ty.clone());
                (a, b)
            }
            (true, false) => {
                let b = self.infer(b);
                let ty = self.shallow(&b.ty);
                (self.expr_hinted(a, &ty), b)
            }
            (false, true) => {
                let a = self.infer(a);
                let ty = self.shallow(&a.ty);
                let b = self.expr_hinted(b, &ty);
                (a, b)
            }
            (false, false) => {
                let a = self.infer(a);
                let b = self.infer(b);
                (a, b)
            }
        };
        if self.unify(&a.ty, &b.ty) {
            return Some((a, b));
        }
        let (left, right) = (self.resolved(&a.ty), self.resolved(&b.ty));
        if is_poisoned(&left) || is_poisoned(&right) {
            return None;
        }
        let is_float = |ty: &Type| matches!(ty, Type::Float | Type::F32);
        let mixes = is_float(&left) && right == Type::Int || left == Type::Int && is_float(&right);
        let (shown_left, shown_right) = (self.show(&left), self.show(&right));
        let message = if mixes {
            let text = format!("`{}` does not mix {shown_left} and {shown_right}", op.text());
            Diagnostic::new("E0311", op_span, text)
                .help("`float(i)` converts where that is exact and faults elsewhere, `round_float(i)` rounds")
        } else {
            let text = format!("`{}` takes two of one type", op.text());
            Diagnostic::new("E0310", op_span, text)
        };
        self.report(message.also(a.span, shown_left).also(b.span, shown_right));
        None
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        a: &ast::Expr,
        b: &ast::Expr,
        want: &Type,
        span: Span,
    ) -> Expr {
        match op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Implies | BinaryOp::Xor => self.logical(op, op_span, a, b, span),
            BinaryOp::In => self.member(a, b, span),
            BinaryOp::Range => {
                let (a, b) = (self.expr(a, &Type::Int), self.expr(b, &Type::Int));
                operation(Intrinsic::ListRange, vec![a, b], Type::List(Box::new(Type::Int)), span)
            }
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                let any = self.fresh();
                let Some((a, b)) = self.operands(op, op_span, a, b, &any) else { return poison_of(Type::Bool, span) };
                let op = match op {
                    BinaryOp::Eq => Intrinsic::Eq,
                    BinaryOp::Ne => Intrinsic::Ne,
                    BinaryOp::Lt => Intrinsic::Lt,
                    BinaryOp::Le => Intrinsic::Le,
                    BinaryOp::Gt => Intrinsic::Gt,
                    _ => Intrinsic::Ge,
                };
                // Whether the type has an order is asked in `finish`, when it is known.
                operation(op, vec![a, b], Type::Bool, span)
            }
            BinaryOp::Concat => {
                let a = self.expr_joined(a, want);
                let ty = a.ty.clone();
                let b = self.expr(b, &ty);
                self.arithmetic(op, op_span, a, b, span)
            }
            _ => match self.operands(op, op_span, a, b, want) {
                Some((a, b)) => self.arithmetic(op, op_span, a, b, span),
                None => poison(span),
            },
        }
    }

    /// The first operand of `++`: of the type asked for, where that is one that `++` gives.
    fn expr_joined(&mut self, expr: &ast::Expr, want: &Type) -> Expr {
        match self.shallow(want) {
            ty @ Type::List(_) => self.expr(expr, &ty),
            _ => self.infer(expr),
        }
    }

    fn arithmetic(&mut self, op: BinaryOp, op_span: Span, a: Expr, b: Expr, span: Span) -> Expr {
        let ty = self.resolved(&a.ty);
        if is_poisoned(&ty) && !matches!(ty, Type::List(_)) {
            return poison(span);
        }
        let is_named = |row: &&crate::intrinsic::Row| row.name == op.text() && row.params.len() == 2;
        let rows: Vec<_> = TABLE.iter().filter(is_named).collect();
        let name = match &ty {
            Type::Tryte(_) => "Tryte".to_string(),
            Type::List(_) => "List<T>".to_string(),
            _ => self.show(&ty),
        };
        if let Some(row) = rows.iter().find(|row| row.params.first() == Some(&name.as_str())) {
            return operation(row.op, vec![a, b], ty, span);
        }
        if let Type::Var(_) = ty {
            self.report(Diagnostic::new("E0310", a.span, "the type of this is not known here"));
            return poison(span);
        }
        let text = format!("`{}` is not defined on {name}", op.text());
        let message = match (op, &ty) {
            (BinaryOp::Slash, Type::Int | Type::U64) => Diagnostic::new("E0312", op_span, text)
                .label(format!("expected Float, found {name}"))
                .help("`div` rounds down (remainder never negative), `quo` truncates"),
            (BinaryOp::Add, Type::String | Type::Bytes | Type::List(_)) => {
                Diagnostic::new("E0310", op_span, text).help("`++` joins").fix(op_span, "++")
            }
            (BinaryOp::Div | BinaryOp::Mod | BinaryOp::Quo | BinaryOp::Rem, Type::Float | Type::F32) => {
                Diagnostic::new("E0310", op_span, text).help("Float has `/`; `floor()` and `trunc()` round")
            }
            (BinaryOp::Concat, Type::Int | Type::U64 | Type::Float | Type::F32) => {
                Diagnostic::new("E0310", op_span, text).help("`++` joins String, Bytes and List; `x.show()` gives text")
            }
            _ => {
                let on: Vec<&str> = rows.iter().filter_map(|row| row.params.first().copied()).collect();
                Diagnostic::new("E0310", op_span, text).help(format!("it is on {}", on.join(", ")))
            }
        };
        self.report(message);
        poison(span)
    }

    fn logical(&mut self, op: BinaryOp, op_span: Span, a: &ast::Expr, b: &ast::Expr, span: Span) -> Expr {
        let a = self.infer(a);
        let ty = self.resolved(&a.ty);
        let ty = match ty {
            Type::Trit => Type::Trit,
            Type::Bool | Type::Var(_) => Type::Bool,
            Type::Poison => {
                self.infer(b);
                return poison(span);
            }
            _ => {
                let text = format!("`{}` is not defined on {}", op.text(), self.show(&ty));
                self.report(Diagnostic::new("E0310", a.span, text).label("expected Bool or Trit"));
                self.infer(b);
                return poison(span);
            }
        };
        let a = self.agree(a, &ty);
        let b = self.infer(b);
        let right = self.resolved(&b.ty);
        if matches!((&ty, &right), (Type::Bool, Type::Trit) | (Type::Trit, Type::Bool)) {
            let text = format!("`{}` does not mix Bool and Trit", op.text());
            self.report(
                Diagnostic::new("E0310", op_span, text).help("`trit(b)` makes a Trit of a Bool; `match` goes back"),
            );
            return poison(span);
        }
        let b = self.agree(b, &ty);
        if ty == Type::Trit {
            let op = match op {
                BinaryOp::And => Intrinsic::TritAnd,
                BinaryOp::Or => Intrinsic::TritOr,
                BinaryOp::Xor => Intrinsic::TritXor,
                _ => Intrinsic::TritImplies,
            };
            return operation(op, vec![a, b], Type::Trit, span);
        }
        let mut made = match op {
            BinaryOp::And => if_else(a, b, bool(false, op_span)),
            BinaryOp::Or => if_else(a, bool(true, op_span), b),
            BinaryOp::Implies => if_else(a, b, bool(true, op_span)),
            _ => operation(Intrinsic::Ne, vec![a, b], Type::Bool, span),
        };
        made.span = span;
        made
    }

    /// `a in b`.
    fn member(&mut self, a: &ast::Expr, b: &ast::Expr, span: Span) -> Expr {
        let mut over = b;
        while let ExprKind::Paren(within) = &over.kind {
            over = within;
        }
        if let ExprKind::Binary(BinaryOp::Range, _, lo, hi) = &over.kind {
            let (a, lo, hi) = (self.expr(a, &Type::Int), self.expr(lo, &Type::Int), self.expr(hi, &Type::Int));
            let [value, least, most] = ["$value", "$lo", "$hi"].map(|name| self.made(name, &Type::Int));
            let read = |checker: &Self, local| checker.read(local, span);
            let above = operation(Intrinsic::Le, vec![read(self, least), read(self, value)], Type::Bool, span);
            let below = operation(Intrinsic::Le, vec![read(self, value), read(self, most)], Type::Bool, span);
            let within = if_else(above, below, bool(false, span));
            return lets_around(vec![(value, a), (least, lo), (most, hi)], within);
        }
        let (a, b) = if is_literal(a) {
            let b = self.infer(b);
            let of = match self.resolved(&b.ty) {
                Type::List(of) | Type::Set(of) | Type::Map(of, _) => *of,
                _ => self.fresh(),
            };
            (self.expr_hinted(a, &of), b)
        } else {
            let a = self.infer(a);
            let b = self.infer(b);
            (a, b)
        };
        let ty = self.resolved(&b.ty);
        let of = match &ty {
            Type::List(of) | Type::Set(of) | Type::Map(of, _) => (**of).clone(),
            Type::String => Type::String,
            Type::Bytes => Type::Int,
            _ => {
                if !is_poisoned(&ty) {
                    let text = format!("`in` is not defined on {}", self.show(&ty));
                    let message = Diagnostic::new("E0310", b.span, text);
                    self.report(message.help("it is on List, Set, Map (its keys), String, Bytes and ranges"));
                }
                return poison(span);
            }
        };
        let a = self.agree(a, &of);
        // The operands are evaluated in the order of the text.
        let value = self.made("$value", &of);
        let read = self.read(value, span);
        let found = match ty {
            Type::Set(_) => operation(Intrinsic::SetHas, vec![b, read], Type::Bool, span),
            Type::Map(..) => operation(Intrinsic::MapHas, vec![b, read], Type::Bool, span),
            Type::String => {
                let found = operation(Intrinsic::StringFind, vec![b, read], Type::Option(Box::new(Type::Int)), span);
                let none = node(Kind::Option(None), Type::Option(Box::new(Type::Int)), span);
                operation(Intrinsic::Ne, vec![found, none], Type::Bool, span)
            }
            _ => {
                let item = self.made("$item", &of);
                let acc = self.made("$found", &Type::Bool);
                let step = operation(Intrinsic::Eq, vec![self.read(item, span), read], Type::Bool, span);
                let until = Some(self.read(acc, span));
                let form = LoopForm::Any;
                let found = Loop { form, over: Over::Items(b), item, acc, init: bool(false, span), until, step };
                node(Kind::Loop(Box::new(found)), Type::Bool, span)
            }
        };
        lets_around(vec![(value, a)], found)
    }
}

/// Poison whose type is known all the same, so that more mistakes are found.
fn poison_of(ty: Type, span: Span) -> Expr {
    let mut made = poison(span);
    made.ty = ty;
    made
}
