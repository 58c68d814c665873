//! `vibee gen`: code with its tests, in other languages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use vibee::{
    generate::{self, GeneratedFile, TARGETS, Target},
    limits::Limits,
    typed::Program,
};

use crate::{
    failure::{Failure, about},
    files, terminal,
};

/// Arguments of `gen`.
#[derive(Args)]
pub(crate) struct GenArgs {
    /// Languages, then specifications: `vibee gen python c parcel.vibee`
    #[arg(required = true)]
    words: Vec<String>,
    /// The folder that the files go to; with several languages, one below it for each
    #[arg(short, long, default_value = ".")]
    out: PathBuf,
    /// Write nothing; fail if a file is not what would be written
    #[arg(long)]
    check: bool,
    /// Overwrite files that were edited, or that vibee did not write
    #[arg(long)]
    force: bool,
}

/// Splits words into languages and files.
fn split(words: &[String]) -> Result<(Vec<Target>, Vec<PathBuf>), Failure> {
    let (mut targets, mut files) = (Vec::new(), Vec::new());
    for word in words {
        let is_path = word.contains(['.', '/']) || Path::new(word).exists();
        match Target::from_name(word) {
            Some(target) if !targets.contains(&target) => targets.push(target),
            Some(_) => {}
            None if is_path => files.push(PathBuf::from(word)),
            None => return Err(Failure::usage(format!("{word} is no language and no file")).with_hint(languages())),
        }
    }
    if targets.is_empty() {
        return Err(Failure::usage("no language was named").with_hint(languages()));
    }
    Ok((targets, files))
}

fn languages() -> String {
    let names: Vec<&str> = TARGETS.iter().map(|row| row.name).collect();
    format!("languages: {}", names.join(", "))
}

/// Writes the files, all or none.
pub(crate) fn run(args: &GenArgs) -> Result<(), Failure> {
    let (targets, files) = split(&args.words)?;
    let mut written = Vec::new();
    for asked in files::asked(&files)?.one_by_one() {
        let checked = asked.check().or_findings()?.or_old()?;
        written.extend(generated(&checked.program, &targets, args));
    }
    let mut problems = Vec::new();
    for (folder, file) in &written {
        problems.extend(problem(folder, file, args));
    }
    if !problems.is_empty() {
        problems.iter().for_each(|problem| terminal::say(&format!("{problem}\n")));
        return Err(if args.check {
            Failure::findings()
        } else {
            Failure::failed("nothing was written").with_hint("--force overwrites")
        });
    }
    for (folder, file) in written.iter().filter(|_| !args.check) {
        fs::create_dir_all(folder).map_err(about(folder))?;
        let path = folder.join(&file.path);
        fs::write(&path, &file.text).map_err(about(&path))?;
        terminal::put(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

/// Gives the files of one specification with their folders, and says what is named otherwise or left out.
fn generated(program: &Program, targets: &[Target], args: &GenArgs) -> Vec<(PathBuf, GeneratedFile)> {
    let cases = generate::cases(program, Limits::default());
    let mut written = Vec::new();
    for target in targets {
        let folder = if targets.len() > 1 { args.out.join(target.row().name) } else { args.out.clone() };
        let generated = generate::generate(program, &cases, *target);
        for rename in &generated.renames {
            terminal::say(&format!("note[E0701]: {}: {} is {} there\n", target.row().title, rename.from, rename.to));
        }
        if *target == targets[0] {
            generated.left_out.iter().for_each(|name| terminal::say(&format!("left out: {name} has no body\n")));
        }
        written.extend(generated.files.into_iter().map(|file| (folder.clone(), file)));
    }
    written
}

/// Why the file may not be written, or, where files are compared, how it differs.
fn problem(folder: &Path, file: &GeneratedFile, args: &GenArgs) -> Option<String> {
    let path = folder.join(&file.path);
    let shown = path.display();
    let there = match fs::read_to_string(&path) {
        Ok(there) => there,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return args.check.then(|| format!("{shown}: missing"));
        }
        Err(e) => return Some(format!("{shown}: {e}")),
    };
    if there == file.text {
        return None;
    }
    if args.check {
        let line = there.lines().zip(file.text.lines()).take_while(|(a, b)| a == b).count() + 1;
        return Some(format!("{shown}:{line}: not what would be written"));
    }
    let is_kept = !args.force && !generate::is_as_written(&there);
    is_kept.then(|| format!("{shown}: edited, or not written by vibee"))
}
