//! `trinity kg repl`: queries and updates, one after the other.

use rustyline::{DefaultEditor, error::ReadlineError};

use super::{Context, change, query, words};
use crate::{failure::Failure, terminal};

const HELP: &str = "\
?x capitalOf France     ask in patterns, joined by .
SELECT …, ASK …         ask in SPARQL; a text goes on until its braces are closed
INSERT …, DELETE …      change
explain QUESTION        how it would be answered
help, exit              this, and the end (Ctrl-D)
";

/// Words with which an update begins.
const UPDATES: [&str; 9] = ["insert", "delete", "clear", "drop", "create", "copy", "move", "add", "with"];

/// Reads lines until there are no more.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let store = context.open_or_make()?;
    let is_talk = terminal::can_talk();
    let mut editor =
        DefaultEditor::new().map_err(|why| Failure::new(crate::failure::Kind::Failure, why.to_string()))?;
    if is_talk {
        terminal::say(&format!("{} facts; help tells what can be typed\n", store.snapshot()?.len()));
    }
    let mut text = String::new();
    loop {
        let prompt = if text.is_empty() { "kg> " } else { "  > " };
        let line = match editor.readline(if is_talk { prompt } else { "" }) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                text.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(why) => return Err(Failure::new(crate::failure::Kind::Failure, why.to_string())),
        };
        text += &line;
        text.push('\n');
        if is_open(&text) {
            continue;
        }
        let whole = std::mem::take(&mut text);
        let question = whole.trim();
        if question.is_empty() {
            continue;
        }
        let _ = editor.add_history_entry(question);
        match question {
            "exit" | "quit" => break,
            "help" => terminal::say(HELP),
            _ => {
                terminal::take_interrupt();
                let answered = one(context, &store, question);
                match answered {
                    Err(failure) if failure.ends_talk() && !terminal::take_interrupt() => return Err(failure),
                    Err(failure) => terminal::say(&failure.line()),
                    Ok(()) => {}
                }
            }
        }
    }
    Ok(())
}

fn one(context: &Context<'_>, store: &kg::Store, text: &str) -> Result<(), Failure> {
    let snapshot = store.snapshot()?;
    let prefixes = words::prefixes(&snapshot)?;
    if let Some(text) = text.strip_prefix("explain ") {
        return query::ask(context, &snapshot, &prefixes, text, true);
    }
    let first = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    // "add" begins a pattern too, unless it is the update's: ADD GRAPH.
    let is_update = UPDATES.contains(&first.as_str())
        && (text.contains('{')
            || text
                .to_ascii_lowercase()
                .split_whitespace()
                .any(|word| ["graph", "default", "all", "named"].contains(&word)));
    if is_update {
        return change::run_update(context, store, &prefixes, text);
    }
    query::ask(context, &snapshot, &prefixes, text, false)
}

/// Whether a text in SPARQL goes on: its braces are not closed yet, and no empty line ended it.
fn is_open(text: &str) -> bool {
    let (opened, closed) = (text.matches('{').count(), text.matches('}').count());
    opened > closed || (opened == 0 && query::is_sparql(text) && !text.ends_with("\n\n"))
}
