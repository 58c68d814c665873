//! Operations of the table of intrinsics, in TypeScript.

use super::{
    super::{
        reach::has_float,
        terms::{Term, TermKind},
        writer::{Doc, list, many, text},
    },
    body::{Printer, is_open},
};
use crate::{intrinsic::Intrinsic as I, types::Type};

impl Printer<'_> {
    /// Whether an operation is printed as a call, or something else that binds as tightly.
    #[expect(clippy::match_same_arms, reason = "operations of a kind stand together")]
    pub(super) fn is_call(&self, op: I, args: &[Term]) -> bool {
        match op {
            I::Eq | I::Ne | I::Same => !self.is_scalar(args) && op != I::Ne,
            I::FloatAdd | I::FloatSub | I::FloatMul | I::FloatDiv | I::FloatNeg | I::F32Neg | I::TryteNeg => false,
            I::Lt | I::Le | I::Gt | I::Ge | I::U64And | I::U64Or | I::U64Xor | I::StringConcat | I::Not => false,
            I::TritFromBool | I::TritConsensus => false,
            _ => true,
        }
    }

    /// Whether `===` is `==` of the operands.
    fn is_scalar(&self, args: &[Term]) -> bool {
        let is_known = args.iter().all(|arg| matches!(arg.kind, TermKind::Const(_) | TermKind::Variant(..)));
        let ty = args.first().map_or(&Type::Poison, |arg| &arg.ty);
        let is_plain = match ty {
            Type::Named(id) => self.ts.is_bare(*id),
            Type::Bool
            | Type::Trit
            | Type::Tryte(_)
            | Type::Int
            | Type::U64
            | Type::Float
            | Type::F32
            | Type::String => true,
            _ => false,
        };
        // The compiler refuses to compare two literals that differ.
        is_plain && !is_known
    }

    fn call(name: &str, docs: Vec<Doc>) -> Doc {
        list(format!("{name}("), docs, ")", ",")
    }

    fn rt(&self, name: &str, docs: Vec<Doc>) -> Doc {
        Self::call(&self.ts.rt(name), docs)
    }

    fn binary(&self, operator: &str, args: &[Term]) -> Doc {
        let docs: Vec<Doc> = args.iter().map(|arg| self.atom(arg)).collect();
        let mut docs = docs.into_iter();
        let first = docs.next().unwrap_or_else(|| text("0"));
        docs.fold(first, |all, doc| many([all, text(format!(" {operator} ")), doc]))
    }

    /// `a op b` within a call.
    fn checked(&self, name: &str, operator: &str, args: &[Term]) -> Doc {
        self.rt(name, vec![self.binary(operator, args)])
    }

    fn wrapped(&self, name: &str, operator: &str, args: &[Term]) -> Doc {
        Self::call(name, vec![text("64"), self.binary(operator, args)])
    }

    fn method(&self, name: &str, args: &[Term]) -> Doc {
        let Some((first, rest)) = args.split_first() else { return text("undefined") };
        let docs = rest.iter().map(|arg| self.term(arg)).collect();
        many([self.atom(first), list(format!(".{name}("), docs, ")", ",")])
    }

    fn key_order(&self, args: &[Term]) -> String {
        match args.first().map(|arg| &arg.ty) {
            Some(Type::Set(key) | Type::Map(key, _)) => self.ts.order(key),
            _ => String::new(),
        }
    }

    /// `changed(items, (copy) => op(copy, …))`
    fn copied(&self, name: &str, args: &[Term]) -> Doc {
        let Some((first, rest)) = args.split_first() else { return text("undefined") };
        let mut docs = vec![text("copy")];
        docs.extend(rest.iter().map(|arg| self.term(arg)));
        docs.push(text(self.key_order(args)));
        let change = many([text("(copy) => "), self.rt(name, docs)]);
        // Arguments may not be evaluated later than the value that is changed: they cannot fault twice.
        self.rt("changed", vec![self.typed(first), change])
    }

    /// A term whose type the compiler would take for less than it is, with its type.
    fn typed(&self, term: &Term) -> Doc {
        let doc = self.term(term);
        if is_open(term) { many([text("("), doc, text(format!(" as {})", self.ts.ty(&term.ty)))]) } else { doc }
    }

    fn width(ty: &Type) -> Doc {
        text(match ty {
            Type::Tryte(n) => format!("{n}n"),
            _ => "1n".to_owned(),
        })
    }

    /// Prints an operation of the table.
    // tidy: long function, an arm for each operation
    #[expect(clippy::match_same_arms, reason = "a row for each operation")]
    pub(super) fn operation(&self, op: I, args: &[Term], ty: &Type) -> Doc {
        let docs = || args.iter().map(|arg| self.term(arg)).collect::<Vec<Doc>>();
        let first_ty = args.first().map_or(Type::Poison, |arg| arg.ty.clone());
        let first = || args.first().map_or_else(|| text("undefined"), |arg| self.atom(arg));
        match op {
            I::IntAdd => self.checked("int", "+", args),
            I::IntSub => self.checked("int", "-", args),
            I::IntMul => self.checked("int", "*", args),
            I::IntNeg => self.rt("int", vec![many([text("-"), first()])]),
            I::IntDiv => self.rt("div", docs()),
            I::IntMod => self.rt("mod", docs()),
            I::IntQuo => self.rt("quo", docs()),
            I::IntRem => self.rt("rem", docs()),
            I::U64Div => self.rt("quo64", docs()),
            I::U64Mod => self.rt("rem", docs()),
            I::IntWrappingAdd => self.wrapped("BigInt.asIntN", "+", args),
            I::IntWrappingSub => self.wrapped("BigInt.asIntN", "-", args),
            I::IntWrappingMul => self.wrapped("BigInt.asIntN", "*", args),
            I::IntSaturatingAdd => self.checked("saturate", "+", args),
            I::IntSaturatingSub => self.checked("saturate", "-", args),
            I::IntSaturatingMul => self.checked("saturate", "*", args),
            I::U64Add => self.wrapped("BigInt.asUintN", "+", args),
            I::U64Sub => self.wrapped("BigInt.asUintN", "-", args),
            I::U64Mul => self.wrapped("BigInt.asUintN", "*", args),
            I::U64And => self.binary("&", args),
            I::U64Or => self.binary("|", args),
            I::U64Xor => self.binary("^", args),
            I::U64Not => Self::call("BigInt.asUintN", vec![text("64"), many([text("~"), first()])]),
            I::U64Shl => self.rt("shl", docs()),
            I::U64Shr => self.rt("shr", docs()),
            I::U64Rotl => self.rt("rotl", docs()),
            I::U64Popcount => self.rt("popcount", docs()),
            I::U64FromInt => self.rt("unsigned", docs()),
            I::U64ToInt => self.rt("toInt", docs()),
            I::U64FromBits => Self::call("BigInt.asUintN", [vec![text("64")], docs()].concat()),
            I::U64ToBits => Self::call("BigInt.asIntN", [vec![text("64")], docs()].concat()),
            I::FloatAdd => self.binary("+", args),
            I::FloatSub => self.binary("-", args),
            I::FloatMul => self.binary("*", args),
            I::FloatDiv => self.binary("/", args),
            I::FloatNeg | I::F32Neg | I::TryteNeg => many([text("-"), first()]),
            I::FloatAbs | I::F32Abs => Self::call("Math.abs", docs()),
            I::FloatSqrt => Self::call("Math.sqrt", docs()),
            I::F32Add => Self::call("Math.fround", vec![self.binary("+", args)]),
            I::F32Sub => Self::call("Math.fround", vec![self.binary("-", args)]),
            I::F32Mul => Self::call("Math.fround", vec![self.binary("*", args)]),
            I::F32Div => Self::call("Math.fround", vec![self.binary("/", args)]),
            I::F32Sqrt => Self::call("Math.fround", vec![Self::call("Math.sqrt", docs())]),
            I::FloatFloor => self.rt("whole", vec![Self::call("Math.floor", docs())]),
            I::FloatCeil => self.rt("whole", vec![Self::call("Math.ceil", docs())]),
            I::FloatTrunc => self.rt("whole", vec![Self::call("Math.trunc", docs())]),
            I::FloatRoundEven => self.rt("roundEven", docs()),
            I::FloatFromInt => self.rt("float", docs()),
            I::FloatRoundInt => Self::call("Number", docs()),
            I::FloatBits => self.rt("bits", docs()),
            I::FloatFromBits => self.rt("fromBits", docs()),
            I::F32FromFloat => Self::call("Math.fround", docs()),
            I::F32ToFloat | I::TryteToInt => first(),
            I::F32Bits => self.rt("bits32", docs()),
            I::F32FromBits => self.rt("fromBits32", docs()),
            I::Eq if self.is_scalar(args) => self.binary("===", args),
            I::Ne if self.is_scalar(args) => self.binary("!==", args),
            I::Eq => self.rt("equal", docs()),
            I::Ne => many([text("!"), self.rt("equal", docs())]),
            I::Lt => self.less("<", args),
            I::Le => self.less("<=", args),
            I::Gt => self.less(">", args),
            I::Ge => self.less(">=", args),
            I::Same if has_float(self.ts.input.program, &first_ty) => {
                let order = Self::call(&self.ts.order(&first_ty), docs());
                many([text("("), order, text(" === 0)")])
            }
            I::Same if self.is_scalar(args) => self.binary("===", args),
            I::Same => self.rt("equal", docs()),
            I::Compare => self.rt("sign", vec![Self::call(&self.ts.order(&first_ty), docs())]),
            I::Not => args.first().map_or_else(|| text("true"), |arg| self.not(arg)),
            I::TritNot => self.rt("tritNot", docs()),
            I::TritAnd => self.rt("tritMin", docs()),
            I::TritOr => self.rt("tritMax", docs()),
            I::TritImplies => {
                let mut docs = docs();
                if let Some(first) = docs.first_mut() {
                    *first = self.rt("tritNot", vec![first.clone()]);
                }
                self.rt("tritMax", docs)
            }
            I::TritXor => self.rt("tritXor", docs()),
            I::TritMul => self.rt("tritMul", docs()),
            I::TritAdd => self.rt("tritAdd", docs()),
            I::TritConsensus => self.rt("consensus", docs()),
            I::TritFromBool => many([first(), text(" ? 1 : -1")]),
            I::TritFromInt => self.rt("trit", docs()),
            I::TritToInt => Self::call("BigInt", docs()),
            I::TryteAdd => self.rt("tryte", vec![self.binary("+", args), Self::width(ty), text("\"overflow\"")]),
            I::TryteSub => self.rt("tryte", vec![self.binary("-", args), Self::width(ty), text("\"overflow\"")]),
            I::TryteWrapAdd => self.rt("tryteWrap", vec![self.binary("+", args), Self::width(ty)]),
            I::TryteDigits => self.rt("tryteDigits", [docs(), vec![Self::width(&first_ty)]].concat()),
            I::TryteFromInt => self.rt("tryte", [docs(), vec![Self::width(ty)]].concat()),
            I::TryteFromDigits => self.rt("fromDigits", [docs(), vec![Self::width(ty)]].concat()),
            I::OptionUnwrap => self.rt("unwrap", args.iter().map(|arg| self.typed(arg)).collect()),
            I::ResultUnwrap => self.rt("unwrapOk", args.iter().map(|arg| self.typed(arg)).collect()),
            _ => self.gathered(op, args, ty),
        }
    }

    fn less(&self, operator: &str, args: &[Term]) -> Doc {
        match args.first().map(|arg| &arg.ty) {
            Some(ty @ (Type::String | Type::Bytes | Type::Named(_))) => {
                let docs = args.iter().map(|arg| self.term(arg)).collect();
                many([Self::call(&self.ts.order(ty), docs), text(format!(" {operator} 0"))])
            }
            _ => self.binary(operator, args),
        }
    }

    fn gathered(&self, op: I, args: &[Term], ty: &Type) -> Doc {
        let docs = || args.iter().map(|arg| self.typed(arg)).collect::<Vec<Doc>>();
        let first_ty = args.first().map_or(Type::Poison, |arg| arg.ty.clone());
        let first = || {
            args.first()
                .map_or_else(|| text("undefined"), |arg| if is_open(arg) { self.typed(arg) } else { self.atom(arg) })
        };
        let with_order = || [docs(), vec![text(self.key_order(args))]].concat();
        match op {
            I::ListLen | I::SetLen | I::MapLen | I::BytesLen => many([text("BigInt("), first(), text(".length)")]),
            I::StringLen => many([text("BigInt([..."), first(), text("].length)")]),
            I::ListAt => self.rt("at", docs()),
            I::ListPush => {
                let rest = args.iter().skip(1).map(|arg| self.term(arg));
                list("[", [many([text("..."), first()])].into_iter().chain(rest).collect(), "]", ",")
            }
            I::ListSet => self.rt("withAt", docs()),
            I::ListConcat => list("[", args.iter().map(|arg| many([text("..."), self.atom(arg)])).collect(), "]", ","),
            I::ListSlice => self.rt("slice", docs()),
            I::ListSort => {
                let order = match &first_ty {
                    Type::List(of) => self.ts.order(of),
                    _ => String::new(),
                };
                many([text("[..."), first(), text(format!("].sort({order})"))])
            }
            I::ListRange => self.rt("range", docs()),
            I::SetOf | I::MapOf => {
                let order = match ty {
                    Type::Set(key) | Type::Map(key, _) => self.ts.order(key),
                    _ => String::new(),
                };
                self.rt(if op == I::SetOf { "setOf" } else { "mapOf" }, [docs(), vec![text(order)]].concat())
            }
            I::SetHas => self.rt("setHas", with_order()),
            I::SetPut => self.copied("setPut", args),
            I::SetDelete => self.copied("setDelete", args),
            I::SetItems => first(),
            I::MapHas => many([text("("), self.rt("mapGet", with_order()), text(" !== undefined)")]),
            I::MapGet => self.rt("mapGet", with_order()),
            I::MapAt => self.rt("mapAt", with_order()),
            I::MapPut => self.copied("mapPut", args),
            I::MapDelete => self.copied("mapDelete", args),
            I::MapKeys => many([first(), text(".map((pair) => pair[0])")]),
            I::StringAt => self.rt(
                "at",
                vec![many([text("[..."), first(), text("]")]), args.get(1).map_or(text("0n"), |i| self.term(i))],
            ),
            I::StringConcat => self.binary("+", args),
            I::StringSlice => self.rt("substring", docs()),
            I::StringFind => self.rt("find", docs()),
            I::StringStartsWith => self.method("startsWith", args),
            I::StringEndsWith => self.method("endsWith", args),
            I::StringSplit => self.rt("split", docs()),
            I::StringJoin => self.method("join", args),
            I::StringChars => list("[", vec![many([text("..."), first()])], "]", ""),
            I::StringCode => self.rt("code", docs()),
            I::StringFromCode => self.rt("fromCode", docs()),
            I::StringParseInt => self.rt("parseInt64", docs()),
            I::StringParseFloat => self.rt("parseFloat64", docs()),
            I::StringShowInt | I::StringShowU64 => Self::call("String", docs()),
            I::StringShowFloat => self.rt("showFloat", docs()),
            I::StringShowF32 => self.rt("showFloat32", docs()),
            I::BytesAt => self.rt("byteAt", docs()),
            I::BytesConcat => self.rt("concatBytes", docs()),
            I::BytesSlice => self.rt("sliceBytes", docs()),
            I::BytesFromList => self.rt("bytesOf", docs()),
            I::BytesUtf8 => self.rt("utf8", docs()),
            I::BytesDecodeUtf8 => self.rt("decodeUtf8", docs()),
            // All others stand in `operation`.
            _ => text("undefined"),
        }
    }
}
