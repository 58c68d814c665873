//! `cargo xtask wasm`: everything that a page needs to run a model or a specification compiles for wasm32 (no threads,
//! map or clock there), and in node the kernels of its 128-bit vectors give the bits of the scalar ones.
//!
//! Needs the standard library for that target: the toolchain's own, which rustup adds where it can, else a second rustc
//! with library sources unpacked from Debian packages into `target/wasm-toolchain`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Outcome, clients,
    command::{cargo, output, root, succeed},
    install, relax,
    test::run_counted,
};

/// The target of a page.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Crates for pages that the module of `cargo xtask web` does not link.
const CRATES: &[&str] = &["vibee", "vsa"];
const PACKAGES: &[&str] = &["rustc-web", "libstd-rust-web-1.96", "libstd-rust-web-dev", "rust-web-src", "libllvm22"];

/// What the tests of kernels in node are: parts of the names of those that compare vector kernels with their
/// definition, and with a fused multiply-add that is the library's.
const TESTS: &[&str] = &[
    "small_products",
    "small_attention",
    "every_level",
    "every_row",
    "levels_agree",
    "on_every_level",
    "the_best_level",
    "halves_convert",
    "within_two_ulp",
    "follow_their_formulas",
    "round_once",
    "rounds_once",
    "middles_round",
    "codes_times_scale",
    "groups_are_as_fine",
    "extremes",
];

/// The chore by which cargo runs a module of tests.
pub(crate) const RUNNER: &str = "wasm-tests";

/// Settings with which the tests compile soon: they run for seconds, whatever the optimisation.
const SOON: &[&str] = &[
    "profile.dev.debug=0",
    "profile.dev.package.\"*\".opt-level=0",
    "profile.dev.package.lzma-rust2.opt-level=0",
    "profile.dev.package.sha2.opt-level=0",
    "profile.dev.package.quant.opt-level=1",
    "profile.dev.package.kernels.opt-level=1",
];

/// Checks each of the crates for wasm32, and runs the tests of the kernels in node; hands on each line that they print.
pub(crate) fn run(each_line: impl FnMut(&str)) -> Outcome {
    let mut check = command("check")?;
    CRATES.iter().for_each(|name| _ = check.args(["--package", name]));
    succeed(&mut check)?;
    run_counted(tests(&[])?.arg("--").args(TESTS), each_line)
}

/// Builds what [`run`] needs.
pub(crate) fn build() -> Outcome {
    succeed(&mut tests(&["--no-run"])?)
}

/// The tests of kernels, run by node.
fn tests(arguments: &[&str]) -> Result<Command, String> {
    let mut command = command("test")?;
    command.args(["--package", "kernels", "--lib", "--quiet"]).args(arguments);
    let own = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
    let runner = format!("{} {RUNNER}", own.display());
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    Ok(command)
}

/// Runs tests of a module, the first argument, in node: with relaxed SIMD, which tests of levels find there.
pub(crate) fn run_in_node(arguments: &[String]) -> Outcome {
    let (module, names) = arguments.split_first().ok_or("no module of tests")?;
    let relaxed = Path::new(module).with_extension("relaxed.wasm");
    relax::write(Path::new(module), &relaxed)?;
    let tests = root().join("xtask/src/wasm/tests.mjs");
    succeed(Command::new(clients::node()?).arg(tests).arg(relaxed).args(names))
}

/// A command of cargo for wasm32 with its 128-bit vectors.
fn command(name: &str) -> Result<Command, String> {
    let mut command = cargo(&[name, "--target", TARGET, "--target-dir", "target/wasm"]);
    SOON.iter().for_each(|setting| _ = command.args(["--config", setting]));
    command
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Ctarget-feature=+simd128");
    // Tests that someone else than the standard harness runs are no stable feature.
    command.env("RUSTC_BOOTSTRAP", "kernels");
    with_standard_library(&mut command, TARGET, "std,panic_abort")?;
    Ok(command)
}

/// Has `command` build the standard library for `target` if the toolchain has none.
pub(crate) fn with_standard_library(command: &mut Command, target: &str, crates: &str) -> Outcome {
    let _turn = install::turn();
    if !is_or_gets_installed(target)? {
        let rustc = debian_toolchain()?;
        command.args(["-Z", &format!("build-std={crates}")]).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
    }
    Ok(())
}

/// Whether the toolchain has the standard library for `target`, which rustup adds where it can.
pub(crate) fn has_standard_library(target: &str) -> Result<bool, String> {
    let _turn = install::turn();
    is_or_gets_installed(target)
}

fn is_or_gets_installed(target: &str) -> Result<bool, String> {
    Ok(has_installed_target(target)? || rustup_adds(target))
}

fn has_installed_target(target: &str) -> Result<bool, String> {
    let libraries =
        output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]).current_dir(root()))?;
    Ok(Path::new(libraries.trim()).exists())
}

/// Has rustup install `target`, where there is a rustup that can.
fn rustup_adds(target: &str) -> bool {
    let mut command = Command::new("timeout");
    command.args(["300", "rustup", "target", "add", target]).current_dir(root());
    output(&mut command).is_ok() && has_installed_target(target).unwrap_or(false)
}

/// Returns a wrapper script that starts Debian's rustc, which is unpacked once, beside nothing that is installed.
fn debian_toolchain() -> Result<PathBuf, String> {
    let folder = root().join("target/wasm-toolchain");
    let wrapper = folder.join("rustc.sh");
    let unpacked = folder.join("root");
    let io = |e: std::io::Error| format!("{}: {e}", folder.display());
    if wrapper.exists() {
        lend_linker(&unpacked.join("usr"))?;
        return Ok(wrapper);
    }
    fs::create_dir_all(&folder).map_err(io)?;
    let download = || succeed(Command::new("apt-get").arg("download").args(PACKAGES).current_dir(&folder));
    // A new machine has no package lists yet.
    let downloaded =
        download().or_else(|_| succeed(Command::new("apt-get").args(["update", "-qq"])).and_then(|()| download()));
    downloaded.map_err(|e| {
        format!("no standard library for {TARGET}: run 'rustup target add {TARGET}'; Debian's packages of it failed too: {e}")
    })?;
    for entry in fs::read_dir(&folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|e| e == "deb") {
            succeed(Command::new("dpkg").arg("-x").arg(&path).arg(&unpacked))?;
            fs::remove_file(&path).map_err(io)?;
        }
    }
    let usr = unpacked.join("usr");
    let sources = fs::read_dir(usr.join("src")).map_err(io)?.flatten().map(|e| e.path().join("library"));
    let library = sources.into_iter().find(|p| p.exists()).ok_or("rust-web-src holds no library folder")?;
    let link = usr.join("lib/rustlib/src/rust");
    fs::create_dir_all(&link).map_err(io)?;
    let link = link.join("library");
    if !link.exists() {
        std::os::unix::fs::symlink(&library, &link).map_err(io)?;
    }
    lend_linker(&usr)?;
    let usr = usr.display();
    let script = format!("#!/bin/sh\nLD_LIBRARY_PATH={usr}/lib/x86_64-linux-gnu exec {usr}/bin/rustc \"$@\"\n");
    fs::write(&wrapper, script).map_err(io)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).map_err(io)?;
    Ok(wrapper)
}

/// Puts the linker of the toolchain in use where Debian's rustc below `usr` looks for one: its packages have none.
fn lend_linker(usr: &Path) -> Outcome {
    let tools = Path::new("lib/rustlib/x86_64-unknown-linux-gnu/bin");
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()))?;
    let (linker, link) = (Path::new(sysroot.trim()).join(tools).join("rust-lld"), usr.join(tools).join("rust-lld"));
    if link.exists() {
        return Ok(());
    }
    let linked = fs::create_dir_all(usr.join(tools)).and_then(|()| std::os::unix::fs::symlink(&linker, &link));
    linked.map_err(|e| format!("{}: {e}", link.display()))
}
