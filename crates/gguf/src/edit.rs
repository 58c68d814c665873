//! Changing metadata without reading tensors: a new header, then the data region copied from file to file by the
//! system.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

use crate::{Container, Error, Metadata, TensorInfo, file::NewFile, seal, split, writer};

/// Writes `source` with `metadata` in place of its own to `destination`, which may be `source` itself: it changes in
/// one rename, and keeps its permissions.
///
/// Of a split model the first part is written, where all metadata stand; a `destination` elsewhere gets copies of the
/// other parts beside it, under the names that belong to its own.
///
/// A sealed file is sealed anew, after its data was found to be what the old seal says: a new seal must not vouch for
/// damage.
///
/// Tensor offsets are relative to the data region, so the region is copied as it is. `general.alignment` therefore must
/// stay.
pub fn rewrite_metadata(source: &Path, metadata: &Metadata, destination: &Path) -> Result<(), Error> {
    let file_name = source.display().to_string();
    let refuse = |what: String| Error::Invalid { file: file_name.clone(), what };
    let container = Container::open(source)?;
    let mut metadata = metadata.clone();
    let is_sealed = seal::remove(&mut metadata);
    if is_sealed {
        seal::prepare(&mut metadata, container.tensors().len());
    }
    let metadata = &metadata;
    split::check_first(metadata, container.n_parts(), container.tensors().len()).map_err(refuse)?;
    if is_sealed {
        let mut file = File::open(source).map_err(|source| Error::Io { file: file_name.clone(), source })?;
        container.verify_in(&mut file)?;
    }
    let alignment = writer::alignment(metadata).map_err(refuse)?;
    if alignment != container.first.alignment {
        return Err(refuse(format!(
            "general.alignment {alignment}, but the data is aligned to {}",
            container.first.alignment
        )));
    }
    let tensors = container.tensors().iter().filter(|t| t.part == 0).map(TensorInfo::spec).collect::<Vec<_>>();
    let header = writer::header(metadata, &tensors).map_err(refuse)?;
    crate::reader::parse_header(&header).map_err(refuse)?;
    let io_error = |file: &Path, source: io::Error| Error::Io { file: file.display().to_string(), source };
    let mut new = NewFile::create(destination).map_err(|e| io_error(destination, e))?;
    let mut copy = || -> io::Result<()> {
        let mut from = File::open(source)?;
        from.seek(SeekFrom::Start(container.first.data_offset))?;
        let to = new.file()?;
        to.write_all(&header)?;
        io::copy(&mut from, to).map(drop)
    };
    copy().map_err(|e| io_error(destination, e))?;
    if is_sealed {
        new.seal()?;
    }
    let mut files = vec![new];
    if !is_same_file(source, destination) {
        let parts = split::parts_beside(destination, container.n_parts()).map_err(|ending| Error::Split {
            file: destination.display().to_string(),
            what: format!("the first of {} parts, so its name should end in {ending}", container.n_parts()),
        })?;
        for (from, to) in container.paths().iter().zip(&parts).skip(1) {
            let mut new = NewFile::create(to).map_err(|e| io_error(to, e))?;
            let copied = File::open(from).and_then(|mut from| io::copy(&mut from, new.file()?));
            copied.map_err(|e| io_error(to, e))?;
            files.push(new);
        }
    }
    NewFile::commit_all(files).map_err(|e| io_error(destination, e))
}

/// Do both paths, through links, lead to one file?
fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}
