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

/// Targets, each with the folder whose files seed it: one of `testdata/`, or of a crate's own.
const TARGETS: &[(&str, &str)] = &[
    ("gguf_reader", "gguf-malformed"),
    ("tokenizer_loader", "gguf-malformed"),
    ("chat_template", "chat-templates/jinja"),
    ("chat_output", "chat-templates/jinja"),
    ("safetensors", "chat-templates"),
    ("grammar", "chat-templates/jinja"),
    ("kg_document", "rdf-tests/rdf/rdf11/rdf-turtle"),
    ("kg_question", "rdf-tests/sparql/sparql11/aggregates"),
    ("kg_stored", "rdf-tests/rdf/rdf11/rdf-n-quads"),
    ("vibee_reader", "vibee-legacy/specs"),
    ("vibee_expression", "crates/vibee/testdata/specs"),
    ("vibee_protocol", "crates/vibee_cli/runners"),
    ("vibee_bytecode", "crates/vibee/testdata/specs"),
];

/// Builds all targets and runs each for `seconds`, two at a time; returns their number.
pub(crate) fn run(seconds: Option<&str>) -> Result<u64, String> {
    let seconds: u32 = match seconds {
        Some(text) => text.parse().map_err(|_| format!("fuzz takes a number of seconds, not {text:?}"))?,
        None => SECONDS_DEFAULT,
    };
    let programs = build()?;
    for pair in TARGETS.chunks(2) {
        thread::scope(|scope| {
            let start = |&(target, seeds)| {
                scope.spawn({
                    let programs = &programs;
                    move || fuzz(programs, target, seeds, seconds)
                })
            };
            let running: Vec<_> = pair.iter().map(start).collect();
            running.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("panicked".to_owned())))
        })?;
    }
    Ok(TARGETS.len() as u64)
}

/// Builds all targets; returns the folder in which they lie.
pub(crate) fn build() -> Result<PathBuf, String> {
    let host = output(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|l| l.strip_prefix("host: ")).ok_or("rustc -vV names no host")?.to_owned();
    // A named target keeps the flags from build scripts and proc macros.
    let mut build = cargo(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host, "--quiet"]);
    succeed(build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", COVERAGE))?;
    Ok(root().join("fuzz/target").join(&host).join("release"))
}

/// Runs one target; what it says is printed at its end.
fn fuzz(programs: &Path, target: &str, seeds: &str, seconds: u32) -> Outcome {
    let fuzz = root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut command = Command::new(programs.join(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        .args(["-timeout=10", "-print_final_stats=1", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus)
        .arg(if seeds.starts_with("crates/") { root().join(seeds) } else { testkit::data(seeds) });
    let output = command.output().map_err(|e| format!("{target}: {e}"))?;
    // libFuzzer writes to standard error.
    println!("fuzz {target}: {seconds} s\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    if output.status.success() {
        return Ok(());
    }
    Err(format!("fuzz {target}: {}; the input is below {}", output.status, artifacts.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that is built and never run finds nothing.
    #[test]
    fn every_target_is_run() {
        let files = fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap().map(|file| file.unwrap().path());
        let mut built: Vec<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        let mut run: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
        built.sort();
        run.sort_unstable();
        assert_eq!(run, built);
    }
}
