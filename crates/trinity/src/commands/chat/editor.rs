//! What the line editor knows of a conversation: colours, and what Tab completes.

use std::borrow::Cow;

use rustyline::{
    Context, Helper,
    completion::{Completer, FilenameCompleter, Pair},
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
    validate::Validator,
};

use super::slash::{self, Argument};

/// Colours of the prompt: bold cyan.
const PROMPT: &str = "\x1b[1;36m";
/// Bold: what a person says beside what a model says.
const TYPED: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";
/// Up to so many bytes a line is drawn anew for each character, so that all of it is bold; a longer one when it is
/// entered.
const DRAWN_BYTES_MAX: usize = 256;

/// Completes commands, their words and file names; shows prompt and typed text apart from replies.
pub(super) struct ChatHelper {
    files: FilenameCompleter,
    /// Names of the settings that `/set` takes.
    settings: Vec<String>,
}

impl ChatHelper {
    /// Creates a helper that completes the names of `settings`.
    pub(super) fn new(settings: Vec<String>) -> Self {
        Self { files: FilenameCompleter::new(), settings }
    }

    /// Where the word begins that ends at `pos`, and what it may become; `None` where it is a file's name.
    fn words(&self, line: &str, pos: usize) -> Option<(usize, Vec<String>)> {
        let typed = line.get(..pos)?;
        let starting = |word: &str, all: Vec<String>| all.into_iter().filter(|w| w.starts_with(word)).collect();
        let Some((name, rest)) = typed.split_once(char::is_whitespace) else {
            let names = slash::COMMANDS.iter().map(|c| format!("/{}", c.name)).collect();
            return Some((0, if typed.starts_with('/') { starting(typed, names) } else { Vec::new() }));
        };
        let command = slash::COMMANDS.iter().find(|c| name.strip_prefix('/') == Some(c.name));
        let start = pos - rest.trim_start().len();
        let word = typed.get(start..)?;
        match command.map(|command| command.argument) {
            Some(Argument::File) => None,
            Some(Argument::Setting) if !word.contains(char::is_whitespace) => {
                Some((start, starting(word, self.settings.clone())))
            }
            Some(Argument::Think) => Some((start, starting(word, slash::think_words()))),
            _ => Some((pos, Vec::new())),
        }
    }
}

impl Completer for ChatHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Some((start, words)) = self.words(line, pos) else { return self.files.complete(line, pos, context) };
        let pair = |word: String| Pair { display: word.clone(), replacement: word };
        Ok((start, words.into_iter().map(pair).collect()))
    }
}

/// The editor asks for colours only where it may use them: it knows `NO_COLOR` and dumb terminals.
impl Highlighter for ChatHelper {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        Cow::Owned(format!("{TYPED}{line}{PLAIN}"))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        Cow::Owned(format!("{PROMPT}{prompt}{PLAIN}"))
    }

    fn highlight_char(&self, line: &str, _pos: usize, kind: CmdKind) -> bool {
        match kind {
            CmdKind::MoveCursor => false,
            CmdKind::Other => line.len() <= DRAWN_BYTES_MAX,
            CmdKind::ForcedRefresh => true,
        }
    }
}

impl Hinter for ChatHelper {
    type Hint = String;
}

impl Validator for ChatHelper {}

impl Helper for ChatHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_knows_commands_settings_and_files() {
        let helper = ChatHelper::new(["top_k", "top_p", "seed"].map(str::to_owned).to_vec());
        let words = |line: &str| helper.words(line, line.len());
        assert_eq!(words("/re"), Some((0, vec!["/regen".to_owned(), "/read".to_owned()])));
        assert_eq!(words("/set top"), Some((5, vec!["top_k".to_owned(), "top_p".to_owned()])));
        assert_eq!(words("/set seed 4"), Some((11, Vec::new())));
        assert_eq!(words("/think o"), Some((7, vec!["on".to_owned(), "off".to_owned()])));
        assert_eq!(words("/read no"), None, "a file");
        assert_eq!(words("hello /re"), Some((9, Vec::new())), "text is no command");
        assert_eq!(words("hel"), Some((0, Vec::new())));
    }
}
