//! Terms: expressions that cannot fault, and the statements before them for what can.

use super::{body::Body, values::int_literal};
use crate::{
    generate::{
        reach::{has_float, may_fault, parts},
        terms::{Term, TermKind},
        writer::{Doc, group, list, many, nest, text},
    },
    intrinsic::Intrinsic,
    types::{Type, TypeId},
    value::Value,
};

/// How an expression is put together: an operand of another operator gets brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Atom,
    /// A comparison: no brackets within `&&` and `||`.
    Comparison,
    And,
    Or,
    Other,
}

pub(super) type Printed = (Doc, Shape);

/// Operations that need memory, so that they may fault.
fn allocates(op: Intrinsic) -> bool {
    use Intrinsic as I;
    matches!(
        op,
        I::ListPush
            | I::ListSet
            | I::ListConcat
            | I::ListSort
            | I::ListRange
            | I::SetOf
            | I::SetPut
            | I::SetDelete
            | I::MapOf
            | I::MapPut
            | I::MapDelete
            | I::StringConcat
            | I::StringSplit
            | I::StringJoin
            | I::StringChars
            | I::StringFromCode
            | I::StringParseFloat
            | I::StringShowInt
            | I::StringShowU64
            | I::StringShowFloat
            | I::StringShowF32
            | I::BytesConcat
            | I::BytesFromList
            | I::TryteDigits
    )
}

impl Body<'_> {
    /// Whether printing the term writes statements.
    pub(super) fn is_statements(&self, term: &Term) -> bool {
        self.faults(term) || term.children().into_iter().any(|of| self.is_statements(of))
    }

    /// Whether the term's own operation may fault.
    fn faults(&self, term: &Term) -> bool {
        match &term.kind {
            TermKind::Call(..) | TermKind::InRange(..) => true,
            TermKind::Op(op, _) => may_fault(*op) || allocates(*op),
            TermKind::List(items) => !items.is_empty(),
            TermKind::Variant(id, case, _) => self.has_boxed((*id, *case)),
            TermKind::Record(id, _) => self.has_boxed((*id, 0)),
            _ => false,
        }
    }

    fn has_boxed(&self, case: (TypeId, u16)) -> bool {
        let types = crate::generate::reach::field_types(self.c.input.program, case);
        types.iter().any(|ty| self.c.types.is_boxed(case.0, ty))
    }

    /// A term that stands alone, and whether a check must follow it.
    pub(super) fn whole(&mut self, term: &Term) -> (Doc, bool) {
        let may_fault = self.faults(term);
        let (doc, shape) = self.print(term);
        let doc = if matches!(shape, Shape::And | Shape::Or) { group(nest(doc)) } else { doc };
        (doc, may_fault)
    }

    /// A condition within brackets.
    pub(super) fn condition(&mut self, term: &Term) -> Doc {
        let value = self.operand(term, false);
        group(nest(value))
    }

    /// A term whose faults are checked before.
    pub(super) fn value(&mut self, term: &Term) -> Doc {
        self.operand(term, false)
    }

    fn operand(&mut self, term: &Term, brackets: bool) -> Doc {
        let (doc, may_fault) = (self.print(term), self.faults(term));
        if may_fault {
            let value = doc.0.flat();
            let name = self.spill(&term.ty, &value);
            self.check();
            return text(name);
        }
        if brackets && doc.1 != Shape::Atom { many([text("("), doc.0, text(")")]) } else { doc.0 }
    }

    fn atom(&mut self, term: &Term) -> Doc {
        self.operand(term, true)
    }

    fn member(&mut self, of: &Term, path: &str) -> Printed {
        (many([self.atom(of), text(path.to_owned())]), Shape::Atom)
    }

    fn call(&mut self, name: &str, args: &[&Term]) -> Printed {
        let args = args.iter().map(|arg| self.value(arg)).collect();
        (many([text(name.to_owned()), list("(", args, ")", "")]), Shape::Atom)
    }

    /// A call whose first argument is the arena.
    fn arena_call(&mut self, name: &str, args: &[&Term], last: &str) -> Printed {
        let args = args.iter().map(|arg| self.value(arg)).collect::<Vec<_>>();
        let last = if last.is_empty() { None } else { Some(text(last.to_owned())) };
        let args = [text("arena")].into_iter().chain(args).chain(last).collect();
        (many([text(name.to_owned()), list("(", args, ")", "")]), Shape::Atom)
    }

    fn infix(&mut self, a: &Term, operator: &str, b: &Term, shape: Shape) -> Printed {
        let is_float = matches!(a.ty, Type::Float | Type::F32);
        let (a, b) = (self.atom(a), self.atom(b));
        if shape == Shape::Comparison && !is_float && a.flat() == b.flat() {
            return itself(operator);
        }
        (many([a, text(format!(" {operator} ")), b]), shape)
    }

    fn print(&mut self, term: &Term) -> Printed {
        match &term.kind {
            TermKind::Const(value) => self.c.value(&term.ty, value),
            TermKind::Var(var) | TermKind::Built(var) => (text(self.name(*var)), Shape::Atom),
            TermKind::Call(function, args) => {
                self.arena_call(&self.c.function(*function), &args.iter().collect::<Vec<_>>(), "")
            }
            TermKind::Op(op, args) => self.op(*op, &args.iter().collect::<Vec<_>>(), &term.ty),
            TermKind::Tuple(items) => {
                let items = items.iter().map(|item| self.value(item)).collect();
                self.made(&term.ty, items)
            }
            TermKind::List(items) if items.is_empty() => (text(self.c.types.zero(&term.ty)), Shape::Atom),
            TermKind::List(items) => {
                let name = self.c.need_for(&term.ty, "list_of");
                let item = parts(&term.ty).first().map_or_else(String::new, |ty| self.c.types.name(ty));
                let count = items.len();
                let items: Vec<Doc> = items.iter().map(|item| self.value(item)).collect();
                let array = many([text(format!("(const {item}[])")), list("{", items, "}", "")]);
                let args = vec![text("arena"), array, text(count.to_string())];
                (many([text(format!("{name}_of")), list("(", args, ")", "")]), Shape::Atom)
            }
            TermKind::Record(id, items) => {
                let fields = self.fields((*id, 0), items);
                self.made(&term.ty, fields)
            }
            TermKind::Variant(id, case, items) => self.variant(*id, *case, items, &term.ty),
            TermKind::None => (text(self.c.types.zero(&term.ty)), Shape::Atom),
            TermKind::Some(inner) => {
                let inner = self.value(inner);
                self.made(&term.ty, vec![text("true"), inner])
            }
            TermKind::Ok(inner) => {
                let inner = self.value(inner);
                self.made(&term.ty, vec![text("true"), many([text("{.ok = "), inner, text("}")])])
            }
            TermKind::Err(inner) => {
                let inner = self.value(inner);
                self.made(&term.ty, vec![text("false"), many([text("{.err = "), inner, text("}")])])
            }
            TermKind::Field(of, i) => match &of.ty {
                Type::Named(id) => self.field(of, (*id, 0), *i, ""),
                _ => self.member(of, &format!(".item_{i}")),
            },
            TermKind::Payload(of, id, case, i) => {
                let member = self.c.types.members.get(&(*id, *case)).cloned().unwrap_or_default();
                self.field(of, (*id, *case), *i, &format!(".as.{member}"))
            }
            TermKind::SomeOf(of) => self.member(of, ".value"),
            TermKind::OkOf(of) => self.member(of, ".as.ok"),
            TermKind::ErrOf(of) => self.member(of, ".as.err"),
            TermKind::Item(of, i) => self.member(of, &format!(".items[{i}]")),
            TermKind::IsCase(of, id, case) => {
                let name = self.c.types.cases.get(&(*id, *case)).cloned().unwrap_or_default();
                let path = if self.c.types.is_bare(*id) { "" } else { ".which" };
                (many([self.atom(of), text(format!("{path} == {name}"))]), Shape::Comparison)
            }
            TermKind::IsSome(of) => self.member(of, ".is_some"),
            TermKind::IsOk(of) => self.member(of, ".is_ok"),
            TermKind::HasLen(of, n) => (many([self.atom(of), text(format!(".length == {n}"))]), Shape::Comparison),
            TermKind::Equals(of, value) => {
                let literal = self.c.value(&of.ty, value).0;
                let of_type = of.ty.clone();
                let of = self.atom(of);
                self.same(&of_type, of, literal, true)
            }
            TermKind::Between(of, lo, hi) => {
                let of = self.atom(of).flat();
                let (lo, hi) = (int_literal(*lo), int_literal(*hi));
                (text(format!("{of} >= {lo} && {of} <= {hi}")), Shape::And)
            }
            TermKind::Not(inner) => self.negated(inner),
            TermKind::And(a, b) => self.junction(a, b, true),
            TermKind::Or(a, b) => self.junction(a, b, false),
            TermKind::Cond(condition, then, otherwise) => self.conditional(condition, then, otherwise, &term.ty),
            TermKind::InRange(inner, lo, hi) => {
                self.c.need("range");
                self.arena_call("vibee_range", &[inner], &format!("{}, {}", int_literal(*lo), int_literal(*hi)))
            }
        }
    }

    fn made(&self, ty: &Type, items: Vec<Doc>) -> Printed {
        (many([text(format!("({})", self.c.types.name(ty))), list("{", items, "}", "")]), Shape::Atom)
    }

    /// Fields of a record or case; those that stand behind a pointer are put into the arena.
    fn fields(&mut self, case: (TypeId, u16), items: &[Term]) -> Vec<Doc> {
        let mut values = Vec::new();
        for item in items {
            let value = self.value(item);
            if !self.c.types.is_boxed(case.0, &item.ty) {
                values.push(value);
                continue;
            }
            self.c.need("allocate");
            let (name, ty) = (self.new_name("boxed"), self.c.types.name(&item.ty));
            self.out.line(format!("{ty} *{name} = vibee_allocate(arena, sizeof({ty}));"));
            self.check();
            self.out.line(format!("*{name} = {};", value.flat()));
            values.push(text(name));
        }
        if values.is_empty() { vec![text("0")] } else { values }
    }

    fn variant(&mut self, id: TypeId, case: u16, items: &[Term], ty: &Type) -> Printed {
        let name = self.c.types.cases.get(&(id, case)).cloned().unwrap_or_default();
        if self.c.types.is_bare(id) {
            return (text(name), Shape::Atom);
        }
        if items.is_empty() {
            return (text(format!("({}){{.which = {name}}}", self.c.types.name(ty))), Shape::Atom);
        }
        let member = self.c.types.members.get(&(id, case)).cloned().unwrap_or_default();
        let values = self.fields((id, case), items);
        let union = many([text(format!("{{.{member} = ")), list("{", values, "}", ""), text("}")]);
        self.made(ty, vec![text(name), union])
    }

    fn field(&mut self, of: &Term, case: (TypeId, u16), i: u16, path: &str) -> Printed {
        let name =
            self.c.types.fields.get(&case).and_then(|fields| fields.get(i as usize)).cloned().unwrap_or_default();
        let types = crate::generate::reach::field_types(self.c.input.program, case);
        let is_boxed = types.get(i as usize).is_some_and(|ty| self.c.types.is_boxed(case.0, ty));
        let (doc, shape) = self.member(of, &format!("{path}.{name}"));
        if is_boxed { (many([text("(*"), doc, text(")")]), Shape::Atom) } else { (doc, shape) }
    }

    fn negated(&mut self, inner: &Term) -> Printed {
        match &inner.kind {
            TermKind::Equals(of, value) if !matches!(value, Value::Float(_) | Value::F32(_)) => {
                let literal = self.c.value(&of.ty, value).0;
                let of_type = of.ty.clone();
                let of = self.atom(of);
                self.same(&of_type, of, literal, false)
            }
            TermKind::IsCase(of, id, case) => {
                let name = self.c.types.cases.get(&(*id, *case)).cloned().unwrap_or_default();
                let path = if self.c.types.is_bare(*id) { "" } else { ".which" };
                (many([self.atom(of), text(format!("{path} != {name}"))]), Shape::Comparison)
            }
            _ => (many([text("!"), self.atom(inner)]), Shape::Comparison),
        }
    }

    fn junction(&mut self, a: &Term, b: &Term, is_and: bool) -> Printed {
        if self.is_statements(b) {
            let first = self.value(a).flat();
            let name = self.spill(&Type::Bool, &first);
            self.out.open(if is_and { format!("if ({name}) {{") } else { format!("if (!{name}) {{") });
            let second = self.value(b).flat();
            self.out.line(format!("{name} = {second};"));
            self.out.close("}");
            return (text(name), Shape::Atom);
        }
        let own = if is_and { Shape::And } else { Shape::Or };
        let mut side = |term: &Term| {
            if self.faults(term) {
                return self.atom(term);
            }
            let (doc, shape) = self.print(term);
            let is_bare = matches!(shape, Shape::Atom | Shape::Comparison) || shape == own;
            if is_bare { doc } else { many([text("("), doc, text(")")]) }
        };
        let (a, b) = (side(a), side(b));
        let b = many([Doc::Line, text(if is_and { "&& " } else { "|| " }), b]);
        (group(many([a, nest(b)])), own)
    }

    fn conditional(&mut self, condition: &Term, then: &Term, otherwise: &Term, ty: &Type) -> Printed {
        if self.is_statements(then) || self.is_statements(otherwise) {
            let name = self.new_name("chosen");
            self.declare(&name, ty);
            let condition = self.condition(condition);
            self.out.open_doc(&many([text("if ("), condition, text(") {")]));
            let then = self.value(then).flat();
            self.out.line(format!("{name} = {then};"));
            self.out.turn("} else {");
            let otherwise = self.value(otherwise).flat();
            self.out.line(format!("{name} = {otherwise};"));
            self.out.close("}");
            return (text(name), Shape::Atom);
        }
        let parts = [self.atom(condition), text(" ? "), self.atom(then), text(" : "), self.atom(otherwise)];
        (many(parts), Shape::Other)
    }

    /// `a == b` or `a != b` of values of a type.
    fn same(&mut self, ty: &Type, a: Doc, b: Doc, is_equal: bool) -> Printed {
        let sign = if is_equal { "==" } else { "!=" };
        let is_scalar = matches!(
            ty,
            Type::Bool
                | Type::Trit
                | Type::Tryte(_)
                | Type::Int
                | Type::IntIn(..)
                | Type::U64
                | Type::Float
                | Type::F32
        ) || matches!(ty, Type::Named(id) if self.c.types.is_bare(*id));
        if is_scalar && !matches!(ty, Type::Float | Type::F32) && a.flat() == b.flat() {
            return itself(sign);
        }
        if is_scalar {
            return (many([a, text(format!(" {sign} ")), b]), Shape::Comparison);
        }
        let call = |name: String| many([text(name), list("(", vec![a.clone(), b.clone()], ")", "")]);
        if has_float(self.c.input.program, ty) {
            let call = call(self.c.equal(ty));
            return if is_equal { (call, Shape::Atom) } else { (many([text("!"), call]), Shape::Comparison) };
        }
        (many([call(self.c.compare(ty)), text(format!(" {sign} 0"))]), Shape::Comparison)
    }

    fn ordered(&mut self, a: &Term, b: &Term, sign: &str) -> Printed {
        let is_compared = match &a.ty {
            Type::String | Type::Bytes => true,
            Type::Named(id) => !self.c.types.is_bare(*id),
            _ => false,
        };
        if !is_compared {
            return self.infix(a, sign, b, Shape::Comparison);
        }
        let name = self.c.compare(&a.ty);
        let call = self.call(&name, &[a, b]).0;
        (many([call, text(format!(" {sign} 0"))]), Shape::Comparison)
    }

    #[allow(clippy::match_same_arms, reason = "a row for each operation, type by type")]
    fn op(&mut self, op: Intrinsic, args: &[&Term], ty: &Type) -> Printed {
        use Intrinsic as I;
        match (op, args) {
            (I::U64Add, [a, b]) => self.infix(a, "+", b, Shape::Other),
            (I::U64Sub, [a, b]) => self.infix(a, "-", b, Shape::Other),
            (I::U64Mul, [a, b]) => self.infix(a, "*", b, Shape::Other),
            (I::U64And, [a, b]) => self.infix(a, "&", b, Shape::Other),
            (I::U64Or, [a, b]) => self.infix(a, "|", b, Shape::Other),
            (I::U64Xor, [a, b]) => self.infix(a, "^", b, Shape::Other),
            (I::U64Not, [a]) => (many([text("~"), self.atom(a)]), Shape::Other),
            (I::U64FromBits, [a]) => (many([text("(uint64_t)"), self.atom(a)]), Shape::Other),
            (I::U64ToBits, [a]) => {
                self.c.need("signed");
                self.call("vibee_signed", &[a])
            }
            (I::FloatAdd | I::F32Add, [a, b]) => self.infix(a, "+", b, Shape::Other),
            (I::FloatSub | I::F32Sub, [a, b]) => self.infix(a, "-", b, Shape::Other),
            (I::FloatMul | I::F32Mul, [a, b]) => self.infix(a, "*", b, Shape::Other),
            (I::FloatDiv | I::F32Div, [a, b]) => self.infix(a, "/", b, Shape::Other),
            (I::FloatNeg | I::F32Neg | I::TryteNeg, [a]) => (many([text("-"), self.atom(a)]), Shape::Other),
            (I::FloatAbs, [a]) => self.call("fabs", &[a]),
            (I::F32Abs, [a]) => self.call("fabsf", &[a]),
            (I::FloatSqrt, [a]) => self.call("sqrt", &[a]),
            (I::F32Sqrt, [a]) => self.call("sqrtf", &[a]),
            (I::FloatFloor | I::FloatCeil | I::FloatTrunc | I::FloatRoundEven, [a]) => {
                self.c.need("whole");
                let name = match op {
                    I::FloatFloor => "floor",
                    I::FloatCeil => "ceil",
                    I::FloatTrunc => "trunc",
                    _ => "nearbyint",
                };
                let inner = self.call(name, &[a]).0;
                (many([text("vibee_whole"), list("(", vec![text("arena"), inner], ")", "")]), Shape::Atom)
            }
            (I::FloatRoundInt | I::F32ToFloat, [a]) => (many([text("(double)"), self.atom(a)]), Shape::Other),
            (I::F32FromFloat, [a]) => (many([text("(float)"), self.atom(a)]), Shape::Other),
            (I::TritToInt, [a]) => (many([text("(int64_t)"), self.atom(a)]), Shape::Other),
            (I::TryteToInt, [a]) => self.print_operand(a),
            (I::TritFromBool, [a]) => (many([text("(vibee_trit)("), self.atom(a), text(" ? 1 : -1)")]), Shape::Other),
            (I::Eq | I::Ne, [a, b]) => {
                let ty = a.ty.clone();
                let (a, b) = (self.atom(a), self.atom(b));
                self.same(&ty, a, b, op == I::Eq)
            }
            (I::Lt, [a, b]) => self.ordered(a, b, "<"),
            (I::Le, [a, b]) => self.ordered(a, b, "<="),
            (I::Gt, [a, b]) => self.ordered(a, b, ">"),
            (I::Ge, [a, b]) => self.ordered(a, b, ">="),
            (I::Same, [a, b]) => {
                let name = self.c.compare(&a.ty);
                let call = self.call(&name, &[a, b]).0;
                (many([call, text(" == 0")]), Shape::Comparison)
            }
            (I::Compare, [a, b]) => {
                let name = self.c.compare(&a.ty);
                self.call(&name, &[a, b])
            }
            (I::TryteAdd, [a, b]) => {
                self.c.need("TryteAdd");
                self.arena_call("vibee_tryte_add", &[a, b], &width(ty))
            }
            (I::TryteSub, [a, b]) => {
                self.c.need("TryteAdd");
                let (a, b) = (self.value(a), self.atom(b));
                let args = vec![text("arena"), a, many([text("-"), b]), text(width(ty))];
                (many([text("vibee_tryte_add"), list("(", args, ")", "")]), Shape::Atom)
            }
            (I::TryteWrapAdd, [a, b]) => {
                self.c.need("TryteWrapAdd");
                let args = vec![self.value(a), self.value(b), text(width(ty))];
                (many([text("vibee_tryte_wrap_add"), list("(", args, ")", "")]), Shape::Atom)
            }
            (I::TryteFromInt, [a]) => {
                self.c.need("range");
                let most = if let Type::Tryte(n) = ty { (3i128.pow(u32::from(*n)) - 1) / 2 } else { 0 };
                self.arena_call("vibee_range", &[a], &format!("INT64_C(-{most}), INT64_C({most})"))
            }
            (I::TryteDigits, [a]) => {
                self.c.need("TryteDigits");
                self.arena_call("vibee_tryte_digits", &[a], &width(&a.ty))
            }
            (I::TryteFromDigits, [a]) => {
                self.c.need("TryteFromDigits");
                self.arena_call("vibee_tryte_from_digits", &[a], &width(ty))
            }
            (I::ListLen | I::SetLen | I::MapLen | I::BytesLen, [a]) => {
                (many([text("(int64_t)"), self.atom(a), text(".length")]), Shape::Other)
            }
            _ => self.runtime_op(op, args, ty),
        }
    }

    fn print_operand(&mut self, term: &Term) -> Printed {
        (self.atom(term), Shape::Atom)
    }

    /// An operation that is a function of the runtime, for all types or for one.
    fn runtime_op(&mut self, op: Intrinsic, args: &[&Term], ty: &Type) -> Printed {
        use Intrinsic as I;
        let owner = match op {
            I::ListRange | I::SetOf | I::MapOf => Some(ty),
            I::ListAt | I::ListPush | I::ListSet | I::ListConcat | I::ListSlice | I::ListSort => {
                args.first().map(|a| &a.ty)
            }
            I::SetHas | I::SetPut | I::SetDelete | I::SetItems => args.first().map(|a| &a.ty),
            I::MapHas | I::MapGet | I::MapAt | I::MapPut | I::MapDelete | I::MapKeys => args.first().map(|a| &a.ty),
            I::OptionUnwrap | I::ResultUnwrap => args.first().map(|a| &a.ty),
            _ => None,
        };
        let row = op.row();
        let takes_arena = may_fault(op) || allocates(op);
        let name = if let Some(owner) = owner {
            let name = self.c.need_for(owner, &format!("{op:?}"));
            let key = parts(owner).first().map_or(Type::Bool, |ty| (*ty).clone());
            if matches!(owner, Type::Set(_) | Type::Map(..)) || op == I::ListSort {
                self.c.compare(&key);
            }
            if op == I::SetOf
                && let Some(list) = args.first()
            {
                self.c.need_for(&list.ty, "ListSort");
            }
            let verb = match row.name {
                "++" => "concat",
                ".." => "range",
                "set_of" | "map_of" => "of",
                name => name,
            };
            format!("{name}_{verb}")
        } else {
            self.c.need(&format!("{op:?}"));
            format!("vibee_{}", plain_name(op))
        };
        if takes_arena { self.arena_call(&name, args, "") } else { self.call(&name, args) }
    }
}

/// The name of an operation's function in the runtime.
fn plain_name(op: Intrinsic) -> &'static str {
    use Intrinsic as I;
    match op {
        I::IntAdd => "add",
        I::IntSub => "sub",
        I::IntMul => "mul",
        I::IntNeg => "neg",
        I::U64Div => "u64_div",
        I::U64Mod => "u64_mod",
        I::FloatFromInt => "exact",
        I::F32Bits => "f32_bits",
        I::TritNot => "trit_not",
        I::TritAnd => "trit_and",
        I::TritOr => "trit_or",
        I::TritImplies => "trit_implies",
        I::TritXor => "trit_xor",
        I::TritMul => "trit_mul",
        I::TritAdd => "trit_add",
        I::TritConsensus => "trit_consensus",
        I::TritFromInt => "trit_of",
        I::StringLen => "text_len",
        I::StringAt => "text_at",
        I::StringConcat => "text_concat",
        I::StringSlice => "text_slice",
        I::StringFind => "text_find",
        I::StringStartsWith => "text_starts_with",
        I::StringEndsWith => "text_ends_with",
        I::StringSplit => "text_split",
        I::StringJoin => "text_join",
        I::StringChars => "text_chars",
        I::StringCode => "text_code",
        I::StringFromCode => "text_from_code",
        I::StringShowInt => "show_int",
        I::StringShowU64 => "show_u64",
        I::StringShowFloat => "show_float",
        I::StringShowF32 => "show_f32",
        I::BytesAt => "bytes_at",
        I::BytesConcat => "bytes_concat",
        I::BytesSlice => "bytes_slice",
        I::BytesUtf8 => "text_utf8",
        _ => op.row().name,
    }
}

/// What comparing a value with itself gives: compilers warn of it where it is written.
fn itself(operator: &str) -> Printed {
    (text(if operator.contains('=') && operator != "!=" { "true" } else { "false" }), Shape::Atom)
}

fn width(ty: &Type) -> String {
    match ty {
        Type::Tryte(n) => n.to_string(),
        _ => "0".to_owned(),
    }
}
