//! `cargo xtask aarch64`: the tests of `kernels` on three aarch64 CPUs, under an emulator.
//!
//! Needs `qemu-aarch64` and `aarch64-linux-gnu-gcc` (Debian: qemu-user, gcc-aarch64-linux-gnu, libc6-dev-arm64-cross); the standard
//! library is built from the sources that `cargo xtask wasm` unpacks, if the toolchain has none for the target.

use std::process::Command;

use crate::{
    Outcome,
    command::{cargo, output, succeed},
    wasm,
};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// All features, NEON alone, dot products without matrix products.
const CPUS: [&str; 3] = ["max", "cortex-a53", "neoverse-n1"];

/// Each CPU in turn.
pub(crate) fn run() -> Outcome {
    for (program, package) in [("qemu-aarch64", "qemu-user"), ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")] {
        output(Command::new(program).arg("--version"))
            .map_err(|e| format!("{program} is needed (Debian's package {package}): {e}"))?;
    }
    for cpu in CPUS {
        println!("{cpu}");
        let mut command = cargo(&["test", "--release", "--package", "kernels", "--lib", "--quiet"]);
        command.args(["--target", TARGET, "--target-dir", "target/aarch64"]);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        let runner = format!("qemu-aarch64 -cpu {cpu} -L /usr/aarch64-linux-gnu");
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
        wasm::with_standard_library(&mut command, TARGET, "std,panic_unwind")?;
        succeed(&mut command)?;
    }
    Ok(())
}
