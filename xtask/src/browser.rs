//! `cargo xtask browser`: the tests of the chat page (`crates/server/tests/browser`), in a real Chromium against the real `trinity serve`.
//!
//! Python drives the browser over its own protocol, so the machine needs Chromium and nothing else; where it has none, Debian's is installed.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::{
    Outcome,
    command::{cargo, root, succeed},
    models,
};

/// Names under which distributions install it.
const PROGRAMS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const APT: &[&str] = &["-y", "-qq", "-o", "Dpkg::Use-Pty=0"];

/// Runs all tests, or those whose names hold one of the words; hands on each line that they print.
pub(crate) fn run(only: &[String], mut each_line: impl FnMut(&str)) -> Outcome {
    if !PROGRAMS.iter().any(|name| is_there(name)) {
        install()?;
    }
    succeed(&mut cargo(&["build", "--package", "trinity", "--quiet"]))?;
    let mut command = Command::new("python3");
    command.arg(root().join("crates/server/tests/browser/run.py")).args(only);
    // No compiled Python beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("TRINITY_SMOLLM2", models::fetch()?).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("python3: {e}"))?;
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.map_err(|e| format!("the browser's tests: {e}"))?;
        println!("{line}");
        each_line(&line);
    }
    let status = child.wait().map_err(|e| format!("the browser's tests: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("the browser's tests: {status}")) }
}

/// Installs Debian's Chromium, with `sudo` where this user needs and has it.
fn install() -> Outcome {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !is_there("apt-get") || !(is_root || is_there("sudo")) {
        return Err(format!("none of {} is installed, and apt-get cannot install it here", PROGRAMS.join(", ")));
    }
    for arguments in [&["update"][..], &["install", "--no-install-recommends", "chromium"]] {
        let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
        if !is_root {
            command.args(["-n", "apt-get"]);
        }
        succeed(command.args(APT).args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

/// Is there a program of this name?
fn is_there(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}
