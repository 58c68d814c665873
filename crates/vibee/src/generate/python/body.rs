//! Functions of the generated module, as statements.

use std::collections::BTreeSet;

use super::{Python, WIDTH, docstring};
use crate::{
    generate::{
        names::Case,
        statements::lower,
        terms::{Each, Lowered, Options, Statement, Term, TermKind, VarId},
        writer::{Doc, Writer, list, many, text},
    },
    intrinsic::Intrinsic,
    typed::FunctionId,
    types::Type,
    value::Value,
};

const OPTIONS: Options = Options {
    has_conditional: true,
    is_ordered: true,
    builds: &[
        Intrinsic::ListPush,
        Intrinsic::ListSet,
        Intrinsic::ListConcat,
        Intrinsic::SetPut,
        Intrinsic::SetDelete,
        Intrinsic::MapPut,
        Intrinsic::MapDelete,
    ],
};

/// A function that is printed.
pub(super) struct Body<'a> {
    pub(super) python: &'a Python<'a>,
    lowered: Lowered,
    pub(super) names: Vec<String>,
    /// Lists that a comprehension made, whole.
    made: BTreeSet<VarId>,
}

impl Python<'_> {
    /// Prints every function in use.
    pub(super) fn functions(&self) -> String {
        let used = self.input.used;
        let public = used.public.iter();
        let private = used.functions.iter().filter(|id| !used.public.contains(id));
        public.chain(private).map(|id| self.print_function(*id)).collect::<Vec<String>>().join("\n\n\n")
    }

    fn print_function(&self, id: FunctionId) -> String {
        let program = self.input.program;
        let function = program.function(id);
        let lowered = lower(program, self.input.used, id, OPTIONS);
        let mut scope = self.scope.inner();
        let names = lowered.vars.iter().map(|var| scope.made(&var.name, Case::Snake)).collect();
        let mut body = Body { python: self, lowered, names, made: BTreeSet::default() };
        let mut out = Writer::new("    ", WIDTH);
        let params = function.locals.iter().take(function.n_params).zip(&body.names);
        let params = params.map(|(local, name)| text(format!("{name}: {}", self.ty(&local.ty)))).collect();
        out.doc(&many([
            text(format!("def {}", self.function(id))),
            list("(", params, ")", ","),
            text(format!(" -> {}:", self.ty(&function.returns))),
        ]));
        out.deeper();
        if let Some(say) = &function.say {
            out.line(docstring(say));
        }
        let statements = std::mem::take(&mut body.lowered.body);
        if body.lowered.is_repeated {
            out.open("while True:");
        }
        body.block(&mut out, &statements);
        out.finish().trim_end().to_owned()
    }
}

impl Body<'_> {
    pub(super) fn name(&self, var: VarId) -> String {
        self.names.get(var.0 as usize).cloned().unwrap_or_default()
    }

    pub(super) fn is_made(&self, var: VarId) -> bool {
        self.made.contains(&var)
    }

    pub(super) fn var_type(&self, var: VarId) -> Type {
        self.lowered.vars.get(var.0 as usize).map_or(Type::Poison, |var| var.ty.clone())
    }

    fn is_builder(&self, var: VarId) -> bool {
        self.lowered.vars.get(var.0 as usize).is_some_and(|var| var.is_builder)
    }

    fn block(&mut self, out: &mut Writer, statements: &[Statement]) {
        let mut at = 0;
        while let Some(statement) = statements.get(at) {
            let doc = statements.get(at + 1).and_then(|next| self.comprehension(statement, next));
            if let Some(doc) = doc {
                out.doc(&doc);
                at += 1;
            } else {
                self.statement(out, statement);
            }
            at += 1;
        }
        if statements.is_empty() {
            out.line("pass");
        }
    }

    /// A list that begins empty, and the loop that pushes one item, perhaps under a condition.
    fn comprehension(&mut self, first: &Statement, next: &Statement) -> Option<Doc> {
        let (Statement::Let(list_var, init), Statement::For(item, over, body)) = (first, next) else { return None };
        if !self.is_builder(*list_var) || !matches!(self.var_type(*list_var), Type::List(_)) || !is_empty_list(init) {
            return None;
        }
        let (push, condition) = match &body[..] {
            [Statement::If(branches, otherwise)] if otherwise.is_empty() => match &branches[..] {
                [(condition, then)] => match &then[..] {
                    [push] => (push, Some(condition)),
                    _ => return None,
                },
                _ => return None,
            },
            [push] => (push, None),
            _ => return None,
        };
        let Statement::Push(to, Intrinsic::ListPush, args) = push else { return None };
        let pushed = args.first()?;
        let looks = |term: &Term| crate::generate::terms::reads(term, *list_var);
        if to != list_var || looks(pushed) || condition.is_some_and(looks) {
            return None;
        }
        let mut parts = vec![self.term(pushed), text(format!(" for {} in ", self.name(*item))), self.each(over)];
        if let Some(condition) = condition {
            parts.extend([text(" if "), self.operand(condition, 1)]);
        }
        self.made.insert(*list_var);
        let name = self.name(*list_var);
        Some(many([text(format!("{name} = tuple")), list("(", vec![many(parts)], ")", "")]))
    }

    fn each(&self, each: &Each) -> Doc {
        match each {
            Each::Items(over) => match &over.ty {
                Type::Set(_) => many([text(self.python.need("_in_order")), list("(", vec![self.term(over)], ")", "")]),
                Type::Map(..) => many([self.operand(over, 13), text(".items()")]),
                _ => self.operand(over, 1),
            },
            Each::Range(lo, hi) => {
                let hi = match &hi.kind {
                    TermKind::Const(Value::Int(hi)) => text((i128::from(*hi) + 1).to_string()),
                    _ => many([self.operand(hi, 9), text(" + 1")]),
                };
                let lo = self.term(lo);
                many([text("range"), list("(", vec![lo, hi], ")", "")])
            }
        }
    }

    fn statement(&mut self, out: &mut Writer, statement: &Statement) {
        match statement {
            Statement::Let(var, term) if self.is_builder(*var) => {
                let (ty, make, empty) = match self.var_type(*var) {
                    Type::List(of) => (format!("list[{}]", self.python.ty(&of)), "list", "[]"),
                    Type::Set(of) => (format!("set[{}]", self.python.ty(&of)), "set", "set()"),
                    Type::Map(key, of) => {
                        (format!("dict[{}, {}]", self.python.ty(&key), self.python.ty(&of)), "dict", "{}")
                    }
                    _ => return self.assign(out, *var, term),
                };
                let name = self.name(*var);
                if is_empty(term) {
                    out.line(format!("{name}: {ty} = {empty}"));
                } else {
                    out.doc(&many([text(format!("{name} = {make}")), list("(", vec![self.term(term)], ")", "")]));
                }
            }
            Statement::Let(var, term) | Statement::Assign(var, term) => self.assign(out, *var, term),
            Statement::Declare(var) => {
                out.line(format!("{}: {}", self.name(*var), self.python.ty(&self.var_type(*var))));
            }
            Statement::Do(term) => out.doc(&self.term(term)),
            Statement::If(branches, otherwise) => {
                for (i, (condition, then)) in branches.iter().enumerate() {
                    let word = if i == 0 { "if" } else { "elif" };
                    out.open_doc(&many([text(format!("{word} ")), self.term(condition), text(":")]));
                    self.block(out, then);
                    out.up();
                }
                if !otherwise.is_empty() {
                    out.open("else:");
                    self.block(out, otherwise);
                    out.up();
                }
            }
            Statement::For(item, over, body) => {
                out.open_doc(&many([text(format!("for {} in ", self.name(*item))), self.each(over), text(":")]));
                self.block(out, body);
                out.up();
            }
            Statement::Break => out.line("break"),
            Statement::Again => out.line("continue"),
            Statement::Push(var, op, args) => self.push(out, *var, *op, args),
            Statement::Check(condition, fault) => {
                self.python.need("Fault");
                let refused = crate::generate::terms::not(condition.clone());
                out.open_doc(&many([text("if "), self.term(&refused), text(":")]));
                out.line(format!("raise Fault(\"{}\")", fault.name()));
                out.up();
            }
            Statement::Return(term) => out.doc(&many([text("return "), self.term(term)])),
            Statement::Fault(fault) => {
                self.python.need("Fault");
                out.line(format!("raise Fault(\"{}\")", fault.name()));
            }
            Statement::Unreachable => out.line("raise AssertionError(\"a match is exhaustive\")"),
        }
    }

    fn assign(&self, out: &mut Writer, var: VarId, term: &Term) {
        out.doc(&many([text(format!("{} = ", self.name(var))), self.term(term)]));
    }

    fn push(&self, out: &mut Writer, var: VarId, op: Intrinsic, args: &[Term]) {
        let name = self.name(var);
        let docs: Vec<Doc> = args.iter().map(|arg| self.term(arg)).collect();
        let call = |head: String, docs: Vec<Doc>| many([text(head), list("(", docs, ")", ",")]);
        out.doc(&match op {
            Intrinsic::ListPush => call(format!("{name}.append"), docs),
            Intrinsic::ListConcat => call(format!("{name}.extend"), docs),
            Intrinsic::SetPut => call(format!("{name}.add"), docs),
            Intrinsic::SetDelete => call(format!("{name}.discard"), docs),
            Intrinsic::MapDelete => call(format!("{name}.pop"), docs.into_iter().chain([text("None")]).collect()),
            // In `a[k] = v`, `v` would be evaluated first.
            Intrinsic::MapPut => {
                let entry =
                    many(docs.into_iter().enumerate().flat_map(
                        |(i, doc)| {
                            if i == 0 { vec![doc] } else { vec![text(": "), doc] }
                        },
                    ));
                call(format!("{name}.update"), vec![many([text("{"), entry, text("}")])])
            }
            _ => call(self.python.need("_set_in_place"), [text(name)].into_iter().chain(docs).collect()),
        });
    }
}

fn is_empty(term: &Term) -> bool {
    match &term.kind {
        TermKind::Const(value) => crate::generate::reach::is_empty(value),
        TermKind::List(items) => items.is_empty(),
        TermKind::Op(Intrinsic::SetOf | Intrinsic::MapOf, args) => args.iter().all(is_empty),
        _ => false,
    }
}

fn is_empty_list(term: &Term) -> bool {
    matches!(term.ty, Type::List(_)) && is_empty(term)
}
