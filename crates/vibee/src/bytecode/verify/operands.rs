//! Operands of one instruction: whether they exist and have the types that its row of the table says.

use super::args;
use crate::{
    bytecode::{Bytecode, Code, Form, Instr, Opcode, Operand, Pattern, Refusal, TypeIndex},
    value::Fault,
};

/// Types that letters of a signature stand for.
struct Bound([Option<TypeIndex>; 26]);

impl Bound {
    fn agrees(&mut self, letter: u8, ty: TypeIndex) -> bool {
        let Some(bound) = self.0.get_mut(usize::from(letter.wrapping_sub(b'A'))) else { return false };
        *bound.get_or_insert(ty) == ty
    }
}

/// Checks an instruction's operands and the `args` behind it; gives how many registers those hold.
pub(super) fn check(bytecode: &Bytecode, code: &Code, pc: usize, instr: Instr) -> Result<usize, Refusal> {
    let wrong = |code: &'static str, message: String| Err(Refusal::new(code, pc, message));
    let name = instr.op.row().name;
    if instr.op == Opcode::Args {
        return wrong("E0511", "args behind no instruction that has them".to_owned());
    }
    if instr.f != 0 && instr.op != Opcode::Payload {
        return wrong("E0507", format!("{name}: flag {}", instr.f));
    }
    let mut bound = Bound([None; 26]);
    let mut place = 0;
    let mut last = None;
    let mut expected_args: Option<Vec<TypeIndex>> = None;
    for operand in instr.op.operands() {
        let value = instr.operand(place, operand.is_wide());
        let at = ["a", "b", "c"].get(place).copied().unwrap_or_default();
        place += 1 + usize::from(operand.is_wide());
        if let Some(pattern) = operand.pattern() {
            let Some(ty) = code.registers.get(value as usize) else {
                return wrong("E0507", format!("{name}: there is no r{value}"));
            };
            let fits = match pattern {
                Pattern::Of("Iter", of) => {
                    let counter = code.registers.get(value as usize + 1).and_then(|ty| bytecode.form(*ty));
                    counter == Some(&Form::Int) && of.first().is_some_and(|of| matches(bytecode, of, *ty, &mut bound))
                }
                Pattern::Letter(b'R') => *ty == code.returns || instr.op == Opcode::Call,
                _ => matches(bytecode, pattern, *ty, &mut bound),
            };
            if !fits {
                let found = bytecode.form(*ty).map(|form| format!("{form:?}")).unwrap_or_default();
                return wrong("E0508", format!("{name}: {at} is a register of {found}, which is not {pattern:?}"));
            }
            last = Some(*ty);
            continue;
        }
        match operand {
            Operand::Const | Operand::Const16 => match bytecode.consts.get(value as usize) {
                None => return wrong("E0507", format!("{name}: there is no constant {value}")),
                Some((ty, _)) if Some(*ty) != last => {
                    return wrong("E0506", format!("{name}: constant {value} has another type"));
                }
                Some(_) => {}
            },
            Operand::Function => {
                let Some(function) = bytecode.functions.get(value as usize) else {
                    return wrong("E0507", format!("{name}: there is no function {value}"));
                };
                if function.code.is_empty() {
                    return wrong("E0511", format!("{name}: {} has no body", function.name));
                }
                let returns = if instr.op == Opcode::Tail { Some(code.returns) } else { last };
                if returns != Some(function.returns) {
                    return wrong("E0508", format!("{name}: {} gives another type", function.name));
                }
                expected_args = function.registers.get(..function.n_params.into()).map(<[_]>::to_vec);
            }
            Operand::Fault if value as usize >= Fault::ALL.len() => {
                return wrong("E0507", format!("{name}: there is no fault {value}"));
            }
            Operand::Cover if value >= bytecode.n_cover => {
                return wrong("E0512", format!("{name}: place {value} of {}", bytecode.n_cover));
            }
            _ => {}
        }
    }
    match structure(bytecode, code, instr) {
        Ok(None) => {}
        Ok(Some(types)) => expected_args = Some(types),
        Err(message) => return wrong("E0508", format!("{name}: {message}")),
    }
    if let Some(expected) = &expected_args {
        for at in 0..expected.len().div_ceil(3) {
            if code.code.get(pc + 1 + at).is_none_or(|word| word.op != Opcode::Args || word.f != 0) {
                return wrong("E0511", format!("{name}: {} args expected", expected.len()));
            }
        }
        for (register, expected) in args(code, pc, expected.len()).zip(expected) {
            match code.registers.get(register) {
                None => return wrong("E0507", format!("{name}: there is no r{register}")),
                Some(ty) if ty != expected => {
                    return wrong("E0508", format!("{name}: r{register} has another type than its parameter"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(expected_args.map_or(0, |types| types.len()))
}

/// What the table does not say: instructions on records, cases and lists of registers. Gives the types of their `args`.
fn structure(bytecode: &Bytecode, code: &Code, instr: Instr) -> Result<Option<Vec<TypeIndex>>, String> {
    let type_of = |register: u16| code.registers.get(usize::from(register)).copied();
    let form_of = |register: u16| type_of(register).and_then(|ty| bytecode.form(ty)).ok_or("no such register");
    let n_is = |expected: usize, n: u16| {
        if expected == usize::from(n) { Ok(()) } else { Err(format!("{n} registers, {expected} expected")) }
    };
    match instr.op {
        Opcode::Imm => {
            let k = i64::from(instr.bc() as i32);
            let fits = match form_of(instr.a)? {
                Form::Bool => (0..=1).contains(&k),
                Form::Trit => (-1..=1).contains(&k),
                Form::Tryte(n) => k.unsigned_abs() <= super::pool::tryte_max(*n) as u64,
                Form::U64 => k >= 0,
                Form::Enum { cases, .. } => k >= 0 && (k as usize) < cases.len(),
                _ => true,
            };
            if fits { Ok(None) } else { Err(format!("{k} is no value of the register's type")) }
        }
        Opcode::Rec => {
            let places = form_of(instr.a)?.places().ok_or("not a record or tuple")?;
            n_is(places.len(), instr.b)?;
            Ok(Some(places))
        }
        Opcode::Lnew => {
            let Form::List(of) = form_of(instr.a)? else { return Err("not a list".to_owned()) };
            Ok(Some(vec![*of; instr.b.into()]))
        }
        Opcode::Variant => {
            let form = form_of(instr.a)?;
            let case = usize::from(instr.b);
            if case >= form.n_cases() {
                return Err(format!("there is no case {case}"));
            }
            n_is(form.n_carried(case), instr.c)?;
            Ok(Some((0..form.n_carried(case)).filter_map(|place| form.carried(case, place)).collect()))
        }
        Opcode::Field => {
            let places = form_of(instr.b)?.places().ok_or("not a record or tuple")?;
            match places.get(usize::from(instr.c)) {
                Some(ty) if Some(*ty) == type_of(instr.a) => Ok(None),
                _ => Err(format!("there is no field {} of that type", instr.c)),
            }
        }
        Opcode::Payload => match form_of(instr.b)?.carried(instr.c.into(), instr.f.into()) {
            Some(ty) if Some(ty) == type_of(instr.a) => Ok(None),
            _ => Err(format!("case {} carries nothing of that type at {}", instr.c, instr.f)),
        },
        Opcode::Jtagn => {
            let n = form_of(instr.a)?.n_cases();
            if usize::from(instr.b) < n { Ok(None) } else { Err(format!("case {} of {n}", instr.b)) }
        }
        _ => Ok(None),
    }
}

/// Whether a type fits a pattern, given what its letters stand for so far.
fn matches(bytecode: &Bytecode, pattern: &Pattern, ty: TypeIndex, bound: &mut Bound) -> bool {
    let Some(form) = bytecode.form(ty) else { return false };
    match pattern {
        Pattern::Letter(letter) => {
            let is_of_class = match letter {
                b'W' => form.is_word(),
                b'I' => form.is_signed(),
                b'X' => !form.is_heap(),
                b'H' => form.is_heap(),
                _ => true,
            };
            is_of_class && bound.agrees(*letter, ty)
        }
        Pattern::Exact(name) => match (*name, form) {
            ("Bool", Form::Bool)
            | ("Trit", Form::Trit)
            | ("Int", Form::Int)
            | ("U64", Form::U64)
            | ("Float", Form::Float)
            | ("F32", Form::F32)
            | ("String", Form::String)
            | ("Bytes", Form::Bytes) => true,
            ("Tryte", Form::Tryte(_)) => bound.agrees(b'Y', ty),
            _ => false,
        },
        Pattern::Of(name, parts) => {
            let of: Vec<TypeIndex> = match (*name, form) {
                ("List", Form::List(of)) | ("Set", Form::Set(of)) | ("Option", Form::Option(of)) => vec![*of],
                ("Map", Form::Map(key, of)) => vec![*key, *of],
                ("Pair", Form::Tuple(of)) => of.clone(),
                _ => return false,
            };
            of.len() == parts.len() && parts.iter().zip(of).all(|(part, of)| matches(bytecode, part, of, bound))
        }
    }
}
