//! What `trinity chat` shows a person: wrapped words, colours, completion, commands, and what happens where the context
//! is full.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::termios::{LocalModes, tcgetattr};
use serde_json::Value;

use crate::{
    program::{command, trinity_with_input},
    server_process::PATIENCE,
    terminal::Terminal,
};

/// A conversation with a model that says the same each time; `more` are arguments.
struct Chat {
    terminal: Terminal,
    folder: PathBuf,
}

impl Chat {
    fn start(name: &str, model: &Path, more: &[&str]) -> Self {
        Self::start_with(name, model, more, &[], 100)
    }

    fn start_with(name: &str, model: &Path, more: &[&str], variables: &[(&str, &str)], columns: u16) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("chat-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let fixed = ["chat", model.to_str().unwrap(), "--temperature", "0"];
        let mut program = command(fixed.iter().chain(more));
        program.current_dir(&folder).env("TERM", "xterm").envs(variables.iter().copied());
        let mut terminal = Terminal::start_sized(program, columns);
        terminal.wait_for(">>> ");
        Self { terminal, folder }
    }

    /// Types, and waits until `shown` is there behind what was shown before.
    fn says(&mut self, typed: &str, shown: &str) -> String {
        let before = self.terminal.shown.len();
        self.terminal.type_text(typed);
        self.terminal.wait_for_behind(before, shown);
        self.terminal.shown.get(before..).unwrap().to_owned()
    }

    /// The messages, as `/save` writes them.
    fn saved(&mut self) -> Vec<(String, String)> {
        self.says("/save saved.json\n", "saved ");
        let saved: Value = serde_json::from_slice(&fs::read(self.folder.join("saved.json")).unwrap()).unwrap();
        let text = |m: &Value, key: &str| m[key].as_str().unwrap().to_owned();
        saved["messages"].as_array().unwrap().iter().map(|m| (text(m, "role"), text(m, "content"))).collect()
    }

    fn user_messages(&mut self) -> Vec<String> {
        self.saved().into_iter().filter(|(role, _)| role == "user").map(|(_, text)| text).collect()
    }

    fn leave(mut self) {
        self.terminal.type_text("/exit\n");
        assert!(self.terminal.wait().success(), "{}", self.terminal.shown);
    }
}

/// A model of a few bytes, which says two tokens of anything.
fn small() -> PathBuf {
    testkit::data("regressions/raw-control-tokens/plain.gguf")
}

const SHORT: &[&str] = &["--template", "chatml", "-n", "2"];

/// The lines of a screen onto which `shown` came, colours left out.
fn screen(shown: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut column, mut chars) = (0_usize, shown.chars());
    while let Some(c) = chars.next() {
        let line = lines.last_mut().unwrap();
        match c {
            '\n' => lines.push(Vec::new()),
            '\r' => column = 0,
            '\x1b' => {
                chars.next();
                let mut number = String::new();
                match chars.by_ref().find(|c| c.is_ascii_alphabetic() || (number.push(*c), false).1) {
                    Some('D') => column = column.saturating_sub(number.parse().unwrap()),
                    Some('K') => line.truncate(column),
                    _ => {}
                }
            }
            c => {
                line.truncate(column);
                line.push(c);
                column += 1;
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim().to_owned()).collect()
}

#[test]
fn words_of_a_reply_stay_whole_at_the_edge() {
    let model = testkit::smollm2_path();
    let arguments = ["chat", model.to_str().unwrap(), "--temperature", "0", "-n", "40"];
    let question = "Tell me about the sea.\n";
    let plain = trinity_with_input(arguments, question.as_bytes()).ok().text();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let mut chat = Chat::start_with("wrap", &model, &["-n", "40"], &[], 30);
    let shown = chat.says(&format!("{question}/show\n"), "temperature 0");
    // From the end of the typed line to the next prompt.
    let reply = shown.rsplit_once("the sea.").unwrap().1.split("\x1b[1;36m").next().unwrap();
    let lines = screen(reply.split_once('\n').unwrap().1);
    assert!(lines.iter().all(|line| line.chars().count() < 30), "{lines:?}");
    assert!(lines.len() > 4, "{lines:?}");
    let wrapped: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).take(words.len()).collect();
    assert_eq!(wrapped, words, "{shown:?}");
    chat.leave();
}

#[test]
fn what_a_person_says_looks_unlike_what_a_model_says() {
    let mut colours = Chat::start("colours", &small(), SHORT);
    // What is shown comes in pieces: the end of a colour may follow what it colours.
    colours.terminal.wait_for("\x1b[1;36m>>> \x1b[0m");
    colours.says("hello\n", "\x1b[1mhello\x1b[0m");
    colours.leave();
    for (name, variables) in [("no-color", ("NO_COLOR", "1")), ("dumb", ("TERM", "dumb"))] {
        let mut plain = Chat::start_with(name, &small(), SHORT, &[variables], 100);
        plain.says("hello\n", ">>> ");
        assert!(!plain.terminal.shown.contains("\x1b[1"), "{name}: {:?}", plain.terminal.shown);
        plain.leave();
    }
}

#[test]
fn tab_completes_commands_settings_and_files() {
    let mut chat = Chat::start("tab", &small(), SHORT);
    fs::write(chat.folder.join("notes.txt"), "One.\n").unwrap();
    chat.says("/sho\t\n", "temperature 0");
    chat.says("/read no\t\n", "notes.txt: ");
    chat.says("/set see\t 7\n", ">>> ");
    chat.says("/show\n", "seed 7");
    let before = chat.terminal.shown.len();
    chat.says("/re\t\t", "/regen");
    chat.terminal.wait_for_behind(before, "/read");
    chat.says("gen\n", "error: nothing was said yet");
    chat.leave();
}

#[test]
fn a_message_is_answered_anew_edited_and_read_from_a_file() {
    let mut chat = Chat::start("commands", &small(), SHORT);
    chat.says("one\n", ">>> ");
    chat.says("/regen\n", ">>> ");
    assert_eq!(chat.user_messages(), ["one"]);
    // What was said stands on the line again.
    let shown = chat.says("/edit\n", "one");
    assert!(shown.contains(">>> "), "{shown:?}");
    chat.says(" and two\n", ">>> ");
    assert_eq!(chat.user_messages(), ["one and two"]);
    chat.says("/edit three\n", ">>> ");
    assert_eq!(chat.user_messages(), ["three"]);
    fs::write(chat.folder.join("a list.md"), "- ``` is a fence\n").unwrap();
    chat.says("/read a list.md\n", "which go with the next message");
    chat.says("/read missing.md\n", "error: missing.md");
    chat.says("What is it?\n", ">>> ");
    chat.says("Thanks\n", ">>> ");
    let read = "a list.md:\n````\n- ``` is a fence\n````\n\nWhat is it?";
    assert_eq!(chat.user_messages(), ["three", read, "Thanks"], "it goes with one message");
    chat.says("/system Be brief.\n", ">>> ");
    chat.says("/system\n", "system Be brief.");
    chat.says("/think off\n", ">>> ");
    chat.says("/show\n", "think off");
    chat.says("/think maybe\n", "expected on, off, low");
    chat.leave();
}

#[test]
fn how_full_the_context_is_is_told_from_three_quarters_on() {
    let mut chat = Chat::start("used", &small(), &["--template", "chatml", "-n", "2", "-c", "200"]);
    let few = chat.says("a\n", ">>> ");
    assert!(!few.contains("tokens used"), "{few}");
    let shown = chat.says("/show\n", "free\r\n");
    assert!(shown.contains(" of 200 tokens used, "), "{shown}");
    let many = chat.says(&format!("{}\n", "x".repeat(100)), "free\r\n");
    let line = many.lines().find(|line| line.contains("tokens used")).unwrap();
    let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!((numbers[1], numbers[0] + numbers[2]), (200, 200), "{line}");
    assert!(numbers[0] >= 150, "{line}");
    chat.leave();
}

/// The reply fills the context; what was typed ahead meanwhile is no answer to the question, and is not lost.
#[test]
fn a_full_context_goes_on_without_the_oldest_turns() {
    let mut chat = Chat::start("full", &small(), &["--template", "chatml", "-c", "160", "--ignore-eos"]);
    let shown = chat.says("first\nsecond\nthird\n", "go on without the oldest turns? [Y/n]");
    assert!(shown.contains("the context is full: "), "{shown}");
    let shown = chat.says("y\n", "the oldest turn is left out");
    assert!(shown.contains("[Y/n]"), "{shown}");
    // The reply to the second one fills the context, too, and then the third comes.
    chat.terminal.wait_for_times("[Y/n]", 3);
    chat.says("\n", "left out");
    chat.terminal.wait_for_times("the context is full: /clear", 3);
    let said = chat.user_messages();
    assert_eq!(said, ["third"], "{}", chat.terminal.shown);
    // Who does not want that is told why not.
    chat.says("fourth\n", "[Y/n]");
    chat.says("n\n", "error: ");
    assert_eq!(chat.user_messages(), ["third"], "nothing is lost");
    chat.leave();
}

#[test]
fn while_a_reply_comes_typing_is_kept_and_not_shown() {
    let mut chat = Chat::start("ahead", &testkit::smollm2_path(), &["-n", "40", "--ignore-eos"]);
    let modes = |chat: &Chat| tcgetattr(chat.terminal.keyboard()).unwrap().local_modes;
    let before = chat.terminal.shown.len();
    chat.terminal.type_text("Tell me a story.\n");
    chat.terminal.wait_for_behind(before, "story.");
    let hidden = |modes: LocalModes| !modes.contains(LocalModes::ECHO) && modes.contains(LocalModes::ICANON);
    let end = Instant::now() + PATIENCE;
    while !hidden(modes(&chat)) {
        assert!(Instant::now() < end, "typing is shown beside the reply");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(modes(&chat).contains(LocalModes::NOFLSH), "Ctrl-C throws nothing away");
    let shown = chat.says("typed ahead\n", ">>> ");
    assert!(!shown.split(">>> ").next().unwrap().contains("typed ahead"), "{shown:?}");
    chat.leave();
}

/// Lines that are typed ahead, or pasted where the terminal has no word for that, come character by character.
#[test]
fn a_long_line_is_not_drawn_anew_for_each_character() {
    let mut chat = Chat::start("long", &small(), &["--template", "chatml", "-n", "2", "-c", "200"]);
    let before = chat.terminal.shown.len();
    chat.says(&format!("{}\n", "x".repeat(4000)), "error: ");
    let shown = chat.terminal.shown.len() - before;
    assert!(shown < 400_000, "{shown} bytes for a line of 4,000");
    chat.leave();
}
