//! `cargo xtask fuzz`: every target of `fuzz/` for a bounded time, on the stable toolchain (how: fuzz/README.md).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use crate::{
    Outcome,
    command::{cargo, output, root, succeed},
};

const SECONDS_DEFAULT: u32 = 20;
const INPUT_BYTES_MAX: u32 = 1 << 16;
const MEMORY_MB_MAX: u32 = 2048;

/// Flags that `cargo fuzz` would pass: edge counters and comparisons for libFuzzer, no sanitizer runtime.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=yes -Coverflow-checks=yes";

/// Targets, each with the folder whose files seed it (`testkit::inputs`).
fn targets() -> Vec<(&'static str, &'static str)> {
    include_str!("../../fuzz/targets.txt").lines().filter_map(|line| line.split_once(' ')).collect()
}

/// Builds all targets and runs each for `seconds`, two at a time; returns their number.
pub(crate) fn run(seconds: Option<&str>) -> Result<u64, String> {
    let seconds: u32 = match seconds {
        Some(text) => text.parse().map_err(|_| format!("fuzz takes a number of seconds, not {text:?}"))?,
        None => SECONDS_DEFAULT,
    };
    let (program, targets) = (build()?, targets());
    for pair in targets.chunks(2) {
        thread::scope(|scope| {
            let start = |&(target, seeds)| {
                scope.spawn({
                    let program = &program;
                    move || fuzz(program, target, seeds, seconds)
                })
            };
            let running: Vec<_> = pair.iter().map(start).collect();
            running.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("panicked".to_owned())))
        })?;
    }
    Ok(targets.len() as u64)
}

/// Builds the program of all targets; returns its path.
pub(crate) fn build() -> Result<PathBuf, String> {
    let host = output(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|l| l.strip_prefix("host: ")).ok_or("rustc -vV names no host")?.to_owned();
    // A named target keeps the flags from build scripts and proc macros.
    let mut build = cargo(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host, "--quiet"]);
    succeed(build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", COVERAGE))?;
    Ok(root().join("fuzz/target").join(&host).join("release/fuzz"))
}

/// Runs one target; what it says is printed at its end.
fn fuzz(program: &Path, target: &str, seeds: &str, seconds: u32) -> Outcome {
    let fuzz = root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        .args(["-timeout=10", "-print_final_stats=1", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus)
        .arg(testkit::inputs(seeds))
        .env("FUZZ_TARGET", target);
    let output = command.output().map_err(|e| format!("{target}: {e}"))?;
    // libFuzzer writes to standard error.
    println!("fuzz {target}: {seconds} s\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    if output.status.success() {
        return Ok(());
    }
    Err(format!("fuzz {target}: {}; the input is below {}", output.status, artifacts.display()))
}
