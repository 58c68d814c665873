//! `trinity vsa classify`: classes learnt from the rows of a table.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use vsa::{
    Bipolar, Bundler, Classifier, Code, Dim, Levels, Rule, Seed, Space, Ternary, Ties,
    encode::Record,
    hv::{Collection, Rows},
};

use super::dim;
use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `vsa classify`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(super) struct ClassifyArgs {
    /// Rows to learn from: CSV with a header, one column of classes, numbers in all others
    #[arg(value_name = "TRAIN.csv")]
    train: PathBuf,
    /// Rows to be told apart, of the same columns
    #[arg(value_name = "TEST.csv")]
    test: PathBuf,
    /// Column of the classes [default: the last]
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Dimensions of the vectors
    #[arg(long, value_name = "D", default_value = "10240", value_parser = dim)]
    dim: Dim,
    /// Steps between the least and the largest number of a column
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=1024))]
    levels: u32,
    /// Times that the rows are gone through again, to correct what was mistaken
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    epochs: u32,
    /// Correct by how unlike a mistaken row is (OnlineHD)
    #[arg(long)]
    online: bool,
    /// Seed of the vectors
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keep the classes as trits in a new file, NAME.hv
    #[arg(help_heading = group::OUTPUT, long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    classes: Vec<String>,
    train_rows: usize,
    test_rows: usize,
    epochs: u32,
    mistakes_of_last_epoch: usize,
    accuracy: f64,
    /// Accuracy once the classes are trits.
    accuracy_ternary: f64,
    bytes_ternary: u64,
}

/// Learns, and prints how well.
pub(super) fn run(args: &ClassifyArgs) -> Result<(), Failure> {
    let train = Table::read(&args.train, args.label.as_deref())?;
    let test = Table::read(&args.test, args.label.as_deref())?;
    if let Some((ours, theirs)) = train.columns.iter().zip(&test.columns).find(|(ours, theirs)| ours != theirs) {
        let (path, other) = (args.test.display(), args.train.display());
        return Err(Failure::usage(format!("{path}: column {theirs}, where {other} has {ours}")));
    }
    let encoder = Encoder::new(args, &train)?;
    let classes: BTreeMap<&str, usize> = {
        let names: std::collections::BTreeSet<&str> = train.rows.iter().map(|row| row.class.as_str()).collect();
        names.into_iter().enumerate().map(|(i, name)| (name, i)).collect()
    };
    let examples: Vec<(Bipolar, usize)> = train
        .rows
        .iter()
        .map(|row| Ok((encoder.vector(row)?, classes[row.class.as_str()])))
        .collect::<Result<_, Failure>>()?;
    let rule = if args.online { Rule::ByUnlikeness } else { Rule::Whole };
    let mut classifier = Classifier::new(args.dim, classes.len(), rule);
    for (v, class) in &examples {
        classifier.learn(v, *class)?;
    }
    let (mut epochs, mut mistakes) = (0, 0);
    for _ in 0..args.epochs {
        epochs += 1;
        mistakes = 0;
        for (v, class) in &examples {
            mistakes += usize::from(!classifier.correct(v, *class)?);
        }
        if mistakes == 0 {
            break;
        }
    }
    let quantised = classifier.quantise()?;
    let (mut right, mut right_ternary) = (0, 0);
    for row in &test.rows {
        let v = encoder.vector(row)?;
        // A class that was never seen is never right.
        let class = classes.get(row.class.as_str()).copied();
        right += usize::from(Some(classifier.classify(&v)?.class) == class);
        right_ternary += usize::from(Some(quantised.classify(&Ternary::from(&v))?.class) == class);
    }
    if let Some(path) = &args.save {
        let space = Space::new(args.dim, Seed(args.seed));
        let names = classes.keys().map(|name| (*name).to_owned()).collect();
        let space = Some((space.seed(), space.digest()));
        save(path, &Collection { dim: args.dim, space, rows: Rows::Ternary(quantised.rows()), names })?;
    }
    let share = |n: usize| n as f64 / test.rows.len() as f64;
    let report = Report {
        classes: classes.keys().map(|name| (*name).to_owned()).collect(),
        train_rows: train.rows.len(),
        test_rows: test.rows.len(),
        epochs,
        mistakes_of_last_epoch: mistakes,
        accuracy: share(right),
        accuracy_ternary: share(right_ternary),
        bytes_ternary: quantised.bytes(),
    };
    if args.json {
        return terminal::put_json(&report);
    }
    terminal::put(&format!(
        "{} classes from {} rows; {} mistakes in the last of {} epochs\n\
         {:.1} % of {} rows told apart; {:.1} % with classes as trits ({})\n",
        report.classes.len(),
        report.train_rows,
        report.mistakes_of_last_epoch,
        report.epochs,
        report.accuracy * 100.0,
        report.test_rows,
        report.accuracy_ternary * 100.0,
        terminal::bytes_text(report.bytes_ternary),
    ))
}

/// The file appears whole or not at all.
fn save(path: &Path, collection: &Collection) -> Result<(), Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new(Kind::Failure, format!("{}: {why}", path.display()));
    let bytes = collection.to_bytes().map_err(|why| failed(&why))?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = fs::File::create(&partial).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    });
    written.map_err(|why| {
        // What is left of it says nothing.
        let _ = fs::remove_file(&partial);
        failed(&why)
    })
}

/// A row: its class, and the numbers of the other columns.
struct Row {
    class: String,
    numbers: Vec<f64>,
}

struct Table {
    /// Names of the columns of numbers.
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl Table {
    fn read(path: &PathBuf, label: Option<&str>) -> Result<Self, Failure> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|why| Failure::usage(format!("{shown}: {why}")))?;
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let cells = |line: &str| -> Vec<String> { line.split(',').map(|cell| cell.trim().to_owned()).collect() };
        let Some((_, header)) = lines.next() else { return Err(Failure::usage(format!("{shown}: no header"))) };
        let mut columns = cells(header.trim_start_matches('\u{feff}'));
        let at = match label {
            Some(label) => columns.iter().position(|column| column == label).ok_or_else(|| {
                Failure::usage(format!("{shown}: no column {label}; there are {}", columns.join(", ")))
            })?,
            None => columns.len() - 1,
        };
        columns.remove(at);
        let mut rows = Vec::new();
        for (i, line) in lines {
            let mut cells = cells(line);
            let line = i + 1;
            if cells.len() != columns.len() + 1 {
                let expected = columns.len() + 1;
                return Err(Failure::usage(format!("{shown}:{line}: {} cells, the header {expected}", cells.len())));
            }
            let class = cells.remove(at);
            let number = |(cell, column): (&String, &String)| {
                cell.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
                    Failure::usage(format!("{shown}:{line}: column {column} is {cell:?}, not a finite number"))
                })
            };
            rows.push(Row { class, numbers: cells.iter().zip(&columns).map(number).collect::<Result<_, _>>()? });
        }
        if rows.is_empty() {
            return Err(Failure::usage(format!("{shown}: no rows below the header")));
        }
        Ok(Self { columns, rows })
    }
}

/// Rows as bundles of column ⊗ level of its number.
struct Encoder {
    keys: Vec<Bipolar>,
    levels: Vec<Bipolar>,
    /// Least and largest number of each column, in the rows that are learnt from.
    ranges: Vec<(f64, f64)>,
}

impl Encoder {
    fn new(args: &ClassifyArgs, table: &Table) -> Result<Self, Failure> {
        let space = Space::new(args.dim, Seed(args.seed));
        let levels: Levels = space.levels(b"level", args.levels)?;
        let levels = (0..levels.n()).map(|level| levels.level(level)).collect::<Result<_, _>>()?;
        let range = |column: usize| {
            let numbers = table.rows.iter().map(|row| row.numbers[column]);
            numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(x), most.max(x)))
        };
        let ranges = (0..table.columns.len()).map(range).collect();
        let keys = table.columns.iter().map(|name| space.item(name.as_bytes())).collect();
        Ok(Self { keys, levels, ranges })
    }

    fn vector(&self, row: &Row) -> Result<Bipolar, Failure> {
        let mut bundler = Bundler::new(self.levels[0].dim());
        for ((key, (least, most)), x) in self.keys.iter().zip(&self.ranges).zip(&row.numbers) {
            let place = if most > least { (x - least) / (most - least) } else { 0.0 };
            let level = (place.clamp(0.0, 1.0) * (self.levels.len() - 1) as f64).round() as usize;
            Record::add_to(&mut bundler, key, &self.levels[level])?;
        }
        Ok(bundler.sums().sign(Ties::Keyed(0)))
    }
}
