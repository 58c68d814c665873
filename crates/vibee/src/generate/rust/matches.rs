//! Matches: as Rust's `match`, or, where a pattern looks into a `Box`, a list within something or a text within
//! something, as nested `if let`.

use super::{
    super::{
        names::Case,
        reach::parts,
        statements::uncovered,
        writer::{Doc, Writer, list, many, text},
    },
    blocks::{Printer, Rep, Tail},
    exprs::{Want, braced, int},
    moves::{is_irrefutable, is_read},
    values::{spaced, string},
};
use crate::{
    typed::{Arm, Expr, Kind, LocalId, Pattern},
    types::{Shape, Type, TypeId},
    value::Value,
};

/// How what is matched is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Value,
    /// Behind a reference, which the pattern looks through.
    Ref,
    /// `&str`, `&[T]`, `&T`: the reference that is matched.
    View,
}

/// What a pattern needs besides itself.
#[derive(Default)]
struct Extra<'p> {
    guards: Vec<Doc>,
    /// Lines at the arm's beginning.
    lines: Vec<String>,
    /// Patterns that are asked of a part afterwards: the part, and the pattern of it.
    inner: Vec<(Doc, &'p Pattern, Type)>,
}

/// An arm's pattern: of an Or that Rust cannot say, one alternative.
struct Way<'a> {
    pattern: Pattern,
    arm: &'a Arm,
}

/// What is matched: one thing, or each place of a tuple that stands there.
struct Subject {
    doc: Doc,
    types: Vec<(Type, Mode)>,
    is_tuple: bool,
}

impl Printer<'_> {
    /// Prints a match.
    pub(super) fn match_block(&mut self, writer: &mut Writer, subject: &Expr, arms: &[Arm], tail: Tail) {
        let ways = Self::ways(arms);
        let is_plain = ways.iter().all(|way| self.is_plain_pattern(&way.pattern, way.arm, &subject.ty));
        if !is_plain {
            return self.nested(writer, subject, &ways, tail);
        }
        let subject = self.subject(subject, false);
        writer.open_doc(&many([text("match "), braced(subject.doc.clone()), text(" {")]));
        let mut is_whole = ways.last().is_some_and(|way| way.arm.guard.is_none());
        let mut is_total = false;
        for way in &ways {
            let mut extra = Extra::default();
            let pattern = self.whole_pattern(&way.pattern, &subject, way.arm, &mut extra);
            is_whole &= extra.guards.is_empty() && !has_tryte(&way.pattern);
            is_total |= way.arm.guard.is_none()
                && extra.guards.is_empty()
                && is_irrefutable(&way.pattern, &|id| self.n_cases(id));
            let guard = way.arm.guard.as_ref().map(|guard| self.expr(guard, Want::Own).doc);
            let guards: Vec<Doc> = std::mem::take(&mut extra.guards).into_iter().chain(guard).collect();
            let mut head = vec![pattern];
            if !guards.is_empty() {
                head.push(text(" if "));
                head.push(if guards.len() == 1 { many(guards) } else { joined(guards) });
            }
            head.push(text(" => "));
            self.arm(writer, many(head), &extra.lines, &way.arm.body, tail);
            if is_total {
                break;
            }
        }
        if !is_total && !is_whole {
            writer.line("_ => unreachable!(),");
        }
        writer.close("}");
    }

    /// `head => body,`, on one line where the body is one expression that fits.
    fn arm(&mut self, writer: &mut Writer, head: Doc, before: &[String], body: &Expr, tail: Tail) {
        let mut inner = Writer::new("    ", super::WIDTH - 12);
        before.iter().for_each(|line| inner.line(line));
        self.block(&mut inner, body, tail);
        let block = inner.finish();
        let line = block.trim_end();
        let is_one = !line.contains('\n') && !line.is_empty();
        let is_expr = is_one && !line.ends_with(';') && !line.starts_with("let ");
        let short = line.trim_end_matches(';');
        let is_exit = is_one && (short.starts_with("return ") || short.starts_with("break ") || short == "continue");
        if line.is_empty() {
            writer.doc(&many([head, text("{}")]));
        } else if (is_expr || (is_exit && !short.contains(';'))) && head.flat().len() + short.len() < super::WIDTH - 8 {
            writer.doc(&many([head, text(format!("{short},"))]));
        } else {
            writer.open_doc(&many([head, text("{")]));
            writer.line(line);
            writer.close("}");
        }
    }

    /// Arms, with an Or taken apart where Rust cannot say it.
    fn ways(arms: &[Arm]) -> Vec<Way<'_>> {
        let mut ways = Vec::new();
        for arm in arms {
            if has_or(&arm.pattern) && has_text(&arm.pattern) {
                ways.extend(alternatives(&arm.pattern).into_iter().map(|pattern| Way { pattern, arm }));
            } else {
                ways.push(Way { pattern: arm.pattern.clone(), arm });
            }
        }
        // Texts side by side at the top are one pattern of `&str`.
        let is_top = |pattern: &Pattern| match pattern {
            Pattern::Or(inner) => inner.iter().all(|pattern| matches!(pattern, Pattern::Literal(_))),
            _ => false,
        };
        if arms.iter().all(|arm| !has_or(&arm.pattern) || is_top(&arm.pattern)) {
            return arms.iter().map(|arm| Way { pattern: arm.pattern.clone(), arm }).collect();
        }
        ways
    }

    fn n_cases(&self, id: TypeId) -> usize {
        match &self.rust.input.program.type_def(id).shape {
            Shape::Enum { cases, .. } => cases.len(),
            _ => 1,
        }
    }

    fn mode(&self, ty: &Type, is_made: bool) -> Mode {
        match ty {
            _ if self.rust.is_copy(ty) => Mode::Value,
            Type::String | Type::Bytes | Type::List(_) => Mode::View,
            _ if is_made => Mode::Value,
            _ => Mode::View,
        }
    }

    /// What is matched, printed; `is_kept` says that it must be borrowed, for it is looked at more than once.
    fn subject(&mut self, subject: &Expr, is_kept: bool) -> Subject {
        let inner = uncovered(subject);
        let one = |printer: &mut Self, expr: &Expr| {
            let ty = printer.rust.input.program.erased(&expr.ty);
            let is_made = Self::is_made(expr) && !is_kept;
            let mode = printer.mode(&ty, is_made);
            let want = if mode == Mode::View { Want::View } else { Want::Own };
            (printer.typed(expr, want).doc, (ty, mode))
        };
        if let Kind::Tuple(items) = &inner.kind {
            let (docs, types): (Vec<Doc>, Vec<(Type, Mode)>) = items.iter().map(|item| one(self, item)).unzip();
            return Subject { doc: list("(", docs, ")", ","), types, is_tuple: true };
        }
        let (doc, ty) = one(self, subject);
        Subject { doc, types: vec![ty], is_tuple: false }
    }

    /// A pattern of the whole subject.
    fn whole_pattern<'p>(&mut self, pattern: &'p Pattern, subject: &Subject, arm: &Arm, extra: &mut Extra<'p>) -> Doc {
        match pattern {
            Pattern::Tuple(inner) if subject.is_tuple => {
                let docs = inner.iter().zip(&subject.types);
                let docs = docs.map(|(pattern, (ty, mode))| self.pattern(pattern, ty, *mode, arm, extra)).collect();
                list("(", docs, ")", ",")
            }
            Pattern::Or(inner) if subject.is_tuple => {
                let docs: Vec<Doc> =
                    inner.iter().map(|pattern| self.whole_pattern(pattern, subject, arm, extra)).collect();
                either(&docs)
            }
            Pattern::Bind(local) if subject.is_tuple && is_read_in(arm, *local) => {
                // The tuple as a whole: all of its places are made or `Copy`, or the checker would bind them one by
                // one.
                let ty = Type::Tuple(subject.types.iter().map(|(ty, _)| ty.clone()).collect());
                let rep = self.own_rep(&ty);
                self.set_rep(*local, rep);
                text(self.name(*local).to_owned())
            }
            _ => match subject.types.first() {
                Some((ty, mode)) => self.pattern(pattern, ty, *mode, arm, extra),
                None => text("_"),
            },
        }
    }

    fn pattern<'p>(&mut self, pattern: &'p Pattern, ty: &Type, mode: Mode, arm: &Arm, extra: &mut Extra<'p>) -> Doc {
        // What lies within a reference is seen through it.
        let within = if mode == Mode::Value { Mode::Value } else { Mode::Ref };
        let part = |i: usize| parts(ty).get(i).map_or(Type::Poison, |ty| (*ty).clone());
        match pattern {
            Pattern::Any => text("_"),
            Pattern::Bind(local) if !is_read_in(arm, *local) => text("_"),
            Pattern::Bind(local) => {
                let rep = match mode {
                    Mode::Value => self.own_rep(ty),
                    Mode::View => Rep::View,
                    Mode::Ref if self.rust.is_copy(ty) => Rep::CopyRef,
                    Mode::Ref => Rep::Ref,
                };
                self.set_rep(*local, rep);
                text(self.name(*local).to_owned())
            }
            Pattern::Literal(value) => self.literal(value, ty, mode, extra),
            Pattern::IntIn(lo, hi) => text(format!("{}..={}", int(*lo), int(*hi))),
            Pattern::Variant(id, case, inner) => {
                let name = self.rust.made_name(*id, *case);
                self.fields(&name, (*id, *case), inner, within, arm, extra)
            }
            Pattern::Record(id, inner) => {
                let name = self.rust.made_name(*id, 0);
                self.fields(&name, (*id, 0), inner, within, arm, extra)
            }
            Pattern::None => text("None"),
            Pattern::Some(inner) => self.wrapped_pattern("Some", inner, &part(0), within, arm, extra),
            Pattern::Ok(inner) => self.wrapped_pattern("Ok", inner, &part(0), within, arm, extra),
            Pattern::Err(inner) => self.wrapped_pattern("Err", inner, &part(1), within, arm, extra),
            Pattern::Tuple(inner) => {
                let docs = inner.iter().enumerate();
                let docs = docs.map(|(i, pattern)| self.pattern(pattern, &part(i), within, arm, extra)).collect();
                list("(", docs, ")", ",")
            }
            Pattern::List(inner) if mode == Mode::View => {
                let docs = inner.iter().map(|pattern| self.pattern(pattern, &part(0), within, arm, extra)).collect();
                list("[", docs, "]", ",")
            }
            Pattern::List(_) => {
                let name = self.scope.made("items", Case::Snake);
                extra.inner.push((text(format!("{name}.as_slice()")), pattern, ty.clone()));
                text(name)
            }
            Pattern::Or(inner) => {
                let docs: Vec<Doc> = inner.iter().map(|pattern| self.pattern(pattern, ty, mode, arm, extra)).collect();
                either(&docs)
            }
        }
    }

    fn wrapped_pattern<'p>(
        &mut self,
        name: &str,
        inner: &'p Pattern,
        ty: &Type,
        mode: Mode,
        arm: &Arm,
        extra: &mut Extra<'p>,
    ) -> Doc {
        let inner = self.pattern(inner, ty, mode, arm, extra);
        many([text(format!("{name}(")), inner, text(")")])
    }

    fn fields<'p>(
        &mut self,
        name: &str,
        (id, case): (TypeId, u16),
        inner: &'p [Pattern],
        mode: Mode,
        arm: &Arm,
        extra: &mut Extra<'p>,
    ) -> Doc {
        let is_record = matches!(self.rust.input.program.type_def(id).shape, Shape::Record(_));
        if inner.is_empty() {
            return text(if is_record { format!("{name} {{}}") } else { name.to_owned() });
        }
        let tys = self.rust.field_defs(id, case).iter().map(|field| self.rust.input.program.erased(&field.ty));
        let tys: Vec<Type> = tys.collect();
        let mut docs = Vec::new();
        let mut is_partial = false;
        for (i, pattern) in (0_u16..).zip(inner) {
            let ty = tys.get(i as usize).cloned().unwrap_or(Type::Poison);
            let field = self.rust.naming.field(id, case, i).to_owned();
            let doc = if self.rust.boxed.contains(&(id, case, i)) {
                self.boxed_pattern(pattern, ty, mode, arm, extra)
            } else {
                self.pattern(pattern, &ty, mode, arm, extra)
            };
            match doc.flat() {
                flat if flat == "_" => is_partial = true,
                flat if flat == field => docs.push(doc),
                _ => docs.push(many([text(format!("{field}: ")), doc])),
            }
        }
        if docs.is_empty() {
            return text(format!("{name} {{ .. }}"));
        }
        if !is_partial {
            return spaced(format!("{name} {{"), docs, "}");
        }
        let docs = docs.into_iter().map(|doc| doc.flat()).collect::<Vec<_>>().join(", ");
        text(format!("{name} {{ {docs}, .. }}"))
    }

    fn boxed_pattern<'p>(
        &mut self,
        pattern: &'p Pattern,
        ty: Type,
        mode: Mode,
        arm: &Arm,
        extra: &mut Extra<'p>,
    ) -> Doc {
        match pattern {
            Pattern::Any => text("_"),
            Pattern::Bind(local) if !is_read_in(arm, *local) => text("_"),
            Pattern::Bind(local) => {
                let name = self.name(*local).to_owned();
                let (star, rep) = if mode == Mode::Value { ("*", Rep::Owned) } else { ("&**", Rep::Ref) };
                self.set_rep(*local, rep);
                extra.lines.push(format!("let {name} = {star}{name};"));
                text(name)
            }
            _ => {
                let name = self.scope.made("inner", Case::Snake);
                extra.inner.push((text(format!("&**{name}")), pattern, ty));
                text(name)
            }
        }
    }

    fn literal(&mut self, value: &Value, ty: &Type, mode: Mode, extra: &mut Extra<'_>) -> Doc {
        match value {
            Value::String(chars) if mode == Mode::View => text(string(chars)),
            Value::Bytes(bytes) if mode == Mode::View => {
                text(format!("[{}]", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")))
            }
            Value::String(chars) => {
                let name = self.scope.made("text", Case::Snake);
                extra.guards.push(text(format!("{name}.as_str() == {}", string(chars))));
                text(name)
            }
            Value::Bytes(bytes) => {
                let name = self.scope.made("bytes", Case::Snake);
                let bytes = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
                extra.guards.push(text(format!("{name}.as_slice() == [{bytes}]")));
                text(name)
            }
            Value::Float(x) if x.is_nan() => Self::never(extra),
            Value::F32(x) if x.is_nan() => Self::never(extra),
            _ => self.rust.owned_value(value, ty),
        }
    }

    fn never(extra: &mut Extra<'_>) -> Doc {
        extra.guards.push(text("false"));
        text("_")
    }

    /// Whether a `match` can ask the pattern.
    fn is_plain_pattern(&self, pattern: &Pattern, arm: &Arm, ty: &Type) -> bool {
        self.is_plain_at(pattern, arm, matches!(ty, Type::List(_)), matches!(ty, Type::Tuple(_)))
    }

    fn is_plain_at(&self, pattern: &Pattern, arm: &Arm, is_list: bool, is_tuple: bool) -> bool {
        let all = |inner: &[Pattern]| inner.iter().all(|pattern| self.is_plain_at(pattern, arm, false, false));
        match pattern {
            Pattern::List(inner) => is_list && all(inner),
            Pattern::Tuple(inner) if is_tuple => {
                // Places of a tuple that stands there are matched by themselves; a list in another tuple is not.
                inner.iter().all(|pattern| self.is_plain_at(pattern, arm, false, false))
            }
            Pattern::Variant(id, case, inner) => self.is_plain_fields(*id, *case, inner, arm),
            Pattern::Record(id, inner) => self.is_plain_fields(*id, 0, inner, arm),
            Pattern::Tuple(inner) => all(inner),
            Pattern::Or(inner) => inner.iter().all(|pattern| self.is_plain_at(pattern, arm, is_list, is_tuple)),
            Pattern::Some(inner) | Pattern::Ok(inner) | Pattern::Err(inner) => {
                self.is_plain_at(inner, arm, false, false)
            }
            _ => true,
        }
    }

    fn is_plain_fields(&self, id: TypeId, case: u16, inner: &[Pattern], arm: &Arm) -> bool {
        (0..).zip(inner).all(|(i, pattern)| {
            let is_boxed = self.rust.boxed.contains(&(id, case, i));
            let is_name = match pattern {
                Pattern::Any => true,
                Pattern::Bind(local) => !arm.guard.as_ref().is_some_and(|guard| is_read(guard, *local)),
                _ => false,
            };
            if is_boxed { is_name } else { self.is_plain_at(pattern, arm, false, false) }
        })
    }

    /// Prints arms one after the other, each as nested `if let`, in a block that is left with the first that fits.
    fn nested(&mut self, writer: &mut Writer, subject: &Expr, ways: &[Way<'_>], tail: Tail) {
        let subject = self.kept(writer, subject);
        let is_labelled = !matches!(tail, Tail::Return | Tail::Exit);
        self.labels += 1;
        let label = self.labels;
        if is_labelled {
            writer.open(format!("'matched_{label}: {{"));
        }
        let inner_tail = match tail {
            Tail::Return => Tail::Exit,
            Tail::Value => Tail::Break(label),
            tail => tail,
        };
        let ways_or_free = ways.iter().flat_map(|way| alternatives(&way.pattern).into_iter().map(|p| (p, way.arm)));
        let ways: Vec<(Pattern, &Arm)> = ways_or_free.collect();
        let mut is_total = false;
        for (pattern, arm) in &ways {
            is_total = arm.guard.is_none() && is_irrefutable(pattern, &|id| self.n_cases(id));
            let mut first = Extra::default();
            let head = self.whole_pattern(pattern, &subject, arm, &mut first);
            let mut n_open = 0;
            self.ask(writer, pattern, head, subject.doc.clone(), &mut n_open);
            let mut open = vec![first];
            while let Some(mut extra) = open.pop() {
                extra.lines.iter().for_each(|line| writer.line(line));
                for guard in extra.guards.drain(..) {
                    writer.open_doc(&many([text("if "), guard, text(" {")]));
                    n_open += 1;
                }
                for (doc, pattern, ty) in std::mem::take(&mut extra.inner) {
                    let mut more = Extra::default();
                    let head = self.pattern(pattern, &ty, Mode::View, arm, &mut more);
                    self.ask(writer, pattern, head, doc, &mut n_open);
                    open.push(more);
                }
            }
            if let Some(guard) = &arm.guard {
                let head = self.head(guard);
                writer.open_doc(&many([text("if "), head, text(" {")]));
                n_open += 1;
            }
            self.block(writer, &arm.body, inner_tail);
            if matches!(tail, Tail::Assign(_) | Tail::Break(_)) && is_labelled && !matches!(tail, Tail::Break(_)) {
                writer.line(format!("break 'matched_{label};"));
            }
            for _ in 0..n_open {
                writer.close("}");
            }
            if is_total {
                break;
            }
        }
        if !is_total {
            writer.line("unreachable!()");
        }
        if is_labelled {
            writer.close("}");
        }
    }

    /// Opens the block in which a pattern fits.
    fn ask(&mut self, writer: &mut Writer, pattern: &Pattern, head: Doc, of: Doc, n_open: &mut usize) {
        if head.flat() == "_" {
            return;
        }
        *n_open += 1;
        let is_sure = is_irrefutable(pattern, &|id| self.n_cases(id))
            || matches!(pattern, Pattern::Literal(_)) && !head.flat().starts_with(['"', '[']) && is_name(&head.flat());
        if is_sure {
            writer.open("{");
            writer.doc(&many([text("let "), head, text(" = "), of, text(";")]));
        } else {
            writer.open_doc(&many([text("if let "), head, text(" = "), braced(of), text(" {")]));
        }
    }

    /// The subject, in a name if it is made for the match.
    fn kept(&mut self, writer: &mut Writer, subject: &Expr) -> Subject {
        let inner = uncovered(subject);
        let items: Vec<&Expr> = match &inner.kind {
            Kind::Tuple(items) => items.iter().collect(),
            _ => vec![inner],
        };
        let mut docs = Vec::new();
        let mut types = Vec::new();
        for item in items {
            let ty = self.rust.input.program.erased(&item.ty);
            let mode = self.mode(&ty, false);
            let doc = if Self::is_made(item) {
                let name = self.scope.made("subject", Case::Snake);
                let value = self.typed(item, Want::Own).doc;
                writer.doc(&many([text(format!("let {name} = ")), value, text(";")]));
                match (&ty, mode) {
                    (Type::String, Mode::View) => text(format!("{name}.as_str()")),
                    (Type::List(_) | Type::Bytes, Mode::View) => text(format!("{name}.as_slice()")),
                    (_, Mode::View) => text(format!("&{name}")),
                    _ => text(name),
                }
            } else {
                self.typed(item, if mode == Mode::View { Want::View } else { Want::Own }).doc
            };
            docs.push(doc);
            types.push((ty, mode));
        }
        let is_tuple = matches!(&inner.kind, Kind::Tuple(_));
        let doc = if is_tuple { list("(", docs, ")", ",") } else { many(docs) };
        Subject { doc, types, is_tuple }
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text != "true"
        && text != "false"
}

fn is_read_in(arm: &Arm, local: LocalId) -> bool {
    arm.guard.iter().chain([&arm.body]).any(|expr| is_read(expr, local))
}

fn either(docs: &[Doc]) -> Doc {
    let mut ways: Vec<String> = Vec::new();
    for way in docs.iter().map(Doc::flat) {
        if way == "_" {
            return text("_");
        }
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    text(ways.join(" | "))
}

fn joined(guards: Vec<Doc>) -> Doc {
    super::super::writer::chain("&&", guards.into_iter().map(|guard| many([text("("), guard, text(")")])).collect())
}

fn has_or(pattern: &Pattern) -> bool {
    let mut found = false;
    super::super::reach::walk_pattern(pattern, &mut |pattern| found |= matches!(pattern, Pattern::Or(_)));
    found
}

/// Whether it compares a text or bytes, which Rust's patterns can only at the top, or a NaN.
fn has_text(pattern: &Pattern) -> bool {
    let mut found = false;
    super::super::reach::walk_pattern(pattern, &mut |pattern| {
        found |= match pattern {
            Pattern::Literal(Value::String(_) | Value::Bytes(_)) => true,
            Pattern::Literal(Value::Float(x)) => x.is_nan(),
            Pattern::Literal(Value::F32(x)) => x.is_nan(),
            _ => false,
        }
    });
    found
}

fn has_tryte(pattern: &Pattern) -> bool {
    let mut found = false;
    super::super::reach::walk_pattern(pattern, &mut |pattern| {
        found |= matches!(pattern, Pattern::Literal(Value::Tryte(_)));
    });
    found
}

/// The pattern as alternatives without an Or in them, in order.
fn alternatives(pattern: &Pattern) -> Vec<Pattern> {
    if !has_or(pattern) {
        return vec![pattern.clone()];
    }
    let product = |inner: &[Pattern]| {
        inner.iter().fold(vec![Vec::new()], |ways: Vec<Vec<Pattern>>, pattern| {
            let next = alternatives(pattern);
            ways.iter().flat_map(|way| next.iter().map(|one| [&way[..], std::slice::from_ref(one)].concat())).collect()
        })
    };
    let boxed = |inner: &Pattern, make: fn(Box<Pattern>) -> Pattern| {
        alternatives(inner).into_iter().map(|inner| make(Box::new(inner))).collect()
    };
    match pattern {
        Pattern::Or(inner) => inner.iter().flat_map(alternatives).collect(),
        Pattern::Variant(id, case, inner) => {
            product(inner).into_iter().map(|inner| Pattern::Variant(*id, *case, inner)).collect()
        }
        Pattern::Record(id, inner) => product(inner).into_iter().map(|inner| Pattern::Record(*id, inner)).collect(),
        Pattern::Tuple(inner) => product(inner).into_iter().map(Pattern::Tuple).collect(),
        Pattern::List(inner) => product(inner).into_iter().map(Pattern::List).collect(),
        Pattern::Some(inner) => boxed(inner, Pattern::Some),
        Pattern::Ok(inner) => boxed(inner, Pattern::Ok),
        Pattern::Err(inner) => boxed(inner, Pattern::Err),
        _ => vec![pattern.clone()],
    }
}
