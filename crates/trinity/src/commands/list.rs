//! `trinity list`: the models that are on this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use hub::{Hub, RepositoryFile, Resolved};
use serde_json::json;

use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal::{self, escape},
};

/// Arguments of `list`.
#[derive(Args)]
#[command(next_help_heading = group::MODELS)]
pub(crate) struct ListArgs {
    /// Only names with this in them; of hf:ORGANISATION/REPOSITORY what it has to be pulled
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The whole catalogue, also what is not on this machine
    #[arg(short, long)]
    all: bool,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

/// A model in one line.
pub(super) struct Row {
    pub(super) name: String,
    bytes: u64,
    /// The size is an estimate.
    is_rough: bool,
    path: Option<String>,
    pub(super) modified: Option<SystemTime>,
    /// Place that the model came from, or would come from.
    source: String,
}

/// Name, size, day it came, where from; the path in JSON.
pub(crate) fn run(args: &ListArgs, global: &Global) -> Result<(), Failure> {
    let hub = Hub::from_environment(global.offline)?;
    if let Some(files) = args.name.as_ref().map_or(Ok(None), |name| hub.files_of(name))? {
        return list_files(&files, args.json);
    }
    let mut rows = rows(&hub, args.all)?;
    if let Some(name) = &args.name {
        rows.retain(|row| row.name.to_ascii_lowercase().contains(&name.to_ascii_lowercase()));
    }
    if args.json {
        let list: Vec<_> = rows
            .iter()
            .map(|row| {
                let modified = row.modified.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map(|d| d.as_secs());
                json!({
                    "name": row.name, "bytes": row.bytes, "path": row.path, "modified": modified, "source": row.source
                })
            })
            .collect();
        return terminal::put_json(&list);
    }
    let headings = ["NAME", "SIZE", "PULLED", "FROM"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let day = row.modified.map_or_else(|| "-".to_owned(), terminal::day_text);
        [row.name.clone(), size_text(Some(row.bytes), row.is_rough), day, row.source.clone()]
    });
    terminal::put(&table(&std::iter::once(headings).chain(cells).collect::<Vec<_>>()))
}

/// What a repository has.
fn list_files(files: &[RepositoryFile], is_json: bool) -> Result<(), Failure> {
    if is_json {
        let list = files.iter().map(|f| json!({"quant": f.quant, "bytes": f.bytes, "file": f.path}));
        return terminal::put_json(&list.collect::<Vec<_>>());
    }
    let headings = ["QUANT", "SIZE", "FILE"].map(str::to_owned);
    let cells = files.iter().map(|file| {
        [file.quant.clone().unwrap_or_else(|| "-".to_owned()), size_text(file.bytes, false), file.path.clone()]
    });
    terminal::put(&table(&std::iter::once(headings).chain(cells).collect::<Vec<_>>()))
}

fn size_text(bytes: Option<u64>, is_rough: bool) -> String {
    let rough = if is_rough { "~" } else { "" };
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{rough}{}", terminal::bytes_text(bytes)))
}

/// Rows under their headings, the second column to the right.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| escape(cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).enumerate().map(|(i, (cell, width))| match i {
            1 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// The models on this machine, or all that have names.
pub(super) fn rows(hub: &Hub, is_all: bool) -> Result<Vec<Row>, Failure> {
    let installed = hub.installed()?;
    let mut rows = Vec::new();
    for entry in hub.catalogue().iter().filter(|e| installed.iter().all(|m| m.name != e.name)) {
        let row = |path: Option<String>, source: &str| Row {
            name: entry.name.clone(),
            bytes: entry.bytes,
            is_rough: path.is_none() && entry.sha256.is_none(),
            path,
            modified: None,
            source: source.to_owned(),
        };
        match hub.resolve(&entry.name) {
            Ok(Resolved::Embedded) => rows.insert(0, row(None, "part of the program")),
            Ok(Resolved::File(path)) => {
                rows.push(row(Some(path.display().to_string()), "the shared Hugging Face cache"));
            }
            Err(_) if is_all => {
                rows.push(row(None, &format!("not here; {}; licence {}", entry.about, entry.licence)));
            }
            Err(_) => {}
        }
    }
    rows.extend(installed.into_iter().map(|m| Row {
        name: m.name,
        bytes: m.bytes,
        is_rough: false,
        path: Some(m.path.display().to_string()),
        modified: m.modified,
        source: m.source,
    }));
    Ok(rows)
}
