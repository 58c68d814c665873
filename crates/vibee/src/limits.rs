//! Every limit of the language, each named in the message of who goes over it.

/// Bytes of a file.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// Bytes of a line.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// Levels of nesting in a file.
pub const NESTING_MAX: usize = 64;
/// Bytes of a name.
pub const NAME_BYTES_MAX: usize = 128;
/// Items of a list or entries of a map.
pub const ITEMS_MAX: usize = 10_000;
/// Messages that reading one file gives; what goes beyond is counted.
pub const MESSAGES_MAX: usize = 1_000;
/// Modules of a check, imported ones included.
pub const MODULES_MAX: usize = 256;
/// Levels of nesting in an expression or a type.
pub const EXPR_DEPTH_MAX: usize = 128;
/// Registers of a function in bytecode.
pub const REGISTERS_MAX: usize = 65_536;
/// Fuel of a case, in instructions.
pub const FUEL: u64 = 10_000_000;
/// Memory of a case in bytes, counted by [`crate::value`]'s table of sizes and not by the allocator.
pub const MEMORY_BYTES: u64 = 64 << 20;
/// Calls within calls, the outermost counted: so many are under way at once, and one more is a fault.
pub const CALL_DEPTH: u32 = 1_000;
/// Members of a domain that a property exhausts; above it draws [`CASES`] of them.
pub const EXHAUSTED_MAX: u64 = 65_536;
/// Cases that a property draws where its domain is larger.
pub const CASES: u32 = 1_000;
/// Seconds a call of an implementation may take.
pub const CALL_SECONDS: u64 = 10;
/// Seconds an implementation may take to start and greet: a machine under load starts processes late.
pub const START_SECONDS: u64 = 60;
/// Bytes of a line of the runner protocol.
pub const RUNNER_LINE_BYTES_MAX: usize = 1 << 20;

/// What one case may use.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub fuel: u64,
    /// Bytes of values that are alive at the same time.
    pub memory_bytes: u64,
    /// Calls under way at the same time.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: FUEL, memory_bytes: MEMORY_BYTES, depth: CALL_DEPTH }
    }
}
