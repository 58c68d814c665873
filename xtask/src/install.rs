//! Programs that only some stages need: Debian's packages of them are installed where this user may, else the error
//! says what is missing.

use std::{
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Outcome, command::succeed};

const APT: &[&str] = &["-y", "-qq", "-o", "Dpkg::Use-Pty=0"];

/// Held by who installs something for the whole machine: apt-get and rustup fail or wait where two of them run.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sees to it that one of `programs` is there, and installs `packages` where it may.
pub(crate) fn need(programs: &[&str], packages: &[&str]) -> Outcome {
    let _turn = turn();
    if programs.iter().any(|name| is_there(name)) {
        return Ok(());
    }
    let missing = format!("{} is needed (Debian: {})", programs.join(" or "), packages.join(", "));
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !is_there("apt-get") || !(is_root || is_there("sudo")) {
        return Err(format!("{missing}, and apt-get cannot install it here"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
        if !is_root {
            command.args(["-n", "apt-get"]);
        }
        succeed(command.args(APT).args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install: Vec<&str> = ["install", "--no-install-recommends"].iter().chain(packages).copied().collect();
    // A new machine has no package lists yet, or old ones.
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install))).map_err(|e| format!("{missing}: {e}"))
}

/// Whether there is a program of this name.
pub(crate) fn is_there(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        need(&["no-such-program", "sh"], &["no-such-package"]).unwrap();
        assert!(!is_there("no-such-program"));
    }
}
