//! `trinity chat [MODEL]`: a conversation in the terminal. Ctrl-C stops the reply, Ctrl-D or `/exit` the program.

mod conversation;
mod lines;
mod slash;

use clap::Args;

use super::{model_args::ModelArgs, prompt::Think, report, sampling_args::SamplingArgs, template_args::TemplateArgs};
use crate::{
    cli::Global,
    failure::{Failure, Kind},
    terminal,
};
use conversation::Conversation;
use lines::{Entry, Lines};
use slash::Next;

/// Arguments of `chat`.
#[derive(Args)]
pub(crate) struct ChatArgs {
    /// The model, by name or path; one without a chat template needs --chat-template
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// System message
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Whether a model that can think does so before it answers
    #[arg(long, value_enum, value_name = "HOW")]
    think: Option<Think>,
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    load: ModelArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// Reads, answers, repeats.
pub(crate) fn run(args: &ChatArgs, global: &Global) -> Result<(), Failure> {
    args.sampling.check()?;
    let loaded = args.load.load(args.model.as_deref(), &args.template, global)?;
    let conversation = Conversation::new(loaded, args.system.clone(), args.think, args.sampling.clone())?;
    terminal::catch_interrupt()?;
    let mut lines = Lines::new()?;
    if lines.is_terminal() {
        let name = args.model.as_deref().unwrap_or(conversation.model_name());
        terminal::say(&format!("{name}: type a message, or /help\n"));
    }
    let mut first_failure = None;
    let mut talk = Talk { conversation, is_verbose: global.verbose > 0, has_hinted: false };
    loop {
        match talk.turn(lines.entry()?) {
            Ok(Next::Stay) => {}
            Ok(Next::Leave) => break,
            Err(failure) if failure.ends_talk() => return Err(failure),
            // What cannot be done in a conversation is talk, not the end of it: what was piped in behind it is answered, too.
            Err(failure) => {
                terminal::say(&failure.line());
                if !lines.is_terminal() {
                    first_failure.get_or_insert(failure);
                }
            }
        }
    }
    lines.save();
    first_failure.map_or(Ok(()), |failure| Err(failure.already_said()))
}

/// A conversation as it is led.
struct Talk {
    conversation: Conversation,
    is_verbose: bool,
    has_hinted: bool,
}

impl Talk {
    /// Runs a command or answers a message.
    fn turn(&mut self, entry: Option<Entry>) -> Result<Next, Failure> {
        let text = match entry {
            None => return Ok(Next::Leave),
            Some(Entry::Line(line)) => match slash::parse(&line) {
                Some(Ok(command)) => return slash::run(&command, &mut self.conversation),
                Some(Err(why)) => {
                    if !std::mem::replace(&mut self.has_hinted, true) {
                        terminal::say(&format!("hint: {why}: taken as text; /help lists the commands\n"));
                    }
                    line
                }
                None => line,
            },
            Some(Entry::Block(text)) => text,
            Some(Entry::Unreadable(why)) => return Err(Failure::new(Kind::Failure, why)),
        };
        if !text.trim().is_empty() {
            let (completion, seed) = self.conversation.reply(&text)?;
            if self.is_verbose {
                terminal::say(&report::line(&completion, seed));
            }
        }
        Ok(Next::Stay)
    }
}
