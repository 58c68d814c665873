//! `cargo xtask aarch64`: the tests of `kernels` on three aarch64 CPUs, under an emulator. The stage of
//! `cargo xtask test extra` runs those that compare vector kernels with their definition, on the CPU that has every
//! level.
//!
//! Installs `qemu-aarch64` where it may. The standard library for musl brings all that linking needs, so where rustup
//! has it Rust's own linker is enough; elsewhere Debian's `aarch64-linux-gnu-gcc` links, and the standard library is
//! built from the sources that `cargo xtask wasm` unpacks.

use std::process::Command;

use crate::{
    Outcome,
    command::{cargo, succeed},
    install,
    test::run_counted,
    wasm,
};

/// Target where rustup has its standard library.
const MUSL: &str = "aarch64-unknown-linux-musl";

/// Target whose C library and linker Debian has.
const GNU: &str = "aarch64-unknown-linux-gnu";

/// An emulated CPU, and the best level of kernels that the tests must find on it.
struct Cpu {
    name: &'static str,
    best_isa: &'static str,
}

/// One CPU with all features, one with NEON alone, one with dot products but without matrix products.
const CPUS: [Cpu; 3] = [
    Cpu { name: "max", best_isa: "neon-i8mm" },
    Cpu { name: "cortex-a53", best_isa: "neon" },
    Cpu { name: "neoverse-n1", best_isa: "neon-dotprod" },
];

/// What the stage runs: parts of the names of tests that walk over all levels, or over the table of kernels.
const OF_STAGE: &[&str] = &["small_products", "every_level", "every_row", "the_best_level", "halves_convert"];

/// Settings with which the tests of the stage compile soon: they run for seconds, whatever the optimisation.
const SOON: &[&str] = &[
    "profile.dev.debug=0",
    "profile.dev.package.\"*\".opt-level=0",
    "profile.dev.package.lzma-rust2.opt-level=0",
    "profile.dev.package.sha2.opt-level=0",
    "profile.dev.package.quant.opt-level=1",
    "profile.dev.package.kernels.opt-level=1",
];

/// Runs all tests on each CPU.
pub(crate) fn run() -> Outcome {
    for cpu in &CPUS {
        println!("{}", cpu.name);
        run_counted(&mut tests(cpu, "--release", &[])?, |_| ())?;
    }
    Ok(())
}

/// Runs the tests of the stage on the CPU that has all levels; hands on each line that they print.
pub(crate) fn run_stage(each_line: impl FnMut(&str)) -> Outcome {
    run_counted(tests_of_stage(&[])?.arg("--").args(OF_STAGE), each_line)
}

/// Installs and builds what [`run_stage`] needs.
pub(crate) fn build_stage() -> Outcome {
    succeed(&mut tests_of_stage(&["--no-run"])?)
}

/// The tests on the CPU that has all levels.
fn tests_of_stage(arguments: &[&str]) -> Result<Command, String> {
    let [cpu, ..] = &CPUS;
    let mut command = tests(cpu, "--profile=dev", arguments)?;
    SOON.iter().for_each(|setting| _ = command.args(["--config", setting]));
    command.env("CARGO_INCREMENTAL", "0");
    Ok(command)
}

/// A command that builds the tests and runs them on `cpu`.
fn tests(cpu: &Cpu, profile: &str, arguments: &[&str]) -> Result<Command, String> {
    install::need(&["qemu-aarch64"], &["qemu-user"])?;
    let mut command = cargo(&["test", profile, "--package", "kernels", "--lib", "--quiet"]);
    command.args(["--target-dir", "target/aarch64"]).args(arguments).env("TRINITY_BEST_ISA", cpu.best_isa);
    choose_target(&mut command, &format!("qemu-aarch64 -cpu {}", cpu.name))?;
    Ok(command)
}

/// Has `command` build for a target that can be linked here, and run what it built by `emulator`.
fn choose_target(command: &mut Command, emulator: &str) -> Outcome {
    if wasm::has_standard_library(MUSL)? {
        command.args(["--target", MUSL]);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld");
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER", emulator);
        return Ok(());
    }
    install::need(&["aarch64-linux-gnu-gcc"], &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"])?;
    command.args(["--target", GNU]);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{emulator} -L /usr/aarch64-linux-gnu"));
    wasm::with_standard_library(command, GNU, "std,panic_unwind")
}
