//! The real models that tests run on, fetched by the product's own `pull` and kept below `target/`.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    checkout,
    command::{output, root, succeed},
};

/// Fetches SmolLM2-135M-Instruct Q4_1 to the path where `testkit::smollm2_path` looks for it.
pub(crate) fn fetch() -> Result<PathBuf, String> {
    let folder = root().join("target/models");
    let file = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if file.exists() {
        return Ok(file);
    }
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let home = folder.join("home");
    let program = checkout::release_binary()?;
    let trinity = || Command::new(&program);
    succeed(trinity().args(["pull", "smollm2:135m"]).env("TRINITY_HOME", &home))?;
    let path = output(trinity().args(["show", "smollm2:135m", "--path"]).env("TRINITY_HOME", &home))?;
    fs::hard_link(path.trim(), &file).map_err(|e| format!("{} → {}: {e}", path.trim(), file.display()))?;
    Ok(file)
}
