//! The parser of expressions.

use super::{
    parser::{Parser, Tall},
    token::TokenKind,
};
use crate::{
    ast::{BinaryOp, Expr, ExprKind, Ident, MatchArm, Quantifier, UnaryOp},
    diagnostic::Diagnostic,
};

/// Quantifiers as they are written.
pub(super) const QUANTIFIERS: [(Quantifier, &str); 6] = [
    (Quantifier::All, "all"),
    (Quantifier::Any, "any"),
    (Quantifier::Count, "count"),
    (Quantifier::Sum, "sum"),
    (Quantifier::Map, "map"),
    (Quantifier::Filter, "filter"),
];

/// How tightly operators bind: an operand of `Not` is a comparison, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Implies,
    Or,
    Xor,
    And,
    Not,
    Compare,
    Range,
    Sum,
    Term,
    Unary,
}

impl Level {
    pub(super) fn of(op: BinaryOp) -> Self {
        match op {
            BinaryOp::Implies => Self::Implies,
            BinaryOp::Or => Self::Or,
            BinaryOp::Xor => Self::Xor,
            BinaryOp::And => Self::And,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::In => {
                Self::Compare
            }
            BinaryOp::Range => Self::Range,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Concat => Self::Sum,
            BinaryOp::Mul | BinaryOp::Slash | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Quo | BinaryOp::Rem => {
                Self::Term
            }
        }
    }

    pub(super) fn above(self) -> Self {
        match self {
            Self::Implies => Self::Or,
            Self::Or => Self::Xor,
            Self::Xor => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Compare,
            Self::Compare => Self::Range,
            Self::Range => Self::Sum,
            Self::Sum => Self::Term,
            Self::Term | Self::Unary => Self::Unary,
        }
    }
}

impl Parser<'_, '_> {
    pub(super) fn whole_expr(mut self) -> Expr {
        let start = self.start();
        let expr = self.expr();
        self.finish("the expression");
        if self.is_hopeless { self.broken(start).node } else { expr.node }
    }

    /// An expression, or `fault(name)`.
    pub(super) fn whole_result(mut self) -> Expr {
        let start = self.start();
        let is_fault = self.is_word(0, "fault") && self.is_mark(1, "(");
        if !is_fault || self.name_ahead(2).is_none() || !self.is_mark(3, ")") {
            return self.whole_expr();
        }
        self.bump();
        self.bump();
        let Some(name) = self.ident() else { return self.broken(start).node };
        self.bump();
        let fault = self.build(start, ExprKind::Fault(name), 0);
        self.finish("the cell");
        fault.node
    }

    pub(super) fn expr(&mut self) -> Tall<Expr> {
        let start = self.start();
        if !self.enter() {
            self.leave();
            return self.broken(start);
        }
        let expr = if self.is_lambda_ahead() { self.stray_lambda(start) } else { self.entered_expr(start) };
        self.leave();
        expr
    }

    fn entered_expr(&mut self, start: usize) -> Tall<Expr> {
        match self.kind(0) {
            TokenKind::Word("let") => self.let_expr(start),
            TokenKind::Word("if") => self.if_expr(start),
            TokenKind::Word("match") => self.match_expr(start),
            _ => self.binary(Level::Implies),
        }
    }

    /// The guard of an arm: what `=>` follows is no lambda.
    fn guard(&mut self) -> Tall<Expr> {
        let start = self.start();
        let guard = if self.enter() { self.entered_expr(start) } else { self.broken(start) };
        self.leave();
        guard
    }

    fn let_expr(&mut self, start: usize) -> Tall<Expr> {
        self.bump();
        let pattern = self.pattern();
        if self.eat(":") {
            let message = Diagnostic::new("E0154", self.span_from(self.last_end - 1), "a `let` says no type")
                .help("the type of the value is the name's");
            self.tell(message);
            self.type_expr();
        }
        if !self.eat("=") {
            self.unexpected("`=`");
            self.skip();
        }
        let value = if self.is_mark(0, ";") { self.broken(start) } else { self.expr() };
        if !self.eat(";") {
            self.unexpected_with("`;` and the expression that sees the name", |message| {
                message.help("`let name = value; expression`")
            });
            self.skip();
            if !self.eat(";") {
                return self.broken(start);
            }
        }
        let body = self.expr();
        let height = pattern.height.max(value.height).max(body.height);
        self.build(start, ExprKind::Let(pattern.node, value.node.into(), body.node.into()), height)
    }

    fn if_expr(&mut self, start: usize) -> Tall<Expr> {
        let first = self.token_span();
        self.bump();
        let condition = self.expr();
        let then = self.block("if condition { value } else { value }");
        let otherwise = if self.eat_word("else") {
            if self.is_word(0, "if") { self.expr() } else { self.block("else { value }") }
        } else {
            if *self.kind(0) != TokenKind::Bad {
                self.unexpected_with("`else`", |message| {
                    message.also(first, "this `if` needs a value where its condition is false")
                });
            }
            self.broken(start)
        };
        let height = condition.height.max(then.height).max(otherwise.height);
        self.build(start, ExprKind::If(condition.node.into(), then.node.into(), otherwise.node.into()), height)
    }

    /// `{ expr }`
    pub(super) fn block(&mut self, form: &str) -> Tall<Expr> {
        let start = self.start();
        let open = self.token_span();
        if !self.eat("{") {
            self.unexpected_with("`{`", |message| message.help(format!("write `{form}`")));
            return self.broken(start);
        }
        if self.is_mark(0, "}") {
            self.unexpected("an expression");
            self.bump();
            return self.broken(start);
        }
        let inner = self.expr();
        self.stray_semicolon();
        self.close(open, "}", "`}`");
        inner
    }

    /// `;` behind a value: nothing follows it.
    fn stray_semicolon(&mut self) {
        if !self.is_mark(0, ";") {
            return;
        }
        let span = self.token_span();
        let message = if matches!(self.kind(1), TokenKind::Mark("}") | TokenKind::End) {
            Diagnostic::new("E0154", span, "`;` stands between a `let` and what sees its name, not at an end")
                .fix(span, "")
        } else {
            Diagnostic::new("E0154", span, "`;` stands behind a `let`; a value before it would be lost")
                .help("`let name = value; expression`")
        };
        self.tell(message);
        self.bump();
        if !matches!(self.kind(0), TokenKind::Mark("}") | TokenKind::End) {
            // What follows is read for its own mistakes.
            self.expr();
        }
    }

    fn match_expr(&mut self, start: usize) -> Tall<Expr> {
        self.bump();
        let subject = self.expr();
        let open = self.token_span();
        if !self.eat("{") {
            self.unexpected_with("`{`", |message| message.help("write `match value { pattern => result, … }`"));
            self.skip();
            return self.broken(start);
        }
        let mut height = subject.height;
        let mut arms = Vec::new();
        while !matches!(self.kind(0), TokenKind::End | TokenKind::Mark("}")) {
            let before = self.start();
            let pattern = self.pattern();
            let guard = if self.eat_word("if") { Some(self.guard()) } else { None };
            let body = if self.eat("=>") {
                self.expr()
            } else {
                self.unexpected("`=>`");
                self.skip();
                if self.eat("=>") { self.expr() } else { self.broken(before) }
            };
            height = height.max(pattern.height).max(body.height).max(guard.as_ref().map_or(0, |guard| guard.height));
            arms.push(MatchArm { pattern: pattern.node, guard: guard.map(|guard| guard.node), body: body.node });
            if self.is_mark(0, ";") {
                let span = self.token_span();
                self.tell(Diagnostic::new("E0154", span, "arms are separated by `,`").fix(span, ","));
                self.bump();
            } else if !self.eat(",") {
                if self.is_mark(0, "}") {
                    break;
                }
                let at = self.last_end;
                let behind = self.span_from(at);
                if *self.kind(0) != TokenKind::End {
                    self.unexpected_with("`,` or `}`", |message| message.fix(behind, ","));
                    // Where a pattern follows, only the comma is missing.
                    if !self.is_arm_ahead() {
                        self.skip();
                        self.eat(",");
                    }
                }
            }
            if self.start() == before {
                self.bump();
            }
        }
        if arms.is_empty() && self.is_mark(0, "}") {
            self.unexpected("a pattern");
        }
        self.close(open, "}", "`,` or `}`");
        self.build(start, ExprKind::Match(subject.node.into(), arms), height)
    }

    /// Whether `=>` comes before anything that ends an arm.
    fn is_arm_ahead(&self) -> bool {
        let mut depth = 0_usize;
        for ahead in 0..super::parser::LOOK_AHEAD_MAX {
            match self.kind(ahead) {
                TokenKind::Mark("=>") if depth == 0 => return true,
                TokenKind::Mark("(" | "[") => depth += 1,
                TokenKind::Mark(")" | "]") if depth > 0 => depth -= 1,
                TokenKind::End | TokenKind::Mark("{" | "}" | ";" | ")" | "]") => return false,
                TokenKind::Mark(",") if depth == 0 => return false,
                _ => {}
            }
        }
        false
    }

    pub(super) fn is_lambda_ahead(&self) -> bool {
        let is_name = |ahead| self.name_ahead(ahead).is_some() || self.is_mark(ahead, "_");
        if is_name(0) {
            return self.is_mark(1, "=>");
        }
        if !self.is_mark(0, "(") {
            return false;
        }
        let mut ahead = 1;
        while is_name(ahead) {
            ahead += 1;
            if self.is_mark(ahead, ",") {
                ahead += 1;
            } else {
                break;
            }
        }
        self.is_mark(ahead, ")") && self.is_mark(ahead + 1, "=>")
    }

    pub(super) fn lambda(&mut self) -> Tall<Expr> {
        let start = self.start();
        let mut names = Vec::new();
        let is_one = !self.eat("(");
        while !self.is_mark(0, ")") && !self.is_mark(0, "=>") {
            if let Some(name) = self.bound_name() {
                names.push(name);
            }
            if is_one || !self.eat(",") {
                break;
            }
        }
        if !is_one {
            self.eat(")");
        }
        self.eat("=>");
        let body = self.expr();
        self.build(start, ExprKind::Lambda(names, body.node.into()), body.height)
    }

    /// A name, or `_` for one that nobody asks for.
    pub(super) fn bound_name(&mut self) -> Option<Ident> {
        if self.is_mark(0, "_") {
            let span = self.token_span();
            self.bump();
            return Some(Ident { name: "_".to_owned(), span });
        }
        self.new_name("a name")
    }

    fn stray_lambda(&mut self, start: usize) -> Tall<Expr> {
        let lambda = self.lambda();
        let message =
            Diagnostic::new("E0341", lambda.node.span, "a function without a name stands only as an argument")
                .help("no value holds a function: put it under `functions`, or where it is used");
        self.tell(message);
        self.broken(start)
    }

    /// An operand, and operators behind it that bind at `least` or tighter: one frame for each operand, not for each
    /// level.
    fn binary(&mut self, least: Level) -> Tall<Expr> {
        let start = self.start();
        let is_not = self.is_word(0, "not") && least <= Level::Not;
        let mut left = if is_not { self.not_expr(start) } else { self.unary() };
        let mut last: Option<(BinaryOp, crate::source::Span)> = None;
        while let Some((op, n_tokens)) = self.operator_ahead(least) {
            let span = self.token_span();
            let level = Level::of(op);
            let before = last
                .filter(|(before, _)| Level::of(*before) == level && matches!(level, Level::Compare | Level::Range));
            if let Some(before) = before {
                self.chained(before, (op, span));
            }
            for _ in 0..n_tokens {
                self.bump();
            }
            let right = if level == Level::Implies { self.implied() } else { self.binary(level.above()) };
            let height = left.height.max(right.height);
            left = match (before, &left.node.kind) {
                // What was meant, so that types and uses of names can be judged.
                (Some(_), ExprKind::Binary(.., middle)) if level == Level::Compare => {
                    let middle = middle.clone();
                    let second = self.build(start, ExprKind::Binary(op, span, middle, right.node.into()), height);
                    let height = left.height.max(second.height);
                    self.build(
                        start,
                        ExprKind::Binary(BinaryOp::And, span, left.node.into(), second.node.into()),
                        height,
                    )
                }
                (Some(_), _) => self.broken(start),
                (None, _) => self.build(start, ExprKind::Binary(op, span, left.node.into(), right.node.into()), height),
            };
            last = Some((op, span));
        }
        left
    }

    /// What `implies` leads to: it groups to the right.
    fn implied(&mut self) -> Tall<Expr> {
        let start = self.start();
        let right = if self.enter() { self.binary(Level::Implies) } else { self.broken(start) };
        self.leave();
        right
    }

    fn chained(&mut self, before: (BinaryOp, crate::source::Span), op: (BinaryOp, crate::source::Span)) {
        let (first, second) = (before.0.text(), op.0.text());
        let message = if op.0 == BinaryOp::Range {
            Diagnostic::new("E0313", op.1, "a range has two ends")
        } else {
            Diagnostic::new("E0313", op.1, "comparisons do not chain")
                .help(format!("write `a {first} b and b {second} c`, or `b in low..high`"))
        };
        self.tell(message.also(before.1, "after this one"));
    }

    /// The operator that comes next, if it binds at `least` or tighter, and of how many tokens it is.
    fn operator_ahead(&mut self, least: Level) -> Option<(BinaryOp, usize)> {
        let text = match *self.kind(0) {
            TokenKind::Mark(mark) => mark,
            TokenKind::Word(word) => word,
            // A foreign operator without counterpart: the message has been given, the operand is read all the same.
            TokenKind::Foreign if least <= Level::Sum => "+",
            _ => return None,
        };
        if least <= Level::Compare && text == "=" {
            let span = self.token_span();
            let message = Diagnostic::new("E0154", span, "`=` gives a name a value; values are compared by `==`");
            self.tell(message.fix(span, "=="));
            return Some((BinaryOp::Eq, 1));
        }
        if least <= Level::Compare && matches!(text, "<" | ">") && self.is_adjacent(1) {
            let behind = match self.kind(1) {
                TokenKind::Mark(mark @ ("<" | ">" | ">=")) => *mark,
                _ => "",
            };
            let (found, op, help) = match (text, behind) {
                ("<", ">") => ("<>", BinaryOp::Ne, "write `!=`"),
                ("<", "<") => ("<<", BinaryOp::Eq, "write `a.shl(n)`, of U64"),
                (">", ">") => (">>", BinaryOp::Eq, "write `a.shr(n)`, of U64"),
                _ => ("", BinaryOp::Eq, ""),
            };
            if !found.is_empty() {
                let span = self.span_of_ahead(2);
                let message = Diagnostic::new("E0154", span, format!("`{found}` is not an operator of VIBEE"));
                self.tell(message.help(help));
                return Some((op, 2));
            }
        }
        if least <= Level::Or && text == "|" && self.is_operand(1) {
            let span = self.token_span();
            let message =
                Diagnostic::new("E0154", span, "there is no operator `|`").help("write `or`, or `a.bit_or(b)` of U64");
            self.tell(message.fix(span, "or"));
            return Some((BinaryOp::Or, 1));
        }
        let (op, _) = BinaryOp::ALL.iter().find(|(op, t)| *t == text && Level::of(*op) >= least)?;
        Some((*op, 1))
    }

    fn span_of_ahead(&self, n_tokens: usize) -> crate::source::Span {
        let start = self.start();
        self.span_of_bytes(start, start + n_tokens)
    }

    /// Whether the token ahead can begin an operand.
    pub(super) fn is_operand(&self, ahead: usize) -> bool {
        match self.kind(ahead) {
            TokenKind::Mark(mark) => matches!(*mark, "(" | "[" | "-"),
            TokenKind::Word(word) => {
                !super::KEYWORDS.contains(word)
                    || matches!(*word, "true" | "false" | "nan" | "inf" | "not" | "old" | "if" | "match")
            }
            TokenKind::Foreign | TokenKind::Bad | TokenKind::End => false,
            _ => true,
        }
    }

    pub(super) fn not_expr(&mut self, start: usize) -> Tall<Expr> {
        self.bump();
        if !self.enter() {
            self.leave();
            return self.broken(start);
        }
        let inner = self.binary(Level::Not);
        self.leave();
        self.build(start, ExprKind::Unary(UnaryOp::Not, inner.node.into()), inner.height)
    }

    pub(super) fn unary(&mut self) -> Tall<Expr> {
        let start = self.start();
        if self.eat("-") {
            let inner = if self.enter() { self.unary() } else { self.broken(start) };
            self.leave();
            return self.build(start, ExprKind::Unary(UnaryOp::Neg, inner.node.into()), inner.height);
        }
        let mut expr = self.postfix();
        while self.eat_word("with") {
            let open = self.token_span();
            if !self.eat("(") {
                self.unexpected_with("`(`", |message| message.help("write `record with (field = value)`"));
                return expr;
            }
            let mut fields = Vec::new();
            let mut height = expr.height;
            for arg in self.args(open).0.node {
                let Some(name) = arg.node.name else {
                    let message = Diagnostic::new("E0150", arg.node.value.span, "expected `field = value`");
                    self.tell(message.help("write `record with (field = value)`"));
                    continue;
                };
                height = height.max(arg.height);
                fields.push((name, arg.node.value));
            }
            expr = self.build(start, ExprKind::With(expr.node.into(), fields), height);
        }
        self.ternary(start, expr)
    }

    /// `c ? a : b` of other languages, which is read as what was meant.
    fn ternary(&mut self, start: usize, condition: Tall<Expr>) -> Tall<Expr> {
        if !self.is_mark(0, "?") {
            return condition;
        }
        let span = self.token_span();
        self.bump();
        let message = Diagnostic::new("E0154", span, "there is no operator `?`");
        self.is_hopeless = true;
        if !self.is_operand(0) {
            self.tell(message.help("what may be missing is looked at by `match value { Some(x) => …, None => … }`"));
            return condition;
        }
        self.tell(message.help("write `if condition { a } else { b }`"));
        self.expr();
        // The condition may be a chain of operators of which this is the last operand: nothing can be made of it.
        if self.eat(":") {
            self.expr();
        }
        self.broken(start)
    }
}
