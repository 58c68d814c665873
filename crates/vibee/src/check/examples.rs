//! Rows of examples and properties.

use std::collections::{BTreeMap, btree_map::Entry};

use crate::{
    ast::{ExprKind, Ident, Row, Table},
    diagnostic::Diagnostic,
    source::Span,
    spec::{FunctionItem, PropertyItem},
    typed::{Example, Expected, FunctionId, Property, Role, Tolerance},
    types::Type,
    value::{Fault, Outcome, Value},
};

use super::{Checker, Item, body::Body, candidates::Param, define::Params, unify::with_params};
use crate::nearest::nearest;

/// Rows whose cells stand as values, by function and arguments: where each is, and its result.
type Seen = BTreeMap<(FunctionId, Vec<Value>), (Span, Outcome)>;

/// Which column stands for which parameter, and for the result.
struct Columns {
    params: Vec<usize>,
    result: Option<(usize, Tolerance)>,
}

impl Checker<'_> {
    /// Makes the examples and properties of the modules that were asked for.
    pub(super) fn examples(&mut self) {
        for at in 0..self.decls.len() {
            let (module, Item::Function(item)) = (self.decls[at].module, self.decls[at].item) else { continue };
            if !self.is_asked_for(module) {
                continue;
            }
            if let Some(table) = &item.examples {
                self.table(at, item, table);
            }
            let is_generic = self.is_generic(at);
            for (number, property) in item.forall.iter().enumerate() {
                if is_generic {
                    let text = "a property needs types to draw values of: this function has type parameters";
                    self.report(Diagnostic::new("E0131", property.name.span, text));
                } else {
                    let function = self.instance(at, &[], item.name.span);
                    self.property(at, function, item, number, property);
                }
            }
        }
    }

    /// Whether a function of std is made anew for the types that it is used with.
    fn is_generic(&self, at: usize) -> bool {
        !self.decls[at].generics.is_empty() || self.has_width(at)
    }

    fn table(&mut self, at: usize, item: &FunctionItem, table: &Table) {
        let Some(columns) = self.columns(at, item, table) else { return };
        let mut seen = Seen::new();
        for (number, row) in table.rows.iter().enumerate() {
            // A row with too few or too many cells has its message from the parser.
            if row.cells.len() == table.header.len() {
                self.row(at, item, &columns, (number, row), &mut seen);
            }
        }
    }

    fn columns(&mut self, at: usize, item: &FunctionItem, table: &Table) -> Option<Columns> {
        let names: Vec<String> = self.decls[at].params.iter().map(|(name, _)| name.name.clone()).collect();
        let mut params: Vec<Option<usize>> = vec![None; names.len()];
        let mut result = None;
        let mut is_right = true;
        for (number, column) in table.header.iter().enumerate() {
            let name = &column.name;
            let place = names.iter().position(|n| *n == name.name);
            // A column that stands twice has its message from the parser.
            match place {
                Some(place) => params.iter_mut().skip(place).take(1).for_each(|param| *param = Some(number)),
                None if name.name == "result" => result = Some((number, column.within)),
                None => {
                    let text = format!("`{}` has no parameter `{}`", item.name.name, name.name);
                    let mut message = Diagnostic::new("E0403", name.span, text).label("unknown column");
                    let known = names.iter().map(String::as_str).chain(["result"]);
                    if let Some(near) = nearest(&name.name, known) {
                        message = message.help(format!("`{near}` is near")).fix(name.span, near);
                    }
                    self.report(message);
                    is_right = false;
                }
            }
            if place.is_some() && column.within != Tolerance::Exact {
                let text = "`within` belongs to the column `result`";
                self.report(Diagnostic::new("E0403", name.span, text));
            }
        }
        let missing: Vec<String> = names
            .iter()
            .zip(&params)
            .filter(|(_, column)| column.is_none())
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        if is_right && !missing.is_empty() {
            let span = table.header.first().map_or(item.name.span, |column| column.name.span);
            let text = format!("the table has no column for {}", missing.join(", "));
            self.report(Diagnostic::new("E0403", span, text));
        }
        if let Some((number, within)) = result
            && within != Tolerance::Exact
            && !has_float_inside(self, &self.decls[at].returns.clone())
            && let Some(column) = table.header.get(number)
        {
            let text = "`within` is for results with a Float inside";
            self.report(Diagnostic::new("E0403", column.name.span, text));
        }
        Some(Columns { params: params.into_iter().collect::<Option<Vec<usize>>>()?, result })
    }

    fn row(
        &mut self,
        at: usize,
        item: &FunctionItem,
        columns: &Columns,
        (number, row): (usize, &Row),
        seen: &mut Seen,
    ) {
        let module = self.decls[at].module;
        let name = |part: &str| format!("{}$row{number}${part}", item.name.name);
        let result = columns.result.and_then(|(column, within)| Some((row.cells.get(column)?, within)));
        let fault = match result.map(|(cell, _)| &cell.kind) {
            Some(ExprKind::Fault(fault)) => Some(self.fault(fault)),
            _ => None,
        };
        let is_range = fault == Some(Some(Fault::Range));
        let types = if self.is_generic(at) { self.row_types(at, columns, row) } else { Vec::new() };
        let bound = self.bound(at, &types);
        let function = self.instance(at, &types, row.span);
        let params: Vec<(String, Type)> =
            self.decls[at].params.iter().map(|(name, ty)| (name.name.clone(), with_params(ty, &bound))).collect();
        let mut args = Vec::new();
        for ((param, ty), column) in params.iter().zip(&columns.params) {
            let Some(cell) = row.cells.get(*column) else { return };
            args.push(self.cell(module, name(param), cell, ty, is_range));
        }
        let expected = match (fault, result) {
            (Some(Some(fault)), _) => Expected::Fault(fault),
            (Some(None), _) => return,
            (None, None) => Expected::NoFault,
            (None, Some((cell, within))) => {
                let returns = with_params(&self.decls[at].returns, &bound);
                Expected::Value(self.cell(module, name("result"), cell, &returns, false), within)
            }
        };
        self.contradiction((function, &args), &expected, row.span, seen);
        self.program.examples.push(Example { function, args, expected, span: row.span, row: number });
    }

    /// What the type parameters of a function of std stand for in a row: what its cells have. Mistakes in them are told
    /// when the cells are made.
    fn row_types(&mut self, at: usize, columns: &Columns, row: &Row) -> Vec<Type> {
        let n_before = self.diagnostics.len();
        let body = Body { module: self.decls[at].module, ..Body::default() };
        let outer = std::mem::replace(&mut self.body, body);
        let (candidate, types) = self.instantiate(&self.declared_candidate(at));
        for (param, column) in candidate.params.iter().zip(&columns.params) {
            if let (Param::Value(ty), Some(cell)) = (param, row.cells.get(*column)) {
                self.expr(cell, ty);
            }
        }
        let result = columns.result.and_then(|(column, _)| row.cells.get(column));
        if let Some(cell) = result.filter(|cell| !matches!(cell.kind, ExprKind::Fault(_))) {
            self.expr(cell, &candidate.returns);
        }
        let names = self.type_names_of(at);
        let types = names
            .iter()
            .filter_map(|name| types.iter().find(|(n, _)| n == name).map(|(_, ty)| self.final_type(ty)))
            .collect();
        self.body = outer;
        self.diagnostics.truncate(n_before);
        types
    }

    fn fault(&mut self, name: &Ident) -> Option<Fault> {
        let found = Fault::from_name(&name.name);
        if found.is_none() {
            let mut message = Diagnostic::new("E0301", name.span, format!("no fault is named `{}`", name.name));
            let names = Fault::ALL.iter().map(|(_, name)| *name);
            match nearest(&name.name, names.clone()) {
                Some(near) => message = message.help(format!("`{near}` is near")).fix(name.span, near),
                None => message = message.help(format!("faults: {}", names.collect::<Vec<_>>().join(", "))),
            }
            self.report(message);
        }
        found
    }

    /// Reports a row whose arguments another one has with another result.
    fn contradiction(
        &mut self,
        (function, args): (FunctionId, &[FunctionId]),
        expected: &Expected,
        span: Span,
        seen: &mut Seen,
    ) {
        let value = |id: &FunctionId| self.program.function(*id).body.as_ref()?.constant();
        let Some(args) = args.iter().map(value).collect::<Option<Vec<Value>>>() else { return };
        let result = match expected {
            Expected::Value(id, _) => match value(id) {
                Some(value) => Ok(value),
                None => return,
            },
            Expected::Fault(fault) => Err(*fault),
            Expected::NoFault => return,
        };
        match seen.entry((function, args)) {
            Entry::Vacant(entry) => {
                entry.insert((span, result));
            }
            Entry::Occupied(entry) => {
                let (first, other) = entry.get();
                if *other != result {
                    let message = Diagnostic::new("E0401", span, "two rows have these arguments and different results");
                    let message = message.label("this result").also(*first, "and this one");
                    self.report(message);
                }
            }
        }
    }

    fn property(
        &mut self,
        at: usize,
        function: FunctionId,
        item: &FunctionItem,
        number: usize,
        property: &PropertyItem,
    ) {
        let module = self.decls[at].module;
        let mut params: Params<'_> = Vec::new();
        for (name, ty) in &property.vars {
            if let Some((first, _)) = params.iter().find(|(other, _)| other.name == name.name) {
                let text = format!("variable `{}` is there already", name.name);
                let message = Diagnostic::new("E0322", name.span, text).label("again").also(first.span, "first here");
                self.report(message);
            }
            params.push((name, self.resolve_type(module, ty, &[])));
        }
        self.check_keys();
        let mut reads = vec![false; params.len()];
        let mut made = |checker: &mut Self, what: &str, expr| {
            let name = format!("{}$forall{number}${what}", item.name.name);
            let id = checker.allocate(module, name, Role::Property, property.name.span);
            checker.owners.insert(id, at);
            let read = checker.condition_body(id, module, &params, expr, &Type::Bool);
            reads.iter_mut().zip(read).for_each(|(all, read)| *all |= read);
            id
        };
        let filter = property.filter.as_ref().map(|expr| made(self, "where", expr));
        let holds = made(self, "holds", &property.holds);
        for ((name, _), is_read) in params.iter().zip(reads) {
            if !is_read && !name.name.starts_with('_') {
                let text = format!("variable `{}` is never used", name.name);
                self.report(
                    Diagnostic::new("W0350", name.span, text).help("remove it: it only makes the domain larger"),
                );
            }
        }
        self.program.properties.push(Property {
            of: function,
            name: property.name.name.clone(),
            span: property.name.span,
            vars: params.iter().map(|(name, ty)| (name.name.clone(), ty.clone())).collect(),
            filter,
            holds,
            cases: property.cases,
        });
    }
}

fn has_float_inside(checker: &Checker<'_>, ty: &Type) -> bool {
    super::unify::is_poisoned(ty) || checker.has_float(ty)
}
