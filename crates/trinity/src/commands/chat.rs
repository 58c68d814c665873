//! `trinity chat [MODEL]`: a conversation in the terminal. Ctrl-C stops the reply, Ctrl-D or `/exit` the program.

mod conversation;
mod editor;
mod lines;
mod slash;
mod wrap;

use clap::Args;

use super::{
    foreign_flags::ForeignHints, loaded::Loaded, model_args::ModelArgs, present, pull, report,
    sampling_args::SamplingArgs, template_args::TemplateArgs, think::Think,
};
use crate::{
    cli::{Global, group},
    failure::{Failure, Kind},
    terminal,
};
use conversation::{Conversation, Said};
use lines::{Entry, Lines};
use slash::Next;

/// Arguments of `chat`.
#[derive(Args)]
#[command(next_help_heading = group::PROMPT)]
pub(crate) struct ChatArgs {
    /// The model, by name or path; one without a chat template needs --chat-template [default: the last that was pulled
    /// and has one]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// The same as a flag
    #[arg(short = 'm', long = "model", value_name = "MODEL", conflicts_with = "model")]
    named_model: Option<String>,
    /// System message
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Whether a model that can think does so before it answers
    #[arg(long, value_enum, value_name = "HOW")]
    think: Option<Think>,
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    load: ModelArgs,
    #[command(flatten)]
    foreign: ForeignHints,
}

impl ChatArgs {
    /// Arguments of the conversation that `trinity run MODEL` begins where a person types.
    pub(super) fn new(
        model: &str,
        system: Option<String>,
        think: Option<Think>,
        template: TemplateArgs,
        load: ModelArgs,
        sampling: SamplingArgs,
    ) -> Self {
        let (named_model, foreign) = (None, ForeignHints::default());
        Self { model: Some(model.to_owned()), named_model, system, think, template, sampling, load, foreign }
    }

    /// The model that was named, one way or the other.
    fn model(&self) -> Option<&str> {
        self.named_model.as_deref().or(self.model.as_deref())
    }
}

/// Number of states, where layers carry them: the conversation's, and those that its next turn goes on from.
const N_STATES: usize = 4;

/// Reads, answers, repeats.
pub(crate) fn run(args: &ChatArgs, global: &Global) -> Result<(), Failure> {
    args.foreign.say();
    args.sampling.check()?;
    let model = match args.model() {
        Some(model) => pull::find_or_ask(model, global).map(|_| model.to_owned())?,
        None => present::to_talk_to(args.template.is_given(), global)?,
    };
    let loaded = Loaded::new(&args.load, Some(&model), &args.template, N_STATES, global)?;
    let conversation = Conversation::new(loaded, args.system.clone(), args.think, args.sampling.clone())?;
    terminal::catch_interrupt()?;
    let mut lines = Lines::new(conversation.setting_names())?;
    if lines.is_terminal() {
        terminal::say(&format!("{model}: type a message, or /help\n"));
    }
    let mut first_failure = None;
    let mut talk = Talk { conversation, is_verbose: global.verbose > 0, has_hinted: false };
    let mut next = Next::Stay;
    loop {
        match talk.turn(std::mem::replace(&mut next, Next::Stay), &mut lines) {
            Ok(Next::Leave) => break,
            Ok(then) => next = then,
            Err(failure) if failure.ends_talk() => return Err(failure),
            // What cannot be done in a conversation is talk, not the end of it: what was piped in behind it is
            // answered, too.
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
    /// Does what the command before asked for; else reads an entry, and runs the command or answers the message.
    fn turn(&mut self, now: Next, lines: &mut Lines) -> Result<Next, Failure> {
        let (initial, is_edit) = match now {
            Next::Leave => return Ok(Next::Leave),
            Next::Regenerate => {
                let said = self.conversation.reply_again(None)?;
                return Ok(self.report(&said));
            }
            Next::Edit { text, is_whole } if is_whole || !lines.is_terminal() => {
                let said = self.conversation.reply_again(Some(&text))?;
                return Ok(self.report(&said));
            }
            Next::Edit { text, .. } => (text, true),
            Next::Stay => (String::new(), false),
        };
        let text = match lines.entry(&initial)? {
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
        if text.trim().is_empty() {
            return Ok(Next::Stay);
        }
        if is_edit {
            let said = self.conversation.reply_again(Some(&text))?;
            return Ok(self.report(&said));
        }
        if lines.is_terminal()
            && self.conversation.needs_room(&text)?
            && lines.ask("the context is full: go on without the oldest turns?")?
        {
            self.conversation.make_room(&text)?;
        }
        let said = self.conversation.reply(&text)?;
        Ok(self.report(&said))
    }

    fn report(&self, said: &Said) -> Next {
        if self.is_verbose {
            terminal::say(&report::line(&said.completion, said.seed));
        }
        Next::Stay
    }
}
