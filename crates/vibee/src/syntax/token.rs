//! Tokens, and the tables of words and marks: VIBEE's own, and those of other languages that people write by habit.

/// A token: bytes `start..end` of the scalar's text.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether the lexer has said already that something else should stand here.
    pub(super) is_told: bool,
}

/// Kinds of tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    Int(u64),
    Float(f64),
    String(String),
    Bytes(Vec<u8>),
    Trits(Vec<i8>),
    /// A name or a keyword.
    Word(&'a str),
    /// One of [`MARKS`].
    Mark(&'static str),
    /// An operator that has no counterpart here; a message has said so.
    Foreign,
    /// What could not be read; a message has said why.
    Bad,
    End,
}

/// Marks of the language, longer ones first where one begins another.
pub(super) const MARKS: [&str; 27] = [
    "==", "!=", "<=", ">=", "=>", "..", "++", "(", ")", "[", "]", "{", "}", ",", ";", ".", "=", "<", ">", "+", "-",
    "*", "/", "|", ":", "?", "_",
];

/// Words that no parameter, field, case, constant, function or local name may be. All but `None` may follow a point.
pub const KEYWORDS: [&str; 20] = [
    "let", "if", "else", "match", "implies", "or", "xor", "and", "not", "in", "div", "mod", "quo", "rem", "with",
    "true", "false", "nan", "inf", "old",
];

/// Words that mean something only where the grammar asks for them, and are names elsewhere.
pub const SOFT_WORDS: [&str; 10] = ["all", "any", "count", "sum", "map", "filter", "where", "fault", "within", "ulp"];

/// Words that open a quantified expression where a name and `in` follow.
pub const QUANTIFIER_WORDS: [&str; 6] = ["all", "any", "count", "sum", "map", "filter"];

/// Constructors that are built in.
pub const CONSTRUCTORS: [&str; 4] = ["None", "Some", "Ok", "Err"];

/// Tells whether a name is taken by the language.
pub fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name) || CONSTRUCTORS.contains(&name)
}

/// A mark of another language.
pub(super) struct ForeignMark {
    pub(super) text: &'static str,
    /// The mark or word of VIBEE that is read in its place; empty where there is none.
    pub(super) instead: &'static str,
    pub(super) help: &'static str,
}

/// Marks of other languages, longer ones first where one begins another; looked for before [`MARKS`].
pub(super) const FOREIGN_MARKS: [ForeignMark; 34] = [
    foreign("===", "==", "values are compared by `==`, whatever their type"),
    foreign("!==", "!=", "values are compared by `!=`, whatever their type"),
    foreign("..=", "..", "`a..b` includes both ends"),
    foreign("..<", "..", "`a..b` includes both ends; without the last, write `a..b - 1`"),
    foreign("...", "..", "`a..b` includes both ends"),
    foreign("&&", "and", "write `and`"),
    foreign("||", "or", "write `or`"),
    foreign("|>", "", "write `value.function(…)`: a function is a method of its first argument"),
    foreign("??", "", "write `match value { Some(x) => x, None => … }`"),
    foreign("?.", ".", "write `match value { Some(x) => …, None => … }`"),
    foreign("::", ".", "write `Type.case` and `module.item`"),
    foreign(":=", "=", "write `let name = value; …`"),
    foreign("->", "=>", "write `=>`"),
    foreign("**", "", "write `pow(base, exponent)` of `std.math`, or a product"),
    foreign(
        "//",
        "div",
        "whole numbers are divided by `div` (rounds down) or `quo` (truncates); comments begin with `#`",
    ),
    foreign("+=", "", "nothing changes here: `let sum = a + b; …` gives the new value a name"),
    foreign("-=", "", "nothing changes here: `let rest = a - b; …` gives the new value a name"),
    foreign("*=", "", "nothing changes here: `let product = a * b; …` gives the new value a name"),
    foreign("&", "", "bits are taken by functions of U64, such as `a.bit_and(b)`; truth values by `and`"),
    foreign("^", "", "write `xor` for truth values, `a.bit_xor(b)` for bits of U64, a product for powers"),
    foreign("~", "", "bits are turned by `a.bit_not()`"),
    foreign("%", "mod", "`mod` is never negative, `rem` has the sign of its first operand"),
    foreign("!", "not", "write `not`"),
    foreign("≤", "<=", "write `<=`"),
    foreign("≥", ">=", "write `>=`"),
    foreign("≠", "!=", "write `!=`"),
    foreign("⇒", "=>", "write `=>`"),
    foreign("→", "=>", "write `=>`"),
    foreign("∧", "and", "write `and`"),
    foreign("∨", "or", "write `or`"),
    foreign("¬", "not", "write `not`"),
    foreign("×", "*", "write `*`"),
    foreign("−", "-", "write `-`"),
    foreign("…", "..", "write `..`"),
];

const fn foreign(text: &'static str, instead: &'static str, help: &'static str) -> ForeignMark {
    ForeignMark { text, instead, help }
}

/// Words of other languages at the beginning of something, and what to write.
pub(super) const FOREIGN_WORDS: [(&str, &str); 20] = [
    ("return", "the value of a body is its expression: leave `return` out"),
    ("var", "write `let name = value; …`; a name keeps its value"),
    ("const", "write `let name = value; …`, or put it under `constants`"),
    ("mut", "a name keeps its value: `let` another one"),
    ("fn", "functions stand under `functions`; as an argument write `x => …`"),
    ("function", "functions stand under `functions`; as an argument write `x => …`"),
    ("lambda", "write `x => …`, as an argument"),
    ("def", "functions stand under `functions`"),
    (
        "for",
        "write `map x in list { … }`, `all`, `any`, `count`, `sum`, `filter`, or `list.fold(first, (so_far, x) => …)`",
    ),
    ("while", "write a function that calls itself, with `decreases`, or `list.fold(first, (so_far, x) => …)`"),
    ("loop", "write a function that calls itself, with `decreases`, or `list.fold(first, (so_far, x) => …)`"),
    ("do", "write the expression itself"),
    ("begin", "write the expression itself"),
    ("elif", "write `else if`"),
    ("elsif", "write `else if`"),
    ("case", "write `match value { pattern => result, … }`"),
    ("switch", "write `match value { pattern => result, … }`"),
    ("try", "what may fail gives a Result: `match value { Ok(x) => …, Err(e) => … }`"),
    ("throw", "what may fail gives a Result: write `Err(…)`"),
    ("raise", "what may fail gives a Result: write `Err(…)`"),
];
