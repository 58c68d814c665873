//! What emitters print with: documents that break where a line is full, in Wadler's style, and lines with their
//! indentation.

use std::borrow::Cow;

/// Text that knows where it may be broken.
#[derive(Clone, Debug)]
pub(crate) enum Doc {
    /// Text without a line break.
    Text(Cow<'static, str>),
    /// A space, or a line break where the group is broken.
    Line,
    /// Nothing, or a line break where the group is broken.
    SoftLine,
    /// A line break; the groups around it are broken.
    HardLine,
    /// Text that stands only where the group is broken, such as a last comma.
    IfBroken(&'static str),
    /// One level deeper.
    Nest(Box<Doc>),
    /// Broken as a whole or not at all.
    Group(Box<Doc>),
    /// One after the other.
    Many(Vec<Doc>),
}

/// Makes text a document.
pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Doc {
    Doc::Text(text.into())
}

/// Puts documents one after the other.
pub(crate) fn many(parts: impl IntoIterator<Item = Doc>) -> Doc {
    Doc::Many(parts.into_iter().collect())
}

/// Groups a document: on one line where it fits.
pub(crate) fn group(doc: Doc) -> Doc {
    Doc::Group(Box::new(doc))
}

/// One level deeper.
pub(crate) fn nest(doc: Doc) -> Doc {
    Doc::Nest(Box::new(doc))
}

/// `open a, b, c close`, each item on its own line where they do not fit on one; `last` is what stands behind the last
/// item then (a comma, where the language allows it).
pub(crate) fn list(
    open: impl Into<Cow<'static, str>>,
    items: Vec<Doc>,
    close: &'static str,
    last: &'static str,
) -> Doc {
    if items.is_empty() {
        return many([text(open), text(close)]);
    }
    let mut inner = Vec::with_capacity(items.len() * 3 + 1);
    inner.push(Doc::SoftLine);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            inner.push(text(","));
            inner.push(Doc::Line);
        }
        inner.push(item);
    }
    inner.push(Doc::IfBroken(last));
    group(many([text(open), nest(many(inner)), Doc::SoftLine, text(close)]))
}

/// `a op b op c`, broken before each operator.
pub(crate) fn chain(op: &str, items: Vec<Doc>) -> Doc {
    let mut items = items.into_iter();
    let first = items.next().unwrap_or_else(|| text(""));
    group(many([first, nest(many(items.map(|item| many([Doc::Line, text(format!("{op} ")), item]))))]))
}

impl Doc {
    /// Whether it takes a line break wherever it stands.
    fn is_hard(&self) -> bool {
        match self {
            Self::HardLine => true,
            Self::Nest(doc) | Self::Group(doc) => doc.is_hard(),
            Self::Many(parts) => parts.iter().any(Self::is_hard),
            _ => false,
        }
    }

    /// Whether the text on one line is `wanted`.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        self.strip(wanted) == Some("")
    }

    /// What is left of a text that begins with this on one line.
    fn strip<'t>(&self, from: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(text) => from.strip_prefix(text.as_ref()),
            Self::Line | Self::HardLine => from.strip_prefix(' '),
            Self::SoftLine | Self::IfBroken(_) => Some(from),
            Self::Nest(doc) | Self::Group(doc) => doc.strip(from),
            Self::Many(parts) => parts.iter().try_fold(from, |from, part| part.strip(from)),
        }
    }

    /// The text on one line.
    pub(crate) fn flat(&self) -> String {
        match self {
            Self::Text(text) => text.clone().into_owned(),
            Self::Line | Self::HardLine => " ".to_owned(),
            Self::SoftLine | Self::IfBroken(_) => String::new(),
            Self::Nest(doc) | Self::Group(doc) => doc.flat(),
            Self::Many(parts) => parts.iter().map(Self::flat).collect(),
        }
    }
}

impl From<String> for Doc {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&'static str> for Doc {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

/// Gathers lines with their indentation.
#[derive(Debug)]
pub(crate) struct Writer {
    text: String,
    level: usize,
    unit: &'static str,
    width: usize,
}

impl Writer {
    /// Creates a writer that indents by `unit` and breaks lines at `width`.
    pub(crate) fn new(unit: &'static str, width: usize) -> Self {
        Self { text: String::new(), level: 0, unit, width }
    }

    /// Writes a line; an empty one without indentation. Lines within `line` are indented alike.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        for line in line.as_ref().split('\n') {
            if !line.is_empty() {
                self.text.push_str(&self.unit.repeat(self.level));
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    /// Writes a blank line, unless the text begins, a block begins, or one stands there already.
    pub(crate) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Writes a line and goes a level deeper.
    pub(crate) fn open(&mut self, line: impl AsRef<str>) {
        self.line(line);
        self.level += 1;
    }

    /// Goes a level up and writes a line.
    pub(crate) fn close(&mut self, line: impl AsRef<str>) {
        self.level = self.level.saturating_sub(1);
        self.line(line);
    }

    /// Goes a level up, writes a line, and goes a level deeper: `} else {`.
    pub(crate) fn turn(&mut self, line: impl AsRef<str>) {
        self.close(line);
        self.level += 1;
    }

    /// Goes a level deeper without a line, for languages whose blocks have no bracket.
    pub(crate) fn deeper(&mut self) {
        self.level += 1;
    }

    /// Goes a level up without a line.
    pub(crate) fn up(&mut self) {
        self.level = self.level.saturating_sub(1);
    }

    /// Writes a document, broken where it is too wide, and ends the line.
    pub(crate) fn doc(&mut self, doc: &Doc) {
        let start = self.text.len();
        self.text.push_str(&self.unit.repeat(self.level));
        self.print(doc, start);
        self.text.push('\n');
    }

    /// Writes a document that opens a block, and goes a level deeper.
    pub(crate) fn open_doc(&mut self, doc: &Doc) {
        self.doc(doc);
        self.level += 1;
    }

    /// Hands out what was written.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn print(&mut self, doc: &Doc, line_start: usize) {
        let mut line_start = line_start;
        let mut stack: Vec<(usize, bool, &Doc)> = vec![(self.level, true, doc)];
        while let Some((level, is_broken, doc)) = stack.pop() {
            match doc {
                Doc::Text(text) => self.text.push_str(text),
                Doc::Line if !is_broken => self.text.push(' '),
                Doc::SoftLine | Doc::IfBroken(_) if !is_broken => {}
                Doc::IfBroken(text) => self.text.push_str(text),
                Doc::Line | Doc::SoftLine | Doc::HardLine => {
                    let kept = self.text.trim_end_matches(' ').len();
                    self.text.truncate(kept);
                    self.text.push('\n');
                    line_start = self.text.len();
                    self.text.push_str(&self.unit.repeat(level));
                }
                Doc::Nest(doc) => stack.push((level + 1, is_broken, doc)),
                Doc::Many(parts) => stack.extend(parts.iter().rev().map(|part| (level, is_broken, part))),
                // What fits as a whole fits in each of its parts.
                Doc::Group(inner) if !is_broken => stack.push((level, false, inner)),
                Doc::Group(inner) => {
                    let used = self.text.get(line_start..).map_or(0, |line| line.chars().count());
                    let is_broken = !self.fits(used, inner, &stack) || inner.is_hard();
                    stack.push((level, is_broken, inner));
                }
            }
        }
    }

    /// Whether `doc` on one line, and what follows it up to the next place that may be broken, ends before the width.
    fn fits(&self, used: usize, doc: &Doc, rest: &[(usize, bool, &Doc)]) -> bool {
        let mut left = self.width as isize - used as isize;
        let mut inner: Vec<(bool, &Doc)> = vec![(false, doc)];
        let mut rest = rest.iter().rev();
        while left >= 0 {
            let Some((is_broken, doc)) =
                inner.pop().or_else(|| rest.next().map(|(_, is_broken, doc)| (*is_broken, *doc)))
            else {
                return true;
            };
            match doc {
                Doc::Text(text) => left -= text.chars().count() as isize,
                Doc::Line | Doc::SoftLine | Doc::HardLine if is_broken => return true,
                Doc::Line => left -= 1,
                Doc::IfBroken(text) if is_broken => left -= text.len() as isize,
                Doc::SoftLine | Doc::IfBroken(_) => {}
                Doc::HardLine => return true,
                // What follows may be broken by itself; what is tried may not.
                Doc::Group(doc) => inner.push((false, doc)),
                Doc::Nest(doc) => inner.push((is_broken, doc)),
                Doc::Many(parts) => inner.extend(parts.iter().rev().map(|part| (is_broken, part))),
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_broken_where_it_does_not_fit() {
        let doc = |n: usize| {
            many([text("f"), list("(", (0..n).map(|i| text(format!("arg{i}"))).collect(), ")", ","), text(";")])
        };
        let mut writer = Writer::new("  ", 20);
        writer.open("{");
        writer.doc(&doc(2));
        writer.doc(&doc(3));
        writer.doc(&doc(0));
        writer.close("}");
        assert_eq!(writer.finish(), "{\n  f(arg0, arg1);\n  f(\n    arg0,\n    arg1,\n    arg2,\n  );\n  f();\n}\n");
    }
}
