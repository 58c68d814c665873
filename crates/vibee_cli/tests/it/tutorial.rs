//! The tutorial and what README shows of `vibee`, command by command: they are what the commands print.

use std::{path::PathBuf, process::Command};

use testkit::samples::{Document, compare};

use crate::program::{Folder, program};

/// The program that these samples are of.
const PROGRAM: &str = "vibee";

/// Runs the samples of a document in one folder, all of them by one kind of shell; all differences are told.
fn run(name: &str, of: &str) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(name);
    let document = Document::parse(&path, of);
    assert!(document.hidden.is_empty(), "commands that no test runs: {:?}", document.hidden);
    let folder = Folder::new();
    let paths = [program().parent().unwrap().to_owned()];
    let paths =
        std::env::join_paths(paths.into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    let paths = paths.unwrap();
    let (mut n_run, mut differences) = (0, Vec::new());
    for block in document.blocks.iter().filter(|block| block.program == PROGRAM) {
        assert!(block.not_run.is_none(), "{name}:{}: every block runs", block.line);
        for sample in &block.samples {
            n_run += 1;
            let command = format!("exec 2>&1\n{}", sample.command);
            let output =
                Command::new("bash").args(["-c", &command]).current_dir(folder.path()).env("PATH", &paths).output();
            let printed = String::from_utf8(output.unwrap().stdout).unwrap();
            if let Err(why) = compare(&sample.output, &printed) {
                differences.push(format!("{name}:{}: $ {}\n{why}", sample.line, sample.command));
            }
        }
    }
    assert!(differences.is_empty(), "{} of {n_run} samples differ:\n\n{}", differences.len(), differences.join("\n\n"));
    assert!(n_run > 1, "{name}: {n_run} samples");
}

#[test]
fn the_tutorial_is_what_the_commands_print() {
    run("docs/vibee.md", PROGRAM);
}

#[test]
fn readme_is_what_the_commands_print() {
    run("README.md", "trinity");
}
