//! [`GgufSource`]: a GGUF file, or all parts of a split one.

mod lookup;

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use gguf::{Container, FOLDED, I2sOrder, Metadata, TensorInfo, TypeId};
use quant::{Format, StoredMatrix};

use crate::{
    Error, LookupTables,
    source::{Rows, Source, SourceTensor, Stored},
};
use lookup::Lookup;

/// A model in GGUF files. Weights are read, not mapped, so that what was read and dropped takes no memory.
pub struct GgufSource {
    container: Container,
    tensors: Vec<SourceTensor>,
    /// Open files of all parts; none where the container is in memory.
    files: Vec<Mutex<File>>,
    paths: Vec<PathBuf>,
    /// Whether the rows of I2_S tensors are interleaved by four.
    has_rows4: bool,
    lookup: Lookup,
}

impl GgufSource {
    /// Opens and checks `path` and, where it is the first of several parts, the others.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::new(Container::open(path)?)
    }

    /// Opens and checks the files of all parts, which may have any names.
    pub(crate) fn open_parts(paths: Vec<PathBuf>) -> Result<Self, Error> {
        Self::new(Container::open_parts(paths)?)
    }

    fn new(container: Container) -> Result<Self, Error> {
        if let Some(tensor) = container.unsaid_rotation() {
            return Err(Error::Tensor {
                file: container.name().to_owned(),
                tensor: tensor.name.clone(),
                what: format!(
                    "weights of type {} are usually rotated, but the file does not say how; {FOLDED} = false says that they are not",
                    tensor.type_name()
                ),
            });
        }
        let paths = container.paths().to_vec();
        let open = |path: &PathBuf| {
            File::open(path).map(Mutex::new).map_err(|source| Error::Io { file: path.display().to_string(), source })
        };
        let files = paths.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { files, paths, ..Self::from_container(container) })
    }

    /// Makes a source of a container that is in memory.
    pub fn from_container(container: Container) -> Self {
        Self {
            tensors: tensors(&container),
            container,
            files: Vec::new(),
            paths: Vec::new(),
            has_rows4: false,
            lookup: Lookup::default(),
        }
    }

    /// Takes all I2_S tensors to be in `order`, whatever the file says of them.
    pub fn with_i2_s_order(mut self, order: I2sOrder) -> Result<Self, Error> {
        self.has_rows4 = order == I2sOrder::Rows4;
        self.container.check_i2_s_order(order)?;
        if !self.has_rows4 {
            self.container.set_i2_s_order(order)?;
        }
        Ok(self)
    }

    /// Reads tensors in TL1 and TL2 by `tables`; refuses the first tensor for which there is none.
    pub fn with_lookup_tables(mut self, tables: LookupTables) -> Result<Self, Error> {
        self.lookup.tables = tables;
        for tensor in self.container.tensors() {
            if let Some(layout) = lookup::layout(tensor) {
                self.lookup.tiling(layout, tensor).or_else(|what| self.refuse(&tensor.name, what))?;
            }
        }
        Ok(self)
    }

    /// Compares the data of a sealed file with its hashes, so that damage is not copied; others have nothing to compare
    /// with.
    pub fn verified(self) -> Result<Self, Error> {
        if let [file] = self.files.as_slice() {
            self.container.verify_in(&mut *file.lock().unwrap_or_else(PoisonError::into_inner))?;
        }
        Ok(self)
    }

    /// Returns the header of the file, or the joined one of all parts.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Size of all parts together, in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.container.file_bytes()
    }

    fn info(&self, tensor: usize) -> Result<&TensorInfo, Error> {
        let missing = || Error::Invalid { file: self.name().to_owned(), what: format!("there is no tensor {tensor}") };
        self.container.tensors().get(tensor).ok_or_else(missing)
    }

    fn refuse<T>(&self, tensor: &str, what: impl Into<String>) -> Result<T, Error> {
        Err(Error::Tensor { file: self.name().to_owned(), tensor: tensor.to_owned(), what: what.into() })
    }
}

fn tensors(container: &Container) -> Vec<SourceTensor> {
    let stored = |t: &TensorInfo| match t.format() {
        Some(format) if format.is_ternary() => Stored::Ternary,
        Some(format) => Stored::As(format),
        None if lookup::layout(t).is_some() => Stored::Ternary,
        None => Stored::Opaque,
    };
    let tensor = |t: &TensorInfo| SourceTensor { name: t.name.clone(), dims: t.dims.clone(), stored: stored(t) };
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
        if let Some(layout) = lookup::layout(info) {
            let all = || self.read_raw(tensor, 0..info.n_bytes);
            let refuse = |what| Error::Tensor { file: self.name().to_owned(), tensor: info.name.clone(), what };
            return self.lookup.rows(layout, (tensor, info), rows, all, refuse).map(Rows::Ternary);
        }
        let Some(format) = info.format() else {
            return self.refuse(&info.name, format!("type {} cannot be decoded", info.type_name()));
        };
        let (n_rows, cols) = (info.n_rows(), info.cols());
        let row_bytes = format.row_bytes(cols).unwrap_or(0);
        let part = |range: Range<usize>| self.read_raw(tensor, range.start as u64..range.end as u64);
        let bytes = if self.has_rows4 && gguf::is_i2_s(info) {
            let groups = rows.start / 4..rows.end.div_ceil(4);
            let apart = quant::deinterleave_i2_s(format, cols, &part(groups.start * cols..groups.end * cols)?);
            apart[(rows.start - 4 * groups.start) * row_bytes..][..rows.len() * row_bytes].to_vec()
        } else {
            part(rows.start * row_bytes..rows.end * row_bytes)?
        };
        let tail = format.tail_range(n_rows, cols, rows.clone()).map_or(Ok(Vec::new()), part)?;
        let stored = StoredMatrix::of_rows(format, rows.len(), cols, &bytes, &tail)
            .or_else(|e| self.refuse(&info.name, e.to_string()))?;
        if let Some(ternary) = stored.ternary(0, rows.len()) {
            stored.check_ternary(rows.len()).or_else(|e| self.refuse(&info.name, e.to_string()))?;
            return Ok(Rows::Ternary(ternary));
        }
        let mut values = vec![0.0; rows.len() * cols];
        stored.decode(0, &mut values);
        Ok(Rows::Values(values))
    }

    fn raw_type(&self, tensor: usize) -> Option<TypeId> {
        let info = self.container.tensors().get(tensor)?;
        // Under its number, one in another order than most would be taken for one of those.
        let is_foreign = gguf::is_i2_s(info) && (self.has_rows4 || info.format() == Some(Format::I2_S_ARM));
        if is_foreign || lookup::layout(info).is_some() { None } else { Some(info.spec().type_id) }
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
