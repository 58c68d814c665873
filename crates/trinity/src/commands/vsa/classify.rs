//! `trinity vsa classify`: classes learnt from the rows of a table.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use kg::load::Records;
use serde::Serialize;
use vsa::{
    Bipolar, Bundler, Classifier, Dim, Levels, Rule, Seed, Space, Ternary, Ties,
    encode::{Record, Text},
    hv::{Collection, Rows},
};

use super::dim;
use crate::{
    cli::group,
    commands::whole_file,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `vsa classify`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(super) struct ClassifyArgs {
    /// Rows to learn from: CSV with a header, one column of classes, numbers or (--text) texts in all others
    #[arg(value_name = "TRAIN.csv")]
    train: PathBuf,
    /// Rows to be told apart, of the same columns
    #[arg(value_name = "TEST.csv")]
    test: PathBuf,
    /// Column of the classes [default: the last]
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Column of texts, which are alike as far as they share n-grams; may be given several times
    #[arg(long, value_name = "NAME")]
    text: Vec<String>,
    /// Bytes of an n-gram
    #[arg(long, value_name = "N", default_value_t = 3, requires = "text", value_parser = clap::value_parser!(u32).range(1..=64))]
    grams: u32,
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
    let train = Table::read(&args.train, args)?;
    let test = Table::read(&args.test, args)?;
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
    whole_file::write(path, |out| out.write_all(&bytes)).map_err(|why: std::io::Error| failed(&why))
}

/// What stands in a column of a row.
enum Cell {
    Number(f64),
    Text(String),
}

/// A row: its class, and the cells of the other columns.
struct Row {
    class: String,
    cells: Vec<Cell>,
}

struct Table {
    /// Names of the columns but that of the class.
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl Table {
    fn read(path: &Path, args: &ClassifyArgs) -> Result<Self, Failure> {
        let shown = path.display();
        let file = fs::File::open(path).map_err(|why| Failure::usage(format!("{shown}: {why}")))?;
        let (mut records, mut record) = (Records::new(file, b','), kg::load::Record::default());
        let mut next = || match records.next(&mut record) {
            Err(why) => Err(Failure::usage(format!("{shown}: {why}"))),
            Ok(None) => Ok(None),
            Ok(Some(Ok(cells))) => Ok(Some((record.line, cells))),
            Ok(Some(Err(why))) => {
                let (line, column) = why.place().unwrap_or((record.line, 1));
                Err(Failure::usage(format!("{shown}:{line}:{column}: {why}")))
            }
        };
        let Some((_, header)) = next()? else { return Err(Failure::usage(format!("{shown}: no header"))) };
        let mut columns: Vec<String> =
            header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
        let place = |name: &String| {
            columns
                .iter()
                .position(|column| column == name)
                .ok_or_else(|| Failure::usage(format!("{shown}: no column {name}; there are {}", columns.join(", "))))
        };
        let at = args.label.as_ref().map_or(Ok(columns.len() - 1), place)?;
        let texts = args.text.iter().map(place).collect::<Result<Vec<usize>, _>>()?;
        if texts.contains(&at) {
            return Err(Failure::usage(format!("{shown}: column {} is both the class and a text", columns[at])));
        }
        let mut rows = Vec::new();
        while let Some((line, cells)) = next()? {
            if cells.iter().all(|cell| cell.trim().is_empty()) && cells.len() == 1 {
                continue;
            }
            if cells.len() != columns.len() {
                let expected = columns.len();
                return Err(Failure::usage(format!("{shown}:{line}: {} cells, the header {expected}", cells.len())));
            }
            let mut row = Row { class: String::new(), cells: Vec::with_capacity(columns.len() - 1) };
            for (i, (cell, column)) in cells.into_iter().zip(&columns).enumerate() {
                if i == at {
                    cell.trim().clone_into(&mut row.class);
                } else if texts.contains(&i) {
                    row.cells.push(Cell::Text(cell));
                } else {
                    let number = cell.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                    row.cells.push(Cell::Number(number.ok_or_else(|| {
                        let cell = cell.trim();
                        let hint = format!("--text {column} has it read as text");
                        Failure::usage(format!("{shown}:{line}: column {column} is {cell:?}, not a finite number"))
                            .with_hint(hint)
                    })?));
                }
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(Failure::usage(format!("{shown}: no rows below the header")));
        }
        columns.remove(at);
        Ok(Self { columns, rows })
    }
}

/// Rows as bundles of column ⊗ level of its number, or column ⊗ n-grams of its text.
struct Encoder {
    dim: Dim,
    keys: Vec<Bipolar>,
    levels: Vec<Bipolar>,
    /// Least and largest number of each column, in the rows that are learnt from.
    ranges: Vec<(f64, f64)>,
    text: Option<Text>,
}

impl Encoder {
    fn new(args: &ClassifyArgs, table: &Table) -> Result<Self, Failure> {
        let space = Space::new(args.dim, Seed(args.seed));
        let levels: Levels = space.levels(b"level", args.levels)?;
        let levels = (0..levels.n()).map(|level| levels.level(level)).collect::<Result<_, _>>()?;
        let range = |column: usize| {
            let numbers = table.rows.iter().filter_map(|row| match row.cells[column] {
                Cell::Number(number) => Some(number),
                Cell::Text(_) => None,
            });
            numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(x), most.max(x)))
        };
        let ranges = (0..table.columns.len()).map(range).collect();
        let keys = table.columns.iter().map(|name| space.item(name.as_bytes())).collect();
        let text = if args.text.is_empty() { None } else { Some(Text::new(&space, args.grams)?) };
        Ok(Self { dim: args.dim, keys, levels, ranges, text })
    }

    fn vector(&self, row: &Row) -> Result<Bipolar, Failure> {
        let mut bundler = Bundler::new(self.dim);
        for ((key, (least, most)), cell) in self.keys.iter().zip(&self.ranges).zip(&row.cells) {
            match (cell, &self.text) {
                (Cell::Number(x), _) => {
                    let place = if most > least { (x - least) / (most - least) } else { 0.0 };
                    let level = (place.clamp(0.0, 1.0) * (self.levels.len() - 1) as f64).round() as usize;
                    Record::add_to(&mut bundler, key, &self.levels[level])?;
                }
                (Cell::Text(text), Some(encoder)) => {
                    let mut grams = Bundler::new(self.dim);
                    // Spaces around it, so that beginnings and ends of words are alike wherever they stand.
                    encoder.add_to(&mut grams, format!(" {text} ").as_bytes())?;
                    Record::add_to(&mut bundler, key, &grams.sums().sign(Ties::Keyed(1)))?;
                }
                (Cell::Text(_), None) => {}
            }
        }
        Ok(bundler.sums().sign(Ties::Keyed(0)))
    }
}
