//! What a grammar may cost. Everything that input controls has its number here.

/// Largest number of bytes of a JSON schema, written without spaces.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// Largest number of levels of schemas within schemas, and of values within `const` and `enum`.
pub const SCHEMA_DEPTH_MAX: usize = 32;
/// Largest number of schemas and constants of a JSON schema, each definition that is referred to counted once; every
/// use counts where definitions must be merged (`allOf`, and `$ref` beside other keywords).
pub const SCHEMA_NODES_MAX: usize = 4096;
/// Largest number of regular expressions in a JSON schema.
pub const SCHEMA_PATTERNS_MAX: usize = 256;
/// Largest number of keys of one `patternProperties`: each is compared with each.
pub const PATTERN_PROPERTIES_MAX: usize = 16;
/// Largest value of `minLength`, `maxLength`, `minItems` and their like.
pub const LENGTH_MAX: usize = i32::MAX as usize;
/// Largest magnitude of a whole number that a schema may name: beyond it, f64 does not hold every one.
pub const INTEGER_MAX: u64 = 1 << 53;
/// Largest number of bytes of a regular expression.
pub const REGEX_BYTES_MAX: usize = 1 << 10;
/// Largest number of bytes of a grammar.
pub const GRAMMAR_BYTES_MAX: usize = 64 << 10;
/// Largest number of levels of groups and of rules within rules.
pub const NESTING_MAX: usize = 256;
/// Largest number of names in a terminal of a Lark grammar, those in the terminals that it names counted too.
pub const TERMINAL_PARTS_MAX: usize = 10_000;
/// Largest number of repetitions that a GBNF grammar may ask for.
pub const REPETITIONS_MAX: usize = 10_000;
/// Largest number of texts to choose from.
pub const CHOICES_MAX: usize = 4096;
/// Largest number of bytes of all texts to choose from.
pub const CHOICE_BYTES_MAX: usize = 64 << 10;

/// All public limits with their names, for a command that prints them.
pub const TABLE: &[(&str, u64)] = &[
    ("schema bytes", SCHEMA_BYTES_MAX as u64),
    ("schema depth", SCHEMA_DEPTH_MAX as u64),
    ("schema nodes", SCHEMA_NODES_MAX as u64),
    ("schema patterns", SCHEMA_PATTERNS_MAX as u64),
    ("schema pattern properties", PATTERN_PROPERTIES_MAX as u64),
    ("schema lengths", LENGTH_MAX as u64),
    ("schema whole numbers", INTEGER_MAX),
    ("regular expression bytes", REGEX_BYTES_MAX as u64),
    ("grammar bytes", GRAMMAR_BYTES_MAX as u64),
    ("grammar nesting", NESTING_MAX as u64),
    ("grammar terminal parts", TERMINAL_PARTS_MAX as u64),
    ("grammar repetitions", REPETITIONS_MAX as u64),
    ("guided choices", CHOICES_MAX as u64),
    ("guided choice bytes", CHOICE_BYTES_MAX as u64),
];

/// Largest number of steps of building the automata, about 50 a microsecond.
pub(super) const BUILD_FUEL: u64 = 1_000_000;
/// Largest number of steps of the lexer for one mask, about 14 a microsecond.
pub(super) const STEP_FUEL: u64 = 400_000;
/// Largest number of items of the parser for one mask, about 20 a microsecond.
pub(super) const STEP_ITEMS_MAX: usize = 200_000;
/// Largest number of items of the parser at one place: about the alternatives that may begin there.
pub(super) const ROW_ITEMS_MAX: usize = 10_000;
/// Largest number of states that one completion may make, one to two KiB each.
pub(super) const STATES_MAX: usize = 20_000;
/// Largest number of symbols of the productions of a grammar.
pub(super) const SYMBOLS_MAX: usize = 100_000;
/// Size of the stack of the thread that compiles: deep grammars recurse in the automata's crate.
pub(super) const COMPILE_STACK_BYTES: usize = 64 << 20;
/// Largest number of parts of a refused schema that are compiled alone to find out which one is to blame.
pub(super) const LOCATE_ATTEMPTS_MAX: usize = 64;
/// Largest number of bytes of a token that can be part of constrained text; longer ones are never chosen.
pub(super) const TOKEN_BYTES_MAX: usize = 1000;
/// Largest number of parts of a schema that are left out one by one because the automata's crate refuses them; where
/// there are more, any object will do.
pub(super) const LOOSEN_ROUNDS_MAX: usize = 16;
/// Largest number of things left out of a schema that are told.
pub(super) const LEFT_OUT_MAX: usize = 16;
