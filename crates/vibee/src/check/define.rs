//! Bodies of functions, with the contracts around them.

use crate::{
    ast::{self, Ident},
    diagnostic::Diagnostic,
    source::Span,
    spec::{FunctionItem, TypeShape},
    typed::{Expr, FunctionId, Kind, LocalId, Role},
    types::{Shape, Type, TypeId},
    value::Fault,
};

use super::{
    Checker, Item, State,
    body::Body,
    expr::{lets_around, node, poison},
    unify::{is_poisoned, with_params},
};

/// Names and declared types of parameters.
pub(super) type Params<'p> = Vec<(&'p Ident, Type)>;

impl<'a> Checker<'a> {
    /// Makes every body of the modules, and of std what they use.
    pub(super) fn define_all(&mut self) {
        self.define_constraints();
        for at in 0..self.decls.len() {
            let decl = &self.decls[at];
            let is_wanted = !self.scopes[decl.module].is_std || self.is_asked_for(decl.module);
            if is_wanted && decl.generics.is_empty() && !self.has_width(at) {
                let span = decl.name.span;
                self.instance(at, &[], span);
            }
        }
        self.drain();
    }

    /// Makes the bodies that wait.
    pub(super) fn drain(&mut self) {
        while let Some((id, decl, types)) = self.queue.pop_front() {
            if self.program.functions.len() > super::FUNCTIONS_MAX {
                let span = self.decls[decl].name.span;
                let text = format!("more than {} functions, those of std for each use counted", super::FUNCTIONS_MAX);
                self.report(Diagnostic::new("E0140", span, text));
                self.queue.clear();
                return;
            }
            match self.decls[decl].item {
                Item::Constant(_) => self.define_constant(decl),
                Item::Function(item) => self.define(id, decl, item, &types),
            }
        }
    }

    fn define_constraints(&mut self) {
        let specs = self.specs;
        let mut id = 0;
        for (module, spec) in specs.iter().enumerate() {
            for item in &spec.types {
                let at = TypeId(id);
                id += 1;
                let TypeShape::Constrained { holds, .. } = &item.shape else { continue };
                let Shape::Constrained { base, holds: function } = self.program.type_def(at).shape.clone() else {
                    continue;
                };
                let value = Ident { name: "value".into(), span: item.name.span };
                self.condition_body(function, module, &vec![(&value, base)], holds, &Type::Bool);
            }
        }
    }

    /// Makes the body of a function of conditions: no contracts, nothing counted. Gives which parameters it reads.
    pub(super) fn condition_body(
        &mut self,
        id: FunctionId,
        module: usize,
        params: &Params<'_>,
        expr: &ast::Expr,
        want: &Type,
    ) -> Vec<bool> {
        let body = Body { module, function: Some(id), ..Body::default() };
        let outer = std::mem::replace(&mut self.body, body);
        self.bind_params(params);
        let want = if let Type::Var(_) = want { self.fresh() } else { want.clone() };
        let mut made = self.expr(expr, &want);
        self.finish(&mut made);
        let body = std::mem::replace(&mut self.body, outer);
        let reads = body.places.iter().take(params.len()).map(|(_, is_read)| *is_read).collect();
        if let Some(function) = self.program.functions.get_mut(id.0 as usize) {
            function.n_params = params.len();
            function.locals = body.locals;
            function.returns = made.ty.clone();
            function.body = Some(made);
        }
        reads
    }

    fn bind_params(&mut self, params: &Params<'_>) {
        for (name, declared) in params {
            let ty = self.program.erased(declared);
            let id = if self.body.scope.iter().any(|(n, _)| *n == name.name) {
                // Said where the parameters are declared.
                self.local(name.name.clone(), &ty, None)
            } else {
                self.bind(name, &ty)
            };
            if let Some(local) = self.body.locals.get_mut(id.0 as usize) {
                local.declared = declared.clone();
            }
        }
    }

    /// Makes a constant, whose type is what its expression has where none is declared.
    pub(super) fn define_constant(&mut self, at: usize) {
        let Item::Constant(constant) = self.decls[at].item else { return };
        if self.decls[at].state != State::Declared {
            return;
        }
        self.decls[at].state = State::InProgress;
        let span = constant.name.span;
        let id = self.instance(at, &[], span);
        let module = self.decls[at].module;
        let outer = std::mem::replace(&mut self.body, Body { module, function: Some(id), ..Body::default() });
        let declared = constant.ty.is_some().then(|| self.decls[at].returns.clone());
        let mut made = match &declared {
            Some(declared) => {
                let want = self.program.erased(declared);
                self.expr(&constant.value, &want)
            }
            None => self.infer(&constant.value),
        };
        self.finish(&mut made);
        if let Some(declared) = &declared {
            made = self.enter(made, declared);
        }
        self.decls[at].returns = declared.unwrap_or_else(|| made.ty.clone());
        self.decls[at].state = State::Done;
        let locals = std::mem::replace(&mut self.body, outer).locals;
        let returns = self.decls[at].returns.clone();
        if let Some(function) = self.program.functions.get_mut(id.0 as usize) {
            function.say.clone_from(&constant.say);
            function.locals = locals;
            function.returns = returns;
            function.body = Some(made);
        }
    }

    /// The type parameters of a declared function, `#` for the width of its Trytes last: types are listed in that
    /// order.
    pub(super) fn type_names_of(&self, at: usize) -> Vec<char> {
        let width = self.has_width(at).then_some('#');
        self.decls[at].generics.iter().copied().chain(width).collect()
    }

    /// What the type parameters of a declared function stand for.
    pub(super) fn bound(&self, at: usize, types: &[Type]) -> Vec<(char, Type)> {
        self.type_names_of(at).into_iter().zip(types.iter().cloned()).collect()
    }

    /// Makes a function or behaviour for certain types.
    fn define(&mut self, id: FunctionId, at: usize, item: &'a FunctionItem, types: &[Type]) {
        let module = self.decls[at].module;
        let generics = self.bound(at, types);
        let params: Params<'a> =
            self.decls[at].params.iter().map(|(name, ty)| (*name, with_params(ty, &generics))).collect();
        let returns = with_params(&self.decls[at].returns, &generics);
        self.decls[at].state = State::Done;
        let role = self.role(at);
        let name = &item.name.name;

        let mut reads = vec![false; params.len()];
        let mut condition = |checker: &mut Self, suffix: &str, params: &Params<'_>, expr, want: &Type| {
            let id = checker.allocate(module, format!("{name}${suffix}"), Role::Condition, item.name.span);
            checker.owners.insert(id, at);
            let read = checker.condition_body(id, module, params, expr, want);
            reads.iter_mut().zip(read).for_each(|(all, read)| *all |= read);
            id
        };
        let given = item.given.as_ref().map(|expr| condition(self, "given", &params, expr, &Type::Bool));
        let measure = item.decreases.as_ref().map(|expr| {
            let any = Type::Var(0);
            (condition(self, "measure", &params, expr, &any), expr.span)
        });
        let result = Ident { name: "result".into(), span: item.name.span };
        let with_result: Params<'_> = params.iter().cloned().chain([(&result, returns.clone())]).collect();
        let mut then = Vec::new();
        for (number, (then_name, expr)) in item.then.iter().enumerate() {
            let id = condition(self, &format!("then{number}"), &with_result, expr, &Type::Bool);
            then.push((then_name.as_ref().map(|name| name.name.clone()), id));
        }
        if let Some((measure, span)) = measure {
            self.check_measure(measure, span);
            self.measures.insert(id, measure);
        }

        let is_covered = matches!(role, Role::Function | Role::Behavior);
        let body = Body { module, function: Some(id), is_covered, ..Body::default() };
        let outer = std::mem::replace(&mut self.body, body);
        self.bind_params(&params);
        let body = item.body.as_ref().map(|body| {
            let want = self.program.erased(&returns);
            let mut made = self.expr(body, &want);
            self.finish(&mut made);
            let made = self.enter(made, &returns);
            let made = self.assert_then(made, &then, params.len(), item.name.span);
            self.assert_given(made, given, &params, item.name.span)
        });
        if body.is_some() && role != Role::Std {
            self.unused_params(&params, &reads);
        }
        let locals = std::mem::replace(&mut self.body, outer).locals;
        let raises = self.raises(item, &returns);
        if let Some(function) = self.program.functions.get_mut(id.0 as usize) {
            function.say.clone_from(&item.say);
            function.n_params = params.len();
            function.locals = locals;
            function.returns = returns;
            function.body = body;
            function.given = given;
            function.then = then;
            function.raises = raises;
        }
    }

    fn unused_params(&mut self, params: &Params<'_>, reads: &[bool]) {
        if !self.is_asked_for(self.body.module) {
            return;
        }
        for (at, (name, _)) in params.iter().enumerate() {
            let is_read = self.body.places.get(at).is_none_or(|(_, is_read)| *is_read);
            if !is_read && !reads.get(at).copied().unwrap_or(false) && !name.name.starts_with('_') {
                let text = format!("parameter `{}` is never used", name.name);
                self.report(Diagnostic::new("W0350", name.span, text).help("begin its name with `_` if that is meant"));
            }
        }
    }

    fn check_measure(&mut self, measure: FunctionId, span: Span) {
        let ty = self.program.function(measure).returns.clone();
        let is_measure = match &ty {
            Type::Tuple(of) => of.iter().all(|ty| *ty == Type::Int),
            _ => ty == Type::Int,
        };
        if !is_measure && !is_poisoned(&ty) {
            let text = format!("`decreases` is an Int or a tuple of Ints, found {}", self.show(&ty));
            self.report(Diagnostic::new("E0310", span, text));
        }
    }

    /// The numbers of the cases that `raises` names.
    fn raises(&mut self, item: &FunctionItem, returns: &Type) -> Vec<u16> {
        let Some(names) = &item.raises else { return Vec::new() };
        let err = match self.unaliased(returns) {
            Type::Result(_, err) => self.program.erased(&err),
            Type::Poison => return Vec::new(),
            _ => {
                if let Some(first) = names.first() {
                    let text = "`raises` names cases of the error type of a Result, and this returns none";
                    self.report(Diagnostic::new("E0310", first.span, text));
                }
                return Vec::new();
            }
        };
        let Type::Named(id) = err else {
            if let (Some(first), false) = (names.first(), is_poisoned(&err)) {
                let text = format!("`raises` names cases of an enum, and the error type is {}", self.show(&err));
                self.report(Diagnostic::new("E0310", first.span, text));
            }
            return Vec::new();
        };
        names.iter().filter_map(|name| self.case(id, name).map(|(_, number, _)| number)).collect()
    }

    fn call_condition(&self, function: FunctionId, n_params: usize, result: Option<LocalId>, span: Span) -> Expr {
        let args = Self::param_ids(n_params).chain(result).map(|id| self.read(id, span)).collect();
        node(Kind::Call { function, args, is_tail: false }, Type::Bool, span)
    }

    fn assert_then(&mut self, body: Expr, then: &[(Option<String>, FunctionId)], n_params: usize, span: Span) -> Expr {
        if then.is_empty() {
            return body;
        }
        let ty = body.ty.clone();
        let result = self.made("$result", &ty);
        let mut made = self.read(result, span);
        for (_, function) in then.iter().rev() {
            let place = self.program.function(*function).body.as_ref().map_or(span, |body| body.span);
            let condition = Box::new(self.call_condition(*function, n_params, Some(result), place));
            made = node(Kind::Assert { condition, fault: Fault::Then, body: Box::new(made) }, ty.clone(), span);
        }
        lets_around(vec![(result, body)], made)
    }

    /// Puts in front of a body that its arguments are of their types and meet `given`.
    fn assert_given(&mut self, body: Expr, given: Option<FunctionId>, params: &Params<'_>, span: Span) -> Expr {
        let mut made = body;
        if let Some(function) = given {
            let (ty, body_span) = (made.ty.clone(), made.span);
            let place = self.program.function(function).body.as_ref().map_or(span, |body| body.span);
            let condition = Box::new(self.call_condition(function, params.len(), None, place));
            made = node(Kind::Assert { condition, fault: Fault::Given, body: Box::new(made) }, ty, body_span);
        }
        let places = Self::param_ids(params.len()).zip(params.iter().map(|(name, _)| name.span));
        let entered: Vec<_> = places.filter_map(|(id, place)| self.enter_param(id, place)).collect();
        lets_around(entered, made)
    }

    /// A constant expression of a row or the like: a function without parameters.
    pub(super) fn cell(
        &mut self,
        module: usize,
        name: String,
        expr: &ast::Expr,
        declared: &Type,
        may_be_out_of_range: bool,
    ) -> FunctionId {
        let id = self.allocate(module, name, Role::Condition, expr.span);
        let body = Body { module, function: Some(id), may_be_out_of_range, ..Body::default() };
        let outer = std::mem::replace(&mut self.body, body);
        let want = self.program.erased(declared);
        let mut made = self.expr(expr, &want);
        self.finish(&mut made);
        let made = if is_poisoned(&made.ty) { poison(made.span) } else { self.enter(made, declared) };
        let locals = std::mem::replace(&mut self.body, outer).locals;
        if let Some(function) = self.program.functions.get_mut(id.0 as usize) {
            function.locals = locals;
            function.returns = declared.clone();
            function.body = Some(made);
        }
        id
    }
}
