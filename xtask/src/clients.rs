//! `cargo xtask test clients`: the Python packages that people use, against a real server
//! (`crates/server/tests/clients`).

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    Outcome, checkout,
    command::{output, root, succeed, target},
    models,
};

/// Folder of the tests.
const TESTS: &str = "crates/server/tests/clients";
/// Longest time that all clients' tests may take together, in seconds.
const SECONDS_MAX: &str = "2400";

/// Tests of programs that talk to the server by themselves: agents, frameworks, tools for evaluation. They take about
/// as long as all others.
pub(crate) const AGENTS: &[&str] =
    &["test_agents.py", "test_frameworks.py", "test_others.py", "test_npm.py", "test_lm_eval.py", "test_llm_comply.py"];

/// pytest's arguments for these files.
pub(crate) fn these(files: &[&str]) -> Vec<String> {
    files.iter().map(|&file| file.to_owned()).collect()
}

/// pytest's arguments for all files but these.
pub(crate) fn but(files: &[&str]) -> Vec<String> {
    files.iter().map(|file| format!("--ignore={file}")).collect()
}

/// Counts of pytest's last line.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

/// Installs the clients, once for each list of them, builds the server and runs the tests; `arguments` go to pytest.
pub(crate) fn run(arguments: &[String]) -> Result<Counts, String> {
    let model = models::fetch()?;
    let Installed { python, npm, aider, instructor } = need()?;
    let program = checkout::release_binary()?;
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", SECONDS_MAX]).arg(python).args(["-m", "pytest", "--durations=20", "--color=no"]);
    command.args(arguments).current_dir(root().join(TESTS)).env("TRINITY_SMOLLM2", model).stdout(Stdio::piped());
    command.env("TRINITY_NPM", npm).env("TRINITY_AIDER", aider).env("TRINITY_INSTRUCTOR", instructor);
    if std::env::var_os("TRINITY_PROGRAM").is_none() {
        command.env("TRINITY_PROGRAM", program);
    }
    // Compiled Python once for all processes that the tests start, and none of it beside the sources.
    command.env("PYTHONPYCACHEPREFIX", target().join("clients/compiled"));
    let mut child = command.spawn().map_err(|e| format!("pytest: {e}"))?;
    let mut counts = Counts::default();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.map_err(|e| format!("pytest: {e}"))?;
        println!("{line}");
        if let Some(found) = summary(&line) {
            counts = found;
        }
    }
    let status = child.wait().map_err(|e| format!("pytest: {e}"))?;
    match (status.code(), &counts) {
        (Some(124 | 137), _) => Err(format!("pytest: stopped after {SECONDS_MAX} s")),
        (Some(0), Counts { skipped: 1.., .. }) => Err(format!("pytest: {} tests were skipped", counts.skipped)),
        (Some(0), Counts { passed: 0, .. }) => Err("pytest: no test ran".to_owned()),
        // What failed is counted in the totals at the end.
        (Some(0), _) | (Some(1), Counts { failed: 1.., .. }) => Ok(counts),
        _ => Err(format!("pytest: {status}")),
    }
}

/// Where the clients are installed: a Python for each list whose packages exclude each other, and a folder of npm's.
pub(crate) struct Installed {
    python: PathBuf,
    npm: PathBuf,
    aider: PathBuf,
    instructor: PathBuf,
}

/// Sees to it that the clients are there, and installs them.
pub(crate) fn need() -> Result<Installed, String> {
    let python = environment("python", &["requirements.txt", "constraints.txt"])?;
    let npm = npm(&python)?;
    let (aider, instructor) = (environment("aider", &["aider.txt"])?, environment("instructor", &["instructor.txt"])?);
    Ok(Installed { python, npm, aider, instructor })
}

/// Folder of the programs that come with the clients in Python, among them Node.js and npm.
pub(crate) fn programs() -> Result<PathBuf, String> {
    let python = environment("python", &["requirements.txt", "constraints.txt"])?;
    python.parent().map(Path::to_path_buf).ok_or_else(|| "python stands in no folder".to_owned())
}

/// The Node.js of the clients by itself: what Debian has does not know relaxed SIMD without a flag, and with it
/// (20.20, V8 11.3) forgets sums on CPUs with AVX-VNNI.
pub(crate) fn node() -> Result<PathBuf, String> {
    let python = environment("node", &["requirements-node.txt", "constraints.txt"])?;
    Ok(python.with_file_name("node"))
}

/// Returns the Python of an environment that holds exactly what `requirements` and its constraints say.
fn environment(name: &str, lists: &[&str]) -> Result<PathBuf, String> {
    let requirements = lists.first().ok_or("no list of requirements")?;
    let folder = installed(name, lists, |folder| {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "-r"];
        succeed(Command::new(folder.join("bin/python")).args(install).arg(root().join(TESTS).join(requirements)))
    })?;
    Ok(folder.join("bin/python"))
}

/// Returns the folder with the packages of npm, installed by the Node.js that came with `python`'s packages.
fn npm(python: &Path) -> Result<PathBuf, String> {
    let programs = python.parent().ok_or("python stands in no folder")?;
    let lists = ["npm/package.json", "npm/package-lock.json"];
    installed("npm", &lists, |folder| {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for list in lists {
            let (from, to) = (root().join(TESTS).join(list), folder.join(list.trim_start_matches("npm/")));
            fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([programs.to_path_buf()].into_iter().chain(std::env::split_paths(&path)));
        let mut ci = Command::new(programs.join("npm"));
        ci.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
        succeed(ci.env("PATH", path.map_err(|e| format!("PATH: {e}"))?))
    })
}

/// Returns the folder `target/clients/NAME-HASH` of what `lists` say, made once for each content of theirs.
fn installed(name: &str, lists: &[&str], make: impl FnOnce(&Path) -> Outcome) -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    for list in lists {
        let path = root().join(TESTS).join(list);
        fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?.hash(&mut hasher);
    }
    output(Command::new("python3").arg("--version"))?.hash(&mut hasher);
    let folder = target().join(format!("clients/{name}-{:016x}", hasher.finish()));
    let complete = folder.join("complete");
    if complete.exists() {
        return Ok(folder);
    }
    let start = Instant::now();
    if folder.exists() {
        // Cut off while it was made.
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    make(&folder)?;
    fs::write(&complete, "").map_err(|e| format!("{}: {e}", complete.display()))?;
    let size = output(Command::new("du").args(["-sm"]).arg(&folder))?;
    let size = size.split_whitespace().next().unwrap_or_default();
    println!("installed {name} in {:.0} s, {size} MB", start.elapsed().as_secs_f64());
    Ok(folder)
}

/// Reads the counts of pytest's last line, `1 failed, 40 passed, 2 errors in 12.3s`.
fn summary(line: &str) -> Option<Counts> {
    let (counts, seconds) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
    if !seconds.contains('s') || !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut found = Counts::default();
    for part in counts.split(", ") {
        let (number, word) = part.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match word {
            "passed" => found.passed = number,
            "failed" | "error" | "errors" => found.failed += number,
            "skipped" | "xfailed" | "xpassed" => found.skipped += number,
            _ => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_files_that_are_there() {
        let missing: Vec<_> = AGENTS.iter().filter(|file| !root().join(TESTS).join(file).exists()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_last_line_is_read() {
        let check = |line: &str, passed, failed, skipped| {
            assert_eq!(summary(line), Some(Counts { passed, failed, skipped }), "{line}");
        };
        check("3 passed in 0.12s", 3, 0, 0);
        check("1 failed, 40 passed, 2 warnings, 2 errors in 75.31s (0:01:15)", 40, 3, 0);
        check("==== 2 skipped, 1 passed in 1.00s ====", 1, 0, 2);
        assert_eq!(summary("test_openai.py::test_chat failed in a strange way"), None);
    }
}
