//! `cargo xtask web`: the module `trinity.wasm` (crate `web`), once more with relaxed SIMD (`relax`), the scripts of
//! `web/package/src` and the finished page of `web/demo` in one folder that is ready to be served, `web/package/dist`.
//!
//! `--test` also runs the tests of the module in Node.js (`web/test/module`), against the native program's results;
//! `--optimise` runs `wasm-opt` over both modules, where there is one that knows relaxed SIMD (108 does not, 132 does).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Outcome, clients,
    command::{cargo, root, succeed, target},
    models, relax,
    wasm::{TARGET, with_standard_library},
};

/// Features of the module, which every browser that has what the package needs has: 128-bit vectors.
const FEATURES: &str = "-Ctarget-feature=+simd128";
/// Stack of the module: compilers of grammars recurse along them, within their limits.
const STACK_BYTES: u32 = 8 << 20;
/// Bytes of module and scripts together as they go over the wire, compressed by gzip. The aim is 700,000, a quarter of
/// wllama's (docs/lab-notes.md says what is in the way); meanwhile it may grow by the code of families
/// alone.
const GZIP_BYTES_MAX: u64 = 1_995_000;
/// Folder of the tests.
const TESTS: &str = "web/test/module";

/// Builds, and tests where that is asked for.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    const KNOWN: [&str; 2] = ["--test", "--optimise"];
    if let Some(unknown) = arguments.iter().find(|argument| !KNOWN.contains(&argument.as_str())) {
        return Err(format!("unknown argument {unknown:?}, expected {}", KNOWN.join(" or ")));
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let folder = build(has("--optimise"))?;
    if has("--test") { test(&folder).map(drop) } else { Ok(()) }
}

/// Builds the module and puts everything that a page needs into one folder, which it returns.
pub(crate) fn build(is_optimised: bool) -> Result<PathBuf, String> {
    let built = target().join("web");
    let mut command = cargo(&["rustc", "--package", "web", "--lib", "--crate-type", "cdylib", "--profile", "web"]);
    command.args(["--quiet", "--target", TARGET]).arg("--target-dir").arg(&built);
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags());
    with_standard_library(&mut command, TARGET, "std,panic_abort")?;
    succeed(&mut command)?;
    let folder = root().join("web/package/dist");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let module = folder.join("trinity.wasm");
    copy(&built.join(TARGET).join("web/web.wasm"), &module)?;
    let relaxed = folder.join("trinity-relaxed.wasm");
    // Before the optimiser, which may put functions in place of their calls.
    relax::write(&module, &relaxed)?;
    for module in [&module, &relaxed].into_iter().filter(|_| is_optimised) {
        let features = ["--enable-simd", "--enable-bulk-memory", "--enable-sign-ext", "--enable-mutable-globals"];
        let more = [
            "--enable-nontrapping-float-to-int",
            "--enable-multivalue",
            "--enable-reference-types",
            "--enable-relaxed-simd",
        ];
        let mut optimiser = Command::new("wasm-opt");
        succeed(optimiser.arg("-O3").args(features).args(more).arg(module).arg("-o").arg(module))?;
    }
    // A page loads one module, and both are equally long but for a few bytes.
    say_size(&module)?;
    let mut loaded = vec![relaxed];
    for (from, is_loaded) in [("web/package/src", true), ("web/demo", false)] {
        for file in files(&root().join(from))? {
            let to = folder.join(file.file_name().unwrap_or_default());
            copy(&file, &to)?;
            // Types are for who writes programs, and the finished page is for who has none.
            if is_loaded && to.extension().is_some_and(|e| e == "js") {
                loaded.push(to);
            }
        }
    }
    say_sizes(&loaded)?;
    Ok(folder)
}

/// What the compiler is told for the module.
fn flags() -> String {
    let mut flags = vec![FEATURES.to_owned(), format!("-Clink-arg=-zstack-size={STACK_BYTES}")];
    // llguidance is a module of its own too, which is linked here: the time is an import of it
    // (`crates/engine/Cargo.toml`). A test knows what ours imports.
    flags.push("-Clink-arg=--allow-undefined".to_owned());
    // No paths of this machine, which would also make it another module on each.
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let homes = home.into_iter().map(|home| format!("--remap-path-prefix={home}=cargo"));
    flags.extend(homes.chain([format!("--remap-path-prefix={}=trinity", root().display())]));
    flags.join(" ")
}

/// The files in `folder`, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::copy(from, to).map(drop).map_err(|e| format!("{} → {}: {e}", from.display(), to.display()))
}

/// Prints the size of each file, as it is and compressed, and holds the sum of those that a page loads to its limit.
fn say_sizes(files: &[PathBuf]) -> Outcome {
    let (mut raw, mut compressed) = (0, 0);
    for file in files {
        let (bytes, gzip) = say_size(file)?;
        (raw, compressed) = (raw + bytes, compressed + gzip);
    }
    println!("all: {raw} bytes, {compressed} by gzip of {GZIP_BYTES_MAX}");
    if compressed > GZIP_BYTES_MAX {
        return Err(format!("module and scripts have {compressed} bytes by gzip, the limit is {GZIP_BYTES_MAX}"));
    }
    Ok(())
}

/// Prints and returns the size of a file, as it is and compressed.
fn say_size(file: &Path) -> Result<(u64, u64), String> {
    let bytes = fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?.len();
    let gzip = gzip_bytes(file)?;
    println!("{}: {bytes} bytes, {gzip} by gzip", file.file_name().unwrap_or_default().to_string_lossy());
    Ok((bytes, gzip))
}

fn gzip_bytes(file: &Path) -> Result<u64, String> {
    let done = Command::new("gzip").args(["-9", "-n", "-c"]).arg(file).output();
    let done = done.map_err(|e| format!("gzip: {e}"))?;
    if done.status.success() { Ok(done.stdout.len() as u64) } else { Err(format!("gzip: {}", done.status)) }
}

/// Builds the module and runs its tests: a stage of the tests. Returns how many passed.
pub(crate) fn stage() -> Result<u64, String> {
    test(&build(false)?)
}

/// Runs the tests of the modules in `folder` in Node.js. Returns how many passed.
fn test(folder: &Path) -> Result<u64, String> {
    let node = clients::node()?;
    let model = models::fetch()?;
    let expected = target().join("web-native.json");
    // As all tests are built, so that nothing is built anew.
    let mut native = cargo(&["test", "--quiet", "--workspace", "--test", "native"]);
    succeed(native.env("TRINITY_SMOLLM2", &model).env("TRINITY_WEB_NATIVE", &expected))?;
    let mut tests = files(&root().join(TESTS))?;
    tests.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    let mut n_passed = 0;
    for (module, isa) in [("trinity.wasm", "simd128"), ("trinity-relaxed.wasm", "relaxed-simd")] {
        let mut node = Command::new(&node);
        node.args(["--test", "--test-reporter=tap"]).args(&tests);
        node.env("TRINITY_WASM", folder.join(module)).env("TRINITY_WASM_ISA", isa).env("TRINITY_NATIVE", &expected);
        let run = node.env("TRINITY_SMOLLM2", &model).output().map_err(|e| format!("node: {e}"))?;
        let said = String::from_utf8_lossy(&run.stdout);
        let n = said.lines().find_map(|line| line.strip_prefix("# pass ")?.trim().parse().ok()).unwrap_or(0);
        if !run.status.success() || n == 0 {
            let errors = String::from_utf8_lossy(&run.stderr);
            return Err(format!("tests of {module}: {}\n{said}{errors}", run.status));
        }
        println!("{n} tests of {module} passed");
        n_passed += n;
    }
    Ok(n_passed)
}
