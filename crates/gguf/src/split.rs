//! Models in several files, `NAME-00001-of-0000N.gguf`: finding the parts and checking that they belong together.

use std::path::{Path, PathBuf};

use crate::{Error, Metadata, limits};

/// The files of the other parts, in order, if `path` with this metadata is the first of several.
pub(crate) fn siblings(path: &Path, metadata: &Metadata) -> Result<Vec<PathBuf>, Error> {
    let refuse = |what: String| Err(Error::Split { file: path.display().to_string(), what });
    let n_parts = metadata.u64("split.count")?.unwrap_or(1);
    let part = metadata.u64("split.no")?.unwrap_or(0);
    if n_parts <= 1 {
        return Ok(Vec::new());
    }
    if n_parts > limits::PARTS_MAX {
        return refuse(format!("split.count {n_parts}, at most {} parts are read", limits::PARTS_MAX));
    }
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let suffix = format!("-{:05}-of-{n_parts:05}.gguf", part + 1);
    let Some(prefix) = name.strip_suffix(&suffix) else {
        return refuse(format!("part {} of {n_parts} by its metadata, so its name should end in {suffix}", part + 1));
    };
    let sibling = |i: u64| path.with_file_name(format!("{prefix}-{:05}-of-{n_parts:05}.gguf", i + 1));
    if part != 0 {
        return refuse(format!("part {} of {n_parts}: open the first, {}", part + 1, sibling(0).display()));
    }
    let siblings: Vec<PathBuf> = (1..n_parts).map(sibling).collect();
    if let Some(missing) = siblings.iter().find(|p| !p.exists()) {
        return refuse(format!("one of its {n_parts} parts is missing: {}", missing.display()));
    }
    Ok(siblings)
}

/// The metadata of part `part` (counted from 0) says the same.
pub(crate) fn check_part(file: &str, metadata: &Metadata, part: u64, n_parts: u64) -> Result<(), Error> {
    let claimed = (metadata.u64("split.no")?, metadata.u64("split.count")?);
    if claimed != (Some(part), Some(n_parts)) {
        let what = format!("split.no {:?} and split.count {:?}, expected {part} and {n_parts}", claimed.0, claimed.1);
        return Err(Error::Split { file: file.to_owned(), what });
    }
    Ok(())
}

/// All parts together hold as many tensors as the first one says.
pub(crate) fn check_total(file: &str, metadata: &Metadata, n_tensors: usize) -> Result<(), Error> {
    match metadata.u64("split.tensors.count")? {
        Some(claimed) if claimed != n_tensors as u64 => {
            let what = format!("split.tensors.count {claimed}, but the parts hold {n_tensors}");
            Err(Error::Split { file: file.to_owned(), what })
        }
        _ => Ok(()),
    }
}
