//! `cargo xtask aarch64`: the tests of `kernels` on three aarch64 CPUs, under an emulator.
//!
//! Installs `qemu-aarch64` and `aarch64-linux-gnu-gcc` where it may; the standard library is built from the sources
//! that `cargo xtask wasm` unpacks, if the toolchain has none for the target and rustup cannot get it.

use crate::{Outcome, command::cargo, install, test::run_counted, wasm};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Emulated CPUs: one with all features, one with NEON alone, one with dot products but without matrix products.
pub(crate) const CPUS: [&str; 3] = ["max", "cortex-a53", "neoverse-n1"];

/// Runs the tests on each of `cpus` in turn; hands on each line that they print.
pub(crate) fn run(cpus: &[&str], mut each_line: impl FnMut(&str)) -> Outcome {
    install::need(&["qemu-aarch64"], &["qemu-user"])?;
    install::need(&["aarch64-linux-gnu-gcc"], &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"])?;
    for cpu in cpus {
        println!("{cpu}");
        let mut command = cargo(&["test", "--release", "--package", "kernels", "--lib", "--quiet"]);
        command.args(["--target", TARGET, "--target-dir", "target/aarch64"]);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        let runner = format!("qemu-aarch64 -cpu {cpu} -L /usr/aarch64-linux-gnu");
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
        wasm::with_standard_library(&mut command, TARGET, "std,panic_unwind")?;
        run_counted(&mut command, &mut each_line)?;
    }
    Ok(())
}
