//! A function's body as statements: what languages print whose `if` and `match` are no expressions.
//!
//! The typed tree nests lets, matches and loops inside expressions. Here they are statements, and what is left of
//! expressions are [`Term`]s without control flow, but for `and`, `or` and the conditional operator. The order of
//! evaluation is kept: a term that can fault is put into a temporary before statements of a later operand.
//! Calls of a function by itself in tail position become a jump to its beginning, and what a loop gathers in a List,
//! Set, Map, String or Bytes is put there in place ([`Statement::Push`]) where nothing else can see it.

use std::collections::BTreeMap;

use super::{
    builders::{builder_of, is_builder},
    reach::{Used, children, faults, walk},
    terms::{Each, Lowered, Options, Statement, Term, TermKind, Var, VarId, not, reads},
    unread::drop_unread,
};
use crate::{
    intrinsic::Intrinsic,
    typed::{Expr, FunctionId, Kind, LocalId, Loop, Over, Program},
    types::Type,
    value::Value,
};

/// Lowers a function that has a body; one without gives an empty one.
pub(crate) fn lower(program: &Program, used: &Used, id: FunctionId, options: Options) -> Lowered {
    let function = program.function(id);
    let vars = function.locals.iter().map(|local| Var {
        name: local.name.clone(),
        ty: program.erased(&local.ty),
        is_changed: false,
        needs_default: false,
        is_builder: false,
        reads: 0,
    });
    let lowered = Lowered { vars: vars.collect(), n_params: function.n_params, ..Lowered::default() };
    let mut lowering = Lowering { program, used, id, options, lowered, out: Vec::new(), meaning: BTreeMap::new() };
    if let Some(body) = &function.body {
        lowering.place(body, Place::Return);
    }
    let mut lowered = lowering.lowered;
    lowered.body = lowering.out;
    drop_unread(&mut lowered, used);
    lowered
}

/// Where a value goes.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Return,
    Var(VarId),
}

pub(super) struct Lowering<'a> {
    pub(super) program: &'a Program,
    used: &'a Used,
    id: FunctionId,
    pub(super) options: Options,
    pub(super) lowered: Lowered,
    pub(super) out: Vec<Statement>,
    /// Names that stand for a term: what a pattern binds, while its guard is lowered; results of loops.
    pub(super) meaning: BTreeMap<LocalId, Term>,
}

impl Lowering<'_> {
    fn ty(&self, var: VarId) -> Type {
        self.lowered.vars.get(var.0 as usize).map_or(Type::Poison, |var| var.ty.clone())
    }

    pub(super) fn change(&mut self, var: VarId, change: impl FnOnce(&mut Var)) {
        self.lowered.vars.get_mut(var.0 as usize).into_iter().for_each(change_of(change));
    }

    /// A new temporary.
    pub(super) fn temp(&mut self, name: &str, ty: Type) -> VarId {
        let var =
            Var { name: name.to_owned(), ty, is_changed: false, needs_default: false, is_builder: false, reads: 0 };
        self.lowered.vars.push(var);
        VarId(self.lowered.vars.len() as u32 - 1)
    }

    /// What `lower` writes, apart.
    pub(super) fn apart<T>(&mut self, lower: impl FnOnce(&mut Self) -> T) -> (T, Vec<Statement>) {
        let outer = std::mem::take(&mut self.out);
        let value = lower(self);
        (value, std::mem::replace(&mut self.out, outer))
    }

    /// Puts a term into a temporary.
    pub(super) fn spill(&mut self, name: &str, term: Term) -> Term {
        let ty = term.ty.clone();
        let var = self.temp(name, ty.clone());
        self.out.push(Statement::Let(var, term));
        Term::new(TermKind::Var(var), ty)
    }

    /// Writes statements that give `expr`'s value to `place`.
    pub(super) fn place(&mut self, expr: &Expr, place: Place) {
        match &expr.kind {
            Kind::Cover(_, inner) => self.place(inner, place),
            Kind::Let { local, value, body } => {
                self.bind(*local, value, body);
                self.place(body, place);
            }
            Kind::If { condition, then, otherwise } => {
                if logic(expr).is_some() {
                    let term = self.term(expr);
                    return self.end(term, place);
                }
                let condition = self.term(condition);
                let then = self.apart(|s| s.place(then, place)).1;
                let otherwise = self.apart(|s| s.place(otherwise, place)).1;
                match otherwise {
                    // `else { if … }` is `else if …`.
                    otherwise if matches!(&otherwise[..], [Statement::If(..)]) => {
                        let Some(Statement::If(mut branches, last)) = otherwise.into_iter().next() else { return };
                        branches.insert(0, (condition, then));
                        self.out.push(Statement::If(branches, last));
                    }
                    otherwise => self.out.push(Statement::If(vec![(condition, then)], otherwise)),
                }
            }
            Kind::Match { subject, arms } => self.match_arms(subject, arms, place),
            Kind::Assert { condition, fault, body } => {
                let condition = self.term(condition);
                self.out.push(Statement::Check(condition, *fault));
                self.place(body, place);
            }
            Kind::Fault(fault) => self.out.push(Statement::Fault(*fault)),
            Kind::Call { function, args, is_tail: true }
                if *function == self.id && matches!(place, Place::Return) && !args.is_empty() =>
            {
                self.again(args);
            }
            _ => {
                let term = self.term(expr);
                self.end(term, place);
            }
        }
    }

    fn end(&mut self, term: Term, place: Place) {
        match place {
            Place::Return => self.out.push(Statement::Return(term)),
            Place::Var(var) => {
                if !matches!(&term.kind, TermKind::Var(of) if *of == var) {
                    self.out.push(Statement::Assign(var, term));
                }
            }
        }
    }

    /// Gives the parameters their next values and goes to the beginning.
    fn again(&mut self, args: &[Expr]) {
        let terms = self.terms(args.iter());
        let changed: Vec<(VarId, Term)> = (0..)
            .map(VarId)
            .zip(terms)
            .filter(|(var, term)| !matches!(&term.kind, TermKind::Var(of) if of == var))
            .collect();
        // One that no later term reads may be assigned at once.
        let mut assigned: Vec<(VarId, Term)> = Vec::new();
        for (i, (var, term)) in changed.iter().enumerate() {
            let is_read_later = changed.iter().skip(i + 1).any(|(_, later)| reads(later, *var));
            let has_fault_later = changed.iter().skip(i + 1).any(|(_, later)| later.may_fault(self.used));
            if is_read_later || has_fault_later {
                let name = format!("$next_{}", self.lowered.vars.get(var.0 as usize).map_or("", |var| &var.name));
                let temp = self.spill(&name, term.clone());
                assigned.push((*var, temp));
            } else {
                self.change(*var, |var| var.is_changed = true);
                self.out.push(Statement::Assign(*var, term.clone()));
            }
        }
        for (var, term) in assigned {
            self.change(var, |var| var.is_changed = true);
            self.out.push(Statement::Assign(var, term));
        }
        self.lowered.is_repeated = true;
        self.out.push(Statement::Again);
    }

    /// Binds a name of a `let`.
    fn bind(&mut self, local: LocalId, value: &Expr, body: &Expr) {
        let var = VarId(local.0);
        let inner = uncovered(value);
        if let Kind::Loop(each) = &inner.kind {
            let term = self.looped(each, &inner.ty);
            let name = self.lowered.vars.get(var.0 as usize).map(|var| var.name.clone());
            if let (TermKind::Var(acc) | TermKind::Built(acc), Some(name)) = (&term.kind, name)
                && !name.starts_with('$')
            {
                self.change(*acc, |acc| acc.name = name);
            }
            self.meaning.insert(local, term);
            return;
        }
        let is_control = matches!(&inner.kind, Kind::Match { .. } | Kind::Let { .. } | Kind::Assert { .. })
            || (matches!(&inner.kind, Kind::If { .. }) && logic(inner).is_none());
        if is_control {
            if let Some(term) = self.term_of_if(inner) {
                self.out.push(Statement::Let(var, term));
            } else {
                self.out.push(Statement::Declare(var));
                self.change(var, |var| var.is_changed = true);
                self.place(inner, Place::Var(var));
            }
            return;
        }
        let term = self.term(inner);
        let mut is_read = false;
        walk(body, &mut |expr| is_read |= matches!(&expr.kind, Kind::Local(of) if *of == local));
        match (is_read, term.may_fault(self.used)) {
            (true, _) => self.out.push(Statement::Let(var, term)),
            (false, true) => self.out.push(Statement::Do(term)),
            (false, false) => {}
        }
    }

    /// `if` of small terms as a conditional operator; `None`, and nothing written, where it is more than that.
    fn term_of_if(&mut self, expr: &Expr) -> Option<Term> {
        let Kind::If { condition, then, otherwise } = &expr.kind else { return None };
        if !self.is_conditional(then, otherwise) {
            return None;
        }
        let condition = self.boxed(condition);
        let (then, otherwise) = (self.boxed(then), self.boxed(otherwise));
        Some(Term::new(TermKind::Cond(condition, then, otherwise), self.program.erased(&expr.ty)))
    }

    fn is_conditional(&self, then: &Expr, otherwise: &Expr) -> bool {
        let is_small = || size(then) + size(otherwise) <= 12;
        self.options.has_conditional && is_small() && self.is_term(then) && self.is_term(otherwise)
    }

    /// Whether [`Self::term`] writes no statement for the expression.
    pub(super) fn is_term(&self, expr: &Expr) -> bool {
        if !self.options.is_ordered && faults(expr, &|function| self.used.may_fault(function)) {
            return false;
        }
        match &expr.kind {
            Kind::Let { .. } | Kind::Match { .. } | Kind::Loop(_) | Kind::Assert { .. } | Kind::Fault(_) => false,
            Kind::If { condition, then, otherwise } => {
                let is_one = logic(expr).is_some() || self.is_conditional(then, otherwise);
                is_one && [condition, then, otherwise].into_iter().all(|expr| self.is_term(expr))
            }
            _ => children(expr).into_iter().all(|expr| self.is_term(expr)),
        }
    }

    /// Operands in order.
    pub(super) fn terms<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for expr in exprs {
            let (term, before) = self.apart(|s| s.term(expr));
            let is_unordered = !self.options.is_ordered && term.may_fault(self.used);
            if !before.is_empty() || is_unordered {
                for earlier in &mut terms {
                    if earlier.may_fault(self.used) {
                        *earlier = self.spill("$part", earlier.clone());
                    }
                }
            }
            self.out.extend(before);
            terms.push(term);
        }
        terms
    }

    fn boxed(&mut self, expr: &Expr) -> Box<Term> {
        Box::new(self.term(expr))
    }

    /// The expression as a term; what is more than a term is written before.
    pub(super) fn term(&mut self, expr: &Expr) -> Term {
        let ty = self.program.erased(&expr.ty);
        let kind = match &expr.kind {
            Kind::Const(value) => TermKind::Const(value.clone()),
            Kind::Local(local) => match self.meaning.get(local) {
                Some(term) => return term.clone(),
                None => TermKind::Var(VarId(local.0)),
            },
            Kind::Cover(_, inner) => return self.term(inner),
            Kind::Let { local, value, body } => {
                self.bind(*local, value, body);
                return self.term(body);
            }
            Kind::If { .. } if logic(expr).is_some() => return self.logic_term(expr),
            Kind::If { .. } => match self.term_of_if(expr) {
                Some(term) => return term,
                None => return self.placed(expr, ty),
            },
            Kind::Match { .. } | Kind::Fault(_) => return self.placed(expr, ty),
            Kind::Call { function, args, .. } => TermKind::Call(*function, self.terms(args.iter())),
            Kind::Intrinsic { op: Intrinsic::Not, args } if args.len() == 1 => match args.first() {
                Some(arg) => TermKind::Not(self.boxed(arg)),
                None => TermKind::None,
            },
            Kind::Intrinsic { op, args } => TermKind::Op(*op, self.terms(args.iter())),
            Kind::Tuple(items) => TermKind::Tuple(self.terms(items.iter())),
            Kind::List(items) => TermKind::List(self.terms(items.iter())),
            Kind::Record(id, fields) => TermKind::Record(*id, self.terms(fields.iter())),
            Kind::Variant(id, case, fields) => TermKind::Variant(*id, *case, self.terms(fields.iter())),
            Kind::Option(None) => TermKind::None,
            Kind::Option(Some(inner)) => TermKind::Some(self.boxed(inner)),
            Kind::Ok(inner) => TermKind::Ok(self.boxed(inner)),
            Kind::Err(inner) => TermKind::Err(self.boxed(inner)),
            Kind::Field(inner, field) => TermKind::Field(self.boxed(inner), *field),
            Kind::Loop(each) => return self.looped(each, &expr.ty),
            Kind::InRange { value, lo, hi } => TermKind::InRange(self.boxed(value), *lo, *hi),
            Kind::Assert { condition, fault, body } => {
                let condition = self.term(condition);
                self.out.push(Statement::Check(condition, *fault));
                return self.term(body);
            }
        };
        Term::new(kind, ty)
    }

    /// The value of a statement, in a temporary.
    fn placed(&mut self, expr: &Expr, ty: Type) -> Term {
        let var = self.temp("$value", ty.clone());
        self.change(var, |var| var.is_changed = true);
        self.out.push(Statement::Declare(var));
        self.place(expr, Place::Var(var));
        Term::new(TermKind::Var(var), ty)
    }

    fn logic_term(&mut self, expr: &Expr) -> Term {
        let Some((is_and, is_negated, first, second)) = logic(expr) else { return self.placed(expr, Type::Bool) };
        let mut term = self.term(first);
        if is_negated {
            term = not(term);
        }
        let Some(second) = second else { return term };
        let (second, before) = self.apart(|s| s.term(second));
        if before.is_empty() {
            let (a, b) = (Box::new(term), Box::new(second));
            return Term::bool(if is_and { TermKind::And(a, b) } else { TermKind::Or(a, b) });
        }
        // The second is statements: it is asked only where the first leaves it open.
        let var = self.temp("$holds", Type::Bool);
        self.change(var, |var| var.is_changed = true);
        self.out.push(Statement::Let(var, term));
        let answer = Term::bool(TermKind::Var(var));
        let mut inner = before;
        inner.push(Statement::Assign(var, second));
        let is_open = if is_and { answer.clone() } else { not(answer.clone()) };
        self.out.push(Statement::If(vec![(is_open, inner)], Vec::new()));
        answer
    }

    /// Writes a loop and gives what it gathered.
    fn looped(&mut self, each: &Loop, ty: &Type) -> Term {
        let over = match &each.over {
            Over::Items(items) => {
                let over = self.term(items);
                Each::Items(over)
            }
            Over::Range(lo, hi) => {
                let mut terms = self.terms([lo, hi].into_iter()).into_iter();
                match (terms.next(), terms.next()) {
                    (Some(lo), Some(hi)) => Each::Range(lo, hi),
                    _ => return Term::new(TermKind::None, ty.clone()),
                }
            }
        };
        // The order is: what it goes over, then what it begins with.
        let (init, before) = self.apart(|s| s.term(&each.init));
        let is_unsafe_order = !before.is_empty() || init.may_fault(self.used);
        let over = if is_unsafe_order { self.spilled(over) } else { over };
        self.out.extend(before);
        let acc = VarId(each.acc.0);
        let ty = self.ty(acc);
        let is_builder = is_builder(each, self.options.builds);
        self.change(acc, |acc| (acc.is_changed, acc.is_builder) = (true, is_builder));
        self.out.push(Statement::Let(acc, init));
        self.each(each, over, acc, is_builder);
        let kind = if is_builder { TermKind::Built(acc) } else { TermKind::Var(acc) };
        Term::new(kind, ty)
    }

    fn spilled(&mut self, over: Each) -> Each {
        match over {
            Each::Items(over) if over.may_fault(self.used) => Each::Items(self.spill("$items", over)),
            Each::Range(lo, hi) if lo.may_fault(self.used) || hi.may_fault(self.used) => {
                Each::Range(self.spill("$first", lo), self.spill("$last", hi))
            }
            over => over,
        }
    }

    /// The loop itself, over a name that gathers.
    fn each(&mut self, each: &Loop, over: Each, acc: VarId, is_builder: bool) {
        let ((), body) = self.apart(|s| {
            if let Some(until) = &each.until {
                let condition = s.term(until);
                s.out.push(Statement::If(vec![(condition, vec![Statement::Break])], Vec::new()));
            }
            if is_builder {
                s.push_into(&each.step, acc);
            } else {
                s.place(&each.step, Place::Var(acc));
            }
        });
        self.out.push(Statement::For(VarId(each.item.0), over, body));
    }

    /// Writes what changes the builder `var` into the value of `step`.
    fn push_into(&mut self, step: &Expr, var: VarId) {
        match &step.kind {
            Kind::Cover(_, inner) => self.push_into(inner, var),
            Kind::Let { local: bound, value, body } => {
                self.bind(*bound, value, body);
                self.push_into(body, var);
            }
            Kind::If { condition, then, otherwise } => {
                let condition = self.term(condition);
                let then = self.apart(|s| s.push_into(then, var)).1;
                let otherwise = self.apart(|s| s.push_into(otherwise, var)).1;
                let (condition, then, otherwise) =
                    if then.is_empty() { (not(condition), otherwise, then) } else { (condition, then, otherwise) };
                if !then.is_empty() {
                    self.out.push(Statement::If(vec![(condition, then)], otherwise));
                }
            }
            Kind::Match { subject, arms } => {
                self.match_with(subject, arms, &mut |s, body| s.push_into(body, var), false);
            }
            Kind::Assert { condition, fault, body } => {
                let condition = self.term(condition);
                self.out.push(Statement::Check(condition, *fault));
                self.push_into(body, var);
            }
            Kind::Fault(fault) => self.out.push(Statement::Fault(*fault)),
            Kind::Loop(inner) => {
                // What the inner loop begins with is the builder itself.
                self.push_into(&inner.init, var);
                let over = match &inner.over {
                    Over::Items(items) => Each::Items(self.term(items)),
                    Over::Range(lo, hi) => Each::Range(self.term(lo), self.term(hi)),
                };
                let ty = self.ty(var);
                self.meaning.insert(inner.acc, Term::new(TermKind::Var(var), ty));
                self.each_into(inner, over, var);
            }
            Kind::Intrinsic { op, args } => {
                let Some((base, rest)) = builder_of(*op, args) else { return };
                self.push_into(base, var);
                let terms = self.terms(rest.iter());
                self.out.push(Statement::Push(var, *op, terms));
            }
            _ => {}
        }
    }

    fn each_into(&mut self, inner: &Loop, over: Each, var: VarId) {
        self.each(inner, over, var, true);
    }
}

fn change_of<T>(change: impl FnOnce(&mut T)) -> impl FnMut(&mut T) {
    let mut change = Some(change);
    move |of| {
        if let Some(change) = change.take() {
            change(of);
        }
    }
}

/// The expression without what coverage counts.
pub(crate) fn uncovered(expr: &Expr) -> &Expr {
    match &expr.kind {
        Kind::Cover(_, inner) => uncovered(inner),
        _ => expr,
    }
}

/// How many nodes an expression has.
fn size(expr: &Expr) -> usize {
    let mut size = 0;
    walk(expr, &mut |_| size += 1);
    size
}

/// `a and b`, `a or b`, `a implies b`, `not a`, which the checker wrote as `if`: whether it is `and`, whether the first
/// is negated, and the two.
pub(crate) fn logic(expr: &Expr) -> Option<(bool, bool, &Expr, Option<&Expr>)> {
    let Kind::If { condition, then, otherwise } = &expr.kind else { return None };
    if expr.ty != Type::Bool {
        return None;
    }
    let known = |expr: &Expr| match &uncovered(expr).kind {
        Kind::Const(Value::Bool(value)) => Some(*value),
        _ => None,
    };
    match (known(then), known(otherwise)) {
        (Some(true), Some(false)) => Some((true, false, condition, None)),
        (Some(false), Some(true)) => Some((true, true, condition, None)),
        (None, Some(false)) => Some((true, false, condition, Some(then))),
        (Some(true), None) => Some((false, false, condition, Some(otherwise))),
        (None, Some(true)) => Some((false, true, condition, Some(then))),
        (Some(false), None) => Some((true, true, condition, Some(otherwise))),
        _ => None,
    }
}
