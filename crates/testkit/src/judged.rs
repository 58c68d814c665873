//! A test binary whose crate's code specifications judge: `cargo xtask specs` runs
//! `vibee test SPEC --impl 'BINARY serve'`.

use std::env;

use serde_json::{Map, Value};

use crate::runner::{About, Reply, serve};

/// Answers `vibee test --impl` with the code of a crate, of which `modules` are the specifications, if the first
/// argument of the binary is `serve`. `cargo test` has no such argument: then nothing is asked, and the binary ends
/// well at once.
///
/// `call` gets `module.function` and the arguments; `None` says that there is no such function, or that an argument is
/// not what it takes, which the chore counts as a failure.
///
/// # Panics
/// If standard input or output fails.
pub fn answer_specs(modules: &[&str], mut call: impl FnMut(&str, &Map<String, Value>) -> Option<Reply>) {
    if env::args().nth(1).as_deref() != Some("serve") {
        return;
    }
    let about = About { name: "trinity", version: env!("CARGO_PKG_VERSION"), modules, pending: &[] };
    let served = serve(about, |function, args| call(function, args).unwrap_or(Reply::Unsupported));
    served.unwrap_or_else(|e| panic!("the conversation broke off: {e}"));
}
