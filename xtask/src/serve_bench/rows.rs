//! The rows: name, what it measures, how.

mod determinism;
mod idle;
mod long_prompt;
mod memory;
mod prefix_reuse;
mod shared_prefix;
mod speculation;
mod throughput;

use super::{Bench, Measured, Row};

pub(super) const ROWS: &[Row] = &[
    ("throughput", "streamed tokens per second at 1, 4, 16, 32 clients (120 tokens in, 64 out)", throughput::measure),
    (
        "shared-prefix",
        "8 users at once with the same computed prefix of 1,000 tokens and 20 of their own",
        shared_prefix::measure,
    ),
    (
        "prefix-reuse",
        "warm against cold, and prompt tokens computed over 100 requests that share 1,000",
        prefix_reuse::measure,
    ),
    ("long-prompt", "a prompt of 4,000 tokens arrives while 8 streams run", long_prompt::measure),
    ("speculation", "repetitive text with and without prompt lookup", speculation::measure),
    ("memory", "bytes for each cached token against the arithmetic", memory::measure),
    ("idle", "CPU of a server that nobody asks", idle::measure),
    ("determinism", "64 requests with seeds at once, in 5 mixes: the same bytes", determinism::measure),
];
