//! Orders of structure: a function for each type that something is sorted, searched or compared by.

use super::{super::writer::Writer, TypeScript};
use crate::types::{Shape, Type, TypeId};

impl TypeScript<'_> {
    /// An expression that is the order of a type's values.
    pub(super) fn order(&self, ty: &Type) -> String {
        match self.input.program.erased(ty) {
            Type::Float | Type::F32 => self.rt("compareFloat"),
            Type::String => self.rt("compareText"),
            Type::Bytes => format!("{}({})", self.rt("compareList"), self.rt("compareNative")),
            Type::List(of) | Type::Set(of) => format!("{}({})", self.rt("compareList"), self.order(&of)),
            Type::Map(key, of) => {
                let pair = self.fields_order(&["0", "1"], &[*key, *of], true);
                format!("{}({pair})", self.rt("compareList"))
            }
            Type::Option(of) => format!("{}({})", self.rt("compareOption"), self.order(&of)),
            Type::Result(of, err) => format!("{}({}, {})", self.rt("compareResult"), self.order(&of), self.order(&err)),
            Type::Tuple(of) => {
                let places: Vec<String> = (0..of.len()).map(|i| i.to_string()).collect();
                self.fields_order(&places.iter().map(String::as_str).collect::<Vec<_>>(), &of, true)
            }
            Type::Named(id) => {
                self.orders.borrow_mut().insert(id);
                order_name(self.naming.ty(id))
            }
            _ => self.rt("compareNative"),
        }
    }

    /// `compareFields([["a", …], …])`
    fn fields_order(&self, names: &[&str], types: &[Type], is_tuple: bool) -> String {
        let of_type = if is_tuple {
            let types: Vec<String> = types.iter().map(|ty| self.ty(ty)).collect();
            format!("<readonly [{}]>", types.join(", "))
        } else {
            String::new()
        };
        format!("{}{of_type}([{}])", self.rt("compareFields"), self.pairs(names, types))
    }

    fn pairs(&self, names: &[&str], types: &[Type]) -> String {
        let pairs = names.iter().zip(types).map(|(name, ty)| {
            // By a function of its own, for a type may contain itself.
            format!("[\"{name}\", (a: {0}, b: {0}) => {1}(a, b)]", self.ty(ty), self.order(ty))
        });
        pairs.collect::<Vec<_>>().join(", ")
    }

    /// Prints the orders of declared types that are in use, and those that these use.
    pub(super) fn print_orders(&self, writer: &mut Writer) {
        let mut done: Vec<TypeId> = Vec::new();
        loop {
            let next = self.orders.borrow().iter().find(|id| !done.contains(id)).copied();
            let Some(id) = next else { return };
            done.push(id);
            let name = self.naming.ty(id);
            writer.blank();
            writer.line(format!("/** The order of `{name}`. */"));
            writer.open(format!("function {}(a: {name}, b: {name}): number {{", order_name(name)));
            let order = self.named_order(id);
            writer.line(format!("const order: {}<{name}> = {order};", self.rt("Order")));
            writer.line("return order(a, b);");
            writer.close("}");
        }
    }

    fn named_order(&self, id: TypeId) -> String {
        let names =
            |case: u16, n: usize| -> Vec<String> { (0..n as u16).map(|i| self.field_name(id, case, i)).collect() };
        match &self.input.program.type_def(id).shape {
            Shape::Record(fields) => {
                let names = names(0, fields.len());
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.fields_order(&names, &self.field_types(id, 0), false)
            }
            Shape::Enum { cases, .. } => {
                let all: Vec<String> =
                    (0..cases.len() as u16).map(|i| format!("\"{}\"", self.naming.case(id, i))).collect();
                if self.is_bare(id) {
                    return format!("{}([{}])", self.rt("compareNames"), all.join(", "));
                }
                let carried = (0..).zip(cases).filter(|(_, case)| !case.fields.is_empty()).map(|(i, case)| {
                    let names = names(i, case.fields.len());
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    format!("\"{}\": [{}]", self.naming.case(id, i), self.pairs(&names, &self.field_types(id, i)))
                });
                let carried: Vec<String> = carried.collect();
                format!("{}([{}], {{ {} }})", self.rt("compareCases"), all.join(", "), carried.join(", "))
            }
            Shape::Constrained { base: ty, .. } | Shape::Alias(ty) => self.order(ty),
        }
    }
}

/// The name of the order of a declared type; types have names of their own case, so nothing else is called so.
fn order_name(name: &str) -> String {
    format!("order_{name}")
}
