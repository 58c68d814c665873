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
    assert_eq!(folder.vibee(&["run", "half.vibee", "halved", "--json", "9"]).ok().out, "4\n");
    let given = folder.vibee(&["run", "half.vibee", "halved", "-1"]).fails(1);
    assert_eq!(given.talk, "error: fault(given)\n");
    let unknown = folder.vibee(&["run", "half.vibee", "third", "1"]).fails(2);
    assert!(unknown.talk.contains("half has no function third\nhint: it has half, halved"), "{unknown:?}");
    let wrong = folder.vibee(&["run", "half.vibee", "half", "\"x\""]).fails(1);
    assert!(wrong.talk.contains("argument 1:1:1") && wrong.talk.contains("E0310"), "{wrong:?}");
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
