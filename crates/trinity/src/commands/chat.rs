//! `trinity chat [MODEL]`: a conversation in the terminal. Ctrl-C stops the reply, Ctrl-D or `/exit` the program.

mod conversation;
mod slash;

use clap::Args;
use rustyline::{Config, Editor, error::ReadlineError, history::FileHistory};

use super::{model_args::ModelArgs, report, sampling_args::SamplingArgs};
use crate::{
    cli::Global,
    failure::{Failure, Kind},
    terminal,
};
use conversation::Conversation;

/// Lines of history kept.
const HISTORY_LINES_MAX: usize = 1000;

/// Starts and ends a message of several lines.
const MULTI_LINE: &str = "\"\"\"";

/// Arguments of `chat`.
#[derive(Args)]
pub(crate) struct ChatArgs {
    /// The model, by name or path; it must have a chat template
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// System message
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Format of the conversation, for models without a template (chatml, llama3, …)
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    #[command(flatten)]
    load: ModelArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// Reads, answers, repeats.
pub(crate) fn run(args: &ChatArgs, global: &Global) -> Result<(), Failure> {
    args.sampling.check()?;
    let loaded = args.load.load(args.model.as_deref(), global)?;
    let mut conversation =
        Conversation::new(loaded, args.template.as_deref(), args.system.clone(), args.sampling.clone())?;
    terminal::catch_interrupt()?;
    let mut lines = Lines::new()?;
    if lines.is_terminal {
        let name = args.model.as_deref().unwrap_or_else(|| conversation.model_name());
        terminal::say(&format!("{name}: type a message, or /help\n"));
    }
    while let Some(message) = lines.message()? {
        if let Some(command) = message.strip_prefix('/') {
            match slash::run(command, &mut conversation) {
                Ok(slash::Next::Stay) => {}
                Ok(slash::Next::Leave) => break,
                // A wrong command in a conversation is talk, not the end of it.
                Err(failure) if lines.is_terminal => terminal::say(&failure.line()),
                Err(failure) => return Err(failure),
            }
            continue;
        }
        if message.trim().is_empty() {
            continue;
        }
        match conversation.reply(&message) {
            Ok((completion, seed)) if global.verbose > 0 => terminal::say(&report::line(&completion, seed)),
            Ok(_) => {}
            Err(failure) if lines.is_terminal => terminal::say(&failure.line()),
            Err(failure) => return Err(failure),
        }
    }
    lines.save();
    Ok(())
}

/// Messages typed by a person (with editing and history) or piped in, one a line.
struct Lines {
    editor: Editor<(), FileHistory>,
    history: Option<std::path::PathBuf>,
    is_terminal: bool,
}

impl Lines {
    fn new() -> Result<Self, Failure> {
        let readline = |e: ReadlineError| Failure::new(Kind::Failure, format!("standard input: {e}"));
        let config =
            Config::builder().max_history_size(HISTORY_LINES_MAX).map_err(readline)?.auto_add_history(true).build();
        let mut editor = Editor::with_config(config).map_err(readline)?;
        let is_terminal = terminal::stdin_is_terminal();
        let history =
            hub::Hub::from_environment(true).ok().map(|hub| hub.home().join("chat-history")).filter(|_| is_terminal);
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history, is_terminal })
    }

    /// The next message; `None` at the end of input.
    fn message(&mut self) -> Result<Option<String>, Failure> {
        let Some(first) = self.line(">>> ")? else { return Ok(None) };
        let Some(opened) = first.trim_start().strip_prefix(MULTI_LINE) else {
            return self.continued(first).map(Some);
        };
        let mut text = opened.to_owned();
        loop {
            if let Some(closed) = text.trim_end().strip_suffix(MULTI_LINE) {
                return Ok(Some(closed.trim_matches('\n').to_owned()));
            }
            let Some(line) = self.line("... ")? else { return Ok(Some(text)) };
            text.push('\n');
            text.push_str(&line);
        }
    }

    /// A line that ends in a backslash goes on in the next.
    fn continued(&mut self, mut text: String) -> Result<String, Failure> {
        while let Some(kept) = text.strip_suffix('\\').map(ToOwned::to_owned) {
            text = kept + "\n" + &self.line("... ")?.unwrap_or_default();
        }
        Ok(text)
    }

    fn line(&mut self, prompt: &str) -> Result<Option<String>, Failure> {
        loop {
            match self.editor.readline(if self.is_terminal { prompt } else { "" }) {
                Ok(line) => return Ok(Some(line)),
                Err(ReadlineError::Eof) => return Ok(None),
                // Ctrl-C at the prompt clears the line.
                Err(ReadlineError::Interrupted) => terminal::say("(Ctrl-D or /exit to leave)\n"),
                Err(error) => return Err(Failure::new(Kind::Failure, format!("standard input: {error}"))),
            }
        }
    }

    fn save(&mut self) {
        if let Some(path) = &self.history {
            if let Some(folder) = path.parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            if let Err(error) = self.editor.save_history(path) {
                terminal::say(&format!("warning: history not saved: {}: {error}\n", path.display()));
            }
        }
    }
}
