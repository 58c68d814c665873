//! [`Hub::copy`]: a model that is here under one more name.
//!
//! What lies in the store is linked, for nobody changes it in place; a file from elsewhere is copied, for its owner
//! may.

use std::{fs, path::Path};

use crate::{
    Error, Hub, Resolved,
    reference::{self, folder_of},
    store::{self, Origin, OriginFile},
};

impl Hub {
    /// Gives the model that `from` means the additional name `to`. Either can be removed afterwards without the other.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        let name = to.to_ascii_lowercase();
        reference::check_name(&name).map_err(|why| Error::BadName { text: to.to_owned(), why })?;
        let taken = |why: &str| Err(Error::Taken { name: name.clone(), why: why.to_owned() });
        if self.catalogue.find(&name).is_some() {
            return taken("the catalogue has a model of that name");
        }
        if self.by_own_name(&name).is_some() {
            return taken("a model of that name is here");
        }
        let resolved = self.resolve(from)?;
        let folder = self.settings.models().join(folder_of(&name));
        let Some(_lock) = self.try_lock(&folder)? else { return Err(Error::Busy(name)) };
        if folder.symlink_metadata().is_ok() {
            return taken("something lies in its folder");
        }
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let files = self.copy_files(&resolved, from, &folder);
        let origin = files.and_then(|files| Origin { name, files }.write(&folder));
        origin.inspect_err(|_| {
            // The folder is new: all that is in it came just now.
            let _ = fs::remove_dir_all(&folder);
        })
    }

    fn copy_files(&self, resolved: &Resolved, from: &str, folder: &Path) -> Result<Vec<OriginFile>, Error> {
        let source = format!("a copy of {from}");
        let Resolved::File(path) = resolved else {
            let (file, bytes) = (format!("{}.gguf", crate::EMBEDDED), crate::embedded());
            let path = folder.join(&file);
            fs::write(&path, bytes).map_err(|e| Error::write(&path, Some(bytes.len() as u64), e))?;
            return Ok(vec![OriginFile { file, sha256: store::hex_of(bytes), source }]);
        };
        let first = path.file_name().unwrap_or_default().to_string_lossy();
        let bad = |why: String| Error::BadName { text: path.display().to_string(), why };
        let names = reference::split_names(&first).map_err(bad)?;
        let copied = names.into_iter().map(|file| {
            reference::check_stored(&file).map_err(bad)?;
            let (old, new) = (path.with_file_name(&file), folder.join(&file));
            let is_ours = old.starts_with(self.settings.models());
            if !is_ours || fs::hard_link(&old, &new).is_err() {
                let bytes = fs::metadata(&old).map_err(Error::io(&old))?.len();
                fs::copy(&old, &new).map_err(|e| Error::write(&new, Some(bytes), e))?;
            }
            let sha256 = store::hash_file(&new)?;
            Ok(OriginFile { file, sha256, source: source.clone() })
        });
        copied.collect()
    }
}
