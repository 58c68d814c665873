//! Answers as people read them: a table on a screen, TSV into a pipe, JSON if asked for.

use std::io::{self, BufWriter, Write};

use kg::{
    Prefixes,
    query::{Answer, QueryResultsFormat, Rows, TriplesFormat},
};
use unicode_width::UnicodeWidthStr;

use super::{Context, words};
use crate::{failure::Failure, terminal};

/// Rows by which the widths of columns are chosen.
const ROWS_MEASURED: usize = 200;
/// Columns of the screen that a column of the table takes at most, if there are several.
const WIDTH_MAX: usize = 60;

/// Prints an answer.
pub(super) fn answer(context: &Context<'_>, answer: Answer, prefixes: &Prefixes) -> Result<(), Failure> {
    if !context.args.json && terminal::stdout_is_screen() {
        return match answer {
            Answer::Rows(rows) => table(rows, prefixes),
            Answer::Truth(truth) => terminal::put(if truth { "yes\n" } else { "no\n" }),
            triples @ Answer::Triples(_) => written(triples, QueryResultsFormat::Tsv),
        };
    }
    written(answer, if context.args.json { QueryResultsFormat::Json } else { QueryResultsFormat::Tsv })
}

fn written(answer: Answer, format: QueryResultsFormat) -> Result<(), Failure> {
    // SPARQL's TSV and CSV have no form for the answer to ASK.
    if let (Answer::Truth(truth), QueryResultsFormat::Tsv) = (&answer, format) {
        return terminal::put(if *truth { "true\n" } else { "false\n" });
    }
    let mut out = BufWriter::new(io::stdout().lock());
    answer.write(&mut out, format, TriplesFormat::NTriples)?;
    if format == QueryResultsFormat::Json {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn table(mut rows: Rows, prefixes: &Prefixes) -> Result<(), Failure> {
    let heads: Vec<String> = rows.variables().iter().map(ToString::to_string).collect();
    let cells = |row: kg::query::Row| -> Vec<String> {
        let shown = |term: &Option<oxrdf::Term>| {
            term.as_ref().map_or_else(String::new, |term| terminal::escape(&words::shown(term.as_ref(), prefixes)))
        };
        row.iter().map(shown).collect()
    };
    let first: Vec<Vec<String>> =
        rows.by_ref().take(ROWS_MEASURED).map(|row| row.map(cells)).collect::<Result<_, _>>()?;
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = first.iter().map(|row| row[column].width());
            cells.chain([heads[column].width()]).max().unwrap_or(0).min(WIDTH_MAX)
        })
        .collect();
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "{}", line(&heads, &widths))?;
    writeln!(out, "{}", widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  "))?;
    let mut n = 0u64;
    for row in first.into_iter().map(Ok).chain(rows.map(|row| row.map(cells))) {
        writeln!(out, "{}", line(&row?, &widths))?;
        n += 1;
    }
    out.flush()?;
    terminal::say(&format!("{n} {}\n", if n == 1 { "row" } else { "rows" }));
    Ok(())
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())));
    cells.iter().zip(widths).map(padded).collect::<Vec<_>>().join("  ").trim_end().to_owned()
}
