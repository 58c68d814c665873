//! The parser of types.

use super::{parser::Parser, token::TokenKind};
use crate::{
    ast::{Ident, TypeExpr, TypeExprKind},
    diagnostic::Diagnostic,
};

impl Parser<'_, '_> {
    pub(super) fn whole_type(mut self) -> TypeExpr {
        let ty = self.type_expr();
        if self.is_mark(0, "[") || self.is_mark(0, "?") {
            let is_optional = self.is_mark(0, "?");
            self.unexpected_with("the end of the type", |message| {
                message.help(if is_optional {
                    "write `Option<Type>`"
                } else {
                    "a list is `List<Type>`; a text of at most 64 characters is `{ base: String, where: value.len() <= 64 }`"
                })
            });
        }
        self.finish("the type");
        ty
    }

    pub(super) fn type_expr(&mut self) -> TypeExpr {
        let start = self.start();
        let ty = if self.enter() { self.entered_type(start) } else { self.broken_type(start) };
        self.leave();
        ty
    }

    fn broken_type(&mut self, start: usize) -> TypeExpr {
        TypeExpr { span: self.span_from(start), kind: TypeExprKind::Broken }
    }

    fn entered_type(&mut self, start: usize) -> TypeExpr {
        let open = self.token_span();
        if self.eat("(") {
            let mut parts = Vec::new();
            while *self.kind(0) != TokenKind::End && !self.is_mark(0, ")") {
                parts.push(self.type_expr());
                if !self.eat(",") {
                    break;
                }
            }
            if !self.close(open, ")", "`,` or `)`") {
                return self.broken_type(start);
            }
            if parts.len() < 2 {
                let message = Diagnostic::new("E0150", self.span_from(start), "a tuple has two types or more");
                self.tell(message);
                return self.broken_type(start);
            }
            return TypeExpr { span: self.span_from(start), kind: TypeExprKind::Tuple(parts) };
        }
        let Some(path) = self.type_path() else {
            self.skip();
            return self.broken_type(start);
        };
        let (mut args, mut width, mut bounds) = (Vec::new(), None, None);
        let open = self.token_span();
        if self.eat("<") {
            if let TokenKind::Int(number) = *self.kind(0) {
                self.bump();
                width = Some(number);
            } else {
                loop {
                    args.push(self.type_expr());
                    if !self.eat(",") {
                        break;
                    }
                }
            }
            if !self.close_angle(open) {
                return self.broken_type(start);
            }
        }
        let open = self.token_span();
        if self.is_mark(0, "(") {
            self.bump();
            bounds = self.bounds();
            if !self.close(open, ")", "`)`") || bounds.is_none() {
                return self.broken_type(start);
            }
        }
        let kind = TypeExprKind::Name { path, args, width, bounds };
        TypeExpr { span: self.span_from(start), kind }
    }

    fn close_angle(&mut self, open: crate::source::Span) -> bool {
        if self.eat(">") {
            return true;
        }
        if *self.kind(0) == TokenKind::End {
            return self.close(open, ">", "`,` or `>`");
        }
        // `>=` in a type is nobody's comparison.
        self.unexpected_with("`,` or `>`", |message| message.also(open, "to close this `<`"));
        self.skip();
        false
    }

    fn type_path(&mut self) -> Option<Vec<Ident>> {
        let is_list = self.is_mark(0, "[");
        let mut path = Vec::new();
        loop {
            if self.name_ahead(0).is_none() {
                self.unexpected_with("a type", |message| {
                    if is_list { message.help("a list is written `List<Type>`") } else { message }
                });
                return None;
            }
            path.extend(self.ident());
            if !self.eat(".") {
                return Some(path);
            }
        }
    }

    /// Reads bounds, `lo..hi`.
    fn bounds(&mut self) -> Option<(i64, i64)> {
        let lo = self.bound()?;
        if !self.eat("..") {
            self.unexpected_with("`..`", |message| message.help("write `Int(0..9)`; both ends belong to it"));
            self.skip();
            return None;
        }
        Some((lo, self.bound()?))
    }

    fn bound(&mut self) -> Option<i64> {
        let start = self.start();
        let is_negative = self.eat("-");
        let TokenKind::Int(magnitude) = *self.kind(0) else {
            self.unexpected("a whole number");
            self.skip();
            return None;
        };
        self.bump();
        let value = if is_negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
        if value.is_none() {
            let message = Diagnostic::new("E0330", self.span_from(start), "this number is outside Int");
            self.tell(message.help("Int goes from -9223372036854775808 to 9223372036854775807"));
        }
        value
    }
}
