//! [`ValueType`]: what a metadata value is, by name.

use std::fmt;

use crate::{Array, Value};

/// The type of a value that is no array, or of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "GGUF's own type names")]
pub enum Scalar {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    U64,
    I64,
    F64,
}

/// The type of a [`Value`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// A single value of the type.
    One(Scalar),
    /// An array of values of the type.
    List(Scalar),
}

impl Scalar {
    /// All types of a single value.
    pub const ALL: [Self; 12] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::String,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// Name of the type: `u32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::Bool => "bool",
            Self::String => "string",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
        }
    }

    /// Is it an integer of any width?
    pub fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Self::Bool | Self::String)
    }

    fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Do readers take one as they take the other? Integers and floats are read in any width.
    fn is_like(self, other: Self) -> bool {
        self == other || (self.is_integer() && other.is_integer()) || (self.is_float() && other.is_float())
    }
}

impl ValueType {
    /// The type of that name, such as `f32` or `f32[]`.
    pub fn from_name(name: &str) -> Option<Self> {
        let (name, of): (_, fn(Scalar) -> Self) = match name.strip_suffix("[]") {
            Some(element) => (element, Self::List),
            None => (name, Self::One),
        };
        Scalar::ALL.into_iter().find(|scalar| scalar.name() == name).map(of)
    }

    /// Do readers take one as they take the other?
    pub fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::One(a), Self::One(b)) | (Self::List(a), Self::List(b)) => a.is_like(b),
            _ => false,
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(scalar) => f.write_str(scalar.name()),
            Self::List(element) => write!(f, "{}[]", element.name()),
        }
    }
}

impl Value {
    /// Type of the value.
    pub fn value_type(&self) -> ValueType {
        ValueType::One(match self {
            Self::U8(_) => Scalar::U8,
            Self::I8(_) => Scalar::I8,
            Self::U16(_) => Scalar::U16,
            Self::I16(_) => Scalar::I16,
            Self::U32(_) => Scalar::U32,
            Self::I32(_) => Scalar::I32,
            Self::F32(_) => Scalar::F32,
            Self::Bool(_) => Scalar::Bool,
            Self::String(_) => Scalar::String,
            Self::U64(_) => Scalar::U64,
            Self::I64(_) => Scalar::I64,
            Self::F64(_) => Scalar::F64,
            Self::Array(array) => return ValueType::List(array.element_type()),
        })
    }

    /// GGUF's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self.value_type() {
            ValueType::One(scalar) => scalar.name(),
            ValueType::List(_) => "array",
        }
    }
}

impl Array {
    /// The type of its elements.
    pub fn element_type(&self) -> Scalar {
        match self {
            Self::U8(_) => Scalar::U8,
            Self::I8(_) => Scalar::I8,
            Self::U16(_) => Scalar::U16,
            Self::I16(_) => Scalar::I16,
            Self::U32(_) => Scalar::U32,
            Self::I32(_) => Scalar::I32,
            Self::F32(_) => Scalar::F32,
            Self::Bool(_) => Scalar::Bool,
            Self::String(_) => Scalar::String,
            Self::U64(_) => Scalar::U64,
            Self::I64(_) => Scalar::I64,
            Self::F64(_) => Scalar::F64,
        }
    }
}
