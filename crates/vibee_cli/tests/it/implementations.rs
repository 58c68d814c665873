//! Implementations that keep to the protocol, and such that lie, stall, die or flood.

use std::{fs, time::Instant};

use crate::{commands::HALF, program::Folder};

/// A Python implementation of [`HALF`]'s functions; `more` stands before it serves.
fn python(more: &str, functions: &str) -> String {
    format!(
        "from vibee_runner import Err, Fault, Ok, serve\n{more}\nserve({functions}, name=\"mine\", version=\"1.0\")\n"
    )
}

const RIGHT: &str = "def half(n): return n // 2\ndef halved(n): return half(n)\n";
const BOTH: &str = "{\"half.half\": half, \"half.halved\": halved}";

fn folder(implementation: &str) -> Folder {
    let folder = Folder::with(&[("half.vibee", HALF), ("impl.py", implementation)]);
    let helper = folder.vibee(&["runner", "python"]).ok().out;
    folder.write("vibee_runner.py", &helper);
    folder
}

const JUDGED: &[&str] = &["test", "half.vibee", "--impl", "python3 impl.py"];

#[test]
fn one_that_is_right_passes() {
    let judged = folder(&python(RIGHT, BOTH)).vibee(JUDGED).ok();
    assert!(judged.out.starts_with("judging mine 1.0\n"), "{judged:?}");
    assert!(judged.out.contains("half.halved.twice: proved over 101 cases"), "{judged:?}");
    assert!(judged.out.ends_with("4 passed, 0 failed\n"), "{judged:?}");
}

#[test]
fn one_that_is_wrong_fails_by_the_row() {
    let wrong = RIGHT.replacen("n // 2", "int(n / 2)", 1);
    let judged = folder(&python(&wrong, BOTH)).vibee(JUDGED).fails(1);
    assert!(judged.out.contains("FAILED half.half(n = -3) row 2\n"), "{judged:?}");
    assert!(judged.out.contains("expected -2\n     found -1\n"), "{judged:?}");
    assert!(judged.out.ends_with("3 passed, 1 failed\n"), "{judged:?}");
}

#[test]
fn what_is_missing_or_pending_is_counted_and_never_passed() {
    let judged = folder(&python(RIGHT, "{\"half.half\": half}")).vibee(JUDGED).ok();
    assert!(judged.out.contains("not judged: 2 unsupported\n2 passed, 0 failed\n"), "{judged:?}");
    let pending = "name=\"mine\", pending=[(\"half.half\", \"not yet\")]";
    let wrong = python(&RIGHT.replacen("n // 2", "n", 1), BOTH).replace("name=\"mine\"", pending);
    let judged = folder(&wrong).vibee(JUDGED);
    assert!(judged.out.contains("2 pending"), "{judged:?}");
    // One that passes all the same is an error: the list is out of date.
    let judged = folder(&python(RIGHT, BOTH).replace("name=\"mine\"", pending)).vibee(JUDGED).fails(1);
    assert!(judged.out.contains("said to be pending, and it passes"), "{judged:?}");
}

/// An implementation that says `lines` after it was greeted, whatever it is asked.
fn rude(lines: &str) -> String {
    format!(
        "import json, sys, time, os\n\
         hello = json.loads(sys.stdin.readline())\n\
         print(json.dumps({{'id': hello['id'], 'impl': 'rude', 'version': '1', 'modules': ['half']}}), flush=True)\n\
         for line in sys.stdin:\n    request = json.loads(line)\n    if request['do'] == 'bye': break\n    {lines}\n"
    )
}

#[test]
fn what_breaks_the_protocol_is_named_and_the_others_go_on() {
    for (says, code, message) in [
        ("print('oops', flush=True)", "E0601", "no JSON"),
        ("print('[1]', flush=True)", "E0601", "no JSON object: [1]"),
        ("print('{\"ok\": 1}', flush=True)", "E0602", "no `id`"),
        ("print('{\"id\": 99999, \"ok\": 1}', flush=True)", "E0602", "answer 99999, where"),
        ("print(json.dumps({'id': request['id'], 'ok': 'x'}), flush=True)", "E0603", "expected Int, found"),
        ("print(json.dumps({'id': request['id'], 'fault': 'tired'}), flush=True)", "E0603", "no fault's name"),
        ("print(json.dumps({'id': request['id'], 'ok': 1, 'err': 2}), flush=True)", "E0603", "not one of"),
        ("sys.exit(3)", "E0605", "it ended, exit status: 3"),
        ("print('x' * (1 << 20 | 1), flush=True)", "E0606", "a line of over 1048576 bytes: xxx"),
    ] {
        let judged = folder(&rude(says)).vibee(JUDGED).fails(1);
        assert!(judged.out.contains(&format!("{code}: ")) && judged.out.contains(message), "{says}: {judged:?}");
        let longest = judged.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest < 400, "{says}: a line of {longest}");
        assert!(judged.out.contains("; where n = 0\n"), "{says}: {judged:?}");
        assert!(judged.out.ends_with("0 passed, 4 failed\n"), "{says}: {judged:?}");
    }
}

#[test]
fn one_that_dies_once_is_started_again() {
    let dies = "if not os.path.exists('died'):\n        open('died', 'w'); os._exit(1)\n    \
                n = request['args']['n']\n    \
                print(json.dumps({'id': request['id'], 'ok': n // 2}), flush=True)";
    let judged = folder(&rude(dies)).vibee(JUDGED).fails(1);
    assert!(judged.out.contains("E0605: it ended, exit status: 1"), "{judged:?}");
    assert!(judged.out.ends_with("3 passed, 1 failed\n"), "{judged:?}");
}

/// Whether a process has ended, looked at after a moment.
fn is_gone(child: &str) -> bool {
    std::thread::sleep(std::time::Duration::from_millis(20));
    let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

/// It starts a process that would outlive it, says nothing, and is killed with all that it started.
#[test]
fn silence_ends_and_nothing_is_left() {
    let stalls = "import subprocess; child = subprocess.Popen(['sleep', '1000']); \
                  open('child', 'w').write(str(child.pid)); time.sleep(1000)";
    let folder = folder(&rude(stalls));
    let begun = Instant::now();
    let judged = folder.vibee(&[JUDGED, &["--timeout", "1"]].concat()).fails(1);
    let said = "E0604: no answer within 1 s to the call (--timeout SECONDS allows more)";
    assert!(judged.out.contains(said), "{judged:?}");
    assert!(judged.out.contains("not asked: it was stopped twice"), "{judged:?}");
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    let child = fs::read_to_string(folder.path().join("child")).unwrap();
    // Killed it is; the kernel takes its time.
    assert!((0..500).any(|_| is_gone(&child)), "{child} runs");
}

/// What starts late is waited for, longer than for an answer.
#[test]
fn a_slow_start_does_not_fail() {
    let slow = format!("import time; time.sleep(1.5)\n{}", python(RIGHT, BOTH));
    let folder = folder(&slow);
    let judged = folder.vibee(&[JUDGED, &["--timeout", "1"]].concat()).ok();
    assert!(judged.out.ends_with("4 passed, 0 failed\n"), "{judged:?}");
    let late = folder.vibee(&[JUDGED, &["--start-timeout", "1"]].concat()).fails(1);
    let said = "E0604: no answer within 1 s to the greeting (--start-timeout SECONDS allows more)";
    assert!(late.talk.contains(said), "{late:?}");
    let help = folder.vibee(&["test", "--help"]).ok().out;
    assert!(help.contains("[default: 10]") && help.contains("[default: 60]"), "{help}");
    folder.vibee(&["test", "half.vibee", "--timeout", "5"]).fails(2);
    folder.vibee(&[JUDGED, &["--timeout", "0"]].concat()).fails(2);
}

/// One that has none of the functions is not taken for one that passes.
#[test]
fn one_that_answers_to_nothing_fails() {
    let folder = folder(&python(RIGHT, "{\"hlaf.half\": half}"));
    let judged = folder.vibee(JUDGED).fails(1);
    assert!(
        judged.out.contains("behaviors: 1 unanswered\nnot judged: 4 unsupported\n0 passed, 0 failed\n"),
        "{judged:?}"
    );
    let said = "error: the implementation answers to no function that was asked for\n\
                hint: it says that it has hlaf; functions are asked for as module.function\n";
    assert_eq!(judged.talk, said);
    // Of several functions the one that it lacks is not said to be tested.
    folder.write("impl.py", &python(RIGHT, "{\"half.half\": half}"));
    let judged = folder.vibee(JUDGED).ok();
    assert!(judged.out.contains("behaviors: 1 unanswered\n"), "{judged:?}");
    let json = folder.vibee(&[JUDGED, &["--json"]].concat()).ok();
    assert!(json.out.contains("\"status\": \"unanswered\""), "{json:?}");
}

#[test]
fn ctrl_c_ends_what_was_started() {
    let folder = folder(&rude("open('child', 'w').write(str(os.getpid())); time.sleep(1000)"));
    let mut running =
        std::process::Command::new(crate::program::program()).args(JUDGED).current_dir(folder.path()).spawn().unwrap();
    let child = loop {
        match fs::read_to_string(folder.path().join("child")) {
            Ok(child) if !child.is_empty() => break child,
            _ => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    let killed = std::process::Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert!((0..500).any(|_| is_gone(&child)), "{child} runs");
}

#[test]
fn what_does_not_start_or_greet_is_said() {
    let folder = folder(RIGHT);
    let missing = folder.vibee(&["test", "half.vibee", "--impl", "/no/such/program"]).fails(1);
    assert!(missing.talk.contains("/no/such/program: E0605: it ended, exit status: 127"), "{missing:?}");
    let rude = folder.vibee(&["test", "half.vibee", "--impl", "echo hello; cat"]).fails(1);
    assert!(rude.talk.contains("E0601: no JSON") && rude.talk.contains(": hello"), "{rude:?}");
    let lacking = "echo '{\"id\":0,\"impl\":\"x\",\"version\":\"1\"}'; cat";
    let rude = folder.vibee(&["test", "half.vibee", "--impl", lacking]).fails(1);
    assert!(rude.talk.contains("E0607: `modules` is no list of names: {\"id\":0"), "{rude:?}");
}

/// The helper for C compiles without a warning, and answers.
#[test]
fn the_helper_for_c_answers() {
    let folder = folder("");
    folder.write("vibee_runner.h", &folder.vibee(&["runner", "c"]).ok().out);
    folder.write(
        "impl.c",
        "#include \"vibee_runner.h\"\n\
         static void half(const vibee_json *args, FILE *reply) {\n\
         \x20   long long n = vibee_int(vibee_get(args, \"n\"));\n\
         \x20   fprintf(reply, \"\\\"ok\\\":%lld\", (n - (n < 0 && n % 2 != 0)) / 2);\n}\n\
         int main(void) {\n\
         \x20   static const vibee_function functions[] = {{\"half.half\", half}, {\"half.halved\", half}};\n\
         \x20   return vibee_serve(\"c \\\"quoted\\\"\", \"1\", functions, 2);\n}\n",
    );
    let compiled = std::process::Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "impl.c", "-o", "impl"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let judged = folder.vibee(&["test", "half.vibee", "--impl", "./impl"]).ok();
    assert!(judged.out.starts_with("judging c \"quoted\" 1\n"), "{judged:?}");
    assert!(judged.out.ends_with("4 passed, 0 failed\n"), "{judged:?}");
}
