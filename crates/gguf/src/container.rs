//! [`Container`]: a model file, or all parts of a split one.

use std::{
    collections::HashMap,
    ops::{Deref, Range},
    path::PathBuf,
    sync::Arc,
};

use quant::Format;

use crate::{
    Error, I2sOrder, Layout, Metadata, TensorSpec, TypeId,
    i2_s::is_i2_s,
    map::Bytes,
    reader::{self, Begun, Header},
};

/// One tensor of the directory, checked: its byte range lies inside the file.
#[derive(Clone, PartialEq, Debug)]
pub struct TensorInfo {
    /// Name of the tensor, which no other has.
    pub name: String,
    /// Dimensions in GGUF's order: the first is the contiguous one (row length).
    pub dims: Vec<u64>,
    /// Type id as the file has it.
    pub type_id: TypeId,
    /// What the type id means in this file.
    pub layout: Layout,
    /// Which part of a split model (0 for a single file).
    pub part: usize,
    /// Absolute byte offset in that part.
    pub offset: u64,
    /// Bytes of data, without padding.
    pub n_bytes: u64,
}

impl TensorInfo {
    /// ggml's name of the type.
    pub fn type_name(&self) -> &'static str {
        self.layout.name()
    }

    /// The format of weights, as far as type and sizes tell it.
    pub fn format(&self) -> Option<Format> {
        self.layout.format()
    }

    /// Weights in a row.
    pub fn cols(&self) -> usize {
        self.dims.first().map_or(1, |&n| n as usize)
    }

    /// Rows, those of all outer dimensions together.
    pub fn n_rows(&self) -> usize {
        self.dims.iter().skip(1).product::<u64>() as usize
    }

    /// What a writer is told of the tensor: the type id is the one that its layout has today.
    pub fn spec(&self) -> TensorSpec {
        let type_id = self.layout.format().and_then(TypeId::of).unwrap_or(self.type_id);
        TensorSpec { name: self.name.clone(), dims: self.dims.clone(), type_id }
    }
}

/// What the first bytes of a file say ([`Container::from_head`]).
pub enum Head {
    /// Everything but the weights.
    Whole(Box<Container>),
    /// Nothing yet: at least so many first bytes are needed.
    Needs(u64),
}

/// Bytes of one tensor that keep their file alive; cheap to clone; derefs to `[u8]`.
#[derive(Clone)]
pub struct TensorBytes {
    part: Arc<Bytes>,
    range: Range<usize>,
}

impl Deref for TensorBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.part[self.range.clone()]
    }
}

impl From<Vec<u8>> for TensorBytes {
    /// Bytes that are in no file: a tensor made at run time.
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { part: Arc::new(Bytes::Owned(bytes)), range }
    }
}

/// A model file, or all parts of a split one: metadata of the first part, tensors of all. A clone shares the bytes.
#[derive(Clone)]
pub struct Container {
    name: String,
    pub(crate) first: Header,
    parts: Vec<Arc<Bytes>>,
    /// Paths of the parts; none where the container is in memory.
    paths: Vec<PathBuf>,
    tensors: Vec<TensorInfo>,
    index: HashMap<String, usize>,
}

impl Container {
    /// Maps `path` (and, for `NAME-00001-of-0000N.gguf`, its siblings) and checks everything but the weights' values.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(path: &std::path::Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let bytes = Bytes::open(path)?;
        let first = parse(&name, &bytes, 0, None)?;
        let mut paths = vec![path.to_owned()];
        paths.extend(crate::split::siblings(path, &first.metadata)?);
        Self::join(name, first, bytes, paths)
    }

    /// Maps and checks, as [`open`](Self::open), files of all parts that may have any names: some that are being
    /// written.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_parts(paths: Vec<PathBuf>) -> Result<Self, Error> {
        let path = paths.first().map_or(std::path::Path::new(""), PathBuf::as_path);
        let name = path.display().to_string();
        let bytes = Bytes::open(path)?;
        let first = parse(&name, &bytes, 0, None)?;
        let joined = Self::join(name, first, bytes, paths)?;
        crate::split::check_first(joined.metadata(), joined.n_parts(), joined.tensors.len())
            .map_err(|what| Error::Split { file: joined.name.clone(), what })?;
        Ok(joined)
    }

    /// `paths` are the files of all parts, of which the first is opened.
    #[cfg(not(target_arch = "wasm32"))]
    fn join(name: String, first: Header, bytes: Bytes, paths: Vec<PathBuf>) -> Result<Self, Error> {
        let mut parts = vec![Arc::new(bytes)];
        let mut tensors = first.tensors.clone();
        for (part, path) in paths.iter().enumerate().skip(1) {
            let file = path.display().to_string();
            let bytes = Bytes::open(path)?;
            let header = parse(&file, &bytes, part, Some(&first.metadata))?;
            crate::split::check_part(&file, &header.metadata, part as u64, &name, &first.metadata)?;
            tensors.extend(header.tensors);
            parts.push(Arc::new(bytes));
        }
        crate::split::check_total(&name, &first.metadata, tensors.len())?;
        Self::assemble(name, first, parts, paths, tensors)
    }

    /// A container in memory: `name` stands for the path in errors.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        Self::single(name, Bytes::Owned(bytes))
    }

    /// A container of bytes compiled into the program: `name` stands for the path in errors.
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Self, Error> {
        Self::single(name, Bytes::Static(bytes))
    }

    /// The first `bytes` of a file of `file_bytes`, checked as far as a container can be without its weights: tensors
    /// have names, shapes and places, and [`bytes`](Self::bytes) of none may be asked for. `name` stands for the path
    /// in errors, which are those of the whole file.
    pub fn from_head(name: &str, bytes: Vec<u8>, file_bytes: u64) -> Result<Head, Error> {
        let begun = reader::parse_begun(&bytes, file_bytes);
        let first = match begun.map_err(|what| Error::Invalid { file: name.to_owned(), what })? {
            Begun::Whole(first) => first,
            Begun::Needs(n) => return Ok(Head::Needs(n)),
        };
        let tensors = first.tensors.clone();
        let parts = vec![Arc::new(Bytes::Owned(bytes))];
        let container = Self::assemble(name.to_owned(), first, parts, Vec::new(), tensors)?;
        Ok(Head::Whole(Box::new(container)))
    }

    fn single(name: &str, bytes: Bytes) -> Result<Self, Error> {
        let first = parse(name, &bytes, 0, None)?;
        let tensors = first.tensors.clone();
        Self::assemble(name.to_owned(), first, vec![Arc::new(bytes)], Vec::new(), tensors)
    }

    fn assemble(
        name: String,
        first: Header,
        parts: Vec<Arc<Bytes>>,
        paths: Vec<PathBuf>,
        tensors: Vec<TensorInfo>,
    ) -> Result<Self, Error> {
        let mut index = HashMap::with_capacity(tensors.len());
        for (i, tensor) in tensors.iter().enumerate() {
            if let Some(other) = index.insert(tensor.name.clone(), i) {
                let file = |i: usize| paths.get(tensors[i].part).map_or_else(String::new, |p| p.display().to_string());
                let what =
                    format!("tensor {} stands in two parts, also in {}", tensor.name.escape_debug(), file(other));
                return Err(Error::Split { file: file(i), what });
            }
        }
        let order = I2sOrder::of(&first.metadata)?;
        let mut container = Self { name, first, parts, paths, tensors, index };
        if let Some(order) = order {
            container.set_i2_s_order(order)?;
        }
        Ok(container)
    }

    /// From now on every I2_S is in `format`.
    pub(crate) fn relabel_i2_s(&mut self, format: Format) {
        for tensor in self.tensors.iter_mut().filter(|t| is_i2_s(t)) {
            tensor.layout = Layout::Weights(format);
        }
    }

    /// Stamps by which its files are known again; none of a container in memory.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn stamps(&self) -> Vec<crate::Stamp> {
        let stamp = |part: &Arc<Bytes>| match &**part {
            Bytes::Mapped(mapped) => Some(mapped.stamp.clone()),
            _ => None,
        };
        self.parts.iter().filter_map(stamp).collect()
    }

    /// Path or name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// GGUF version (2 or 3).
    pub fn version(&self) -> u32 {
        self.first.version
    }

    /// Metadata of the first part.
    pub fn metadata(&self) -> &Metadata {
        &self.first.metadata
    }

    /// All tensors, in directory order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor called `name`.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.index.get(name).map(|&i| &self.tensors[i])
    }

    /// Bytes of `tensor`.
    ///
    /// # Panics
    /// If `tensor` is not of this container, or only the head of the file is there.
    pub fn bytes(&self, tensor: &TensorInfo) -> TensorBytes {
        let start = tensor.offset as usize;
        let range = start..start + tensor.n_bytes as usize;
        let part = Arc::clone(&self.parts[tensor.part]);
        assert!(range.end <= part.len(), "tensor {} is not of this container", tensor.name);
        TensorBytes { part, range }
    }

    /// Everything before the tensor data of the first part.
    pub(crate) fn header_bytes(&self) -> &[u8] {
        let first = self.parts.first().map_or(&[][..], |part| part);
        first.get(..self.first.data_offset as usize).unwrap_or(first)
    }

    /// Files that the model is in.
    pub fn n_parts(&self) -> usize {
        self.parts.len()
    }

    /// Those files, the first first; none where the container is in memory.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Sum of the sizes of all parts.
    pub fn file_bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.len() as u64).sum()
    }
}

/// Part `part` of a model; `first` is the metadata of its first part, if that is another.
fn parse(name: &str, bytes: &Bytes, part: usize, first: Option<&Metadata>) -> Result<Header, Error> {
    reader::parse(bytes, part, first).map_err(|what| Error::Invalid { file: name.to_owned(), what })
}
