//! Files that appear whole or not at all.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

/// Writes a file beside `path` under a name of its own, has it kept, and gives it its name; what is left of it where
/// that fails is removed. Whatever stood at `path` stays until then.
pub(crate) fn write<T, E: From<io::Error>>(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, E> {
    let mut partial = OsString::from(path);
    partial.push(".partial");
    let written = File::create(&partial).map_err(E::from).and_then(|file| {
        let mut out = BufWriter::new(file);
        let done = content(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&partial, path)?;
        Ok(done)
    });
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        assert_eq!(write(&path, |out| out.write_all(b"one").map(|()| 3)).unwrap(), 3);
        let failed = write(&path, |out| {
            out.write_all(b"half of an")?;
            Err::<(), _>(io::Error::other("full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(write(&folder.path().join("none/a"), |_| Ok::<_, io::Error>(())).is_err());
    }
}
