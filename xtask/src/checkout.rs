//! What a clone of this working tree would hold, below `target/`, and the release binary that is built there.
//!
//! Every chore that needs a release binary takes this one: so it is compiled once, and from tracked files alone.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use crate::command::{cargo, output, root, succeed, target};

/// Returns the folder of the checkout.
pub(crate) fn folder() -> PathBuf {
    target().join("checkout/trinity")
}

/// Returns the folder in which the checkout is built. It has one of its own: to cargo a package is the same wherever it
/// lies, so what was built here would pass for a build of the root.
pub(crate) fn target_folder() -> PathBuf {
    target().join("checkout/target")
}

/// Builds the release binary from the tracked files as they are now.
pub(crate) fn release_binary() -> Result<PathBuf, String> {
    built("trinity", "release", "trinity")
}

/// Builds the program `vibee` as its document says to install it.
pub(crate) fn vibee_binary() -> Result<PathBuf, String> {
    built("vibee_cli", "vibee", "vibee")
}

fn built(package: &str, profile: &str, program: &str) -> Result<PathBuf, String> {
    // Stages that run at once ask for the same program.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = update(&folder())?;
    let mut command = cargo(&["build", "--profile", profile, "--package", package, "--quiet"]);
    succeed(command.current_dir(folder).env("CARGO_TARGET_DIR", target_folder()))?;
    Ok(target_folder().join(profile).join(program))
}

/// Copies each tracked file that differs to `folder`, and removes from there what is tracked no more; the rest keeps
/// its time, by which cargo knows what to compile. Gives the folder.
pub(crate) fn update(folder: &Path) -> Result<PathBuf, String> {
    let tracked = |folder: &Path| -> Result<Vec<String>, String> {
        let list = output(Command::new("git").args(["ls-files", "-z"]).current_dir(folder))?;
        Ok(list.split_terminator('\0').map(str::to_owned).collect())
    };
    let list_path = folder.with_extension("list");
    let paths: Vec<String> =
        tracked(&root())?.into_iter().filter(|path| root().join(path).symlink_metadata().is_ok()).collect();
    for old in fs::read_to_string(&list_path).unwrap_or_default().lines().filter(|old| !paths.iter().any(|p| p == old))
    {
        // It may be gone already.
        let _ = fs::remove_file(folder.join(old));
    }
    for path in &paths {
        copy(&root().join(path), &folder.join(path)).map_err(|e| format!("{path}: {e}"))?;
    }
    fs::write(&list_path, paths.join("\n")).map_err(|e| format!("{}: {e}", list_path.display()))?;
    Ok(folder.to_owned())
}

/// Copies a file or a link, if it is not there already.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if from.is_symlink() {
        let target = fs::read_link(from)?;
        if fs::read_link(to).ok() != Some(target.clone()) {
            let _ = fs::remove_file(to);
            symlink(target, to)?;
        }
        return Ok(());
    }
    let content = fs::read(from)?;
    if fs::read(to).ok().as_ref() != Some(&content) {
        fs::write(to, content)?;
    }
    fs::set_permissions(to, from.metadata()?.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_keeps_its_time() {
        let folder = target().join("checkout-test");
        let (from, to) = (folder.join("from"), folder.join("a/to"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(&from, "one").unwrap();
        copy(&from, &to).unwrap();
        let before = to.metadata().unwrap().modified().unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(to.metadata().unwrap().modified().unwrap(), before);
        fs::write(&from, "two").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
        fs::remove_dir_all(&folder).unwrap();
    }
}
