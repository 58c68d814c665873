//! Functions and their statements.

use std::{cell::RefCell, collections::BTreeSet};

use super::{
    super::{
        names::{Case, Scope},
        statements::lower,
        terms::{Each, Lowered, Statement, Term, TermKind, VarId},
        writer::{Doc, Writer, list, many, text},
    },
    OPTIONS, TypeScript, docs,
};
use crate::{
    intrinsic::Intrinsic,
    typed::{FunctionId, Role},
    types::Type,
};

/// Prints one function.
pub(super) struct Printer<'a> {
    pub(super) ts: &'a TypeScript<'a>,
    pub(super) lowered: &'a Lowered,
    names: Vec<String>,
    scope: Scope,
    /// What the conditions around a place have shown: printed tests.
    pub(super) facts: RefCell<BTreeSet<String>>,
}

/// Prints a function that has a body.
pub(super) fn function(ts: &TypeScript<'_>, writer: &mut Writer, id: FunctionId) {
    let function = ts.input.program.function(id);
    let lowered = lower(ts.input.program, ts.input.used, id, OPTIONS);
    let mut scope = ts.naming.top.inner();
    let names = lowered.vars.iter().enumerate().map(|(i, var)| {
        let is_param = i < lowered.n_params;
        let name = if is_param {
            scope.name(&var.name, Case::Camel, function.span)
        } else {
            scope.made(&var.name, Case::Camel)
        };
        if var.reads == 0 && !var.is_changed { format!("_{name}") } else { name }
    });
    let names: Vec<String> = names.collect();
    let params = lowered.vars.iter().zip(&names).take(lowered.n_params);
    let params: Vec<Doc> = params.map(|(var, name)| text(format!("{name}: {}", ts.ty(&var.ty)))).collect();
    docs(writer, function.say.as_deref(), &format!("`{}` of the specification.", function.name));
    let export = if ts.input.used.public.contains(&id) { "export " } else { "" };
    let head = list(format!("{export}function {}(", ts.naming.function(id)), params, ")", ",");
    writer.open_doc(&many([head, text(format!(": {} {{", ts.ty(&function.returns)))]));
    let mut printer = Printer { ts, lowered: &lowered, names, scope, facts: RefCell::default() };
    debug_assert!(function.role != Role::Extern);
    if lowered.is_repeated {
        writer.open("for (;;) {");
        printer.statements(writer, &lowered.body);
        writer.close("}");
    } else {
        printer.statements(writer, &lowered.body);
    }
    writer.close("}");
}

impl Printer<'_> {
    pub(super) fn name(&self, var: VarId) -> &str {
        self.names.get(var.0 as usize).map_or("_", String::as_str)
    }

    fn is_changed(&self, var: VarId) -> bool {
        self.lowered.vars.get(var.0 as usize).is_some_and(|var| var.is_changed)
    }

    fn is_builder(&self, var: VarId) -> bool {
        self.lowered.vars.get(var.0 as usize).is_some_and(|var| var.is_builder)
    }

    fn var_ty(&self, var: VarId) -> Type {
        self.lowered.vars.get(var.0 as usize).map_or(Type::Poison, |var| var.ty.clone())
    }

    fn statements(&mut self, writer: &mut Writer, statements: &[Statement]) {
        for statement in statements {
            self.statement(writer, statement);
        }
    }

    fn statement(&mut self, writer: &mut Writer, statement: &Statement) {
        match statement {
            Statement::Let(var, term) if self.is_builder(*var) => {
                let ty = self.ts.builder_ty(&self.var_ty(*var));
                let value = match &term.kind {
                    TermKind::List(items) => list("[", items.iter().map(|item| self.term(item)).collect(), "]", ","),
                    TermKind::Const(value) if !matches!(self.var_ty(*var), Type::Bytes) => {
                        self.ts.value(value, &term.ty)
                    }
                    _ => many([text("[..."), self.atom(term), text("]")]),
                };
                writer.doc(&many([text(format!("const {}: {ty} = ", self.name(*var))), value, text(";")]));
            }
            Statement::Let(var, term) => {
                let word = if self.is_changed(*var) { "let" } else { "const" };
                let is_open = self.is_changed(*var) || is_open(term);
                let ty = if is_open { format!(": {}", self.ts.ty(&self.var_ty(*var))) } else { String::new() };
                let value = self.term(term);
                writer.doc(&many([text(format!("{word} {}{ty} = ", self.name(*var))), value, text(";")]));
            }
            Statement::Declare(var) => {
                let needs_default = self.lowered.vars.get(var.0 as usize).is_some_and(|var| var.needs_default);
                let sure = if needs_default { "!" } else { "" };
                writer.line(format!("let {}{sure}: {};", self.name(*var), self.ts.ty(&self.var_ty(*var))));
            }
            Statement::Assign(var, term) => {
                let value = self.term(term);
                writer.doc(&many([text(format!("{} = ", self.name(*var))), value, text(";")]));
            }
            Statement::Do(term) => {
                let value = self.term(term);
                let value = if value.flat().starts_with('{') { many([text("("), value, text(")")]) } else { value };
                writer.doc(&many([value, text(";")]));
            }
            Statement::If(branches, otherwise) => self.branches(writer, branches, otherwise),
            Statement::For(item, each, body) => self.for_each(writer, *item, each, body),
            Statement::Break => writer.line("break;"),
            Statement::Again => writer.line("continue;"),
            Statement::Push(var, op, args) => self.push(writer, *var, *op, args),
            Statement::Check(condition, fault) => {
                let condition = self.not(condition);
                let fault = text(format!(") fail(\"{}\");", fault.name()));
                writer.doc(&many([text("if ("), condition, fault]));
            }
            Statement::Return(term) => {
                let value = self.term(term);
                writer.doc(&many([text("return "), value, text(";")]));
            }
            Statement::Fault(fault) => writer.line(format!("throw new Fault(\"{}\");", fault.name())),
            Statement::Unreachable => writer.line("throw new Error(\"unreachable\");"),
        }
    }

    fn branches(&mut self, writer: &mut Writer, branches: &[(Term, Vec<Statement>)], otherwise: &[Statement]) {
        let outer = self.known();
        for (i, (condition, body)) in branches.iter().enumerate() {
            let doc = self.term(condition);
            let word = if i == 0 { "if (" } else { "} else if (" };
            if i > 0 {
                writer.up();
            }
            writer.open_doc(&many([text(word), doc, text(") {")]));
            let before = self.known();
            self.learn(condition, true);
            self.statements(writer, body);
            self.forget(before);
            self.learn(condition, false);
        }
        // What ends in a jump needs no `else`.
        if otherwise.is_empty() {
            writer.close("}");
        } else {
            writer.turn("} else {");
            self.statements(writer, otherwise);
            writer.close("}");
        }
        let has_left = |body: &[Statement]| {
            matches!(
                body.last(),
                Some(
                    Statement::Return(_)
                        | Statement::Fault(_)
                        | Statement::Again
                        | Statement::Break
                        | Statement::Unreachable
                )
            )
        };
        let all_left = otherwise.is_empty() && branches.iter().all(|(_, body)| has_left(body));
        if !all_left {
            self.forget(outer);
        }
    }

    fn for_each(&mut self, writer: &mut Writer, item: VarId, each: &Each, body: &[Statement]) {
        let reads = self.lowered.vars.get(item.0 as usize).map_or(0, |var| var.reads);
        match each {
            Each::Range(lo, hi) => {
                let name = self.name(item).to_owned();
                let (lo, hi) = (self.term(lo), self.bound(hi));
                let (hi, last) = match hi {
                    Ok(hi) => (hi, text("")),
                    Err(hi) => {
                        let last = self.scope.made("last", Case::Camel);
                        (text(last.clone()), many([text(format!(", {last} = ")), hi]))
                    }
                };
                let parts = [text(format!("for (let {name} = ")), lo, last, text(format!("; {name} <= ")), hi];
                writer.open_doc(&many([many(parts), text(format!("; {name}++) {{"))]));
            }
            Each::Items(items) => {
                let name = self.name(item).to_owned();
                let doc = self.term(items);
                let doc = match &items.ty {
                    Type::Bytes => many([text("Array.from("), doc, text(", BigInt)")]),
                    _ => doc,
                };
                writer.open_doc(&many([text(format!("for (const {name} of ")), doc, text(") {")]));
                debug_assert!(reads > 0 || name.starts_with('_'));
            }
        }
        let before = self.known();
        self.statements(writer, body);
        self.forget(before);
        writer.close("}");
    }

    /// A bound that costs nothing to ask again, or one that does.
    fn bound(&mut self, term: &Term) -> Result<Doc, Doc> {
        let doc = self.atom(term);
        let is_kept = match &term.kind {
            TermKind::Const(_) => true,
            TermKind::Var(var) => !self.is_changed(*var),
            _ => false,
        };
        if is_kept { Ok(doc) } else { Err(self.term(term)) }
    }

    fn push(&mut self, writer: &mut Writer, var: VarId, op: Intrinsic, args: &[Term]) {
        let name = text(self.name(var).to_owned());
        let order = match self.var_ty(var) {
            Type::Set(key) | Type::Map(key, _) => self.ts.order(&key),
            _ => String::new(),
        };
        let docs: Vec<Doc> = args.iter().map(|arg| self.term(arg)).collect();
        let call = |function: String, name: Doc, docs: Vec<Doc>, order: String| {
            let order = if order.is_empty() { None } else { Some(text(order)) };
            list(format!("{function}("), [name].into_iter().chain(docs).chain(order).collect(), ")", ",")
        };
        let doc = match op {
            Intrinsic::ListPush => many([name, list(".push(", docs, ")", ",")]),
            Intrinsic::ListConcat => {
                let docs = args.iter().map(|arg| many([text("..."), self.atom(arg)])).collect();
                many([name, list(".push(", docs, ")", ",")])
            }
            Intrinsic::ListSet => call(self.ts.rt("setAt"), name, docs, order),
            Intrinsic::SetPut => call(self.ts.rt("setPut"), name, docs, order),
            Intrinsic::SetDelete => call(self.ts.rt("setDelete"), name, docs, order),
            Intrinsic::MapPut => call(self.ts.rt("mapPut"), name, docs, order),
            _ => call(self.ts.rt("mapDelete"), name, docs, order),
        };
        writer.doc(&many([doc, text(";")]));
    }

    /// What has been shown so far, to be given to [`Self::forget`].
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.facts.borrow().clone()
    }

    /// Goes back to what was known.
    pub(super) fn forget(&self, known: BTreeSet<String>) {
        self.facts.replace(known);
    }

    pub(super) fn has_shown(&self, fact: &str) -> bool {
        self.facts.borrow().contains(fact)
    }

    fn note(&self, fact: String) {
        self.facts.borrow_mut().insert(fact);
    }

    /// Notes what a condition shows where it holds, or does not.
    pub(super) fn learn(&self, condition: &Term, holds: bool) {
        match (&condition.kind, holds) {
            (TermKind::And(a, b), true) | (TermKind::Or(a, b), false) => {
                self.learn(a, holds);
                self.learn(b, holds);
            }
            (TermKind::Not(inner), holds) => self.learn(inner, !holds),
            (TermKind::IsCase(at, id, case), holds) if self.is_stable(at) => {
                let path = self.path(at);
                self.note(format!("{path} {} {case}", if holds { "is" } else { "not" }));
                let n = self.n_cases(*id);
                let open: Vec<u16> = (0..n).filter(|case| !self.has_shown(&format!("{path} not {case}"))).collect();
                if let [only] = open[..] {
                    self.note(format!("{path} is {only}"));
                }
            }
            (TermKind::IsSome(at), true) if self.is_stable(at) => {
                let path = self.path(at);
                self.note(format!("{path} is some"));
            }
            (TermKind::IsOk(at), holds) if self.is_stable(at) => {
                let path = self.path(at);
                self.note(format!("{path} is {}", if holds { "ok" } else { "err" }));
            }
            _ => {}
        }
    }

    fn n_cases(&self, id: crate::types::TypeId) -> u16 {
        match &self.ts.input.program.type_def(id).shape {
            crate::types::Shape::Enum { cases, .. } => cases.len() as u16,
            _ => 0,
        }
    }

    /// Whether the compiler keeps what it learnt of a path: a name that nothing changes, and places in it.
    pub(super) fn is_stable(&self, term: &Term) -> bool {
        match &term.kind {
            TermKind::Var(var) => !self.is_changed(*var),
            TermKind::Field(of, _)
            | TermKind::Payload(of, ..)
            | TermKind::SomeOf(of)
            | TermKind::OkOf(of)
            | TermKind::ErrOf(of)
            | TermKind::Item(of, _) => self.is_stable(of) && self.is_seen(term),
            _ => false,
        }
    }

    /// Whether the path is printed without a cast, which would hide it.
    fn is_seen(&self, term: &Term) -> bool {
        !self.path(term).contains('(') && !self.path(term).contains('!')
    }

    /// A path as a text.
    pub(super) fn path(&self, term: &Term) -> String {
        self.place(term).flat()
    }
}

/// Whether the compiler would take the value for less than it is.
pub(super) fn is_open(term: &Term) -> bool {
    match &term.kind {
        TermKind::Const(_) => {
            !matches!(term.ty, Type::Bool | Type::Int | Type::U64 | Type::Float | Type::F32 | Type::String)
        }
        TermKind::None
        | TermKind::Some(_)
        | TermKind::Ok(_)
        | TermKind::Err(_)
        | TermKind::Variant(..)
        | TermKind::Tuple(_)
        | TermKind::List(_)
        | TermKind::Record(..) => true,
        TermKind::Cond(_, a, b) => is_open(a) || is_open(b),
        TermKind::Op(op, _) => matches!(op, Intrinsic::ListPush | Intrinsic::ListConcat | Intrinsic::ListSet),
        _ => false,
    }
}
