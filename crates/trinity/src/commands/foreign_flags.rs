//! Flags of other programs, so that what people typed for them works here: on `serve` those of llama.cpp's
//! `llama-server`, on `run` and `chat` those of `llama-cli`, and of Ollama, LM Studio and vLLM what has the same
//! meaning.
//!
//! One table says of each what it means: another name of a flag of the command, a hint that changes nothing here (named
//! in one line on standard error), or a wish that cannot be heeded, which is refused with what to do instead. It is
//! read before clap is: several of them have two letters behind one dash. What is not in the table, and what the
//! command has under that very name, is left to clap.

mod table;
#[cfg(test)]
mod tests;

use std::{
    ffi::{OsStr, OsString},
    iter::Peekable,
};

use clap::{Args, Command, CommandFactory};

use crate::{
    cli::{Cli, Global, group},
    failure::Failure,
    terminal,
};
use table::FLAGS;

/// Commands that take them.
pub(crate) const COMMANDS: &[&str] = &["run", "chat", "serve"];

/// Hidden flag by which the hints of a line reach the command.
const IGNORED: &str = "--ignored-hint";

const IN_REQUESTS: &str = "requests say it, each for itself";

/// What stands behind a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Takes {
    Nothing,
    Value,
    /// One of these, or nothing.
    OneOf(&'static [&'static str]),
}

/// What a flag means here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// A flag of the command, and the values that leave it as it is.
    Setting(&'static str, &'static [&'static str]),
    /// Words of this program in its place.
    Words(&'static [&'static str]),
    /// `--think`, which may stand alone; true and false are on and off.
    Think,
    /// What `run` takes without a flag.
    Prompt,
    /// A repository on Hugging Face: the model.
    Repository,
    /// The file of the repository, in place of one that is picked.
    FileOfRepository,
    /// A hint that has no use here: it is left out, which is said.
    Hint,
    /// A hint that is left out at these values; any other value is refused for the reason.
    HintAt(&'static [&'static str], &'static str),
    /// A setting that requests to a server make for themselves.
    InRequests,
    /// A flag that is refused for the reason.
    Refused(&'static str),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
struct Flag {
    /// All its spellings, with spaces between.
    names: &'static str,
    takes: Takes,
    meaning: Meaning,
}

/// Hints of other programs, of commands that take them.
#[derive(Args, Clone, Default, Debug)]
pub(crate) struct ForeignHints {
    /// Flags of other programs that change nothing here
    #[arg(long = "ignored-hint", value_name = "FLAG", hide = true, help_heading = group::GENERAL)]
    ignored: Vec<String>,
}

impl ForeignHints {
    /// Names all hints that were left out in one line on standard error.
    pub(crate) fn say(&self) {
        if !self.ignored.is_empty() {
            terminal::say(&format!("ignored, since they change nothing here: {}\n", self.ignored.join(", ")));
        }
    }
}

/// The names under which other programs know what `command` has, each with the flag that it is here.
pub(crate) fn spellings(command: &Command) -> Vec<(&'static str, &'static str)> {
    let of_row = |flag: &'static Flag| {
        let own = match flag.meaning {
            Meaning::Setting(own, _) => own,
            Meaning::Words([own]) => own,
            Meaning::Think => "--think",
            Meaning::Repository => "--model",
            _ => return Vec::new(),
        };
        let names = flag.names.split(' ').filter(|name| find_argument(command, name).is_none());
        names.map(|name| (name, own)).collect()
    };
    // What all commands have is there once clap has built them.
    let global = Global::augment_args(Command::new("global"));
    let is_here = |own: &str| {
        let own = own.split('=').next().unwrap_or(own);
        [command, &global].into_iter().any(|command| find_argument(command, own).is_some())
    };
    FLAGS.iter().flat_map(of_row).filter(|(_, own)| is_here(own)).collect()
}

/// The argument of `command`, or of every command, that is spelled `-x` or `--xyz`.
fn find_argument<'a>(command: &'a Command, name: &str) -> Option<&'a clap::Arg> {
    command.get_arguments().find(|arg| match name.strip_prefix("--") {
        Some(long) => {
            arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
        }
        None => name.strip_prefix('-').is_some_and(|short| arg.get_short().is_some_and(|c| short == c.to_string())),
    })
}

fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.names.split(' ').any(|known| known == name))
}

/// A command line in this program's own flags, if it asks for a command that takes those of others; another stays as it
/// is.
pub(crate) fn translated(line: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Failure> {
    let mut words = line.into_iter();
    let mut own: Vec<OsString> = words.next().into_iter().collect();
    for word in words.by_ref() {
        let is_flag = word.as_encoded_bytes().starts_with(b"-");
        own.push(word);
        if !is_flag {
            break;
        }
    }
    let Some(name) = COMMANDS.iter().find(|name| own.last().is_some_and(|word| word == **name)) else {
        own.extend(words);
        return Ok(own);
    };
    let mut all = Cli::command();
    all.build();
    let Some(command) = all.find_subcommand(name) else {
        own.extend(words);
        return Ok(own);
    };
    Translation { command, own, repository: None, file: None, prompt: None }.run(words.peekable())
}

/// A line that is being translated.
struct Translation<'a> {
    command: &'a Command,
    own: Vec<OsString>,
    repository: Option<OsString>,
    file: Option<OsString>,
    prompt: Option<OsString>,
}

impl Translation<'_> {
    fn run(mut self, mut words: Peekable<impl Iterator<Item = OsString>>) -> Result<Vec<OsString>, Failure> {
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            if word == "--" {
                rest.extend(words);
                break;
            }
            self.word(word, &mut words)?;
        }
        self.finish(rest)
    }

    /// One more word, and what belongs to it.
    fn word(&mut self, word: OsString, words: &mut Peekable<impl Iterator<Item = OsString>>) -> Result<(), Failure> {
        let text = word.to_str().unwrap_or_default();
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (text, None),
        };
        let Some(flag) = find(name).filter(|flag| self.is_for(flag, name)) else {
            self.own.push(word);
            return Ok(());
        };
        let value = match (attached, flag.takes) {
            (Some(value), _) => Some(OsString::from(value)),
            (None, Takes::Value) => words.next(),
            (None, Takes::OneOf(values)) => {
                words.next_if(|word| word.to_str().is_some_and(|word| values.contains(&word)))
            }
            (None, Takes::Nothing) => None,
        };
        self.flag(flag, name, value)
    }

    fn has(&self, own: &str) -> bool {
        find_argument(self.command, own.split('=').next().unwrap_or(own)).is_some()
    }

    fn is_server(&self) -> bool {
        self.command.get_name() == "serve"
    }

    /// Returns whether the row says what `name` means on this command; otherwise clap does.
    fn is_for(&self, flag: &Flag, name: &str) -> bool {
        match flag.meaning {
            Meaning::Setting(own, _) => self.has(own) || (self.is_server() && !self.has(name)),
            Meaning::Words(words) => words.iter().all(|word| self.has(word)),
            Meaning::Think => self.has("--think") || self.is_server(),
            Meaning::Prompt => self.command.get_name() == "run",
            Meaning::InRequests | Meaning::HintAt(..) => self.is_server() && !self.has(name),
            Meaning::Refused(_) => !self.has(name),
            Meaning::Repository | Meaning::FileOfRepository | Meaning::Hint => true,
        }
    }

    /// Puts one foreign flag into words of this program.
    fn flag(&mut self, flag: &Flag, name: &str, value: Option<OsString>) -> Result<(), Failure> {
        let is_one_of = |values: &[&str]| value.as_ref().is_some_and(|given| values.iter().any(|v| given == *v));
        let refusal = |why: &str| Err(Failure::usage(format!("{name}: {why}")));
        match flag.meaning {
            Meaning::Setting(own, _) if !self.has(own) => return refusal(IN_REQUESTS),
            Meaning::Setting(_, defaults) if is_one_of(defaults) => self.ignore(name, value.as_deref()),
            Meaning::Setting(own, _) => self.set(own, value.as_deref()),
            Meaning::Words(words) => self.own.extend(words.iter().map(OsString::from)),
            Meaning::Think if is_one_of(&["auto", "default"]) => self.ignore(name, value.as_deref()),
            Meaning::Think if !self.has("--think") => return refusal(IN_REQUESTS),
            Meaning::Think => {
                let spelled = match value.as_ref().and_then(|value| value.to_str()) {
                    None | Some("true") => Some(OsStr::new("on")),
                    Some("false") => Some(OsStr::new("off")),
                    Some(_) => value.as_deref(),
                };
                self.set("--think", spelled);
            }
            Meaning::Prompt => self.prompt = value,
            Meaning::Repository => self.repository = value,
            Meaning::FileOfRepository => self.file = value,
            Meaning::HintAt(values, why) if !is_one_of(values) => return refusal(why),
            Meaning::Hint | Meaning::HintAt(..) => self.ignore(name, value.as_deref()),
            Meaning::InRequests => return refusal(IN_REQUESTS),
            Meaning::Refused(why) => return refusal(why),
        }
        Ok(())
    }

    fn set(&mut self, own: &str, value: Option<&OsStr>) {
        // Where there is no value, clap says what is missing.
        let value = value.into_iter().flat_map(|value| [OsStr::new("="), value]);
        self.own.push(std::iter::once(OsStr::new(own)).chain(value).collect());
    }

    /// Tells the command of a hint.
    fn ignore(&mut self, name: &str, value: Option<&OsStr>) {
        let value = value.into_iter().flat_map(|value| [OsStr::new(" "), value]);
        let hint: OsString = std::iter::once(OsStr::new(name)).chain(value).collect();
        self.set(IGNORED, Some(&hint));
    }

    /// What could not be said before all was read, then what stands behind `--`.
    fn finish(mut self, rest: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
        match (self.repository.take(), self.file.take()) {
            (None, Some(_)) => {
                return Err(Failure::usage("--hf-file: name its repository, too: -hf ORGANISATION/NAME"));
            }
            (Some(repository), file) => {
                let mut model = OsString::from("hf:");
                match (repository.to_str().and_then(|text| text.split_once(':')), &file) {
                    // A file that is named overrides how one is picked.
                    (Some((repository, _)), Some(_)) => model.push(repository),
                    _ => model.push(repository),
                }
                if let Some(file) = file {
                    model.push("/");
                    model.push(file);
                }
                self.set("--model", Some(&model));
            }
            (None, None) => {}
        }
        let prompt = self.prompt.take();
        if prompt.is_some() || !rest.is_empty() {
            self.own.push("--".into());
            self.own.extend(prompt.into_iter().chain(rest));
        }
        Ok(self.own)
    }
}
