//! Changing metadata without reading tensors: a new header, then the data region copied from file to file by the system.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

use crate::{Container, Error, Metadata, TensorInfo, file::NewFile, seal, writer};

/// Writes `source` with `metadata` in place of its own to `destination`, which may be `source` itself: it changes in one rename. Split models are refused.
///
/// A sealed file is sealed anew, after its data was found to be what the old seal says: a new seal must not vouch for damage.
///
/// Tensor offsets are relative to the data region, so the region is copied as it is. `general.alignment` therefore must stay.
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
    if container.n_parts() > 1 {
        return Err(refuse(format!("one of {} parts; metadata of split models cannot be edited", container.n_parts())));
    }
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
    let tensors = container.tensors().iter().map(TensorInfo::spec).collect::<Vec<_>>();
    let header = writer::header(metadata, &tensors).map_err(refuse)?;
    crate::reader::parse_header(&header).map_err(refuse)?;
    let io_error = |source: io::Error| Error::Io { file: destination.display().to_string(), source };
    let mut new = NewFile::create(destination).map_err(io_error)?;
    let mut copy = || -> io::Result<()> {
        let mut from = File::open(source)?;
        from.seek(SeekFrom::Start(container.first.data_offset))?;
        let to = new.file()?;
        to.write_all(&header)?;
        io::copy(&mut from, to).map(drop)
    };
    copy().map_err(io_error)?;
    if is_sealed {
        new.seal()?;
    }
    new.commit().map_err(io_error)
}
