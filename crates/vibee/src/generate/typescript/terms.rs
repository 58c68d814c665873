//! Terms of statements, in TypeScript.

use super::{
    super::{
        terms::{Term, TermKind},
        writer::{Doc, chain, list, many, text},
    },
    body::Printer,
    object,
};
use crate::{
    intrinsic::Intrinsic,
    types::{Type, TypeId},
    value::Value,
};

impl Printer<'_> {
    /// A term where nothing binds tighter than what stands around it.
    pub(super) fn term(&self, term: &Term) -> Doc {
        match &term.kind {
            TermKind::Const(value) => self.ts.value(value, &term.ty),
            TermKind::Var(var) | TermKind::Built(var) => text(self.name(*var).to_owned()),
            TermKind::Call(function, args) => {
                let args = args.iter().map(|arg| self.term(arg)).collect();
                list(format!("{}(", self.ts.naming.function(*function)), args, ")", ",")
            }
            TermKind::Op(op, args) => self.operation(*op, args, &term.ty),
            TermKind::Tuple(items) | TermKind::List(items) => {
                list("[", items.iter().map(|item| self.term(item)).collect(), "]", ",")
            }
            TermKind::Record(id, fields) => self.ts.made(*id, 0, fields.iter().map(|field| self.term(field)).collect()),
            TermKind::Variant(id, case, fields) => {
                self.ts.made(*id, *case, fields.iter().map(|field| self.term(field)).collect())
            }
            TermKind::None => text("undefined"),
            TermKind::Some(inner) => object(vec![many([text("some: "), self.term(inner)])]),
            TermKind::Ok(inner) => object(vec![text("ok: true"), many([text("value: "), self.term(inner)])]),
            TermKind::Err(inner) => object(vec![text("ok: false"), many([text("error: "), self.term(inner)])]),
            TermKind::Field(..)
            | TermKind::Payload(..)
            | TermKind::SomeOf(_)
            | TermKind::OkOf(_)
            | TermKind::ErrOf(_)
            | TermKind::Item(..) => self.place(term),
            TermKind::IsCase(at, id, case) => self.is_case(at, *id, *case, true),
            TermKind::IsSome(at) => many([self.atom(at), text(" !== undefined")]),
            TermKind::IsOk(at) => many([self.atom(at), text(".ok")]),
            TermKind::HasLen(at, n) => many([self.atom(at), text(format!(".length === {n}"))]),
            TermKind::Equals(at, value) => self.equals(at, value, true),
            TermKind::Between(at, lo, hi) => {
                let at = self.atom(at);
                many([text(format!("{lo}n <= ")), at.clone(), text(" && "), at, text(format!(" <= {hi}n"))])
            }
            TermKind::Not(inner) => self.not(inner),
            TermKind::And(a, b) => chain("&&", self.both(a, b, true)),
            TermKind::Or(a, b) => chain("||", self.both(a, b, false)),
            TermKind::Cond(condition, then, otherwise) => {
                let before = self.known();
                let asked = self.operand(condition);
                self.learn(condition, true);
                let then = self.operand(then);
                self.forget(before.clone());
                self.learn(condition, false);
                let otherwise = self.operand(otherwise);
                self.forget(before);
                many([asked, text(" ? "), then, text(" : "), otherwise])
            }
            TermKind::InRange(value, lo, hi) => {
                let value = self.term(value);
                let bounds = [text(format!("{lo}n")), text(format!("{hi}n"))];
                list(format!("{}(", self.ts.rt("inRange")), [value].into_iter().chain(bounds).collect(), ")", ",")
            }
        }
    }

    /// Two operands, of which the second is evaluated only where the first holds, or only where it does not.
    fn both(&self, first: &Term, second: &Term, is_and: bool) -> Vec<Doc> {
        let before = self.known();
        let mut docs = self.joined(first, is_and);
        self.learn(first, is_and);
        docs.extend(self.joined(second, is_and));
        self.forget(before);
        docs
    }

    /// The operands of `&&` within `&&`, of `||` within `||`; others in parentheses where they need them.
    fn joined(&self, term: &Term, is_and: bool) -> Vec<Doc> {
        match (&term.kind, is_and) {
            (TermKind::And(a, b), true) | (TermKind::Or(a, b), false) => self.both(a, b, is_and),
            (TermKind::Between(..), true) => vec![self.term(term)],
            (TermKind::And(..) | TermKind::Or(..) | TermKind::Cond(..) | TermKind::Between(..), _) => {
                vec![many([text("("), self.term(term), text(")")])]
            }
            _ => vec![self.term(term)],
        }
    }

    /// A term between operators that bind looser than comparisons.
    fn operand(&self, term: &Term) -> Doc {
        match &term.kind {
            TermKind::Cond(..) => many([text("("), self.term(term), text(")")]),
            _ => self.term(term),
        }
    }

    /// The negative of a condition.
    pub(super) fn not(&self, term: &Term) -> Doc {
        match &term.kind {
            TermKind::Not(inner) => self.term(inner),
            TermKind::IsCase(at, id, case) => self.is_case(at, *id, *case, false),
            TermKind::IsSome(at) => many([self.atom(at), text(" === undefined")]),
            TermKind::HasLen(at, n) => many([self.atom(at), text(format!(".length !== {n}"))]),
            TermKind::Equals(at, value) => self.equals(at, value, false),
            TermKind::Op(Intrinsic::Eq, args) => self.operation(Intrinsic::Ne, args, &Type::Bool),
            TermKind::Op(Intrinsic::Ne, args) => self.operation(Intrinsic::Eq, args, &Type::Bool),
            _ => many([text("!"), self.atom(term)]),
        }
    }

    fn is_case(&self, at: &Term, id: TypeId, case: u16, holds: bool) -> Doc {
        let name = self.ts.naming.case(id, case);
        let sign = if holds { "===" } else { "!==" };
        let kind = if self.ts.is_bare(id) { "" } else { ".kind" };
        many([self.atom(at), text(format!("{kind} {sign} \"{name}\""))])
    }

    fn equals(&self, at: &Term, value: &Value, holds: bool) -> Doc {
        let (sign, not) = if holds { ("===", "") } else { ("!==", "!") };
        let literal = self.ts.value(value, &at.ty);
        if matches!(at.ty, Type::Bytes) || matches!(at.kind, TermKind::Const(_)) {
            return many([
                text(format!("{not}{}(", self.ts.rt("equal"))),
                self.term(at),
                text(", "),
                literal,
                text(")"),
            ]);
        }
        many([self.atom(at), text(format!(" {sign} ")), literal])
    }

    /// A term that a point may follow, or that an operator of any kind may stand beside.
    pub(super) fn atom(&self, term: &Term) -> Doc {
        let is_atom = match &term.kind {
            TermKind::Const(value) => match value {
                Value::Int(n) | Value::Tryte(n) => *n >= 0,
                Value::Trit(n) => *n >= 0,
                Value::Float(x) => x.is_nan() || (!x.is_sign_negative()),
                Value::F32(x) => x.is_nan() || (!x.is_sign_negative()),
                _ => true,
            },
            TermKind::Op(op, args) => self.is_call(*op, args),
            TermKind::Var(_)
            | TermKind::Built(_)
            | TermKind::Call(..)
            | TermKind::Tuple(_)
            | TermKind::List(_)
            | TermKind::Field(..)
            | TermKind::Payload(..)
            | TermKind::SomeOf(_)
            | TermKind::OkOf(_)
            | TermKind::ErrOf(_)
            | TermKind::Item(..)
            | TermKind::IsOk(_)
            | TermKind::InRange(..)
            | TermKind::None => true,
            _ => false,
        };
        let doc = self.term(term);
        if is_atom { doc } else { many([text("("), doc, text(")")]) }
    }

    /// A part of what a name holds.
    pub(super) fn place(&self, term: &Term) -> Doc {
        match &term.kind {
            TermKind::Field(of, i) => match &of.ty {
                Type::Named(id) => many([self.receiver(of), text(format!(".{}", self.ts.field_name(*id, 0, *i)))]),
                _ => many([self.receiver(of), text(format!("[{i}]"))]),
            },
            TermKind::Payload(of, id, case, i) => {
                let field = self.ts.field_name(*id, *case, *i);
                let path = self.path(of);
                let is_known =
                    self.n_cases_of(*id) == 1 || (self.is_stable(of) && self.has_shown(&format!("{path} is {case}")));
                if is_known {
                    return many([self.receiver(of), text(format!(".{field}"))]);
                }
                let name = self.ts.naming.case(*id, *case);
                let cast = format!(" as Extract<{}, {{ kind: \"{name}\" }}>).{field}", self.ts.naming.ty(*id));
                many([text("("), self.receiver(of), text(cast)])
            }
            TermKind::SomeOf(of) => {
                let is_known = self.is_stable(of) && self.has_shown(&format!("{} is some", self.path(of)));
                many([self.receiver(of), text(if is_known { ".some" } else { "!.some" })])
            }
            TermKind::OkOf(of) => self.of_result(of, "ok", ".value"),
            TermKind::ErrOf(of) => self.of_result(of, "err", ".error"),
            TermKind::Item(of, i) => many([self.receiver(of), text(format!("[{i}]!"))]),
            _ => self.term(term),
        }
    }

    fn n_cases_of(&self, id: TypeId) -> usize {
        match &self.ts.input.program.type_def(id).shape {
            crate::types::Shape::Enum { cases, .. } => cases.len(),
            _ => 0,
        }
    }

    fn of_result(&self, of: &Term, fact: &str, part: &str) -> Doc {
        if self.is_stable(of) && self.has_shown(&format!("{} is {fact}", self.path(of))) {
            return many([self.receiver(of), text(part.to_owned())]);
        }
        let ty = super::super::reach::parts(&of.ty)
            .get(usize::from(fact == "err"))
            .map_or(String::new(), |ty| self.ts.ty(ty));
        let name = if fact == "ok" { "Ok" } else { "Err" };
        many([text("("), self.receiver(of), text(format!(" as {name}<{ty}>){part}"))])
    }

    /// What a point follows: an object in parentheses.
    fn receiver(&self, term: &Term) -> Doc {
        match &term.kind {
            TermKind::Record(..)
            | TermKind::Variant(..)
            | TermKind::Some(_)
            | TermKind::Ok(_)
            | TermKind::Err(_)
            | TermKind::Tuple(_)
            | TermKind::List(_) => many([text("("), self.term(term), text(format!(" as {})", self.ts.ty(&term.ty)))]),
            TermKind::Const(_) if !matches!(term.ty, Type::String | Type::Bytes) => {
                many([text("("), self.term(term), text(format!(" as {})", self.ts.ty(&term.ty)))])
            }
            TermKind::None => text(format!("(undefined as {})", self.ts.ty(&term.ty))),
            _ => self.atom(term),
        }
    }
}
