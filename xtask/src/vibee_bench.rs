//! `cargo xtask vibee-bench [--receipt | --only ROW]`: VIBEE beside rhai, Lua, CEL, Python and Node.js, in alternation
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
    let (is_stored, only) = read(arguments)?;
    needs_all(is_stored, std::env::var_os("TSC").is_some())?;
    output(Command::new("lua5.4").arg("-v")).map_err(|e| format!("{e}: apt-get install lua5.4"))?;
    let mut command =
        cargo(&["run", "--quiet", "--release", "--locked", "--manifest-path", "benches/vibee/Cargo.toml"]);
    command.args(["--", ROUNDS]).env("ONLY", only);
    if is_stored {
        command.arg(root().join(RECEIPT));
    }
    succeed(&mut command)
}

/// Reads whether medians are stored, and which rows run: a receipt is of all.
fn read(arguments: &[String]) -> Result<(bool, &str), String> {
    match arguments {
        [] => Ok((false, "")),
        [option] if option == "--receipt" => Ok((true, "")),
        [option, row] if option == "--only" => Ok((false, row)),
        _ => Err(format!("vibee-bench takes --receipt, or --only ROW, or nothing, not {arguments:?}")),
    }
}

/// Refuses to store a receipt where the rows of Node.js would be missing.
fn needs_all(is_stored: bool, has_compiler: bool) -> Outcome {
    if is_stored && !has_compiler {
        return Err("vibee-bench --receipt: TSC names no TypeScript compiler, and a receipt is of all rows".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_receipt_is_of_all_rows() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            super::read(&words).map(|(is_stored, only)| (is_stored, only.to_owned()))
        };
        assert_eq!(read(&["--only", "case"]), Ok((false, "case".to_owned())));
        assert_eq!(read(&["--receipt"]), Ok((true, String::new())));
        assert!(read(&["--receipt", "--only", "case"]).is_err());
        assert!(read(&["--only"]).is_err());
        let needs =
            [(true, true), (true, false), (false, false)].map(|(stored, has)| super::needs_all(stored, has).is_ok());
        assert_eq!(needs, [true, false, true]);
    }
}
