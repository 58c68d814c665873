//! Random trees that the grammar allows, for tests: whatever is printed of them reads back as the same tree.

use super::{
    expression::{Level, QUANTIFIERS},
    print::{OPEN, POSTFIX, WITH, operand_ranks, rank_of},
};
use crate::{
    ast::{Arg, BinaryOp, Expr, ExprKind, Ident, MatchArm, Pattern, PatternKind, TypeExpr, TypeExprKind, UnaryOp},
    source::{FileId, Span},
};

/// A stream of choices from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };
const NAMES: [&str; 14] =
    ["a", "b", "x1", "_y", "count", "map", "all", "where", "fault", "within", "text", "b0", "Some", "Type"];
const MEMBERS: [&str; 10] = ["len", "map", "for", "match", "in", "or", "not", "a", "count", "old"];

impl Random {
    /// Gives the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Gives a number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    /// Gives one of `items`, which are not empty.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn some<T>(&mut self, least: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let n = least + self.below(3);
        (0..n).map(|_| make(self)).collect()
    }

    fn ident(&mut self, names: &[&str]) -> Ident {
        Ident { name: self.one_of(names).to_owned(), span: NOWHERE }
    }

    fn bound(&mut self) -> Ident {
        self.ident(&["a", "b", "x1", "_y", "count", "map", "_"])
    }

    /// Makes an expression of at most `depth` levels.
    pub fn expr(&mut self, depth: usize) -> Expr {
        self.expr_of(depth, OPEN)
    }

    fn inner(&mut self, depth: usize, least: u8) -> Box<Expr> {
        Box::new(self.expr_of(depth - 1, least))
    }

    fn expr_of(&mut self, depth: usize, least: u8) -> Expr {
        if depth <= 1 {
            return Expr { span: NOWHERE, kind: self.leaf() };
        }
        let kind = match self.below(20) {
            0..4 if least <= rank_of(Level::Unary) => return self.operation(depth, least),
            4 | 5 if least == OPEN => self.structure(depth),
            6 if least <= WITH => {
                let of = self.inner(depth, WITH);
                let fields = self.some(1, |r| (r.ident(&MEMBERS), *r.inner(depth, OPEN)));
                ExprKind::With(of, fields)
            }
            7 => ExprKind::Paren(self.inner(depth, OPEN)),
            8 => ExprKind::Tuple(self.some(2, |r| *r.inner(depth, OPEN))),
            9 => ExprKind::List(self.some(0, |r| *r.inner(depth, OPEN))),
            10 | 11 => ExprKind::Field(self.inner(depth, POSTFIX), self.ident(&MEMBERS)),
            12 => {
                let of = self.inner(depth, POSTFIX);
                if matches!(of.kind, ExprKind::Int(_)) {
                    return *of;
                }
                ExprKind::Place(of, self.below(3) as u32, NOWHERE)
            }
            13 => ExprKind::Index(self.inner(depth, POSTFIX), self.inner(depth, OPEN)),
            14..18 => self.call(depth),
            18 => {
                let (quantifier, _) = self.one_of(&QUANTIFIERS);
                let (name, over) = (self.bound(), self.inner(depth, OPEN));
                let filter = (self.below(2) == 0).then(|| self.inner(depth, OPEN));
                ExprKind::Quantified { quantifier, name, over, filter, body: self.inner(depth, OPEN) }
            }
            _ => self.leaf(),
        };
        Expr { span: NOWHERE, kind }
    }

    fn operation(&mut self, depth: usize, least: u8) -> Expr {
        let kind = match self.below(6) {
            0 => ExprKind::Unary(UnaryOp::Neg, self.inner(depth, rank_of(Level::Unary))),
            1 if least <= rank_of(Level::Not) => ExprKind::Unary(UnaryOp::Not, self.inner(depth, rank_of(Level::Not))),
            _ => {
                let ops: Vec<BinaryOp> = BinaryOp::ALL.map(|(op, _)| op).into_iter().collect();
                let op = self.one_of(&ops);
                if rank_of(Level::of(op)) < least {
                    return self.expr_of(depth - 1, least);
                }
                let (left, right) = operand_ranks(op);
                ExprKind::Binary(op, NOWHERE, self.inner(depth, left), self.inner(depth, right))
            }
        };
        Expr { span: NOWHERE, kind }
    }

    fn call(&mut self, depth: usize) -> ExprKind {
        let callee = self.inner(depth, POSTFIX);
        let is_name = matches!(callee.kind, ExprKind::Name(_) | ExprKind::Field(..));
        let widths = if is_name && self.below(4) == 0 { self.some(1, |r| r.below(40) as u32) } else { Vec::new() };
        let args = self.some(0, |r| {
            let name = (r.below(3) == 0).then(|| r.ident(&MEMBERS));
            let value = if r.below(4) == 0 {
                let names = r.some(0, Self::bound);
                Expr { span: NOWHERE, kind: ExprKind::Lambda(names, r.inner(depth, OPEN)) }
            } else {
                *r.inner(depth, OPEN)
            };
            Arg { name, value }
        });
        ExprKind::Call { callee, widths, args }
    }

    fn structure(&mut self, depth: usize) -> ExprKind {
        match self.below(3) {
            0 => ExprKind::Let(self.pattern(depth - 1), self.inner(depth, OPEN), self.inner(depth, OPEN)),
            1 => ExprKind::If(self.inner(depth, OPEN), self.inner(depth, OPEN), self.inner(depth, OPEN)),
            _ => {
                let subject = self.inner(depth, OPEN);
                let arms = self.some(1, |r| MatchArm {
                    pattern: r.pattern(depth - 1),
                    guard: (r.below(3) == 0).then(|| *r.inner(depth, rank_of(Level::Implies))),
                    body: *r.inner(depth, OPEN),
                });
                ExprKind::Match(subject, arms)
            }
        }
    }

    fn leaf(&mut self) -> ExprKind {
        match self.below(12) {
            0 => ExprKind::Int(self.one_of(&[0, 1, 9, 1000, i64::MAX as u64, 1 << 63, u64::MAX])),
            1 => ExprKind::Float(self.one_of(&[0.0, 1.0, 0.1, 1e-3, 1e300, 5e-324, f64::MAX, f64::NAN, f64::INFINITY])),
            2 => ExprKind::String(self.one_of(&["", "a|b", "\"\\\n\t\r", "µ\u{0}\u{feff}# x: é'", "{{}"]).to_owned()),
            3 => ExprKind::Bytes(self.some(0, |r| r.bits() as u8)),
            4 => ExprKind::Trits(self.some(1, |r| r.below(3) as i8 - 1)),
            5 => ExprKind::Bool(self.below(2) == 0),
            6 => ExprKind::None,
            7 => ExprKind::Old(self.ident(&MEMBERS)),
            _ => ExprKind::Name(self.one_of(&NAMES).to_owned()),
        }
    }

    fn literal(&mut self) -> Box<Expr> {
        let kind = loop {
            match self.leaf() {
                ExprKind::Name(_) | ExprKind::Old(_) | ExprKind::None => {}
                kind => break kind,
            }
        };
        let is_number = matches!(kind, ExprKind::Int(_) | ExprKind::Float(_));
        let expr = Box::new(Expr { span: NOWHERE, kind });
        if is_number && self.below(2) == 0 {
            return Box::new(Expr { span: NOWHERE, kind: ExprKind::Unary(UnaryOp::Neg, expr) });
        }
        expr
    }

    /// Makes a pattern of at most `depth` levels.
    pub fn pattern(&mut self, depth: usize) -> Pattern {
        let part = |r: &mut Self| r.pattern(depth - 1);
        let kind = match self.below(if depth > 1 { 9 } else { 4 }) {
            0 => PatternKind::Any,
            1 => PatternKind::Literal(self.literal()),
            2 => PatternKind::Range(self.literal(), self.literal()),
            3 => PatternKind::Name(self.ident(&["a", "b", "count", "where", "_y"])),
            4 => PatternKind::Tuple(self.some(2, part)),
            5 => PatternKind::List(self.some(0, part)),
            6 => PatternKind::Or(self.some(2, part)),
            7 => {
                let name = Ident { name: "None".to_owned(), span: NOWHERE };
                PatternKind::Case { of: Vec::new(), name, fields: None }
            }
            _ => {
                let of = self.some(0, |r| r.ident(&["m", "Type"]));
                let name = if of.is_empty() { self.ident(&["Some", "on"]) } else { self.ident(&MEMBERS) };
                let fields = self.some(0, |r| ((r.below(3) == 0).then(|| r.ident(&MEMBERS)), r.pattern(depth - 1)));
                let is_bare = !of.is_empty() && self.below(3) == 0;
                PatternKind::Case { of, name, fields: (!is_bare).then_some(fields) }
            }
        };
        Pattern { span: NOWHERE, kind }
    }

    /// Makes a type of at most `depth` levels.
    pub fn type_expr(&mut self, depth: usize) -> TypeExpr {
        if depth > 1 && self.below(4) == 0 {
            return TypeExpr { span: NOWHERE, kind: TypeExprKind::Tuple(self.some(2, |r| r.type_expr(depth - 1))) };
        }
        let path = self.some(1, |r| r.ident(&["Int", "m", "List", "Option", "Tryte"]));
        let is_generic = depth > 1 && self.below(2) == 0;
        let args = if is_generic { self.some(1, |r| r.type_expr(depth - 1)) } else { Vec::new() };
        let width = (!is_generic && self.below(4) == 0).then(|| self.bits());
        let bounds = (self.below(4) == 0).then(|| (self.bits() as i64, self.bits() as i64));
        TypeExpr { span: NOWHERE, kind: TypeExprKind::Name { path, args, width, bounds } }
    }
}
