//! `trinity bench MODEL`: prompt processing and generation speed, rows named as llama-bench names them.

use std::ops::ControlFlow;

use clap::Args;
use eval::bench::{self, Phase, Test};
use model::Forward;

use super::{
    context_plan::ContextPlan,
    model_args::{ModelArgs, check_generates},
};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal,
};

/// Generation length where none is asked for.
const N_GEN: usize = 128;

/// Arguments of `bench`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(crate) struct BenchArgs {
    /// The model, by name or path [default: the one in the program]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Prompt lengths in tokens, one row each; 0 for none
    #[arg(short = 'p', long, value_name = "TOKENS", value_delimiter = ',', default_value = "512")]
    n_prompt: Vec<usize>,
    /// Generation lengths in tokens, one row each; 0 for none [default: 128; 0 of an encoder, whose prompts are texts]
    #[arg(short = 'n', long, value_name = "TOKENS", value_delimiter = ',')]
    n_gen: Option<Vec<usize>>,
    /// Tokens that are cached before each test begins
    #[arg(short, long, value_name = "TOKENS", value_delimiter = ',', default_value = "0")]
    depth: Vec<usize>,
    /// Sequences computed together
    #[arg(short, long, value_name = "N", value_delimiter = ',', default_value = "1")]
    batch: Vec<usize>,
    /// Measured repetitions of each row, after one that is not counted
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repetitions: u16,
    /// As JSON: a list of objects with test, tokens_per_second, samples
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
    #[command(flatten)]
    load: ModelArgs,
}

impl BenchArgs {
    /// A row for every length, depth and batch; an encoder's are of texts.
    fn tests(&self, is_encoder: bool) -> Vec<Test> {
        let prompt = if is_encoder { Phase::Text } else { Phase::Prompt };
        let n_gen = self.n_gen.as_deref().unwrap_or(if is_encoder { &[] } else { &[N_GEN] });
        let lengths = |phase, lengths: &[usize]| lengths.iter().map(|n| (phase, *n)).collect::<Vec<_>>();
        let phases = [lengths(prompt, &self.n_prompt), lengths(Phase::Generation, n_gen)].concat();
        let mut tests = Vec::new();
        for (phase, n_tokens) in phases.into_iter().filter(|(_, n)| *n > 0) {
            for &depth in &self.depth {
                tests.extend(self.batch.iter().map(|&n_sequences| Test { phase, n_tokens, depth, n_sequences }));
            }
        }
        tests
    }
}

/// Measures and prints the table.
pub(crate) fn run(args: &BenchArgs, global: &Global) -> Result<(), Failure> {
    terminal::catch_interrupt()?;
    let container = args.load.open(args.model.as_deref(), global)?;
    let is_encoder = model::spec_of_head(&container)?.is_encoder;
    let tests = args.tests(is_encoder);
    if tests.iter().any(|test| test.phase == Phase::Generation) {
        check_generates(&container)?;
    }
    if let Some(test) = tests.iter().find(|test| test.phase == Phase::Text && test.depth > 0) {
        return Err(Failure::usage(format!("--depth {}: nothing is before the text of an encoder", test.depth)));
    }
    let longest = tests.iter().map(|t| t.context_len()).max().unwrap_or(1);
    let context = args.load.context.unwrap_or(longest);
    // Pages are shared out evenly and whole.
    let positions = tests.iter().map(|t| context.next_multiple_of(model::PAGE_LEN).saturating_mul(t.n_sequences)).max();
    let n_states = tests.iter().map(|t| t.n_sequences).max().unwrap_or(1);
    let plan = ContextPlan { context_len_max: Some(context), kv_positions: positions, n_states };
    let (mut model, n_threads) = args.load.load_any(&container, plan)?;
    let n_repetitions = usize::from(args.repetitions);
    let bar = terminal::progress("bench", (tests.len() * (n_repetitions + 1)) as u64, false);
    let mut rows = Vec::new();
    for test in tests {
        bar.set_message(test.name());
        rows.push(bench::measure(&mut model, test, n_repetitions, n_threads, &mut || {
            bar.inc(1);
            if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?);
    }
    bar.finish_and_clear();
    if let Some(stats) = model.head_stats().filter(|stats| stats.n_steps > 0) {
        let part = stats.n_rows as f64 / (stats.n_steps as f64 * model.n_vocab() as f64);
        terminal::say(&format!(
            "generation is greedy: in {} steps {:.2}% of the vocabulary was computed, after a look at a copy of {:.0} MB (--head-shortcut off \
             computes all)",
            stats.n_steps,
            100.0 * part,
            stats.coarse_bytes as f64 / 1e6
        ));
    }
    if args.json {
        return terminal::put_json(&rows);
    }
    let mut text =
        format!("{}\n| test | tokens/s | threads |\n| --- | ---: | ---: |\n", terminal::escape(container.name()));
    for row in &rows {
        text +=
            &format!("| {} | {:.2} ± {:.2} | {} |\n", row.test, row.tokens_per_second, row.deviation, row.n_threads);
    }
    terminal::put(&text)
}
