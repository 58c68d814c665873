//! Perplexity before and after, so that the loss can be told in what it does.

use std::{fs::File, ops::ControlFlow, path::Path};

use clap::Parser;
use eval::perplexity;
use hub::Resolved;
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use super::QuantizeArgs;
use crate::{
    commands::{context_plan::ContextPlan, i2s_order::I2sArgs, model_args::ModelArgs, opened},
    failure::{Failure, Kind},
    terminal,
};

/// Tokens of a window, as in `trinity eval perplexity`.
const WINDOW_LEN: usize = 512;

/// Loading as a user gets it who says nothing.
#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    load: ModelArgs,
}

/// Refuses a text or a model that is too short for a window, before work is done whose result could not be measured.
pub(super) fn check(model: &Resolved, text: &Path) -> Result<(), Failure> {
    let container = opened::container(model)?;
    let context_len = model::context_len(&container)?;
    if context_len < WINDOW_LEN {
        let what = format!("{}: a context of {context_len} tokens, but --eval needs {WINDOW_LEN}", container.name());
        return Err(Failure::new(Kind::Failure, what));
    }
    let n_tokens = tokens(&opened::tokenizer(&container)?, text)?.len();
    if n_tokens < WINDOW_LEN {
        let what = format!("{}: {n_tokens} tokens, but --eval needs {WINDOW_LEN}", text.display());
        return Err(Failure::new(Kind::Failure, what));
    }
    Ok(())
}

fn tokens(tokenizer: &Tokenizer, text: &Path) -> Result<Vec<TokenId>, Failure> {
    let name = text.display().to_string();
    let file = File::open(text).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
    let mut tokens = Vec::new();
    tokenizer.encode(&terminal::read_text(&name, file)?, ControlTokens::AsText, true, &mut tokens);
    Ok(tokens)
}

/// Perplexity of `text` by `model`, over at most as many windows as `args` say.
pub(super) fn measure(model: &Resolved, text: &Path, args: &QuantizeArgs, i2s: I2sArgs) -> Result<f64, Failure> {
    let mut container = opened::container(model)?;
    i2s.apply(&mut container, args.output.threads)?;
    let tokenizer = Tokenizer::from_gguf(container.metadata())?;
    let mut load = Defaults::parse_from(["quantize"]).load;
    load.threads = args.output.threads;
    let (mut model, _) = load.load(&container, ContextPlan::to_measure(&container, WINDOW_LEN)?)?;
    let tokens = tokens(&tokenizer, text)?;
    let n_chunks = args.eval_chunks.min(tokens.len() / WINDOW_LEN).max(1);
    let options =
        perplexity::Options { window_len: WINDOW_LEN, n_chunks: Some(n_chunks), first: tokenizer.added_first() };
    let bar = terminal::progress("perplexity", n_chunks as u64, false);
    let result = perplexity::measure(&mut model, &tokens, &options, &mut |n_done, so_far| {
        bar.set_position(n_done as u64);
        bar.set_message(format!("{so_far:.4}"));
        if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    Ok(result?.perplexity)
}
