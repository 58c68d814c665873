//! `cargo xtask specs`: each specification of `specs/` by itself, and then on the code of ours that it judges.
//!
//! That code answers from a test binary `runner` of the crate that owns it, which says what specifications it is for.
//! One that nobody is for, a behaviour that nothing executes, a case that is not judged, and fewer cases than
//! `specs/counts.json` says are failures.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use crate::command::{cargo, output, root};

/// Number of cases of each specification that passed when somebody last looked: rows and properties.
const COUNTS: &str = "specs/counts.json";

/// How a specification came out.
struct Row {
    name: String,
    executable: usize,
    prose: usize,
    open: usize,
    passed: u64,
    problems: Vec<String>,
}

/// Runs all specifications; `--counts` writes down how many cases there are now. Gives the number of cases that passed.
pub(crate) fn run(arguments: &[String]) -> Result<u64, String> {
    let is_counting = match arguments {
        [] => false,
        [only] if only == "--counts" => true,
        _ => return Err("specs takes nothing but --counts".to_owned()),
    };
    let vibee = executables(&["build", "--workspace", "--bin", "vibee"], "vibee")?;
    let vibee = vibee.first().ok_or("cargo built no vibee")?;
    let owners = owners()?;
    let names = names()?;
    // Two at a time: each is one process that waits for another.
    let mut rows = Vec::new();
    for pair in names.chunks(2) {
        let judged: Vec<Result<Row, String>> = thread::scope(|scope| {
            let start = |name: &String| {
                let owner = owners.get(name).cloned();
                let name = name.clone();
                scope.spawn(move || judge(vibee, &name, owner.as_ref()))
            };
            let running: Vec<_> = pair.iter().map(start).collect();
            running.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("panicked".to_owned()))).collect()
        });
        rows.extend(judged.into_iter().collect::<Result<Vec<Row>, String>>()?);
    }
    if is_counting {
        let counts: BTreeMap<&str, u64> = rows.iter().map(|row| (row.name.as_str(), row.passed)).collect();
        let text = format!("{:#}\n", json!(counts));
        fs::write(root().join(COUNTS), text).map_err(|e| format!("{COUNTS}: {e}"))?;
    }
    let counts = fs::read_to_string(root().join(COUNTS)).map_err(|e| format!("{COUNTS}: {e}"))?;
    let counts = serde_json::from_str(&counts).map_err(|e| format!("{COUNTS}: {e}"))?;
    for row in &mut rows {
        row.problems.extend(fallen(&row.name, row.passed, &counts));
    }
    println!("{:<20} {:>10} {:>6} {:>8} {:>7}", "specification", "executable", "prose", "pending", "passed");
    for row in &rows {
        println!("{:<20} {:>10} {:>6} {:>8} {:>7}", row.name, row.executable, row.prose, row.open, row.passed);
    }
    let mut problems: Vec<String> =
        rows.iter().flat_map(|row| row.problems.iter().map(|problem| format!("{}: {problem}", row.name))).collect();
    problems.extend(gone(&names, &counts));
    problems
        .extend(owners.keys().filter(|of| !names.contains(of)).map(|of| format!("{of}: judged by no file of specs/")));
    problems.iter().for_each(|problem| println!("{problem}"));
    match problems.len() {
        0 => Ok(rows.iter().map(|row| row.passed).sum()),
        n => Err(format!("{n} problems with specifications")),
    }
}

/// Names of the specifications.
pub(crate) fn names() -> Result<Vec<String>, String> {
    let folder = root().join("specs");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "vibee") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Builds with a `cargo` command and gives the executables of the target `name`.
pub(crate) fn executables(arguments: &[&str], name: &str) -> Result<Vec<PathBuf>, String> {
    let mut command = cargo(arguments);
    let said = output(command.args(["--quiet", "--message-format", "json"]).stderr(Stdio::inherit()))?;
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of = |message: Value| {
        let is_it = message["target"]["name"] == name;
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    };
    Ok(messages.filter_map(of).collect())
}

/// The binaries that answer, by the specifications that they say they are for. They are built as all tests are, so that
/// nothing is compiled twice.
fn owners() -> Result<BTreeMap<String, PathBuf>, String> {
    let mut owners = BTreeMap::new();
    for program in executables(&["test", "--workspace", "--test", "runner", "--no-run"], "runner")? {
        let said = output(
            Command::new("sh")
                .args(["-c", "echo '{\"vibee\":1,\"id\":0,\"do\":\"hello\"}' | \"$0\" serve"])
                .arg(&program),
        )?;
        let hello: Value = serde_json::from_str(&said).map_err(|e| format!("{}: {e}: {said}", program.display()))?;
        for name in hello["modules"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Some(other) = owners.insert(name.to_owned(), program.clone()) {
                return Err(format!("{name}: both {} and {} are for it", other.display(), program.display()));
            }
        }
    }
    Ok(owners)
}

/// Runs a specification by itself, then on its owner.
fn judge(vibee: &PathBuf, name: &str, owner: Option<&PathBuf>) -> Result<Row, String> {
    let path = format!("specs/{name}.vibee");
    let alone = report(Command::new(vibee).args(["test", "--json", "--deny", "warnings", &path]))?;
    let mut row = row_of(name, &alone);
    let Some(owner) = owner else {
        row.problems.push("no test binary `runner` of a crate is for it".to_owned());
        return Ok(row);
    };
    let command = format!("'{}' serve", owner.display());
    let on_code = report(Command::new(vibee).args(["test", "--json", &path, "--impl", &command]))?;
    let of = row_of(name, &on_code);
    row.problems.extend(of.problems.into_iter().map(|problem| format!("on our code: {problem}")));
    row.open += of.open;
    row.passed += of.passed;
    Ok(row)
}

/// Runs `vibee test --json`; where that says nothing, what it says otherwise is the error.
fn report(command: &mut Command) -> Result<Value, String> {
    let said = command.current_dir(root()).output().map_err(|e| format!("vibee: {e}"))?;
    let text = String::from_utf8_lossy(&said.stdout);
    serde_json::from_str(&text)
        .map_err(|_| format!("vibee: {}\n{text}{}", said.status, String::from_utf8_lossy(&said.stderr)))
}

/// What a report comes to.
fn row_of(name: &str, report: &Value) -> Row {
    let list = |key: &str| report[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_prose = |behavior: &&Value| behavior["status"] == "prose" || behavior["status"] == "untested";
    let prose: Vec<&Value> = list("behaviors").iter().filter(is_prose).collect();
    let mut problems: Vec<String> =
        prose.iter().map(|behavior| format!("{}: nothing executes it", words(&behavior["behavior"]))).collect();
    let mut open = 0;
    for case in list("cases").iter().chain(list("properties")) {
        let what = if case["property"].is_null() { &case["function"] } else { &case["property"] };
        match case["outcome"].as_str() {
            Some("passed") => {}
            outcome => {
                open += usize::from(outcome != Some("failed"));
                let reasons: Vec<String> = case["reasons"].as_array().into_iter().flatten().map(words).collect();
                problems.push(format!(
                    "{} at {} {}: {}",
                    words(what),
                    words(&case["place"]),
                    outcome.unwrap_or("has no outcome"),
                    reasons.join("; ")
                ));
            }
        }
    }
    problems.extend(
        list("diagnostics")
            .iter()
            .map(|diagnostic| format!("{}: {}", words(&diagnostic["code"]), words(&diagnostic["message"]))),
    );
    Row {
        name: name.to_owned(),
        executable: list("behaviors").len() - prose.len(),
        prose: prose.len(),
        open,
        passed: report["passed"].as_u64().unwrap_or(0),
        problems,
    }
}

/// The text of a value, without quotes where it is one.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// That a specification has fewer cases than it had, or was never counted.
fn fallen(name: &str, passed: u64, counts: &Value) -> Option<String> {
    match counts[name].as_u64() {
        None => Some(format!("{COUNTS} has no count of it: cargo xtask specs --counts")),
        Some(before) if passed < before => Some(format!("{passed} cases pass, where {before} did ({COUNTS})")),
        Some(_) => None,
    }
}

/// Specifications that were counted and are gone.
fn gone(names: &[String], counts: &Value) -> Vec<String> {
    let counted = counts.as_object().into_iter().flatten();
    counted.filter(|(name, _)| !names.contains(name)).map(|(name, _)| format!("{name}: counted, and gone")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_judged_is_a_problem() {
        let case =
            |outcome: &str| json!({ "function": "a.f", "place": "a.vibee:3", "outcome": outcome, "reasons": ["x"] });
        let report = |outcome: &str, status: &str| json!({ "passed": 1, "cases": [case(outcome)], "behaviors": [{ "behavior": "a.f", "status": status }] });
        let count = |outcome: &str, status: &str| {
            let row = row_of("a", &report(outcome, status));
            (row.executable, row.prose, row.open, row.problems.len())
        };
        assert_eq!(count("passed", "tested"), (1, 0, 0, 0));
        assert_eq!(count("passed", "prose"), (0, 1, 0, 1));
        assert_eq!(count("failed", "tested"), (1, 0, 0, 1));
        for outcome in ["pending", "unsupported", "external"] {
            assert_eq!(count(outcome, "tested"), (1, 0, 1, 1), "{outcome}");
        }
        assert_eq!(row_of("a", &report("failed", "tested")).problems, ["a.f at a.vibee:3 failed: x"]);
    }

    #[test]
    fn counts_may_rise_and_not_fall() {
        let counts = json!({ "a": 5, "b": 1 });
        assert_eq!(fallen("a", 6, &counts), None);
        assert_eq!(fallen("a", 5, &counts), None);
        assert!(fallen("a", 4, &counts).is_some_and(|said| said.contains("4 cases pass, where 5 did")));
        assert!(fallen("c", 4, &counts).is_some());
        assert_eq!(gone(&["a".to_owned()], &counts), ["b: counted, and gone"]);
    }
}
