//! Specifications on this machine: which files are meant, where their root is, and what the checker says of them.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use vibee::{
    ast::{Arg, Expr, ExprKind, Ident},
    check,
    diagnostic::{Diagnostic, Severity},
    limits::FILE_BYTES_MAX,
    load::{self, LoadError, Loaded, Loader},
    render,
    source::{FileId, Sources, Span},
    spec::{FunctionItem, Section},
    syntax,
    tree::Document,
    typed::{FunctionId, Program},
};

use crate::{
    failure::{Failure, Kind, about},
    terminal,
};

/// The file whose folder is the root of a project.
const PROJECT: &str = "vibee.toml";
/// The ending of specifications.
const ENDING: &str = "vibee";

/// What `vibee.toml` may say.
#[derive(Default)]
struct Project {
    /// Files and folders that commands take where none is named, from the root.
    specs: Vec<String>,
}

impl Project {
    fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::new(Kind::Configuration, format!("{}: {what}", path.display()));
        let text = fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| wrong(e.message().to_owned()))?;
        let mut project = Self::default();
        for (key, value) in table {
            match (key.as_str(), value) {
                ("specs", toml::Value::Array(specs)) => {
                    let texts = specs.iter().map(|spec| spec.as_str().map(str::to_owned));
                    project.specs =
                        texts.collect::<Option<_>>().ok_or_else(|| wrong("specs: a list of texts".into()))?;
                }
                ("specs", other) => {
                    return Err(wrong(format!("specs: {}, expected a list of texts", other.type_str())));
                }
                _ => return Err(wrong(format!("unknown key {key}; known: specs"))),
            }
        }
        Ok(project)
    }
}

/// Files that a command was asked for, and their root.
pub(crate) struct Asked {
    root: PathBuf,
    /// Paths from the root, with `/`.
    paths: Vec<String>,
}

/// Finds the files that `named` means: files, folders (all specifications below), or where none is named what
/// `vibee.toml` says, else all below this folder.
pub(crate) fn asked(named: &[PathBuf]) -> Result<Asked, Failure> {
    let here = std::env::current_dir()?;
    let mut files = Vec::new();
    let first = named.first().map_or_else(|| here.clone(), |path| here.join(path));
    let project = first.ancestors().map(|folder| folder.join(PROJECT)).find(|path| path.is_file());
    let settings = project.as_deref().map(Project::read).transpose()?;
    let root = project.as_deref().and_then(Path::parent).map(Path::to_owned);
    if named.is_empty() {
        let specs = settings.map(|settings| settings.specs).filter(|specs| !specs.is_empty());
        match (&root, specs) {
            (Some(root), Some(specs)) => specs.iter().try_for_each(|spec| gather(&root.join(spec), &mut files))?,
            _ => gather(&here, &mut files)?,
        }
        if files.is_empty() {
            let hint = "vibee new NAME writes a first one";
            return Err(Failure::usage(format!("no .vibee file below {}", here.display())).with_hint(hint));
        }
    } else {
        named.iter().try_for_each(|path| gather(&here.join(path), &mut files))?;
        if files.is_empty() {
            return Err(Failure::usage(format!("no .vibee file in {}", named[0].display())));
        }
    }
    let root = match root {
        Some(root) => root,
        None => common_folder(&files).unwrap_or(here),
    };
    let from_root = |file: &PathBuf| {
        let within = plain(file);
        let within = within.strip_prefix(plain(&root)).map(Path::to_owned).map_err(|_| {
            Failure::usage(format!("{}: not below {}, the folder of {PROJECT}", file.display(), root.display()))
        })?;
        let parts: Option<Vec<&str>> = within.iter().map(|part| part.to_str()).collect();
        parts.map(|parts| parts.join("/")).ok_or_else(|| Failure::usage(format!("{}: no UTF-8", file.display())))
    };
    let mut paths = files.iter().map(from_root).collect::<Result<Vec<_>, _>>()?;
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    Ok(Asked { root, paths })
}

/// The path without `.` and `name/..`, as text says it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    plain
}

/// The deepest folder that all files lie below.
fn common_folder(files: &[PathBuf]) -> Option<PathBuf> {
    let mut folder = plain(files.first()?).parent()?.to_owned();
    for file in files {
        let file = plain(file);
        while !file.starts_with(&folder) {
            if !folder.pop() {
                return None;
            }
        }
    }
    Some(folder)
}

/// Adds the file at `path`, or all specifications below it in the order of names.
fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let wrong = about(path);
    if !fs::metadata(path).map_err(&wrong)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(&wrong)?.collect::<Result<Vec<_>, _>>().map_err(&wrong)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_link = path.is_symlink();
        if path.is_dir() && !is_hidden && !is_link {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == ENDING) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// Files below a folder.
struct Disk<'a> {
    root: &'a Path,
    /// The root as this folder names it, for messages.
    shown: PathBuf,
}

impl Loader for Disk<'_> {
    fn load(&mut self, _importer: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        let path = self.root.join(path);
        let unreadable = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => LoadError::Missing,
            _ => LoadError::Unreadable(e.to_string()),
        };
        // A link may lead anywhere.
        let real = path.canonicalize().map_err(unreadable)?;
        if !real.starts_with(self.root.canonicalize().map_err(unreadable)?) {
            return Err(LoadError::OutOfRoot);
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&real).map_err(unreadable)?;
        // One byte more than may be, so that the reader sees that there are too many.
        io::Read::read_to_end(&mut io::Read::take(file, FILE_BYTES_MAX as u64 + 1), &mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    fn shown(&self, path: &str) -> String {
        self.shown.join(path).display().to_string()
    }
}

/// Writes a file so that it appears whole or not at all.
pub(crate) fn written_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let wrong = about(path);
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    fs::write(&part, bytes).map_err(&wrong)?;
    if let Ok(there) = fs::metadata(path) {
        fs::set_permissions(&part, there.permissions()).map_err(&wrong)?;
    }
    // Through a link into the file that it names.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    fs::rename(&part, target).map_err(wrong)
}

/// Specifications, checked together.
pub(crate) struct Checked {
    pub(crate) sources: Sources,
    pub(crate) program: Program,
    /// What is wrong, by file and place.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Old files among those asked for.
    pub(crate) old: Vec<Document>,
}

impl Asked {
    /// Each file by itself.
    pub(crate) fn one_by_one(&self) -> Vec<Self> {
        let one = |path: &String| Self { root: self.root.clone(), paths: vec![path.clone()] };
        self.paths.iter().map(one).collect()
    }

    /// Reads the files and what they import, and checks them.
    pub(crate) fn check(&self) -> Checked {
        let (mut sources, loaded) = self.load();
        self.check_loaded(&mut sources, loaded)
    }

    /// The path of file number `at` as messages show it.
    pub(crate) fn shown(&self, at: usize) -> String {
        let path = self.paths.get(at).map(String::as_str).unwrap_or_default();
        self.shown_root().join(path).display().to_string()
    }

    /// The root as this folder names it.
    fn shown_root(&self) -> PathBuf {
        let here = std::env::current_dir().unwrap_or_default();
        self.root.strip_prefix(here).map_or_else(|_| self.root.clone(), Path::to_owned)
    }

    /// Reads the files and what they import.
    pub(crate) fn load(&self) -> (Sources, Loaded) {
        let mut sources = Sources::default();
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let mut disk = Disk { root: &self.root, shown: self.shown_root() };
        let loaded = load::load(&mut sources, &paths, &mut disk);
        (sources, loaded)
    }

    /// Checks what was read.
    #[expect(clippy::unused_self, reason = "what was read is this one's")]
    pub(crate) fn check_loaded(&self, sources: &mut Sources, loaded: Loaded) -> Checked {
        let (program, found) = check::check(sources, &loaded.specs, loaded.n_asked);
        let mut diagnostics = loaded.diagnostics;
        diagnostics.extend(found);
        render::sort(&mut diagnostics);
        Checked { sources: std::mem::take(sources), program, diagnostics, old: loaded.old }
    }

    /// The paths of the files, as messages show them.
    pub(crate) fn read_files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.paths.iter().map(|path| self.root.join(path))
    }
}

/// A call of a function by name, its arguments as the language writes them.
pub(crate) struct Call<'a> {
    /// The function's name.
    pub(crate) function: &'a str,
    pub(crate) args: &'a [String],
}

/// The name of the function without parameters that a [`Call`] becomes: no specification can say it.
const CALL: &str = "$call";

impl Asked {
    /// Checks the files with one more function: the call, whose number is given.
    pub(crate) fn check_call(&self, call: &Call<'_>) -> Result<(Checked, FunctionId), Failure> {
        let (mut sources, mut loaded) = self.load();
        let Some(spec) = loaded.specs.last_mut().filter(|_| loaded.n_asked > 0) else {
            self.check_loaded(&mut sources, loaded).or_findings()?;
            return Err(Failure::usage("no specification of version 3").with_hint("vibee upgrade FILE makes one"));
        };
        let Some(called) = spec.functions.iter().find(|function| function.name.name == call.function).cloned() else {
            let names: Vec<&str> = spec.functions.iter().map(|function| function.name.name.as_str()).collect();
            return Err(Failure::usage(format!("{} has no function {}", spec.name.name, call.function))
                .with_hint(format!("it has {}", names.join(", "))));
        };
        let mut args = Vec::new();
        for (at, text) in call.args.iter().enumerate() {
            let file = sources.add(format!("argument {}", at + 1), text.as_str());
            let value = syntax::parse_expr(&syntax::whole(file, text), &mut loaded.diagnostics);
            args.push(Arg { name: None, value });
        }
        let file = sources.add("the call", call.function);
        let span = Span::new(file, 0, call.function.len());
        let callee = Box::new(Expr { span, kind: ExprKind::Name(call.function.to_owned()) });
        spec.functions.push(FunctionItem {
            section: Section::Functions,
            name: Ident { name: CALL.to_owned(), span },
            generics: Vec::new(),
            say: None,
            params: Vec::new(),
            returns: called.returns,
            given: None,
            body: Some(Expr { span, kind: ExprKind::Call { callee, widths: Vec::new(), args } }),
            then: Vec::new(),
            raises: None,
            decreases: None,
            examples: None,
            forall: Vec::new(),
            span,
        });
        let module = spec.name.name.clone();
        let checked = self.check_loaded(&mut sources, loaded).or_findings()?;
        let function =
            checked.program.find(&module, CALL).ok_or_else(|| Failure::failed("the call was not checked"))?;
        Ok((checked, function))
    }
}

impl Checked {
    /// Number of errors.
    pub(crate) fn n_errors(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error).count()
    }

    /// Finds a file by its path as messages show it.
    pub(crate) fn file_of(&self, shown: &str) -> Option<FileId> {
        (0..self.sources.len()).map(|at| FileId(at as u32)).find(|id| self.sources.file(*id).path == shown)
    }

    /// Gives itself back, unless nothing of it can run: old files are prose.
    pub(crate) fn or_old(self) -> Result<Self, Failure> {
        if self.old.is_empty() {
            return Ok(self);
        }
        let n = self.old.len();
        let what = format!("{n} of the files are old ones, of which nothing runs");
        Err(Failure::usage(what).with_hint("vibee upgrade FILE makes a version 3 file"))
    }

    /// Prints an error about the files that came up behind the check, as talk.
    pub(crate) fn refused(&self, refusal: Diagnostic) -> Failure {
        terminal::say(&render::render(&[refusal], &self.sources, terminal::style()));
        Failure::findings()
    }

    /// Prints messages as talk; an error where one of them is.
    pub(crate) fn or_findings(self) -> Result<Self, Failure> {
        terminal::say(&render::render(&self.diagnostics, &self.sources, terminal::style()));
        if self.n_errors() > 0 { Err(Failure::findings()) } else { Ok(self) }
    }
}
