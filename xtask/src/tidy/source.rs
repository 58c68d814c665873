//! Rules on Rust sources: size, unsafe, instruction sets, clocks, names, leftovers.

use super::tree::{File, Tree};

const FILE_LINES_MAX: usize = 1000;
const FUNCTION_LINES_MAX: usize = 100;
/// A line with these words near the offence (file: in its first 20 lines; function: on the line above) allows it and
/// says why.
const LONG_FILE: &str = "tidy: long file,";
const LONG_FUNCTION: &str = "tidy: long function,";

/// The files that may contain `unsafe` (STYLE.md section 4).
const UNSAFE: &[&str] = &[
    "crates/gguf/src/map.rs",
    "crates/gguf/src/map/fault.rs",
    "crates/kernels/src/isa.rs",
    "crates/kernels/src/matmul/table.rs",
    "crates/kernels/src/activation.rs",
    "crates/kernels/src/attention/tile.rs",
    "crates/kernels/src/attention/weigh.rs",
    "crates/kernels/src/coarse/dot.rs",
    "crates/kernels/src/machine/x86.rs",
    "crates/kernels/src/pool.rs",
    "crates/kernels/src/pool/sync.rs",
    "crates/kernels/src/pool/workers.rs",
    "loom/src/sync.rs",
    "crates/kernels/src/simd/half.rs",
    "crates/kernels/src/simd/neon.rs",
    "crates/kernels/src/simd/neon_dotprod.rs",
    "crates/kernels/src/simd/neon_i8mm.rs",
    "crates/kernels/src/simd/prefetch.rs",
    // Allocators that count.
    "crates/chat/tests/it/limits.rs",
    "crates/model/tests/it/allocations.rs",
];

/// Words that only these places may hold, outside tests: (word, places, why).
const CONFINED: &[(&str, &[&str], &str)] = &[
    ("target_arch", &["crates/kernels/", "crates/gguf/src/"], "only kernels names an instruction set"),
    ("target_feature", &["crates/kernels/"], "only kernels names an instruction set"),
    ("memmap2", &["crates/gguf/src/map.rs"], "only gguf::map maps a file"),
    (
        "thread::spawn",
        &["crates/kernels/src/pool.rs", "crates/hub/", "crates/trinity/", "crates/testkit/", "xtask/"],
        "only the pool starts compute threads",
    ),
    (
        "std::time",
        &[
            "crates/hub/",
            "crates/eval/",
            "crates/server/src/",
            "crates/trinity/",
            "crates/testkit/",
            "crates/engine/src/generate.rs",
            "crates/engine/src/memory.rs",
            "crates/engine/src/memory/",
            "crates/engine/src/options.rs",
            "crates/engine/src/request.rs",
            "crates/engine/src/runner.rs",
            "crates/engine/src/runner/",
            "crates/engine/src/service.rs",
            "crates/server/",
            "crates/engine/examples/",
            "crates/kernels/examples/",
            "crates/tokenizer/examples/",
            "xtask/",
        ],
        "clocks are arguments below the engine",
    ),
    (
        "std::env",
        &[
            "crates/hub/",
            "crates/trinity/",
            "crates/testkit/",
            "xtask/",
            "crates/engine/examples/",
            "crates/kernels/examples/",
            "crates/tokenizer/examples/",
        ],
        "the environment is read by the binary and the hub",
    ),
    (
        "std::net",
        &[
            "crates/hub/",
            "crates/server/src/serve.rs",
            "crates/server/src/gate.rs",
            "crates/server/src/transport/",
            "crates/testkit/",
            "xtask/src/serve_bench/",
        ],
        "only the hub and the server use the network",
    ),
    ("todo!", &[], "no stubs"),
    ("unimplemented!", &[], "no stubs"),
    ("#[ignore", &[], "no skipped tests"),
];

const BANNED_FILE_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager"];

/// All offences of all Rust files.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for file in tree.rust().filter(|f| f.path != "xtask/src/tidy/source.rs") {
        sizes(file, &mut offences);
        names(file, &mut offences);
        confined(file, &mut offences);
    }
    offences
}

fn sizes(file: &File, offences: &mut Vec<String>) {
    let lines: Vec<&str> = file.text.lines().collect();
    if lines.len() > FILE_LINES_MAX && !lines.iter().take(20).any(|l| l.contains(LONG_FILE)) {
        offences.push(format!("{}: {} lines, the limit is {FILE_LINES_MAX}", file.path, lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let is_function = line.split_whitespace().take(5).any(|w| w == "fn") && !line.trim_start().starts_with("//");
        if !is_function {
            continue;
        }
        // rustfmt closes a function at its own indentation.
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|l| {
            *l == close || (*l == *line && l.ends_with('}')) || l.trim_end().ends_with(';') && start_is_signature(line)
        });
        let allowed = start > 0 && lines[..start].iter().rev().take(8).any(|l| l.contains(LONG_FUNCTION));
        if let Some(length) = length.filter(|&n| n > FUNCTION_LINES_MAX && !allowed) {
            offences.push(format!(
                "{}:{}: a function of {length} lines, the limit is {FUNCTION_LINES_MAX}",
                file.path,
                start + 1
            ));
        }
    }
}

/// A declaration without a body.
fn start_is_signature(line: &str) -> bool {
    line.trim_end().ends_with(';')
}

fn names(file: &File, offences: &mut Vec<String>) {
    let stem = file.path.rsplit('/').next().and_then(|n| n.strip_suffix(".rs")).unwrap_or_default();
    if BANNED_FILE_NAMES.contains(&stem) || stem == "mod" {
        offences.push(format!("{}: a file name that says nothing", file.path));
    }
}

fn confined(file: &File, offences: &mut Vec<String>) {
    // Test modules close the file, so everything before the first one is product code.
    let is_test = file.path.contains("/tests/")
        || file.path.ends_with("/tests.rs")
        || file.path.starts_with("fuzz/")
        || file.path.starts_with("loom/");
    let code = file.text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let within = |places: &[&str]| places.iter().any(|p| file.path.starts_with(p));
    for (number, line) in code.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default();
        let unquoted: String = line.split('"').step_by(2).collect();
        for (word, places, why) in CONFINED {
            if line.contains(word) && !within(places) && (!is_test || *word == "#[ignore") {
                offences.push(format!("{}:{}: {word}: {why}", file.path, number + 1));
            }
        }
        let has_unsafe = unquoted.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe");
        if has_unsafe && !within(UNSAFE) {
            offences.push(format!("{}:{}: unsafe outside the files that may hold it", file.path, number + 1));
        }
    }
    for (number, line) in file.text.lines().enumerate() {
        if line.contains("TODO") && !line.contains("TODO(#") {
            offences.push(format!("{}:{}: TODO without an issue number", file.path, number + 1));
        }
    }
}
