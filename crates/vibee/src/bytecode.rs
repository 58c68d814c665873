//! Bytecode: what the compiler makes of a checked program, a `.vbc` file holds, and the VM runs.
//!
//! A register machine with typed registers, one 64-bit word each. Values of scalar types are words; all others are
//! references to counted objects. A register of a heap type owns one reference or is empty, and the [`verify`] proves
//! that no path loses, doubles or uses up one: so the VM counts without asking, and updates in place what has one
//! owner.
//!
//! Fuel: an instruction that may not be followed by the next one is charged with the instructions since the last such
//! one ([`Opcode::is_charged`]), so every path pays for at least what it runs. Bulk operations pay 1 for 8 words or
//! bytes more.

mod file;
mod oracle;
mod table;
mod text;
mod verify;

use crate::{source::Span, types::TypeId, value::Fault};

pub use file::{read, write};
#[doc(hidden)]
pub use oracle::oracle;
pub use table::{Opcode, Operand, Pattern, Row, TABLE};
pub use text::{AssembleError, assemble, disassemble};
pub(crate) use verify::target_of;
pub use verify::verify;

/// Instructions of a function, at most: jumps have 16 bits.
pub const INSTRUCTIONS_MAX: usize = 32_000;
/// Instructions between two that are charged, at most.
pub const STRETCH_MAX: usize = 255;
/// Things that a case carries, at most.
pub const CARRIED_MAX: usize = 100;
/// Levels of nesting in a constant, at most.
pub const CONST_DEPTH_MAX: usize = 128;

/// An instruction: 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instr {
    /// What it does.
    pub op: Opcode,
    /// The place of `payload`; else 0.
    pub f: u8,
    /// The first operand.
    pub a: u16,
    /// The second operand.
    pub b: u16,
    /// The third operand.
    pub c: u16,
}

impl Instr {
    /// Creates an instruction of three operands.
    pub fn new(op: Opcode, a: u16, b: u16, c: u16) -> Self {
        Self { op, f: 0, a, b, c }
    }

    /// Creates an instruction whose second operand is wide.
    pub fn wide(op: Opcode, a: u16, wide: u32) -> Self {
        Self { op, f: 0, a, b: wide as u16, c: (wide >> 16) as u16 }
    }

    /// The wide operand behind `a`.
    pub fn bc(self) -> u32 {
        u32::from(self.b) | u32::from(self.c) << 16
    }

    /// The wide operand that begins at `a`.
    pub fn ab(self) -> u32 {
        u32::from(self.a) | u32::from(self.b) << 16
    }

    /// The operand at a place, wide or not.
    pub fn operand(self, place: usize, is_wide: bool) -> u32 {
        match (place, is_wide) {
            (0, true) => self.ab(),
            (1, true) => self.bc(),
            (0, false) => self.a.into(),
            (1, false) => self.b.into(),
            _ => self.c.into(),
        }
    }

    /// Sets the operand at a place, wide or not.
    pub fn set_operand(&mut self, place: usize, is_wide: bool, value: u32) {
        match place {
            0 => self.a = value as u16,
            1 => self.b = value as u16,
            _ => self.c = value as u16,
        }
        if is_wide {
            match place {
                0 => self.b = (value >> 16) as u16,
                _ => self.c = (value >> 16) as u16,
            }
        }
    }
}

/// A type of a [`Bytecode`]: an index into [`Bytecode::types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeIndex(pub u32);

/// A field: its name and type.
pub type Field = (String, TypeIndex);

/// A type, constraints left out. Parts are indices of other types, so that a type may contain itself.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    Bool,
    Trit,
    /// Of so many digits.
    Tryte(u8),
    Int,
    U64,
    Float,
    F32,
    String,
    Bytes,
    List(TypeIndex),
    Set(TypeIndex),
    /// Of keys and values.
    Map(TypeIndex, TypeIndex),
    /// Of what it may hold.
    Option(TypeIndex),
    /// Of what `Ok` and `Err` hold.
    Result(TypeIndex, TypeIndex),
    /// Of its places.
    Tuple(Vec<TypeIndex>),
    Record {
        /// The declared type in the program that was compiled.
        id: TypeId,
        name: String,
        /// Fields in the order of declaration.
        fields: Vec<Field>,
    },
    Enum {
        /// The declared type in the program that was compiled.
        id: TypeId,
        name: String,
        /// Cases with what they carry.
        cases: Vec<(String, Vec<Field>)>,
    },
}

impl Form {
    /// Whether its values are words that are equal where their bits are.
    pub fn is_word(&self) -> bool {
        matches!(self, Self::Bool | Self::Trit | Self::Tryte(_) | Self::Int | Self::U64) || self.is_bare_enum()
    }

    /// Whether its values are compared as signed numbers.
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Trit | Self::Tryte(_) | Self::Int) || self.is_bare_enum()
    }

    /// Whether its values need the heap.
    pub fn is_heap(&self) -> bool {
        !self.is_word() && !matches!(self, Self::Float | Self::F32)
    }

    /// Whether it is an enum none of whose cases carries anything.
    pub fn is_bare_enum(&self) -> bool {
        matches!(self, Self::Enum { cases, .. } if cases.iter().all(|(_, fields)| fields.is_empty()))
    }

    /// How many cases it has; 0 for what has none.
    pub fn n_cases(&self) -> usize {
        match self {
            Self::Option(_) | Self::Result(..) => 2,
            Self::Enum { cases, .. } => cases.len(),
            _ => 0,
        }
    }

    /// The type of what a case carries at a place.
    pub fn carried(&self, case: usize, place: usize) -> Option<TypeIndex> {
        match (self, case, place) {
            (Self::Option(of) | Self::Result(_, of), 1, 0) | (Self::Result(of, _), 0, 0) => Some(*of),
            (Self::Enum { cases, .. }, ..) => cases.get(case)?.1.get(place).map(|(_, ty)| *ty),
            _ => None,
        }
    }

    /// How many things a case carries.
    pub fn n_carried(&self, case: usize) -> usize {
        match self {
            Self::Option(_) => case,
            Self::Result(..) => 1,
            Self::Enum { cases, .. } => cases.get(case).map_or(0, |(_, fields)| fields.len()),
            _ => 0,
        }
    }

    /// The types of its places: of a record or tuple.
    pub fn places(&self) -> Option<Vec<TypeIndex>> {
        match self {
            Self::Tuple(of) => Some(of.clone()),
            Self::Record { fields, .. } => Some(fields.iter().map(|(_, ty)| *ty).collect()),
            _ => None,
        }
    }
}

/// A constant, by its type.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq)]
pub enum Const {
    /// Of a scalar type: its word.
    Word(u64),
    Text(String),
    Bytes(Vec<u8>),
    /// Of a record or tuple: its places. Of a List or Set: its items in order. Of a Map: keys and values in turn.
    Parts(Vec<Const>),
    /// Of Option, Result or enum: the case and what it carries.
    Case(u16, Vec<Const>),
}

/// A function of bytecode.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    pub name: String,
    /// How many of the registers are parameters.
    pub n_params: u16,
    /// The type of each register, parameters first.
    pub registers: Vec<TypeIndex>,
    /// The type of the result.
    pub returns: TypeIndex,
    /// The instructions; none for a function that only an implementation can answer.
    pub code: Vec<Instr>,
    /// From which instruction on code belongs to which place of a source, ascending.
    pub spans: Vec<(u32, Span)>,
}

/// What a row of examples expects.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq)]
pub enum CaseExpects {
    /// The value of a function without parameters, exactly.
    Exact(u32),
    /// Floats of it within so many units in the last place.
    Ulp(u32, u64),
    /// Floats of it within that difference.
    Absolute(u32, f64),
    Fault(Fault),
    NoFault,
}

/// A row of examples: functions by number.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The function that is called.
    pub function: u32,
    /// Functions without parameters that give its arguments.
    pub args: Vec<u32>,
    /// What is expected.
    pub expects: CaseExpects,
}

/// A module that was compiled.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleRow {
    pub name: String,
    pub version: String,
    /// BLAKE3 of its file.
    pub hash: [u8; 32],
}

/// A compiled program.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Bytecode {
    /// Modules: the imports, and the one asked for last.
    pub modules: Vec<ModuleRow>,
    pub types: Vec<Form>,
    /// Constants with their types.
    pub consts: Vec<(TypeIndex, Const)>,
    /// Functions, by the number of [`crate::typed::FunctionId`].
    pub functions: Vec<Code>,
    /// Rows of examples.
    pub cases: Vec<Case>,
    /// How many places coverage counts.
    pub n_cover: u32,
}

impl Bytecode {
    /// Gives a type's form.
    pub fn form(&self, ty: TypeIndex) -> Option<&Form> {
        self.types.get(ty.0 as usize)
    }
}

/// Why bytecode is refused.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}: at {offset}{}", function.as_ref().map(|f| format!(" of {f}")).unwrap_or_default())]
pub struct Refusal {
    /// The code, a row of [`crate::codes::CODES`].
    pub code: &'static str,
    /// The byte of the file, or the instruction of the function.
    pub offset: usize,
    pub function: Option<String>,
    /// What is wrong, with what was expected and found.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, offset: usize, message: impl Into<String>) -> Self {
        Self { code, offset, function: None, message: message.into() }
    }

    pub(crate) fn of(mut self, function: &str) -> Self {
        self.function = Some(function.to_owned());
        self
    }
}
