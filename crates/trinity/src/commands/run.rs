//! `trinity run [MODEL] [PROMPT]`: completes a prompt and prints the text as it comes; a model alone is talked to.

mod words;

use std::{ops::ControlFlow, path::PathBuf};

use ::chat::Message;
use clap::Args;
use tokenizer::TokenId;

use super::{
    chat::{self, ChatArgs},
    foreign_flags::ForeignHints,
    loaded::Loaded,
    model_args::ModelArgs,
    opened, pull, report,
    sampling_args::SamplingArgs,
    template_args::{self, TemplateArgs},
    think::{self, Think},
};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal,
};
use words::Asked;

/// Arguments of `run`.
#[derive(Args)]
#[command(next_help_heading = group::PROMPT)]
pub(crate) struct RunArgs {
    /// The model and the prompt. A model alone is talked to, or completes what is typed or piped in; what is no model
    /// is the prompt; '-' reads standard input
    #[arg(value_name = "[MODEL] PROMPT", num_args = 0..)]
    words: Vec<String>,
    /// The model, by name or path [default: the one in the program]
    #[arg(short, long, value_name = "MODEL")]
    model: Option<String>,
    /// Read the prompt from a file
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Complete the text as it is, also where the model has a chat template
    #[arg(long)]
    raw: bool,
    /// Read control tokens that the text spells as those tokens, and complete it as it is
    #[arg(long)]
    special: bool,
    /// Whether a model that can think does so before it answers
    #[arg(long, value_enum, value_name = "HOW", conflicts_with_all = ["raw", "special"])]
    think: Option<Think>,
    /// System message, for models with a chat template
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["raw", "special"])]
    system: Option<String>,
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    load: ModelArgs,
    #[command(flatten)]
    foreign: ForeignHints,
}

/// Loads, generates, prints.
pub(crate) fn run(args: &RunArgs, global: &Global) -> Result<(), Failure> {
    args.foreign.say();
    args.sampling.check()?;
    let asked = Asked::read(args, global)?;
    if let Some(model) = &asked.model {
        pull::find_or_ask(model, global).map_err(|failure| asked.explain(failure))?;
        if asked.may_talk(args) && can_talk(args, model, global)? {
            let (system, template) = (args.system.clone(), args.template.clone());
            let (load, sampling) = (args.load.clone(), args.sampling.clone());
            return chat::run(&ChatArgs::new(model, system, args.think, template, load, sampling), global);
        }
    }
    let text = asked.text(args)?;
    terminal::catch_interrupt()?;
    let mut loaded = Loaded::new(&args.load, asked.model.as_deref(), &args.template, 1, global)?;
    let ids = encode(args, &mut loaded, &text)?;
    let mut sampling = args.sampling.clone();
    sampling.settle(loaded.sampling);
    let request = sampling.request(ids);
    let mut printed = Ok(());
    let completion = loaded.engine.generate(&request, &mut |event| {
        printed = terminal::put(event.text);
        if printed.is_err() || terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    printed?;
    let completion = completion.map_err(|e| loaded.failure(&e))?;
    terminal::put("\n")?;
    if terminal::is_interrupted() {
        return Err(Failure::interrupted());
    }
    report::say_repetition(&completion);
    if global.verbose > 0 {
        terminal::say(&report::line(&completion, request.sampling.seed));
    }
    Ok(())
}

/// Returns whether there is a template by which the model can be talked to.
fn can_talk(args: &RunArgs, model: &str, global: &Global) -> Result<bool, Failure> {
    Ok(args.template.is_given() || template_args::can_chat(&opened::find(Some(model), global)?))
}

/// The prompt by the model's template, or the text as it is where there is none or it is not wanted.
fn encode(args: &RunArgs, loaded: &mut Loaded, text: &str) -> Result<Vec<TokenId>, Failure> {
    if !args.raw && !args.special && !loaded.template.is_missing() {
        let template = std::mem::take(&mut loaded.template).into_template(&loaded.name);
        let template = template.map_err(|failure| {
            failure.with_hint("--raw completes text without it, --chat-template chatml names another format")
        })?;
        args.think.map_or(Ok(()), |think| think.check(&template))?;
        let system = args.system.as_deref().map(Message::system);
        let messages: Vec<Message> = system.into_iter().chain([Message::user(text)]).collect();
        return think::encode_messages(&loaded.tokenizer, &template, &messages, args.think);
    }
    for (is_given, flag) in [(args.system.is_some(), "--system"), (args.think.is_some(), "--think")] {
        if is_given {
            return Err(Failure::usage(format!("{flag} needs a chat template, and {} has none", loaded.name)));
        }
    }
    // On a screen the story begins with its prompt; in a pipe there is only the completion.
    terminal::echo_prompt(text);
    let encode = if args.special { prompt::encode_special } else { prompt::encode_text };
    Ok(encode(&loaded.tokenizer, text))
}
