//! Answers as people read them: a table on a screen, TSV into a pipe, JSON if asked for.

use std::io::{self, BufWriter, Write};

use kg::{
    Prefixes, Snapshot,
    load::Format,
    query::{self, Answer, Form, Forms, Options, Query, QueryResultsFormat, Rows},
};
use unicode_width::UnicodeWidthStr;

use super::{Context, words};
use crate::{failure::Failure, terminal};

/// Rows by which the widths of columns are chosen.
const ROWS_MEASURED: usize = 200;
/// Columns of the screen that a column of the table takes at most, if there are several.
const WIDTH_MAX: usize = 60;

/// Prints the answer to a query.
pub(super) fn answer(
    context: &Context<'_>,
    snapshot: &Snapshot,
    query: &Query,
    options: &Options,
    prefixes: &Prefixes,
) -> Result<(), Failure> {
    let (is_json, is_screen) = (context.args.json, terminal::stdout_is_screen());
    // SPARQL's TSV and CSV have no form for the answer to ASK, and a table needs to see rows before it shows them.
    let is_shown = match Form::of(query) {
        Form::Truth => true,
        Form::Rows => is_screen,
        Form::Triples => false,
    };
    if is_shown && !is_json {
        return match query::answer_parsed(snapshot, query, options)? {
            Answer::Rows(rows) => table(rows, prefixes),
            Answer::Truth(truth) => terminal::put(match (truth, is_screen) {
                (true, true) => "yes\n",
                (false, true) => "no\n",
                (true, false) => "true\n",
                (false, false) => "false\n",
            }),
            Answer::Triples(_) => Ok(()),
        };
    }
    let rows = if is_json { QueryResultsFormat::Json } else { QueryResultsFormat::Tsv };
    let mut out = BufWriter::new(io::stdout().lock());
    query::write(snapshot, query, options, &mut out, Forms { rows, triples: Format::NTriples })?;
    if is_json {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn table(mut rows: Rows, prefixes: &Prefixes) -> Result<(), Failure> {
    let heads: Vec<String> = rows.variables().iter().map(ToString::to_string).collect();
    let cells = |row: query::Row| -> Vec<String> {
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
