//! What README and the documents show of the program is what it prints.
//!
//! A sample is a line `$ COMMAND` in a block of code (indented, or fenced as `console`) and the lines below it, which
//! are its output. All of a document are run in order by `bash`, in one empty home with the test model pulled and in
//! one folder with [`session::FILES`]; standard output and standard error both count.
//!
//! - White space is one space: documents wrap lines where programs do not.
//! - `…` in a sample is any text. The home folder is `~`, a server's port 8080, and a number before a unit of
//!   [`testkit::samples::UNITS`] is the run's own.
//! - `trinity run` and `trinity chat` are run in a terminal, where lines that begin with `>>> ` are typed; functions of
//!   the shell stay, and what is exported.
//! - `trinity serve` goes on in the background: what follows in the document asks it, until another one starts.
//! - `<!-- not run: WHY -->` on the line above a block leaves it out: only for what this machine cannot have, and at
//!   most [`NOT_RUN_MAX`] times.
//! - `<!-- program: NAME -->` there leaves the block to that program's tests.

mod session;

use std::{fs, path::PathBuf};

use session::Session;
use testkit::samples::{Block, Document, compare};

/// Blocks that are left out, in all documents.
const NOT_RUN_MAX: usize = 6;

/// The program that these samples are of.
const PROGRAM: &str = "trinity";
/// Documents of other programs, whose tests run them.
const OTHERS: [&str; 1] = ["vibee.md"];

/// README and everything in `docs/` that is not another program's.
fn documents() -> Vec<Document> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut paths = vec![root.join("README.md")];
    paths.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    paths.retain(|path| path.extension().is_some_and(|e| e == "md") && !OTHERS.iter().any(|name| path.ends_with(name)));
    paths.sort();
    paths.iter().map(|path| Document::parse(path, PROGRAM)).collect()
}

/// Runs the samples of those documents; all differences are told.
fn run(is_wanted: impl Fn(&str) -> bool) {
    let (mut n_run, mut differences) = (0, Vec::new());
    for document in documents().iter().filter(|document| is_wanted(&document.name)) {
        let runnable = || document.blocks.iter().filter(|block| block.not_run.is_none() && block.program == PROGRAM);
        if runnable().next().is_none() {
            continue;
        }
        let mut session = Session::start();
        for sample in runnable().flat_map(|block| &block.samples) {
            n_run += 1;
            let printed = session.run(sample);
            if let Err(why) = printed.and_then(|printed| compare(&sample.output, &printed)) {
                differences.push(format!("{}:{}: $ {}\n{why}", document.name, sample.line, sample.command));
            }
        }
    }
    assert!(differences.is_empty(), "{} of {n_run} samples differ:\n\n{}", differences.len(), differences.join("\n\n"));
    assert!(n_run > 0);
}

#[test]
fn samples_of_readme_are_what_the_commands_print() {
    run(|name| name == "README.md");
}

#[test]
fn samples_of_the_documents_are_what_the_commands_print() {
    run(|name| name != "README.md");
}

#[test]
fn few_samples_are_left_out_and_no_command_hides() {
    let documents = documents();
    let blocks: Vec<(&str, &Block)> =
        documents.iter().flat_map(|d| d.blocks.iter().map(|block| (d.name.as_str(), block))).collect();
    let left_out: Vec<String> = blocks
        .iter()
        .filter_map(|(name, block)| Some(format!("{name}:{}: {}", block.line, block.not_run.as_ref()?)))
        .collect();
    assert!(left_out.len() <= NOT_RUN_MAX, "{} blocks are left out: {left_out:#?}", left_out.len());
    assert!(blocks.len() > 10 && blocks.iter().all(|(_, block)| !block.samples.is_empty()));
    let hidden: Vec<&String> = documents.iter().flat_map(|document| &document.hidden).collect();
    assert!(hidden.is_empty(), "commands that no test runs: begin them with `$ `: {hidden:#?}");
}
