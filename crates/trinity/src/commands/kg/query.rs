//! `trinity kg query` and `trinity kg path`.

use std::{fs, path::PathBuf};

use clap::Args;
use kg::{Prefixes, Snapshot, query, simple::Names};
use oxrdf::{Term, TermRef};

use super::{Context, show, words};
use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `kg query`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct QueryArgs {
    /// The question; several words are one: ?x capitalOf France
    #[arg(value_name = "QUESTION", required_unless_present = "file")]
    question: Vec<String>,
    /// A file that holds it
    #[arg(short, long, value_name = "FILE", conflicts_with = "question")]
    file: Option<PathBuf>,
    /// Say how the question is answered: as which SPARQL, by which evaluator, in which order
    #[arg(long)]
    explain: bool,
}

/// Arguments of `kg path`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct PathArgs {
    /// Where the way begins
    #[arg(value_name = "A")]
    from: String,
    /// Where it ends
    #[arg(value_name = "B")]
    to: String,
    /// Facts on the way, at most
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    hops: u8,
}

/// Words with which a text in SPARQL begins.
const SPARQL: [&str; 6] = ["select", "ask", "construct", "describe", "prefix", "base"];

/// Answers the question.
pub(super) fn run(context: &Context<'_>, args: &QueryArgs) -> Result<(), Failure> {
    let text = match &args.file {
        Some(path) => fs::read_to_string(path).map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?,
        None => args.question.join(" "),
    };
    let snapshot = context.open()?.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    ask(context, &snapshot, &prefixes, &text, args.explain)
}

/// Answers one question in either language.
pub(super) fn ask(
    context: &Context<'_>,
    snapshot: &Snapshot,
    prefixes: &Prefixes,
    text: &str,
    explain: bool,
) -> Result<(), Failure> {
    let options = context.options(prefixes);
    let sparql = if is_sparql(text) {
        text.to_owned()
    } else {
        let question = Names::of(snapshot, &options.limits)?.question(text, prefixes, snapshot)?;
        if explain {
            let names: String = question.names.iter().map(|(word, term)| format!("# {word} is {term}\n")).collect();
            terminal::put(&format!("{names}{}\n", question.sparql))?;
        }
        question.sparql
    };
    if explain {
        let explanation = query::explain(snapshot, &sparql, &options)?;
        let why = explanation.why.map_or_else(String::new, |why| format!(" ({why})"));
        let lines: String = explanation.operators.iter().map(|line| format!("{line}\n")).collect();
        let text = format!("{:?} evaluator{why}, {} rows\n{lines}", explanation.engine, explanation.rows);
        return terminal::put(&text);
    }
    show::answer(context, snapshot, &query::parse(&sparql, &options)?, &options, prefixes)
}

/// Whether a text is SPARQL: it begins with one of its words, or with a comment.
pub(super) fn is_sparql(text: &str) -> bool {
    let text = text.trim_start();
    let first: String = text.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    text.starts_with('#') || SPARQL.contains(&first.as_str())
}

/// Prints the shortest ways.
pub(super) fn path(context: &Context<'_>, args: &PathArgs) -> Result<(), Failure> {
    let snapshot = context.open()?.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    let options = context.options(&prefixes);
    let ends = [&args.from, &args.to].map(|word| known(&snapshot, word, &prefixes));
    let [from, to] = ends;
    let found = kg::paths::shortest(&snapshot, &from?, &to?, args.hops.into(), &options.limits)?;
    if context.args.json {
        return terminal::put_json(
            &found.iter().map(|way| way.iter().map(ToString::to_string).collect::<Vec<_>>()).collect::<Vec<_>>(),
        );
    }
    if found.is_empty() {
        let message = format!("no way of at most {} facts; --hops allows more", args.hops);
        return Err(Failure::new(Kind::Failure, message));
    }
    let shown = |term: TermRef<'_>| terminal::escape(&words::shown(term, &prefixes));
    let mut text = String::new();
    for way in &found {
        let facts = way.iter().map(|fact| {
            let object: TermRef<'_> = fact.object.as_ref();
            format!(
                "{} {} {}",
                shown(fact.subject.as_ref().into()),
                shown(fact.predicate.as_ref().into()),
                shown(object)
            )
        });
        text += &(facts.collect::<Vec<_>>().join(" · ") + "\n");
    }
    terminal::put(&text)
}

fn known(snapshot: &Snapshot, word: &str, prefixes: &Prefixes) -> Result<Term, Failure> {
    let term = words::term(word, prefixes)?;
    match snapshot.id(term.as_ref())? {
        Some(_) => Ok(term),
        None => Err(Failure::usage(format!("nothing in this graph is {}", words::shown(term.as_ref(), prefixes)))),
    }
}
