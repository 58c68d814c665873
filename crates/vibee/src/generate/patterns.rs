//! Matches as tests and names: the part of [`super::statements`] that looks into patterns.

use super::{
    reach::walk,
    statements::{Lowering, Place},
    terms::{Statement, Term, TermKind, VarId, not},
};
use crate::{
    typed::{Arm, Expr, Kind, LocalId, Pattern, Program},
    types::{Shape, Type, TypeId},
    value::Value,
};

/// A name, and the part of the subject that it stands for.
type Bound = (LocalId, Term);

impl Lowering<'_> {
    /// Writes a match whose arms give their value to `place`.
    pub(super) fn match_arms(&mut self, subject: &Expr, arms: &[Arm], place: Place) {
        let ends = matches!(place, Place::Return);
        if let Place::Var(var) = place {
            self.change(var, |var| var.is_changed = true);
        }
        let marked = self.match_with(subject, arms, &mut |s, body| s.place(body, place), ends);
        if let (true, Place::Var(var)) = (marked, place) {
            self.change(var, |var| var.needs_default = true);
        }
    }

    /// Writes a match; `body` writes an arm's, and `ends` says that nothing comes behind it. Tells whether a mark was
    /// needed, so that no compiler sees that one arm is taken.
    pub(super) fn match_with(
        &mut self,
        subject: &Expr,
        arms: &[Arm],
        body: &mut dyn FnMut(&mut Self, &Expr),
        ends: bool,
    ) -> bool {
        let subject = self.subject(subject);
        let mut branches: Vec<(Term, Vec<Statement>)> = Vec::new();
        for (i, arm) in arms.iter().enumerate() {
            let (mut tests, mut bound) = (Vec::new(), Vec::new());
            self.tests(&arm.pattern, &subject, &mut tests, &mut bound);
            let is_last = i + 1 == arms.len() && arm.guard.is_none();
            if arm.guard.as_ref().is_some_and(|guard| !self.is_term(guard)) {
                // The guard is statements: where it does not hold, the next arms come behind this one.
                let rest = arms.get(i + 1..).unwrap_or_default();
                let last = self.apart(|s| s.guarded(&subject, (arm, rest), (tests, &bound), body, ends)).1;
                self.finish(branches, last);
                return !ends;
            }
            if let Some(guard) = &arm.guard {
                let meaning = self.meaning.clone();
                self.meaning.extend(bound.iter().cloned());
                tests.push(self.term(guard));
                self.meaning = meaning;
            }
            let inner = self.apart(|s| {
                s.names(&bound, arm);
                body(s, &arm.body);
            });
            if is_last || tests.is_empty() {
                self.finish(branches, inner.1);
                return false;
            }
            branches.push((all(tests), inner.1));
        }
        self.finish(branches, vec![Statement::Unreachable]);
        false
    }

    /// The arms behind one whose guard is statements.
    fn rest(&mut self, subject: &Term, arms: &[Arm], body: &mut dyn FnMut(&mut Self, &Expr), ends: bool) {
        // The subject is a path: it may be lowered again as a name.
        let (subject, local) = (subject.clone(), LocalId(u32::MAX));
        let span = arms.first().map(|arm| arm.body.span);
        let Some(span) = span else { return self.out.push(Statement::Unreachable) };
        let ty = subject.ty.clone();
        let before = self.meaning.insert(local, subject);
        self.match_with(&Expr { kind: Kind::Local(local), ty, span }, arms, body, ends);
        self.meaning.remove(&local);
        self.meaning.extend(before.map(|before| (local, before)));
    }

    /// An arm whose guard is statements, and the arms behind it.
    fn guarded(
        &mut self,
        subject: &Term,
        (arm, rest): (&Arm, &[Arm]),
        (tests, bound): (Vec<Term>, &[Bound]),
        body: &mut dyn FnMut(&mut Self, &Expr),
        ends: bool,
    ) {
        let mark = if ends { None } else { Some(self.temp("$matched", Type::Bool)) };
        let known = |value| Term::bool(TermKind::Const(Value::Bool(value)));
        if let Some(mark) = mark {
            self.change(mark, |mark| mark.is_changed = true);
            self.out.push(Statement::Let(mark, known(false)));
        }
        let ((), inner) = self.apart(|s| {
            s.names(bound, arm);
            let Some(guard) = &arm.guard else { return };
            let guard = s.term(guard);
            let mut inner = s.apart(|s| body(s, &arm.body)).1;
            inner.extend(mark.map(|mark| Statement::Assign(mark, known(true))));
            s.out.push(Statement::If(vec![(guard, inner)], Vec::new()));
        });
        self.out.push(Statement::If(vec![(all(tests), inner)], Vec::new()));
        match mark {
            None => self.rest(subject, rest, body, true),
            Some(mark) => {
                let rest = self.apart(|s| s.rest(subject, rest, body, false)).1;
                self.out.push(Statement::If(vec![(not(Term::bool(TermKind::Var(mark))), rest)], Vec::new()));
            }
        }
    }

    fn finish(&mut self, mut branches: Vec<(Term, Vec<Statement>)>, last: Vec<Statement>) {
        if branches.is_empty() {
            return self.out.extend(last);
        }
        // An arm that does nothing, in front of the last, is its negative.
        if let ([(_, then)], false) = (&branches[..], last.is_empty())
            && then.is_empty()
            && let Some((condition, _)) = branches.pop()
        {
            self.out.push(Statement::If(vec![(not(condition), last)], Vec::new()));
            return;
        }
        self.out.push(Statement::If(branches, last));
    }

    /// The subject as paths; a tuple that is only made to be looked at is taken apart.
    fn subject(&mut self, subject: &Expr) -> Term {
        let term = self.term(subject);
        match term.kind {
            TermKind::Tuple(items) => {
                let items =
                    items.into_iter().map(|item| if item.is_path() { item } else { self.spill("$subject", item) });
                let items = items.collect();
                Term::new(TermKind::Tuple(items), term.ty)
            }
            _ if term.is_path() => term,
            _ => self.spill("$subject", term),
        }
    }

    /// Declares names of a pattern that the arm reads.
    fn names(&mut self, bound: &[Bound], arm: &Arm) {
        for (local, term) in bound {
            let mut is_read = false;
            for expr in arm.guard.iter().chain([&arm.body]) {
                walk(expr, &mut |expr| is_read |= matches!(&expr.kind, Kind::Local(of) if of == local));
            }
            if is_read {
                let var = VarId(local.0);
                self.let_select(var, term.clone());
            }
        }
    }

    /// Declares a name; a conditional term becomes statements where the language has none.
    fn let_select(&mut self, var: VarId, term: Term) {
        if self.options.has_conditional || !matches!(term.kind, TermKind::Cond(..)) {
            return self.out.push(Statement::Let(var, term));
        }
        self.out.push(Statement::Declare(var));
        self.change(var, |var| (var.is_changed, var.needs_default) = (true, true));
        let mut term = term;
        let mut branches = Vec::new();
        while let TermKind::Cond(condition, then, otherwise) = term.kind {
            branches.push((*condition, vec![Statement::Assign(var, *then)]));
            term = *otherwise;
        }
        self.out.push(Statement::If(branches, vec![Statement::Assign(var, term)]));
    }

    /// What must hold for the pattern to fit `at`, and what it binds then.
    fn tests(&mut self, pattern: &Pattern, at: &Term, tests: &mut Vec<Term>, bound: &mut Vec<Bound>) {
        let here = || Box::new(at.clone());
        match pattern {
            Pattern::Any => {}
            Pattern::Bind(local) => bound.push((*local, at.clone())),
            Pattern::Literal(Value::Bool(true)) => tests.push(at.clone()),
            Pattern::Literal(Value::Bool(false)) => tests.push(not(at.clone())),
            Pattern::Literal(value) => tests.push(Term::bool(TermKind::Equals(here(), value.clone()))),
            Pattern::IntIn(lo, hi) => tests.push(Term::bool(TermKind::Between(here(), *lo, *hi))),
            Pattern::Variant(id, case, inner) => {
                if cases(self.program, *id) > 1 {
                    tests.push(Term::bool(TermKind::IsCase(here(), *id, *case)));
                }
                for (i, pattern) in inner.iter().enumerate() {
                    let ty = payload_type(self.program, *id, *case, i);
                    let at = Term::new(TermKind::Payload(here(), *id, *case, i as u16), ty);
                    self.tests(pattern, &at, tests, bound);
                }
            }
            Pattern::Record(_, inner) | Pattern::Tuple(inner) => {
                for (i, pattern) in inner.iter().enumerate() {
                    self.tests(pattern, &field(self.program, at, i), tests, bound);
                }
            }
            Pattern::None => tests.push(not(Term::bool(TermKind::IsSome(here())))),
            Pattern::Some(inner) => {
                tests.push(Term::bool(TermKind::IsSome(here())));
                self.tests(inner, &Term::new(TermKind::SomeOf(here()), inner_type(&at.ty, 0)), tests, bound);
            }
            Pattern::Ok(inner) => {
                tests.push(Term::bool(TermKind::IsOk(here())));
                self.tests(inner, &Term::new(TermKind::OkOf(here()), inner_type(&at.ty, 0)), tests, bound);
            }
            Pattern::Err(inner) => {
                tests.push(not(Term::bool(TermKind::IsOk(here()))));
                self.tests(inner, &Term::new(TermKind::ErrOf(here()), inner_type(&at.ty, 1)), tests, bound);
            }
            Pattern::List(inner) => {
                tests.push(Term::bool(TermKind::HasLen(here(), inner.len())));
                for (i, pattern) in inner.iter().enumerate() {
                    self.tests(pattern, &Term::new(TermKind::Item(here(), i), inner_type(&at.ty, 0)), tests, bound);
                }
            }
            Pattern::Or(inner) => self.either(inner, at, tests, bound),
        }
    }

    fn either(&mut self, patterns: &[Pattern], at: &Term, tests: &mut Vec<Term>, bound: &mut Vec<Bound>) {
        let mut conditions: Vec<Term> = Vec::new();
        let mut all_bound: Vec<Vec<Bound>> = Vec::new();
        for pattern in patterns {
            let (mut tests, mut bound) = (Vec::new(), Vec::new());
            self.tests(pattern, at, &mut tests, &mut bound);
            conditions.push(all(tests));
            all_bound.push(bound);
        }
        let first: Vec<LocalId> = all_bound.first().into_iter().flatten().map(|(local, _)| *local).collect();
        for local in first {
            let ways =
                all_bound.iter().map(|bound| bound.iter().find(|(of, _)| *of == local).map(|(_, term)| term.clone()));
            let mut ways: Vec<(Term, Term)> =
                conditions.iter().cloned().zip(ways).filter_map(|(condition, term)| Some((condition, term?))).collect();
            let Some((_, mut term)) = ways.pop() else { continue };
            for (condition, way) in ways.into_iter().rev() {
                let ty = way.ty.clone();
                term = Term::new(TermKind::Cond(Box::new(condition), Box::new(way), Box::new(term)), ty);
            }
            bound.push((local, term));
        }
        let mut conditions = conditions.into_iter();
        let Some(first) = conditions.next() else { return };
        let any = conditions.fold(first, |any, one| Term::bool(TermKind::Or(Box::new(any), Box::new(one))));
        if !is_true(&any) {
            tests.push(any);
        }
    }
}

/// All of these.
fn all(tests: Vec<Term>) -> Term {
    let mut tests = tests.into_iter();
    let first = tests.next().unwrap_or_else(|| Term::bool(TermKind::Const(Value::Bool(true))));
    tests.fold(first, |all, one| Term::bool(TermKind::And(Box::new(all), Box::new(one))))
}

fn is_true(term: &Term) -> bool {
    match &term.kind {
        TermKind::Const(Value::Bool(value)) => *value,
        TermKind::Or(a, b) => is_true(a) || is_true(b),
        _ => false,
    }
}

/// A field or place of a term; of a tuple that stands there, the item itself.
pub(crate) fn field(program: &Program, at: &Term, i: usize) -> Term {
    if let TermKind::Tuple(items) | TermKind::Record(_, items) = &at.kind
        && let Some(item) = items.get(i)
    {
        return item.clone();
    }
    let ty = match &at.ty {
        Type::Tuple(types) => types.get(i).cloned(),
        Type::Named(id) => match &program.type_def(*id).shape {
            Shape::Record(fields) => fields.get(i).map(|field| program.erased(&field.ty)),
            _ => None,
        },
        _ => None,
    };
    Term::new(TermKind::Field(Box::new(at.clone()), i as u16), ty.unwrap_or(Type::Poison))
}

/// The type of what a case carries, without constraints.
pub(crate) fn payload_type(program: &Program, id: TypeId, case: u16, i: usize) -> Type {
    match &program.type_def(id).shape {
        Shape::Enum { cases, .. } => cases
            .get(case as usize)
            .and_then(|case| case.fields.get(i))
            .map_or(Type::Poison, |field| program.erased(&field.ty)),
        _ => Type::Poison,
    }
}

fn cases(program: &Program, id: TypeId) -> usize {
    match &program.type_def(id).shape {
        Shape::Enum { cases, .. } => cases.len(),
        _ => 0,
    }
}

fn inner_type(ty: &Type, i: usize) -> Type {
    super::reach::parts(ty).get(i).map_or(Type::Poison, |ty| (*ty).clone())
}
