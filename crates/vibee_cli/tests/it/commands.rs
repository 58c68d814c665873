//! Each command on its own.

use crate::program::Folder;

/// A specification that is right.
pub(crate) const HALF: &str = "vibee: 3
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
behaviors:
  - name: halved
    params: { n: Int }
    returns: Int
    given: n >= 0
    when: half(n)
    then: [result <= n]
    examples: |
      n | result
      5 | 2
    forall:
      - name: twice
        vars: { n: Int(0..100) }
        holds: halved(2 * n) == n
";

#[test]
fn a_new_specification_passes_its_own_tests() {
    let folder = Folder::new();
    let made = folder.vibee(&["new", "parcel"]).ok();
    assert!(made.talk.contains("next: vibee test parcel.vibee"), "{made:?}");
    let tested = folder.vibee(&["test", "parcel.vibee", "--deny", "warnings", "--deny", "prose"]).ok();
    assert!(tested.out.contains("parcel.price.express_is_never_cheaper: proved over 10000 cases"), "{tested:?}");
    assert!(tested.out.ends_with("7 passed, 0 failed\n"), "{tested:?}");
    let again = folder.vibee(&["new", "parcel"]).fails(1);
    assert!(again.talk.contains("parcel.vibee exists, and stays"), "{again:?}");
    for word in ["if", "std", &"x".repeat(129)] {
        assert!(folder.vibee(&["new", word]).fails(2).talk.contains("is no name of a module"), "{word}");
    }
    assert!(folder.vibee(&["new", "../x"]).fails(2).talk.contains("no name of a module"));
    // It is in the layout that fmt gives.
    assert_eq!(folder.vibee(&["fmt", "--check", "parcel.vibee"]).ok().out, "");
}

#[test]
fn check_says_what_is_wrong_and_counts() {
    let folder = Folder::with(&[("half.vibee", HALF), ("bad.vibee", &HALF.replace("n div 2", "n / 2"))]);
    let good = folder.vibee(&["check", "half.vibee"]).ok();
    assert!(good.out.contains("1 specification; behaviors: 0 proved, 1 tested, 0 external"), "{good:?}");
    assert!(good.out.ends_with("0 errors, 0 warnings\n"), "{good:?}");
    let bad = folder.vibee(&["check", "bad.vibee"]).fails(1);
    assert!(bad.talk.starts_with("error[E0312]: `/` is not defined on Int\n --> bad.vibee:8:13\n"), "{bad:?}");
    let json = folder.vibee(&["check", "--format", "json", "bad.vibee"]).fails(1);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(json.to_string().contains("\"E0312\""), "{json}");
    let sarif = folder.vibee(&["check", "--format", "sarif", "bad.vibee"]).fails(1);
    assert!(sarif.out.contains("\"2.1.0\"") && sarif.out.contains("E0312"), "{sarif:?}");
    let missing = folder.vibee(&["check", "none.vibee"]).fails(1);
    assert!(missing.talk.contains("none.vibee: No such file"), "{missing:?}");
    assert!(folder.vibee(&["explain", "e0312"]).ok().out.starts_with("E0312: "));
    assert!(folder.vibee(&["explain", "E9999"]).fails(2).talk.contains("there is no code E9999"));
}

#[test]
fn a_failed_row_says_what_came_and_ends_with_1() {
    let folder = Folder::with(&[("half.vibee", &HALF.replace("4  | 2", "4  | 3"))]);
    for engine in ["vm", "tree"] {
        let failed = folder.vibee(&["test", "half.vibee", "--engine", engine]).fails(1);
        let expected = "FAILED half.half(n = 4) row 1\n  at half.vibee:11\n  expected 3\n     found 2\n";
        assert!(failed.out.starts_with(expected), "{failed:?}");
        assert!(failed.out.ends_with("3 passed, 1 failed\n"), "{failed:?}");
    }
    let json = folder.vibee(&["test", "--json"]).fails(1);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["passed"], &json["failed"]), (&3.into(), &1.into()));
    assert_eq!(json["cases"][0]["outcome"], "failed", "{json}");
    folder.vibee(&["test", "--junit", "report.xml"]).fails(1);
    let xml = folder.read("report.xml");
    assert!(xml.contains("<testsuite name=\"half.half\" tests=\"2\" failures=\"1\""), "{xml}");
    assert!(xml.contains("<failure message=\"expected 3&#10;   found 2\"/>"), "{xml}");
    // A filter leaves the row out.
    let filtered = folder.vibee(&["test", "--filter", "halved"]).ok();
    assert!(filtered.out.ends_with("2 passed, 0 failed\n"), "{filtered:?}");
}

#[test]
fn the_smallest_failing_case_is_saved_as_a_row() {
    let wrong = HALF.replace("holds: halved(2 * n) == n", "holds: n < 17 or halved(2 * n) != n");
    let folder = Folder::with(&[("half.vibee", &wrong)]);
    let failed = folder.vibee(&["test", "--save"]).fails(1);
    assert!(failed.out.contains("FAILED half.halved.twice\n"), "{failed:?}");
    assert!(failed.out.contains("as a row: 34 | 17"), "{failed:?}");
    assert!(failed.talk.contains("saved in half.vibee: 34 | 17"), "{failed:?}");
    assert!(
        folder.read("half.vibee").contains("      5 | 2\n      34 | 17\n    forall:"),
        "{}",
        folder.read("half.vibee")
    );
}

/// A file that misses its first key by a letter is not taken for an old one, and of an old one nothing is run or made.
#[test]
fn what_cannot_run_is_no_success() {
    let folder = Folder::with(&[("half.vibee", &HALF.replace("vibee: 3", "vibe: 3"))]);
    let near = folder.vibee(&["check", "half.vibee"]).fails(1);
    assert!(near.talk.contains("error[E0111]: unknown key `vibe`"), "{near:?}");
    folder.write(
        "half.vibee",
        "name: old\nversion: 1.0.0\nbehaviors:\n  - name: b\n    given: a\n    when: b\n    then: c\n",
    );
    let checked = folder.vibee(&["check", "half.vibee"]).ok();
    assert!(checked.out.contains("1 old file: 0 types with 0 fields, 1 behaviors (all prose)"), "{checked:?}");
    for arguments in [&["test", "half.vibee"][..], &["gen", "python", "half.vibee"]] {
        let refused = folder.vibee(arguments).fails(2);
        assert!(refused.talk.contains("hint: vibee upgrade FILE makes a version 3 file"), "{refused:?}");
    }
    let upgraded = folder.vibee(&["upgrade", "half.vibee", "-o", "new.vibee"]).ok();
    assert!(upgraded.talk.contains(" places are not as they were\n"), "{upgraded:?}");
    folder.vibee(&["check", "new.vibee"]).ok();
    folder.vibee(&["upgrade", "half.vibee", "-o", "new.vibee"]).fails(1);
    folder.vibee(&["upgrade", "new.vibee"]).fails(2);
    folder.write("half.vibee", &format!("name: old\nodd: {}1{}\n", "[".repeat(63), "]".repeat(63)));
    let deep = folder.vibee(&["upgrade", "half.vibee", "-o", "deep.vibee"]).fails(1);
    assert!(deep.talk.contains("error[E0140]: the new file would be over a limit: nested"), "{deep:?}");
    assert!(deep.talk.contains(" --> half.vibee:1:1\n") && !folder.path().join("deep.vibee").exists(), "{deep:?}");
    folder.write("half.vibee", HALF);
    let nothing = folder.vibee(&["test", "half.vibee", "--filter", "nothing"]).fails(2);
    assert!(nothing.talk.contains("no row and no property has nothing in its name"), "{nothing:?}");
    folder.vibee(&["test", "half.vibee", "--cases", "0"]).fails(2);
}

#[test]
fn a_watched_file_is_tested_again_when_it_changes() {
    let folder = Folder::with(&[("half.vibee", HALF)]);
    let mut watching = std::process::Command::new(crate::program::program())
        .args(["test", "--watch"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(watching.stdout.take().unwrap()));
    let mut verdict = || lines.by_ref().map(Result::unwrap).find(|line| line.ends_with(" failed")).unwrap();
    assert_eq!(verdict(), "4 passed, 0 failed");
    folder.write("half.vibee", &HALF.replace("4  | 2", "4  | 33"));
    assert_eq!(verdict(), "3 passed, 1 failed");
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn coverage_names_what_no_case_reaches() {
    let body = "when: 'if n > 1_000_000 { half(n) } else { half(n) }'";
    let folder = Folder::with(&[("half.vibee", &HALF.replace("when: half(n)", body))]);
    let shown = folder.vibee(&["test", "--coverage"]).ok();
    assert!(shown.out.contains("no case reaches half.vibee:18: then of half.halved\n"), "{shown:?}");
    assert!(shown.out.contains("coverage: 1 of 2 places reached\n"), "{shown:?}");
}

#[test]
fn a_call_gives_its_value_or_its_fault() {
    let folder = Folder::with(&[("half.vibee", HALF)]);
    assert_eq!(folder.vibee(&["run", "half.vibee", "half", "-7"]).ok().out, "-4\n");
    for options in
        [&["--json", "9"][..], &["9", "--json"], &["--engine", "tree", "9"], &["9", "--engine=tree", "--json"]]
    {
        let arguments = [&["run", "half.vibee", "halved"], options].concat();
        assert_eq!(folder.vibee(&arguments).ok().out, "4\n", "{options:?}");
    }
    let odd = folder.vibee(&["run", "half.vibee", "half", "1", "--jsn"]).fails(2);
    assert!(odd.talk.contains("--jsn: no option of vibee run\nhint: options are --json"), "{odd:?}");
    folder.vibee(&["run", "half.vibee", "half", "1", "--engine", "cpu"]).fails(2);
    let given = folder.vibee(&["run", "half.vibee", "halved", "-1"]).fails(1);
    assert_eq!(given.talk, "error: fault(given) at half.vibee:17: n >= 0\n");
    let unknown = folder.vibee(&["run", "half.vibee", "third", "1"]).fails(2);
    assert!(unknown.talk.contains("half has no function third\nhint: it has half, halved"), "{unknown:?}");
    let wrong = folder.vibee(&["run", "half.vibee", "half", "\"x\""]).fails(1);
    assert!(wrong.talk.contains("argument 1:1:1") && wrong.talk.contains("E0310"), "{wrong:?}");
}

/// Wherever a fault comes up, its place is said: in a row, in a property, in a call, for people and for programs.
#[test]
fn a_fault_says_where_it_came_up() {
    let wrong = HALF
        .replace("body: n div 2", "body: n div (2 - n div 7)")
        .replace("4  | 2\n", "14 | 7\n")
        .replace("      -3 | -2\n", "")
        .replace("5 | 2", "0 | 0");
    let folder = Folder::with(&[("half.vibee", &wrong)]);
    for engine in ["vm", "tree"] {
        let failed = folder.vibee(&["test", "--engine", engine]).fails(1).out;
        let row = "FAILED half.half(n = 14) row 1\n  at half.vibee:11\n  expected 7\n     found fault(div_zero)\n  \
                   fault(div_zero) at half.vibee:8: n div (2 - n div 7)\n  fault(div_zero) came from half.half\n";
        assert!(failed.contains(row), "{failed}");
        let property = "FAILED half.halved.twice\n  at half.vibee:23\n  false: n = 4\n";
        assert!(failed.contains(property), "{failed}");
    }
    folder.write("half.vibee", &wrong.replace("14 | 7", "0  | 0").replace("== n", ">= -n"));
    let failed = folder.vibee(&["test", "--junit", "report.xml"]).fails(1).out;
    let place = "fault(div_zero) at half.vibee:8: n div (2 - n div 7)";
    assert!(failed.contains(&format!("  fault(div_zero): n = 7\n  {place}\n")), "{failed}");
    assert!(failed.contains("came from half.halved.twice → half.halved → half.half\n"), "{failed}");
    assert!(folder.read("report.xml").contains(place), "{}", folder.read("report.xml"));
    let json: serde_json::Value = serde_json::from_str(&folder.vibee(&["test", "--json"]).fails(1).out).unwrap();
    assert!(json["properties"][0]["reasons"].to_string().contains(place), "{json}");
    let called = folder.vibee(&["run", "half.vibee", "half", "14"]).fails(1);
    assert_eq!(called.talk, format!("error: {place}\n"));
}

/// What runs out is a fault like others, and the report says who called whom and who used it up.
#[test]
fn what_runs_out_is_said_with_the_calls_and_the_fuel() {
    let deep = "  - name: deep\n    params: { n: Int }\n    returns: Int\n    decreases: 'if n > 0 { n } else { 0 }'\n    \
                body: 'if n <= 0 { 0 } else { 1 + deep(n - 1) }'\nbehaviors:";
    let text = HALF.replace("body: n div 2", "body: deep(n)").replace("4  | 2", "5000 | 0").replace("behaviors:", deep);
    let folder = Folder::with(&[("half.vibee", &text)]);
    let failed = folder.vibee(&["test", "--filter", "half.half"]).fails(1).out;
    assert!(failed.contains("     found fault(depth)\n  fault(depth) at half.vibee:"), "{failed}");
    assert!(
        failed.contains("came from half.deep → half.deep → half.deep → half.deep → … 993 more … → half.deep"),
        "{failed}"
    );
    assert!(failed.contains("  fuel by function: half.deep "), "{failed}");
}

/// A module that calls itself as one of std does is not taken for it.
#[test]
fn names_of_std_are_kept() {
    for name in ["std.mine", "std", "std.math"] {
        let folder =
            Folder::with(&[("mine.vibee", &HALF.replace("name: half\nversion", &format!("name: {name}\nversion")))]);
        let refused = folder.vibee(&["check", "mine.vibee"]).fails(1);
        let message = format!("error[E0130]: `{name}` is a name of the modules that are built in");
        assert!(refused.talk.starts_with(&message) && refused.talk.contains("mine.vibee:2:7"), "{refused:?}");
    }
}

/// What cannot be written is named with its path.
#[test]
fn an_error_about_a_file_names_it() {
    let folder = Folder::with(&[("half.vibee", HALF), ("old.vibee", "name: old\n")]);
    let at = |arguments: &[&str]| folder.vibee(arguments).fails(1).talk;
    assert!(at(&["gen", "python", "half.vibee", "-o", "/proc/none"]).contains("/proc/none: "));
    assert!(at(&["dis", "half.vibee", "-o", "half.vibee/half.vbc"]).contains("half.vibee/half.vbc: "));
    assert!(at(&["upgrade", "old.vibee", "-o", "half.vibee/new.vibee"]).contains("half.vibee/new.vibee: "));
    assert!(at(&["test", "half.vibee", "--junit", "half.vibee/x.xml"]).contains("half.vibee/x.xml: "));
    assert!(at(&["test", "half.vibee/x.vibee"]).contains("half.vibee/x.vibee: "));
}

/// A mistake that loses names is told; that they are unknown where they are used is not.
#[test]
fn one_mistake_gives_one_message() {
    let folder = Folder::new();
    let types = "types:\n  A: { fields: { n: Int } }\n  B: { enum: [one, two] }\n";
    let uses = "functions:\n  - name: f\n    params: { a: A, b: B }\n    returns: B\n    body: 'match b { B.one => b, B.two => if a.n > 0 { b } else { B.one } }'\n";
    let user = "  - name: g\n    params: { n: Int }\n    returns: B\n    body: f(A(n = n), B.one)\n";
    let head = "vibee: 3\nname: a\nversion: 1.0.0\n";
    for (what, text, codes) in [
        ("types twice", format!("{head}types:\n  C: Int(0..9)\n{uses}{user}{types}"), "E0110"),
        ("a colon is missing", format!("{head}{}{uses}{user}", types.replace("A: {", "A {")), "E0132 E0107"),
        ("a colon of two", format!("{head}{}{uses}{user}", types.replace("A: { f", "A\n    f")), "E0107"),
        (
            "a type has no shape",
            format!("{head}{}{uses}{user}", types.replace("{ fields: { n: Int } }", "{ n: Int }")),
            "E0131",
        ),
        ("no return type", format!("{head}{types}{}{user}", uses.replace("    returns: B\n", "")), "E0131"),
        ("no body", format!("{head}{types}{}{user}", uses.replace("    body", "    x-body")), "E0111 E0131"),
        (
            "functions are a map",
            format!(
                "{head}{types}functions:\n  f:\n    returns: Int\n    body: 1\nbehaviors:\n{}",
                user.replace("body", "when")
            ),
            "E0131",
        ),
        (
            "an import is missing",
            format!(
                "{head}imports: [{{ name: gone, only: [h] }}]\n{types}{uses}{}",
                user.replace("f(", "if gone.x(1) > h(2) { B.two } else { f(").replace("one)", "one) }")
            ),
            "E0203",
        ),
    ] {
        folder.write("a.vibee", &text);
        let refused = folder.vibee(&["check", "a.vibee"]).fails(1);
        let errors: Vec<&str> = refused.talk.lines().filter(|line| line.starts_with("error[")).collect();
        let is_told = |line: &&str| codes.split(' ').any(|code| line.contains(code));
        assert!(!errors.is_empty() && errors.iter().all(is_told), "{what}: {}", refused.talk);
        assert!(errors.len() <= 2, "{what}: {}", refused.talk);
    }
}

#[test]
fn bytecode_goes_out_and_comes_back() {
    let folder = Folder::with(&[("half.vibee", HALF)]);
    folder.vibee(&["dis", "half.vibee", "-o", "half.vbc"]).ok();
    let text = folder.vibee(&["dis", "half.vbc"]).ok().out;
    assert!(text.contains("function \"half.half\" params 1"), "{text}");
    folder.write("half.txt", &text);
    folder.vibee(&["asm", "half.txt", "-o", "again.vbc"]).ok();
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("half.vbc"), bytes("again.vbc"));
    let mut damaged = bytes("half.vbc");
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(folder.path().join("half.vbc"), damaged).unwrap();
    let refused = folder.vibee(&["dis", "half.vbc"]).fails(1);
    assert!(refused.talk.starts_with("error: half.vbc: E05"), "{refused:?}");
}

#[test]
fn files_are_laid_out_and_repaired() {
    let loose = HALF
        .replace("params: { n: Int }\n    returns: Int\n    body", "params:   {n: Int}\n    returns:   Int\n    body");
    let folder = Folder::with(&[("half.vibee", &loose)]);
    assert_eq!(folder.vibee(&["fmt", "--check"]).fails(1).out, "half.vibee\n");
    assert_eq!(folder.vibee(&["fmt"]).ok().out, "half.vibee\n");
    assert_eq!(folder.read("half.vibee"), HALF);
    assert_eq!(folder.vibee(&["fmt"]).ok().out, "", "what is laid out stays");
    // What a message offers as a repair is applied when asked for.
    folder.write(
        "half.vibee",
        &HALF.replace(
            "params: { n: Int }\n    returns: Int\n    body",
            "parmas: { n: Int }\n    returns: Int\n    body",
        ),
    );
    let before = folder.read("half.vibee");
    folder.vibee(&["check"]).fails(1);
    folder.vibee(&["fmt", "--fix"]);
    assert!(
        folder.read("half.vibee") != before && folder.vibee(&["check"]).code == Some(0),
        "{}",
        folder.read("half.vibee")
    );
}

#[test]
fn a_project_names_its_files_and_its_root() {
    let folder = Folder::with(&[
        ("vibee.toml", "specs = [\"specs\"]\n"),
        ("specs/deep/half.vibee", HALF),
        ("other/x.vibee", "no"),
    ]);
    let tested = folder.vibee(&["test"]).ok();
    assert!(tested.out.ends_with("4 passed, 0 failed\n"), "{tested:?}");
    folder.write("vibee.toml", "speccs = []\n");
    let wrong = folder.vibee(&["test"]).fails(78);
    assert!(wrong.talk.contains("vibee.toml: unknown key speccs; known: specs"), "{wrong:?}");
    assert!(Folder::new().vibee(&["test"]).fails(2).talk.contains("hint: vibee new NAME"));
}

#[test]
fn help_completions_pages_and_helpers_are_carried() {
    let folder = Folder::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(folder.vibee(&["completions", shell]).ok().out.contains("vibee"), "{shell}");
    }
    let pages = folder.vibee(&["man"]).ok().out;
    assert!(pages.contains(".TH vibee 1") && pages.contains("vibee\\-test"), "{pages}");
    for (language, word) in [
        ("python", "def serve("),
        ("typescript", "export function serve("),
        ("rust", "pub fn serve("),
        ("c", "vibee_serve("),
    ] {
        assert!(folder.vibee(&["runner", language]).ok().out.contains(word), "{language}");
    }
    assert!(folder.vibee(&["grammar"]).ok().out.contains("\"scopeName\": \"source.vibee\""));
    assert!(folder.vibee(&["--help"]).ok().out.contains("Run examples and properties"));
}

/// `docs/vibee-reference.md` is what the program prints.
#[test]
fn the_reference_is_that_of_the_program() {
    let printed = Folder::new().vibee(&["reference"]).ok().out;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vibee-reference.md");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(kept == printed, "write it anew: vibee reference > docs/vibee-reference.md");
    let part = Folder::new().vibee(&["reference", "limits"]).ok().out;
    assert!(part.starts_with("## Limits") && printed.contains(&part), "{part}");
}
