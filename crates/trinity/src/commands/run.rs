//! `trinity run [MODEL] [PROMPT]`: completes a prompt and prints the text as it comes.

use std::{fs::File, ops::ControlFlow, path::PathBuf};

use clap::Args;

use super::{
    model_args::{self, ModelArgs},
    prompt, report,
    sampling_args::SamplingArgs,
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
    /// System message, for models with a chat template
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
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
    let mut loaded = args.load.load(model.as_deref(), global)?;
    let template = loaded.template.take().filter(|_| !args.raw);
    let ids = match &template {
        Some(template) => {
            prompt::encode_messages(&loaded.tokenizer, template, &prompt::single(args.system.as_deref(), &text))?
        }
        None if args.system.is_some() => {
            return Err(Failure::usage(format!("--system needs a chat template, and {} has none", loaded.name)));
        }
        None => {
            // On a screen the story begins with its prompt; in a pipe there is only the completion.
            terminal::echo_prompt(&text);
            prompt::encode_text(&loaded.tokenizer, &text)
        }
    };
    let request = args.sampling.request(ids);
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
    if global.verbose > 0 {
        terminal::say(&report::line(&completion, request.sampling.seed));
    }
    Ok(())
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
