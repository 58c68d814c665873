//! `trinity list`.

use clap::Args;
use hub::Hub;
use serde_json::json;

use crate::{cli::Global, failure::Failure, terminal};

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

/// One line a model: name, size, where it is.
pub(crate) fn run(args: &ListArgs, global: &Global) -> Result<(), Failure> {
    let hub = Hub::from_environment(global.offline)?;
    let installed = hub.installed()?;
    let mut rows: Vec<(String, u64, String)> =
        installed.iter().map(|m| (m.name.clone(), m.bytes, m.path.display().to_string())).collect();
    for entry in hub.entries()? {
        if entry.name == hub::EMBEDDED {
            rows.insert(0, (entry.name.clone(), entry.bytes, "part of the program".to_owned()));
        } else if args.all && installed.iter().all(|m| m.name != entry.name) {
            rows.push((
                entry.name.clone(),
                entry.bytes,
                format!("not here; {}; licence {}", entry.about, entry.licence),
            ));
        }
    }
    if args.json {
        let list: Vec<_> =
            rows.iter().map(|(name, bytes, place)| json!({"name": name, "bytes": bytes, "place": place})).collect();
        return terminal::put_json(&list);
    }
    let text: String = rows
        .iter()
        .map(|(name, bytes, place)| {
            format!("{name:<24} {:>10}  {}\n", terminal::bytes_text(*bytes), terminal::escape(place))
        })
        .collect();
    terminal::put(&text)
}
