//! Operations of the table of intrinsics, in Rust.

use super::{
    super::writer::{Doc, list, many, text},
    blocks::Printer,
    exprs::{Code, Level, Want},
    is_ordered,
};
use crate::{
    intrinsic::Intrinsic as I,
    typed::{Expr, Kind},
    types::Type,
};

/// Parts of the runtime whose parameters do not tell the type of their arguments.
const GENERIC: &[&str] =
    &["at", "push", "set", "slice", "sort", "sort_by_order", "put", "delete", "map_put", "map_delete"];

impl Printer<'_> {
    /// `rt::name(a, b)`, with `?` where it can fault.
    fn rt(&mut self, op: I, name: &str, args: &[Expr], wants: &[Want]) -> Code {
        let docs = args.iter().enumerate().map(|(i, arg)| {
            let want = wants.get(i).or(wants.last()).copied().unwrap_or(Want::Own);
            if GENERIC.contains(&name) { self.typed(arg, want).doc } else { self.expr(arg, want).doc }
        });
        let docs: Vec<Doc> = docs.collect();
        self.rt_docs(op, name, docs)
    }

    fn rt_docs(&mut self, op: I, name: &str, docs: Vec<Doc>) -> Code {
        let call = list(format!("{}(", self.rust.rt(name)), docs, ")", ",");
        Code::atom(if super::super::reach::may_fault(op) { many([call, text("?")]) } else { call })
    }

    fn method(&mut self, name: &str, args: &[Expr], receiver: Want, others: Want) -> Code {
        let Some((first, rest)) = args.split_first() else { return Code::atom("()") };
        let receiver = self.receiver(first, receiver);
        let docs = rest.iter().map(|arg| self.expr(arg, others).doc).collect();
        Code::atom(many([receiver, list(format!(".{name}("), docs, ")", ",")]))
    }

    /// What a method is called on; a literal says its type.
    fn receiver(&mut self, expr: &Expr, want: Want) -> Doc {
        self.typed(expr, want).operand()
    }

    /// A method of a place, which needs no borrow.
    fn of_view(&mut self, expr: &Expr) -> Doc {
        self.receiver(expr, Want::View)
    }

    fn binary(&mut self, operator: &str, args: &[Expr], level: Level, want: Want) -> Code {
        let [a, b] = args else { return Code::atom("()") };
        // The second binds tighter, for `a - (b - c)`; both do where Rust ranks operators that VIBEE does not.
        let tighter = match level {
            Level::Bits => Level::Sum,
            Level::Sum => Level::Product,
            _ => Level::Unary,
        };
        let a = self.typed(a, want).at(if level == Level::Bits { tighter } else { level });
        let b = self.typed(b, want).at(tighter);
        Code::new(many([a, text(format!(" {operator} ")), b]), level)
    }

    fn compare(&mut self, operator: &str, args: &[Expr]) -> Code {
        let [a, b] = args else { return Code::atom("()") };
        let a = self.typed(a, Want::View).at(Level::Bits);
        let b = self.typed(b, Want::View).at(Level::Bits);
        Code::new(many([a, text(format!(" {operator} ")), b]), Level::Compare)
    }

    /// `<`, `<=`, `>`, `>=`: of what holds floats, by the order of structure.
    fn less(&mut self, op: I, args: &[Expr], ty: &Type) -> Code {
        let (operator, method) = match op {
            I::Lt => ("<", ".is_lt()"),
            I::Le => ("<=", ".is_le()"),
            I::Gt => (">", ".is_gt()"),
            _ => (">=", ".is_ge()"),
        };
        if matches!(ty, Type::Float | Type::F32) || is_ordered(self.rust, ty) {
            return self.compare(operator, args);
        }
        let order = self.order(args);
        Code::atom(many([order, text(method)]))
    }

    /// A value as a `&T` of exactly the type of a set's members or a map's keys, or what these can be borrowed as.
    fn key(&mut self, expr: &Expr) -> Doc {
        let doc = self.typed(expr, Want::View);
        if self.rust.is_copy(&expr.ty) { many([text("&"), doc.at(Level::Unary)]) } else { doc.doc }
    }

    /// `rt::at(…)?` of a list, `map.get(…)` of a map: a reference to the item.
    pub(super) fn item(&mut self, args: &[Expr]) -> Code {
        let [of, i] = args else { return Code::atom("()") };
        if let Type::Map(..) = self.rust.input.program.erased(&of.ty) {
            let map = self.of_view(of);
            let key = self.key(i);
            return Code::atom(many([map, text(".get("), key, text(").ok_or(Fault::Key)?")]));
        }
        let docs = vec![self.typed(of, Want::Arg).doc, self.expr(i, Want::Own).doc];
        self.rt_docs(I::ListAt, "at", docs)
    }

    fn cast(doc: Doc, ty: &str) -> Code {
        Code::new(many([doc, text(format!(" as {ty}"))]), Level::Compare)
    }

    fn width(ty: &Type) -> Doc {
        text(match ty {
            Type::Tryte(n) => n.to_string(),
            _ => "1".to_owned(),
        })
    }

    /// Prints an operation, in the form that is wanted.
    // tidy: long function, an arm for each operation
    pub(super) fn operation(&mut self, op: I, args: &[Expr], ty: &Type, want: Want) -> Code {
        let first = args.first();
        let first_ty = first.map_or(Type::Poison, |arg| self.rust.input.program.erased(&arg.ty));
        let own = &[Want::Own][..];
        let code = match op {
            I::IntAdd => self.rt(op, "add", args, own),
            I::IntSub => self.rt(op, "sub", args, own),
            I::IntMul => self.rt(op, "mul", args, own),
            I::IntNeg => self.rt(op, "neg", args, own),
            I::IntDiv => self.rt(op, "div", args, own),
            I::IntMod => self.rt(op, "modulo", args, own),
            I::IntQuo => self.rt(op, "quo", args, own),
            I::IntRem => self.rt(op, "rem", args, own),
            I::IntWrappingAdd | I::U64Add => self.method("wrapping_add", args, Want::Own, Want::Own),
            I::IntWrappingSub | I::U64Sub => self.method("wrapping_sub", args, Want::Own, Want::Own),
            I::IntWrappingMul | I::U64Mul => self.method("wrapping_mul", args, Want::Own, Want::Own),
            I::IntSaturatingAdd => self.method("saturating_add", args, Want::Own, Want::Own),
            I::IntSaturatingSub => self.method("saturating_sub", args, Want::Own, Want::Own),
            I::IntSaturatingMul => self.method("saturating_mul", args, Want::Own, Want::Own),
            I::U64Div => self.rt(op, "div_u64", args, own),
            I::U64Mod => self.rt(op, "mod_u64", args, own),
            // Kept apart by parentheses: their order among each other is not everyone's.
            I::U64And => self.binary("&", args, Level::Bits, Want::Own),
            I::U64Or => self.binary("|", args, Level::Bits, Want::Own),
            I::U64Xor => self.binary("^", args, Level::Bits, Want::Own),
            I::U64Not | I::Not | I::FloatNeg | I::F32Neg | I::TryteNeg => return self.prefixed(op, args),
            I::U64Shl => self.rt(op, "shl", args, own),
            I::U64Shr => self.rt(op, "shr", args, own),
            I::U64Rotl => self.rt(op, "rotl", args, own),
            I::U64Popcount => {
                let ones = self.method("count_ones", args, Want::Own, Want::Own).doc;
                Code::atom(many([text("i64::from("), ones, text(")")]))
            }
            I::U64FromInt => self.rt(op, "to_u64", args, own),
            I::U64ToInt => self.rt(op, "to_int", args, own),
            I::U64FromBits | I::U64ToBits | I::FloatRoundInt | I::F32FromFloat => {
                let doc = first.map_or(text("()"), |arg| self.receiver(arg, Want::Own));
                Self::cast(doc, &self.rust.ty(ty))
            }
            I::FloatAdd | I::F32Add => self.binary("+", args, Level::Sum, Want::Own),
            I::FloatSub | I::F32Sub => self.binary("-", args, Level::Sum, Want::Own),
            I::FloatMul | I::F32Mul => self.binary("*", args, Level::Product, Want::Own),
            I::FloatDiv | I::F32Div => self.binary("/", args, Level::Product, Want::Own),
            I::FloatAbs | I::F32Abs => self.method("abs", args, Want::Own, Want::Own),
            I::FloatSqrt => self.rt(op, "sqrt", args, own),
            I::F32Sqrt => self.rt(op, "sqrt_f32", args, own),
            I::FloatFloor => self.rt(op, "floor", args, own),
            I::FloatCeil => self.rt(op, "ceil", args, own),
            I::FloatTrunc => self.rt(op, "trunc", args, own),
            I::FloatRoundEven => self.rt(op, "round_even", args, own),
            I::FloatFromInt => self.rt(op, "float", args, own),
            I::FloatBits => self.rt(op, "bits", args, own),
            I::F32Bits => self.rt(op, "bits_f32", args, own),
            I::FloatFromBits => self.call("f64::from_bits", args, own),
            I::F32ToFloat => {
                let value = first.map_or(text("()"), |arg| self.typed(arg, Want::Own).doc);
                Code::atom(many([text("f64::from("), value, text(")")]))
            }
            I::F32FromBits => self.rt(op, "f32_from_bits", args, own),
            I::Eq => self.compare("==", args),
            I::Ne => self.compare("!=", args),
            I::Lt | I::Le | I::Gt | I::Ge => self.less(op, args, &first_ty),
            I::Same if is_ordered(self.rust, &first_ty) => self.compare("==", args),
            I::Same => {
                let order = self.order(args);
                Code::atom(many([order, text(".is_eq()")]))
            }
            I::Compare => {
                let order = self.order(args);
                Self::cast(order, "i64")
            }
            I::TritNot => self.method("negated", args, Want::Own, Want::Own),
            I::TritAnd => self.method("min", args, Want::Own, Want::Own),
            I::TritOr => self.method("max", args, Want::Own, Want::Own),
            I::TritImplies => self.method("implies", args, Want::Own, Want::Own),
            I::TritXor => self.method("xor", args, Want::Own, Want::Own),
            I::TritMul => self.method("times", args, Want::Own, Want::Own),
            I::TritAdd => self.method("plus", args, Want::Own, Want::Own),
            I::TritConsensus => self.method("consensus", args, Want::Own, Want::Own),
            I::TritFromBool => self.call("Trit::from", args, own),
            I::TritFromInt => {
                let call = self.call("Trit::from_int", args, own).doc;
                Code::atom(many([call, text("?")]))
            }
            I::TritToInt => self.method("int", args, Want::Own, Want::Own),
            I::TryteAdd => self.tryte(op, "tryte_add", args, ty),
            I::TryteSub => self.tryte(op, "tryte_sub", args, ty),
            I::TryteWrapAdd => self.tryte(op, "tryte_wrap_add", args, ty),
            I::TryteDigits => self.tryte(op, "tryte_digits", args, &first_ty),
            I::TryteToInt => return first.map_or_else(|| Code::atom("0"), |arg| self.expr(arg, Want::Own)),
            I::TryteFromInt => self.tryte(op, "tryte", args, ty),
            I::TryteFromDigits => {
                let mut docs: Vec<Doc> = args.iter().map(|arg| self.typed(arg, Want::Arg).doc).collect();
                docs.push(Self::width(ty));
                self.rt_docs(op, "tryte_from_digits", docs)
            }
            I::OptionUnwrap => {
                let option = first.map_or(text("()"), |arg| self.receiver(arg, Want::Own));
                Code::atom(many([option, text(".ok_or(Fault::Unwrap)"), text("?")]))
            }
            I::ResultUnwrap => {
                let result = first.map_or(text("()"), |arg| self.receiver(arg, Want::Own));
                Code::atom(many([result, text(".ok().ok_or(Fault::Unwrap)"), text("?")]))
            }
            _ => return self.gathered(op, args, ty, want),
        };
        self.owned(code, ty, want)
    }

    fn prefixed(&mut self, op: I, args: &[Expr]) -> Code {
        let Some(arg) = args.first() else { return Code::atom("()") };
        if op == I::Not {
            return self.not(arg);
        }
        let doc = self.expr(arg, Want::Own).at(Level::Atom);
        Code::new(many([text(if op == I::U64Not { "!" } else { "-" }), doc]), Level::Unary)
    }

    fn call(&mut self, name: &str, args: &[Expr], wants: &[Want]) -> Code {
        let want = wants.first().copied().unwrap_or(Want::Own);
        let docs = args.iter().map(|arg| self.expr(arg, want).doc).collect();
        Code::atom(list(format!("{name}("), docs, ")", ","))
    }

    fn tryte(&mut self, op: I, name: &str, args: &[Expr], ty: &Type) -> Code {
        let mut docs: Vec<Doc> = args.iter().map(|arg| self.expr(arg, Want::Own).doc).collect();
        docs.push(Self::width(ty));
        self.rt_docs(op, name, docs)
    }

    /// `a.cmp(b)` by the order of structure.
    fn order(&mut self, args: &[Expr]) -> Doc {
        let [a, b] = args else { return text("()") };
        let a_ty = self.rust.input.program.erased(&a.ty);
        let receiver = self.of_view(a);
        let other = self.key(b);
        if is_ordered(self.rust, &a_ty) {
            return many([receiver, text(".cmp("), other, text(")")]);
        }
        // By its path: a type may have a method of that name.
        let receiver = if self.rust.is_copy(&a_ty) { many([text("&"), receiver]) } else { receiver };
        self.rust.need("order");
        list("rt::Order::order(", vec![receiver, other], ")", ",")
    }

    /// Operations on what gathers many values.
    // tidy: long function, an arm for each operation
    fn gathered(&mut self, op: I, args: &[Expr], ty: &Type, want: Want) -> Code {
        let first = args.first();
        let view = &[Want::Arg][..];
        let own = &[Want::Own][..];
        let of = |printer: &mut Self| first.map_or(text("()"), |arg| printer.of_view(arg));
        let code = match op {
            I::ListLen | I::SetLen | I::MapLen | I::BytesLen => {
                let doc = many([of(self), text(".len()")]);
                Self::cast(doc, "i64")
            }
            I::StringLen => {
                let doc = many([of(self), text(".chars().count()")]);
                Self::cast(doc, "i64")
            }
            I::ListAt | I::MapAt => {
                let item = self.item(args);
                return self.borrowed(item, ty, want, false);
            }
            I::ListSlice | I::BytesSlice => {
                let slice = self.rt(op, "slice", args, &[Want::Arg, Want::Own]);
                return self.borrowed(slice, ty, want, true);
            }
            I::StringSlice => {
                let slice = self.rt(op, "substring", args, &[Want::Arg, Want::Own]);
                return self.borrowed(slice, ty, want, true);
            }
            I::StringAt => {
                let slice = self.rt(op, "char_at", args, &[Want::Arg, Want::Own]);
                return self.borrowed(slice, ty, want, true);
            }
            I::ListPush => self.rt(op, "push", args, own),
            I::ListSet => self.rt(op, "set", args, own),
            I::ListConcat | I::StringConcat | I::BytesConcat => {
                let mut parts = Vec::new();
                args.iter().for_each(|arg| joined(op, arg, &mut parts));
                let docs = parts.into_iter().map(|part| self.typed(part, Want::View).doc).collect();
                Code::atom(many([list("[", docs, "]", ","), text(".concat()")]))
            }
            I::ListSort => {
                let is_ordered = first.is_some_and(|arg| is_ordered(self.rust, &arg.ty));
                if !is_ordered {
                    self.rust.need("order");
                }
                self.rt(op, if is_ordered { "sort" } else { "sort_by_order" }, args, own)
            }
            I::ListRange => {
                let docs: Vec<Doc> = args.iter().map(|arg| self.expr(arg, Want::Own).operand()).collect();
                let mut docs = docs.into_iter();
                let (lo, hi) = (docs.next().unwrap_or(text("0")), docs.next().unwrap_or(text("0")));
                Code::atom(many([text("("), lo, text("..="), hi, text(").collect::<Vec<i64>>()")]))
            }
            I::SetOf | I::MapOf => {
                let items = first.map_or(text("()"), |arg| self.receiver(arg, Want::Own));
                Code::atom(many([items, text(format!(".into_iter().collect::<{}>()", self.rust.ty(ty)))]))
            }
            I::SetHas | I::MapHas | I::MapGet => {
                let key = args.get(1).map_or(text("()"), |key| self.key(key));
                let method = match op {
                    I::SetHas => ".contains(",
                    I::MapHas => ".contains_key(",
                    _ => ".get(",
                };
                let rest = if op == I::MapGet { ").cloned()" } else { ")" };
                Code::atom(many([of(self), text(method), key, text(rest)]))
            }
            I::SetPut => self.rt(op, "put", args, own),
            I::SetDelete | I::MapDelete => {
                let docs = vec![
                    first.map_or(text("()"), |arg| self.expr(arg, Want::Own).doc),
                    args.get(1).map_or(text("()"), |key| self.exact_key(key)),
                ];
                self.rt_docs(op, if op == I::SetDelete { "delete" } else { "map_delete" }, docs)
            }
            I::MapPut => self.rt(op, "map_put", args, own),
            I::SetItems => Code::atom(many([of(self), text(".iter().cloned().collect::<Vec<_>>()")])),
            I::MapKeys => Code::atom(many([of(self), text(".keys().cloned().collect::<Vec<_>>()")])),
            I::StringFind => self.rt(op, "find", args, view),
            I::StringStartsWith => self.method("starts_with", args, Want::View, Want::View),
            I::StringEndsWith => self.method("ends_with", args, Want::View, Want::View),
            I::StringSplit => self.rt(op, "split", args, view),
            I::StringJoin => self.method("join", args, Want::View, Want::View),
            I::StringChars => {
                let chars = self.rt(op, "chars", args, view).doc;
                Code::atom(many([chars, text(".map(String::from).collect::<Vec<String>>()")]))
            }
            I::StringCode => self.rt(op, "code", args, view),
            I::StringFromCode => self.rt(op, "from_code", args, own),
            I::StringParseInt => Code::atom(many([of(self), text(".parse::<i64>().ok()")])),
            I::StringParseFloat => self.rt(op, "parse_float", args, view),
            I::StringShowInt | I::StringShowU64 => Code::atom(many([of(self), text(".to_string()")])),
            I::StringShowFloat => self.rt(op, "show_float", args, own),
            I::StringShowF32 => self.rt(op, "show_f32", args, own),
            I::BytesAt => self.rt(op, "byte", args, view),
            I::BytesFromList => self.rt(op, "bytes_of", args, view),
            I::BytesUtf8 => Code::atom(many([of(self), text(".as_bytes().to_vec()")])),
            I::BytesDecodeUtf8 => {
                let bytes = first.map_or(text("()"), |arg| self.expr(arg, Want::Arg).doc);
                Code::atom(many([text("core::str::from_utf8("), bytes, text(").ok().map(str::to_owned)")]))
            }
            // All others stand in `operation`.
            _ => Code::atom("()"),
        };
        self.owned(code, ty, want)
    }

    /// A `&T` of exactly the members' type.
    fn exact_key(&mut self, expr: &Expr) -> Doc {
        many([text("&"), self.expr(expr, Want::Own).at(Level::Unary)])
    }
}

/// The operands of `a ++ b ++ c`.
fn joined<'e>(op: I, expr: &'e Expr, parts: &mut Vec<&'e Expr>) {
    match &super::super::statements::uncovered(expr).kind {
        Kind::Intrinsic { op: inner, args } if *inner == op => args.iter().for_each(|arg| joined(op, arg, parts)),
        _ => parts.push(expr),
    }
}
