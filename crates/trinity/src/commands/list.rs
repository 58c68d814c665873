//! `trinity list`.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use hub::{Hub, Resolved};
use serde_json::json;

use crate::{
    cli::Global,
    failure::Failure,
    terminal::{self, escape},
};

/// Arguments of `list`.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// The whole catalogue, also what is not on this machine
    #[arg(short, long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A model in one line.
struct Row {
    name: String,
    bytes: u64,
    path: Option<String>,
    modified: Option<SystemTime>,
    /// Where it came from, or where it would come from.
    source: String,
}

/// Name, size, day it came, where from; the path in JSON.
pub(crate) fn run(args: &ListArgs, global: &Global) -> Result<(), Failure> {
    let rows = rows(&Hub::from_environment(global.offline)?, args.all)?;
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
    let width = rows.iter().map(|row| escape(&row.name).chars().count()).max().unwrap_or(0);
    let text: String = rows
        .iter()
        .map(|row| {
            let (name, size) = (escape(&row.name), terminal::bytes_text(row.bytes));
            let day = row.modified.map_or_else(|| "-".to_owned(), terminal::day_text);
            format!("{name:<width$} {size:>9}  {day:<10}  {}\n", escape(&row.source))
        })
        .collect();
    terminal::put(&text)
}

fn rows(hub: &Hub, is_all: bool) -> Result<Vec<Row>, Failure> {
    let installed = hub.installed()?;
    let mut rows = Vec::new();
    for entry in hub.catalogue().iter().filter(|e| installed.iter().all(|m| m.name != e.name)) {
        let row = |path: Option<String>, source: &str| Row {
            name: entry.name.clone(),
            bytes: entry.bytes,
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
        path: Some(m.path.display().to_string()),
        modified: m.modified,
        source: m.source,
    }));
    Ok(rows)
}
