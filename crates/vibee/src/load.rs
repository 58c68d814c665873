//! Modules and what they import, in the order in which the checker takes them.
//!
//! Files come from a [`Loader`]; nothing here reads one. Paths are written with `/`, from the root (the folder of
//! `vibee.toml`, or of the first file), and stay below it. Each file is read once, however many import it.

use std::collections::BTreeMap;

use crate::{
    ast::Ident,
    diagnostic::Diagnostic,
    limits::MODULES_MAX,
    nearest::nearest,
    reader, schema,
    source::{FileId, Sources, Span},
    spec::{Import, Spec},
    standard,
    tree::{Document, Entry},
};

/// Gives the entry at the top of a file without `vibee` whose key is nearly that: such a file is no old one.
pub(crate) fn misspelt_version(document: &Document) -> Option<&Entry> {
    let is_near = |entry: &&Entry| nearest(&entry.key.text, ["vibee"].into_iter()).is_some();
    document.root.entries().iter().find(is_near)
}

/// Why a file cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// There is none.
    Missing,
    /// It lies outside the root, by a link.
    OutOfRoot,
    /// It cannot be read, and why.
    Unreadable(String),
}

/// Where files come from.
pub trait Loader {
    /// Gives the bytes of the file at `path`, which is from the root, has no `..`, and is imported by the file at
    /// `importer` or asked for.
    ///
    /// # Errors
    ///
    /// If the file cannot be had.
    fn load(&mut self, importer: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError>;

    /// Gives the path as messages show it.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Specifications: those of std, then imported ones, then those asked for; within each part, behind what they
    /// import.
    pub specs: Vec<Spec>,
    /// How many of `specs` were asked for: the last ones.
    pub n_asked: usize,
    /// Old files among those asked for.
    pub old: Vec<Document>,
    /// What is wrong with all of them.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the files at `asked` and all that they import.
pub fn load(sources: &mut Sources, asked: &[&str], loader: &mut dyn Loader) -> Loaded {
    let mut modules = Modules {
        sources,
        loader,
        diagnostics: Vec::new(),
        old: Vec::new(),
        asked: asked.iter().filter_map(|path| below_root("", path)).collect(),
        files: BTreeMap::new(),
        open: Vec::new(),
        standard: Vec::new(),
        done: Vec::new(),
    };
    for module in standard::MODULES.iter().filter(|module| module.is_prelude) {
        modules.visit_standard(module);
    }
    for path in asked {
        if let Some(path) = below_root("", path) {
            modules.visit(&path, None);
        } else {
            modules.refuse_asked(path, "E0202", "this path leads out of the root");
        }
    }
    modules.finish()
}

/// What is known of a file.
#[derive(Clone)]
enum State {
    /// On the way from a file asked for to the one that is read.
    Open,
    /// Read; its module's name, where it has one.
    Done(Option<Ident>),
}

struct Modules<'l> {
    sources: &'l mut Sources,
    loader: &'l mut dyn Loader,
    diagnostics: Vec<Diagnostic>,
    old: Vec<Document>,
    /// Paths asked for.
    asked: Vec<String>,
    files: BTreeMap<String, State>,
    /// The files that are [`State::Open`], in order, each with its module's name and the import that leads on from it.
    open: Vec<(String, Ident, Span)>,
    standard: Vec<Spec>,
    /// Specifications behind what they import, and whether they were asked for.
    done: Vec<(Spec, bool)>,
}

impl Modules<'_> {
    fn finish(mut self) -> Loaded {
        self.one_file_each();
        let (asked, imported): (Vec<_>, Vec<_>) = self.done.into_iter().partition(|(_, is_asked)| *is_asked);
        let n_asked = asked.len();
        let mut specs = self.standard;
        specs.extend(imported.into_iter().chain(asked).map(|(spec, _)| spec));
        Loaded { specs, n_asked, old: self.old, diagnostics: self.diagnostics }
    }

    /// Two files are not one module.
    fn one_file_each(&mut self) {
        let mut by_name: BTreeMap<&str, &Ident> = BTreeMap::new();
        let mut messages = Vec::new();
        for (spec, _) in &self.done {
            if let Some(first) = by_name.insert(&spec.name.name, &spec.name) {
                let message = format!("two files are the module `{}`", spec.name.name);
                messages.push(Diagnostic::new("E0303", spec.name.span, message).also(first.span, "the other one"));
            }
        }
        self.diagnostics.extend(messages);
    }

    fn refuse_asked(&mut self, path: &str, code: &'static str, message: &str) {
        let file = self.sources.add(self.loader.shown(path), "");
        self.diagnostics.push(Diagnostic::new(code, Span::new(file, 0, 0), message));
    }

    fn visit_standard(&mut self, module: &'static standard::StandardModule) {
        if self.standard.iter().any(|spec| spec.name.name == module.name) {
            return;
        }
        let path = format!("{}.vibee", module.name.replace('.', "/"));
        let file = self.sources.add(path, module.text);
        let Some(spec) = self.read(file, true) else { return };
        // The table has them behind those they import, so this ends.
        let at = standard::MODULES.iter().position(|m| m.name == module.name).unwrap_or(0);
        for import in &spec.imports {
            let earlier = standard::MODULES.get(..at).unwrap_or_default();
            if let Some(module) = earlier.iter().find(|module| module.name == import.name.name) {
                self.visit_standard(module);
            } else {
                self.diagnostics.push(missing_standard(&import.name));
            }
        }
        self.standard.push(spec);
    }

    /// Reads a file's tree and schema.
    fn read(&mut self, file: FileId, is_asked: bool) -> Option<Spec> {
        let (document, messages) = reader::read(self.sources, file);
        self.diagnostics.extend(messages);
        if is_asked && !document.is_versioned {
            if let Some(near) = misspelt_version(&document) {
                let text = format!("unknown key `{}`", near.key.text);
                let found = Diagnostic::new("E0111", near.key.span, text);
                self.diagnostics
                    .push(found.help("a version 3 file has `vibee: 3`; one without that key is an old file"));
            } else {
                self.old.push(document);
            }
            return None;
        }
        schema::spec(&document, &mut self.diagnostics)
    }

    /// Reads the file at `path`, then all that it imports; gives its module's name.
    fn visit(&mut self, path: &str, import: Option<&Ident>) -> Option<Ident> {
        match self.files.get(path) {
            Some(State::Done(name)) => return name.clone(),
            Some(State::Open) => {
                self.circle(path, import);
                return None;
            }
            None => {}
        }
        let is_asked = self.asked.iter().any(|asked| asked == path);
        let importer = self.open.last().map(|(path, ..)| path.clone());
        let bytes = match self.loader.load(importer.as_deref(), path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.failed(path, import, &error);
                self.files.insert(path.to_owned(), State::Done(None));
                return None;
            }
        };
        let shown = self.loader.shown(path);
        let (file, message) = reader::add_bytes(self.sources, &shown, &bytes);
        if let Some(message) = message {
            self.diagnostics.push(message);
            self.files.insert(path.to_owned(), State::Done(None));
            return None;
        }
        let spec = self.read(file, is_asked).filter(|spec| self.is_no_standard(&spec.name));
        let name = spec.as_ref().map(|spec| spec.name.clone());
        if let Some(spec) = spec {
            self.files.insert(path.to_owned(), State::Open);
            for import in &spec.imports {
                self.import(path, &spec.name, import);
            }
            self.done.push((spec, is_asked));
        }
        self.files.insert(path.to_owned(), State::Done(name.clone()));
        name
    }

    /// Refuses a file that says to be a module of std: imports of that name mean the one that is built in.
    fn is_no_standard(&mut self, name: &Ident) -> bool {
        if !is_standard(&name.name) {
            return true;
        }
        let message = format!("`{}` is a name of the modules that are built in", name.name);
        let own = name.name.trim_start_matches("std").trim_start_matches('.').replace('.', "_");
        let better = if own.is_empty() { "own" } else { &own };
        let message = Diagnostic::new("E0130", name.span, message).label("begins with `std`");
        self.diagnostics.push(message.help(format!("give it a name of its own, such as `{better}`")));
        false
    }

    fn import(&mut self, path: &str, of: &Ident, import: &Import) {
        let name = &import.name;
        if is_standard(&name.name) {
            match standard::find(&name.name) {
                Some(module) => self.visit_standard(module),
                None => self.diagnostics.push(missing_standard(name)),
            }
            return;
        }
        let place = import.path.as_ref().unwrap_or(name);
        let written = import.path.as_ref().map_or_else(|| format!("{}.vibee", name.name), |path| path.name.clone());
        let folder = path.rfind('/').map_or("", |at| path.get(..at).unwrap_or_default());
        let Some(target) = below_root(folder, &written) else {
            let message = Diagnostic::new("E0202", place.span, format!("the path `{written}` leads out of the root"));
            self.diagnostics
                .push(message.help("paths are from this file's folder, written with `/`, and stay below the root"));
            return;
        };
        let is_new = !self.files.contains_key(&target);
        if is_new && self.files.len() >= MODULES_MAX {
            let message = format!("more than {MODULES_MAX} modules are needed (MODULES_MAX)");
            // Once is enough: the others are over the limit as well.
            if self.diagnostics.iter().all(|d| d.code != "E0140" || d.message != message) {
                self.diagnostics.push(Diagnostic::new("E0140", place.span, message));
            }
            return;
        }
        self.open.push((path.to_owned(), of.clone(), place.span));
        let found = self.visit(&target, Some(place));
        self.open.pop();
        if let Some(found) = found
            && found.name != name.name
        {
            let message = format!("`{target}` is the module `{}`, not `{}`", found.name, name.name);
            self.diagnostics.push(Diagnostic::new("E0203", name.span, message).also(found.span, "its name"));
        }
    }

    /// Tells of a circle that the last import closes.
    fn circle(&mut self, path: &str, import: Option<&Ident>) {
        let start = self.open.iter().position(|(open, ..)| open == path).unwrap_or(0);
        let members = self.open.get(start..).unwrap_or_default();
        let (Some(first), Some(import)) = (members.first(), import) else { return };
        let mut names: Vec<&str> = members.iter().map(|(_, name, _)| name.name.as_str()).collect();
        names.push(&first.1.name);
        let message = format!("imports go in a circle: {}", names.join(" → "));
        let mut message =
            Diagnostic::new("E0201", import.span, message).label(format!("this needs `{}` again", first.1.name));
        let before = members.len().saturating_sub(1);
        for ((_, name, span), next) in members.iter().take(before).zip(names.iter().skip(1)) {
            message = message.also(*span, format!("`{}` needs `{next}`", name.name));
        }
        self.diagnostics.push(message.help("move what both need into a module of its own"));
    }

    fn failed(&mut self, path: &str, import: Option<&Ident>, error: &LoadError) {
        let (code, message) = match error {
            LoadError::Missing => ("E0203", format!("there is no file `{path}`")),
            LoadError::OutOfRoot => ("E0202", format!("`{path}` lies outside the root")),
            LoadError::Unreadable(why) => ("E0203", format!("`{path}` cannot be read: {why}")),
        };
        match import {
            Some(import) => self.diagnostics.push(Diagnostic::new(code, import.span, message)),
            None => self.refuse_asked(path, code, &message),
        }
    }
}

/// Whether the name is kept for modules that are built in.
fn is_standard(name: &str) -> bool {
    name == "std" || name.starts_with("std.")
}

fn missing_standard(name: &Ident) -> Diagnostic {
    let message = Diagnostic::new("E0203", name.span, format!("there is no module `{}`", name.name));
    let known = standard::MODULES.iter().map(|module| module.name);
    match nearest(&name.name, known.clone()) {
        Some(known) => message.help(format!("did you mean `{known}`?")).fix(name.span, known),
        None => message.help(format!("there are {}", known.collect::<Vec<_>>().join(", "))),
    }
}

/// Gives the path that `path`, seen from `folder`, has from the root; `None` where it leads out.
fn below_root(folder: &str, path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with('/') || path.contains(['\\', ':', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests;
