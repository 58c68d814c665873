//! Parts of generated code that no specification says: operations that a language does not have as VIBEE means them.
//!
//! A file of `runtime/` holds sections. A line that begins with `//= name: other, another` (or `#= …`) begins one: its
//! name, and the names of those that it needs. Only sections that are asked for, and what these need, are printed, in
//! the file's order.

use std::collections::BTreeSet;

/// The sections of a runtime file.
#[derive(Debug)]
pub(crate) struct Runtime {
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    name: &'static str,
    needs: Vec<&'static str>,
    text: Vec<&'static str>,
}

impl Runtime {
    /// Reads a runtime file; what stands before the first section is for its readers alone.
    pub(crate) fn new(file: &'static str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for line in file.lines() {
            if let Some(head) = line.strip_prefix("//= ").or_else(|| line.strip_prefix("#= ")) {
                let (name, needs) = head.split_once(':').unwrap_or((head, ""));
                let needs = needs.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
                sections.push(Section { name: name.trim(), needs, text: Vec::new() });
            } else if let Some(section) = sections.last_mut() {
                section.text.push(line);
            }
        }
        Self { sections }
    }

    /// The text of the sections asked for and of all that they need, a blank line between two. A name that is no
    /// section counts for nothing: an operation may be the language's own.
    pub(crate) fn print(&self, asked: &BTreeSet<String>) -> String {
        self.print_some(asked, "\n\n", |_| true)
    }

    /// The names asked for and all that these need, those included that name no section of this file.
    pub(crate) fn wanted(&self, asked: &BTreeSet<String>) -> BTreeSet<String> {
        let mut wanted = BTreeSet::new();
        let mut open: Vec<String> = asked.iter().cloned().collect();
        while let Some(name) = open.pop() {
            let needs = self.sections.iter().filter(|section| section.name == name).flat_map(|section| &section.needs);
            open.extend(needs.map(|&name| name.to_owned()).filter(|name| !wanted.contains(name)));
            wanted.insert(name);
        }
        wanted
    }

    /// Like [`Self::print`], but only the sections whose name is `chosen`, with `between` between two.
    pub(crate) fn print_some(&self, asked: &BTreeSet<String>, between: &str, chosen: impl Fn(&str) -> bool) -> String {
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = asked.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            if let Some(section) = self.sections.iter().find(|section| section.name == name)
                && wanted.insert(section.name)
            {
                open.extend(&section.needs);
            }
        }
        let texts = self.sections.iter().filter(|section| wanted.contains(section.name) && chosen(section.name));
        let texts = texts.map(|section| section.text.join("\n").trim_matches('\n').to_owned());
        texts.filter(|text| !text.is_empty()).collect::<Vec<String>>().join(between)
    }

    /// Needs that name no section: a mistake in the file.
    #[cfg(test)]
    pub(crate) fn dangling(&self) -> Vec<&'static str> {
        let names: Vec<&str> = self.sections.iter().map(|section| section.name).collect();
        self.sections.iter().flat_map(|section| &section.needs).copied().filter(|name| !names.contains(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_section_needs_comes_with_it() {
        let runtime = Runtime::new("for readers\n//= a:\nA\n\n//= b: a\nB\n//= c\nC\n");
        let print = |names: &[&str]| runtime.print(&names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(print(&["b"]), "A\n\nB");
        assert_eq!(print(&["c", "unknown"]), "C");
        assert!(runtime.dangling().is_empty());
    }
}
