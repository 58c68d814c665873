//! Comparing structures: a function for each type that the specification compares, sorts, or keeps as a member or key.

use super::C;
use crate::{
    generate::{
        reach::{field_types, has_float, parts},
        writer::Writer,
    },
    types::{Shape, Type, TypeId},
};

impl C<'_> {
    /// Notes that values are compared by the total order, and gives the function's name.
    pub(super) fn compare(&self, ty: &Type) -> String {
        self.note(ty, true)
    }

    /// Notes that values are compared by `==`; floats are to be compared by the operator itself.
    pub(super) fn equal(&self, ty: &Type) -> String {
        self.note(ty, false)
    }

    fn note(&self, ty: &Type, is_order: bool) -> String {
        let suffix = self.types.suffix(ty);
        let name = format!("vibee_{}_{suffix}", if is_order { "compare" } else { "equal" });
        if parts(ty).is_empty() && !matches!(ty, Type::Named(_)) {
            self.need(&format!("compare_{suffix}"));
            return name;
        }
        if self.compared.borrow().iter().any(|(of, order)| *order == is_order && self.types.suffix(of) == suffix) {
            return name;
        }
        self.compared.borrow_mut().push((ty.clone(), is_order));
        for inner in self.parts_of(ty) {
            self.compared_part(&inner, is_order);
        }
        name
    }

    fn compared_part(&self, ty: &Type, is_order: bool) {
        if is_order || !has_float(self.input.program, ty) {
            self.note(ty, true);
        } else if !matches!(ty, Type::Float | Type::F32) {
            self.note(ty, false);
        }
    }

    fn parts_of(&self, ty: &Type) -> Vec<Type> {
        match ty {
            Type::Named(id) => match &self.input.program.type_def(*id).shape {
                Shape::Enum { cases, .. } => {
                    (0..cases.len()).flat_map(|i| field_types(self.input.program, (*id, i as u16))).collect()
                }
                _ => field_types(self.input.program, (*id, 0)),
            },
            _ => parts(ty).into_iter().cloned().collect(),
        }
    }

    /// Prototypes, and the functions.
    pub(super) fn compare_functions(&self) -> (String, String) {
        let mut prototypes = Writer::new("    ", super::WIDTH);
        let mut out = Writer::new("    ", super::WIDTH);
        let all = self.compared.borrow().clone();
        for (ty, is_order) in &all {
            let (suffix, name) = (self.types.suffix(ty), self.types.name(ty));
            let (gives, verb) = if *is_order { ("int", "compare") } else { ("bool", "equal") };
            let head = format!("static inline {gives} vibee_{verb}_{suffix}({name} a, {name} b)");
            prototypes.line(format!("{head};"));
            out.open(format!("{head} {{"));
            if *is_order {
                out.line("int order = 0;");
            }
            self.comparison(&mut out, ty, *is_order);
            out.close("}");
            out.line("");
        }
        (prototypes.finish(), out.finish())
    }

    fn comparison(&self, out: &mut Writer, ty: &Type, is_order: bool) {
        let equal = if is_order { "return 0;" } else { "return true;" };
        match ty {
            Type::List(of) | Type::Set(of) => {
                out.open("for (size_t i = 0; i < a.length && i < b.length; i++) {");
                self.step(out, of, "a.items[i]", "b.items[i]", is_order);
                out.close("}");
                out.line(lengths(is_order));
            }
            Type::Map(key, of) => {
                out.open("for (size_t i = 0; i < a.length && i < b.length; i++) {");
                self.step(out, key, "a.keys[i]", "b.keys[i]", is_order);
                self.step(out, of, "a.values[i]", "b.values[i]", is_order);
                out.close("}");
                out.line(lengths(is_order));
            }
            Type::Option(of) => {
                out.open("if (!a.is_some || !b.is_some) {");
                out.line(if is_order {
                    "return (int)a.is_some - (int)b.is_some;"
                } else {
                    "return a.is_some == b.is_some;"
                });
                out.close("}");
                self.step(out, of, "a.value", "b.value", is_order);
                out.line(equal);
            }
            Type::Result(of, err) => {
                out.open("if (a.is_ok != b.is_ok) {");
                out.line(if is_order { "return (int)b.is_ok - (int)a.is_ok;" } else { "return false;" });
                out.close("}");
                out.open("if (a.is_ok) {");
                self.step(out, of, "a.as.ok", "b.as.ok", is_order);
                out.turn("} else {");
                self.step(out, err, "a.as.err", "b.as.err", is_order);
                out.close("}");
                out.line(equal);
            }
            Type::Tuple(of) => {
                for (i, ty) in of.iter().enumerate() {
                    self.step(out, ty, &format!("a.item_{i}"), &format!("b.item_{i}"), is_order);
                }
                out.line(equal);
            }
            Type::Named(id) => self.named(out, *id, is_order, equal),
            _ => {}
        }
    }

    fn named(&self, out: &mut Writer, id: TypeId, is_order: bool, equal: &str) {
        let Shape::Enum { cases, .. } = &self.input.program.type_def(id).shape else {
            self.fields_step(out, (id, 0), "", is_order);
            return out.line(equal);
        };
        if self.types.is_bare(id) {
            out.line("order = (a > b) - (a < b);\nreturn order;");
            return;
        }
        out.open("if (a.which != b.which) {");
        out.line(if is_order { "return a.which < b.which ? -1 : 1;" } else { "return false;" });
        out.close("}");
        out.line("switch (a.which) {");
        for (i, case) in (0..).zip(cases) {
            out.open(format!("case {}:", self.types.cases.get(&(id, i)).cloned().unwrap_or_default()));
            if !case.fields.is_empty() {
                let member = self.types.members.get(&(id, i)).cloned().unwrap_or_default();
                self.fields_step(out, (id, i), &format!("as.{member}."), is_order);
            }
            out.line("break;");
            out.up();
        }
        out.line("}");
        out.line(equal);
    }

    fn fields_step(&self, out: &mut Writer, case: (TypeId, u16), path: &str, is_order: bool) {
        let types = field_types(self.input.program, case);
        for (name, ty) in self.types.fields.get(&case).into_iter().flatten().zip(&types) {
            let star = if self.types.is_boxed(case.0, ty) { "*" } else { "" };
            self.step(out, ty, &format!("{star}a.{path}{name}"), &format!("{star}b.{path}{name}"), is_order);
        }
    }

    /// Ends the function where the parts differ.
    fn step(&self, out: &mut Writer, ty: &Type, a: &str, b: &str, is_order: bool) {
        let suffix = self.types.suffix(ty);
        if is_order {
            out.line(format!("order = vibee_compare_{suffix}({a}, {b});"));
            out.open("if (order != 0) {");
            out.line("return order;");
        } else {
            let differ = match ty {
                Type::Float | Type::F32 => format!("{a} != {b}"),
                _ if has_float(self.input.program, ty) => format!("!vibee_equal_{suffix}({a}, {b})"),
                _ => format!("vibee_compare_{suffix}({a}, {b}) != 0"),
            };
            out.open(format!("if ({differ}) {{"));
            out.line("return false;");
        }
        out.close("}");
    }
}

fn lengths(is_order: bool) -> &'static str {
    if is_order { "return (a.length > b.length) - (a.length < b.length);" } else { "return a.length == b.length;" }
}
