//! Puts the instructions of wasm's relaxed SIMD into a module, where functions of `kernels::simd::relaxed` are called.

use std::{fs, path::Path};

use wasmparser::{BinaryReader, ExternalKind, FunctionBody, Operator, Parser, Payload};

use crate::Outcome;

/// Functions by the names that the module exports them under, and the instructions that they stand for.
const INSTRUCTIONS: &[(&str, [u8; 3])] = &[
    // f32x4.relaxed_madd
    ("trinity_relaxed_madd", [0xfd, 0x85, 0x02]),
    // i32x4.relaxed_dot_i8x16_i7x16_add_s
    ("trinity_relaxed_dot", [0xfd, 0x93, 0x02]),
];
/// The section of code.
const CODE: u8 = 10;

/// Writes to `to` the module at `from` with relaxed SIMD.
pub(crate) fn write(from: &Path, to: &Path) -> Outcome {
    let module = fs::read(from).map_err(|e| format!("{}: {e}", from.display()))?;
    let relaxed = relaxed(&module).map_err(|e| format!("{}: {e}", from.display()))?;
    fs::write(to, relaxed).map_err(|e| format!("{}: {e}", to.display()))
}

/// The module with an instruction for each call of such a function.
fn relaxed(module: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = |e: wasmparser::BinaryReaderError| e.to_string();
    let mut instructions = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ExportSection(exports) = payload.map_err(wrong)? else { continue };
        for export in exports {
            let export = export.map_err(wrong)?;
            let known = INSTRUCTIONS.iter().find(|(name, _)| *name == export.name && export.kind == ExternalKind::Func);
            instructions.extend(known.map(|(_, instruction)| (export.index, *instruction)));
        }
    }
    if instructions.len() != INSTRUCTIONS.len() {
        return Err(format!("{} of {} functions of relaxed SIMD are exported", instructions.len(), INSTRUCTIONS.len()));
    }
    // Sections after the first eight bytes: a kind, a length, and what they hold.
    let (mut out, mut at) = (module.get(..8).ok_or("too short")?.to_vec(), 8);
    while let Some(&kind) = module.get(at) {
        let mut length = BinaryReader::new(&module[at + 1..], 0);
        let len = length.read_var_u32().map_err(wrong)? as usize;
        let start = at + 1 + length.current_position();
        let content = module.get(start..start + len).ok_or("a section is cut short")?;
        out.push(kind);
        let code = if kind == CODE { Some(with_instructions(content, &instructions)?) } else { None };
        let content = code.as_deref().unwrap_or(content);
        write_u32(&mut out, content.len())?;
        out.extend_from_slice(content);
        at = start + len;
    }
    Ok(out)
}

/// A section of code with each call of a function of `instructions` replaced.
fn with_instructions(code: &[u8], instructions: &[(u32, [u8; 3])]) -> Result<Vec<u8>, String> {
    let wrong = |e: wasmparser::BinaryReaderError| e.to_string();
    let mut reader = BinaryReader::new(code, 0);
    let n = reader.read_var_u32().map_err(wrong)?;
    let (mut out, mut counts) = (Vec::new(), vec![0_u32; instructions.len()]);
    write_u32(&mut out, n as usize)?;
    for _ in 0..n {
        let len = reader.read_var_u32().map_err(wrong)? as usize;
        let body = reader.read_bytes(len).map_err(wrong)?;
        let mut changed = Vec::with_capacity(len);
        let mut done = 0;
        let function = FunctionBody::new(BinaryReader::new(body, 0));
        for operator in function.get_operators_reader().map_err(wrong)?.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(wrong)?;
            let Operator::Call { function_index } = operator else { continue };
            let Some(i) = instructions.iter().position(|(index, _)| *index == function_index) else { continue };
            let offset = usize::try_from(offset).map_err(|e| e.to_string())?;
            let mut call = BinaryReader::new(&body[offset + 1..], 0);
            call.read_var_u32().map_err(wrong)?;
            changed.extend_from_slice(&body[done..offset]);
            changed.extend_from_slice(&instructions[i].1);
            done = offset + 1 + call.current_position();
            counts[i] += 1;
        }
        changed.extend_from_slice(&body[done..]);
        write_u32(&mut out, changed.len())?;
        out.extend_from_slice(&changed);
    }
    if counts.contains(&0) {
        return Err(format!("functions of relaxed SIMD are called {counts:?} times"));
    }
    Ok(out)
}

/// Appends a length as LEB128.
fn write_u32(out: &mut Vec<u8>, n: usize) -> Outcome {
    let mut n = u32::try_from(n).map_err(|_| format!("{n} bytes are more than a module may have"))?;
    while n > 127 {
        out.push(n.to_le_bytes()[0] | 128);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of three functions of no arguments: two that are exported by these names, and one of the body `code`.
    fn module(names: [&str; 2], code: &[u8]) -> Vec<u8> {
        let mut out = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x04\x03\0\0\0".to_vec();
        let mut exports = vec![2];
        for (i, name) in (0..).zip(names) {
            write_u32(&mut exports, name.len()).unwrap();
            exports.extend([name.as_bytes(), &[0, i]].concat());
        }
        let empty: &[u8] = &[2, 0, 0x0b];
        let body = [&[u8::try_from(code.len() + 2).unwrap(), 0], code, &[0x0b]].concat();
        for (kind, content) in [(7, exports), (CODE, [&[3], empty, empty, &body[..]].concat())] {
            out.push(kind);
            write_u32(&mut out, content.len()).unwrap();
            out.extend(content);
        }
        out
    }

    #[test]
    fn calls_become_instructions_and_lengths_follow() {
        let names = [INSTRUCTIONS[0].0, INSTRUCTIONS[1].0];
        // A constant that looks like a call, short and long calls, and the call of another function.
        let before = [0x41, 0x10, 0x10, 0, 0x10, 0x81, 0x80, 0x80, 0x80, 0, 0x10, 2];
        let after = [0x41, 0x10, 0xfd, 0x85, 2, 0xfd, 0x93, 2, 0x10, 2];
        assert_eq!(relaxed(&module(names, &before)).unwrap(), module(names, &after));
        let many: Vec<u8> = [[0x10, 0], [0x10, 1]].concat().repeat(20);
        let got = relaxed(&module(names, &many)).unwrap();
        assert_eq!(got, module(names, &[0xfd, 0x85, 2, 0xfd, 0x93, 2].repeat(20)));
    }

    #[test]
    fn a_module_without_them_is_an_error() {
        let names = [INSTRUCTIONS[0].0, INSTRUCTIONS[1].0];
        assert_eq!(
            relaxed(&module([names[0], "other"], &[])).unwrap_err(),
            "1 of 2 functions of relaxed SIMD are exported"
        );
        assert!(relaxed(&module(names, &[0x10, 0])).unwrap_err().ends_with("called [1, 0] times"));
        assert!(relaxed(b"\0asm").is_err());
    }
}
