//! `trinity kg add`, `update` and `rm`.

use clap::Args;
use kg::{Pattern, Prefixes, Snapshot, query, source::Source, store::SourceId};
use oxrdf::{GraphName, NamedOrBlankNode, QuadRef, Term};
use serde_json::json;

use super::{Context, words};
use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `kg add`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct AddArgs {
    /// Name, prefix:name or `<IRI>`
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Name, prefix:name or `<IRI>`; a is "is of the class"
    #[arg(value_name = "PREDICATE")]
    predicate: String,
    /// Name, prefix:name, `<IRI>`, number, or '"text"' with @language or ^^type behind it
    #[arg(value_name = "OBJECT", allow_hyphen_values = true)]
    object: String,
    /// The graph that the fact stands in [default: the default graph]
    #[arg(long, value_name = "GRAPH")]
    graph: Option<String>,
    /// Where the fact comes from: a document, a person
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
}

/// Arguments of `kg why`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct WhyArgs {
    /// Subject of the fact
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Its predicate
    #[arg(value_name = "PREDICATE")]
    predicate: String,
    /// Its object
    #[arg(value_name = "OBJECT", allow_hyphen_values = true)]
    object: String,
}

/// Arguments of `kg update`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct UpdateArgs {
    /// The update: INSERT DATA { … }, DELETE WHERE { … }, …
    #[arg(value_name = "UPDATE", required = true)]
    update: Vec<String>,
}

/// Arguments of `kg rm`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct RemoveArgs {
    /// Subject, predicate and object; ? is any
    #[arg(
        value_names = ["SUBJECT", "PREDICATE", "OBJECT"],
        num_args = 3,
        allow_hyphen_values = true,
        required_unless_present = "source"
    )]
    fact: Vec<String>,
    /// Remove what comes from this source and from no other
    #[arg(long, value_name = "TEXT", conflicts_with = "fact")]
    source: Option<String>,
    /// Remove even if all three are ?
    #[arg(long)]
    all: bool,
}

/// A source of which the name is known, and that it speaks now.
pub(super) fn source(name: &str) -> Source {
    Source { added_at: Some(terminal::timestamp()), ..Source::document(name) }
}

/// Adds a fact.
pub(super) fn add(context: &Context<'_>, args: &AddArgs) -> Result<(), Failure> {
    let store = context.open_or_make()?;
    let prefixes = words::prefixes(&store.snapshot()?)?;
    let subject = node(&args.subject, &prefixes, "subject")?;
    let predicate = words::predicate(&args.predicate, &prefixes)?;
    let object = words::term(&args.object, &prefixes)?;
    let graph = match &args.graph {
        Some(word) => GraphName::from(node(word, &prefixes, "graph")?),
        None => GraphName::DefaultGraph,
    };
    let mut transaction = store.begin()?;
    let fact = QuadRef::new(subject.as_ref(), predicate.as_ref(), object.as_ref(), graph.as_ref());
    let is_new = match &args.source {
        Some(name) => {
            let source = match of_name(&store.snapshot()?, name)? {
                Some(id) => id,
                None => source(name).keep(&mut transaction)?,
            };
            transaction.add_from(fact, source)?
        }
        None => transaction.add(fact)?,
    };
    let seq = transaction.commit()?;
    if context.args.json {
        return terminal::put_json(&json!({"added": u8::from(is_new), "seq": seq.0}));
    }
    terminal::say(if is_new { "added\n" } else { "it was known\n" });
    Ok(())
}

fn node(word: &str, prefixes: &Prefixes, what: &str) -> Result<NamedOrBlankNode, Failure> {
    match words::term(word, prefixes)? {
        Term::NamedNode(node) => Ok(node.into()),
        Term::BlankNode(node) => Ok(node.into()),
        Term::Literal(_) => Err(Failure::usage(format!("{word:?} cannot be a {what}: only names can"))),
    }
}

/// Runs an update.
pub(super) fn update(context: &Context<'_>, args: &UpdateArgs) -> Result<(), Failure> {
    let store = context.open_or_make()?;
    let prefixes = words::prefixes(&store.snapshot()?)?;
    run_update(context, &store, &prefixes, &args.update.join(" "))
}

/// Runs an update on an open store.
pub(super) fn run_update(
    context: &Context<'_>,
    store: &kg::Store,
    prefixes: &Prefixes,
    text: &str,
) -> Result<(), Failure> {
    let report = query::update(store, text, &context.options(prefixes))?;
    if context.args.json {
        let seq = report.seq.map(|seq| seq.0);
        return terminal::put_json(&json!({"added": report.added, "removed": report.removed, "seq": seq}));
    }
    terminal::say(&format!("{} added, {} removed\n", report.added, report.removed));
    Ok(())
}

/// Removes what the pattern names.
pub(super) fn remove(context: &Context<'_>, args: &RemoveArgs) -> Result<(), Failure> {
    let store = context.open()?;
    let snapshot = store.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    if let Some(name) = &args.source {
        let Some(id) = of_name(&snapshot, name)? else {
            let known: Vec<String> = Source::all(&snapshot)?.into_iter().map(|(_, source)| source.document).collect();
            return Err(Failure::usage(format!("nothing comes from {name:?}; sources: {}", known.join(", "))));
        };
        let mut transaction = store.begin()?;
        let removed = Source::remove(&mut transaction, id)?;
        let seq = transaction.commit()?;
        return say_removed(context, removed, seq);
    }
    let words = &args.fact;
    if words.iter().all(|word| *word == "?") && !args.all {
        return Err(Failure::usage("? ? ? are all facts of the graph").with_hint("--all removes them"));
    }
    let mut ids = [None; 3];
    let mut is_known = true;
    for (place, (id, word)) in ids.iter_mut().zip(words).enumerate().filter(|(_, (_, word))| *word != "?") {
        let term = match place {
            1 => words::predicate(word, &prefixes)?.into(),
            _ => words::term(word, &prefixes)?,
        };
        *id = snapshot.id(term.as_ref())?;
        is_known &= id.is_some();
    }
    let [subject, predicate, object] = ids;
    let mut transaction = store.begin()?;
    let mut removed = 0u64;
    if is_known {
        for quad in snapshot.matching(Pattern { subject, predicate, object, graph: None }) {
            removed += u64::from(transaction.remove_ids(&quad?)?);
        }
    }
    let seq = transaction.commit()?;
    say_removed(context, removed, seq)
}

fn say_removed(context: &Context<'_>, removed: u64, seq: kg::Seq) -> Result<(), Failure> {
    if context.args.json {
        return terminal::put_json(&json!({"removed": removed, "seq": seq.0}));
    }
    terminal::say(&format!("{removed} removed\n"));
    Ok(())
}

fn of_name(snapshot: &Snapshot, name: &str) -> Result<Option<SourceId>, Failure> {
    Ok(Source::all(snapshot)?.into_iter().find(|(_, source)| source.document == name).map(|(id, _)| id))
}

/// Tells where a fact comes from.
pub(super) fn why(context: &Context<'_>, args: &WhyArgs) -> Result<(), Failure> {
    let snapshot = context.open()?.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    let subject = snapshot.id(words::term(&args.subject, &prefixes)?.as_ref())?;
    let predicate = snapshot.id(words::predicate(&args.predicate, &prefixes)?.as_ref().into())?;
    let object = snapshot.id(words::term(&args.object, &prefixes)?.as_ref())?;
    let mut sources = Vec::new();
    let mut is_fact = false;
    if subject.is_some() && predicate.is_some() && object.is_some() {
        for quad in snapshot.matching(Pattern { subject, predicate, object, graph: None }) {
            is_fact = true;
            sources.extend(Source::of_fact(&snapshot, &quad?)?.into_iter().map(|(_, source)| source));
        }
    }
    if !is_fact {
        return Err(Failure::new(Kind::Failure, "the graph does not say so"));
    }
    if context.args.json {
        return terminal::put_json(&sources);
    }
    if sources.is_empty() {
        terminal::say("a fact, of which no source is known\n");
    }
    let line = |source: &Source| {
        let when = source.added_at.as_deref().map_or_else(String::new, |at| format!(", added {at}"));
        terminal::escape(&format!("{}{when}", source.document)) + "\n"
    };
    terminal::put(&sources.iter().map(line).collect::<String>())
}
