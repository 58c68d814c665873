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
Ctrl-C stops a reply. \"\"\" begins and ends a message of several lines;
a backslash at the end of a line continues it in the next.
";

/// What happens after a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Stay,
    Leave,
}

/// Runs `command` (without its slash).
pub(super) fn run(command: &str, conversation: &mut Conversation) -> Result<Next, Failure> {
    let (name, rest) = command.trim().split_once(char::is_whitespace).unwrap_or((command.trim(), ""));
    let rest = rest.trim();
    match (name, rest) {
        ("help" | "?", _) => terminal::say(HELP),
        ("exit" | "quit" | "bye", _) => return Ok(Next::Leave),
        ("clear", _) => conversation.clear(),
        ("show", _) => terminal::say(&conversation.settings()),
        ("set", _) => {
            let (setting, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            conversation.set(setting, value.trim())?;
        }
        ("save" | "load", "") => return Err(Failure::usage(format!("/{name} needs a file name"))),
        ("save", file) => conversation.save(Path::new(file))?,
        ("load", file) => conversation.load(Path::new(file))?,
        _ => return Err(Failure::usage(format!("there is no command /{name}; /help lists them"))),
    }
    Ok(Next::Stay)
}
