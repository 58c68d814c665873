//! `cargo xtask siege`: what clients that flood, leave, stay silent and hold places do to the others. The long forms of
//! tests that CI runs short.

mod asks;
mod burst;
mod company;
mod fairness;
mod pace;
mod soak;

use crate::serve_bench::Suite;

/// The suite of `cargo xtask siege`, with a receipt of its own.
pub(crate) const SUITE: Suite = Suite {
    name: "siege",
    receipt: "docs/receipts/siege.json",
    rows: &[
        ("company", "each request alone and in random company: the same bytes", company::measure),
        ("fairness", "8 keys of which one floods: tokens of each, and how long the others wait", fairness::measure),
        (
            "soak",
            "70 % load with clients that leave, beside four attacks: panics, errors, memory, gauges",
            soak::measure,
        ),
        ("burst", "as many clients at once as there are places: seconds until all are accepted", burst::measure),
        ("pace", "tokens per second against an older program (--baseline)", pace::measure),
    ],
    has_peer: false,
    // Trained and ternary, and small: what is tried is the server.
    model: || Ok(testkit::data("tiny-models/stories-ternary-1.9M-tq2_0.gguf")),
};
