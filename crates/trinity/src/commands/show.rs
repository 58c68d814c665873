//! `trinity show MODEL`.

use clap::Args;
use hub::{Hub, Resolved};
use serde_json::json;

use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal::{self, bytes_text, escape},
};

/// Arguments of `show`.
#[derive(Args)]
#[command(next_help_heading = group::MODELS)]
pub(crate) struct ShowArgs {
    /// The model, by name
    #[arg(value_name = "MODEL")]
    model: String,
    /// Only the path of its file
    #[arg(help_heading = group::OUTPUT, long)]
    path: bool,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long, conflicts_with = "path")]
    json: bool,
}

/// Catalogue and file facts; `inspect` says what is in the file.
pub(crate) fn run(args: &ShowArgs, global: &Global) -> Result<(), Failure> {
    let hub = Hub::from_environment(global.offline)?;
    let resolved = match hub.resolve(&args.model) {
        Ok(resolved) => Some(resolved),
        Err(hub::Error::NotInstalled { .. }) if !args.path => None,
        Err(error) => return Err(error.into()),
    };
    let path = match &resolved {
        Some(Resolved::File(path)) => Some(path.display().to_string()),
        _ => None,
    };
    if args.path {
        let nowhere = || Failure::usage(format!("{} is part of the program and has no path", args.model));
        return terminal::put(&(path.ok_or_else(nowhere)? + "\n"));
    }

    let entry = hub.entry(&args.model);
    let name = entry.map_or_else(|| args.model.clone(), |e| e.name.clone());
    // By whatever name it was asked for, it is the one that lies there.
    let is_it = |m: &hub::Installed| m.name == name || resolved == Some(Resolved::File(m.path.clone()));
    let installed = hub.installed()?.into_iter().find(is_it);
    let place = match (&resolved, &path) {
        (Some(_), Some(path)) => path.clone(),
        (Some(_), None) => "part of the program".to_owned(),
        (None, _) => format!("not here: trinity pull {name}"),
    };
    let file_bytes = || path.as_ref().and_then(|p| std::fs::metadata(p).ok()).map(|m| m.len());
    let bytes = installed.as_ref().map(|m| m.bytes).or(entry.map(|e| e.bytes)).or_else(file_bytes);
    let sha256 = entry.and_then(|e| e.sha256.clone()).or(installed.as_ref().map(|m| m.sha256.clone()));
    let is_rough = resolved.is_none() && entry.is_some_and(|e| e.sha256.is_none());
    let day = installed.as_ref().and_then(|m| m.modified).map(terminal::day_text);
    let facts = [
        ("name", Some(name)),
        ("about", entry.map(|e| e.about.clone())),
        ("licence", entry.map(|e| e.licence.clone())),
        ("terms", entry.and_then(|e| e.terms.as_ref()).map(|t| t.trim().replace('\n', " "))),
        (
            "size",
            bytes.map(|n| {
                if is_rough { format!("about {}", bytes_text(n)) } else { format!("{} ({n} bytes)", bytes_text(n)) }
            }),
        ),
        ("sha256", sha256),
        ("source", installed.map(|m| m.source)),
        ("pulled", day),
        ("place", Some(place)),
    ];
    let facts = facts.into_iter().filter_map(|(key, value)| Some((key, value?)));
    if args.json {
        let mut object: serde_json::Map<_, _> = facts.map(|(key, value)| (key.to_owned(), json!(value))).collect();
        object.insert("size".to_owned(), json!(bytes));
        object.insert("path".to_owned(), json!(path));
        return terminal::put_json(&object);
    }
    terminal::put(&facts.map(|(key, value)| format!("{key:<8} {}\n", escape(&value))).collect::<String>())
}
