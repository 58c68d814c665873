//! `trinity run [MODEL] [PROMPT]`: completes a prompt and prints the text as it comes.

use std::{fs::File, ops::ControlFlow, path::PathBuf};

use clap::Args;
use tokenizer::TokenId;

use super::{
    model_args::{self, Loaded, ModelArgs},
    prompt::{self, Think},
    report,
    sampling_args::SamplingArgs,
    template_args::TemplateArgs,
};
use crate::{
    cli::Global,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `run`.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// The model and the prompt; one word alone is the prompt (or, with piped input, a model that exists), '-' reads standard input
    #[arg(value_name = "[MODEL] PROMPT", num_args = 0..=2)]
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
    load: ModelArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// Loads, generates, prints.
pub(crate) fn run(args: &RunArgs, global: &Global) -> Result<(), Failure> {
    args.sampling.check()?;
    terminal::catch_interrupt()?;
    let (model, text) = model_and_prompt(args, global)?;
    let mut loaded = args.load.load(model.as_deref(), &args.template, global)?;
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

/// The prompt by the model's template, or the text as it is where there is none or it is not wanted.
fn encode(args: &RunArgs, loaded: &mut Loaded, text: &str) -> Result<Vec<TokenId>, Failure> {
    if !args.raw && !args.special && !loaded.template.is_missing() {
        let template = std::mem::take(&mut loaded.template).into_template(&loaded.name);
        let template = template.map_err(|failure| {
            failure.with_hint("--raw completes text without it, --chat-template chatml names another format")
        })?;
        args.think.map_or(Ok(()), |think| think.check(&template))?;
        let messages = prompt::single(args.system.as_deref(), text);
        return prompt::encode_messages(&loaded.tokenizer, &template, &messages, args.think);
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

/// Where model and prompt come from.
fn model_and_prompt(args: &RunArgs, global: &Global) -> Result<(Option<String>, String), Failure> {
    let mut words = args.words.iter();
    let mut model = args.model.clone();
    let text = match (args.words.len(), &args.file) {
        (n, Some(_)) if n == 2 || (n == 1 && model.is_some()) => return Err(Failure::usage("a prompt and --file")),
        (2, None) => {
            if model.is_some() {
                return Err(Failure::usage("a model twice: as --model and before the prompt"));
            }
            model = words.next().cloned();
            words.next().cloned()
        }
        (1, Some(_)) if model.is_none() => {
            model = words.next().cloned();
            None
        }
        (1, None) => {
            let word = words.next().cloned().unwrap_or_default();
            // With piped input, a word that is a model on this machine is one.
            if model.is_none() && !terminal::stdin_is_terminal() && model_args::is_present(&word, global) {
                model = Some(word);
                None
            } else {
                Some(word)
            }
        }
        _ => None,
    };
    let text = match (text, &args.file) {
        (Some(text), _) if text != "-" => text,
        (_, Some(path)) => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
            terminal::read_text(&name, file)?
        }
        (None, None) if terminal::stdin_is_terminal() => {
            return Err(Failure::usage("no prompt").with_hint("trinity run \"Once upon a time\""));
        }
        _ => terminal::read_stdin()?,
    };
    Ok((model, text))
}
