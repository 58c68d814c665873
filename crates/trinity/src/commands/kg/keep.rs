//! `trinity kg stats`, `verify`, `merge` and `backup`: what the file has, and whether it is whole.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use clap::Args;
use kg::{Pattern, Snapshot, Statistics, TermId};
use serde_json::json;

use super::{Context, words};
use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `kg stats`.
#[derive(Args)]
#[command(next_help_heading = group::OUTPUT)]
pub(super) struct StatsArgs {
    /// Predicates that are listed
    #[arg(long, value_name = "N", default_value_t = 20)]
    predicates: usize,
}

/// Arguments of `kg merge`.
#[derive(Args)]
#[command(next_help_heading = group::OUTPUT)]
pub(super) struct MergeArgs {
    /// Make damaged blocks anew from the other orders of the same facts
    #[arg(long)]
    repair: bool,
}

/// Arguments of `kg backup`.
#[derive(Args)]
#[command(next_help_heading = group::OUTPUT)]
pub(super) struct BackupArgs {
    /// The new file
    #[arg(value_name = "TO")]
    to: PathBuf,
}

/// Prints what the graph has.
pub(super) fn stats(context: &Context<'_>, args: &StatsArgs) -> Result<(), Failure> {
    let path = context.path()?;
    let snapshot = context.open()?.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    let counted = counted(&snapshot)?;
    let statistics = counted.as_ref().unwrap_or(snapshot.statistics());
    let bytes = std::fs::metadata(path)?.len();
    let mut predicates = Vec::new();
    for (id, of) in &statistics.predicates {
        predicates.push((of, words::shown(snapshot.term(*id)?.as_ref(), &prefixes)));
    }
    predicates.sort_by(|(a, name_a), (b, name_b)| b.quads.cmp(&a.quads).then_with(|| name_a.cmp(name_b)));
    if context.args.json {
        let rows: Vec<_> = predicates
            .iter()
            .map(|(of, name)| json!({"name": name, "facts": of.quads, "subjects": of.subjects, "objects": of.objects}))
            .collect();
        return terminal::put_json(&json!({
            "facts": snapshot.len(), "seq": snapshot.seq().0, "bytes": bytes, "subjects": statistics.subjects,
            "objects": statistics.objects, "predicates": rows,
        }));
    }
    let mut text = format!(
        "{} facts, commit {}, {}\n{} subjects, {} objects, {} predicates\n",
        snapshot.len(),
        snapshot.seq().0,
        terminal::bytes_text(bytes),
        statistics.subjects,
        statistics.objects,
        predicates.len()
    );
    let shown = predicates.iter().take(args.predicates);
    let width = shown.clone().map(|(_, name)| name.len()).max().unwrap_or(0);
    for (of, name) in shown {
        text += &format!(
            "  {:<width$}  {:>9} facts  {:>9} subjects  {:>9} objects\n",
            terminal::escape(name),
            of.quads,
            of.subjects,
            of.objects
        );
    }
    terminal::put(&text)
}

/// Facts up to which what a graph has is counted anew.
const COUNTED_MAX: u64 = 1_000_000;

/// What a graph that is small has: blocks know nothing of what changed since the last merge.
fn counted(snapshot: &Snapshot) -> Result<Option<Statistics>, Failure> {
    if snapshot.len() > COUNTED_MAX {
        if snapshot.statistics().quads() != snapshot.len() {
            terminal::warn("changes since the last merge are not counted; trinity kg merge puts them into blocks");
        }
        return Ok(None);
    }
    let (mut subjects, mut objects) = (HashSet::new(), HashSet::new());
    let mut ends: BTreeMap<TermId, [HashSet<TermId>; 2]> = BTreeMap::new();
    let mut statistics = Statistics::default();
    for quad in snapshot.matching(Pattern::all()) {
        let quad = quad?;
        subjects.insert(quad.subject);
        objects.insert(quad.object);
        let of = statistics.predicates.entry(quad.predicate).or_default();
        of.quads += 1;
        statistics.named += u64::from(quad.graph != TermId::DEFAULT_GRAPH);
        let [of_subjects, of_objects] = ends.entry(quad.predicate).or_default();
        of_subjects.insert(quad.subject);
        of_objects.insert(quad.object);
    }
    for (predicate, [of_subjects, of_objects]) in &ends {
        let of = statistics.predicates.entry(*predicate).or_default();
        (of.subjects, of.objects) = (of_subjects.len() as u64, of_objects.len() as u64);
    }
    (statistics.subjects, statistics.objects) = (subjects.len() as u64, objects.len() as u64);
    Ok(Some(statistics))
}

/// Reads every block, and prints what is damaged.
pub(super) fn verify(context: &Context<'_>) -> Result<(), Failure> {
    let store = context.open()?;
    match store.verify() {
        Ok(found) => {
            if context.args.json {
                return terminal::put_json(&json!({"whole": true, "blocks": found.blocks, "facts": found.quads}));
            }
            terminal::put(&format!("whole: {} blocks, {} facts, {} terms\n", found.blocks, found.quads, found.terms))
        }
        Err(damages) => {
            let lines: Vec<String> = damages.iter().map(ToString::to_string).collect();
            if context.args.json {
                terminal::put_json(&json!({"whole": false, "damages": lines}))?;
            } else {
                terminal::put(&(lines.join("\n") + "\n"))?;
            }
            Err(Failure::new(Kind::Failure, format!("{} places are damaged", damages.len())))
        }
    }
}

/// Puts changes into blocks, and prints how many.
pub(super) fn merge(context: &Context<'_>, args: &MergeArgs) -> Result<(), Failure> {
    let store = context.open()?;
    let report = if args.repair { store.repair()? } else { store.merge()? };
    store.compact()?;
    if context.args.json {
        let (facts, changes, repaired) = (report.quads, report.changes, report.repaired);
        return terminal::put_json(
            &json!({"facts": facts, "changes": changes, "repaired": repaired, "seq": report.seq.0}),
        );
    }
    terminal::say(&format!("{} facts; {} changes went into blocks\n", report.quads, report.changes));
    if args.repair {
        terminal::say(&format!("{} damaged blocks were made anew from the other orders\n", report.repaired));
    }
    Ok(())
}

/// Copies the last commit into a new file.
pub(super) fn backup(context: &Context<'_>, args: &BackupArgs) -> Result<(), Failure> {
    let store = context.open()?;
    store.backup(&args.to)?;
    terminal::say(&format!("{}: commit {}\n", args.to.display(), store.snapshot()?.seq().0));
    Ok(())
}
