//! `trinity eval choice`: multiple choice by likelihood.

mod journal;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use eval::choice::{self, Accuracy, Format, Item, Question, Scorer, Tally};
use gguf::Container;
use model::{Forward, LoadOptions};
use serde::Serialize;
use tokenizer::Tokenizer;

use super::go_on;
use crate::{
    cli::{Global, group},
    commands::{
        context_plan::ContextPlan,
        digest,
        model_args::ModelArgs,
        opened,
        receipt::{Evidence, ReceiptArgs, model_digest},
    },
    failure::{Failure, Kind},
    terminal,
};
use journal::{Journal, Settings};

/// Arguments of `eval choice`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct ChoiceArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// Files of questions: BLiMP, LAMBADA, HellaSwag (six lines an item) or PIQA
    #[arg(short, long, value_name = "FILE", required = true, num_args = 1..)]
    file: Vec<PathBuf>,
    /// What the files hold
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "auto")]
    format: FormatName,
    /// Right solutions of a PIQA file, 0 or 1 in each line [default: NAME-labels.lst beside NAME.jsonl]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Only the first N questions of each file
    #[arg(long, value_name = "N")]
    tasks: Option<usize>,
    /// Note each answer in FILE, and take those that are there already from it: a run that was broken off goes on where
    /// it was
    #[arg(help_heading = group::OUTPUT, long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
    #[command(flatten)]
    receipt: ReceiptArgs,
    #[command(flatten)]
    load: ModelArgs,
}

/// Spelling of `Format` on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum FormatName {
    /// By content
    Auto,
    Blimp,
    Lambada,
    Hellaswag,
    Piqa,
}

impl FormatName {
    fn format(self) -> Option<Format> {
        match self {
            Self::Auto => None,
            Self::Blimp => Some(Format::Blimp),
            Self::Lambada => Some(Format::Lambada),
            Self::Hellaswag => Some(Format::Hellaswag),
            Self::Piqa => Some(Format::Piqa),
        }
    }
}

/// A file of questions, read.
struct Set {
    name: String,
    /// Path of the file.
    file: String,
    format: Format,
    /// SHA-256 of the file, and of its labels if they stand apart.
    sha256: String,
    labels: Option<PathBuf>,
    questions: Vec<Question>,
    items: Vec<Item>,
}

/// A question that does not fit.
#[derive(Serialize, Clone)]
struct LeftOut {
    /// Line of the file, from 1.
    line: usize,
    n_tokens: usize,
}

/// A row of the table.
#[derive(Serialize)]
struct Row {
    name: String,
    format: &'static str,
    n_items: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
    accuracy: Accuracy,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy_per_token: Option<Accuracy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy_per_byte: Option<Accuracy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    perplexity: Option<Accuracy>,
}

/// Scores and prints.
pub(super) fn run(args: &ChoiceArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let container = args.load.open(Some(&args.model), global)?;
    let tokenizer = opened::tokenizer(&container)?;
    let sets: Vec<Set> = args.file.iter().map(|path| Set::read(args, path, &tokenizer)).collect::<Result<_, _>>()?;
    let longest = sets.iter().flat_map(|set| &set.items).map(Item::context_len).max().unwrap_or(1);
    let mut journal = match &args.resume {
        Some(path) => Some(Journal::open(path, &settings(args, &container, &sets)?)?),
        None => None,
    };
    let (mut model, n_threads) =
        args.load.load(&container, ContextPlan::to_answer(&args.load, &container, longest)?)?;
    let rows = score(&mut model, &sets, journal.as_mut())?;
    let labels = sets.iter().filter_map(|set| set.labels.as_deref());
    let files: Vec<&Path> = args.file.iter().map(PathBuf::as_path).chain(labels).collect();
    receipt.write(&Evidence { models: &[&container], files: &files, n_threads }, &rows)?;
    if args.json { terminal::put_json(&rows) } else { terminal::put(&to_text(&rows)) }
}

fn settings(args: &ChoiceArgs, container: &Container, sets: &[Set]) -> Result<Settings, Failure> {
    let mut options = LoadOptions::DEFAULT;
    args.load.storage.apply(args.load.kv_type, &mut options);
    let window = args.load.attention_window().map_or_else(String::new, |window| format!(", {window:?}"));
    Ok(Settings {
        trinity: env!("CARGO_PKG_VERSION").to_owned(),
        model_sha256: model_digest(container)?,
        options: format!(
            "{:?}, embedding {:?}, norms {:?}, activations {:?}{window}",
            options.kv_types, options.embedding_type, options.norm_type, options.activations
        ),
        files: sets.iter().map(|set| format!("{} {}", set.format.name(), set.sha256)).collect(),
    })
}

/// A row for each file; where there are several of one format, one for all of them.
fn score(model: &mut model::Model, sets: &[Set], mut journal: Option<&mut Journal>) -> Result<Vec<Row>, Failure> {
    let bar = terminal::progress("choice", sets.iter().map(|set| set.items.len() as u64).sum(), false);
    let context_len_max = model.context_len_max();
    let mut scorer = Scorer::new(model);
    let (mut rows, mut all) = (Vec::new(), Tally::default());
    for (file, set) in sets.iter().enumerate() {
        let mut tally = Tally::default();
        let mut left_out = Vec::new();
        for (i, (question, item)) in set.questions.iter().zip(&set.items).enumerate() {
            bar.inc(1);
            if item.context_len() > context_len_max {
                let (line, n_tokens) = (question.line, item.context_len());
                let what = format!("line {line}: {n_tokens} tokens, but the context holds {context_len_max}");
                bar.suspend(|| terminal::say(&format!("left out: {}: {what}\n", set.file)));
                left_out.push(LeftOut { line, n_tokens });
                continue;
            }
            let noted = journal.as_ref().and_then(|journal| journal.scores(file, i, question.endings.len()));
            let scores = if let Some(scores) = noted {
                scores
            } else {
                let scores = scorer.score(item)?;
                if let Some(journal) = &mut journal {
                    journal.note(file, i, &scores)?;
                }
                scores
            };
            tally.add(question, &scores);
            all.add(question, &scores);
            bar.set_message(format!("{} {:.4}", set.name, tally.accuracy(set.format).value));
            if go_on().is_break() {
                return Err(Failure::interrupted());
            }
        }
        if tally.n() == 0 {
            let what = format!("{}: none of its questions fits in a context of {context_len_max} tokens", set.file);
            return Err(Failure::new(Kind::Failure, what));
        }
        rows.push(Row { left_out, ..row(set.name.clone(), set.format, &tally) });
    }
    bar.finish_and_clear();
    if let [first, _, ..] = sets
        && sets.iter().all(|set| set.format == first.format)
    {
        rows.push(row("all".to_owned(), first.format, &all));
    }
    Ok(rows)
}

fn row(name: String, format: Format, tally: &Tally) -> Row {
    Row {
        name,
        format: format.name(),
        n_items: tally.n(),
        left_out: Vec::new(),
        accuracy: tally.accuracy(format),
        accuracy_per_token: tally.accuracy_per_token(format),
        accuracy_per_byte: tally.accuracy_per_byte(format),
        chance: tally.chance(format),
        perplexity: tally.perplexity(format),
    }
}

impl Set {
    fn read(args: &ChoiceArgs, path: &Path, tokenizer: &Tokenizer) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let text = read(path)?;
        let refuse = |e: choice::ParseError| Failure::new(Kind::Failure, format!("{file}: {e}"));
        let format = match args.format.format() {
            Some(format) => format,
            None => Format::detect(&text).map_err(refuse)?,
        };
        let labels = (format == Format::Piqa).then(|| args.labels.clone().unwrap_or_else(|| labels_beside(path)));
        let labels_text = labels.as_deref().map(read).transpose()?;
        let questions = choice::parse(format, &text, labels_text.as_deref(), args.tasks).map_err(refuse)?;
        if questions.is_empty() {
            return Err(Failure::new(Kind::Failure, format!("{file}: no questions")));
        }
        let all = [text, labels_text.unwrap_or_default()].concat();
        Ok(Self {
            name: path.file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned()),
            file,
            format,
            sha256: digest::to_hex(&digest::of_bytes(all.as_bytes())),
            labels,
            items: questions.iter().map(|question| Item::new(tokenizer, question)).collect(),
            questions,
        })
    }
}

/// `piqa-valid.jsonl` → `piqa-valid-labels.lst`
fn labels_beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-labels.lst"))
}

/// The text of a file; one that is packed gets a hint.
fn read(path: &Path) -> Result<String, Failure> {
    let mut start = [0; 3];
    let packed = File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"BZh";
    if packed {
        let failure = Failure::new(Kind::Failure, format!("{}: packed with bzip2, expected text", path.display()));
        return Err(failure.with_hint(format!("bunzip2 -k {} unpacks it", path.display())));
    }
    super::read(path)
}

fn to_text(rows: &[Row]) -> String {
    let part = |accuracy: &Accuracy| format!("{:.2} ± {:.2} %", 100.0 * accuracy.value, 100.0 * accuracy.error);
    let dash = || "–".to_owned();
    let mut text = "| file | items | accuracy | a token | a byte | chance | perplexity |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for row in rows {
        text += &format!(
            "| {} ({}) | {} | {} | {} | {} | {} | {} |\n",
            terminal::escape(&row.name),
            row.format,
            row.n_items,
            part(&row.accuracy),
            row.accuracy_per_token.as_ref().map_or_else(dash, part),
            row.accuracy_per_byte.as_ref().map_or_else(dash, part),
            row.chance.map_or_else(dash, |chance| format!("{:.0} %", 100.0 * chance)),
            row.perplexity.map_or_else(dash, |p| format!("{:.3} ± {:.3}", p.value, p.error)),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn labels_are_looked_for_beside_the_questions() {
        let labels = super::labels_beside(std::path::Path::new("a/piqa-valid.jsonl"));
        assert_eq!(labels, std::path::Path::new("a/piqa-valid-labels.lst"));
    }
}
