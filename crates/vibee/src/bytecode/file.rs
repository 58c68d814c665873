//! The `.vbc` file. Numbers are little-endian:
//!
//! | bytes | are |
//! | --- | --- |
//! | 4 | `VBC3` |
//! | 2, 2 | major and minor version; another major is refused |
//! | 4 | how many sections there are |
//! | 12 each | a section's id, offset and length |
//! | … | the sections |
//! | 32 | BLAKE3 of all before |
//!
//! Sections: 1 types, 2 constants, 3 functions, 4 names, 5 spans, 6 cases, 7 imports. One whose id has bit 31 is
//! skipped where it is not known.

use super::{
    Bytecode, CARRIED_MAX, CONST_DEPTH_MAX, Case, CaseExpects, Code, Const, Field, Form, Instr, ModuleRow, Opcode,
    Refusal, TypeIndex,
};
use crate::{
    source::{FileId, Span},
    types::TypeId,
    value::Fault,
};

const MAGIC: &[u8; 4] = b"VBC3";
const MAJOR: u16 = 3;
const MINOR: u16 = 0;
const N_SECTIONS: usize = 7;
const HASH_BYTES: usize = 32;
const HEADER_BYTES: usize = 12;

/// Writes bytecode as a file.
pub fn write(bytecode: &Bytecode) -> Vec<u8> {
    let mut names = Names::default();
    let sections = [
        (1, types(bytecode, &mut names)),
        (2, consts(bytecode, &mut names)),
        (3, functions(bytecode, &mut names)),
        (5, spans(bytecode)),
        (6, cases(bytecode)),
        (7, imports(bytecode, &mut names)),
        (4, names.out),
    ];
    let mut out = Out(MAGIC.to_vec());
    out.u16(MAJOR);
    out.u16(MINOR);
    out.len(sections.len());
    let mut offset = HEADER_BYTES + 12 * sections.len();
    for (id, section) in &sections {
        out.u32(*id);
        out.len(offset);
        out.len(section.0.len());
        offset += section.0.len();
    }
    sections.iter().for_each(|(_, section)| out.0.extend_from_slice(&section.0));
    let hash = blake3::hash(&out.0);
    out.0.extend_from_slice(hash.as_bytes());
    out.0
}

#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn u8(&mut self, x: u8) {
        self.0.push(x);
    }

    fn u16(&mut self, x: u16) {
        self.0.extend_from_slice(&x.to_le_bytes());
    }

    fn u32(&mut self, x: u32) {
        self.0.extend_from_slice(&x.to_le_bytes());
    }

    fn u64(&mut self, x: u64) {
        self.0.extend_from_slice(&x.to_le_bytes());
    }

    fn len(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn all<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.len(items.len());
        items.iter().for_each(|item| put(self, item));
    }
}

/// The texts of a file, one after the other as they are first needed.
#[derive(Default)]
struct Names {
    out: Out,
    n: u32,
}

impl Names {
    fn add(&mut self, name: &str) -> u32 {
        self.out.bytes(name.as_bytes());
        self.n += 1;
        self.n - 1
    }
}

fn types(bytecode: &Bytecode, names: &mut Names) -> Out {
    let mut out = Out::default();
    let fields = |out: &mut Out, fields: &[Field], names: &mut Names| {
        out.all(fields, |out, (name, ty)| {
            out.u32(names.add(name));
            out.u32(ty.0);
        });
    };
    out.all(&bytecode.types, |out, form| match form {
        Form::Bool => out.u8(0),
        Form::Trit => out.u8(1),
        Form::Tryte(n) => {
            out.u8(2);
            out.u8(*n);
        }
        Form::Int => out.u8(3),
        Form::U64 => out.u8(4),
        Form::Float => out.u8(5),
        Form::F32 => out.u8(6),
        Form::String => out.u8(7),
        Form::Bytes => out.u8(8),
        Form::List(of) => parts(out, 9, &[*of]),
        Form::Set(of) => parts(out, 10, &[*of]),
        Form::Map(key, of) => parts(out, 11, &[*key, *of]),
        Form::Option(of) => parts(out, 12, &[*of]),
        Form::Result(of, err) => parts(out, 13, &[*of, *err]),
        Form::Tuple(of) => {
            out.u8(14);
            out.all(of, |out, ty| out.u32(ty.0));
        }
        Form::Record { id, name, fields: all } => {
            out.u8(15);
            out.u32(id.0);
            out.u32(names.add(name));
            fields(out, all, names);
        }
        Form::Enum { id, name, cases } => {
            out.u8(16);
            out.u32(id.0);
            out.u32(names.add(name));
            out.len(cases.len());
            for (name, all) in cases {
                out.u32(names.add(name));
                fields(out, all, names);
            }
        }
    });
    out
}

fn parts(out: &mut Out, kind: u8, of: &[TypeIndex]) {
    out.u8(kind);
    of.iter().for_each(|ty| out.u32(ty.0));
}

fn consts(bytecode: &Bytecode, names: &mut Names) -> Out {
    let mut out = Out::default();
    out.all(&bytecode.consts, |out, (ty, value)| {
        out.u32(ty.0);
        constant(out, value, names);
    });
    out
}

fn constant(out: &mut Out, value: &Const, names: &mut Names) {
    match value {
        Const::Word(word) => {
            out.u8(0);
            out.u64(*word);
        }
        Const::Text(text) => {
            out.u8(1);
            out.u32(names.add(text));
        }
        Const::Bytes(bytes) => {
            out.u8(2);
            out.bytes(bytes);
        }
        Const::Parts(parts) => {
            out.u8(3);
            out.all(parts, |out, part| constant(out, part, names));
        }
        Const::Case(case, parts) => {
            out.u8(4);
            out.u16(*case);
            out.all(parts, |out, part| constant(out, part, names));
        }
    }
}

fn functions(bytecode: &Bytecode, names: &mut Names) -> Out {
    let mut out = Out::default();
    out.u32(bytecode.n_cover);
    out.all(&bytecode.functions, |out, code| {
        out.u32(names.add(&code.name));
        out.u16(code.n_params);
        out.u32(code.returns.0);
        out.all(&code.registers, |out, ty| out.u32(ty.0));
        out.all(&code.code, |out, instr| {
            out.u8(instr.op as u8);
            out.u8(instr.f);
            [instr.a, instr.b, instr.c].into_iter().for_each(|operand| out.u16(operand));
        });
    });
    out
}

fn spans(bytecode: &Bytecode) -> Out {
    let mut out = Out::default();
    out.all(&bytecode.functions, |out, code| {
        out.all(&code.spans, |out, (pc, span)| {
            [*pc, span.file.0, span.start, span.end].into_iter().for_each(|x| out.u32(x));
        });
    });
    out
}

fn cases(bytecode: &Bytecode) -> Out {
    let mut out = Out::default();
    out.all(&bytecode.cases, |out, case| {
        out.u32(case.function);
        out.all(&case.args, |out, arg| out.u32(*arg));
        let (kind, function, bits) = match case.expects {
            CaseExpects::Exact(function) => (0, function, 0),
            CaseExpects::Ulp(function, n) => (1, function, n),
            CaseExpects::Absolute(function, d) => (2, function, d.to_bits()),
            CaseExpects::Fault(fault) => (3, fault as u32, 0),
            CaseExpects::NoFault => (4, 0, 0),
        };
        out.u8(kind);
        out.u32(function);
        out.u64(bits);
    });
    out
}

fn imports(bytecode: &Bytecode, names: &mut Names) -> Out {
    let mut out = Out::default();
    out.all(&bytecode.modules, |out, module| {
        out.u32(names.add(&module.name));
        out.u32(names.add(&module.version));
        out.0.extend_from_slice(&module.hash);
    });
    out
}

/// Reads bytecode; what comes back the verifier has still to accept.
pub fn read(bytes: &[u8]) -> Result<Bytecode, Refusal> {
    if !bytes.starts_with(MAGIC) {
        return Err(Refusal::new("E0501", 0, "the file does not begin with VBC3"));
    }
    let mut header = In { bytes, at: MAGIC.len(), end: bytes.len() };
    let major = header.u16()?;
    if major != MAJOR {
        return Err(Refusal::new("E0502", MAGIC.len(), format!("version {major}, expected {MAJOR}")));
    }
    header.u16()?;
    let end = bytes.len().checked_sub(HASH_BYTES).ok_or_else(|| Refusal::new("E0503", bytes.len(), "no checksum"))?;
    let (before, hash) = bytes.split_at(end);
    if blake3::hash(before).as_bytes() != hash {
        return Err(Refusal::new("E0503", end, "the checksum is not that of the bytes before it"));
    }
    header.end = end;
    let mut sections: [Option<In<'_>>; N_SECTIONS + 1] = Default::default();
    let n = header.u32()? as usize;
    let first = HEADER_BYTES.saturating_add(n.saturating_mul(12));
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for _ in 0..n {
        let row = header.at;
        let (id, at, len) = (header.u32()?, header.u32()? as usize, header.u32()? as usize);
        let section_end = at.saturating_add(len);
        if at < first || section_end > end {
            return Err(Refusal::new("E0504", row, format!("section {id}: bytes {at} to {section_end} of {end}")));
        }
        taken.push((at, section_end));
        match sections.get_mut(id as usize).filter(|_| id != 0) {
            Some(place @ None) => *place = Some(In { bytes, at, end: section_end }),
            Some(_) => return Err(Refusal::new("E0504", row, format!("section {id} is there twice"))),
            None if id >> 31 == 1 => {}
            None => return Err(Refusal::new("E0505", row, format!("section {id} is not known"))),
        }
    }
    taken.sort_unstable();
    if let Some([_, (at, _)]) = taken.array_windows().find(|[(_, end), (at, _)]| at < end) {
        return Err(Refusal::new("E0504", *at, "a section begins in another one"));
    }
    let mut section = |id: usize| {
        let found = sections.get_mut(id).and_then(Option::take);
        found.ok_or_else(|| Refusal::new("E0504", 0, format!("there is no section {id}")))
    };
    let names = read_names(section(4)?)?;
    let mut bytecode = Bytecode { types: read_types(section(1)?, &names)?, ..Bytecode::default() };
    bytecode.consts = read_consts(section(2)?, &names)?;
    read_functions(section(3)?, &names, &mut bytecode)?;
    read_spans(section(5)?, &mut bytecode)?;
    bytecode.cases = read_cases(section(6)?)?;
    let mut imports = section(7)?;
    bytecode.modules = imports.all(|input| {
        let (name, version) = (named(input, &names)?, named(input, &names)?);
        let hash = input.take(HASH_BYTES)?.first_chunk().copied().unwrap_or_default();
        Ok(ModuleRow { name, version, hash })
    })?;
    imports.done()?;
    Ok(bytecode)
}

/// The rest of a section.
struct In<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> In<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Refusal> {
        let found = self.at.checked_add(n).filter(|end| *end <= self.end).and_then(|end| self.bytes.get(self.at..end));
        let found =
            found.ok_or_else(|| Refusal::new("E0504", self.at, format!("the section ends before {n} bytes")))?;
        self.at += n;
        Ok(found)
    }

    fn u8(&mut self) -> Result<u8, Refusal> {
        Ok(self.take(1)?.first().copied().unwrap_or(0))
    }

    fn u16(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_le_bytes(self.take(2)?.first_chunk().copied().unwrap_or_default()))
    }

    fn u32(&mut self) -> Result<u32, Refusal> {
        Ok(u32::from_le_bytes(self.take(4)?.first_chunk().copied().unwrap_or_default()))
    }

    fn u64(&mut self) -> Result<u64, Refusal> {
        Ok(u64::from_le_bytes(self.take(8)?.first_chunk().copied().unwrap_or_default()))
    }

    fn ty(&mut self) -> Result<TypeIndex, Refusal> {
        Ok(TypeIndex(self.u32()?))
    }

    fn all<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
        let n = self.u32()? as usize;
        // No item has less than one byte: a count beyond that ends with the section, and takes no memory before.
        let mut items = Vec::with_capacity(n.min(self.end.saturating_sub(self.at) / 4));
        for _ in 0..n {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn done(&self) -> Result<(), Refusal> {
        if self.at == self.end {
            return Ok(());
        }
        Err(Refusal::new("E0504", self.at, format!("{} bytes are left in the section", self.end - self.at)))
    }
}

fn read_names(mut input: In<'_>) -> Result<Vec<&str>, Refusal> {
    let mut names = Vec::new();
    while input.at < input.end {
        let n = input.u32()? as usize;
        let at = input.at;
        let name = std::str::from_utf8(input.take(n)?);
        names.push(name.map_err(|_| Refusal::new("E0506", at, "a text that is not UTF-8"))?);
    }
    Ok(names)
}

fn read_types(mut input: In<'_>, names: &[&str]) -> Result<Vec<Form>, Refusal> {
    let types = input.all(|input| {
        let at = input.at;
        Ok(match input.u8()? {
            0 => Form::Bool,
            1 => Form::Trit,
            2 => Form::Tryte(input.u8()?),
            3 => Form::Int,
            4 => Form::U64,
            5 => Form::Float,
            6 => Form::F32,
            7 => Form::String,
            8 => Form::Bytes,
            9 => Form::List(input.ty()?),
            10 => Form::Set(input.ty()?),
            11 => Form::Map(input.ty()?, input.ty()?),
            12 => Form::Option(input.ty()?),
            13 => Form::Result(input.ty()?, input.ty()?),
            14 => Form::Tuple(input.all(In::ty)?),
            15 => {
                let (id, name) = (TypeId(input.u32()?), named(input, names)?);
                Form::Record { id, name, fields: read_fields(input, names)? }
            }
            16 => {
                let (id, name) = (TypeId(input.u32()?), named(input, names)?);
                let cases = input.all(|input| {
                    let name = named(input, names)?;
                    let at = input.at;
                    let fields = read_fields(input, names)?;
                    if fields.len() > CARRIED_MAX {
                        return Err(Refusal::new("E0508", at, format!("{name} carries {} things", fields.len())));
                    }
                    Ok((name, fields))
                })?;
                Form::Enum { id, name, cases }
            }
            kind => return Err(Refusal::new("E0507", at, format!("there is no kind of type {kind}"))),
        })
    })?;
    input.done()?;
    Ok(types)
}

fn named(input: &mut In<'_>, names: &[&str]) -> Result<String, Refusal> {
    let (at, index) = (input.at, input.u32()?);
    let name = names.get(index as usize).map(|name| (*name).to_owned());
    name.ok_or_else(|| Refusal::new("E0507", at, format!("there is no name {index}")))
}

fn read_fields(input: &mut In<'_>, names: &[&str]) -> Result<Vec<Field>, Refusal> {
    input.all(|input| Ok((named(input, names)?, input.ty()?)))
}

fn read_consts(mut input: In<'_>, names: &[&str]) -> Result<Vec<(TypeIndex, Const)>, Refusal> {
    let consts = input.all(|input| Ok((input.ty()?, read_const(input, names, CONST_DEPTH_MAX)?)))?;
    input.done()?;
    Ok(consts)
}

fn read_const(input: &mut In<'_>, names: &[&str], depth: usize) -> Result<Const, Refusal> {
    let at = input.at;
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Refusal::new("E0506", at, format!("a constant of more than {CONST_DEPTH_MAX} levels")));
    };
    Ok(match input.u8()? {
        0 => Const::Word(input.u64()?),
        1 => Const::Text(named(input, names)?),
        2 => {
            let n = input.u32()? as usize;
            Const::Bytes(input.take(n)?.to_vec())
        }
        3 => Const::Parts(input.all(|input| read_const(input, names, depth))?),
        4 => Const::Case(input.u16()?, input.all(|input| read_const(input, names, depth))?),
        kind => return Err(Refusal::new("E0506", at, format!("there is no kind of constant {kind}"))),
    })
}

fn read_functions(mut input: In<'_>, names: &[&str], bytecode: &mut Bytecode) -> Result<(), Refusal> {
    bytecode.n_cover = input.u32()?;
    bytecode.functions = input.all(|input| {
        let (name, n_params, returns) = (named(input, names)?, input.u16()?, input.ty()?);
        let registers = input.all(In::ty)?;
        let code = input.all(|input| {
            let (at, byte, f) = (input.at, input.u8()?, input.u8()?);
            let op = Opcode::from_byte(byte)
                .ok_or_else(|| Refusal::new("E0507", at, format!("there is no instruction {byte:#04x}")).of(&name))?;
            Ok(Instr { op, f, a: input.u16()?, b: input.u16()?, c: input.u16()? })
        })?;
        Ok(Code { name, n_params, registers, returns, code, spans: Vec::new() })
    })?;
    input.done()?;
    // A count for each place of coverage is memory: no more of them than there are instructions.
    let n_instructions: usize = bytecode.functions.iter().map(|code| code.code.len()).sum();
    if bytecode.n_cover as usize > n_instructions {
        let message = format!("{} places of coverage, but {n_instructions} instructions", bytecode.n_cover);
        return Err(Refusal::new("E0512", 0, message));
    }
    Ok(())
}

fn read_spans(mut input: In<'_>, bytecode: &mut Bytecode) -> Result<(), Refusal> {
    let at = input.at;
    let all = input.all(|input| {
        input.all(|input| {
            let (pc, file, start, end) = (input.u32()?, FileId(input.u32()?), input.u32()?, input.u32()?);
            Ok((pc, Span { file, start, end }))
        })
    })?;
    input.done()?;
    if all.len() != bytecode.functions.len() {
        let message = format!("places of {} functions, but there are {}", all.len(), bytecode.functions.len());
        return Err(Refusal::new("E0512", at, message));
    }
    bytecode.functions.iter_mut().zip(all).for_each(|(code, spans)| code.spans = spans);
    Ok(())
}

fn read_cases(mut input: In<'_>) -> Result<Vec<Case>, Refusal> {
    let cases = input.all(|input| {
        let (function, args) = (input.u32()?, input.all(In::u32)?);
        let (at, kind, of, bits) = (input.at, input.u8()?, input.u32()?, input.u64()?);
        let expects = match kind {
            0 => CaseExpects::Exact(of),
            1 => CaseExpects::Ulp(of, bits),
            2 => CaseExpects::Absolute(of, f64::from_bits(bits)),
            3 => {
                let fault = Fault::ALL.get(of as usize).map(|(fault, _)| *fault);
                CaseExpects::Fault(fault.ok_or_else(|| Refusal::new("E0507", at, format!("there is no fault {of}")))?)
            }
            4 => CaseExpects::NoFault,
            _ => return Err(Refusal::new("E0507", at, format!("there is no kind of expectation {kind}"))),
        };
        Ok(Case { function, args, expects })
    })?;
    input.done()?;
    Ok(cases)
}
