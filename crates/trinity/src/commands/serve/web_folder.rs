//! The folder of files for browsers that `serve --web` names, read at the start.

use std::{fs, io, path::Path};

use server::web_files::WebFiles;

use super::options::configuration;
use crate::failure::Failure;

/// Most bytes of one file: the module with all its grammars is a tenth of it.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Most files of the folder.
const FILES_MAX: usize = 256;

/// Reads the files of a folder; folders in it are left out.
pub(super) fn read(folder: &Path) -> Result<WebFiles, Failure> {
    let failed = |path: &Path, error: io::Error| configuration(format!("--web {}: {error}", path.display()));
    let mut files = WebFiles::default();
    let mut n_files = 0;
    for entry in fs::read_dir(folder).map_err(|e| failed(folder, e))? {
        let path = entry.map_err(|e| failed(folder, e))?.path();
        let about = path.metadata().map_err(|e| failed(&path, e))?;
        if !about.is_file() {
            continue;
        }
        n_files += 1;
        if n_files > FILES_MAX {
            return Err(configuration(format!("--web {}: more than {FILES_MAX} files", folder.display())));
        }
        if about.len() > FILE_BYTES_MAX {
            let (path, bytes) = (path.display(), about.len());
            return Err(configuration(format!("--web {path}: {bytes} bytes, the limit is {FILE_BYTES_MAX}")));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let body = fs::read(&path).map_err(|e| failed(&path, e))?;
        files.add(&name, body).map_err(|e| configuration(format!("--web {}: {e}", folder.display())))?;
    }
    if !files.has("index.html") {
        let message = format!("--web {}: no index.html in it", folder.display());
        return Err(configuration(message).with_hint("cargo xtask web builds web/package/dist"));
    }
    Ok(files)
}
