//! Carrying out a [`Plan`]: tensor by tensor into a file that gets its name only when it has been read back and compared.

use std::{fs, io, path::Path};

use gguf::{I2sOrder, Layout, NewFile, TensorSpec, Writer, seal};

use crate::{
    Error, GgufSource, Proof, encode,
    parallel::Progress,
    plan::{Action, Freedom, Plan},
    prove,
    source::Source,
};

/// Bytes copied at a time.
pub(crate) const COPY_BYTES: u64 = 8 << 20;

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    /// Threads that encode and compare.
    pub n_threads: usize,
    /// Replace a file that stands at the destination.
    pub may_replace: bool,
}

/// Writes what `plan` says of `source` to `destination`, reads it back and compares. `progress` is told of every weight twice: written, compared.
///
/// The destination appears whole and proved, or not at all. Memory holds one tensor in its new format and some rows for each thread.
pub fn write(
    source: &dyn Source,
    plan: &Plan,
    destination: &Path,
    options: WriteOptions,
    progress: Progress<'_>,
) -> Result<Proof, Error> {
    check_destination(source, destination, options.may_replace)?;
    let io_error = |source: io::Error| Error::Io { file: destination.display().to_string(), source };
    let specs = (0..source.tensors().len()).map(|i| plan.spec(source, i)).collect::<Result<Vec<_>, _>>()?;
    let mut metadata = plan.metadata.clone();
    // I2_S is written in this order only.
    metadata.disambiguate(&specs, I2sOrder::X86);
    let is_tri = |spec: &TensorSpec| spec.type_id.layout().is_some_and(Layout::is_tri);
    let is_sealed = destination.extension().is_some_and(|e| e == "tri") || specs.iter().any(is_tri);
    if is_sealed {
        seal::prepare(&mut metadata, specs.len());
    }
    let mut new = NewFile::create(destination).map_err(io_error)?;
    let mut writer = Writer::new(new.file().map_err(io_error)?, &metadata, specs).map_err(io_error)?;
    for i in 0..plan.tensors.len() {
        let data = data(source, plan, i, options.n_threads, progress)?;
        writer.tensor(&data).map_err(io_error)?;
    }
    writer.finish().map_err(io_error)?;
    if is_sealed {
        new.seal()?;
    }
    // Names of parts say which files belong together, so the unfinished file has no such name and is read on its own.
    let written = GgufSource::open(new.path())?;
    let proof = prove::compare(source, plan, &metadata, &written, destination, options.n_threads, progress)?;
    drop(written);
    new.commit().map_err(io_error)?;
    Ok(proof)
}

/// The data of tensor `i`, whole.
fn data(
    source: &dyn Source,
    plan: &Plan,
    i: usize,
    n_threads: usize,
    progress: Progress<'_>,
) -> Result<Vec<u8>, Error> {
    let planned = &plan.tensors[i];
    let Action::Encode { format, freedom } = planned.action else {
        return copied(source, plan, i, progress);
    };
    let job = encode::Job { source, tensor: i, format, freedom, importance: planned.importance.as_deref() };
    let (data, loss) = encode::tensor(&job, n_threads, progress)?;
    if freedom == Freedom::Exact && !loss.is_exact() {
        return Err(job.lossy("values are rounded", loss));
    }
    Ok(data)
}

fn copied(source: &dyn Source, plan: &Plan, i: usize, progress: Progress<'_>) -> Result<Vec<u8>, Error> {
    let n_bytes = plan.n_bytes(source, i)?;
    let mut data = Vec::with_capacity(n_bytes as usize);
    while (data.len() as u64) < n_bytes {
        let start = data.len() as u64;
        data.extend(source.read_raw(i, start..(start + COPY_BYTES).min(n_bytes))?);
        if progress(0).is_break() {
            return Err(Error::Cancelled);
        }
    }
    if progress(source.tensors()[i].n_weights()).is_break() { Err(Error::Cancelled) } else { Ok(data) }
}

/// Nothing of the source is written over, and nothing else unless it may be.
fn check_destination(source: &dyn Source, destination: &Path, may_replace: bool) -> Result<(), Error> {
    let refuse =
        |what: &str| Err(Error::Destination { file: destination.display().to_string(), what: what.to_owned() });
    let place = fs::canonicalize(destination);
    if let Ok(place) = &place
        && source.files().iter().any(|file| fs::canonicalize(file).is_ok_and(|file| file == *place))
    {
        return refuse("is the source itself");
    }
    match fs::symlink_metadata(destination) {
        Ok(there) if there.is_dir() => refuse("is a directory"),
        Ok(_) if !may_replace => refuse("exists already"),
        _ => Ok(()),
    }
}
