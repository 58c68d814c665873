//! [`GgufSource`]: a GGUF file, or all parts of a split one.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use gguf::{Container, Metadata, TypeId};
use quant::{Format, GROUP, TernaryRows};

use crate::{
    Error,
    source::{Rows, Source, SourceTensor, Stored},
    types,
};

/// A model in GGUF files. Weights are read, not mapped: what was read and forgotten takes no memory, whatever the size of the file.
pub struct GgufSource {
    container: Container,
    tensors: Vec<SourceTensor>,
    /// One for each part; none where the container is in memory.
    files: Vec<Mutex<File>>,
    paths: Vec<PathBuf>,
}

impl GgufSource {
    /// Opens and checks `path` and, where it is the first of several parts, the others.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let container = Container::open(path)?;
        let paths = parts(path, container.n_parts());
        let open = |path: &PathBuf| {
            File::open(path).map(Mutex::new).map_err(|source| Error::Io { file: path.display().to_string(), source })
        };
        let files = paths.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { tensors: tensors(&container), container, files, paths })
    }

    /// A container that is in memory.
    pub fn from_container(container: Container) -> Self {
        Self { tensors: tensors(&container), container, files: Vec::new(), paths: Vec::new() }
    }

    /// Sum of the sizes of all parts.
    pub fn file_bytes(&self) -> u64 {
        self.container.file_bytes()
    }

    fn info(&self, tensor: usize) -> Result<&gguf::TensorInfo, Error> {
        let missing = || Error::Invalid { file: self.name().to_owned(), what: format!("there is no tensor {tensor}") };
        self.container.tensors().get(tensor).ok_or_else(missing)
    }

    fn refuse<T>(&self, tensor: &str, what: impl Into<String>) -> Result<T, Error> {
        Err(Error::Tensor { file: self.name().to_owned(), tensor: tensor.to_owned(), what: what.into() })
    }
}

/// The paths of all parts of the model whose first is `path`, which the container has already checked.
fn parts(path: &Path, n_parts: usize) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let stem = name.strip_suffix(&format!("-00001-of-{n_parts:05}.gguf")).filter(|_| n_parts > 1);
    stem.map_or_else(
        || vec![path.to_owned()],
        |stem| (1..=n_parts).map(|i| path.with_file_name(format!("{stem}-{i:05}-of-{n_parts:05}.gguf"))).collect(),
    )
}

fn tensors(container: &Container) -> Vec<SourceTensor> {
    let stored = |id: TypeId| match model::format_of(id) {
        Some(format) if types::is_ternary(format) => Stored::Ternary,
        Some(format) => Stored::As(format),
        None => Stored::Opaque,
    };
    let tensor =
        |t: &gguf::TensorInfo| SourceTensor { name: t.name.clone(), dims: t.dims.clone(), stored: stored(t.type_id) };
    container.tensors().iter().map(tensor).collect()
}

impl Source for GgufSource {
    fn name(&self) -> &str {
        self.container.name()
    }

    fn metadata(&self) -> &Metadata {
        self.container.metadata()
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn read(&self, tensor: usize, rows: Range<usize>) -> Result<Rows, Error> {
        let info = self.info(tensor)?;
        let Some(format) = model::format_of(info.type_id) else {
            return self.refuse(&info.name, format!("type {} cannot be decoded", info.type_name()));
        };
        let cols = info.dims.first().map_or(1, |&n| n as usize);
        let Some(row_bytes) = format.row_bytes(cols) else {
            let what = format!("a row of {cols}, but {} needs a multiple of {}", format.name(), format.block_len());
            return self.refuse(&info.name, what);
        };
        let bytes = self.read_raw(tensor, (rows.start * row_bytes) as u64..(rows.end * row_bytes) as u64)?;
        if types::is_ternary(format) {
            return Ok(Rows::Ternary(ternary(format, cols, &bytes)));
        }
        let mut values = vec![0.0; rows.len() * cols];
        format.decode(&bytes, &mut values);
        Ok(Rows::Values(values))
    }

    fn raw_type(&self, tensor: usize) -> Option<TypeId> {
        self.container.tensors().get(tensor).map(|t| t.type_id)
    }

    fn read_raw(&self, tensor: usize, bytes: Range<u64>) -> Result<Vec<u8>, Error> {
        let info = self.info(tensor)?;
        if bytes.start > bytes.end || bytes.end > info.n_bytes {
            return self.refuse(&info.name, format!("bytes {bytes:?} of {}", info.n_bytes));
        }
        let Some(file) = self.files.get(info.part) else {
            let all = self.container.bytes(info);
            return Ok(all[bytes.start as usize..bytes.end as usize].to_vec());
        };
        let mut out = vec![0; (bytes.end - bytes.start) as usize];
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(info.offset + bytes.start)).and_then(|_| file.read_exact(&mut out));
        read.map_err(|source| Error::Io { file: self.name().to_owned(), source })?;
        Ok(out)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }
}

/// Rows of a ternary format as codes and scales.
fn ternary(format: Format, cols: usize, bytes: &[u8]) -> TernaryRows {
    let span = format.block_len();
    let n_blocks = bytes.len() / format.block_bytes();
    let mut codes = vec![0; n_blocks * span];
    let mut scales = vec![0.0; codes.len() / GROUP];
    format.expand_i8(bytes, &mut codes, &mut scales, &mut []);
    // All groups of a block have its scale.
    let scales = scales.into_iter().step_by(span / GROUP).collect();
    TernaryRows { cols, span, codes, scales }
}
