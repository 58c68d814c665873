//! Builds generated code with its language's strictest settings and runs its tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use vibee::generate::Generated;

/// Writes generated files into a folder of their own.
pub(crate) fn write(name: &str, generated: &Generated) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vibee").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for file in &generated.files {
        std::fs::write(folder.join(&file.path), &file.text).unwrap();
    }
    folder
}

/// Runs a command in a folder: whether it succeeded, and what it printed.
pub(crate) fn run(folder: &Path, program: &str, args: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}, which is needed to test generated code: {error}"));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

/// Runs a command that must succeed; gives what it printed.
pub(crate) fn succeed(folder: &Path, program: &str, args: &[&str]) -> String {
    let (is_ok, text) = run(folder, program, args);
    let shown: String = text.chars().take(6_000).collect();
    assert!(is_ok, "{program} {}: in {}\n{shown}", args.join(" "), folder.display());
    text
}

/// The generated tests' file.
fn test_file(generated: &Generated, ending: &str) -> String {
    let is_test = |path: &&String| path.starts_with("test_") && path.ends_with(ending);
    generated.files.iter().map(|file| &file.path).find(is_test).unwrap().clone()
}

/// Compiles generated Python, warnings being errors, and runs its tests.
pub(crate) fn python(name: &str, generated: &Generated) {
    let folder = write(name, generated);
    succeed(&folder, "python3", &["-W", "error", "-m", "compileall", "-q", "-f", "."]);
    let said = succeed(&folder, "python3", &["-W", "error", &test_file(generated, ".py")]);
    assert!(said.contains("\nOK"), "{said}");
}

/// Compiles generated Rust, warnings being errors, and runs its tests.
pub(crate) fn rust(name: &str, generated: &Generated) {
    let folder = write(name, generated);
    let test = generated.files.iter().map(|file| &file.path).find(|path| path.ends_with("_test.rs")).unwrap();
    let strict = ["--edition", "2024", "-D", "warnings", "--test", "-C", "debuginfo=0", "-o", "tests"];
    succeed(&folder, "rustc", &[&strict[..], &[test]].concat());
    let said = succeed(&folder, "./tests", &[]);
    assert!(said.contains("test result: ok.") && !said.contains("ok. 0 passed"), "{said}");
}

/// Flags of generated C, strict enough that a narrowing conversion or an unused name is an error.
const C_FLAGS: &[&str] = &["-std=c11", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Wconversion", "-Werror"];

/// Compiles generated C and runs its tests, plainly and with sanitizers of memory and of undefined behaviour.
pub(crate) fn c(name: &str, generated: &Generated) {
    let folder = write(name, generated);
    let file = test_file(generated, ".c");
    // Sanitizers see most where nothing is optimised away, and compile in a fifth of the time there.
    let sanitizers: &[&str] = &["-O0", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"];
    for (more, program) in [(&[][..], "./plain"), (sanitizers, "./sanitized")] {
        let args = [C_FLAGS, more, &[&file, "-o", program, "-lm"]].concat();
        succeed(&folder, "gcc", &args);
        let said = succeed(&folder, program, &[]);
        assert!(said.contains(" passed, 0 failed") && !said.contains("\n0 passed"), "{said}");
    }
}
