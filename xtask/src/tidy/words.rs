//! Comments that can be read: no line of Rust is wider than a screen, and a doc comment stands alone.

use super::{
    code::{Code, Comment},
    tree::File,
};

/// Characters in a line; rustfmt's `max_width`.
const WIDTH_MAX: usize = 120;
/// Words of a doc comment that says something.
const WORDS_MIN: usize = 3;
/// Sources of commands: comments of their arguments are help.
const COMMANDS: &[&str] = &["crates/trinity/src/", "crates/vibee_cli/src/"];
/// Beginnings of comments that lean on what stands before them.
const LEANING: &[&str] = &["The same", "As above"];

/// Wide lines, and comments that say nothing.
pub(crate) fn check(rust: &[(&File, Code)]) -> Vec<String> {
    rust.iter().flat_map(|(file, code)| [wide(file, code), empty(file, code)].concat()).collect()
}

/// Lines that are too wide: comments, and code that no literal makes so.
fn wide(file: &File, code: &Code) -> Vec<String> {
    let mut offences = Vec::new();
    for ((line, code_line), number) in file.text.lines().zip(code.text.lines()).zip(1..) {
        let width = line.chars().count();
        let code_width = code_line.trim_end().chars().count();
        let has_comment = code.comments.iter().any(|c| c.line == number);
        let is_code = code_width > WIDTH_MAX;
        // What is neither code nor comment is the inside of a literal.
        if width > WIDTH_MAX && if is_code { !code_line.contains('"') } else { has_comment } {
            offences.push(format!("{}:{number}: {width} characters, the limit is {WIDTH_MAX}", file.path));
        }
    }
    offences
}

/// Doc comments of a word or two, and those that begin as if another stood before them.
fn empty(file: &File, code: &Code) -> Vec<String> {
    let docs =
        code.comments.chunk_by(|a, b| b.line == a.line + 1 && mark(a) == mark(b)).filter(|c| mark_of(c).is_some());
    let mut offences = Vec::new();
    for doc in docs {
        let text = doc.iter().map(|c| c.text.get(3..).unwrap_or_default().trim()).collect::<Vec<_>>().join(" ");
        let text = text.trim();
        let line = doc.first().map_or(0, |c| c.line);
        // Help that the program prints ends without a full stop, and stands beside the name of its argument.
        if COMMANDS.iter().any(|folder| file.path.starts_with(folder)) && !text.ends_with('.') {
            continue;
        }
        if let Some(leaning) = LEANING.iter().find(|leaning| text.starts_with(**leaning)) {
            offences.push(format!("{}:{line}: a doc comment stands alone, this begins {leaning:?}", file.path));
        } else if text.split_whitespace().count() < WORDS_MIN {
            offences.push(format!("{}:{line}: a doc comment says something, this is {text:?}", file.path));
        }
    }
    offences
}

/// `///` or `//!`, if it is a doc comment.
fn mark(comment: &Comment) -> Option<&'static str> {
    let is_doc = |mark: &&&str| comment.text.starts_with(**mark) && !comment.text.starts_with("////");
    ["///", "//!"].iter().find(is_doc).copied()
}

fn mark_of(comments: &[Comment]) -> Option<&'static str> {
    comments.first().and_then(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(text: &str) -> usize {
        offences_at("crates/a/src/lib.rs", text)
    }

    fn offences_at(path: &str, text: &str) -> usize {
        let file = File { path: path.to_owned(), text: text.to_owned(), n_bytes: 0 };
        check(&[(&file, Code::read(text))]).len()
    }

    #[test]
    fn lines_are_no_wider_than_a_screen() {
        let wide = "ä ".repeat(58);
        assert_eq!(offences(&format!("// {wide}")), 0, "characters, not bytes");
        assert_eq!(offences(&format!("// {wide}cde")), 1);
        assert_eq!(offences(&format!("a(); // {wide}")), 1);
        assert_eq!(offences(&format!("    let a = \"{wide}{wide}\";")), 0, "a literal");
        assert_eq!(offences(&format!("    let a = \"\n{wide}{wide}\n\";")), 0, "within a literal");
        assert_eq!(offences(&format!("    let a = \"\"; // {wide}")), 1);
        assert_eq!(offences(&format!("    a({});", "b, ".repeat(40))), 1);
    }

    #[test]
    fn a_doc_comment_stands_alone() {
        assert_eq!(offences("/// Number of rows.\na: u8,\n\n// Rows.\n//// Rows.\nlet a = \"/// Rows.\";"), 0);
        assert_eq!(offences("/// Rows\n/// of a matrix.\na: u8"), 0);
        assert_eq!(offences("//! Rows.\n"), 1);
        assert_eq!(offences("a: u8, // b\n/// So many.\na: u8"), 1);
        assert_eq!(offences("/// The same with rows that are chosen.\na: u8"), 1);
        assert_eq!(offences_at("crates/trinity/src/a.rs", "/// As JSON\n#[arg(long)]\njson: bool"), 0, "help");
        assert_eq!(offences_at("crates/trinity/src/a.rs", "/// As JSON.\njson: bool"), 1);
        assert_eq!(offences("//! A crate of rows.\n\n/// As above, for columns.\na: u8"), 1);
    }
}
