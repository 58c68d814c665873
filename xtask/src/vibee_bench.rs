//! `cargo xtask vibee-bench [--receipt]`: VIBEE beside rhai, Lua, CEL, Python and Node.js, in alternation
//! (`benches/vibee`, a workspace of its own). Lua is Debian's package `lua5.4`.

use std::process::Command;

use crate::{
    Outcome,
    command::{cargo, output, root, succeed},
};

const ROUNDS: &str = "5";
const RECEIPT: &str = "docs/receipts/vibee.json";

/// Builds and runs the comparison; with `--receipt`, stores its medians.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let is_stored = match arguments {
        [] => false,
        [option] if option == "--receipt" => true,
        _ => return Err(format!("vibee-bench takes --receipt or nothing, not {arguments:?}")),
    };
    output(Command::new("lua5.4").arg("-v")).map_err(|e| format!("{e}: apt-get install lua5.4"))?;
    let mut command =
        cargo(&["run", "--quiet", "--release", "--locked", "--manifest-path", "benches/vibee/Cargo.toml"]);
    command.args(["--", ROUNDS]);
    if is_stored {
        command.arg(root().join(RECEIPT));
    }
    succeed(&mut command)
}
