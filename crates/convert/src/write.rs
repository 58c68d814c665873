//! Carrying out a [`Plan`]: tensor by tensor into a file that gets its name only when it has been read back and
//! compared.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use gguf::{I2sOrder, Layout, Metadata, NewFile, TensorSpec, Writer, seal, split};

use crate::{
    Error, GgufSource, Proof, encode,
    parallel::Progress,
    plan::{Action, Freedom, Plan},
    prove,
    source::{COPY_BYTES, Source},
};

/// Choices of a writer.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    /// Number of threads that encode and compare.
    pub n_threads: usize,
    /// Whether a file at the destination is replaced.
    pub may_replace: bool,
    /// Largest number of bytes of tensor data of a file, if several are to be written: `NAME-00001-of-00003.gguf` and
    /// so on in place of `NAME.gguf`.
    pub split_bytes: Option<u64>,
}

/// Writes what `plan` says of `source` to `destination`, reads it back and compares. `progress` is told of every weight
/// twice: written, compared.
///
/// The destination appears whole and proved, or not at all. Memory holds one tensor in its new format and some rows for
/// each thread.
pub fn write(
    source: &dyn Source,
    plan: &Plan,
    destination: &Path,
    options: WriteOptions,
    progress: Progress<'_>,
) -> Result<Proof, Error> {
    let specs = (0..source.tensors().len()).map(|i| plan.spec(source, i)).collect::<Result<Vec<_>, _>>()?;
    let mut metadata = plan.metadata.clone();
    // I2_S is written in this order only.
    metadata.disambiguate(&specs, I2sOrder::X86);
    let is_tri = |spec: &TensorSpec| spec.type_id.layout().is_some_and(Layout::is_tri);
    let is_sealed = destination.extension().is_some_and(|e| e == "tri") || specs.iter().any(is_tri);
    let parts = match options.split_bytes {
        Some(_) if is_sealed => {
            let what = "a .tri file is one file, which its seal covers, so it cannot be split".to_owned();
            return Err(Error::Option(format!("{}: {what}", destination.display())));
        }
        Some(bytes_max) => parts(&metadata, &specs, destination, bytes_max)?,
        None => {
            if is_sealed {
                seal::prepare(&mut metadata, specs.len());
            }
            vec![(destination.to_owned(), split::Part { metadata, tensors: 0..specs.len() })]
        }
    };
    for (path, _) in &parts {
        check_destination(source, path, options.may_replace)?;
    }
    let mut files = Vec::with_capacity(parts.len());
    for (path, part) in &parts {
        let io_error = |source: io::Error| Error::Io { file: path.display().to_string(), source };
        let mut new = NewFile::create(path).map_err(io_error)?;
        let specs = specs.get(part.tensors.clone()).unwrap_or_default().to_vec();
        let mut writer = Writer::new(new.file().map_err(io_error)?, &part.metadata, specs).map_err(io_error)?;
        for i in part.tensors.clone() {
            let data = data(source, plan, i, options.n_threads, progress)?;
            writer.tensor(&data).map_err(io_error)?;
        }
        writer.finish().map_err(io_error)?;
        if is_sealed {
            new.seal()?;
        }
        new.close().map_err(io_error)?;
        files.push(new);
    }
    // Names of parts say which files belong together; unfinished files have no such names.
    let written = GgufSource::open_parts(files.iter().map(|new| new.path().to_owned()).collect())?;
    let metadata = parts.first().map(|(_, part)| part.metadata.clone()).unwrap_or_default();
    let mut proof = prove::compare(source, plan, &metadata, &written, destination, options.n_threads, progress)?;
    proof.files = parts.into_iter().map(|(path, _)| path).collect();
    drop(written);
    NewFile::commit_all(files).map_err(|source| Error::Io { file: destination.display().to_string(), source })?;
    Ok(proof)
}

/// Decides which metadata and tensors go into which file of a split model.
fn parts(
    metadata: &Metadata,
    specs: &[TensorSpec],
    destination: &Path,
    bytes_max: u64,
) -> Result<Vec<(PathBuf, split::Part)>, Error> {
    let refuse = |what: String| Error::Option(format!("{}: {what}", destination.display()));
    if split::number_of(destination).is_some() {
        return Err(refuse("the name of one part, expected NAME.gguf, from which the parts get theirs".to_owned()));
    }
    let parts = split::split(metadata, specs, bytes_max).map_err(refuse)?;
    let n_parts = parts.len();
    Ok(parts.into_iter().enumerate().map(|(i, part)| (split::part_path(destination, i, n_parts), part)).collect())
}

/// Makes the data of tensor `i`, whole.
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

/// Refuses a destination that is a file of the source, or another one that may not be replaced.
fn check_destination(source: &dyn Source, destination: &Path, may_replace: bool) -> Result<(), Error> {
    let file = destination.display().to_string();
    let refuse = |what: &str| Err(Error::Destination { file: file.clone(), what: what.to_owned() });
    let place = fs::canonicalize(destination);
    if let Ok(place) = &place
        && source.files().iter().any(|file| fs::canonicalize(file).is_ok_and(|file| file == *place))
    {
        return refuse("is the source itself");
    }
    match fs::symlink_metadata(destination) {
        Ok(there) if there.is_dir() => refuse("is a directory"),
        Ok(_) if !may_replace => Err(Error::Exists { file }),
        _ => Ok(()),
    }
}
