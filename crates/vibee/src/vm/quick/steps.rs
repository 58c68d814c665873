//! Steps of the quick loop, and what instructions they are made of.

use crate::{
    bytecode::{Instr, Opcode},
    vm::{layout::Layouts, load::Entry},
};

/// Calls a macro with the steps that are named like the instruction which they are, with others, and with those that
/// are several of these, one after the other: the longest that fits is taken.
macro_rules! steps {
    ($then:ident) => {
        $then! {
            Mov Const Imm Fuel IAdd ISub IMul INeg IMod IDiv IAddK IMulK IDivK IModK InK UAnd UOr UXor UNot UShlK
            UShrK UOfInt FAdd FSub FMul FDiv FNeg FAbs FRoundInt IEq ILt ILe ULt ULe FEq FLt FLe Not TNot TMin TMax
            TXor TMul TOfBool TOfInt Jmp Jif Jifn Jieq Jine Jilt Jile JieqK JineK JiltK JileK JigtK JigeK Jult Jule
            Jflt Jfnlt Jfle Jfnle Rnext Call Tail Ret Llen Lget Lset Lfirst Lnext Field Jtagn Payload Copy Drop Mget
            Mput;
            WAdd WSub WMul Half Parity XorShl XorShr HornerAdd HornerSub Count;
            GuardsUnless = JiltK JiltK JineK;
            Guards = JiltK JiltK;
            GuardUnless = JiltK JineK;
            NeitherUnless = JieqK JineK;
            Shrinks = Imm Jilt Jile Tail;
            ModShrinks = IMod Imm Jilt Jile Tail;
            LessShrinks = IAddK Imm Jilt Jile Tail;
            ParityUnless = Parity JineK;
            ParityIf = Parity JieqK;
            ModUnless = IModK JineK;
            ModIf = IModK JieqK;
            HalfJmp = Half Jmp;
            AddJmp = IAddK Jmp;
            MulAdd = IMulK IAddK;
            MulAddRet = IMulK IAddK Ret;
            HornerAddRet = HornerAdd Ret;
            HornerSubRet = HornerSub Ret;
            MulMod = IMulK IModK;
            ModAdd = IModK IAddK;
            AddRnext = IAdd Rnext;
            FAddRnext = FAdd Rnext;
            ConstHornerAdd = Const HornerAdd;
            ConstHornerSub = Const HornerSub;
            ConstFMul = Const FMul;
            ConstFAdd = Const FAdd;
            ConstFSub = Const FSub;
            GetSome = Mget Jtagn Payload Drop;
            LenMod = Llen IMod;
            LenModGet = Llen IMod Lget;
            DropLnext = Drop Lnext;
        }
    };
}

macro_rules! declare {
    ($($op:ident)*; $($other:ident)*; $($name:ident = $($part:ident)+;)*) => {
        /// What a step does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(in crate::vm) enum Op {
            /// Nothing: the instruction is not for the quick loop.
            Slow,
            $($op,)*
            $($other,)*
            $($name,)*
        }

        /// The step that an instruction is, where nothing of it depends on its operands.
        fn op_of(op: Opcode) -> Op {
            match op {
                $(Opcode::$op => Op::$op,)*
                Opcode::Take | Opcode::UOfBits | Opcode::UToBits | Opcode::FBits | Opcode::GBits => Op::Mov,
                Opcode::TToInt | Opcode::YToInt => Op::Mov,
                Opcode::UAdd | Opcode::IWAdd => Op::WAdd,
                Opcode::USub | Opcode::IWSub => Op::WSub,
                Opcode::UMul | Opcode::IWMul => Op::WMul,
                Opcode::UToInt => Op::UOfInt,
                Opcode::YNeg => Op::TNot,
                Opcode::Tlen => Op::Llen,
                _ => Op::Slow,
            }
        }

        /// Steps of several instructions.
        const FUSED: &[(Op, &[Op])] = &[$((Op::$name, &[$(Op::$part),+])),*];
    };
}

steps!(declare);

/// An instruction for the quick loop: operands as they are in bytecode, targets and `f` as [`super::load`] makes them.
#[derive(Clone, Copy, Debug)]
pub(in crate::vm) struct Step {
    pub op: Op,
    pub f: u8,
    pub a: u16,
    pub b: u16,
    pub c: u16,
}

impl Step {
    /// Whether the quick loop may take it.
    #[inline]
    pub(in crate::vm) fn is_quick(self) -> bool {
        self.op != Op::Slow
    }

    /// The step of an instruction, with the types of its operands.
    pub(in crate::vm) fn of(instr: Instr, types: (u32, u32), entries: &[Entry], layouts: &Layouts) -> Self {
        let step = |op| Self { op, f: instr.f, a: instr.a, b: instr.b, c: instr.c };
        let k = instr.c as i16;
        let has_few_params = |function: u32| {
            entries.get(function as usize).is_some_and(|entry| (1..=3).contains(&usize::from(entry.n_params)))
        };
        step(match instr.op {
            Opcode::IDivK if k == 2 => Op::Half,
            Opcode::IModK if k == 2 => Op::Parity,
            Opcode::IDivK | Opcode::IModK if k <= 0 => Op::Slow,
            Opcode::UShlK | Opcode::UShrK if instr.c >= 64 => Op::Slow,
            Opcode::Const if layouts.is_heap(types.0) => Op::Slow,
            Opcode::Call if !has_few_params(instr.bc()) => Op::Slow,
            Opcode::Tail if !has_few_params(instr.ab()) => Op::Slow,
            // What `load` wrote there: whether an item, a field, what a case carries is a reference.
            Opcode::Lset | Opcode::Payload if instr.f != 0 => Op::Slow,
            Opcode::Lfirst | Opcode::Lnext if types.0 != 0 => Op::Slow,
            Opcode::Mget => {
                return Self {
                    f: layouts.is_text(layouts.part(types.1, 0)).into(),
                    ..step(map_op(Op::Mget, types.1, layouts))
                };
            }
            Opcode::Mput => {
                return Self {
                    f: layouts.is_text(layouts.part(types.0, 0)).into(),
                    ..step(map_op(Op::Mput, types.0, layouts))
                };
            }
            op => op_of(op),
        })
    }
}

/// Puts steps of several instructions where they fit.
pub(in crate::vm) fn fuse(steps: &mut [Step]) {
    for at in 0..steps.len() {
        let found = steps.get(at..).and_then(chain);
        if let (Some(op), Some(step)) = (found, steps.get_mut(at)) {
            step.op = op;
        }
    }
    for at in 0..steps.len() {
        // Those behind are still as the first round left them.
        let rest = steps.get(at..).unwrap_or_default();
        let fits = |parts: &[Op]| {
            let mut at = 0;
            parts.iter().all(|part| {
                let is_there = rest.get(at).is_some_and(|step| step.op == *part);
                at += part.n_steps();
                is_there
            })
        };
        let found = FUSED.iter().filter(|(_, parts)| fits(parts)).max_by_key(|(_, parts)| parts.len());
        if let (Some((op, _)), Some(step)) = (found, steps.get_mut(at)) {
            step.op = *op;
        }
    }
}

/// A step of several instructions whose results are operands of the next: `x xor x << k`, and a product with a constant
/// behind it that is added or taken away. They need not be read where they were just written.
fn chain(rest: &[Step]) -> Option<Op> {
    let [one, two, more @ ..] = rest else { return None };
    if counts(rest) {
        return Some(Op::Count);
    }
    match (one.op, two.op, more.first().map(|three| (three.op, three.b, three.c))) {
        (Op::UShlK | Op::UShrK, Op::UXor, _) => {
            let is_chain = (two.b, two.c) == (one.b, one.a) && one.a != one.b;
            is_chain.then_some(if one.op == Op::UShlK { Op::XorShl } else { Op::XorShr })
        }
        (Op::FMul, Op::Const, Some((op @ (Op::FAdd | Op::FSub), b, c))) => {
            let is_chain = (b, c) == (one.a, two.a) && one.a != two.a;
            is_chain.then_some(if op == Op::FAdd { Op::HornerAdd } else { Op::HornerSub })
        }
        _ => None,
    }
}

/// Whether `m.put(k, match m.get(k) { Some(n) => n + 1, … })` begins here: what stands in the map's place for a key
/// goes back there. The instructions between are those of `Some`, and the `put` stands where they jump to.
fn counts(rest: &[Step]) -> bool {
    let [get, tag, payload, drop, sum, jump, more @ ..] = rest else { return false };
    let is_row = [get, tag, payload, drop, sum, jump].map(|step| step.op)
        == [Op::Mget, Op::Jtagn, Op::Payload, Op::Drop, Op::IAddK, Op::Jmp];
    let is_chain = [tag.a, payload.b, drop.a] == [get.a; 3] && sum.b == payload.a && (tag.b, payload.c) == (1, 1);
    // The map and its key stay where they are.
    let is_kept = [get.a, payload.a, sum.a].iter().all(|to| *to != get.b && *to != get.c) && payload.a != get.a;
    let put = usize::try_from(jump.a as i16).ok().and_then(|behind| more.get(behind));
    let is_put = put.is_some_and(|put| put.op == Op::Mput && (put.a, put.b, put.c) == (get.b, get.c, sum.a));
    is_row && is_chain && is_kept && is_put
}

impl Op {
    /// How many instructions a step of the first list is.
    fn n_steps(self) -> usize {
        match self {
            Self::XorShl | Self::XorShr => 2,
            Self::HornerAdd | Self::HornerSub => 3,
            _ => 1,
        }
    }
}

/// A step on a map, if its keys are the same where their bits are and its values are no references.
fn map_op(op: Op, map: u32, layouts: &Layouts) -> Op {
    let (key, value) = (layouts.part(map, 0), layouts.part(map, 1));
    if layouts.is_found_by_bits(key) && !layouts.is_heap(value) { op } else { Op::Slow }
}

pub(super) use steps;
