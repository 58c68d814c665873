//! Functions and their blocks.

use super::{
    super::{
        builders::builder_of,
        names::{Case, Scope},
        reach::{faults, walk},
        statements::{logic, uncovered},
        writer::{Doc, Writer, list, many, text},
    },
    BUILDS, Rust, docs,
    exprs::{Want, braced, is_open},
    fault_name,
    moves::{Moves, is_read},
};
use crate::{
    intrinsic::Intrinsic,
    typed::{Expr, FunctionId, Kind, LocalId, Loop, Over},
    types::Type,
    value::Fault,
};

/// How a name holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rep {
    /// A `Copy` value.
    Value,
    /// A reference to a `Copy` value.
    CopyRef,
    /// The value itself, which is not `Copy`.
    Owned,
    /// `&String`, `&Vec<T>`, `&T`.
    Ref,
    /// `&str`, `&[T]`; `&T` of other types.
    View,
}

/// What a block does with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The block gives it.
    Value,
    /// It is the function's, at its end.
    Return,
    /// It is the function's, from within a loop or block.
    Exit,
    /// The name gets it.
    Assign(LocalId),
    /// The labelled block of this number gives it.
    Break(u32),
}

/// Prints one function.
pub(super) struct Printer<'a> {
    pub(super) rust: &'a Rust<'a>,
    pub(super) id: FunctionId,
    is_faulting: bool,
    pub(super) moves: Moves,
    pub(super) names: Vec<String>,
    pub(super) reps: Vec<Rep>,
    pub(super) scope: Scope,
    pub(super) labels: u32,
}

/// Prints a function that has a body.
pub(super) fn function(rust: &Rust<'_>, writer: &mut Writer, id: FunctionId) {
    let function = rust.input.program.function(id);
    let Some(body) = &function.body else { return };
    let mut scope = rust.naming.top.inner();
    let names = function.locals.iter().enumerate().map(|(i, local)| {
        let name = if i < function.n_params {
            scope.name(&local.name, Case::Snake, function.span)
        } else {
            scope.made(&local.name, Case::Snake)
        };
        let is_param_unread = i < function.n_params && !is_read(body, LocalId(i as u32));
        if is_param_unread { format!("_{name}") } else { name }
    });
    let names: Vec<String> = names.collect();
    let reps = function.locals.iter().map(|local| if rust.is_copy(&local.ty) { Rep::Value } else { Rep::View });
    let reps: Vec<Rep> = reps.collect();
    let is_faulting = rust.input.used.may_fault(id);
    let moves = Moves::of(body);
    let mut printer = Printer { rust, id, is_faulting, moves, names, reps, scope, labels: 0 };
    let changed = printer.changed(body);
    docs(writer, function.say.as_deref(), &format!("`{}` of the specification.", function.name));
    let params = function.locals.iter().take(function.n_params).enumerate().map(|(i, local)| {
        let is_mut =
            changed.as_ref().is_some_and(|changed| changed.contains(&i)) && printer.reps.get(i) == Some(&Rep::Value);
        let name = printer.names.get(i).map_or("", String::as_str);
        text(format!("{}{name}: {}", if is_mut { "mut " } else { "" }, rust.view_ty(&local.ty)))
    });
    let params: Vec<Doc> = params.collect();
    let returns = rust.ty(&function.returns);
    let returns = if is_faulting { format!("Result<{returns}, Fault>") } else { returns };
    let public = if rust.is_public(id) { "pub " } else { "" };
    let head = list(format!("{public}fn {}(", rust.naming.function(id)), params, ")", ",");
    writer.open_doc(&many([head, text(format!(" -> {returns} {{"))]));
    match changed {
        None => printer.block(writer, body, Tail::Return),
        Some(changed) => {
            for i in changed {
                if printer.reps.get(i) != Some(&Rep::View) {
                    continue;
                }
                let name = printer.names.get(i).cloned().unwrap_or_default();
                let ty = function.locals.get(i).map_or(Type::Poison, |local| local.ty.clone());
                writer.line(format!("let mut {name} = {name}.{}();", owning(&ty)));
                printer.set_rep(LocalId(i as u32), Rep::Owned);
            }
            writer.open("loop {");
            printer.block(writer, body, Tail::Exit);
            writer.close("}");
        }
    }
    writer.close("}");
}

/// The method that makes an owned value of a view.
pub(super) fn owning(ty: &Type) -> &'static str {
    match ty {
        Type::String => "to_owned",
        Type::List(_) | Type::Bytes => "to_vec",
        _ => "clone",
    }
}

impl Printer<'_> {
    pub(super) fn name(&self, local: LocalId) -> &str {
        self.names.get(local.0 as usize).map_or("_", String::as_str)
    }

    pub(super) fn rep(&self, local: LocalId) -> Rep {
        self.reps.get(local.0 as usize).copied().unwrap_or(Rep::Value)
    }

    pub(super) fn set_rep(&mut self, local: LocalId, rep: Rep) {
        self.reps.get_mut(local.0 as usize).into_iter().for_each(|of| *of = rep);
    }

    /// How a value of the type is held by its own name.
    pub(super) fn own_rep(&self, ty: &Type) -> Rep {
        if self.rust.is_copy(ty) { Rep::Value } else { Rep::Owned }
    }

    /// Parameters that calls of the function by itself at its end change; `None` without such a call.
    fn changed(&self, body: &Expr) -> Option<Vec<usize>> {
        let mut calls: Vec<&[Expr]> = Vec::new();
        self.tail_calls(body, &mut calls);
        let n = self.rust.input.program.function(self.id).n_params;
        let is_changed = |i: &usize| {
            calls.iter().any(|args| {
                let kept = args.get(*i).is_some_and(|arg| matches!(&arg.kind, Kind::Local(of) if of.0 as usize == *i));
                !kept
            })
        };
        if calls.is_empty() { None } else { Some((0..n).filter(is_changed).collect()) }
    }

    fn tail_calls<'e>(&self, expr: &'e Expr, calls: &mut Vec<&'e [Expr]>) {
        match &expr.kind {
            Kind::Cover(_, inner) => self.tail_calls(inner, calls),
            Kind::Let { body, .. } | Kind::Assert { body, .. } => self.tail_calls(body, calls),
            Kind::If { then, otherwise, .. } => {
                self.tail_calls(then, calls);
                self.tail_calls(otherwise, calls);
            }
            Kind::Match { arms, .. } => arms.iter().for_each(|arm| self.tail_calls(&arm.body, calls)),
            Kind::Call { args, .. } if self.is_again(expr) => calls.push(args),
            _ => {}
        }
    }

    /// Whether it is a call of the function by itself, with nothing to do after it.
    fn is_again(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, Kind::Call { function, args, is_tail: true } if *function == self.id && !args.is_empty())
    }

    /// Prints statements that give the expression's value to `tail`.
    pub(super) fn block(&mut self, writer: &mut Writer, expr: &Expr, tail: Tail) {
        match &expr.kind {
            Kind::Cover(_, inner) => self.block(writer, inner, tail),
            Kind::Let { local, value, body } => {
                self.bind(writer, *local, value, body);
                self.block(writer, body, tail);
            }
            Kind::If { .. } if logic(expr).is_none() => self.if_block(writer, expr, tail, false),
            Kind::Match { subject, arms } => self.match_block(writer, subject, arms, tail),
            Kind::Assert { condition, fault, body } => {
                self.check(writer, condition, *fault);
                self.block(writer, body, tail);
            }
            Kind::Fault(fault) if tail == Tail::Return => writer.line(format!("Err(Fault::{})", fault_name(*fault))),
            Kind::Fault(fault) => writer.line(format!("return Err(Fault::{});", fault_name(*fault))),
            Kind::Loop(each) => match tail {
                // What is gathered stands in a name of its own.
                Tail::Assign(local) if Self::begins_as(&each.init, local) => self.loop_into(writer, each, local),
                Tail::Assign(local) if self.name(local) == UNREAD && self.unread_loop(writer, each) => {}
                _ => {
                    self.loop_block(writer, each, each.acc);
                    let doc = text(self.name(each.acc).to_owned());
                    self.end(writer, doc, tail);
                }
            },
            Kind::Call { args, .. } if tail == Tail::Exit && self.is_again(expr) => self.again(writer, args),
            Kind::Intrinsic { op, args } => {
                let is_done = matches!(tail, Tail::Assign(local) if self.push(writer, *op, args, local));
                if !is_done {
                    let doc = self.expr(expr, Want::Own).doc;
                    self.end(writer, doc, tail);
                }
            }
            Kind::Local(local) if tail == Tail::Assign(*local) => {}
            _ => {
                let doc = self.expr(expr, Want::Own).doc;
                self.end(writer, doc, tail);
            }
        }
    }

    /// Prints the last value of a block.
    pub(super) fn end(&mut self, writer: &mut Writer, doc: Doc, tail: Tail) {
        let done = |doc: Doc, is_faulting: bool| match doc {
            doc if !is_faulting => doc,
            // `Ok(f()?)` is `f()`.
            Doc::Many(mut parts) if parts.len() == 2 && matches!(parts.last(), Some(Doc::Text(t)) if t == "?") => {
                parts.pop();
                Doc::Many(parts)
            }
            doc => many([text("Ok("), doc, text(")")]),
        };
        match tail {
            Tail::Value => writer.doc(&doc),
            Tail::Return => writer.doc(&done(doc, self.is_faulting)),
            Tail::Exit => writer.doc(&many([text("return "), done(doc, self.is_faulting), text(";")])),
            Tail::Assign(local) if self.name(local) == UNREAD && !leaves(&doc) => {}
            Tail::Assign(local) => writer.doc(&many([text(format!("{} = ", self.name(local))), doc, text(";")])),
            Tail::Break(label) => writer.doc(&many([text(format!("break 'matched_{label} ")), doc, text(";")])),
        }
    }

    fn if_block(&mut self, writer: &mut Writer, expr: &Expr, tail: Tail, is_else: bool) {
        let Kind::If { condition, then, otherwise } = &expr.kind else { return };
        let nothing = |expr: &Expr| match (&uncovered(expr).kind, tail) {
            (Kind::Local(of), Tail::Assign(local)) => *of == local,
            _ => false,
        };
        let is_negated = nothing(then) && !is_else;
        let (then, otherwise) = if is_negated { (otherwise, then) } else { (then, otherwise) };
        let head = if is_negated { self.negated(condition) } else { self.head(condition) };
        let open = many([text(if is_else { "} else if " } else { "if " }), head, text(" {")]);
        if is_else {
            writer.up();
        }
        writer.open_doc(&open);
        self.block(writer, then, tail);
        let rest = uncovered(otherwise);
        if nothing(rest) {
            writer.close("}");
        } else if matches!(&rest.kind, Kind::If { .. }) && logic(rest).is_none() {
            self.if_block(writer, rest, tail, true);
        } else {
            writer.turn("} else {");
            self.block(writer, rest, tail);
            writer.close("}");
        }
    }

    pub(super) fn check(&mut self, writer: &mut Writer, condition: &Expr, fault: Fault) {
        let head = self.negated(condition);
        writer.open_doc(&many([text("if "), head, text(" {")]));
        writer.line(format!("return Err(Fault::{});", fault_name(fault)));
        writer.close("}");
    }

    /// Goes to the function's beginning with other arguments.
    fn again(&mut self, writer: &mut Writer, args: &[Expr]) {
        let mut pairs: Vec<(String, Doc)> = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            let local = LocalId(i as u32);
            if matches!(&arg.kind, Kind::Local(of) if *of == local) {
                continue;
            }
            pairs.push((self.name(local).to_owned(), self.expr(arg, Want::Own).doc));
        }
        match pairs.len() {
            0 => {}
            1 => {
                for (name, doc) in pairs {
                    writer.doc(&many([text(format!("{name} = ")), doc, text(";")]));
                }
            }
            _ => {
                let (names, docs): (Vec<String>, Vec<Doc>) = pairs.into_iter().unzip();
                writer.doc(&many([text(format!("({}) = ", names.join(", "))), list("(", docs, ")", ","), text(";")]));
            }
        }
        writer.line("continue;");
    }

    /// Prints a `let`.
    fn bind(&mut self, writer: &mut Writer, local: LocalId, value: &Expr, body: &Expr) {
        let inner = uncovered(value);
        if let Kind::Loop(each) = &inner.kind {
            if !is_read(body, local) && self.unread_loop(writer, each) {
                return;
            }
            let name = self.name(local).to_owned();
            self.names.get_mut(each.acc.0 as usize).into_iter().for_each(|of| of.clone_from(&name));
            self.loop_block(writer, each, each.acc);
            let rep = self.rep(each.acc);
            self.set_rep(local, rep);
            return;
        }
        if !is_read(body, local) {
            if self.faults(inner) {
                let doc = self.expr(inner, Want::Own).doc;
                let ty = if is_open(inner) { format!(": {}", self.rust.ty(&inner.ty)) } else { String::new() };
                writer.doc(&many([text(format!("let _{ty} = ")), doc, text(";")]));
            }
            return;
        }
        let rep = match &inner.kind {
            Kind::Local(of) if matches!(self.rep(*of), Rep::Ref | Rep::View) => self.rep(*of),
            _ => self.own_rep(&inner.ty),
        };
        let want = if matches!(rep, Rep::Ref | Rep::View) { Want::Arg } else { Want::Own };
        let doc = self.expr(inner, want).doc;
        self.set_rep(local, rep);
        let ty = if is_open(inner) { format!(": {}", self.rust.ty(&inner.ty)) } else { String::new() };
        writer.doc(&many([text(format!("let {}{ty} = ", self.name(local))), doc, text(";")]));
    }

    pub(super) fn faults(&self, expr: &Expr) -> bool {
        faults(expr, &|function| self.rust.input.used.may_fault(function))
    }

    /// Prints a loop whose result is then in the name `acc`.
    pub(super) fn loop_block(&mut self, writer: &mut Writer, each: &Loop, acc: LocalId) {
        let init = self.expr(&each.init, Want::Own).doc;
        let rep = self.own_rep(&each.init.ty);
        self.set_rep(acc, rep);
        let ty = if is_open(&each.init) { format!(": {}", self.rust.ty(&each.init.ty)) } else { String::new() };
        // What it goes over comes first; that shows only where both can fault.
        let is_kept = self.faults(&each.init) && over_exprs(&each.over).into_iter().any(|over| self.faults(over));
        let over = if is_kept { self.kept_over(writer, each) } else { self.over(each) };
        writer.doc(&many([text(format!("let mut {}{ty} = ", self.name(acc))), init, text(";")]));
        self.for_block(writer, each, over, acc);
    }

    /// Prints a loop of whose result nothing is read, for its faults alone; false, and nothing printed, where its steps
    /// read what they gather or its beginning can fault.
    fn unread_loop(&mut self, writer: &mut Writer, each: &Loop) -> bool {
        let reads_acc = is_read(&each.step, each.acc) || each.until.as_ref().is_some_and(|of| is_read(of, each.acc));
        if reads_acc || self.faults(&each.init) {
            return false;
        }
        let can_fault = self.faults(&each.step)
            || each.until.as_ref().is_some_and(|until| self.faults(until))
            || over_exprs(&each.over).into_iter().any(|over| self.faults(over));
        if can_fault {
            self.names.get_mut(each.acc.0 as usize).into_iter().for_each(|name| UNREAD.clone_into(name));
            let over = self.over(each);
            self.for_block(writer, each, over, each.acc);
        }
        true
    }

    /// What a loop goes over, in a name of its own.
    fn kept_over(&mut self, writer: &mut Writer, each: &Loop) -> Doc {
        let name = self.scope.made("items", Case::Snake);
        let docs: Vec<Doc> = over_exprs(&each.over).into_iter().map(|over| self.expr(over, Want::Own).doc).collect();
        let item = self.name(each.item).to_owned();
        let (ty, rep, doc) = match &each.over {
            Over::Range(..) => ("(i64, i64)".to_owned(), Rep::Value, format!("{name}.0..={name}.1")),
            Over::Items(items) => {
                let ty = self.rust.input.program.erased(&items.ty);
                let is_copy = |ty: &Type| if self.rust.is_copy(ty) { Rep::Value } else { Rep::Owned };
                let (rep, doc) = match &ty {
                    Type::String => (Rep::View, format!("{}(&{name})", self.rust.rt("chars"))),
                    Type::Bytes => (Rep::Value, format!("{name}.into_iter().map(i64::from)")),
                    Type::Map(key, of) => (is_copy(&Type::Tuple(vec![(**key).clone(), (**of).clone()])), name.clone()),
                    Type::List(of) | Type::Set(of) => (is_copy(of), name.clone()),
                    _ => (Rep::Value, name.clone()),
                };
                (self.rust.ty(&ty), rep, doc)
            }
        };
        let value = if docs.len() == 1 { many(docs) } else { list("(", docs, ")", ",") };
        writer.doc(&many([text(format!("let {name}: {ty} = ")), value, text(";")]));
        self.set_rep(each.item, rep);
        let is_read =
            is_read(&each.step, each.item) || each.until.as_ref().is_some_and(|until| is_read(until, each.item));
        text(format!("{} in {doc}", if is_read { &item } else { "_" }))
    }

    /// A loop that goes on gathering in `acc`.
    fn loop_into(&mut self, writer: &mut Writer, each: &Loop, acc: LocalId) {
        self.block(writer, &each.init, Tail::Assign(acc));
        let over = self.over(each);
        let name = self.name(acc).to_owned();
        let before = self.names.clone();
        self.names.get_mut(each.acc.0 as usize).into_iter().for_each(|of| of.clone_from(&name));
        let rep = self.rep(acc);
        self.set_rep(each.acc, rep);
        self.for_block(writer, each, over, each.acc);
        self.names = before;
    }

    fn for_block(&mut self, writer: &mut Writer, each: &Loop, over: Doc, acc: LocalId) {
        writer.open_doc(&many([text("for "), over, text(" {")]));
        if let Some(until) = &each.until {
            let head = self.head(until);
            writer.open_doc(&many([text("if "), head, text(" {")]));
            writer.line("break;");
            writer.close("}");
        }
        self.block(writer, &each.step, Tail::Assign(acc));
        writer.close("}");
    }

    /// Whether a loop within a step goes on with what the step gathers, so that it may do so in place.
    fn begins_as(init: &Expr, acc: LocalId) -> bool {
        match &uncovered(init).kind {
            Kind::Local(of) => *of == acc,
            Kind::Intrinsic { op, args } => {
                builder_of(*op, args).is_some_and(|(base, _)| BUILDS.contains(op) && Self::begins_as(base, acc))
            }
            _ => false,
        }
    }

    /// `item in over`
    fn over(&mut self, each: &Loop) -> Doc {
        let item = each.item;
        let is_read = is_read(&each.step, item) || each.until.as_ref().is_some_and(|until| is_read(until, item));
        let name = if is_read { self.name(item).to_owned() } else { "_".to_owned() };
        let items = match &each.over {
            Over::Range(lo, hi) => {
                self.set_rep(item, Rep::Value);
                let lo = if is_open(hi) { self.typed(lo, Want::Own) } else { self.expr(lo, Want::Own) };
                let (lo, hi) = (lo.operand(), self.expr(hi, Want::Own).operand());
                return many([text(format!("{name} in ")), lo, text("..="), hi]);
            }
            Over::Items(items) => items,
        };
        let ty = self.rust.input.program.erased(&items.ty);
        let (rep, pattern, doc) = match &ty {
            Type::String => {
                let view = self.expr(items, Want::Arg).doc;
                (Rep::View, name, many([text(format!("{}(", self.rust.rt("chars"))), view, text(")")]))
            }
            Type::Bytes => {
                let view = self.typed(items, Want::View).operand();
                (Rep::Value, name, many([view, text(".iter().map(|&byte| i64::from(byte))")]))
            }
            Type::Map(..) => {
                let view = self.expr(items, Want::View).operand();
                (Rep::Owned, name, many([view, text(".iter().map(|(key, value)| (key.clone(), value.clone()))")]))
            }
            Type::List(of) | Type::Set(of) => {
                let is_copy = self.rust.is_copy(of);
                if Self::is_made(items) {
                    let rep = if is_copy { Rep::Value } else { Rep::Owned };
                    (rep, name, self.typed(items, Want::Own).doc)
                } else {
                    let pattern = if is_copy && is_read { format!("&{name}") } else { name };
                    (if is_copy { Rep::Value } else { Rep::Ref }, pattern, self.expr(items, Want::Arg).doc)
                }
            }
            _ => (Rep::Value, name, self.expr(items, Want::Own).doc),
        };
        let rep = match &ty {
            Type::Map(key, of) if self.rust.is_copy(key) && self.rust.is_copy(of) => Rep::Value,
            _ => rep,
        };
        self.set_rep(item, rep);
        many([text(format!("{pattern} in ")), braced(doc)])
    }

    /// Changes a gathered value in place, if the operation is one that can be done so.
    fn push(&mut self, writer: &mut Writer, op: Intrinsic, args: &[Expr], acc: LocalId) -> bool {
        let Some((base, rest)) = builder_of(op, args).filter(|_| BUILDS.contains(&op)) else { return false };
        if !Self::begins_as(base, acc) {
            return false;
        }
        // Behind a first change the name is no longer what the operands may mean.
        let is_itself = matches!(&uncovered(base).kind, Kind::Local(_));
        let reads_acc = |expr: &Expr| {
            let mut found = false;
            walk(expr, &mut |expr| found |= matches!(&expr.kind, Kind::Local(of) if *of == acc));
            found
        };
        if !is_itself && rest.iter().any(reads_acc) {
            return false;
        }
        self.block(writer, base, Tail::Assign(acc));
        let name = self.name(acc).to_owned();
        let mut wanted = match op {
            Intrinsic::ListConcat | Intrinsic::StringConcat | Intrinsic::BytesConcat => vec![Want::Arg],
            Intrinsic::SetDelete | Intrinsic::MapDelete => vec![Want::View],
            _ => vec![Want::Own; rest.len()],
        }
        .into_iter();
        let mut docs = rest.iter().map(|arg| self.expr(arg, wanted.next().unwrap_or(Want::Own)).doc);
        let docs: Vec<Doc> = docs.by_ref().collect();
        let key_is_copy = rest.first().is_some_and(|key| self.rust.is_copy(&key.ty));
        let call = |method: &str, docs: Vec<Doc>| many([list(format!("{name}.{method}("), docs, ")", ","), text(";")]);
        let doc = match op {
            Intrinsic::ListPush => call("push", docs),
            Intrinsic::ListConcat | Intrinsic::BytesConcat => call("extend_from_slice", docs),
            Intrinsic::StringConcat => call("push_str", docs),
            Intrinsic::SetPut | Intrinsic::MapPut => call("insert", docs),
            Intrinsic::SetDelete | Intrinsic::MapDelete => {
                let docs = docs.into_iter().map(|doc| if key_is_copy { many([text("&"), doc]) } else { doc }).collect();
                call("remove", docs)
            }
            Intrinsic::ListSet => {
                let docs = [text(format!("&mut {name}"))].into_iter().chain(docs).collect();
                many([list(format!("{}(", self.rust.rt("set_at")), docs, ")", ","), text("?;")])
            }
            _ => return false,
        };
        writer.doc(&doc);
        true
    }
}

/// The name of what nothing reads.
const UNREAD: &str = "_";

/// Whether printed code may leave the function: what is not to be left out though nothing reads its value.
fn leaves(doc: &Doc) -> bool {
    let code = doc.flat();
    code.contains('?') || code.contains("return")
}

fn over_exprs(over: &Over) -> Vec<&Expr> {
    match over {
        Over::Items(items) => vec![items],
        Over::Range(lo, hi) => vec![lo, hi],
    }
}
