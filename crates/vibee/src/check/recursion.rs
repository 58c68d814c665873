//! Functions that call themselves, alone or through others: each needs a measure that falls, and each such call checks
//! it.

use std::collections::{HashMap, HashSet};

use crate::{
    diagnostic::Diagnostic,
    intrinsic::Intrinsic,
    source::Span,
    typed::{Expr, FunctionId, Kind, Local, LocalId, Role},
    types::Type,
    value::Fault,
};

use super::{
    Checker,
    expr::{bool, if_else, int, lets_around, node, operation},
    finish::mark_tails,
    unify::is_poisoned,
    walk::children_mut,
};

/// Nodes of a condition that stands in place of its call.
const INLINED_MAX: usize = 32;

/// What the rewriting of one body knows.
struct Rewrite<'p> {
    /// The circle that each function is in.
    circles: &'p HashMap<FunctionId, usize>,
    measures: &'p HashMap<FunctionId, FunctionId>,
    /// Bodies of conditions that are put in place of their calls.
    simple: &'p HashMap<FunctionId, Expr>,
    /// Result types of measures.
    types: &'p HashMap<FunctionId, Type>,
    function: FunctionId,
    n_params: usize,
    locals: Vec<Local>,
}

impl Checker<'_> {
    /// Finds circles of calls, asks for measures, and puts their checks into the bodies. Marks the calls at the end.
    pub(super) fn recursion(&mut self) {
        let circles = self.circles();
        self.ask_for_measures(&circles);
        let mut simple = HashMap::new();
        let mut types = HashMap::new();
        for (number, function) in self.program.functions.iter().enumerate() {
            let id = FunctionId(number as u32);
            if let (Role::Condition, Some(body)) = (function.role, &function.body) {
                types.insert(id, body.ty.clone());
                let mut budget = INLINED_MAX;
                if function.n_params > 0 && is_simple(body, &mut budget) {
                    simple.insert(id, body.clone());
                }
            }
        }
        let measures = std::mem::take(&mut self.measures);
        for number in 0..self.program.functions.len() {
            let function = &mut self.program.functions[number];
            let Some(mut body) = function.body.take() else { continue };
            let mut rewrite = Rewrite {
                circles: &circles,
                measures: &measures,
                simple: &simple,
                types: &types,
                function: FunctionId(number as u32),
                n_params: function.n_params,
                locals: std::mem::take(&mut function.locals),
            };
            rewrite.rewrite(&mut body);
            mark_tails(&mut body);
            function.locals = rewrite.locals;
            function.body = Some(body);
        }
    }

    /// The circle of calls that each function is in, if it is in one (after Tarjan, without recursion).
    fn circles(&self) -> HashMap<FunctionId, usize> {
        let calls: Vec<Vec<u32>> = self
            .program
            .functions
            .iter()
            .map(|function| {
                let mut found = Vec::new();
                function.body.iter().for_each(|body| collect_calls(body, &mut found));
                found.sort_unstable();
                found.dedup();
                found
            })
            .collect();
        let n = calls.len();
        let mut index = vec![usize::MAX; n];
        let mut low = vec![0; n];
        let mut on_stack = vec![false; n];
        let (mut stack, mut next, mut circles, mut n_circles) = (Vec::new(), 0, HashMap::new(), 0);
        for root in 0..n {
            if index[root] != usize::MAX {
                continue;
            }
            let mut work = vec![(root, 0)];
            while let Some((at, child)) = work.pop() {
                if child == 0 {
                    index[at] = next;
                    low[at] = next;
                    next += 1;
                    stack.push(at);
                    on_stack[at] = true;
                }
                if let Some(callee) = calls[at].get(child) {
                    let callee = *callee as usize;
                    work.push((at, child + 1));
                    if callee >= n {
                        continue;
                    }
                    if index[callee] == usize::MAX {
                        work.push((callee, 0));
                    } else if on_stack[callee] {
                        low[at] = low[at].min(index[callee]);
                    }
                    continue;
                }
                if let Some((parent, _)) = work.last() {
                    low[*parent] = low[*parent].min(low[at]);
                }
                if low[at] != index[at] {
                    continue;
                }
                let mut members = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    members.push(member);
                    if member == at {
                        break;
                    }
                }
                let is_circle = members.len() > 1 || calls[at].binary_search(&(at as u32)).is_ok();
                if is_circle {
                    circles.extend(members.into_iter().map(|member| (FunctionId(member as u32), n_circles)));
                    n_circles += 1;
                }
            }
        }
        circles
    }

    fn ask_for_measures(&mut self, circles: &HashMap<FunctionId, usize>) {
        let mut members: HashMap<usize, Vec<FunctionId>> = HashMap::new();
        for (id, circle) in circles {
            members.entry(*circle).or_default().push(*id);
        }
        let mut said: HashSet<Span> = HashSet::new();
        for ids in members.values_mut() {
            ids.sort_unstable();
            let mut shape: Option<(Type, Span)> = None;
            for id in ids.iter() {
                let function = self.program.function(*id);
                let (span, role) = (function.span, function.role);
                let name = function.name.split('$').next().unwrap_or_default().to_string();
                let Some(measure) = self.measures.get(id) else {
                    if said.insert(span) {
                        let others: Vec<&str> = ids
                            .iter()
                            .filter(|other| *other != id)
                            .map(|other| self.program.function(*other).name.split('$').next().unwrap_or_default())
                            .filter(|other| *other != name)
                            .collect();
                        let through = match others.first() {
                            Some(other) => format!(" through `{other}`"),
                            None => String::new(),
                        };
                        let message = if role == Role::Constant {
                            let text = format!("constant `{name}` is defined by itself{through}");
                            Diagnostic::new("E0330", span, text)
                        } else {
                            let text = format!("`{name}` calls itself{through} and has no `decreases`");
                            Diagnostic::new("E0340", span, text)
                                .help("add `decreases:`, an Int that is never negative and smaller at each call")
                        };
                        self.report(message);
                    }
                    continue;
                };
                let body = self.program.function(*measure).body.as_ref();
                let Some((ty, place)) = body.map(|body| (body.ty.clone(), body.span)) else { continue };
                match &shape {
                    None => shape = Some((ty, place)),
                    Some((first, first_place)) if *first != ty && !is_poisoned(first) && !is_poisoned(&ty) => {
                        let text = "functions that call each other need measures of one type";
                        let message = Diagnostic::new("E0340", place, text)
                            .label(self.show(&ty))
                            .also(*first_place, self.show(first));
                        self.report(message);
                    }
                    Some(_) => {}
                }
            }
        }
    }
}

fn collect_calls(expr: &Expr, found: &mut Vec<u32>) {
    if let Kind::Call { function, .. } = &expr.kind {
        found.push(function.0);
    }
    expr.for_each_part(&mut |child| collect_calls(child, found));
}

/// Whether a body binds nothing and is short: then it stands in place of its call.
fn is_simple(expr: &Expr, budget: &mut usize) -> bool {
    let is_plain = matches!(
        expr.kind,
        Kind::Const(_)
            | Kind::Local(_)
            | Kind::If { .. }
            | Kind::Intrinsic { .. }
            | Kind::Tuple(_)
            | Kind::Field(..)
            | Kind::Variant(..)
            | Kind::Option(None)
    );
    let mut is_simple = is_plain && *budget > 0;
    *budget = budget.saturating_sub(1);
    expr.for_each_part(&mut |child| is_simple = is_simple && self::is_simple(child, budget));
    is_simple
}

/// A simple body with its parameters replaced.
fn inlined(body: &Expr, args: &[Expr]) -> Expr {
    let mut made = body.clone();
    replace(&mut made, args);
    made
}

fn replace(expr: &mut Expr, args: &[Expr]) {
    if let Kind::Local(local) = expr.kind
        && let Some(arg) = args.get(local.0 as usize)
    {
        expr.kind = arg.kind.clone();
        return;
    }
    children_mut(expr, &mut |child| replace(child, args));
}

fn is_atom(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Local(_) | Kind::Const(_))
}

impl Rewrite<'_> {
    fn rewrite(&mut self, expr: &mut Expr) {
        children_mut(expr, &mut |child| self.rewrite(child));
        if let Kind::Assert { condition, .. } = &mut expr.kind
            && let Kind::Call { function, args, .. } = &condition.kind
            && let Some(body) = self.simple.get(function)
            && args.iter().all(is_atom)
        {
            **condition = inlined(body, args);
        }
        let Kind::Call { function, args, .. } = &mut expr.kind else { return };
        let function = *function;
        let circle = self.circles.get(&function);
        if circle.is_none() || circle != self.circles.get(&self.function) {
            return;
        }
        let (Some(callee), Some(caller)) = (self.measures.get(&function), self.measures.get(&self.function)) else {
            return;
        };
        let Some(ty) = self.types.get(callee).cloned() else { return };
        let span = expr.span;
        let mut lets = Vec::new();
        for arg in args.iter_mut().filter(|arg| !is_atom(arg)) {
            let (local, read) = self.made("$arg", arg);
            lets.push((local, std::mem::replace(arg, read)));
        }
        let args = args.clone();
        let params: Vec<Expr> = (0..self.n_params)
            .map(|at| {
                let ty = self.locals.get(at).map_or(Type::Poison, |local| local.ty.clone());
                node(Kind::Local(LocalId(at as u32)), ty, span)
            })
            .collect();
        let (new, old) = (self.measure(*callee, &args, &ty, span), self.measure(*caller, &params, &ty, span));
        let (new_parts, mut measure_lets) = self.parts(new, &ty, span);
        let (old_parts, old_lets) = self.parts(old, &ty, span);
        measure_lets.extend(old_lets);
        let condition = falls(&new_parts, &old_parts, span);
        let ty = expr.ty.clone();
        let call = node(Kind::Call { function, args, is_tail: false }, ty.clone(), span);
        let condition = Box::new(lets_around(measure_lets, condition));
        let asserted = node(Kind::Assert { condition, fault: Fault::Decreases, body: Box::new(call) }, ty, span);
        *expr = lets_around(lets, asserted);
    }

    fn made(&mut self, name: &str, value: &Expr) -> (LocalId, Expr) {
        let local = LocalId(self.locals.len() as u32);
        self.locals.push(Local { name: name.into(), ty: value.ty.clone(), declared: value.ty.clone() });
        (local, node(Kind::Local(local), value.ty.clone(), value.span))
    }

    fn measure(&self, measure: FunctionId, args: &[Expr], ty: &Type, span: Span) -> Expr {
        match self.simple.get(&measure) {
            Some(body) => inlined(body, args),
            None => node(Kind::Call { function: measure, args: args.to_vec(), is_tail: false }, ty.clone(), span),
        }
    }

    /// The Ints of a measure, each by a name where it is more than one.
    fn parts(&mut self, measure: Expr, ty: &Type, span: Span) -> (Vec<Expr>, Vec<(LocalId, Expr)>) {
        let (local, read) = match measure.kind {
            Kind::Tuple(parts) => {
                let (mut reads, mut lets) = (Vec::new(), Vec::new());
                for part in parts {
                    if is_atom(&part) {
                        reads.push(part);
                    } else {
                        let (local, read) = self.made("$measure", &part);
                        lets.push((local, part));
                        reads.push(read);
                    }
                }
                return (reads, lets);
            }
            _ if is_atom(&measure) => return (vec![measure], Vec::new()),
            _ => self.made("$measure", &measure),
        };
        let parts = match ty {
            Type::Tuple(of) => {
                (0..of.len()).map(|at| node(Kind::Field(Box::new(read.clone()), at as u16), Type::Int, span)).collect()
            }
            _ => vec![read],
        };
        (parts, vec![(local, measure)])
    }
}

/// Whether a measure is not negative and smaller than another, in lexical order.
fn falls(new: &[Expr], old: &[Expr], span: Span) -> Expr {
    let compared = |op: Intrinsic, a: &Expr, b: &Expr| operation(op, vec![a.clone(), b.clone()], Type::Bool, span);
    let pairs: Vec<(&Expr, &Expr)> = new.iter().zip(old).collect();
    let Some(((last_new, last_old), before)) = pairs.split_last() else { return bool(false, span) };
    let mut smaller = compared(Intrinsic::Lt, last_new, last_old);
    for (new, old) in before.iter().rev() {
        let same = if_else(compared(Intrinsic::Eq, new, old), smaller, bool(false, span));
        smaller = if_else(compared(Intrinsic::Lt, new, old), bool(true, span), same);
    }
    new.iter()
        .rev()
        .fold(smaller, |rest, part| if_else(compared(Intrinsic::Le, &int(0, span), part), rest, bool(false, span)))
}
