//! Values and types as a specification writes them.

use crate::{
    decimal,
    typed::Program,
    types::{Shape, Type, TypeDef, TypeId},
    value::Value,
};

/// Bytes of a shown value; what is longer ends with `…`, and so does what nests deeper than [`DEPTH_MAX`].
pub const BYTES_MAX: usize = 1 << 20;
/// Levels of a shown value.
pub const DEPTH_MAX: usize = 200;

/// Gives the text of a value, an expression that has this value where its type is expected: `[1, 2]`, `Some(0t+)`,
/// `KeepAlive.for(seconds = 300.0)`. A type of a module that was not asked for has the module's name before it.
pub fn show(program: &Program, ty: &Type, value: &Value) -> String {
    let mut out = String::new();
    Shown { program, out: &mut out }.value(ty, value, 0);
    out
}

/// Gives the text of a type.
pub fn show_type(program: &Program, ty: &Type) -> String {
    let inner = |ty: &Type| show_type(program, ty);
    match ty {
        Type::Bool => "Bool".to_owned(),
        Type::Trit => "Trit".to_owned(),
        Type::Tryte(width) => format!("Tryte<{width}>"),
        Type::Int => "Int".to_owned(),
        Type::IntIn(lo, hi) => format!("Int({lo}..{hi})"),
        Type::U64 => "U64".to_owned(),
        Type::Float => "Float".to_owned(),
        Type::F32 => "F32".to_owned(),
        Type::String => "String".to_owned(),
        Type::Bytes => "Bytes".to_owned(),
        Type::List(of) => format!("List<{}>", inner(of)),
        Type::Set(of) => format!("Set<{}>", inner(of)),
        Type::Map(key, of) => format!("Map<{}, {}>", inner(key), inner(of)),
        Type::Option(of) => format!("Option<{}>", inner(of)),
        Type::Result(of, err) => format!("Result<{}, {}>", inner(of), inner(err)),
        Type::Tuple(of) => format!("({})", of.iter().map(inner).collect::<Vec<_>>().join(", ")),
        Type::Named(id) => type_name(program, *id),
        Type::Param(name) => name.to_string(),
        Type::Var(_) | Type::Poison => "_".to_owned(),
    }
}

/// Gives a text in quotes, with escapes where the language has them.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Beside controls what no eye sees, what turns the writing around, and what YAML takes for a line's end.
            c if c.is_control()
                || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
                || matches!(c, '\u{feff}' | '\u{fff0}'..='\u{ffff}') =>
            {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn type_name(program: &Program, id: TypeId) -> String {
    let TypeDef { module, name, .. } = program.type_def(id);
    let is_asked_for = |module: &str| program.modules.iter().any(|m| m.name == module && m.is_asked_for);
    if is_asked_for(module) { name.clone() } else { format!("{module}.{name}") }
}

struct Shown<'a> {
    program: &'a Program,
    out: &'a mut String,
}

impl Shown<'_> {
    fn value(&mut self, ty: &Type, value: &Value, depth: usize) {
        if self.out.len() > BYTES_MAX || depth > DEPTH_MAX {
            if !self.out.ends_with('…') {
                self.out.push('…');
            }
            return;
        }
        if let Type::Named(id) = ty
            && let Shape::Constrained { base, .. } | Shape::Alias(base) = &self.program.type_def(*id).shape
        {
            return self.value(base, value, depth);
        }
        match (ty, value) {
            (_, Value::Bool(is_true)) => self.out.push_str(if *is_true { "true" } else { "false" }),
            (_, Value::Trit(trit)) => {
                self.out.push_str("0t");
                self.out.push(digit(i128::from(*trit)));
            }
            // `0t+` is a Trit.
            (Type::Tryte(1), Value::Tryte(number)) => self.out.push_str(&format!("tryte<1>({number})")),
            (Type::Tryte(width), Value::Tryte(number)) => {
                let mut rest = i128::from(*number);
                let mut digits: Vec<char> = Vec::new();
                for _ in 0..*width {
                    let trit = (rest + 1).rem_euclid(3) - 1;
                    digits.push(digit(trit));
                    rest = (rest - trit) / 3;
                }
                self.out.push_str("0t");
                self.out.extend(digits.iter().rev());
            }
            (_, Value::Tryte(number) | Value::Int(number)) => self.out.push_str(&number.to_string()),
            (_, Value::U64(number)) => self.out.push_str(&number.to_string()),
            (_, Value::Float(x)) => self.out.push_str(&decimal::show_float(*x)),
            (_, Value::F32(x)) => self.out.push_str(&decimal::show_f32(*x)),
            (_, Value::String(text)) => self.out.push_str(&quoted(text)),
            (_, Value::Bytes(bytes)) => {
                self.out.push_str("b\"");
                self.out.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
                self.out.push('"');
            }
            (Type::List(of), Value::List(items)) => self.listed("[", items.iter(), of, "]", depth),
            (Type::Set(of), Value::Set(members)) => self.listed("set_of([", members.iter(), of, "])", depth),
            (Type::Map(key, of), Value::Map(entries)) => {
                self.out.push_str("map_of([");
                for (at, (k, v)) in entries.iter().enumerate() {
                    self.comma(at);
                    self.out.push('(');
                    self.value(key, k, depth + 1);
                    self.out.push_str(", ");
                    self.value(of, v, depth + 1);
                    self.out.push(')');
                }
                self.out.push_str("])");
            }
            (_, Value::Option(None)) => self.out.push_str("None"),
            (Type::Option(of), Value::Option(Some(inner))) => self.wrapped("Some(", of, inner, depth),
            (Type::Result(of, _), Value::Result(Ok(inner))) => self.wrapped("Ok(", of, inner, depth),
            (Type::Result(_, err), Value::Result(Err(inner))) => self.wrapped("Err(", err, inner, depth),
            (Type::Tuple(of), Value::Tuple(parts)) => {
                self.out.push('(');
                for (at, (ty, part)) in of.iter().zip(parts.iter()).enumerate() {
                    self.comma(at);
                    self.value(ty, part, depth + 1);
                }
                self.out.push(')');
            }
            (_, Value::Record(id, parts)) => {
                self.out.push_str(&type_name(self.program, *id));
                if let Shape::Record(fields) = &self.program.type_def(*id).shape {
                    self.fields(fields, parts, depth);
                }
            }
            (_, Value::Enum(id, case, parts)) => {
                self.out.push_str(&type_name(self.program, *id));
                if let Shape::Enum { cases, .. } = &self.program.type_def(*id).shape
                    && let Some(case) = cases.get(usize::from(*case))
                {
                    self.out.push('.');
                    self.out.push_str(&case.name);
                    if !case.fields.is_empty() {
                        self.fields(&case.fields, parts, depth);
                    }
                }
            }
            _ => self.out.push('_'),
        }
    }

    fn comma(&mut self, at: usize) {
        if at > 0 {
            self.out.push_str(", ");
        }
    }

    fn listed<'v>(&mut self, open: &str, items: impl Iterator<Item = &'v Value>, of: &Type, close: &str, depth: usize) {
        self.out.push_str(open);
        for (at, item) in items.enumerate() {
            if self.out.len() > BYTES_MAX {
                self.out.push_str(", …");
                break;
            }
            self.comma(at);
            self.value(of, item, depth + 1);
        }
        self.out.push_str(close);
    }

    fn wrapped(&mut self, open: &str, ty: &Type, inner: &Value, depth: usize) {
        self.out.push_str(open);
        self.value(ty, inner, depth + 1);
        self.out.push(')');
    }

    fn fields(&mut self, fields: &[crate::types::FieldDef], parts: &[Value], depth: usize) {
        self.out.push('(');
        for (at, (field, part)) in fields.iter().zip(parts).enumerate() {
            self.comma(at);
            self.out.push_str(&field.name);
            self.out.push_str(" = ");
            self.value(&field.ty, part, depth + 1);
        }
        self.out.push(')');
    }
}

fn digit(trit: i128) -> char {
    match trit {
        1 => '+',
        0 => '0',
        _ => '-',
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::testing::programs;

    fn check(ty: &Type, value: &Value, expected: &str) {
        let program = programs::program(0, 1);
        assert_eq!(show(&program, ty, value), expected);
    }

    #[test]
    fn values_are_shown_as_written() {
        let list = |of| Type::List(Box::new(of));
        let option = |of| Type::Option(Box::new(of));
        let text = Value::String("a\"\\\n\u{1}é\u{202e}😀".into());
        check(&Type::String, &text, "\"a\\\"\\\\\\n\\u{1}é\\u{202e}😀\"");
        check(&Type::Int, &Value::Int(i64::MIN), "-9223372036854775808");
        check(&Type::U64, &Value::U64(u64::MAX), "18446744073709551615");
        check(&Type::Float, &Value::Float(1.0), "1.0");
        check(&Type::Float, &Value::Float(f64::NEG_INFINITY), "-inf");
        check(&Type::Float, &Value::Float(f64::NAN), "nan");
        check(&Type::F32, &Value::F32(0.1), "0.1");
        check(&Type::Trit, &Value::Trit(-1), "0t-");
        check(&Type::Tryte(3), &Value::Tryte(6), "0t+-0");
        check(&Type::Tryte(1), &Value::Tryte(-1), "tryte<1>(-1)");
        check(&Type::Bytes, &Value::Bytes([0, 255].into()), "b\"00ff\"");
        let items = Value::List(Rc::new(vec![Value::Option(None), Value::Option(Some(Rc::new(Value::Int(1))))]));
        check(&list(option(Type::Int)), &items, "[None, Some(1)]");
        let result = Type::Result(Box::new(Type::Bool), Box::new(Type::Int));
        check(&result, &Value::Result(Ok(Rc::new(Value::Bool(true)))), "Ok(true)");
        check(&result, &Value::Result(Err(Rc::new(Value::Int(-3)))), "Err(-3)");
        let set = Value::Set(Rc::new([Value::Int(2), Value::Int(1)].into()));
        check(&Type::Set(Box::new(Type::Int)), &set, "set_of([1, 2])");
        let map = Value::Map(Rc::new([(Value::Int(1), Value::Bool(false))].into()));
        check(&Type::Map(Box::new(Type::Int), Box::new(Type::Bool)), &map, "map_of([(1, false)])");
        let pair = Value::Record(TypeId(0), Rc::new([Value::Int(1), Value::String("x".into())]));
        check(&Type::Named(TypeId(0)), &pair, "Pair(number = 1, text = \"x\")");
        check(&Type::Named(TypeId(1)), &Value::Enum(TypeId(1), 2, vec![].into()), "Color.blue");
        let circle = Value::Enum(TypeId(3), 1, vec![Value::Float(-0.0)].into());
        check(&Type::Named(TypeId(3)), &circle, "Form.circle(radius = -0.0)");
        let tuple = Type::Tuple(vec![Type::Int, Type::Trit]);
        check(&tuple, &Value::Tuple(Rc::new([Value::Int(1), Value::Trit(1)])), "(1, 0t+)");
    }

    #[test]
    fn what_is_deep_or_looks_huge_is_cut() {
        let tree = Type::Named(TypeId(2));
        let leaf = || Value::Enum(TypeId(2), 0, vec![].into());
        let bomb = (0..100_000)
            .fold(leaf(), |inner, _| Value::Enum(TypeId(2), 1, vec![inner.clone(), Value::Int(0), inner].into()));
        let shown = show(&programs::program(0, 1), &tree, &bomb);
        assert!(shown.contains('…') && shown.len() < 2 * BYTES_MAX, "{}", shown.len());
    }
}
