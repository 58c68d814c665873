//! What a person types, with editing and history, or what is piped in, one message a line.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
    path::PathBuf,
};

use rustyline::{CompletionType, Config, Editor, error::ReadlineError, history::FileHistory};

use super::editor::ChatHelper;
use crate::{
    failure::{Failure, Kind},
    terminal,
};

/// Lines of history kept.
const HISTORY_LINES_MAX: usize = 1000;

/// Longest line that is piped in, bytes.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// Starts and ends a message of several lines.
const MULTI_LINE: &str = "\"\"\"";

/// What was entered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// A line, which may be a command.
    Line(String),
    /// A message between quotes: never a command.
    Block(String),
    /// What was piped in is no text, and why; what comes behind it can be read.
    Unreadable(String),
}

/// Source of entries: a person with a line editor, or what is piped in.
pub(super) struct Lines {
    source: Source,
    /// What is wrong with a line of the entry that is being read.
    bad_line: Option<String>,
    /// What was typed ahead and came where a question was asked.
    kept: VecDeque<String>,
}

enum Source {
    Person {
        editor: Box<Editor<ChatHelper, FileHistory>>,
        history: Option<PathBuf>,
    },
    /// Standard input that is no terminal, and the number of the line that was read last.
    Piped(usize),
}

impl Lines {
    /// Opens standard input; Tab completes the names of `settings`.
    pub(super) fn new(settings: Vec<String>) -> Result<Self, Failure> {
        if !terminal::stdin_is_terminal() {
            return Ok(Self::of(Source::Piped(0)));
        }
        let config = Config::builder().max_history_size(HISTORY_LINES_MAX).map_err(|e| failure(&e))?;
        let config = config.completion_type(CompletionType::List).build();
        let mut editor: Editor<ChatHelper, _> = Editor::with_config(config).map_err(|e| failure(&e))?;
        editor.set_helper(Some(ChatHelper::new(settings)));
        let history = hub::Hub::from_environment(true).ok().map(|hub| hub.home().join("chat-history"));
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self::of(Source::Person { editor: Box::new(editor), history }))
    }

    fn of(source: Source) -> Self {
        Self { source, bad_line: None, kept: VecDeque::new() }
    }

    /// Returns whether a person types.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self.source, Source::Person { .. })
    }

    /// The next message or command; `None` at the end of input. A person finds `initial` on the line.
    pub(super) fn entry(&mut self, initial: &str) -> Result<Option<Entry>, Failure> {
        let entry = self.read(initial)?;
        Ok(self.bad_line.take().map(Entry::Unreadable).or(entry))
    }

    /// Asks a person; yes by default, no at the end of input and after Ctrl-C. What was typed ahead and is no answer
    /// stays for later.
    pub(super) fn ask(&mut self, question: &str) -> Result<bool, Failure> {
        loop {
            let Source::Person { editor, .. } = &mut self.source else { return Ok(false) };
            let line = match editor.readline(&format!("{question} [Y/n] ")) {
                Ok(line) => line,
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(false),
                Err(error) => return Err(failure(&error)),
            };
            match line.trim().to_lowercase().as_str() {
                "" | "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.kept.push_back(line),
            }
        }
    }

    fn read(&mut self, initial: &str) -> Result<Option<Entry>, Failure> {
        let Some(first) = self.line(">>> ", initial)? else { return Ok(None) };
        let Some(opened) = first.trim_start().strip_prefix(MULTI_LINE) else {
            return self.continued(first).map(|line| Some(Entry::Line(line)));
        };
        let mut text = opened.to_owned();
        loop {
            if let Some(closed) = text.trim_end().strip_suffix(MULTI_LINE) {
                return Ok(Some(Entry::Block(closed.trim_matches('\n').to_owned())));
            }
            let Some(line) = self.line("... ", "")? else { return Ok(Some(Entry::Block(text))) };
            text.push('\n');
            text.push_str(&line);
        }
    }

    /// A line that ends in a backslash goes on in the next.
    fn continued(&mut self, mut text: String) -> Result<String, Failure> {
        while let Some(kept) = text.strip_suffix('\\').map(ToOwned::to_owned) {
            text = kept + "\n" + &self.line("... ", "")?.unwrap_or_default();
        }
        Ok(text)
    }

    fn line(&mut self, prompt: &str, initial: &str) -> Result<Option<String>, Failure> {
        if let Some(kept) = self.kept.pop_front() {
            terminal::put(&format!("{prompt}{kept}\n"))?;
            return Ok(Some(kept));
        }
        match &mut self.source {
            Source::Person { editor, .. } => loop {
                match editor.readline_with_initial(prompt, (initial, "")) {
                    Ok(line) => {
                        editor.add_history_entry(line.as_str()).map_err(|e| failure(&e))?;
                        return Ok(Some(line));
                    }
                    Err(ReadlineError::Eof) => return Ok(None),
                    // Ctrl-C at the prompt clears the line.
                    Err(ReadlineError::Interrupted) => terminal::say("(Ctrl-D or /exit to leave)\n"),
                    Err(error) => return Err(failure(&error)),
                }
            },
            Source::Piped(number) => {
                *number += 1;
                let line = piped_line(io::stdin().lock()).map_err(|e| failure(&e))?;
                Ok(line.map(|line| {
                    line.unwrap_or_else(|why| {
                        self.bad_line.get_or_insert(format!("standard input: line {number}: {why}"));
                        String::new()
                    })
                }))
            }
        }
    }

    /// Writes the history, where a person typed.
    pub(super) fn save(&mut self) {
        if let Source::Person { editor, history: Some(path) } = &mut self.source {
            if let Some(folder) = path.parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            if let Err(error) = editor.save_history(path) {
                terminal::say(&format!("warning: history not saved: {}: {error}\n", path.display()));
            }
        }
    }
}

/// The next line without its end, or why it is no text.
fn piped_line(mut source: impl BufRead) -> io::Result<Option<Result<String, String>>> {
    let mut bytes = Vec::new();
    let read = source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    let is_whole = bytes.last() == Some(&b'\n');
    if !is_whole && read as u64 == LINE_BYTES_MAX {
        source.skip_until(b'\n')?;
        return Ok(Some(Err(format!("more than {LINE_BYTES_MAX} bytes"))));
    }
    bytes.truncate(bytes.len() - usize::from(is_whole));
    bytes.truncate(bytes.len() - usize::from(bytes.last() == Some(&b'\r')));
    Ok(Some(String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let byte = e.as_bytes().get(at).copied().unwrap_or_default();
        format!("not UTF-8: byte {at} is 0x{byte:02x}")
    })))
}

fn failure(error: &dyn std::error::Error) -> Failure {
    Failure::new(Kind::Failure, format!("standard input: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_pipe_end_in_any_way_and_a_bad_one_does_not_end_them() {
        let mut source: &[u8] = b"one\r\n\ntw\xffo\nthree";
        let mut next = || piped_line(&mut source).unwrap();
        assert_eq!(next(), Some(Ok("one".to_owned())));
        assert_eq!(next(), Some(Ok(String::new())));
        assert_eq!(next(), Some(Err("not UTF-8: byte 2 is 0xff".to_owned())));
        assert_eq!(next(), Some(Ok("three".to_owned())));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_line_without_end_is_left_out_whole() {
        let mut source = io::BufReader::new(io::repeat(b'x').take(LINE_BYTES_MAX + 5).chain(&b"\nnext\n"[..]));
        assert!(piped_line(&mut source).unwrap().unwrap().unwrap_err().contains("more than"));
        assert_eq!(piped_line(&mut source).unwrap(), Some(Ok("next".to_owned())));
    }
}
