//! `cargo xtask generated`: what `vibee gen` writes in TypeScript and Rust for our specifications, compiled with every
//! warning an error, and its tests run; what it writes in Python, checked by mypy; and `vibee runner typescript`,
//! compiled and judged.
//!
//! A test that cannot fail says nothing: a body is changed, and the tests of its file must notice.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Outcome,
    command::{output, root, succeed, target},
    install, specs,
};

/// The compiler, and the types of what it runs on.
const PACKAGES: [&str; 2] = ["typescript@5.9.3", "@types/node@20.19.43"];
/// What checks the types of generated Python.
const MYPY: &str = "mypy==2.4.1";
/// What the compiler is told, for all files of a folder.
const STRICT: &str = r#"{
  "compilerOptions": {
    "strict": true, "noUnusedLocals": true, "noUnusedParameters": true, "noImplicitReturns": true,
    "target": "es2022", "module": "nodenext", "moduleResolution": "nodenext", "types": ["node"],
    "rootDir": ".", "outDir": "js"
  },
  "include": ["*/typescript/*.ts"]
}
"#;
/// A specification that an implementation answers.
const HALF: &str = "vibee: 3
name: half
version: 1.0.0
functions:
  - name: half
    params: { n: Int }
    returns: Int
    body: n div 2
    examples: |
      n  | result
      4  | 2
      -3 | -2
";
/// An implementation of it.
const HALVES: &str = r#"import { serve, toBigInt } from "./vibee_runner.js";

function half(n: bigint): bigint {
  return n >= 0n ? n / 2n : -((1n - n) / 2n);
}

serve({ "half.half": ({ n }) => half(toBigInt(n)) }, { name: "halves", version: "1.0" });
"#;

/// What the stage installs.
pub(crate) struct Installed {
    /// The folder of npm's packages.
    packages: PathBuf,
    mypy: PathBuf,
}

/// Sees to it that Node.js, the compiler and mypy are there.
pub(crate) fn need() -> Result<Installed, String> {
    Ok(Installed { packages: npm()?, mypy: mypy()? })
}

fn mypy() -> Result<PathBuf, String> {
    install::need(&["python3"], &["python3", "python3-venv"])?;
    let folder = target().join("generated").join(MYPY.replace("==", "-"));
    if !folder.join("complete").exists() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", MYPY];
        succeed(Command::new(folder.join("bin/python")).args(install))?;
        write(&folder.join("complete"), "")?;
    }
    Ok(folder.join("bin/mypy"))
}

fn npm() -> Result<PathBuf, String> {
    install::need(&["node"], &["nodejs"])?;
    install::need(&["npm"], &["npm"])?;
    let folder = target().join("generated/npm-5.9.3-20.19.43");
    if !folder.join("complete").exists() {
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        write(&folder.join("package.json"), "{ \"private\": true }\n")?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--save-exact"]).args(PACKAGES);
        succeed(npm.current_dir(&folder))?;
        write(&folder.join("complete"), "")?;
    }
    Ok(folder)
}

/// Generates, compiles and tests all; gives the number of tests that passed.
pub(crate) fn run() -> Result<u64, String> {
    let Installed { packages, mypy } = need()?;
    let vibee = specs::executables(&["build", "--workspace", "--bin", "vibee"], "vibee")?;
    let vibee = vibee.first().ok_or("cargo built no vibee")?;
    let folder = target().join("generated/code");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let modules = packages.join("node_modules");
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).map_err(|e| format!("node_modules: {e}"))?;
    write(&folder.join("tsconfig.json"), STRICT)?;
    succeed(Command::new(vibee).args(["new", "parcel"]).current_dir(&folder))?;
    let mut paths: Vec<PathBuf> =
        specs::names()?.iter().map(|name| root().join(format!("specs/{name}.vibee"))).collect();
    paths.push(folder.join("parcel.vibee"));
    let mut passed = 0;
    for path in &paths {
        let name = path.file_stem().unwrap_or_default();
        let out = folder.join(name);
        succeed(Command::new(vibee).args(["gen", "typescript", "rust", "python"]).arg(path).arg("-o").arg(&out))?;
        passed += rust(&out.join("rust"), &name.to_string_lossy())?;
    }
    python(&mypy, &folder)?;
    compile(&modules, &folder)?;
    passed += tests_of(&folder.join("js"))?;
    notices(&folder.join("js/parcel/typescript"))?;
    runner(vibee, &modules, &folder.join("runner"))?;
    println!("{passed} tests of {} specifications passed, in Rust and TypeScript", paths.len());
    Ok(passed + 1)
}

/// Compiles the generated Rust of a folder, and runs its tests.
fn rust(folder: &Path, name: &str) -> Result<u64, String> {
    let strict = ["--edition", "2024", "-D", "warnings", "--test", "-C", "debuginfo=0", "-o", "tests"];
    succeed(Command::new("rustc").args(strict).arg(format!("{name}_test.rs")).current_dir(folder))?;
    let said = output(Command::new(folder.join("tests")).current_dir(folder))?;
    passed(&said, "test result: ok. ").ok_or_else(|| format!("{}: no test ran", folder.display()))
}

/// Checks the types of all generated Python; of a result that is no longer what its function says, mypy must speak.
fn python(mypy: &Path, folder: &Path) -> Outcome {
    let check = || {
        let mut command = Command::new(mypy);
        command.args(["--strict", "--cache-dir", ".mypy_cache"]).current_dir(folder);
        for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let code = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path().join("python");
            for file in fs::read_dir(&code).into_iter().flatten() {
                command.arg(file.map_err(|e| format!("{}: {e}", code.display()))?.path());
            }
        }
        Ok::<_, String>(command)
    };
    succeed(&mut check()?)?;
    let path = folder.join("parcel/python/parcel.py");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let changed = text.replace("per_kilogram(grams: int) -> int:", "per_kilogram(grams: int) -> str:");
    if changed == text {
        return Err(format!("{}: no per_kilogram in it", path.display()));
    }
    write(&path, &changed)?;
    let run = check()?.output().map_err(|e| format!("mypy: {e}"))?;
    write(&path, &text)?;
    let said = String::from_utf8_lossy(&run.stdout);
    match run.status.code() {
        Some(1) if said.contains("parcel.py") => Ok(()),
        _ => Err(format!("mypy ends with {} on a wrong type:\n{said}", run.status)),
    }
}

fn compile(modules: &Path, folder: &Path) -> Outcome {
    succeed(Command::new("node").arg(modules.join("typescript/bin/tsc")).current_dir(folder))
}

/// Runs the compiled tests of a folder, all of which must pass.
fn tests_of(folder: &Path) -> Result<u64, String> {
    let said = output(Command::new("node").args(["--test", "--test-reporter=tap"]).arg(folder))?;
    passed(&said, "# pass ").ok_or_else(|| format!("{}: no test ran", folder.display()))
}

/// The number behind a mark at the beginning of a line, if it is above 0.
fn passed(said: &str, mark: &str) -> Option<u64> {
    let rest = said.lines().find_map(|line| line.strip_prefix(mark))?;
    rest.split_whitespace().next()?.parse().ok().filter(|n| *n > 0)
}

/// Changes what functions of a compiled file give: its tests must fail.
fn notices(folder: &Path) -> Outcome {
    let path = folder.join("parcel.js");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let changed = text.replacen(" + ", " - ", 1);
    if changed == text {
        return Err(format!("{}: no sum in it", path.display()));
    }
    write(&path, &changed)?;
    let run = Command::new("node").args(["--test", "--test-reporter=tap"]).arg(folder).output();
    let run = run.map_err(|e| format!("node: {e}"))?;
    let said = String::from_utf8_lossy(&run.stdout);
    match (run.status.success(), said.contains("not ok")) {
        (false, true) => Ok(()),
        (true, _) => Err(format!("{}: the tests pass on a changed body", path.display())),
        (false, false) => Err(format!("{}: no test failed, but the run did:\n{said}", path.display())),
    }
}

/// Compiles an implementation with the helper that `vibee` carries, and has it judged.
fn runner(vibee: &Path, modules: &Path, folder: &Path) -> Outcome {
    let code = folder.join("half/typescript");
    fs::create_dir_all(&code).map_err(|e| format!("{}: {e}", code.display()))?;
    std::os::unix::fs::symlink(modules, folder.join("node_modules")).map_err(|e| format!("node_modules: {e}"))?;
    write(&folder.join("tsconfig.json"), STRICT)?;
    write(&folder.join("half.vibee"), HALF)?;
    write(&code.join("vibee_runner.ts"), &output(Command::new(vibee).args(["runner", "typescript"]))?)?;
    write(&code.join("halves.ts"), HALVES)?;
    compile(modules, folder)?;
    let judge = ["test", "half.vibee", "--impl", "node js/half/typescript/halves.js"];
    succeed(Command::new(vibee).args(judge).current_dir(folder))
}

fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn tests_that_passed_are_counted() {
        assert_eq!(super::passed("TAP\n# tests 9\n# pass 9\n", "# pass "), Some(9));
        assert_eq!(super::passed("test result: ok. 3 passed; 0 failed", "test result: ok. "), Some(3));
        assert_eq!(super::passed("# pass 0\n", "# pass "), None);
        assert_eq!(super::passed("", "# pass "), None);
    }
}
