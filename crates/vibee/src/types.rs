//! Types of values.

/// A record, enum or constrained type of a [`crate::typed::Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// A type. Structural but for [`Type::Named`].
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `true` and `false`.
    Bool,
    /// One balanced ternary digit: −1, 0, +1; Kleene's truth values.
    Trit,
    /// A balanced ternary number of 1 to 40 digits.
    Tryte(u8),
    /// A whole number, −2⁶³ to 2⁶³−1.
    Int,
    /// A whole number from the first to the second bound, both included. Its arithmetic is that of [`Type::Int`].
    IntIn(i64, i64),
    /// A whole number modulo 2⁶⁴.
    U64,
    /// IEEE 754 binary64 with one NaN.
    Float,
    /// IEEE 754 binary32 with one NaN.
    F32,
    /// A sequence of Unicode scalar values.
    String,
    /// A sequence of bytes.
    Bytes,
    List(Box<Type>),
    /// Distinct values in order.
    Set(Box<Type>),
    /// Values by distinct keys, in the keys' order.
    Map(Box<Type>, Box<Type>),
    /// A value or none.
    Option(Box<Type>),
    /// A value, or what was expected to go wrong.
    Result(Box<Type>, Box<Type>),
    /// Two values or more.
    Tuple(Vec<Type>),
    /// A declared type.
    Named(TypeId),
    /// A type parameter, in signatures of std alone.
    Param(char),
    /// A type that is not known yet: within the checker alone, never in a [`crate::typed::Program`].
    Var(u32),
    /// What an error left: agrees with every type, so that one mistake gives one message.
    Poison,
}

/// A declared type.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct TypeDef {
    /// The module that declares it.
    pub module: String,
    pub name: String,
    /// Prose of the spec about it.
    pub say: Option<String>,
    /// Where it is declared.
    pub span: crate::source::Span,
    /// What it is.
    pub shape: Shape,
}

/// What a declared type is.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum Shape {
    /// Named fields in the order of declaration.
    Record(Vec<FieldDef>),
    /// Cases in the order of declaration. Where `is_ordered`, `<` follows that order.
    Enum {
        cases: Vec<CaseDef>,
        /// Whether `<` is defined.
        is_ordered: bool,
    },
    /// Another type's values that satisfy a condition. Its values are the base's: it never shows in a typed tree, where
    /// values enter it through [`crate::typed::Kind::Call`] of `validator`.
    Constrained {
        /// The type that it narrows.
        base: Type,
        /// A function from the base to `Bool`.
        holds: crate::typed::FunctionId,
    },
    /// Another name of a type.
    Alias(Type),
}

/// A field of a record or of a case.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct FieldDef {
    pub name: String,
    /// Its type, constraints included.
    pub ty: Type,
}

/// A case of an enum.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct CaseDef {
    pub name: String,
    /// What it carries; empty for a bare case.
    pub fields: Vec<FieldDef>,
}

/// How old files and other languages spell types, each with what this one writes.
pub(crate) const SPELLINGS: &[(&str, &str)] = &[
    ("usize", "Int(0..9223372036854775807)"),
    ("u8", "Int(0..255)"),
    ("u16", "Int(0..65535)"),
    ("u32", "Int(0..4294967295)"),
    ("u64", "Int(0..9223372036854775807)"),
    ("isize", "Int"),
    ("i8", "Int(-128..127)"),
    ("i16", "Int(-32768..32767)"),
    ("i32", "Int(-2147483648..2147483647)"),
    ("i64", "Int"),
    ("int", "Int"),
    ("integer", "Int"),
    ("f32", "F32"),
    ("f64", "Float"),
    ("float", "Float"),
    ("number", "Float"),
    ("bool", "Bool"),
    ("boolean", "Bool"),
    ("string", "String"),
    ("trit", "Trit"),
];

/// Further spellings of other languages, which old files do not have; capitals do not matter.
pub(crate) const FOREIGN_SPELLINGS: &[(&str, &str)] = &[
    ("str", "String"),
    ("text", "String"),
    ("char", "String"),
    ("double", "Float"),
    ("real", "Float"),
    ("long", "Int"),
    ("uint", "Int(0..9223372036854775807)"),
    ("byte", "Int(0..255)"),
    ("array", "List"),
    ("vec", "List"),
    ("vector", "List"),
    ("dict", "Map"),
    ("dictionary", "Map"),
    ("hashmap", "Map"),
    ("hashset", "Set"),
    ("optional", "Option"),
    ("maybe", "Option"),
    ("either", "Result"),
];
