//! Operands: literals, names, brackets, quantifiers, and what stands behind them: fields, indices, arguments.

use super::{
    expression::QUANTIFIERS,
    parser::{Parser, Tall},
    token::TokenKind,
};
use crate::{
    ast::{Arg, Expr, ExprKind, Quantifier},
    diagnostic::Diagnostic,
    source::Span,
};

impl Parser<'_, '_> {
    pub(super) fn postfix(&mut self) -> Tall<Expr> {
        let start = self.start();
        let mut expr = self.primary();
        loop {
            let height = expr.height;
            let open = self.token_span();
            if self.eat(".") {
                let place_span = self.token_span();
                if let TokenKind::Int(place) = *self.kind(0) {
                    self.bump();
                    let Ok(place) = u32::try_from(place) else {
                        self.tell(Diagnostic::new("E0153", place_span, "a tuple has no such place"));
                        return self.broken(start);
                    };
                    expr = self.build(start, ExprKind::Place(expr.node.into(), place, place_span), height);
                } else if let Some(name) = self.ident() {
                    expr = self.build(start, ExprKind::Field(expr.node.into(), name), height);
                } else {
                    let is_number = matches!(expr.node.kind, ExprKind::Int(_));
                    self.unexpected_with("a name or the place of a tuple behind the `.`", |message| {
                        if is_number { message.help("a Float has a digit behind its point: `1.0`") } else { message }
                    });
                    return self.broken(start);
                }
            } else if self.is_mark(0, "[") {
                self.bump();
                let index = self.expr();
                self.close(open, "]", "`]`");
                let height = height.max(index.height);
                expr = self.build(start, ExprKind::Index(expr.node.into(), index.node.into()), height);
            } else if self.is_mark(0, "(") {
                self.bump();
                expr = self.call(start, expr, Vec::new(), open);
            } else if let Some(n_tokens) = self.widths_ahead(&expr.node) {
                let mut widths = Vec::new();
                for _ in 0..n_tokens {
                    if let TokenKind::Int(width) = self.bump() {
                        widths.push(u32::try_from(width).unwrap_or(u32::MAX));
                    }
                }
                let open = self.token_span();
                self.eat("(");
                expr = self.call(start, expr, widths, open);
            } else {
                return expr;
            }
        }
    }

    /// `<4>` between a name and `(`: of how many tokens it is. Nothing else can be meant, as comparisons do not chain.
    fn widths_ahead(&self, callee: &Expr) -> Option<usize> {
        let is_name = matches!(callee.kind, ExprKind::Name(_) | ExprKind::Field(..));
        if !is_name || !self.is_mark(0, "<") {
            return None;
        }
        let mut ahead = 1;
        while matches!(self.kind(ahead), TokenKind::Int(_)) {
            ahead += 1;
            if self.is_mark(ahead, ",") {
                ahead += 1;
                continue;
            }
            let is_end = self.is_mark(ahead, ">") && self.is_mark(ahead + 1, "(");
            return is_end.then_some(ahead + 1);
        }
        None
    }

    fn call(&mut self, start: usize, callee: Tall<Expr>, widths: Vec<u32>, open: Span) -> Tall<Expr> {
        let (args, is_closed) = self.args(open);
        if !is_closed {
            // Who knows how many arguments were meant.
            return self.broken(start);
        }
        let height = callee.height.max(args.height);
        let args = args.node.into_iter().map(|arg| arg.node).collect();
        self.build(start, ExprKind::Call { callee: callee.node.into(), widths, args }, height)
    }

    /// Arguments behind the `(`, to the `)`; whether it stands where it should.
    pub(super) fn args(&mut self, open: Span) -> (Tall<Vec<Tall<Arg>>>, bool) {
        let mut args = Vec::new();
        let mut height = 0;
        while !matches!(self.kind(0), TokenKind::End | TokenKind::Mark(")")) {
            let before = self.start();
            let arg = self.arg();
            height = height.max(arg.height);
            args.push(arg);
            if !self.eat(",") {
                break;
            }
            if self.start() == before {
                self.bump();
            }
        }
        let is_closed = self.close(open, ")", "`,` or `)`");
        (Tall { node: args, height }, is_closed)
    }

    fn arg(&mut self) -> Tall<Arg> {
        let mut name = None;
        if matches!(self.kind(0), TokenKind::Word(_)) && (self.is_mark(1, "=") || self.is_mark(1, ":")) {
            name = self.ident();
            if self.is_mark(0, ":") {
                let span = self.token_span();
                let message = Diagnostic::new("E0154", span, "fields and arguments are given by `=`, not by `:`");
                self.tell(message.fix(span, " ="));
            }
            self.bump();
        }
        let value = if self.is_lambda_ahead() {
            if self.enter() { self.entered_lambda() } else { self.left_broken() }
        } else {
            self.expr()
        };
        Tall { node: Arg { name, value: value.node }, height: value.height }
    }

    fn entered_lambda(&mut self) -> Tall<Expr> {
        let lambda = self.lambda();
        self.leave();
        lambda
    }

    fn left_broken(&mut self) -> Tall<Expr> {
        self.leave();
        let start = self.start();
        self.broken(start)
    }

    fn primary(&mut self) -> Tall<Expr> {
        let start = self.start();
        let open = self.token_span();
        let kind = match self.kind(0).clone() {
            TokenKind::Int(value) => ExprKind::Int(value),
            TokenKind::Float(value) => ExprKind::Float(value),
            TokenKind::String(value) => ExprKind::String(value),
            TokenKind::Bytes(value) => ExprKind::Bytes(value),
            TokenKind::Trits(value) => ExprKind::Trits(value),
            TokenKind::Word("true") => ExprKind::Bool(true),
            TokenKind::Word("false") => ExprKind::Bool(false),
            TokenKind::Word("nan") => ExprKind::Float(f64::NAN),
            TokenKind::Word("inf") => ExprKind::Float(f64::INFINITY),
            TokenKind::Word("None") => ExprKind::None,
            TokenKind::Word("old") => return self.old(start),
            TokenKind::Word(word @ ("not" | "if" | "match" | "let")) => return self.needs_parentheses(start, word),
            TokenKind::Word(word) if !super::KEYWORDS.contains(&word) => {
                if let Some((quantifier, _)) = QUANTIFIERS.iter().find(|(_, text)| *text == word)
                    && (self.name_ahead(1).is_some() || self.is_mark(1, "_"))
                    && self.is_word(2, "in")
                {
                    return self.quantified(start, *quantifier);
                }
                if let Some(broken) = self.foreign_word(start, word) {
                    return broken;
                }
                ExprKind::Name(word.to_owned())
            }
            TokenKind::Mark("(") => return self.parenthesized(start, open),
            TokenKind::Mark("[") => {
                self.bump();
                let items = self.items("]");
                self.close(open, "]", "`,` or `]`");
                return self.build(start, ExprKind::List(items.node), items.height);
            }
            _ => return self.no_operand(start),
        };
        self.bump();
        self.build(start, kind, 0)
    }

    fn old(&mut self, start: usize) -> Tall<Expr> {
        self.bump();
        if !self.eat(".") {
            self.unexpected("`.` and a name behind `old`");
            return self.broken(start);
        }
        if let Some(name) = self.ident() {
            return self.build(start, ExprKind::Old(name), 0);
        }
        self.unexpected("a name behind `old.`");
        self.broken(start)
    }

    /// `return x`, `for x in …`: a word of other languages, if what follows cannot follow a name.
    fn foreign_word(&mut self, start: usize, word: &str) -> Option<Tall<Expr>> {
        let (_, help) = super::token::FOREIGN_WORDS.iter().find(|(foreign, _)| *foreign == word)?;
        let is_operand = self.is_operand(1) && !matches!(self.kind(1), TokenKind::Mark("(" | "[" | "-"));
        if !is_operand {
            return None;
        }
        self.tell(Diagnostic::new("E0154", self.token_span(), format!("`{word}` is not a word of VIBEE")).help(*help));
        self.bump();
        if word == "return" {
            return Some(self.expr());
        }
        self.skip();
        Some(self.broken(start))
    }

    /// `a + if …`, `a == not b`: read as if parentheses stood there.
    fn needs_parentheses(&mut self, start: usize, word: &str) -> Tall<Expr> {
        let is_told = self.is_told();
        let inner = if word == "not" { self.not_expr(start) } else { self.expr() };
        if !is_told {
            let span = inner.node.span;
            self.tell(
                Diagnostic::new("E0155", span, format!("`{word}` as an operand needs parentheses"))
                    .help(format!("write `({word} …)`")),
            );
        }
        inner
    }

    fn no_operand(&mut self, start: usize) -> Tall<Expr> {
        if self.is_mark(0, "{") && self.is_block_ahead() {
            return self.stray_block();
        }
        let is_point = self.is_mark(0, ".");
        self.unexpected_with("an expression", |message| {
            if is_point { message.help("a Float has a digit before its point: `0.5`") } else { message }
        });
        // A foreign or unreadable token stood for something; what follows may be judged.
        if matches!(self.kind(0), TokenKind::Bad | TokenKind::Foreign) {
            self.bump();
            if self.is_operand(0) {
                self.unary();
            }
            return self.broken(start);
        }
        self.skip_one_or_all();
        self.broken(start)
    }

    /// Whether `{` opens what other languages would call a block, rather than a record or a map.
    fn is_block_ahead(&self) -> bool {
        let is_field = matches!(self.kind(1), TokenKind::Word(_) | TokenKind::String(_))
            && matches!(self.kind(2), TokenKind::Mark(":" | "=" | ","));
        !is_field && (self.is_operand(1) || self.is_word(1, "let"))
    }

    fn stray_block(&mut self) -> Tall<Expr> {
        let span = self.token_span();
        let message = Diagnostic::new("E0154", span, "braces stand behind `if`, `else` and a quantifier, nowhere else");
        self.tell(message.help("write the expression itself, or put it in parentheses"));
        self.block("")
    }

    /// Goes behind a token that is no operand: all to the end of this part, but never behind what closes it.
    fn skip_one_or_all(&mut self) {
        if self.is_mark(0, "|") || self.is_mark(0, "=>") {
            self.bump();
        }
        self.skip();
    }

    fn parenthesized(&mut self, start: usize, open: Span) -> Tall<Expr> {
        self.bump();
        let items = self.items(")");
        let is_one = items.node.len() == 1 && !items.is_comma_last;
        if !self.close(open, ")", "`,` or `)`") {
            return self.broken(start);
        }
        let Items { mut node, height, .. } = items;
        if is_one && let Some(only) = node.pop() {
            return self.build(start, ExprKind::Paren(only.into()), height);
        }
        if node.len() < 2 {
            let message = Diagnostic::new("E0150", self.span_from(start), "a tuple has two values or more");
            self.tell(message);
            return self.broken(start);
        }
        self.build(start, ExprKind::Tuple(node), height)
    }

    fn items(&mut self, end: &'static str) -> Items {
        let mut items = Items { node: Vec::new(), height: 0, is_comma_last: false };
        while *self.kind(0) != TokenKind::End && !self.is_mark(0, end) {
            let before = self.start();
            let item = self.expr();
            items.height = items.height.max(item.height);
            items.node.push(item.node);
            items.is_comma_last = self.eat(",");
            if !items.is_comma_last {
                break;
            }
            if self.start() == before {
                self.bump();
            }
        }
        items
    }

    fn quantified(&mut self, start: usize, quantifier: Quantifier) -> Tall<Expr> {
        self.bump();
        let name = self.bound_name();
        self.eat_word("in");
        let over = self.expr();
        let filter = if self.eat_word("where") { Some(self.expr()) } else { None };
        let body = self.block("all x in list { condition }");
        let Some(name) = name else { return self.broken(start) };
        let height = over.height.max(body.height).max(filter.as_ref().map_or(0, |filter| filter.height));
        let filter = filter.map(|filter| filter.node.into());
        let kind = ExprKind::Quantified { quantifier, name, over: over.node.into(), filter, body: body.node.into() };
        self.build(start, kind, height)
    }
}

struct Items {
    node: Vec<Expr>,
    height: usize,
    is_comma_last: bool,
}
