//! The commands of a conversation: `/set /show /save /load /clear /help /exit`.

use std::path::Path;

use super::conversation::Conversation;
use crate::{failure::Failure, terminal};

const HELP: &str = "\
/set NAME VALUE   change a setting; /show names them all
/show             the settings
/save FILE        write the conversation as JSON
/load FILE        go on with a saved one
/clear            forget the conversation
/exit             leave (or Ctrl-D)
Ctrl-C stops a reply. \"\"\" begins and ends a message of several lines, in which
nothing is a command; a backslash at the end of a line continues it in the next.
";

/// What happens after a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Stay,
    Leave,
}

/// A command with what follows its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command<'l> {
    Help,
    Exit,
    Clear,
    Show,
    Set { name: &'l str, value: &'l str },
    Save(&'l str),
    Load(&'l str),
}

/// The command that a line is, or why it is none though it looks like one; `None` for what does not.
pub(super) fn parse(line: &str) -> Option<Result<Command<'_>, String>> {
    let line = line.strip_prefix('/')?.trim_end();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let command = match name {
        "help" | "?" => Command::Help,
        "exit" | "quit" | "bye" => Command::Exit,
        "clear" => Command::Clear,
        "show" => Command::Show,
        "set" => {
            let (name, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            return Some(Ok(Command::Set { name, value: value.trim() }));
        }
        "save" => return Some(Ok(Command::Save(rest))),
        "load" => return Some(Ok(Command::Load(rest))),
        _ => return Some(Err(format!("there is no command /{}", terminal::escape(name)))),
    };
    Some(if rest.is_empty() { Ok(command) } else { Err(format!("nothing can follow /{name}")) })
}

/// Runs `command`.
pub(super) fn run(command: &Command<'_>, conversation: &mut Conversation) -> Result<Next, Failure> {
    match *command {
        Command::Help => terminal::say(HELP),
        Command::Exit => return Ok(Next::Leave),
        Command::Clear => conversation.clear(),
        Command::Show => terminal::say(&conversation.settings()),
        Command::Set { name, value } => conversation.set(name, value)?,
        Command::Save("") => return Err(Failure::usage("/save needs a file name")),
        Command::Load("") => return Err(Failure::usage("/load needs a file name")),
        Command::Save(file) => conversation.save(Path::new(file))?,
        Command::Load(file) => conversation.load(Path::new(file))?,
    }
    Ok(Next::Stay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_text() {
        assert_eq!(parse("Hello /exit"), None);
        assert_eq!(parse("/clear "), Some(Ok(Command::Clear)));
        assert_eq!(parse("/set top_k  7"), Some(Ok(Command::Set { name: "top_k", value: "7" })));
        assert_eq!(parse("/save a b.json"), Some(Ok(Command::Save("a b.json"))));
        for text in ["/usr/bin is full", "/", "// a comment", "/clear the table"] {
            assert!(matches!(parse(text), Some(Err(_))), "{text}");
        }
    }
}
