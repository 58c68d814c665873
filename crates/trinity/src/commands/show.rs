//! `trinity show MODEL`.

use clap::Args;
use hub::{Hub, Resolved};
use serde_json::json;

use crate::{cli::Global, failure::Failure, terminal};

/// Arguments of `show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The model, by name
    #[arg(value_name = "MODEL")]
    model: String,
    /// Only the path of its file
    #[arg(long)]
    path: bool,
    /// As JSON
    #[arg(long, conflicts_with = "path")]
    json: bool,
}

/// Catalogue and file facts; `inspect` says what is in the file.
pub(crate) fn run(args: &ShowArgs, global: &Global) -> Result<(), Failure> {
    let hub = Hub::from_environment(global.offline)?;
    let place = match hub.resolve(&args.model) {
        Ok(Resolved::Embedded) => Some("part of the program".to_owned()),
        Ok(Resolved::File(path)) => Some(path.display().to_string()),
        Err(hub::Error::NotInstalled { .. }) if !args.path => None,
        Err(error) => return Err(error.into()),
    };
    if args.path {
        return terminal::put(&(place.unwrap_or_default() + "\n"));
    }
    let entry = hub.entry(&args.model)?;
    let entry = entry.as_ref();
    let installed =
        hub.installed()?.into_iter().find(|m| Some(&m.name) == entry.map(|e| &e.name) || m.name == args.model);
    let facts = [
        ("name", entry.map_or_else(|| args.model.clone(), |e| e.name.clone())),
        ("about", entry.map(|e| e.about.clone()).unwrap_or_default()),
        ("licence", entry.map(|e| e.licence.clone()).unwrap_or_default()),
        ("size", entry.map(|e| terminal::bytes_text(e.bytes)).unwrap_or_default()),
        (
            "sha256",
            entry.map(|e| e.sha256.clone()).or(installed.as_ref().map(|m| m.sha256.clone())).unwrap_or_default(),
        ),
        ("source", installed.map(|m| m.source).unwrap_or_default()),
        ("place", place.unwrap_or_else(|| format!("not here: trinity pull {}", args.model))),
    ];
    if args.json {
        let object: serde_json::Map<_, _> =
            facts.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
        return terminal::put_json(&object);
    }
    let lines = facts.iter().filter(|(_, value)| !value.is_empty());
    terminal::put(&lines.map(|(key, value)| format!("{key:<8} {}\n", terminal::escape(value))).collect::<String>())
}
