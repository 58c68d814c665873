//! `trinity eval ternary-options`: what every option of the runtime that holds something in fewer bits saves and costs,
//! in one table.

mod options;
mod table;

use std::path::PathBuf;

use clap::Args;
use eval::{
    kl::{self, Base, Origin},
    paired::{self, Runner},
};
use gguf::Container;
use indicatif::ProgressBar;
use model::{HeadShortcut, LoadError, LoadOptions, Model};
use tokenizer::TokenId;

use self::{
    options::Choice,
    table::{Part, Refused, Row, Table},
};
use super::{WINDOW_LEN, count, encode, go_on, read};
use crate::{
    cli::{Global, group},
    commands::{
        context_plan::ContextPlan,
        digest, machine,
        model_args::{I2sArgs, check_generates},
        opened,
        receipt::{Evidence, ReceiptArgs},
    },
    failure::Failure,
    terminal,
};

/// Arguments of `eval ternary-options`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct TernaryOptionsArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// The text
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Tokens of a window
    #[arg(short, long, value_name = "TOKENS", default_value_t = WINDOW_LEN)]
    context: usize,
    /// Most windows; each takes 2 bytes of memory for each entry of the vocabulary and scored position
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = count)]
    chunks: usize,
    /// Only options whose name has this text at the beginning of a word, such as "k t2"
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Tokens generated in each turn of the speed measurement
    #[arg(long, value_name = "TOKENS", default_value_t = 32)]
    generate: usize,
    /// Turns of each option and of the default
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Threads; by default as many as affinity and the cgroup quota allow
    #[arg(help_heading = group::MACHINE, short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    i2s: I2sArgs,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
    #[command(flatten)]
    receipt: ReceiptArgs,
}

/// What all rows are measured with.
struct Bench<'a> {
    args: &'a TernaryOptionsArgs,
    container: &'a Container,
    tokens: &'a [TokenId],
    bar: &'a ProgressBar,
}

/// Measures every option and prints the table.
pub(super) fn run(args: &TernaryOptionsArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let text = read(&args.file)?;
    let mut container = opened::find(Some(&args.model), global)?;
    args.i2s.apply(&mut container, args.threads)?;
    let is_wanted = |choice: &Choice| format!(" {}", choice.name).contains(&format!(" {}", args.only));
    let choices: Vec<Choice> = options::all().into_iter().filter(is_wanted).collect();
    if choices.is_empty() {
        return Err(Failure::usage(format!("no option's name has {:?} at the beginning of a word", args.only)));
    }
    if args.generate >= args.context {
        let what = format!("--generate {} leaves nothing of a window of {} before it", args.generate, args.context);
        return Err(Failure::usage(what));
    }
    let tokenizer = opened::tokenizer(&container)?;
    let tokens = encode(&tokenizer, &text);
    let windows = kl::Options { window_len: args.context, n_chunks: Some(args.chunks), first: tokenizer.added_first() };
    let n_chunks = windows.n_windows(tokens.len())?;
    let per_row = (n_chunks + args.rounds + 1) as u64;
    let bar = terminal::progress("options", n_chunks as u64 + per_row * choices.len() as u64, false);
    let bench = Bench { args, container: &container, tokens: &tokens, bar: &bar };
    let origin = Origin {
        model: container.name().to_owned(),
        text_sha256: digest::of_bytes(text.as_bytes()),
        vocabulary_sha256: digest::of_vocabulary(&tokenizer),
    };
    let (mut model, n_threads) = bench.load(&options::BASE)?;
    bar.set_message("base");
    let base = Base::collect(&mut model, &tokens, &windows, origin, &mut |_, _| {
        bar.inc(1);
        go_on()
    })?;
    drop(model);
    let table = bench.table(&choices, &base, n_chunks)?;
    bar.finish_and_clear();
    receipt.write(&Evidence { models: &[&container], files: &[&args.file], n_threads }, &table)?;
    if args.json { terminal::put_json(&table) } else { terminal::put(&table.to_markdown()) }
}

impl Bench<'_> {
    /// A model with `options` for one window, and its threads. No shortcut past the head: it would hide what an
    /// embedding type does to it.
    fn load(&self, options: &LoadOptions) -> Result<(Model, usize), Failure> {
        let (model, n_threads) = self.try_load(options)?;
        Ok((model?, n_threads))
    }

    fn try_load(&self, options: &LoadOptions) -> Result<(Result<Model, LoadError>, usize), Failure> {
        check_generates(self.container)?;
        let (mut kernels, n_threads) = machine::kernels(self.args.threads)?;
        kernels.pin_threads();
        let mut options = *options;
        ContextPlan::to_measure(self.container, self.args.context)?.apply(&mut options);
        let model = Model::load(self.container, kernels, &options);
        Ok((model.map(|model| model.with_head_shortcut(HeadShortcut::Off)), n_threads))
    }

    fn runner<'m>(&self, model: &'m mut Model) -> Result<Runner<'m>, Failure> {
        Ok(Runner::new(model, self.args.context - self.args.generate, self.args.generate)?)
    }

    fn table(&self, choices: &[Choice], base: &Base, n_chunks: usize) -> Result<Table, Failure> {
        let (mut default, _) = self.load(&LoadOptions::DEFAULT)?;
        let default_kv_bytes = default.kv_position_bytes();
        let mut runner = self.runner(&mut default)?;
        let (mut rows, mut refused) = (Vec::new(), Vec::new());
        for choice in choices {
            self.bar.set_message(choice.name.clone());
            match self.try_load(&choice.options)?.0 {
                Ok(model) => rows.push(self.row(choice, model, base, default_kv_bytes, &mut runner)?),
                Err(LoadError::Option { what, .. }) => {
                    refused.push(Refused { option: choice.name.clone(), reason: what });
                }
                Err(other) => return Err(other.into()),
            }
        }
        let quality = rows.first().map(|row| &row.quality);
        Ok(Table {
            model: self.container.name().to_owned(),
            base_perplexity: quality.map_or(f64::NAN, |q| q.base_perplexity),
            n_scored: quality.map_or(0, |q| q.n_scored),
            window_len: self.args.context,
            n_chunks,
            n_generated: self.args.generate,
            n_rounds: self.args.rounds,
            rows,
            refused,
        })
    }

    fn row(
        &self,
        choice: &Choice,
        mut model: Model,
        base: &Base,
        default_kv_bytes: u64,
        default: &mut Runner<'_>,
    ) -> Result<Row, Failure> {
        let quality = kl::measure(&mut model, self.tokens, base, &mut |_, _| {
            self.bar.inc(1);
            go_on()
        })?;
        let kv_bytes_per_token = model.kv_position_bytes();
        let (part, bytes, default_bytes) = match (model.requantised_embedding(), model.requantised_norms()) {
            (Some(done), _) => (Part::Embedding, done.new_bytes, done.file_bytes),
            (None, Some(done)) => (Part::Norms, done.new_bytes, done.file_bytes),
            (None, None) => (Part::Cache, kv_bytes_per_token, default_kv_bytes),
        };
        let speed = paired::measure(default, &mut self.runner(&mut model)?, self.args.rounds, &mut || {
            self.bar.inc(1);
            go_on()
        })?;
        let ratio = quality.ln_ratio.exp();
        Ok(Row {
            option: choice.name.clone(),
            kv_bytes_per_token,
            part,
            bytes,
            default_bytes,
            perplexity_ratio: ratio,
            perplexity_ratio_error: ratio * quality.ln_ratio_error,
            quality,
            speed,
        })
    }
}
