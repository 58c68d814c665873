//! `trinity embed MODEL`: lines of text in, one vector of each out.

use std::{fs::File, ops::ControlFlow, path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};
use engine::{Engine, POOLING_DEFAULT, unit};
use model::{Forward, PAGE_LEN, Pooling};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use super::{context_plan::ContextPlan, model_args::ModelArgs, opened, pooling_name::PoolingName};
use crate::{
    cli::{Global, group},
    failure::{Failure, Kind},
    terminal,
};

/// Texts that are computed together.
const TOGETHER: usize = 16;

/// Arguments of `embed`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(crate) struct EmbedArgs {
    /// The model, by name or path [default: the one in the program]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Read the texts, one a line, from a file in place of standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Put this before each text, as models ask for that tell questions from documents
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
    /// Cut a text that is longer than the context, which is else refused
    #[arg(long)]
    truncate: bool,
    /// How hidden states become embeddings [default: as the model's file says, else mean]
    #[arg(help_heading = group::OUTPUT, long, value_name = "HOW", value_enum)]
    pooling: Option<PoolingName>,
    /// Only the first so many numbers of each vector, at length 1 again
    #[arg(help_heading = group::OUTPUT, long, value_name = "N", conflicts_with = "no_normalize")]
    dimensions: Option<usize>,
    /// Vectors as the model gives them, not at length 1
    #[arg(help_heading = group::OUTPUT, long)]
    no_normalize: bool,
    /// How vectors are printed
    #[arg(help_heading = group::OUTPUT, long, value_enum, value_name = "FORMAT", default_value = "json")]
    format: Format,
    #[command(flatten)]
    load: ModelArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A JSON array on a line of its own
    Json,
    /// 32-bit floats, the least byte first, one vector behind the other
    Raw,
}

/// Reads lines, prints their vectors in the same order.
pub(crate) fn run(args: &EmbedArgs, global: &Global) -> Result<(), Failure> {
    terminal::catch_interrupt()?;
    let container = args.load.open(args.model.as_deref(), global)?;
    let tokenizer = Arc::new(opened::tokenizer(&container)?);
    let (source, text) = match &args.file {
        Some(path) => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
            (name.clone(), terminal::read_text(&name, file)?)
        }
        None => ("standard input".to_owned(), terminal::read_stdin()?),
    };
    let mut prompts = prompts(&tokenizer, &args.prefix, &source, &text)?;
    let longest = prompts.iter().map(Vec::len).max().unwrap_or(1);
    let plan = ContextPlan::to_answer(&args.load, &container, longest)?;
    fit(&mut prompts, plan.longest(), args.truncate.then_some(&*tokenizer), &source)?;
    let plan = ContextPlan { kv_positions: Some(positions(&prompts)), ..plan };
    let (model, _) = args.load.load_any(&container, plan)?;
    let pooling = pooling(args.pooling, model.spec().pooling)
        .map_err(|what| Failure::new(Kind::Failure, format!("{}: {what}", container.name())))?;
    let width = model.width();
    if let Some(n) = args.dimensions.filter(|n| !(1..=width).contains(n)) {
        return Err(Failure::usage(format!("--dimensions {n}: the vectors of this model have 1 to {width}")));
    }
    let mut engine = Engine::new(Box::new(model), tokenizer);
    let bar = terminal::progress("embed", prompts.len() as u64, false);
    let mut failed = None;
    let done = engine.embed(prompts, pooling, TOGETHER, &mut |vector| {
        bar.inc(1);
        let n = args.dimensions.unwrap_or(width);
        let vector = if args.no_normalize { vector } else { unit(vector, n) };
        let printed = match args.format {
            Format::Json => serde_json::to_string(&vector)
                .map_err(|e| Failure::new(Kind::Failure, e.to_string()))
                .and_then(|line| terminal::put(&(line + "\n"))),
            Format::Raw => terminal::put_bytes(&vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()),
        };
        failed = printed.err();
        if failed.is_some() || terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    done.map_err(|e| Failure::new(Kind::Failure, format!("{}: {e}", container.name())))?;
    match failed {
        Some(failure) => Err(failure),
        None if terminal::is_interrupted() => Err(Failure::interrupted()),
        None => Ok(()),
    }
}

/// The ids of each line; one without text is refused, because it would leave a gap in what comes out.
fn prompts(tokenizer: &Tokenizer, prefix: &str, source: &str, text: &str) -> Result<Vec<Vec<TokenId>>, Failure> {
    let prompt = |(i, line): (usize, &str)| {
        if line.trim().is_empty() {
            return Err(Failure::new(Kind::Failure, format!("{source}: line {} has no text", i + 1)));
        }
        let mut ids = Vec::new();
        tokenizer.encode(&format!("{prefix}{line}"), ControlTokens::AsText, true, &mut ids);
        Ok(ids)
    };
    text.lines().enumerate().map(prompt).collect()
}

/// Cuts texts longer than `n_max` tokens by the tokenizer, or names the first where there is none to cut by.
fn fit(prompts: &mut [Vec<TokenId>], n_max: usize, cut_by: Option<&Tokenizer>, source: &str) -> Result<(), Failure> {
    for (i, prompt) in prompts.iter_mut().enumerate().filter(|(_, prompt)| prompt.len() > n_max) {
        let Some(tokenizer) = cut_by else {
            let what = format!("{source}: line {} has {} tokens, but the context holds {n_max}", i + 1, prompt.len());
            return Err(Failure::new(Kind::Failure, what).with_hint("--truncate cuts it, --context makes more room"));
        };
        tokenizer.truncate(prompt, n_max);
    }
    Ok(())
}

/// Positions for as many texts as are computed together, each in whole pages.
fn positions(prompts: &[Vec<TokenId>]) -> usize {
    let mut lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len().next_multiple_of(PAGE_LEN)).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    lengths.iter().take(TOGETHER).sum::<usize>().max(PAGE_LEN)
}

/// The pooling that was asked for, or the file's; one that gives no vector for a text is refused.
fn pooling(asked: Option<PoolingName>, of_file: Option<Pooling>) -> Result<Pooling, String> {
    match asked.map(Pooling::from).or(of_file).unwrap_or(POOLING_DEFAULT) {
        pooling @ (Pooling::None | Pooling::Rank) => {
            Err(format!("pooling {pooling} gives no vector of a text; --pooling mean, cls or last does"))
        }
        pooling => Ok(pooling),
    }
}
