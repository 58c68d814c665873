//! The parser of patterns.

use super::{
    parser::{Parser, Tall},
    token::TokenKind,
};
use crate::{
    ast::{Expr, ExprKind, Ident, Pattern, PatternKind, UnaryOp},
    diagnostic::Diagnostic,
};

impl Parser<'_, '_> {
    /// A pattern with its alternatives.
    pub(super) fn pattern(&mut self) -> Tall<Pattern> {
        let start = self.start();
        if !self.enter() {
            self.leave();
            return self.broken_pattern(start);
        }
        let first = self.one_pattern();
        let mut height = first.height;
        let mut alternatives = vec![first.node];
        loop {
            if self.is_mark(0, "|") {
                let span = self.token_span();
                self.tell(Diagnostic::new("E0154", span, "alternatives are separated by `or`").fix(span, "or"));
                self.bump();
            } else if !self.eat_word("or") {
                break;
            }
            let next = self.one_pattern();
            height = height.max(next.height);
            alternatives.push(next.node);
        }
        self.leave();
        match alternatives.pop() {
            Some(only) if alternatives.is_empty() => Tall { node: only, height },
            last => {
                alternatives.extend(last);
                self.tall(start, PatternKind::Or(alternatives), height + 1)
            }
        }
    }

    fn tall(&mut self, start: usize, kind: PatternKind, height: usize) -> Tall<Pattern> {
        Tall { node: Pattern { span: self.span_from(start), kind }, height }
    }

    fn broken_pattern(&mut self, start: usize) -> Tall<Pattern> {
        self.tall(start, PatternKind::Broken, 1)
    }

    fn one_pattern(&mut self) -> Tall<Pattern> {
        let start = self.start();
        let open = self.token_span();
        match *self.kind(0) {
            TokenKind::Mark("_") => {
                self.bump();
                self.tall(start, PatternKind::Any, 1)
            }
            TokenKind::Mark("(") => {
                self.bump();
                let Tall { node: mut fields, height } = self.patterns(")");
                self.close(open, ")", "`,` or `)`");
                if fields.len() == 1
                    && let Some((_, only)) = fields.pop()
                {
                    return Tall { node: only, height };
                }
                if fields.is_empty() {
                    let message = Diagnostic::new("E0150", self.span_from(start), "a tuple has two values or more");
                    self.tell(message);
                    return self.broken_pattern(start);
                }
                let parts = fields.into_iter().map(|(_, pattern)| pattern).collect();
                self.tall(start, PatternKind::Tuple(parts), height + 1)
            }
            TokenKind::Mark("[") => {
                self.bump();
                let Tall { node: fields, height } = self.patterns("]");
                self.close(open, "]", "`,` or `]`");
                let parts = fields.into_iter().map(|(_, pattern)| pattern).collect();
                self.tall(start, PatternKind::List(parts), height + 1)
            }
            TokenKind::Word("None") => {
                let Some(name) = self.ident() else { return self.broken_pattern(start) };
                self.tall(start, PatternKind::Case { of: Vec::new(), name, fields: None }, 1)
            }
            _ if self.is_literal_ahead() => self.literal_pattern(start),
            TokenKind::Word(_) if self.name_ahead(0).is_some() => self.named_pattern(start),
            _ => {
                self.unexpected_with("a pattern", |message| {
                    message
                        .help("such as `_`, a name, `12`, `\"text\"`, `Some(x)`, `Type.case(field)`, `(a, b)`, `1..9`")
                });
                self.skip();
                self.broken_pattern(start)
            }
        }
    }

    fn is_literal_ahead(&self) -> bool {
        let is_negative = self.is_mark(0, "-");
        match self.kind(usize::from(is_negative)) {
            TokenKind::Int(_) | TokenKind::Float(_) | TokenKind::Word("nan" | "inf") => true,
            TokenKind::String(_) | TokenKind::Bytes(_) | TokenKind::Trits(_) | TokenKind::Word("true" | "false") => {
                !is_negative
            }
            _ => false,
        }
    }

    /// A literal, or a range of them.
    fn literal_pattern(&mut self, start: usize) -> Tall<Pattern> {
        let first = self.literal();
        if !self.eat("..") {
            return self.tall(start, PatternKind::Literal(first.into()), 2);
        }
        if !self.is_literal_ahead() {
            self.unexpected_with("the last number of the range", |message| {
                message.help("a range has two ends; for one, write `n if n >= 1 => …`")
            });
            return self.broken_pattern(start);
        }
        let last = self.literal();
        self.tall(start, PatternKind::Range(first.into(), last.into()), 3)
    }

    fn literal(&mut self) -> Expr {
        let start = self.start();
        if self.eat("-") {
            let inner = self.literal();
            return self.build(start, ExprKind::Unary(UnaryOp::Neg, inner.into()), 1).node;
        }
        let kind = match self.bump() {
            TokenKind::Int(value) => ExprKind::Int(value),
            TokenKind::Float(value) => ExprKind::Float(value),
            TokenKind::String(value) => ExprKind::String(value),
            TokenKind::Bytes(value) => ExprKind::Bytes(value),
            TokenKind::Trits(value) => ExprKind::Trits(value),
            TokenKind::Word("true") => ExprKind::Bool(true),
            TokenKind::Word("false") => ExprKind::Bool(false),
            TokenKind::Word("nan") => ExprKind::Float(f64::NAN),
            TokenKind::Word("inf") => ExprKind::Float(f64::INFINITY),
            _ => ExprKind::Broken,
        };
        self.build(start, kind, 0).node
    }

    /// A name, `Type.case`, `case(…)`, `Type.case(…)`.
    fn named_pattern(&mut self, start: usize) -> Tall<Pattern> {
        let mut path: Vec<Ident> = self.ident().into_iter().collect();
        while self.eat(".") {
            let Some(name) = self.ident() else {
                self.unexpected("the name of a case behind the `.`");
                return self.broken_pattern(start);
            };
            path.push(name);
        }
        let open = self.token_span();
        let mut height = 1;
        let fields = if self.eat("(") {
            let fields = self.patterns(")");
            height += fields.height;
            self.close(open, ")", "`,` or `)`");
            Some(fields.node)
        } else {
            None
        };
        let Some(name) = path.pop() else { return self.broken_pattern(start) };
        if path.is_empty() && fields.is_none() {
            return self.tall(start, PatternKind::Name(name), height);
        }
        self.tall(start, PatternKind::Case { of: path, name, fields }, height)
    }

    /// Patterns with or without names, to `end`.
    fn patterns(&mut self, end: &'static str) -> Tall<Vec<(Option<Ident>, Pattern)>> {
        let mut patterns = Vec::new();
        let mut height = 0;
        while *self.kind(0) != TokenKind::End && !self.is_mark(0, end) {
            let before = self.start();
            let is_named = matches!(self.kind(0), TokenKind::Word(_)) && (self.is_mark(1, "=") || self.is_mark(1, ":"));
            let name = if is_named { self.ident() } else { None };
            if is_named {
                if self.is_mark(0, ":") {
                    let span = self.token_span();
                    let message = Diagnostic::new("E0154", span, "fields are named by `=`, not by `:`");
                    self.tell(message.fix(span, " ="));
                }
                if end != ")" {
                    self.unexpected("a pattern");
                }
                self.bump();
            }
            let pattern = self.pattern();
            height = height.max(pattern.height);
            patterns.push((name, pattern.node));
            if !self.eat(",") || self.start() == before {
                break;
            }
        }
        Tall { node: patterns, height }
    }
}
