//! Whether the arms of a match take every value, and which arm takes none (after Maranget, "Warnings for pattern
//! matching", 2007).

use crate::{
    diagnostic::Diagnostic,
    intrinsic::Intrinsic,
    source::Span,
    typed::{Arm, Expr, Kind, Pattern},
    types::{Shape, Type, TypeId},
    value::Value,
};

use super::Checker;

/// Steps of one match's check; a match that needs more is refused.
const STEPS_MAX: usize = 5_000_000;

/// The outermost shape of a pattern or value.
#[derive(Clone, PartialEq, Debug)]
enum Head {
    Bool(bool),
    Trit(i8),
    Variant(TypeId, u16),
    /// The one shape of a record or tuple.
    Only,
    None,
    Some,
    Ok,
    Err,
    /// A list of so many.
    Len(usize),
    /// Ints from … to ….
    Ints(i64, i64),
    Literal(Value),
}

struct Search<'c, 'a> {
    checker: &'c Checker<'a>,
    steps: usize,
}

type Row<'p> = Vec<&'p Pattern>;

impl Checker<'_> {
    /// Reports a value that no arm takes, and arms that take none.
    pub(super) fn exhaustive(&mut self, subject: &Expr, arms: &[Arm], spans: &[Span], span: Span) {
        let mut ty = self.resolved(&subject.ty);
        let declared = self.declared_type(subject);
        if !matches!(declared, Type::Poison) {
            ty = declared;
        }
        if super::unify::is_poisoned(&ty) {
            return;
        }
        let wild = Pattern::Any;
        let mut search = Search { checker: self, steps: 0 };
        let mut rows: Vec<Row<'_>> = Vec::new();
        let mut unreachable = Vec::new();
        for (arm, span) in arms.iter().zip(spans) {
            let row = vec![&arm.pattern];
            if search.useful(&rows, &row, &[ty.clone()], &wild).is_none() && search.steps < STEPS_MAX {
                unreachable.push(*span);
            }
            if arm.guard.is_none() {
                rows.push(row);
            }
        }
        let missing = search.useful(&rows, &[&wild], &[ty], &wild);
        let is_over = search.steps >= STEPS_MAX;
        if is_over {
            let text = format!("this match takes more than {STEPS_MAX} steps to check");
            self.report(Diagnostic::new("E0140", span, text).help("match in two steps, or end with `_`"));
            return;
        }
        for span in unreachable {
            let message = Diagnostic::new("W0321", span, "nothing reaches this arm");
            self.report(message.label("the arms before it take all of it"));
        }
        if let Some(missing) = missing {
            let value = missing.first().cloned().unwrap_or_default();
            let (text, help) = if arms.len() == 1 && matches!(arms.first().map(|arm| &arm.guard), Some(None)) {
                (format!("`{value}` is not taken"), "a `match` with an arm for each value")
            } else {
                (format!("no arm takes `{value}`"), "add an arm for it, or `_` for all that is left")
            };
            self.report(Diagnostic::new("E0320", subject.span, text).help(help));
        }
    }

    /// The declared type of a value, where it is known to be narrower than its type.
    fn declared_type(&self, expr: &Expr) -> Type {
        match &expr.kind {
            Kind::Local(local) => {
                self.body.locals.get(local.0 as usize).map_or(Type::Poison, |local| match &local.declared {
                    Type::Var(_) => Type::Poison,
                    declared => declared.clone(),
                })
            }
            Kind::Field(of, at) => match &of.ty {
                Type::Named(id) => match &self.program.type_def(*id).shape {
                    Shape::Record(fields) => fields.get(usize::from(*at)).map_or(Type::Poison, |f| f.ty.clone()),
                    _ => Type::Poison,
                },
                _ => Type::Poison,
            },
            Kind::Tuple(parts) => {
                let part = |part: &Expr| match self.declared_type(part) {
                    Type::Poison => part.ty.clone(),
                    declared => declared,
                };
                Type::Tuple(parts.iter().map(part).collect())
            }
            Kind::Intrinsic { op: Intrinsic::IntMod, args } => match args.get(1).map(|arg| &arg.kind) {
                Some(Kind::Const(Value::Int(n))) if *n > 0 => Type::IntIn(0, n - 1),
                _ => Type::Poison,
            },
            _ => Type::Poison,
        }
    }
}

impl Search<'_, '_> {
    /// A row of values that `query` takes and no row before does.
    fn useful(&mut self, rows: &[Row<'_>], query: &[&Pattern], types: &[Type], wild: &Pattern) -> Option<Vec<String>> {
        self.steps += 1 + rows.len();
        if self.steps >= STEPS_MAX {
            return None;
        }
        let (Some((first, rest)), Some((ty, rest_types))) = (query.split_first(), types.split_first()) else {
            return rows.is_empty().then(Vec::new);
        };
        let ty = self.narrow(ty);
        if let Pattern::Or(alternatives) = first {
            return alternatives.iter().find_map(|alternative| {
                let query: Vec<&Pattern> = [alternative].into_iter().chain(rest.iter().copied()).collect();
                self.useful(rows, &query, types, wild)
            });
        }
        let mut used = Vec::new();
        rows.iter().filter_map(|row| row.first()).for_each(|pattern| heads(pattern, &mut used));
        let tried = match head(first) {
            Some(Head::Ints(lo, hi)) => pieces(lo, hi, &used),
            Some(head) => vec![head],
            None => {
                let all = if used.is_empty() { None } else { self.all_heads(&ty, &used) };
                if let Some(all) = all {
                    all
                } else {
                    // No row asks for a shape, or not for all there are: only rows that take anything there matter.
                    let defaults: Vec<Row<'_>> = rows.iter().flat_map(|row| default_rows(row)).collect();
                    let found = self.useful(&defaults, rest, rest_types, wild)?;
                    return Some(std::iter::once(other(&ty, &used)).chain(found).collect());
                }
            }
        };
        tried.into_iter().find_map(|head| {
            let parts = self.parts(&head, &ty);
            let n = parts.len();
            let rows: Vec<Row<'_>> = rows.iter().flat_map(|row| special_rows(row, &head, n, wild)).collect();
            let query = special_rows(query, &head, n, wild).into_iter().next()?;
            let types: Vec<Type> = parts.iter().cloned().chain(rest_types.iter().cloned()).collect();
            let found = self.useful(&rows, &query, &types, wild)?;
            let (inner, rest) = found.split_at_checked(n)?;
            Some(std::iter::once(self.write(&head, &ty, inner)).chain(rest.iter().cloned()).collect())
        })
    }

    /// The type without aliases and conditions; bounds of Ints stay.
    fn narrow(&self, ty: &Type) -> Type {
        let mut ty = self.checker.shallow(ty);
        while let Type::Named(id) = &ty {
            match &self.checker.program.type_def(*id).shape {
                Shape::Alias(base) | Shape::Constrained { base, .. } => ty = base.clone(),
                _ => break,
            }
        }
        ty
    }

    /// All shapes of a type, where there are finitely many or the rows have them all; else none.
    fn all_heads(&self, ty: &Type, used: &[Head]) -> Option<Vec<Head>> {
        match ty {
            Type::Bool => Some(vec![Head::Bool(true), Head::Bool(false)]),
            Type::Trit => Some(vec![Head::Trit(-1), Head::Trit(0), Head::Trit(1)]),
            Type::Option(_) => Some(vec![Head::None, Head::Some]),
            Type::Result(..) => Some(vec![Head::Ok, Head::Err]),
            Type::Tuple(_) => Some(vec![Head::Only]),
            Type::Named(id) => match &self.checker.program.type_def(*id).shape {
                Shape::Enum { cases, .. } => Some((0..cases.len() as u16).map(|n| Head::Variant(*id, n)).collect()),
                _ => Some(vec![Head::Only]),
            },
            Type::Int | Type::IntIn(..) if used.iter().any(|head| matches!(head, Head::Ints(..))) => {
                let (lo, hi) = if let Type::IntIn(lo, hi) = ty { (*lo, *hi) } else { (i64::MIN, i64::MAX) };
                Some(pieces(lo, hi, used))
            }
            Type::List(_) => {
                let longest =
                    used.iter().filter_map(|head| if let Head::Len(n) = head { Some(*n) } else { None }).max()?;
                // One more than the longest stands for all that are longer.
                Some((0..=longest + 1).map(Head::Len).collect())
            }
            _ => None,
        }
    }

    /// Types of what a shape carries.
    fn parts(&self, head: &Head, ty: &Type) -> Vec<Type> {
        match (head, ty) {
            (Head::Variant(id, number), _) => match &self.checker.program.type_def(*id).shape {
                Shape::Enum { cases, .. } => cases
                    .get(usize::from(*number))
                    .map(|case| case.fields.iter().map(|f| f.ty.clone()).collect())
                    .unwrap_or_default(),
                _ => Vec::new(),
            },
            (Head::Only, Type::Tuple(of)) => of.clone(),
            (Head::Only, Type::Named(id)) => match &self.checker.program.type_def(*id).shape {
                Shape::Record(fields) => fields.iter().map(|f| f.ty.clone()).collect(),
                _ => Vec::new(),
            },
            (Head::Some, Type::Option(of)) | (Head::Ok, Type::Result(of, _)) | (Head::Err, Type::Result(_, of)) => {
                vec![(**of).clone()]
            }
            (Head::Some | Head::Ok | Head::Err, _) => vec![Type::Poison],
            (Head::Len(n), Type::List(of)) => vec![(**of).clone(); *n],
            (Head::Len(n), _) => vec![Type::Poison; *n],
            _ => Vec::new(),
        }
    }

    /// Writes a value of a shape.
    fn write(&self, head: &Head, ty: &Type, parts: &[String]) -> String {
        let listed = parts.join(", ");
        match head {
            Head::Bool(value) => value.to_string(),
            Head::Trit(value) => format!("0t{}", ["-", "0", "+"].get((value + 1) as usize).unwrap_or(&"0")),
            Head::Variant(id, number) => {
                let def = self.checker.program.type_def(*id);
                let Shape::Enum { cases, .. } = &def.shape else { return "_".into() };
                let Some(case) = cases.get(usize::from(*number)) else { return "_".into() };
                let fields: Vec<String> =
                    case.fields.iter().zip(parts).map(|(field, part)| format!("{} = {part}", field.name)).collect();
                let fields = if fields.is_empty() { String::new() } else { format!("({})", fields.join(", ")) };
                format!("{}.{}{fields}", def.name, case.name)
            }
            Head::Only => match ty {
                Type::Named(id) => {
                    let def = self.checker.program.type_def(*id);
                    let Shape::Record(fields) = &def.shape else { return "_".into() };
                    let fields: Vec<String> =
                        fields.iter().zip(parts).map(|(field, part)| format!("{} = {part}", field.name)).collect();
                    format!("{}({})", def.name, fields.join(", "))
                }
                _ => format!("({listed})"),
            },
            Head::None => "None".into(),
            Head::Some => format!("Some({listed})"),
            Head::Ok => format!("Ok({listed})"),
            Head::Err => format!("Err({listed})"),
            Head::Len(_) => format!("[{listed}]"),
            Head::Ints(lo, hi) => {
                // The value nearest to 0 is the plainest example.
                0.clamp(*lo, *hi).to_string()
            }
            Head::Literal(_) => "_".into(),
        }
    }
}

/// A value of a type with endless shapes that the rows do not have.
fn other(ty: &Type, used: &[Head]) -> String {
    if used.is_empty() {
        return "_".into();
    }
    let is_free = |value: &Value| !used.iter().any(|head| matches!(head, Head::Literal(used) if used == value));
    match ty {
        Type::String => {
            let mut text = String::new();
            while !is_free(&Value::String(text.as_str().into())) {
                text.push('a');
            }
            format!("\"{text}\"")
        }
        Type::U64 => (0..=u64::MAX).find(|n| is_free(&Value::U64(*n))).unwrap_or_default().to_string(),
        Type::Float | Type::F32 => "nan".into(),
        _ => "_".into(),
    }
}

/// The shape that a pattern asks for; none where it takes anything.
fn head(pattern: &Pattern) -> Option<Head> {
    Some(match pattern {
        Pattern::Any | Pattern::Bind(_) | Pattern::Or(_) => return None,
        Pattern::Literal(Value::Bool(value)) => Head::Bool(*value),
        Pattern::Literal(Value::Trit(value)) => Head::Trit(*value),
        Pattern::Literal(Value::Int(value)) => Head::Ints(*value, *value),
        Pattern::Literal(value) => Head::Literal(value.clone()),
        Pattern::IntIn(lo, hi) => Head::Ints(*lo, *hi),
        Pattern::Variant(id, number, _) => Head::Variant(*id, *number),
        Pattern::Record(..) | Pattern::Tuple(_) => Head::Only,
        Pattern::None => Head::None,
        Pattern::Some(_) => Head::Some,
        Pattern::Ok(_) => Head::Ok,
        Pattern::Err(_) => Head::Err,
        Pattern::List(of) => Head::Len(of.len()),
    })
}

fn heads(pattern: &Pattern, found: &mut Vec<Head>) {
    match pattern {
        Pattern::Or(alternatives) => alternatives.iter().for_each(|of| heads(of, found)),
        _ => found.extend(head(pattern)),
    }
}

/// Cuts `lo..=hi` where ranges of the rows begin and end: each piece lies within a range or outside.
fn pieces(lo: i64, hi: i64, used: &[Head]) -> Vec<Head> {
    let mut starts = vec![lo];
    for head in used {
        let Head::Ints(from, to) = head else { continue };
        starts.push(*from);
        starts.extend(to.checked_add(1));
    }
    starts.retain(|start| (lo..=hi).contains(start));
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([hi]);
    starts.iter().zip(ends).map(|(from, to)| Head::Ints(*from, to)).collect()
}

/// What is left of a row for values of a shape: nothing where its first pattern does not take them.
fn special_rows<'p>(row: &[&'p Pattern], head: &Head, n: usize, wild: &'p Pattern) -> Vec<Row<'p>> {
    let Some((first, rest)) = row.split_first() else { return Vec::new() };
    let with = |parts: &[&'p Pattern]| vec![parts.iter().copied().chain(rest.iter().copied()).collect()];
    match first {
        Pattern::Any | Pattern::Bind(_) => with(&vec![wild; n]),
        Pattern::Or(alternatives) => alternatives
            .iter()
            .flat_map(|of| {
                let row: Row<'p> = [of].into_iter().chain(rest.iter().copied()).collect();
                special_rows(&row, head, n, wild)
            })
            .collect(),
        pattern => {
            let takes = match (self::head(pattern), head) {
                (Some(Head::Ints(from, to)), Head::Ints(lo, hi)) => from <= *lo && *hi <= to,
                (found, head) => found.as_ref() == Some(head),
            };
            if !takes {
                return Vec::new();
            }
            match pattern {
                Pattern::Variant(_, _, of) | Pattern::Record(_, of) | Pattern::Tuple(of) | Pattern::List(of) => {
                    with(&of.iter().collect::<Vec<_>>())
                }
                Pattern::Some(of) | Pattern::Ok(of) | Pattern::Err(of) => with(&[of]),
                _ => with(&[]),
            }
        }
    }
}

/// What is left of a row for values of a shape that no row names.
fn default_rows<'p>(row: &[&'p Pattern]) -> Vec<Row<'p>> {
    let Some((first, rest)) = row.split_first() else { return Vec::new() };
    match first {
        Pattern::Any | Pattern::Bind(_) => vec![rest.to_vec()],
        Pattern::Or(alternatives) => alternatives
            .iter()
            .flat_map(|of| default_rows(&[of].into_iter().chain(rest.iter().copied()).collect::<Row<'p>>()))
            .collect(),
        _ => Vec::new(),
    }
}
