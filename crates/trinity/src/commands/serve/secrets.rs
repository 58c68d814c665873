//! What stands in files of its own because nobody else may read it: API keys, a certificate with its key, the salt of a
//! cache folder.
//!
//! Keys and certificate are read at the start and again at SIGHUP, all of them or none.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use server::{
    auth::{KeyError, KeyFileFormat, Keys, SCOPE_SALT_BYTES, ScopeSalt},
    limits::KEY_FILE_BYTES_MAX,
    serve::{Tls, load_tls},
};

use super::{config::ServeArgs, listen_args::ListenArgs, options::configuration};
use crate::failure::{Failure, Kind};

/// What others than the owner of a file of keys have no business to do: its group to change it, everybody else
/// anything.
const FOREIGN_MODE: u32 = 0o027;

/// The file of a cache folder's salt.
const SALT: &str = "salt";

/// Keys and certificate as the files have them now.
pub(super) struct Secrets {
    pub(super) keys: Keys,
    pub(super) tls: Option<Tls>,
    /// Warnings of what is careless about the files, a line each.
    pub(super) warnings: Vec<String>,
}

impl Secrets {
    /// Reads all secrets that `settings` name.
    pub(super) fn read(settings: &ListenArgs) -> Result<Self, Failure> {
        let mut warnings = Vec::new();
        let tls = tls(settings)?;
        let keys = keys(settings)?;
        for path in [&settings.tls_key, &settings.api_key_file].into_iter().flatten() {
            let Some(warning) = foreign_access(path) else { continue };
            if settings.strict_files {
                return Err(configuration(warning));
            }
            warnings.push(warning);
        }
        Ok(Self { keys, tls, warnings })
    }

    /// Whether there is a file to read again.
    pub(super) fn are_in_files(settings: &ListenArgs) -> bool {
        settings.tls_key.is_some() || settings.api_key_file.is_some()
    }
}

/// Certificate and key, if both are named.
fn tls(settings: &ListenArgs) -> Result<Option<Tls>, Failure> {
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            load_tls(certificate, key).map(Some).map_err(|e| configuration(e.to_string()))
        }
        _ => Err(configuration("--tls-cert and --tls-key go together: one is missing")),
    }
}

fn keys(settings: &ListenArgs) -> Result<Keys, Failure> {
    let failure = |error: KeyError| configuration(error.to_string());
    let mut keys = Keys::default();
    for key in &settings.api_key {
        keys.add_key("--api-key", key).map_err(failure)?;
    }
    for key in &settings.admin_key {
        keys.add_admin_key("--admin-key", key).map_err(failure)?;
    }
    if let Some(path) = &settings.api_key_file {
        let name = path.display().to_string();
        keys.add_file(&name, &read_keys(path)?, KeyFileFormat::of(&name)).map_err(failure)?;
    }
    Ok(keys)
}

fn read_keys(path: &Path) -> Result<String, Failure> {
    let failure = |message: String| configuration(format!("{}: {message}", path.display()));
    let about = fs::metadata(path).map_err(|e| failure(e.to_string()))?;
    if !about.is_file() || about.len() > KEY_FILE_BYTES_MAX as u64 {
        return Err(failure(format!("no file of at most {KEY_FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(|e| failure(e.to_string()))
}

/// Warning of what is careless about the mode of a file of keys.
fn foreign_access(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let is_careless = mode & FOREIGN_MODE != 0;
    is_careless.then(|| {
        format!(
            "{}: its mode is {mode:04o}, by which others can read or change it; 0600 keeps them out",
            path.display()
        )
    })
}

/// The salt by which API keys find their prefixes in the cache folder again; without a folder one of this process.
///
/// One that is not there or damaged is made anew: what keys had in the folder is lost to them then, and removed as that
/// of keys that are gone.
pub(super) fn scope_salt(settings: &ServeArgs) -> Result<ScopeSalt, Failure> {
    let Some(folder) = &settings.engine.cache_dir else { return Ok(ScopeSalt::default()) };
    let named = |what: String| Failure::new(Kind::Failure, format!("cache folder {}: {what}", folder.display()));
    let io_error = |error: io::Error| named(error.to_string());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error)?;
    let path = folder.join(SALT);
    if let Ok(n_bytes) = fs::metadata(&path).map(|about| about.len())
        && n_bytes != SCOPE_SALT_BYTES as u64
    {
        crate::terminal::warn(&format!(
            "cache folder {}: {SALT} has {n_bytes} bytes, expected {SCOPE_SALT_BYTES}: keys begin anew",
            folder.display()
        ));
        fs::remove_file(&path).map_err(io_error)?;
    }
    if !path.try_exists().map_err(io_error)? {
        write_salt(folder, &path).map_err(io_error)?;
    }
    // Whoever copied the folder may have widened it.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io_error)?;
    let bytes = fs::read(&path).map_err(io_error)?;
    let n_bytes = bytes.len();
    let bytes: [u8; SCOPE_SALT_BYTES] =
        bytes.try_into().map_err(|_| named(format!("{SALT} has {n_bytes} bytes, expected {SCOPE_SALT_BYTES}")))?;
    Ok(ScopeSalt::new(bytes))
}

/// Writes a new salt under another name first, so that whoever reads it reads all of it; the first of two servers wins.
fn write_salt(folder: &Path, path: &Path) -> io::Result<()> {
    let unfinished = folder.join(format!("{SALT}.{}.part", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&unfinished)?.write_all(&ScopeSalt::random_bytes())?;
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
