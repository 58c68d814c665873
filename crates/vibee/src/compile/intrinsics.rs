//! Operations: most are one instruction with the operands in order.

use super::{
    body::{Body, Val},
    branch::small,
    order::is_late,
};
use crate::{
    bytecode::{Instr, Opcode, Operand},
    intrinsic::Intrinsic as I,
    typed::Expr,
    types::Type,
};

impl<'p> Body<'_, 'p> {
    pub(super) fn intrinsic(&mut self, expr: &'p Expr, op: I, args: &'p [Expr], dest: Option<u16>) -> Val {
        if let Some(val) = self.with_number(expr, op, args, dest) {
            return val;
        }
        if let Some(val) = self.comparison(op, args, dest) {
            return val;
        }
        let ty = self.type_of(&expr.ty);
        let vals = self.operands(args);
        self.span = expr.span;
        match (op, vals.as_slice()) {
            (I::TritImplies, [a, b]) => {
                let not = self.alloc(ty);
                self.emit(Instr::new(Opcode::TNot, not, a.reg, 0));
                let dest = self.dest(dest, ty);
                self.emit(Instr::new(Opcode::TMax, dest.reg, not, b.reg));
                self.free_reg(not);
                vals.into_iter().for_each(|val| self.done(val));
                dest
            }
            (I::TritAdd, [a, b]) => {
                let trit = self.type_of(&Type::Trit);
                let (sum, carry) = (self.alloc(trit), self.alloc(trit));
                self.emit(Instr::new(Opcode::TSum, sum, a.reg, b.reg));
                self.emit(Instr::new(Opcode::TCarry, carry, a.reg, b.reg));
                vals.into_iter().for_each(|val| self.done(val));
                let dest = self.dest(dest, ty);
                self.emit_args(Instr::new(Opcode::Rec, dest.reg, 2, 0), &[sum, carry]);
                self.free_reg(sum);
                self.free_reg(carry);
                dest
            }
            (I::OptionUnwrap | I::ResultUnwrap, [of]) => {
                let case = u16::from(op == I::OptionUnwrap);
                let of = *of;
                let made = self.dest_beside(dest, ty, &vals);
                self.emit(Instr::new(Opcode::Payload, made.0.reg, of.reg, case));
                self.release(of);
                self.settle(made)
            }
            _ => match opcode(op) {
                Some(op) => self.plain(expr, op, &vals, dest),
                None => self.dest(dest, ty),
            },
        }
    }

    /// One instruction with operands in order, as its row of the table says.
    fn plain(&mut self, expr: &'p Expr, op: Opcode, vals: &[Val], dest: Option<u16>) -> Val {
        let ty = self.type_of(&expr.ty);
        let is_changed = matches!(op.operands().first(), Some(Operand::Both(_)));
        let mut rest = vals.to_vec();
        let mut made = None;
        if is_changed && let Some(first) = (!rest.is_empty()).then(|| rest.remove(0)) {
            let is_elsewhere = |dest: u16| rest.iter().any(|val| val.reg == dest);
            let val = match dest {
                // Changed where it is, and moved at the end: another operand is in the way.
                Some(dest) if is_elsewhere(dest) => self.own(first),
                Some(dest) => self.move_to(first, dest),
                None => self.own(first),
            };
            made = Some((val, dest));
        }
        let taken: Vec<bool> =
            op.operands().iter().skip(1).map(|operand| matches!(operand, Operand::Take(_))).collect();
        for (val, is_taken) in rest.iter_mut().zip(&taken) {
            if *is_taken {
                *val = self.own(*val);
            }
        }
        let made = match made {
            Some(made) => made,
            None => self.dest_beside(dest, ty, &rest),
        };
        let reg = |at: usize| rest.get(at).map_or(0, |val| val.reg);
        self.emit(Instr::new(op, made.0.reg, reg(0), reg(1)));
        for (val, is_taken) in rest.into_iter().zip(taken) {
            if is_taken {
                self.done(val);
            } else {
                self.release(val);
            }
        }
        self.settle(made)
    }

    /// An operation one of whose operands is a small number.
    fn with_number(&mut self, expr: &'p Expr, op: I, args: &'p [Expr], dest: Option<u16>) -> Option<Val> {
        let [one, other] = args else { return None };
        let (op, of, number, k) = match (op, small(one), small(other)) {
            (I::IntAdd, _, Some(k)) => (Opcode::IAddK, one, other, k),
            (I::IntAdd, Some(k), _) => (Opcode::IAddK, other, one, k),
            (I::IntSub, _, Some(k)) => (Opcode::IAddK, one, other, k.checked_neg()?),
            (I::IntMul, _, Some(k)) => (Opcode::IMulK, one, other, k),
            (I::IntMul, Some(k), _) => (Opcode::IMulK, other, one, k),
            (I::IntDiv, _, Some(k)) => (Opcode::IDivK, one, other, k),
            (I::IntMod, _, Some(k)) => (Opcode::IModK, one, other, k),
            (I::U64Shl, _, Some(k)) => (Opcode::UShlK, one, other, k),
            (I::U64Shr, _, Some(k)) => (Opcode::UShrK, one, other, k),
            _ => return None,
        };
        let ty = self.type_of(&expr.ty);
        // The number is a node, too: in its place, which is before an operand that is a local.
        let is_before = std::ptr::eq(number, one) || is_late(of);
        if is_before {
            self.enter(number);
        }
        let val = self.expr(of, None);
        if !is_before {
            self.enter(number);
        }
        self.span = expr.span;
        self.done(val);
        let dest = self.dest(dest, ty);
        self.emit(Instr::new(op, dest.reg, val.reg, k as u16));
        Some(dest)
    }
}

/// The instruction of an operation; `None` for those that are more than one, and comparisons.
// tidy: long function, a table
fn opcode(op: I) -> Option<Opcode> {
    Some(match op {
        I::IntAdd => Opcode::IAdd,
        I::IntSub => Opcode::ISub,
        I::IntMul => Opcode::IMul,
        I::IntNeg => Opcode::INeg,
        I::IntDiv => Opcode::IDiv,
        I::IntMod => Opcode::IMod,
        I::IntQuo => Opcode::IQuo,
        I::IntRem => Opcode::IRem,
        I::IntWrappingAdd => Opcode::IWAdd,
        I::IntWrappingSub => Opcode::IWSub,
        I::IntWrappingMul => Opcode::IWMul,
        I::IntSaturatingAdd => Opcode::ISAdd,
        I::IntSaturatingSub => Opcode::ISSub,
        I::IntSaturatingMul => Opcode::ISMul,
        I::U64Add => Opcode::UAdd,
        I::U64Sub => Opcode::USub,
        I::U64Mul => Opcode::UMul,
        I::U64Div => Opcode::UDiv,
        I::U64Mod => Opcode::UMod,
        I::U64And => Opcode::UAnd,
        I::U64Or => Opcode::UOr,
        I::U64Xor => Opcode::UXor,
        I::U64Not => Opcode::UNot,
        I::U64Shl => Opcode::UShl,
        I::U64Shr => Opcode::UShr,
        I::U64Rotl => Opcode::URotl,
        I::U64Popcount => Opcode::UPop,
        I::U64FromInt => Opcode::UOfInt,
        I::U64ToInt => Opcode::UToInt,
        I::U64FromBits => Opcode::UOfBits,
        I::U64ToBits => Opcode::UToBits,
        I::FloatAdd => Opcode::FAdd,
        I::FloatSub => Opcode::FSub,
        I::FloatMul => Opcode::FMul,
        I::FloatDiv => Opcode::FDiv,
        I::FloatNeg => Opcode::FNeg,
        I::FloatAbs => Opcode::FAbs,
        I::FloatSqrt => Opcode::FSqrt,
        I::F32Add => Opcode::GAdd,
        I::F32Sub => Opcode::GSub,
        I::F32Mul => Opcode::GMul,
        I::F32Div => Opcode::GDiv,
        I::F32Neg => Opcode::GNeg,
        I::F32Abs => Opcode::GAbs,
        I::F32Sqrt => Opcode::GSqrt,
        I::FloatFloor => Opcode::FFloor,
        I::FloatCeil => Opcode::FCeil,
        I::FloatTrunc => Opcode::FTrunc,
        I::FloatRoundEven => Opcode::FRound,
        I::FloatFromInt => Opcode::FOfInt,
        I::FloatRoundInt => Opcode::FRoundInt,
        I::FloatBits => Opcode::FBits,
        I::FloatFromBits => Opcode::FOfBits,
        I::F32FromFloat => Opcode::GOfFloat,
        I::F32ToFloat => Opcode::GToFloat,
        I::F32Bits => Opcode::GBits,
        I::F32FromBits => Opcode::GOfBits,
        I::Same => Opcode::HSame,
        I::Compare => Opcode::HCmp,
        I::Not => Opcode::Not,
        I::TritNot => Opcode::TNot,
        I::TritAnd => Opcode::TMin,
        I::TritOr => Opcode::TMax,
        I::TritXor => Opcode::TXor,
        I::TritMul => Opcode::TMul,
        I::TritConsensus => Opcode::TCons,
        I::TritFromBool => Opcode::TOfBool,
        I::TritFromInt => Opcode::TOfInt,
        I::TritToInt => Opcode::TToInt,
        I::TryteAdd => Opcode::YAdd,
        I::TryteSub => Opcode::YSub,
        I::TryteNeg => Opcode::YNeg,
        I::TryteWrapAdd => Opcode::YWrap,
        I::TryteDigits => Opcode::YDigits,
        I::TryteToInt => Opcode::YToInt,
        I::TryteFromInt => Opcode::YOfInt,
        I::TryteFromDigits => Opcode::YOfDigits,
        I::ListLen => Opcode::Llen,
        I::ListAt => Opcode::Lget,
        I::ListPush => Opcode::Lpush,
        I::ListSet => Opcode::Lset,
        I::ListConcat => Opcode::Lcat,
        I::ListSlice => Opcode::Lslice,
        I::ListSort => Opcode::Lsort,
        I::ListRange => Opcode::Lrange,
        I::SetOf => Opcode::Tof,
        I::SetLen => Opcode::Tlen,
        I::SetHas => Opcode::Thas,
        I::SetPut => Opcode::Tput,
        I::SetDelete => Opcode::Tdel,
        I::SetItems => Opcode::Titems,
        I::MapOf => Opcode::Mof,
        I::MapLen => Opcode::Mlen,
        I::MapHas => Opcode::Mhas,
        I::MapGet => Opcode::Mget,
        I::MapAt => Opcode::Mat,
        I::MapPut => Opcode::Mput,
        I::MapDelete => Opcode::Mdel,
        I::MapKeys => Opcode::Mkeys,
        I::StringLen => Opcode::Slen,
        I::StringAt => Opcode::Sget,
        I::StringConcat => Opcode::Scat,
        I::StringSlice => Opcode::Sslice,
        I::StringFind => Opcode::Sfind,
        I::StringStartsWith => Opcode::Sstarts,
        I::StringEndsWith => Opcode::Sends,
        I::StringSplit => Opcode::Ssplit,
        I::StringJoin => Opcode::Sjoin,
        I::StringChars => Opcode::Schars,
        I::StringCode => Opcode::Scode,
        I::StringFromCode => Opcode::Sofcode,
        I::StringParseInt => Opcode::SparseI,
        I::StringParseFloat => Opcode::SparseF,
        I::StringShowInt => Opcode::SshowI,
        I::StringShowU64 => Opcode::SshowU,
        I::StringShowFloat => Opcode::SshowF,
        I::StringShowF32 => Opcode::SshowG,
        I::BytesLen => Opcode::Blen,
        I::BytesAt => Opcode::Bget,
        I::BytesConcat => Opcode::Bcat,
        I::BytesSlice => Opcode::Bslice,
        I::BytesFromList => Opcode::Bof,
        I::BytesUtf8 => Opcode::U8enc,
        I::BytesDecodeUtf8 => Opcode::U8dec,
        I::Eq
        | I::Ne
        | I::Lt
        | I::Le
        | I::Gt
        | I::Ge
        | I::TritImplies
        | I::TritAdd
        | I::OptionUnwrap
        | I::ResultUnwrap => return None,
    })
}
