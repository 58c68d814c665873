//! Bytecode as text, and back: `vibee dis` and `vibee asm`.
//!
//! A line is a row of a table, an instruction, or `at`, the place that the instructions behind it belong to. Texts are
//! quoted as in JSON; what stands behind `;` is for people.

use std::fmt::Write;

use super::{Bytecode, Case, CaseExpects, Code, Const, Field, Form, Instr, ModuleRow, Opcode, Operand, TypeIndex};
use crate::{
    source::{FileId, Sources, Span},
    types::TypeId,
    value::Fault,
};

/// Why a text is no bytecode: the line, from 1, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct AssembleError {
    /// The line, from 1.
    pub line: usize,
    /// What was expected and found.
    pub message: String,
}

/// Writes bytecode as text; with sources, each place shows the line that it is in.
pub fn disassemble(bytecode: &Bytecode, sources: Option<&Sources>) -> String {
    let mut out = format!("vbc 3\ncover {}\n", bytecode.n_cover);
    for module in &bytecode.modules {
        let hash: String = module.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        line(&mut out, &format!("module {} {} {hash}", quoted(&module.name), quoted(&module.version)));
    }
    for (at, form) in bytecode.types.iter().enumerate() {
        line(&mut out, &format!("type {} ; {at}", form_text(form)));
    }
    for (at, (ty, value)) in bytecode.consts.iter().enumerate() {
        let mut text = format!("const {}", ty.0);
        const_text(&mut text, value);
        line(&mut out, &format!("{text} ; {at}"));
    }
    for (at, code) in bytecode.functions.iter().enumerate() {
        let (name, returns) = (quoted(&code.name), code.returns.0);
        line(&mut out, &format!("function {name} params {} returns {returns} ; {at}", code.n_params));
        let registers: String = code.registers.iter().map(|ty| format!(" {}", ty.0)).collect();
        line(&mut out, &format!("  registers{registers}"));
        let mut spans = code.spans.iter().peekable();
        for (pc, instr) in code.code.iter().enumerate() {
            while let Some((_, span)) = spans.next_if(|(at, _)| *at as usize == pc) {
                let shown = sources.map(|sources| source_line(sources, *span)).unwrap_or_default();
                line(&mut out, &format!("  at {} {} {}{shown}", span.file.0, span.start, span.end));
            }
            line(&mut out, &format!("  {} ; {pc}", instr_text(*instr)));
        }
    }
    for case in &bytecode.cases {
        let args: String = case.args.iter().map(|arg| format!(" {arg}")).collect();
        let expects = match &case.expects {
            CaseExpects::Exact(function) => format!("exact {function}"),
            CaseExpects::Ulp(function, n) => format!("ulp {function} {n}"),
            CaseExpects::Absolute(function, d) => format!("absolute {function} {:#x}", d.to_bits()),
            CaseExpects::Fault(fault) => format!("fault {}", fault.name()),
            CaseExpects::NoFault => "no_fault".to_owned(),
        };
        line(&mut out, &format!("case {expects} of {}{args}", case.function));
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn source_line(sources: &Sources, span: Span) -> String {
    if !sources.has(span.file) {
        return String::new();
    }
    let place = sources.place(span);
    let text = sources.text(span).lines().next().unwrap_or_default().trim();
    format!(" ; {}:{}:{} {text}", sources.file(span.file).path, place.line, place.column)
}

fn form_text(form: &Form) -> String {
    let fields = |fields: &[Field]| {
        let each = fields.iter().map(|(name, ty)| format!(" {} {}", quoted(name), ty.0));
        format!(" {}{}", fields.len(), each.collect::<String>())
    };
    match form {
        Form::Tryte(n) => format!("Tryte {n}"),
        Form::List(of) => format!("List {}", of.0),
        Form::Set(of) => format!("Set {}", of.0),
        Form::Map(key, of) => format!("Map {} {}", key.0, of.0),
        Form::Option(of) => format!("Option {}", of.0),
        Form::Result(of, err) => format!("Result {} {}", of.0, err.0),
        Form::Tuple(of) => {
            format!("Tuple {}{}", of.len(), of.iter().map(|ty| format!(" {}", ty.0)).collect::<String>())
        }
        Form::Record { id, name, fields: all } => format!("Record {} {}{}", id.0, quoted(name), fields(all)),
        Form::Enum { id, name, cases } => {
            let each = cases.iter().map(|(name, all)| format!(" {}{}", quoted(name), fields(all)));
            format!("Enum {} {} {}{}", id.0, quoted(name), cases.len(), each.collect::<String>())
        }
        plain => format!("{plain:?}"),
    }
}

fn const_text(out: &mut String, value: &Const) {
    let _ = match value {
        Const::Word(word) => write!(out, " word {word:#x}"),
        Const::Text(text) => write!(out, " text {}", quoted(text)),
        Const::Bytes(bytes) => {
            write!(out, " bytes x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        Const::Parts(parts) => {
            let written = write!(out, " parts {}", parts.len());
            parts.iter().for_each(|part| const_text(out, part));
            written
        }
        Const::Case(case, parts) => {
            let written = write!(out, " case {case} {}", parts.len());
            parts.iter().for_each(|part| const_text(out, part));
            written
        }
    };
}

fn instr_text(instr: Instr) -> String {
    let mut text = instr.op.row().name.to_owned();
    if instr.op == Opcode::Args {
        return format!("{text} r{} r{} r{}", instr.a, instr.b, instr.c);
    }
    let mut place = 0;
    for operand in instr.op.operands() {
        let value = instr.operand(place, operand.is_wide());
        place += 1 + usize::from(operand.is_wide());
        let _ = match operand {
            Operand::I16 => write!(text, " {}", value as u16 as i16),
            Operand::I32 => write!(text, " {}", value as i32),
            Operand::Fault => match Fault::ALL.get(value as usize) {
                Some((_, name)) => write!(text, " {name}"),
                None => write!(text, " {value}"),
            },
            _ => write!(text, " {}{value}", prefix(operand)),
        };
    }
    if instr.op == Opcode::Payload {
        let _ = write!(text, " .{}", instr.f);
    }
    text
}

fn prefix(operand: &Operand) -> &'static str {
    match operand {
        Operand::Const | Operand::Const16 => "$",
        Operand::Target => "@",
        Operand::Function => "f",
        Operand::Cover => "c",
        Operand::Count => "n",
        Operand::Field => ".",
        Operand::Tag => "#",
        Operand::I16 | Operand::I32 | Operand::Fault => "",
        _ => "r",
    }
}

/// Reads the text of bytecode; what comes back the verifier has still to accept.
pub fn assemble(text: &str) -> Result<Bytecode, AssembleError> {
    let mut bytecode = Bytecode::default();
    let mut has_version = false;
    for (at, text) in text.lines().enumerate() {
        let wrong = |message: String| AssembleError { line: at + 1, message };
        let mut words = Words(tokens(text).map_err(wrong)?.into_iter());
        let Some(first) = words.0.next() else { continue };
        has_version |= first == "vbc";
        if !has_version {
            return Err(wrong("the first line is `vbc 3`".to_owned()));
        }
        row(&mut bytecode, &first, &mut words).map_err(wrong)?;
        if let Some(rest) = words.0.next() {
            return Err(wrong(format!("`{rest}` is too much")));
        }
    }
    Ok(bytecode)
}

/// The words of a line, up to a comment. Quoted ones keep a quote before them.
fn tokens(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == ';' {
            break;
        }
        if first == '"' {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            match stream.next() {
                Some(Ok(word)) => words.push(format!("\"{word}")),
                _ => return Err(format!("no quoted text: {rest}")),
            }
            rest = rest.get(stream.byte_offset()..).unwrap_or_default().trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            words.push(word.to_owned());
            rest = behind.trim_start();
        }
    }
    Ok(words)
}

struct Words(std::vec::IntoIter<String>);

impl Words {
    fn word(&mut self) -> Result<String, String> {
        self.0.next().ok_or_else(|| "the line ends too early".to_owned())
    }

    fn text(&mut self) -> Result<String, String> {
        let word = self.word()?;
        word.strip_prefix('"').map(str::to_owned).ok_or_else(|| format!("`{word}`: a quoted text expected"))
    }

    fn u64(&mut self) -> Result<u64, String> {
        number(&self.word()?)
    }

    fn u32(&mut self) -> Result<u32, String> {
        let x = self.u64()?;
        u32::try_from(x).map_err(|_| format!("{x}: at most 32 bits expected"))
    }

    fn u16(&mut self) -> Result<u16, String> {
        let x = self.u64()?;
        u16::try_from(x).map_err(|_| format!("{x}: at most 16 bits expected"))
    }

    fn ty(&mut self) -> Result<TypeIndex, String> {
        Ok(TypeIndex(self.u32()?))
    }

    fn all<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let n = self.u32()?;
        (0..n).map(|_| item(self)).collect()
    }

    fn literal(&mut self, expected: &str) -> Result<(), String> {
        let word = self.word()?;
        if word == expected { Ok(()) } else { Err(format!("`{word}`: `{expected}` expected")) }
    }

    fn prefixed(&mut self, prefix: &str) -> Result<u64, String> {
        let word = self.word()?;
        number(word.strip_prefix(prefix).ok_or_else(|| format!("`{word}`: `{prefix}…` expected"))?)
    }
}

fn number(word: &str) -> Result<u64, String> {
    let parsed = match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => word.parse(),
    };
    parsed.map_err(|_| format!("`{word}`: a number expected"))
}

fn hex(word: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("`{word}`: pairs of hex digits expected");
    let digits: Option<Vec<u8>> = word.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or_else(wrong)?;
    Ok(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

fn row(bytecode: &mut Bytecode, first: &str, words: &mut Words) -> Result<(), String> {
    match first {
        "vbc" => words.literal("3")?,
        "cover" if bytecode.functions.is_empty() => bytecode.n_cover = words.u32()?,
        "module" => {
            let (name, version) = (words.text()?, words.text()?);
            let hash = hex(&words.word()?)?.try_into().map_err(|_| "32 bytes of a hash expected".to_owned())?;
            bytecode.modules.push(ModuleRow { name, version, hash });
        }
        "type" => {
            let form = form(words)?;
            bytecode.types.push(form);
        }
        "const" if bytecode.functions.is_empty() => {
            let ty = words.ty()?;
            let value = constant(words, super::CONST_DEPTH_MAX)?;
            bytecode.consts.push((ty, value));
        }
        "function" => {
            let name = words.text()?;
            words.literal("params")?;
            let n_params = words.u16()?;
            words.literal("returns")?;
            let returns = words.ty()?;
            bytecode.functions.push(Code { name, n_params, registers: vec![], returns, code: vec![], spans: vec![] });
        }
        "case" => {
            let case = case(words)?;
            bytecode.cases.push(case);
        }
        _ => {
            let code = bytecode.functions.last_mut().ok_or_else(|| format!("`{first}` outside a function"))?;
            match first {
                "registers" => {
                    while words.0.len() > 0 {
                        code.registers.push(words.ty()?);
                    }
                }
                "at" => {
                    let (file, start, end) = (FileId(words.u32()?), words.u32()?, words.u32()?);
                    code.spans.push((code.code.len() as u32, Span { file, start, end }));
                }
                name => {
                    let op = Opcode::from_name(name).ok_or_else(|| format!("there is no instruction `{name}`"))?;
                    code.code.push(instr(op, words)?);
                }
            }
        }
    }
    Ok(())
}

fn form(words: &mut Words) -> Result<Form, String> {
    let fields = |words: &mut Words| words.all(|words| Ok((words.text()?, words.ty()?)));
    Ok(match words.word()?.as_str() {
        "Bool" => Form::Bool,
        "Trit" => Form::Trit,
        "Tryte" => Form::Tryte(u8::try_from(words.u32()?).map_err(|_| "1 to 40 digits expected".to_owned())?),
        "Int" => Form::Int,
        "U64" => Form::U64,
        "Float" => Form::Float,
        "F32" => Form::F32,
        "String" => Form::String,
        "Bytes" => Form::Bytes,
        "List" => Form::List(words.ty()?),
        "Set" => Form::Set(words.ty()?),
        "Map" => Form::Map(words.ty()?, words.ty()?),
        "Option" => Form::Option(words.ty()?),
        "Result" => Form::Result(words.ty()?, words.ty()?),
        "Tuple" => Form::Tuple(words.all(Words::ty)?),
        "Record" => Form::Record { id: TypeId(words.u32()?), name: words.text()?, fields: fields(words)? },
        "Enum" => {
            let (id, name) = (TypeId(words.u32()?), words.text()?);
            Form::Enum { id, name, cases: words.all(|words| Ok((words.text()?, fields(words)?)))? }
        }
        other => return Err(format!("there is no kind of type `{other}`")),
    })
}

fn constant(words: &mut Words, depth: usize) -> Result<Const, String> {
    let depth = depth.checked_sub(1).ok_or_else(|| "a constant of too many levels".to_owned())?;
    Ok(match words.word()?.as_str() {
        "word" => Const::Word(words.u64()?),
        "text" => Const::Text(words.text()?),
        "bytes" => {
            let word = words.word()?;
            Const::Bytes(hex(word.strip_prefix('x').ok_or_else(|| format!("`{word}`: `x…` expected"))?)?)
        }
        "parts" => Const::Parts(words.all(|words| constant(words, depth))?),
        "case" => Const::Case(words.u16()?, words.all(|words| constant(words, depth))?),
        other => return Err(format!("there is no kind of constant `{other}`")),
    })
}

fn case(words: &mut Words) -> Result<Case, String> {
    let expects = match words.word()?.as_str() {
        "exact" => CaseExpects::Exact(words.u32()?),
        "ulp" => CaseExpects::Ulp(words.u32()?, words.u64()?),
        "absolute" => CaseExpects::Absolute(words.u32()?, f64::from_bits(words.u64()?)),
        "fault" => {
            let name = words.word()?;
            CaseExpects::Fault(Fault::from_name(&name).ok_or_else(|| format!("there is no fault `{name}`"))?)
        }
        "no_fault" => CaseExpects::NoFault,
        other => return Err(format!("there is no kind of expectation `{other}`")),
    };
    words.literal("of")?;
    let function = words.u32()?;
    let mut args = Vec::new();
    while words.0.len() > 0 {
        args.push(words.u32()?);
    }
    Ok(Case { function, args, expects })
}

fn instr(op: Opcode, words: &mut Words) -> Result<Instr, String> {
    let mut instr = Instr::new(op, 0, 0, 0);
    let narrow = |x: u64| u16::try_from(x).map_err(|_| format!("{x}: at most 16 bits expected"));
    if op == Opcode::Args {
        let mut reg = || words.prefixed("r").and_then(narrow);
        (instr.a, instr.b, instr.c) = (reg()?, reg()?, reg()?);
        return Ok(instr);
    }
    let mut place = 0;
    for operand in op.operands() {
        let value = match operand {
            Operand::I16 => {
                let word = words.word()?;
                let x: i16 = word.parse().map_err(|_| format!("`{word}`: a number of 16 bits expected"))?;
                u32::from(x as u16)
            }
            Operand::I32 => {
                let word = words.word()?;
                let x: i32 = word.parse().map_err(|_| format!("`{word}`: a number of 32 bits expected"))?;
                x as u32
            }
            Operand::Fault => {
                let name = words.word()?;
                Fault::from_name(&name).ok_or_else(|| format!("there is no fault `{name}`"))? as u32
            }
            wide if wide.is_wide() => {
                let x = words.prefixed(prefix(wide))?;
                u32::try_from(x).map_err(|_| format!("{x}: at most 32 bits expected"))?
            }
            other => words.prefixed(prefix(other)).and_then(narrow)?.into(),
        };
        instr.set_operand(place, operand.is_wide(), value);
        place += 1 + usize::from(operand.is_wide());
    }
    if op == Opcode::Payload {
        instr.f = u8::try_from(words.prefixed(".")?).map_err(|_| "at most 8 bits expected".to_owned())?;
    }
    Ok(instr)
}
