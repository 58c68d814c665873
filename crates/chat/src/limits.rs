//! What a template may use up. Templates come from model files and from requests, so nothing about them is trusted.

/// Bytes of template source.
pub const TEMPLATE_BYTES_MAX: usize = 256 * 1024;

/// Nesting of brackets, operators and blocks in the source.
pub const NESTING_MAX: usize = 128;

/// Steps of one rendering: each expression, statement, item visited and 64 bytes of text produced costs one.
pub const FUEL_MAX: u64 = 1_000_000;

/// Bytes that one rendering may allocate over its whole run, so what it holds at any moment is less.
pub const MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of rendered text.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Levels of evaluation inside each other: expressions, statements and macro calls together.
pub const DEPTH_MAX: usize = 320;

/// Levels of lists and dicts inside each other, in the messages as in what a template builds.
pub const VALUE_DEPTH_MAX: usize = 128;

/// Items of one `range(…)`, as in Jinja's sandbox.
pub const RANGE_MAX: u64 = 100_000;

/// Levels of lists and objects in the arguments of a tool call.
pub const CALL_NESTING_MAX: usize = 64;

/// Tool calls in one reply; what looks like more of them is text.
pub const CALLS_MAX: usize = 128;

/// Tool calls after the first one that a grammar allows in one reply: a small model that is made to call goes on for
/// ever.
pub const MORE_CALLS_MAX: usize = 15;

/// Bytes of a reply that are held back while they may still become a tool call; past it they are text. Arguments that
/// are already passed on do not count.
pub const CALL_HELD_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a tool's name in a call.
pub const CALL_NAME_BYTES_MAX: usize = 256;
