//! What is known while one body is made: names in scope, types found so far.

use crate::{
    ast::Ident,
    diagnostic::Diagnostic,
    source::Span,
    typed::{Expr, FunctionId, Kind, Local, LocalId},
    types::Type,
};

use super::Checker;

/// Where calls of std's functions start that wait for their types: see [`Body::pending`].
pub(super) const PENDING: u32 = 1 << 31;

/// A body in the making.
#[derive(Default)]
pub(super) struct Body {
    pub(super) module: usize,
    pub(super) function: FunctionIdOrNone,
    pub(super) locals: Vec<Local>,
    /// Where each local is written, and whether something reads it.
    pub(super) places: Vec<(Option<Span>, bool)>,
    /// Names in sight, the innermost last.
    pub(super) scope: Vec<(String, LocalId)>,
    /// What each [`Type::Var`] stands for, as far as known.
    pub(super) vars: Vec<Option<Type>>,
    /// Calls whose type arguments are not known yet: `FunctionId(PENDING + n)` stands for the nth.
    pub(super) pending: Vec<(usize, Vec<Type>, Span)>,
    /// The functions of those calls, when their types are known.
    pub(super) pending_done: Vec<FunctionId>,
    /// Within the second and later alternatives of a pattern: the names that the first one binds, and which of them
    /// this one did bind.
    pub(super) alternatives: Option<Vec<(String, LocalId, bool)>>,
    /// Whether a pattern had a mistake: then nothing is said of what its match takes.
    pub(super) is_pattern_broken: bool,
    /// Whether a literal out of its range is meant: in a row that expects the fault.
    pub(super) may_be_out_of_range: bool,
    /// Whether arms and branches are counted.
    pub(super) is_covered: bool,
}

/// The function a body belongs to.
pub(super) type FunctionIdOrNone = Option<FunctionId>;

impl Checker<'_> {
    /// Adds a made local, which no name finds.
    pub(super) fn made(&mut self, name: &str, ty: &Type) -> LocalId {
        self.local(name.to_string(), ty, None)
    }

    pub(super) fn local(&mut self, name: String, ty: &Type, place: Option<Span>) -> LocalId {
        let id = LocalId(self.body.locals.len() as u32);
        self.body.locals.push(Local { name, ty: ty.clone(), declared: ty.clone() });
        self.body.places.push((place, place.is_none()));
        id
    }

    /// Adds a local that its name finds until the scope is cut back; names of one function do not shadow.
    pub(super) fn bind(&mut self, name: &Ident, ty: &Type) -> LocalId {
        if let Some((_, old)) = self.body.scope.iter().find(|(n, _)| *n == name.name) {
            let place = self.body.places.get(old.0 as usize).and_then(|(place, _)| *place);
            let text = format!("`{}` is bound already, and names do not shadow", name.name);
            let mut message = Diagnostic::new("E0302", name.span, text).label("bound again");
            if let Some(place) = place {
                message = message.also(place, "bound here first");
            }
            self.report(message.help("give one of them another name"));
        }
        let constant = self.items_of(self.body.module, &name.name).into_iter().find(|item| self.is_constant(*item));
        if let Some(constant) = constant {
            let text = format!("`{}` is a constant, and names do not shadow", name.name);
            let place = self.decls[constant].name.span;
            let message = Diagnostic::new("E0302", name.span, text).label("bound here").also(place, "declared here");
            let help = format!("to compare with it in a pattern, use a guard: `other if other == {}`", name.name);
            self.report(message.help(help));
        }
        let id = self.local(name.name.clone(), ty, Some(name.span));
        self.body.scope.push((name.name.clone(), id));
        id
    }

    /// Finds a name in scope.
    pub(super) fn find_local(&mut self, name: &str) -> Option<LocalId> {
        let (_, id) = self.body.scope.iter().rev().find(|(n, _)| n == name)?;
        let id = *id;
        if let Some(place) = self.body.places.get_mut(id.0 as usize) {
            place.1 = true;
        }
        Some(id)
    }

    pub(super) fn local_type(&self, id: LocalId) -> Type {
        self.body.locals.get(id.0 as usize).map_or(Type::Poison, |local| local.ty.clone())
    }

    pub(super) fn read(&self, id: LocalId, span: Span) -> Expr {
        Expr { kind: Kind::Local(id), ty: self.local_type(id), span }
    }

    /// Cuts the scope back and tells of names that nothing reads.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.body.scope.len() > depth {
            let Some((name, id)) = self.body.scope.pop() else { return };
            if let Some((Some(place), false)) = self.body.places.get(id.0 as usize).copied()
                && self.body.is_covered
                && self.is_asked_for(self.body.module)
                && !name.starts_with('_')
            {
                let text = format!("`{name}` is never used");
                let message = Diagnostic::new("W0350", place, text);
                self.report(message.help("write `_`, or begin its name with `_`, if that is meant"));
            }
        }
    }
}
