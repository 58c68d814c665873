//! Blocks of code in a document, and the samples in them.

use std::{fs, path::Path};

/// Above a block that is not run.
const NOT_RUN: &str = "<!-- not run: ";
/// Above a block about another program than the rest of the document.
const PROGRAM: &str = "<!-- program: ";
/// Programs of this repository.
const PROGRAMS: [&str; 2] = ["trinity", "vibee"];

/// A document in Markdown.
pub struct Document {
    /// Its file's name.
    pub name: String,
    /// Its blocks with commands, in order.
    pub blocks: Vec<Block>,
    /// `FILE:LINE: …` of commands that do not begin with `$ `, so nothing runs them.
    pub hidden: Vec<String>,
}

/// One block with at least one command.
pub struct Block {
    /// Its first line in the document, from 1.
    pub line: usize,
    /// Its commands with what they print.
    pub samples: Vec<Sample>,
    /// Why the block is not run, where the document says so.
    pub not_run: Option<String>,
    /// The program that the block is about: another test runs those that are not about its own.
    pub program: String,
}

/// A command and what it prints.
pub struct Sample {
    /// Its line in the document, from 1.
    pub line: usize,
    /// For a shell; more than one line if it goes on.
    pub command: String,
    /// What is shown below it.
    pub output: String,
}

impl Sample {
    /// Gives what is typed at the prompt of the program.
    pub fn typed(&self) -> Vec<&str> {
        self.output.lines().filter_map(|line| line.strip_prefix(">>> ")).collect()
    }
}

impl Document {
    /// Reads a document of `program`.
    ///
    /// # Panics
    ///
    /// If the file cannot be read.
    pub fn parse(path: &Path, program: &str) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Self::parse_text(&name.unwrap_or_default(), &text, program)
    }

    fn parse_text(name: &str, text: &str, program: &str) -> Self {
        let name = name.to_owned();
        let (mut blocks, mut hidden) = (Vec::new(), Vec::new());
        let (mut not_run, mut other) = (None, None);
        for code in code(text) {
            if let Code::Text(line) = code {
                if !line.trim().is_empty() {
                    let mark = |begins: &str| line.strip_prefix(begins).and_then(|rest| rest.strip_suffix(" -->"));
                    not_run = mark(NOT_RUN).map(str::to_owned);
                    other = mark(PROGRAM).map(str::to_owned);
                }
                continue;
            }
            let Code::Block { line, lines, is_shell } = code else { continue };
            let samples = samples(line, &lines);
            if samples.is_empty() {
                let calls =
                    |l: &str, name: &str| l.starts_with(&format!("{name} ")) || l.contains(&format!("| {name} "));
                let is_hidden = |l: &&&str| is_shell && PROGRAMS.iter().any(|name| calls(l, name));
                hidden.extend(lines.iter().filter(is_hidden).map(|l| format!("{name}:{line}: {l}")));
            } else {
                let program = other.take().unwrap_or_else(|| program.to_owned());
                blocks.push(Block { line, samples, not_run: not_run.take(), program });
            }
            (not_run, other) = (None, None);
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

/// Whether a command goes on behind its last line: that ends with `\`, a quote is open, or a text up to a word is
/// (`<<'WORD'`).
fn goes_on(command: &str) -> bool {
    let last = command.lines().next_back().unwrap_or_default();
    let word = command.split_once("<<'").and_then(|(_, rest)| rest.split_once('\''));
    match word {
        Some((word, _)) => last != word,
        None => command.ends_with('\\') || command.matches('\'').count() % 2 == 1,
    }
}

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
        is_open = samples.last().is_some_and(|sample| sample.output.is_empty() && goes_on(&sample.command));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_commands_and_marks_are_found() {
        let text = "Text\n\n    $ one \\\n      --two\n    out\n    $ three '{\n      }'\n\n<!-- not run: why -->\n\n```console\n$ four\n```\n\n```sh\ntrinity five\n```\n\n<!-- program: vibee -->\n\n    $ six <<'X'\n    it's\n    X\n    out\n";
        let document = Document::parse_text("a.md", text, "trinity");
        let commands: Vec<_> =
            document.blocks.iter().flat_map(|b| &b.samples).map(|s| (s.line, &*s.command, &*s.output)).collect();
        assert_eq!(
            commands,
            [
                (3, "one \\\n  --two", "out\n"),
                (6, "three '{\n  }'", ""),
                (12, "four", ""),
                (21, "six <<'X'\nit's\nX", "out\n")
            ]
        );
        assert_eq!(document.blocks.iter().map(|b| b.not_run.as_deref()).collect::<Vec<_>>(), [None, Some("why"), None]);
        assert_eq!(
            document.blocks.iter().map(|b| b.program.as_str()).collect::<Vec<_>>(),
            ["trinity", "trinity", "vibee"]
        );
        assert_eq!(document.hidden, ["a.md:16: trinity five"]);
    }
}
