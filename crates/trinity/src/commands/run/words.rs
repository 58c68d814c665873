//! Which of the words of `trinity run` is the model, and what the prompt.

use std::{fs::File, io::Read, path::Path};

use hub::{Error, Hub, Resolved};

use super::RunArgs;
use crate::{
    cli::Global,
    failure::{Failure, Kind},
    terminal,
};

/// First bytes of a model file.
const MAGIC: &[u8] = b"GGUF";

/// The model and the prompt that the words of a command line stand for.
pub(super) struct Asked {
    /// The model by name, path or address.
    pub(super) model: Option<String>,
    /// The prompt, if it is among the words.
    text: Option<String>,
    n_words: usize,
}

impl Asked {
    /// Several words begin with the model, which `--model` may name instead; one alone is a model or a prompt.
    pub(super) fn read(args: &RunArgs, global: &Global) -> Result<Self, Failure> {
        // Without a home folder there are no names, and the model in the program completes what it is given.
        let hub = Hub::from_environment(global.offline).ok();
        let is_model = |word: &str| hub.as_ref().map_or(Ok(false), |hub| names_model(hub, word));
        let (model, words) = match (&args.model, args.words.as_slice()) {
            (Some(_), [first, _, ..]) if hub.as_ref().is_some_and(|hub| hub.check(first).is_ok()) => {
                return Err(Failure::usage("a model twice: as --model and before the prompt"));
            }
            (Some(model), words) => (Some(model.clone()), words),
            (None, words @ [only]) if args.file.is_none() && !is_model(only)? => (None, words),
            (None, [first, rest @ ..]) => (Some(first.clone()), rest),
            (None, []) => (None, [].as_slice()),
        };
        if !words.is_empty() && args.file.is_some() {
            return Err(Failure::usage("a prompt and --file"));
        }
        let text = (!words.is_empty()).then(|| words.join(" "));
        Ok(Self { model, text, n_words: args.words.len() })
    }

    /// A prompt of several words without quotes looks as if its first word were the model.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        if self.n_words < 3 {
            return failure;
        }
        failure
            .with_hint("the first word is the model; a prompt alone stands in quotes: trinity run \"Once upon a time\"")
    }

    /// Returns whether nothing is said to complete, and a person is there to talk.
    pub(super) fn may_talk(&self, args: &RunArgs) -> bool {
        self.text.is_none() && args.file.is_none() && !args.raw && !args.special && terminal::can_talk()
    }

    /// The prompt: of the words, of a file, or of standard input.
    pub(super) fn text(&self, args: &RunArgs) -> Result<String, Failure> {
        match (&self.text, &args.file) {
            (Some(text), _) if text != "-" => Ok(text.clone()),
            (_, Some(path)) => {
                let name = path.display().to_string();
                let file = File::open(path).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
                terminal::read_text(&name, file)
            }
            (None, None) if self.model.is_none() && terminal::stdin_is_terminal() => {
                Err(Failure::usage("no prompt").with_hint("trinity run \"Once upon a time\", or trinity chat"))
            }
            _ => {
                if !terminal::stdin_is_terminal() {
                    return terminal::read_stdin();
                }
                terminal::say("Type the beginning of a text; Ctrl-D on a line of its own ends it.\n");
                // The line was ended to end the text.
                Ok(terminal::read_stdin()?.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}

/// Returns whether a lone word names the model. A misspelled one is an error: as a prompt another model would answer
/// it.
fn names_model(hub: &Hub, word: &str) -> Result<bool, Failure> {
    let is_plain = !word.contains(char::is_whitespace);
    let is_path = |path: &Path| ["/", "./", "../", "~"].iter().any(|start| path.to_string_lossy().starts_with(start));
    let as_prompt = |error: Error| {
        let hint = format!("trinity run -m MODEL {word:?} completes it as a prompt");
        let failure = Failure::from(error);
        let own = failure.hint().map_or_else(String::new, |own| format!("{own}; "));
        failure.with_hint(own + &hint)
    };
    match hub.resolve(word) {
        Ok(Resolved::File(path)) if path == Path::new(word) => Ok(is_path(&path) || is_gguf(&path) || has_ending(word)),
        Ok(_) | Err(Error::NotInstalled { .. }) => Ok(true),
        Err(error @ (Error::NoFile(_) | Error::NotAFile { .. })) if is_plain && is_path(Path::new(word)) => {
            Err(error.into())
        }
        Err(error @ Error::NoFile(_)) if is_plain && has_ending(word) => Err(error.into()),
        Err(error @ Error::BadName { .. }) if is_plain && (word.starts_with("hf:") || word.contains("://")) => {
            Err(error.into())
        }
        Err(Error::Unknown { name, nearest }) if is_plain && (name.contains(':') || !nearest.is_empty()) => {
            Err(as_prompt(Error::Unknown { name, nearest }))
        }
        Err(
            Error::NoFile(_)
            | Error::NotAFile { .. }
            | Error::BadName { .. }
            | Error::Unknown { .. }
            | Error::Io { .. },
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn has_ending(word: &str) -> bool {
    [".gguf", ".tri"].iter().any(|end| word.ends_with(end))
}

fn is_gguf(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == MAGIC
}
