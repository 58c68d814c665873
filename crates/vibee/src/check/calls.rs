//! Calls: which function a name means, by its arguments' types; constructors of records and cases.

use crate::{
    ast::{self, Arg, ExprKind, Ident},
    diagnostic::Diagnostic,
    source::Span,
    typed::{Expr, FunctionId, Kind, LocalId},
    types::{Shape, Type, TypeId},
};

use super::{
    Checker,
    body::PENDING,
    candidates::{Candidate, Param, Target, operations},
    expr::{lets_around, node, operation, poison},
    unify::is_poisoned,
};

/// What stands for a parameter.
pub(super) enum Given {
    Value(Expr),
    /// Names that the lambda binds, and its body.
    Lambda(Vec<LocalId>, Expr),
}

/// Values in the order of declaration, and the lets that keep the order of the text.
type Fields = (Vec<Expr>, Vec<(LocalId, Expr)>);

/// An argument that waits for its parameter's type.
struct Source<'e> {
    name: Option<&'e Ident>,
    expr: &'e ast::Expr,
    /// Whether it stands before the point of a method.
    is_receiver: bool,
}

impl Checker<'_> {
    pub(super) fn call(&mut self, callee: &ast::Expr, widths: &[u32], args: &[Arg], want: &Type, span: Span) -> Expr {
        let sources = args.iter().map(|arg| Source { name: arg.name.as_ref(), expr: &arg.value, is_receiver: false });
        match &callee.kind {
            ExprKind::Name(name) => {
                let name = Ident { name: name.clone(), span: callee.span };
                if let Some(made) = self.built_in(&name, args, want, span) {
                    return made;
                }
                if let Some(id) = self.type_path(callee) {
                    return self.construct(id, args, span);
                }
                if let Some(local) = self.find_local(&name.name) {
                    let ty = self.local_type(local);
                    if !is_poisoned(&self.resolved(&ty)) {
                        let text = format!("`{}` is a value, not a function", name.name);
                        self.report(Diagnostic::new("E0310", name.span, text));
                    }
                    args.iter().for_each(|arg| self.visit(&arg.value));
                    return poison(span);
                }
                let candidates = self.candidates(&name, false);
                if candidates.is_empty() && name.name == "fault" {
                    let text = "`fault(…)` stands only in the `result` of an example";
                    self.report(Diagnostic::new("E0310", span, text));
                    return poison(span);
                }
                if candidates.is_empty() {
                    self.unknown_name(&name, "function");
                    args.iter().for_each(|arg| self.visit(&arg.value));
                    return poison(span);
                }
                self.choose(&name, candidates, &sources.collect::<Vec<_>>(), widths, want, span)
            }
            ExprKind::Field(of, name) => {
                if let Some(id) = self.type_path(of) {
                    let Some((id, number, fields)) = self.case(id, name) else {
                        args.iter().for_each(|arg| self.visit(&arg.value));
                        return poison(span);
                    };
                    let what = format!("case `{}`", name.name);
                    let Some((values, lets)) = self.fields_of(&what, &fields, args, span) else { return poison(span) };
                    let made = node(Kind::Variant(id, number, values), Type::Named(id), span);
                    let made = self.cover_case(id, number, made);
                    return lets_around(lets, made);
                }
                if let Some(id) = self.type_path(callee) {
                    return self.construct(id, args, span);
                }
                if let Some(module) = self.module_path(of) {
                    let items = self.items_of(module, &name.name);
                    let functions: Vec<usize> = items.into_iter().filter(|item| !self.is_constant(*item)).collect();
                    let candidates: Vec<_> = functions.iter().map(|item| self.declared_candidate(*item)).collect();
                    if candidates.is_empty() {
                        let module = self.specs[module].name.name.clone();
                        let text = format!("`{module}` has no function `{}`", name.name);
                        self.report(Diagnostic::new("E0301", name.span, text).label("unknown name"));
                        args.iter().for_each(|arg| self.visit(&arg.value));
                        return poison(span);
                    }
                    return self.choose(name, candidates, &sources.collect::<Vec<_>>(), widths, want, span);
                }
                let candidates = self.candidates(name, true);
                if candidates.is_empty() {
                    self.infer(of);
                    self.unknown_name(name, "method");
                    args.iter().for_each(|arg| self.visit(&arg.value));
                    return poison(span);
                }
                let receiver = Source { name: None, expr: of, is_receiver: true };
                let sources: Vec<Source<'_>> = std::iter::once(receiver).chain(sources).collect();
                self.choose(name, candidates, &sources, widths, want, span)
            }
            _ => {
                self.report(Diagnostic::new("E0310", callee.span, "this is no function"));
                poison(span)
            }
        }
    }

    /// Looks at an expression for its own mistakes alone.
    fn visit(&mut self, expr: &ast::Expr) {
        if !matches!(expr.kind, ExprKind::Lambda(..)) {
            self.infer(expr);
        }
    }

    /// `Some(…)`, `Ok(…)`, `Err(…)`.
    fn built_in(&mut self, name: &Ident, args: &[Arg], want: &Type, span: Span) -> Option<Expr> {
        if !matches!(name.name.as_str(), "Some" | "Ok" | "Err") {
            return None;
        }
        let [Arg { name: None, value }] = args else {
            let text = format!("`{}` takes one value", name.name);
            self.report(Diagnostic::new("E0310", span, text));
            return Some(poison(span));
        };
        Some(match (name.name.as_str(), self.shallow(want)) {
            ("Some", want) => {
                let of = if let Type::Option(of) = want { *of } else { self.fresh() };
                let value = self.expr(value, &of);
                node(Kind::Option(Some(Box::new(value))), Type::Option(Box::new(of)), span)
            }
            (which, want) => {
                let (of, err) = match want {
                    Type::Result(of, err) => (*of, *err),
                    _ => (self.fresh(), self.fresh()),
                };
                let value = Box::new(self.expr(value, if which == "Ok" { &of } else { &err }));
                let kind = if which == "Ok" { Kind::Ok(value) } else { Kind::Err(value) };
                node(kind, Type::Result(Box::new(of), Box::new(err)), span)
            }
        })
    }

    /// `Record(field = …)`; `Name(value)` of a constrained type or alias enters it.
    fn construct(&mut self, id: TypeId, args: &[Arg], span: Span) -> Expr {
        let declared = Type::Named(id);
        let ty = self.program.erased(&declared);
        let name = self.program.type_def(id).name.clone();
        if let Type::Named(record) = &ty
            && let Shape::Record(fields) = &self.program.type_def(*record).shape
        {
            let fields: Vec<(String, Type)> = fields.iter().map(|f| (f.name.clone(), f.ty.clone())).collect();
            let what = format!("record `{name}`");
            let Some((values, lets)) = self.fields_of(&what, &fields, args, span) else { return poison(span) };
            return lets_around(lets, node(Kind::Record(*record, values), ty, span));
        }
        if is_poisoned(&ty) {
            args.iter().for_each(|arg| self.visit(&arg.value));
            return poison(span);
        }
        if let ([Arg { name: None, value }], Shape::Constrained { .. } | Shape::Alias(_)) =
            (args, &self.program.type_def(id).shape)
        {
            let value = self.expr(value, &ty);
            return self.enter(value, &declared);
        }
        let text = match &self.program.type_def(id).shape {
            Shape::Enum { cases, .. } => {
                let case = cases.first().map_or("case", |case| &case.name);
                format!("`{name}` is an enum: a value is one of its cases, such as `{name}.{case}`")
            }
            _ => format!("`{name}` takes one value"),
        };
        self.report(Diagnostic::new("E0310", span, text));
        args.iter().for_each(|arg| self.visit(&arg.value));
        poison(span)
    }

    /// Values for the fields of a record or case, in the order of declaration; lets keep the order of the text where
    /// that is another.
    fn fields_of(&mut self, what: &str, fields: &[(String, Type)], args: &[Arg], span: Span) -> Option<Fields> {
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let sources: Vec<Source<'_>> =
            args.iter().map(|arg| Source { name: arg.name.as_ref(), expr: &arg.value, is_receiver: false }).collect();
        let order = self.order(what, &names, &sources, span);
        let mut values: Vec<Option<Expr>> = fields.iter().map(|_| None).collect();
        let mut lets = Vec::new();
        let in_order = order.as_ref().is_none_or(|order| order.is_sorted());
        for (number, source) in sources.iter().enumerate() {
            let at = order.as_ref().and_then(|order| order.get(number));
            let Some((at, (name, declared))) = at.and_then(|at| Some((*at, fields.get(*at)?))) else {
                self.visit(source.expr);
                continue;
            };
            let ty = self.program.erased(declared);
            let value = self.expr(source.expr, &ty);
            let value = self.enter(value, declared);
            values[at] = Some(if in_order {
                value
            } else {
                let local = self.made(&format!("${name}"), &ty);
                let read = self.read(local, value.span);
                lets.push((local, value));
                read
            });
        }
        order?;
        Some((values.into_iter().collect::<Option<Vec<Expr>>>()?, lets))
    }

    /// Which parameter each argument is for; says what is missing, unknown or given twice.
    fn order(&mut self, what: &str, names: &[&str], sources: &[Source<'_>], span: Span) -> Option<Vec<usize>> {
        let mut taken = vec![false; names.len()];
        let mut order = Vec::new();
        let mut is_right = true;
        for (number, source) in sources.iter().enumerate() {
            let at = match source.name {
                None => number,
                Some(name) => {
                    if let Some(at) = names.iter().position(|n| *n == name.name) {
                        at
                    } else {
                        let mut message = Diagnostic::new("E0301", name.span, format!("{what} has no `{}`", name.name));
                        if let Some(near) = crate::nearest::nearest(&name.name, names.iter().copied()) {
                            message = message.help(format!("`{near}` is near")).fix(name.span, near);
                        }
                        self.report(message);
                        is_right = false;
                        order.push(usize::MAX);
                        continue;
                    }
                }
            };
            order.push(at);
            match taken.get_mut(at) {
                Some(taken) if *taken => {
                    let text = format!("{what}: `{}` is given twice", names[at]);
                    self.report(Diagnostic::new("E0322", source.expr.span, text));
                    is_right = false;
                }
                Some(taken) => *taken = true,
                None => {
                    let text = format!("{what} takes {} values, found {}", names.len(), sources.len());
                    self.report(Diagnostic::new("E0310", span, text));
                    return None;
                }
            }
        }
        let missing: Vec<String> =
            names.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(name, _)| format!("`{name}`")).collect();
        if !missing.is_empty() && is_right {
            let text = format!("{what} lacks {}", missing.join(", "));
            self.report(Diagnostic::new("E0310", span, text));
            return None;
        }
        is_right.then_some(order)
    }

    /// Everything that a name may mean when called.
    pub(super) fn candidates(&mut self, name: &Ident, is_method: bool) -> Vec<Candidate> {
        let items = self.items_in_sight(name, is_method);
        let functions: Vec<usize> = items.into_iter().filter(|item| !self.is_constant(*item)).collect();
        let declared: Vec<Candidate> = functions.iter().map(|item| self.declared_candidate(*item)).collect();
        declared.into_iter().chain(operations(&name.name)).collect()
    }

    fn choose(
        &mut self,
        name: &Ident,
        mut candidates: Vec<Candidate>,
        sources: &[Source<'_>],
        widths: &[u32],
        want: &Type,
        span: Span,
    ) -> Expr {
        let all = candidates.clone();
        candidates.retain(|candidate| candidate.params.len() == sources.len());
        let order = self.named_order(name, &mut candidates, sources, span);
        if candidates.is_empty() || order.is_none() {
            let n_before = self.diagnostics.len();
            let mut receiver = None;
            for source in sources {
                if source.is_receiver {
                    receiver = Some(self.infer(source.expr).ty);
                } else {
                    self.visit(source.expr);
                }
            }
            if candidates.is_empty() && self.diagnostics.len() == n_before {
                self.no_arity(name, &all, sources.len(), receiver.as_ref(), span);
            }
            return poison(span);
        }
        let order = order.unwrap_or_default();
        // Arguments are looked at in the order of the text; each rules meanings out, until one is left, whose types the
        // others then have from the signature.
        let mut given: Vec<Option<Given>> = sources.iter().map(|_| None).collect();
        let mut chosen: Option<(Candidate, Vec<(char, Type)>)> = None;
        for (number, source) in sources.iter().enumerate() {
            let at = order.get(number).copied().unwrap_or(number);
            if chosen.is_none() && candidates.len() == 1 {
                chosen = self.settle(&candidates, &mut given, want);
            }
            if chosen.is_none() && matches!(source.expr.kind, ExprKind::Lambda(..)) {
                candidates.retain(|candidate| matches!(candidate.params.get(at), Some(Param::Lambda(..))));
                chosen = self.settle(&candidates, &mut given, want);
            }
            if chosen.is_none() {
                let value = self.ruling_argument(source.expr, at, &mut candidates);
                if candidates.is_empty() || candidates.len() > 1 && is_poisoned(&value.ty) {
                    self.no_candidate(name, &all, &given, at, &value);
                    for rest in sources.iter().skip(number + 1) {
                        self.visit(rest.expr);
                    }
                    return poison(span);
                }
                given[at] = Some(Given::Value(value));
                continue;
            }
            let Some((candidate, _)) = &chosen else { continue };
            let param = candidate.params.get(at).cloned();
            given[at] = Some(match param {
                Some(Param::Lambda(takes, gives)) => self.lambda(source.expr, &takes, &gives),
                Some(Param::Value(ty)) => Given::Value(self.expr(source.expr, &ty)),
                None => Given::Value(poison(span)),
            });
        }
        if chosen.is_none() {
            chosen = self.settle(&candidates, &mut given, want);
        }
        let Some(chosen) = chosen else { return poison(span) };
        let given: Vec<Given> = given.into_iter().flatten().collect();
        self.finish_call(name, &chosen, given, &order, widths, span)
    }

    /// An argument of which several meanings have different types: its own type rules some out.
    fn ruling_argument(&mut self, expr: &ast::Expr, at: usize, candidates: &mut Vec<Candidate>) -> Expr {
        let wants: Vec<Type> = candidates
            .iter()
            .filter_map(|c| match c.params.get(at) {
                Some(Param::Value(ty)) => Some(ty.clone()),
                _ => None,
            })
            .collect();
        // A number as written may be any that one of them takes; Int where several do.
        let literal = match &expr.kind {
            ExprKind::Int(_) if !wants.iter().any(|ty| self.fits(ty, &Type::Int)) => {
                wants.iter().find(|ty| **ty == Type::U64).cloned()
            }
            _ => None,
        };
        let value = match literal {
            Some(want) => self.expr(expr, &want),
            None => self.infer(expr),
        };
        let fits = |checker: &Self, candidate: &Candidate| match candidate.params.get(at) {
            Some(Param::Value(ty)) => checker.fits(ty, &value.ty),
            _ => false,
        };
        candidates.retain(|candidate| fits(self, candidate));
        value
    }

    /// Takes the first of the candidates, which is the nearest, and makes what was given so far agree with it.
    pub(super) fn settle(
        &mut self,
        candidates: &[Candidate],
        given: &mut [Option<Given>],
        want: &Type,
    ) -> Option<(Candidate, Vec<(char, Type)>)> {
        let first = candidates.first()?;
        if candidates.len() > 1 {
            let unknown = given.iter().flatten().find_map(|given| match given {
                Given::Value(value) if matches!(self.shallow(&value.ty), Type::Var(_)) => Some(value.span),
                _ => None,
            });
            if let Some(span) = unknown {
                self.report(Diagnostic::new("E0310", span, "the type of this is not known here"));
                return None;
            }
        }
        let (candidate, types) = self.instantiate(first);
        for (param, given) in candidate.params.iter().zip(given) {
            if let (Param::Value(ty), Some(Given::Value(value))) = (param, given) {
                let made = std::mem::replace(value, poison(value.span));
                *value = self.agree(made, ty);
            }
        }
        if !types.is_empty() && self.fits(&candidate.returns, want) {
            self.unify(&candidate.returns, want);
        }
        Some((candidate, types))
    }

    /// Which parameter each argument is for. Names of arguments are those of a declared function.
    fn named_order(
        &mut self,
        name: &Ident,
        candidates: &mut Vec<Candidate>,
        sources: &[Source<'_>],
        span: Span,
    ) -> Option<Vec<usize>> {
        if sources.iter().all(|source| source.name.is_none()) {
            return Some((0..sources.len()).collect());
        }
        candidates.retain(|candidate| matches!(candidate.target, Target::Decl(_)));
        candidates.truncate(1);
        let Some(Candidate { target: Target::Decl(at), .. }) = candidates.first() else { return Some(Vec::new()) };
        let names: Vec<&str> = self.decls[*at].params.iter().map(|(name, _)| name.name.as_str()).collect();
        self.order(&format!("`{}`", name.name), &names, sources, span)
    }

    /// Says that nothing of a name takes so many arguments; of a method, those before the point are not counted.
    fn no_arity(&mut self, name: &Ident, all: &[Candidate], n_given: usize, receiver: Option<&Type>, span: Span) {
        let fits = |candidate: &&Candidate| match (receiver, candidate.params.first()) {
            (Some(ty), Some(Param::Value(first))) => self.fits(first, ty),
            (Some(_), _) => false,
            (None, _) => true,
        };
        let mut known: Vec<&Candidate> = all.iter().filter(fits).collect();
        if known.is_empty() {
            known = all.iter().collect();
        }
        let n_before = usize::from(receiver.is_some());
        let mut takes: Vec<usize> =
            known.iter().map(|candidate| candidate.params.len().saturating_sub(n_before)).collect();
        takes.sort_unstable();
        takes.dedup();
        let plural = if takes == [1] { "" } else { "s" };
        let takes: Vec<String> = takes.iter().map(usize::to_string).collect();
        let point = if receiver.is_some() { " behind the point" } else { "" };
        let found = n_given.saturating_sub(n_before);
        let text = format!("`{}` takes {} argument{plural}{point}, found {found}", name.name, takes.join(" or "));
        let mut message = Diagnostic::new("E0310", span, text);
        for candidate in known.iter().take(4) {
            message = message.help(format!("`{}{}`", name.name, self.show_params(candidate)));
        }
        self.report(message);
    }

    fn no_candidate(&mut self, name: &Ident, all: &[Candidate], given: &[Option<Given>], at: usize, value: &Expr) {
        if is_poisoned(&value.ty) {
            return;
        }
        let before = given.iter().flatten().filter_map(|given| match given {
            Given::Value(value) => Some(self.show(&value.ty)),
            Given::Lambda(..) => None,
        });
        let found: Vec<String> = before.take(at).chain([self.show(&value.ty)]).collect();
        let text = format!("`{}` is not defined on {}", name.name, found.join(", "));
        let mut message = Diagnostic::new("E0310", value.span, text).label(format!("found {}", self.show(&value.ty)));
        for candidate in all.iter().take(6) {
            message = message.help(format!("`{}{}`", name.name, self.show_params(candidate)));
        }
        self.report(message);
    }

    pub(super) fn finish_call(
        &mut self,
        name: &Ident,
        (candidate, types): &(Candidate, Vec<(char, Type)>),
        given: Vec<Given>,
        order: &[usize],
        widths: &[u32],
        span: Span,
    ) -> Expr {
        self.width(name, candidate, widths, span);
        let returns = candidate.returns.clone();
        let values = |given: Vec<Given>| {
            given.into_iter().filter_map(|given| if let Given::Value(value) = given { Some(value) } else { None })
        };
        match candidate.target {
            Target::Intrinsic(op) => operation(op, values(given).collect(), returns, span),
            Target::Method(row) => self.method(row, given, returns, span),
            Target::Decl(decl) => {
                self.used_decls.insert(decl);
                let mut args: Vec<Expr> = values(given).collect();
                let mut lets = Vec::new();
                if !order.is_sorted() {
                    // `order` says for each argument of the text which parameter it is for.
                    for at in order {
                        let Some(arg) = args.get_mut(*at) else { continue };
                        let ty = arg.ty.clone();
                        let param = self.decls[decl].params[*at].0.name.clone();
                        let local = self.made(&format!("${param}"), &ty);
                        lets.push((local, std::mem::replace(arg, self.read(local, arg.span))));
                    }
                }
                let generics: Vec<Type> = self
                    .type_names_of(decl)
                    .iter()
                    .filter_map(|name| types.iter().find(|(n, _)| n == name).map(|(_, ty)| ty.clone()))
                    .collect();
                let function = if generics.is_empty() {
                    self.instance(decl, &[], span)
                } else {
                    self.body.pending.push((decl, generics, span));
                    FunctionId(PENDING + self.body.pending.len() as u32 - 1)
                };
                lets_around(lets, node(Kind::Call { function, args, is_tail: false }, returns, span))
            }
        }
    }

    /// Whether a function of std is for Trytes of any width.
    pub(super) fn has_width(&self, decl: usize) -> bool {
        let decl = &self.decls[decl];
        decl.params.iter().any(|(_, ty)| mentions_width(ty))
    }

    /// `tryte<4>(i)`: the width that is asked for.
    fn width(&mut self, name: &Ident, candidate: &Candidate, widths: &[u32], span: Span) {
        use crate::intrinsic::Intrinsic::{TryteFromDigits, TryteFromInt};
        let is_sized = matches!(candidate.target, Target::Intrinsic(TryteFromInt | TryteFromDigits));
        match widths {
            [] if !is_sized || matches!(self.shallow(&candidate.returns), Type::Tryte(_)) => {}
            [] => {
                let text = format!("`{0}` needs its number of digits: `{0}<4>(…)`", name.name);
                self.report(Diagnostic::new("E0310", span, text));
                self.unify(&candidate.returns, &Type::Poison);
            }
            [width @ 1..=40] if is_sized => {
                let ty = Type::Tryte(*width as u8);
                if !self.unify(&candidate.returns, &ty) {
                    self.mismatch(span, &candidate.returns, &ty);
                }
            }
            _ if is_sized => {
                self.report(Diagnostic::new("E0330", span, "a Tryte has 1 to 40 digits"));
                self.unify(&candidate.returns, &Type::Poison);
            }
            _ => {
                let text = format!("`{}` takes no number between angle brackets", name.name);
                self.report(Diagnostic::new("E0310", span, text));
            }
        }
    }
}

fn mentions_width(ty: &Type) -> bool {
    match ty {
        Type::Tryte(0) => true,
        Type::List(of) | Type::Set(of) | Type::Option(of) => mentions_width(of),
        Type::Map(a, b) | Type::Result(a, b) => mentions_width(a) || mentions_width(b),
        Type::Tuple(of) => of.iter().any(mentions_width),
        _ => false,
    }
}
