//! Bytecode as the VM runs it: all functions in one row of instructions, jumps relative, what each charge is and
//! whether a part is a reference written into the flags, types of operands beside.

use super::{
    layout::Layouts,
    quick::{self, Step},
};
use crate::bytecode::{Bytecode, Code, Form, Instr, Opcode, Operand, TypeIndex, target_of};

/// A function as the VM calls it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its first instruction.
    pub pc: u32,
    /// How many registers it has.
    pub n_registers: u32,
    /// How many of them are parameters.
    pub n_params: u16,
    /// Whether it has a body.
    pub has_code: bool,
    /// How a value comes out of it, and goes into each of the first parameters.
    pub returns: Border,
    pub params: [Border; 4],
}

/// How a value becomes a word, and a word a value: what most calls from outside have is told by one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    Int,
    Float,
    /// By the form of its type.
    Formed,
}

impl Border {
    fn of(bytecode: &Bytecode, ty: Option<TypeIndex>) -> Self {
        match ty.and_then(|ty| bytecode.form(ty)) {
            Some(Form::Int) => Self::Int,
            Some(Form::Float) => Self::Float,
            _ => Self::Formed,
        }
    }
}

/// All functions of the bytecode, decoded.
#[derive(Debug)]
pub(super) struct Loaded {
    pub code: Vec<Instr>,
    /// Types of the first operand and of the second, by instruction.
    pub types: Vec<(u32, u32)>,
    pub entries: Vec<Entry>,
    /// Steps of the quick loop, one for each instruction; none where a function is wide.
    pub quick: Vec<Step>,
    /// Whether a function has more registers than a narrow window.
    pub is_wide: bool,
}

/// Registers of a narrow window.
pub(super) const NARROW: usize = 256;

pub(super) fn load(bytecode: &Bytecode, layouts: &Layouts) -> Loaded {
    let mut loaded =
        Loaded { code: Vec::new(), types: Vec::new(), entries: Vec::new(), quick: Vec::new(), is_wide: false };
    for code in &bytecode.functions {
        loaded.entries.push(Entry {
            pc: loaded.code.len() as u32,
            n_registers: code.registers.len() as u32,
            n_params: code.n_params,
            has_code: !code.code.is_empty(),
            returns: Border::of(bytecode, Some(code.returns)),
            params: std::array::from_fn(|at| Border::of(bytecode, code.registers.get(at).copied())),
        });
        loaded.is_wide |= code.registers.len() > NARROW;
        let mut stretch = 0_usize;
        for (pc, instr) in code.code.iter().enumerate() {
            stretch += 1;
            let mut types = types(code, *instr);
            let mut instr = *instr;
            if let Some(target) = target_of(instr) {
                set_target(&mut instr, (target as i64 - pc as i64 - 1) as i16 as u16);
            }
            if instr.op.is_charged() {
                instr.f = stretch.min(255) as u8;
                stretch = 0;
            }
            match instr.op {
                Opcode::Lget | Opcode::Field => instr.f = layouts.is_heap(types.0).into(),
                // Only a list of scalars is set in place without a look at the old item.
                Opcode::Lset => instr.f = layouts.is_heap(layouts.part(types.0, 0)).into(),
                Opcode::Lfirst | Opcode::Lnext | Opcode::Tfirst | Opcode::Tnext => {
                    types.0 = layouts.is_heap(types.0).into();
                }
                Opcode::Rec | Opcode::Variant | Opcode::Lnew | Opcode::Mfirst | Opcode::Mnext => {
                    types.0 = layouts.shape_of(types.0);
                }
                Opcode::Payload => instr.f = instr.f << 1 | u8::from(layouts.is_heap(types.0)),
                _ => {}
            }
            loaded.code.push(instr);
            loaded.types.push(types);
        }
    }
    if !loaded.is_wide {
        let both = loaded.code.iter().zip(&loaded.types);
        let mut steps: Vec<Step> =
            both.map(|(instr, types)| Step::of(*instr, *types, &loaded.entries, layouts)).collect();
        quick::fuse(&mut steps);
        loaded.quick = steps;
    }
    loaded
}

fn types(code: &Code, instr: Instr) -> (u32, u32) {
    let mut found = [None, None];
    let mut place = 0;
    for operand in instr.op.operands() {
        if operand.pattern().is_some() && place < 2 {
            let register = instr.operand(place, false) as usize;
            if let (Some(found), Some(TypeIndex(ty))) = (found.get_mut(place), code.registers.get(register)) {
                *found = Some(*ty);
            }
        }
        place += 1 + usize::from(operand.is_wide());
    }
    (found[0].unwrap_or(0), found[1].unwrap_or(0))
}

fn set_target(instr: &mut Instr, target: u16) {
    let mut place = 0;
    for operand in instr.op.operands() {
        if *operand == Operand::Target {
            instr.set_operand(place, false, target.into());
        }
        place += 1 + usize::from(operand.is_wide());
    }
}
