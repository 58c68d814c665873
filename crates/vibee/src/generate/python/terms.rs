//! Terms and values.

use super::{Python, body::Body, is_bare};
use crate::{
    decimal::show_float,
    generate::{
        reach::{field_types, has_float},
        terms::{Term, TermKind},
        writer::{Doc, group, list, many, nest, text},
    },
    intrinsic::Intrinsic,
    types::{Type, TypeId},
    value::Value,
};

/// How strongly an expression binds: the place of its operator in Python's grammar.
type Strength = u8;
const COND: Strength = 0;
const OR: Strength = 1;
const AND: Strength = 2;
const NOT: Strength = 3;
const COMPARE: Strength = 4;
const BIT_OR: Strength = 5;
const BIT_XOR: Strength = 6;
const BIT_AND: Strength = 7;
const SUM: Strength = 9;
const PRODUCT: Strength = 10;
const SIGN: Strength = 11;
const ATOM: Strength = 13;

type Printed = (Doc, Strength);

impl Body<'_> {
    /// A term that may stand where a comma ends it.
    pub(super) fn term(&self, term: &Term) -> Doc {
        self.print(term).0
    }

    /// A term as an operand of an operator that binds so strongly.
    pub(super) fn operand(&self, term: &Term, strength: Strength) -> Doc {
        let (doc, own) = self.print(term);
        if own < strength { many([text("("), doc, text(")")]) } else { doc }
    }

    /// `a and b and c`, in brackets and a line each where it is too wide for one.
    fn junction(&self, term: &Term) -> Doc {
        let items = self.sides(term);
        group(many([Doc::IfBroken("("), nest(many([Doc::SoftLine, items])), Doc::SoftLine, Doc::IfBroken(")")]))
    }

    /// `a and b and c`, which may be broken before each word.
    fn sides(&self, term: &Term) -> Doc {
        let is_and = matches!(term.kind, TermKind::And(..));
        let mut items = Vec::new();
        let mut left = term;
        while let (TermKind::And(a, b), true) | (TermKind::Or(a, b), false) = (&left.kind, is_and) {
            items.push(self.operand(b, if is_and { NOT } else { AND }));
            left = a;
        }
        let first = self.operand(left, if is_and { AND } else { OR });
        let word = if is_and { "and " } else { "or " };
        many([first].into_iter().chain(items.into_iter().rev().flat_map(|item| [Doc::Line, text(word), item])))
    }

    fn call(&self, name: &str, args: &[&Term]) -> Printed {
        let name = if name.starts_with('_') || name == "Some" || name == "Ok" || name == "Err" {
            self.python.need(name)
        } else {
            name.to_owned()
        };
        (many([text(name), list("(", args.iter().map(|arg| self.term(arg)).collect(), ")", ",")]), ATOM)
    }

    /// Prints a call, `name(inner, more)`.
    fn wrap(&self, name: &str, inner: Doc, more: &str) -> Printed {
        let name = if name.starts_with('_') { self.python.need(name) } else { name.to_owned() };
        (many([text(name), list("(", vec![many([inner, text(more.to_owned())])], ")", "")]), ATOM)
    }

    fn infix(&self, a: &Term, operator: &str, b: &Term, strength: Strength) -> Printed {
        let left = if strength == COMPARE { strength + 1 } else { strength };
        (many([self.operand(a, left), text(format!(" {operator} ")), self.operand(b, strength + 1)]), strength)
    }

    fn method(&self, of: &Term, name: &str, args: &[&Term]) -> Printed {
        let args = args.iter().map(|arg| self.term(arg)).collect();
        let of = match &of.kind {
            TermKind::Const(Value::U64(_)) => many([text("("), self.term(of), text(")")]),
            _ => self.operand(of, ATOM),
        };
        (many([of, text(format!(".{name}")), list("(", args, ")", ",")]), ATOM)
    }

    fn member(&self, of: &Term, name: &str) -> Printed {
        (many([self.operand(of, ATOM), text(format!(".{name}"))]), ATOM)
    }

    fn print(&self, term: &Term) -> Printed {
        match &term.kind {
            TermKind::Const(value) => self.python.value(&term.ty, value),
            TermKind::Var(var) => (text(self.name(*var)), ATOM),
            TermKind::Built(var) if self.is_made(*var) => (text(self.name(*var)), ATOM),
            TermKind::Built(var) => {
                let name = self.name(*var);
                let text_of = match self.var_type(*var) {
                    Type::List(_) => format!("tuple({name})"),
                    Type::Set(_) => format!("frozenset({name})"),
                    Type::Map(..) => format!("{}({name}.items())", self.python.need("_map_of")),
                    _ => name,
                };
                (text(text_of), ATOM)
            }
            TermKind::Call(function, args) => {
                let args = args.iter().map(|arg| self.term(arg)).collect();
                (many([text(self.python.function(*function)), list("(", args, ")", ",")]), ATOM)
            }
            TermKind::Op(op, args) => self.op(*op, args, &term.ty),
            TermKind::Tuple(items) | TermKind::List(items) => {
                let mut docs: Vec<Doc> = items.iter().map(|item| self.term(item)).collect();
                if let (1, Some(only)) = (docs.len(), docs.pop()) {
                    return (many([text("("), only, text(",)")]), ATOM);
                }
                (list("(", items.iter().map(|item| self.term(item)).collect(), ")", ","), ATOM)
            }
            TermKind::Record(id, items) => self.class((*id, 0), self.python.types.get(id), items),
            TermKind::Variant(id, case, items) => self.class((*id, *case), self.python.cases.get(&(*id, *case)), items),
            TermKind::None => (text("None"), ATOM),
            TermKind::Some(inner) => self.call("Some", &[inner]),
            TermKind::Ok(inner) => self.call("Ok", &[inner]),
            TermKind::Err(inner) => self.call("Err", &[inner]),
            TermKind::Field(of, i) => match &of.ty {
                Type::Named(id) => self.member(of, &self.field((*id, 0), *i)),
                _ => (many([self.operand(of, ATOM), text(format!("[{i}]"))]), ATOM),
            },
            TermKind::Payload(of, id, case, i) => self.member(of, &self.field((*id, *case), *i)),
            TermKind::SomeOf(of) | TermKind::OkOf(of) => self.member(of, "value"),
            TermKind::ErrOf(of) => self.member(of, "error"),
            TermKind::Item(of, i) => (many([self.operand(of, ATOM), text(format!("[{i}]"))]), ATOM),
            TermKind::IsCase(of, id, case) => self.is_case(of, *id, *case),
            TermKind::IsSome(of) => (many([self.operand(of, BIT_OR), text(" is not None")]), COMPARE),
            TermKind::IsOk(of) => self.is_instance(of, "Ok"),
            TermKind::HasLen(of, n) => (many([text("len("), self.term(of), text(format!(") == {n}"))]), COMPARE),
            TermKind::Equals(of, value) => {
                let (literal, strength) = self.python.value(&of.ty, value);
                let literal = if strength <= COMPARE { many([text("("), literal, text(")")]) } else { literal };
                (many([self.operand(of, BIT_OR), text(" == "), literal]), COMPARE)
            }
            TermKind::Between(of, lo, hi) => {
                (many([text(format!("{lo} <= ")), self.operand(of, BIT_OR), text(format!(" <= {hi}"))]), COMPARE)
            }
            TermKind::Not(inner) => self.negated(inner),
            TermKind::And(..) => (self.junction(term), AND),
            TermKind::Or(..) => (self.junction(term), OR),
            TermKind::Cond(condition, then, otherwise) => {
                let parts = [self.operand(then, OR), text(" if "), self.operand(condition, OR)];
                (many(parts.into_iter().chain([text(" else "), self.operand(otherwise, COND)])), COND)
            }
            TermKind::InRange(inner, lo, hi) => self.wrap("_range", self.term(inner), &format!(", {lo}, {hi}")),
        }
    }

    /// `not inner`, as people write it.
    fn negated(&self, inner: &Term) -> Printed {
        match &inner.kind {
            TermKind::IsSome(of) => (many([self.operand(of, BIT_OR), text(" is None")]), COMPARE),
            TermKind::IsOk(of) => self.is_instance(of, "Err"),
            TermKind::Equals(of, value) if !matches!(value, Value::Float(_) | Value::F32(_)) => {
                let (literal, _) = self.python.value(&of.ty, value);
                (many([self.operand(of, BIT_OR), text(" != "), literal]), COMPARE)
            }
            TermKind::IsCase(of, id, case) if is_bare(self.python.input.program.type_def(*id)) => {
                let name = self.python.cases.get(&(*id, *case)).cloned().unwrap_or_default();
                (many([self.operand(of, BIT_OR), text(format!(" is not {name}"))]), COMPARE)
            }
            TermKind::Op(Intrinsic::SetHas | Intrinsic::MapHas, args)
                if args.len() == 2 && args.iter().any(Term::is_path) =>
            {
                let [of, item] = &args[..] else { return (text("None"), ATOM) };
                (many([self.operand(item, BIT_OR), text(" not in "), self.operand(of, BIT_OR)]), COMPARE)
            }
            _ => (many([text("not "), self.operand(inner, NOT)]), NOT),
        }
    }

    fn is_instance(&self, of: &Term, class: &str) -> Printed {
        (many([text("isinstance("), self.term(of), text(format!(", {})", self.python.need(class)))]), ATOM)
    }

    fn is_case(&self, of: &Term, id: TypeId, case: u16) -> Printed {
        let name = self.python.cases.get(&(id, case)).cloned().unwrap_or_default();
        if is_bare(self.python.input.program.type_def(id)) {
            return (many([self.operand(of, BIT_OR), text(format!(" is {name}"))]), COMPARE);
        }
        (many([text("isinstance("), self.term(of), text(format!(", {name})"))]), ATOM)
    }

    fn field(&self, case: (TypeId, u16), i: u16) -> String {
        self.python.fields.get(&case).and_then(|fields| fields.get(i as usize)).cloned().unwrap_or_default()
    }

    fn class(&self, case: (TypeId, u16), name: Option<&String>, items: &[Term]) -> Printed {
        let name = name.cloned().unwrap_or_default();
        let args = items
            .iter()
            .enumerate()
            .map(|(i, item)| many([text(format!("{}=", self.field(case, i as u16))), self.term(item)]))
            .collect();
        if is_bare(self.python.input.program.type_def(case.0)) {
            return (text(name), ATOM);
        }
        (many([text(name), list("(", args, ")", ",")]), ATOM)
    }

    fn compared(&self, a: &Term, b: &Term, operator: &str) -> Printed {
        match &a.ty {
            Type::Named(id) if is_bare(self.python.input.program.type_def(*id)) => {
                let value = |term| many([self.operand(term, ATOM), text(".value")]);
                (many([value(a), text(format!(" {operator} ")), value(b)]), COMPARE)
            }
            Type::Named(_) => (many([self.call("_compare", &[a, b]).0, text(format!(" {operator} 0"))]), COMPARE),
            _ => self.infix(a, operator, b, COMPARE),
        }
    }

    fn op(&self, op: Intrinsic, args: &[Term], ty: &Type) -> Printed {
        use Intrinsic as I;
        match args {
            [a] => self.unary(op, a, ty),
            [a, b] => self.binary(op, a, b),
            [a, b, c] => match op {
                I::ListSet => self.call("_set", &[a, b, c]),
                I::MapPut => self.call("_put", &[a, b, c]),
                _ => self.call("_slice", &[a, b, c]),
            },
            _ => (text("None"), ATOM),
        }
    }

    fn width(ty: &Type) -> String {
        match ty {
            Type::Tryte(n) => format!(", {n}"),
            _ => String::new(),
        }
    }

    #[allow(clippy::match_same_arms, reason = "a row for each operation, type by type")]
    fn unary(&self, op: Intrinsic, a: &Term, ty: &Type) -> Printed {
        use Intrinsic as I;
        let negative = || (many([text("-"), self.operand(a, ATOM)]), SIGN);
        let name = match op {
            I::IntNeg => return self.wrap("_int", negative().0, ""),
            I::FloatNeg | I::F32Neg | I::TritNot | I::TryteNeg => return negative(),
            I::U64Not => return (many([self.operand(a, BIT_XOR), text(" ^ 0xFFFFFFFFFFFFFFFF")]), BIT_XOR),
            I::U64Popcount => return self.method(a, "bit_count", &[]),
            I::U64FromInt => return self.wrap("_range", self.term(a), ", 0, 0x7FFFFFFFFFFFFFFF"),
            I::U64ToInt => return self.wrap("_range", self.term(a), ", 0, 0x7FFFFFFFFFFFFFFF"),
            I::U64FromBits => return (many([self.operand(a, BIT_AND), text(" & 0xFFFFFFFFFFFFFFFF")]), BIT_AND),
            I::U64ToBits => "_wrapped",
            I::FloatAbs | I::F32Abs => "abs",
            I::FloatSqrt => "_sqrt",
            I::F32Sqrt => return self.wrap("_f32", self.call("_sqrt", &[a]).0, ""),
            I::FloatFloor => return self.wrap("_whole", self.term(a), ", math.floor"),
            I::FloatCeil => return self.wrap("_whole", self.term(a), ", math.ceil"),
            I::FloatTrunc => return self.wrap("_whole", self.term(a), ", math.trunc"),
            I::FloatRoundEven => return self.wrap("_whole", self.term(a), ", round"),
            I::FloatFromInt => "_exact",
            I::FloatRoundInt => "float",
            I::FloatBits => "_bits",
            I::FloatFromBits => "_from_bits",
            I::F32FromFloat => "_f32",
            I::F32Bits => "_f32_bits",
            I::F32FromBits => "_f32_from_bits",
            I::F32ToFloat | I::TritToInt | I::TryteToInt => return self.print(a),
            I::TritFromBool => return (many([text("1 if "), self.operand(a, OR), text(" else -1")]), COND),
            I::TritFromInt => return self.wrap("_range", self.term(a), ", -1, 1"),
            I::TryteDigits => return self.wrap("_digits", self.term(a), &Self::width(&a.ty)),
            I::TryteFromInt => {
                let most = if let Type::Tryte(n) = ty { (3i128.pow(u32::from(*n)) - 1) / 2 } else { 0 };
                return self.wrap("_range", self.term(a), &format!(", -{most}, {most}"));
            }
            I::TryteFromDigits => return self.wrap("_from_digits", self.term(a), &Self::width(ty)),
            I::OptionUnwrap => "_unwrap",
            I::ResultUnwrap => "_unwrap_ok",
            I::ListLen | I::SetLen | I::MapLen | I::StringLen | I::BytesLen => "len",
            I::ListSort => {
                self.python.need("_compare");
                return self.wrap("tuple", self.wrap("sorted", self.term(a), ", key=_key").0, "");
            }
            I::SetOf => "frozenset",
            I::SetItems => "_in_order",
            I::MapOf => "_map_of",
            I::MapKeys | I::StringChars => "tuple",
            I::StringCode => "_code",
            I::StringFromCode => "_from_code",
            I::StringParseInt => "_parse_int",
            I::StringParseFloat => "_parse_float",
            I::StringShowInt | I::StringShowU64 => "str",
            I::StringShowFloat => "_show_float",
            I::StringShowF32 => "_show_f32",
            I::BytesFromList => "_bytes_of",
            I::BytesUtf8 => return self.method(a, "encode", &[]),
            I::BytesDecodeUtf8 => "_decode_utf8",
            _ => "not",
        };
        self.call(name, &[a])
    }

    #[allow(clippy::match_same_arms, reason = "a row for each operation, type by type")]
    fn binary(&self, op: Intrinsic, a: &Term, b: &Term) -> Printed {
        use Intrinsic as I;
        let infix = |operator, strength| self.infix(a, operator, b, strength);
        let within = |name: &str, operator, strength| self.wrap(name, self.infix(a, operator, b, strength).0, "");
        let masked = |operator, strength| {
            let inner = self.infix(a, operator, b, strength).0;
            (many([text("("), inner, text(") & 0xFFFFFFFFFFFFFFFF")]), BIT_AND)
        };
        let name = match op {
            I::IntAdd => return within("_int", "+", SUM),
            I::IntSub => return within("_int", "-", SUM),
            I::IntMul => return within("_int", "*", PRODUCT),
            I::IntDiv => "_div",
            I::IntMod => "_mod",
            I::IntQuo => "_quo",
            I::IntRem => "_rem",
            I::IntWrappingAdd => return within("_wrapped", "+", SUM),
            I::IntWrappingSub => return within("_wrapped", "-", SUM),
            I::IntWrappingMul => return within("_wrapped", "*", PRODUCT),
            I::IntSaturatingAdd => return within("_saturated", "+", SUM),
            I::IntSaturatingSub => return within("_saturated", "-", SUM),
            I::IntSaturatingMul => return within("_saturated", "*", PRODUCT),
            I::U64Add => return masked("+", SUM),
            I::U64Sub => return masked("-", SUM),
            I::U64Mul => return masked("*", PRODUCT),
            I::U64Div => "_u64_div",
            I::U64Mod => "_u64_mod",
            I::U64And => return infix("&", BIT_AND),
            I::U64Or => return infix("|", BIT_OR),
            I::U64Xor => return infix("^", BIT_XOR),
            I::U64Shl => "_shl",
            I::U64Shr => "_shr",
            I::U64Rotl => "_rotl",
            I::FloatAdd => return infix("+", SUM),
            I::FloatSub => return infix("-", SUM),
            I::FloatMul => return infix("*", PRODUCT),
            I::FloatDiv => "_float_div",
            I::F32Add => return within("_f32", "+", SUM),
            I::F32Sub => return within("_f32", "-", SUM),
            I::F32Mul => return within("_f32", "*", PRODUCT),
            I::F32Div => return self.wrap("_f32", self.call("_float_div", &[a, b]).0, ""),
            I::Eq | I::Ne => return self.equal(a, b, op == I::Eq),
            I::Lt => return self.compared(a, b, "<"),
            I::Le => return self.compared(a, b, "<="),
            I::Gt => return self.compared(a, b, ">"),
            I::Ge => return self.compared(a, b, ">="),
            I::Same => return (many([self.call("_compare", &[a, b]).0, text(" == 0")]), COMPARE),
            I::Compare => "_compare",
            I::TritAnd => "min",
            I::TritOr => "max",
            I::TritImplies => {
                return self.wrap("max", many([text("-"), self.operand(a, ATOM), text(", "), self.term(b)]), "");
            }
            I::TritXor => "_trit_xor",
            I::TritMul => return infix("*", PRODUCT),
            I::TritAdd => "_trit_add",
            I::TritConsensus => "_consensus",
            I::TryteAdd => return self.wrap("_tryte", infix("+", SUM).0, &Self::width(&a.ty)),
            I::TryteSub => return self.wrap("_tryte", infix("-", SUM).0, &Self::width(&a.ty)),
            I::TryteWrapAdd => return self.wrap("_tryte_wrapped", infix("+", SUM).0, &Self::width(&a.ty)),
            I::ListAt | I::StringAt | I::BytesAt => "_at",
            I::ListPush => {
                let parts = [text("(*"), self.operand(a, BIT_OR), text(", "), self.term(b), text(")")];
                return (many(parts), ATOM);
            }
            I::ListConcat | I::StringConcat | I::BytesConcat => return infix("+", SUM),
            I::ListRange => {
                let last = many([self.operand(b, SUM), text(" + 1")]);
                return self.wrap("tuple", many([text("range("), self.term(a), text(", "), last, text(")")]), "");
            }
            // What it looks in is evaluated first.
            I::SetHas | I::MapHas if a.is_path() || b.is_path() => {
                let parts = [self.operand(b, BIT_OR), text(" in "), self.operand(a, BIT_OR)];
                return (many(parts), COMPARE);
            }
            I::SetHas | I::MapHas => "_has",
            I::SetPut => {
                return (many([self.operand(a, BIT_OR), text(" | {"), self.term(b), text("}")]), BIT_OR);
            }
            I::SetDelete => return (many([self.operand(a, SUM), text(" - {"), self.term(b), text("}")]), SUM),
            I::MapGet => "_get",
            I::MapAt => "_lookup",
            I::MapDelete => "_delete",
            I::StringFind => "_find",
            I::StringStartsWith => return self.method(a, "startswith", &[b]),
            I::StringEndsWith => return self.method(a, "endswith", &[b]),
            I::StringSplit => "_split",
            I::StringJoin if a.is_path() || b.is_path() => return self.method(b, "join", &[a]),
            I::StringJoin => "_join",
            _ => "not",
        };
        self.call(name, &[a, b])
    }

    fn equal(&self, a: &Term, b: &Term, is_equal: bool) -> Printed {
        if matches!(b.kind, TermKind::None | TermKind::Const(Value::Option(None))) {
            let word = if is_equal { " is None" } else { " is not None" };
            return (many([self.operand(a, BIT_OR), text(word)]), COMPARE);
        }
        let is_scalar = matches!(a.ty, Type::Float | Type::F32);
        if is_scalar || !has_float(self.python.input.program, &a.ty) {
            return self.infix(a, if is_equal { "==" } else { "!=" }, b, COMPARE);
        }
        let (call, strength) = self.call("_equal", &[a, b]);
        if is_equal { (call, strength) } else { (many([text("not "), call]), NOT) }
    }
}

impl Python<'_> {
    /// A known value.
    pub(super) fn value(&self, ty: &Type, value: &Value) -> Printed {
        let float = |x: f64| {
            if x.is_nan() {
                (text("math.nan"), ATOM)
            } else if x.is_infinite() {
                if x > 0.0 { (text("math.inf"), ATOM) } else { (text("-math.inf"), SIGN) }
            } else {
                (text(show_float(x)), if x.is_sign_negative() { SIGN } else { ATOM })
            }
        };
        let int = |n: i64| (text(n.to_string()), if n < 0 { SIGN } else { ATOM });
        let inner = |i: usize| crate::generate::reach::parts(ty).get(i).map_or(Type::Poison, |ty| (*ty).clone());
        match value {
            Value::Bool(value) => (text(if *value { "True" } else { "False" }), ATOM),
            Value::Trit(n) => int(i64::from(*n)),
            Value::Tryte(n) | Value::Int(n) => int(*n),
            Value::U64(n) if *n >= 1 << 32 => (text(format!("0x{n:X}")), ATOM),
            Value::U64(n) => (text(n.to_string()), ATOM),
            Value::Float(x) => float(*x),
            Value::F32(x) => float(f64::from(*x)),
            Value::String(string) => (text(string_literal(string)), ATOM),
            Value::Bytes(bytes) => (text(bytes_literal(bytes)), ATOM),
            Value::List(items) => {
                let of = inner(0);
                sequence(items.iter().map(|item| self.value(&of, item).0).collect())
            }
            Value::Tuple(items) => {
                sequence(items.iter().enumerate().map(|(i, item)| self.value(&inner(i), item).0).collect())
            }
            Value::Set(items) if items.is_empty() => (text("frozenset()"), ATOM),
            Value::Set(items) => {
                let of = inner(0);
                let items = items.iter().map(|item| self.value(&of, item).0).collect();
                (many([text("frozenset("), list("{", items, "}", ","), text(")")]), ATOM)
            }
            Value::Map(entries) => {
                let (key, of) = (inner(0), inner(1));
                let entry = |(k, v)| many([self.value(&key, k).0, text(": "), self.value(&of, v).0]);
                let name = self.need("Map");
                let entries: Vec<Doc> = entries.iter().map(entry).collect();
                (many([text(format!("{name}(")), list("{", entries, "}", ","), text(")")]), ATOM)
            }
            Value::Option(None) => (text("None"), ATOM),
            Value::Option(Some(value)) => self.made("Some", self.value(&inner(0), value).0),
            Value::Result(Ok(value)) => self.made("Ok", self.value(&inner(0), value).0),
            Value::Result(Err(value)) => self.made("Err", self.value(&inner(1), value).0),
            Value::Record(id, items) => self.instance((*id, 0), self.types.get(id), items),
            Value::Enum(id, case, items) => self.instance((*id, *case), self.cases.get(&(*id, *case)), items),
        }
    }

    fn made(&self, name: &str, inner: Doc) -> Printed {
        (many([text(self.need(name)), list("(", vec![inner], ")", "")]), ATOM)
    }

    fn instance(&self, case: (TypeId, u16), name: Option<&String>, items: &[Value]) -> Printed {
        let name = name.cloned().unwrap_or_default();
        if is_bare(self.input.program.type_def(case.0)) {
            return (text(name), ATOM);
        }
        let types = field_types(self.input.program, case);
        let names = self.fields.get(&case).map(Vec::as_slice).unwrap_or_default();
        let args = items.iter().zip(&types).zip(names);
        let args = args.map(|((item, ty), name)| many([text(format!("{name}=")), self.value(ty, item).0])).collect();
        (many([text(name), list("(", args, ")", ",")]), ATOM)
    }
}

/// Prints a tuple of the items.
fn sequence(mut items: Vec<Doc>) -> Printed {
    if items.len() == 1
        && let Some(only) = items.pop()
    {
        return (many([text("("), only, text(",)")]), ATOM);
    }
    (list("(", items, ")", ","), ATOM)
}

/// A literal in double quotes; what is no letter, digit or ASCII is escaped.
pub(super) fn string_literal(string: &str) -> String {
    let mut literal = String::from("\"");
    for c in string.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            ' '..='~' => literal.push(c),
            _ if c.is_alphanumeric() => literal.push(c),
            _ if u32::from(c) <= 0xffff => literal.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => literal.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    literal.push('"');
    literal
}

fn bytes_literal(bytes: &[u8]) -> String {
    let mut literal = String::from("b\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => literal.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => literal.push(char::from(*byte)),
            _ => literal.push_str(&format!("\\x{byte:02x}")),
        }
    }
    literal.push('"');
    literal
}
