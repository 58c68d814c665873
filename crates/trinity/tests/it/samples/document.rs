//! Blocks of code in a document, and the samples in them.

use std::{fs, path::Path};

/// Above a block that is not run.
const NOT_RUN: &str = "<!-- not run: ";

pub(super) struct Document {
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
    /// `FILE:LINE: …` of commands that do not begin with `$ `, so nothing runs them.
    pub(super) hidden: Vec<String>,
}

/// One block with at least one command.
pub(super) struct Block {
    pub(super) line: usize,
    pub(super) samples: Vec<Sample>,
    /// Why the block is not run, where the document says so.
    pub(super) not_run: Option<String>,
}

pub(super) struct Sample {
    pub(super) line: usize,
    /// For a shell; more than one line if it goes on.
    pub(super) command: String,
    pub(super) output: String,
}

impl Sample {
    /// What is typed at the prompt of the program.
    pub(super) fn typed(&self) -> Vec<&str> {
        self.output.lines().filter_map(|line| line.strip_prefix(">>> ")).collect()
    }
}

impl Document {
    pub(super) fn parse(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (mut blocks, mut hidden) = (Vec::new(), Vec::new());
        let mut not_run = None;
        for code in code(&text) {
            if let Code::Text(line) = code {
                if !line.trim().is_empty() {
                    not_run = line.strip_prefix(NOT_RUN).and_then(|rest| rest.strip_suffix(" -->")).map(str::to_owned);
                }
                continue;
            }
            let Code::Block { line, lines, is_shell } = code else { continue };
            let samples = samples(line, &lines);
            if samples.is_empty() {
                let is_hidden = |l: &&&str| is_shell && (l.starts_with("trinity ") || l.contains("| trinity "));
                hidden.extend(lines.iter().filter(is_hidden).map(|l| format!("{name}:{line}: {l}")));
            } else {
                blocks.push(Block { line, samples, not_run: not_run.take() });
            }
            not_run = None;
        }
        Self { name, blocks, hidden }
    }
}

enum Code<'a> {
    Text(&'a str),
    Block { line: usize, lines: Vec<&'a str>, is_shell: bool },
}

/// The lines of a document outside of code, and the blocks of code.
fn code(text: &str) -> Vec<Code<'_>> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    let mut is_after_blank = true;
    while let Some((i, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().map(|(_, l)| l).take_while(|l| !l.starts_with("```")).collect();
            let is_shell = ["console", "sh", "bash"].contains(&language);
            found.push(Code::Block { line: i + 2, lines: block, is_shell });
        } else if let Some(first) = line.strip_prefix("    ").filter(|_| is_after_blank) {
            let mut block = vec![first];
            while let Some((_, l)) = lines.next_if(|(_, l)| l.starts_with("    ")) {
                block.push(l.get(4..).unwrap_or_default());
            }
            found.push(Code::Block { line: i + 1, lines: block, is_shell: true });
        } else {
            found.push(Code::Text(line));
        }
        is_after_blank = line.trim().is_empty();
    }
    found
}

/// A command goes on while its line ends with `\` or a quote is open.
fn samples(first: usize, lines: &[&str]) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut is_open = false;
    for (i, line) in lines.iter().enumerate() {
        match (line.strip_prefix("$ "), samples.last_mut()) {
            (Some(command), _) if !is_open => {
                samples.push(Sample { line: first + i, command: command.to_owned(), output: String::new() });
            }
            (_, Some(sample)) if is_open => sample.command += &format!("\n{line}"),
            (_, Some(sample)) => sample.output += &format!("{line}\n"),
            (_, None) => {}
        }
        let goes_on = |s: &Sample| s.command.ends_with('\\') || s.command.matches('\'').count() % 2 == 1;
        is_open = samples.last().is_some_and(|sample| sample.output.is_empty() && goes_on(sample));
    }
    samples
}

#[test]
fn blocks_commands_and_marks_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.md");
    let text = "Text\n\n    $ one \\\n      --two\n    out\n    $ three '{\n      }'\n\n<!-- not run: why -->\n\n```console\n$ four\n```\n\n```sh\ntrinity five\n```\n";
    fs::write(&path, text).unwrap();
    let document = Document::parse(&path);
    let commands: Vec<_> =
        document.blocks.iter().flat_map(|b| &b.samples).map(|s| (s.line, &*s.command, &*s.output)).collect();
    assert_eq!(commands, [(3, "one \\\n  --two", "out\n"), (6, "three '{\n  }'", ""), (12, "four", "")]);
    assert_eq!(document.blocks.iter().map(|b| b.not_run.as_deref()).collect::<Vec<_>>(), [None, Some("why")]);
    assert_eq!(document.hidden, ["a.md:16: trinity five"]);
}
