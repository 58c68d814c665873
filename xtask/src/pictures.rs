//! `cargo xtask pictures`: what README shows of the page and of a terminal, made anew in `docs/pictures` by the scripts
//! in `xtask/pictures`.
//!
//! Both are of the real program with the test model, at temperature 0; look at what came out before it is committed.

use std::{fs, path::Path, process::Command};

use crate::{
    Outcome, browser, checkout,
    command::{root, succeed, target},
    models,
};

const FOLDER: &str = "docs/pictures";
/// Largest size of all pictures together, in bytes: a clone carries every picture there ever was.
const BYTES_MAX: u64 = 300_000;

/// Makes all pictures; too many bytes are an error.
pub(crate) fn run() -> Outcome {
    browser::chromium()?;
    let program = checkout::release_binary()?;
    let model = models::fetch()?;
    let folder = root().join(FOLDER);
    fs::create_dir_all(&folder).map_err(|e| format!("{FOLDER}: {e}"))?;
    let home = target().join("pictures-home");
    fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    succeed(Command::new(&program).args(["pull", "smollm2:135m"]).env("TRINITY_HOME", &home))?;
    let path = std::env::var("PATH").unwrap_or_default();
    let beside = program.parent().unwrap_or(Path::new("/")).display().to_string();
    for script in ["terminal.py", "page.py"] {
        let mut command = Command::new("python3");
        command.arg(root().join("xtask/pictures").join(script)).arg(&folder);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("TRINITY_BINARY", &program).env("TRINITY_SMOLLM2", &model);
        succeed(command.env("PATH", format!("{beside}:{path}")).env("HOME", &home).env("TRINITY_HOME", &home))?;
    }
    check()
}

/// Checks the size of all pictures together.
fn check() -> Outcome {
    let entries = fs::read_dir(root().join(FOLDER)).map_err(|e| format!("{FOLDER}: {e}"))?;
    let bytes: u64 = entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|m| m.len()).sum();
    println!("{FOLDER}: {bytes} bytes of at most {BYTES_MAX}");
    if bytes <= BYTES_MAX { Ok(()) } else { Err(format!("{FOLDER}: {bytes} bytes, the limit is {BYTES_MAX}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_are_small_and_readme_shows_each() {
        check().unwrap();
        let readme = fs::read_to_string(root().join("README.md")).unwrap();
        for entry in fs::read_dir(root().join(FOLDER)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(readme.contains(&format!("{FOLDER}/{name}")), "README does not show {name}");
        }
    }
}
