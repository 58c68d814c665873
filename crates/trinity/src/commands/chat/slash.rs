//! The commands of a conversation.

use std::path::Path;

use clap::ValueEnum;

use super::{super::think::Think, conversation::Conversation};
use crate::{failure::Failure, terminal};

/// Kind of word that follows the name of a command, for Tab.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Argument {
    /// Nothing that could be completed.
    None,
    File,
    Setting,
    Think,
}

/// A row of `/help`.
pub(super) struct About {
    pub(super) name: &'static str,
    usage: &'static str,
    what: &'static str,
    pub(super) argument: Argument,
}

const fn about(name: &'static str, usage: &'static str, what: &'static str, argument: Argument) -> About {
    About { name, usage, what, argument }
}

/// All, as `/help` lists them.
pub(super) const COMMANDS: &[About] = &[
    about("regen", "", "another reply to the last message", Argument::None),
    about("edit", "[TEXT]", "change the last message, and have it answered anew", Argument::None),
    about("read", "FILE", "a text file, which goes with the next message", Argument::File),
    about("system", "[TEXT]", "the system message; alone: what it is", Argument::None),
    about("think", "[HOW]", "on, off, low, medium or high; alone: on", Argument::Think),
    about("set", "NAME VALUE", "change a setting; /show names them all", Argument::Setting),
    about("show", "", "the settings, and how full the context is", Argument::None),
    about("save", "FILE", "write the conversation as JSON", Argument::File),
    about("load", "FILE", "go on with a saved one", Argument::File),
    about("clear", "", "forget the conversation", Argument::None),
    about("help", "", "this list", Argument::None),
    about("exit", "", "leave (or Ctrl-D)", Argument::None),
];

const KEYS: &str = "\
Ctrl-C stops a reply. Tab completes commands and file names. \"\"\" begins and ends a message
of several lines, in which nothing is a command; a backslash at the end of a line
continues it in the next.
";

/// What happens after a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Stay,
    Leave,
    /// The last message is answered anew.
    Regenerate,
    /// The last message is typed anew, beginning with this text; where nobody types, or the text is whole already, it
    /// is the message.
    Edit {
        text: String,
        is_whole: bool,
    },
}

/// A command with what follows its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command<'l> {
    Help,
    Exit,
    Clear,
    Show,
    Regen,
    Edit(&'l str),
    Read(&'l str),
    System(&'l str),
    Think(&'l str),
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
        "regen" => Command::Regen,
        "set" => {
            let (name, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            return Some(Ok(Command::Set { name, value: value.trim() }));
        }
        "edit" => return Some(Ok(Command::Edit(rest))),
        "read" => return Some(Ok(Command::Read(rest))),
        "system" => return Some(Ok(Command::System(rest))),
        "think" => return Some(Ok(Command::Think(rest))),
        "save" => return Some(Ok(Command::Save(rest))),
        "load" => return Some(Ok(Command::Load(rest))),
        _ => return Some(Err(format!("there is no command /{}", terminal::escape(name)))),
    };
    Some(if rest.is_empty() { Ok(command) } else { Err(format!("nothing can follow /{name}")) })
}

/// Runs `command`, as far as the conversation alone can.
pub(super) fn run(command: &Command<'_>, conversation: &mut Conversation) -> Result<Next, Failure> {
    match *command {
        Command::Help => terminal::say(&help()),
        Command::Exit => return Ok(Next::Leave),
        Command::Clear => conversation.clear(),
        Command::Show => terminal::say(&conversation.settings()),
        Command::Regen => return conversation.last_typed().map(|_| Next::Regenerate),
        Command::Edit(text) => {
            let last = conversation.last_typed()?;
            let is_whole = !text.is_empty();
            return Ok(Next::Edit { text: if is_whole { text } else { last }.to_owned(), is_whole });
        }
        Command::System("") => terminal::say(&conversation.system_line()),
        Command::System(text) => conversation.set("system", text)?,
        Command::Think("") => conversation.set("think", "on")?,
        Command::Think(how) => conversation.set("think", how)?,
        Command::Set { name, value } => conversation.set(name, value)?,
        Command::Read("") => return Err(Failure::usage("/read needs a file name")),
        Command::Save("") => return Err(Failure::usage("/save needs a file name")),
        Command::Load("") => return Err(Failure::usage("/load needs a file name")),
        Command::Read(file) => conversation.attach(Path::new(file))?,
        Command::Save(file) => conversation.save(Path::new(file))?,
        Command::Load(file) => conversation.load(Path::new(file))?,
    }
    Ok(Next::Stay)
}

/// Words that `/think` takes.
pub(super) fn think_words() -> Vec<String> {
    let words = Think::value_variants().iter().filter_map(Think::to_possible_value);
    words.map(|word| word.get_name().to_owned()).collect()
}

fn help() -> String {
    let line = |c: &About| {
        let call = format!("/{} {}", c.name, c.usage);
        format!("{call:<17} {}\n", c.what)
    };
    COMMANDS.iter().map(line).collect::<String>() + KEYS
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
        assert_eq!(parse("/edit What is  it?"), Some(Ok(Command::Edit("What is  it?"))));
        for text in ["/usr/bin is full", "/", "// a comment", "/clear the table", "/regen it"] {
            assert!(matches!(parse(text), Some(Err(_))), "{text}");
        }
    }

    #[test]
    fn each_command_of_the_list_is_one_and_the_help_has_it() {
        for about in COMMANDS {
            assert!(matches!(parse(&format!("/{}", about.name)), Some(Ok(_))), "{}", about.name);
        }
        let help = help();
        assert!(help.lines().all(|line| line.len() <= 90), "{help}");
        assert!(help.contains("/set NAME VALUE   change a setting"), "{help}");
    }
}
