//! [`Container`]: a model file, or all parts of a split one.

use std::{
    collections::HashMap,
    ops::{Deref, Range},
    sync::Arc,
};

use quant::Format;

use crate::{
    Error, I2sOrder, Layout, Metadata, TensorSpec, TypeId,
    i2_s::is_i2_s,
    map::Bytes,
    reader::{self, Header},
};

/// One tensor of the directory, checked: its byte range lies inside the file.
#[derive(Clone, PartialEq, Debug)]
pub struct TensorInfo {
    /// Unique name.
    pub name: String,
    /// GGUF order: the first is the contiguous one (row length).
    pub dims: Vec<u64>,
    /// Raw type.
    pub type_id: TypeId,
    /// What it means in this file.
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

    /// The same tensor to be written: under the id that its layout has today.
    pub fn spec(&self) -> TensorSpec {
        let type_id = self.layout.format().and_then(TypeId::of).unwrap_or(self.type_id);
        TensorSpec { name: self.name.clone(), dims: self.dims.clone(), type_id }
    }
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
    tensors: Vec<TensorInfo>,
    index: HashMap<String, usize>,
}

impl Container {
    /// Maps `path` (and, for `NAME-00001-of-0000N.gguf`, its siblings) and checks everything but the weights' values.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(path: &std::path::Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let bytes = Bytes::open(path)?;
        let first = parse(&name, &bytes, 0)?;
        let mut parts = vec![Arc::new(bytes)];
        let mut tensors = first.tensors.clone();
        for (part, sibling) in crate::split::siblings(path, &first.metadata)?.iter().enumerate() {
            let sibling_name = sibling.display().to_string();
            let bytes = Bytes::open(sibling)?;
            let header = parse(&sibling_name, &bytes, part + 1)?;
            crate::split::check_part(
                &sibling_name,
                &header.metadata,
                part as u64 + 1,
                parts_claimed(&first.metadata)?,
            )?;
            tensors.extend(header.tensors);
            parts.push(Arc::new(bytes));
        }
        crate::split::check_total(&name, &first.metadata, tensors.len())?;
        Self::assemble(name, first, parts, tensors)
    }

    /// A container in memory: `name` stands for the path in errors.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        Self::single(name, Bytes::Owned(bytes))
    }

    /// The same over bytes compiled into the program.
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Self, Error> {
        Self::single(name, Bytes::Static(bytes))
    }

    fn single(name: &str, bytes: Bytes) -> Result<Self, Error> {
        let first = parse(name, &bytes, 0)?;
        let tensors = first.tensors.clone();
        Self::assemble(name.to_owned(), first, vec![Arc::new(bytes)], tensors)
    }

    fn assemble(name: String, first: Header, parts: Vec<Arc<Bytes>>, tensors: Vec<TensorInfo>) -> Result<Self, Error> {
        let mut index = HashMap::with_capacity(tensors.len());
        for (i, tensor) in tensors.iter().enumerate() {
            if index.insert(tensor.name.clone(), i).is_some() {
                let what = format!("tensor {} stands in two parts", tensor.name.escape_debug());
                return Err(Error::Split { file: name, what });
            }
        }
        let order = I2sOrder::of(&first.metadata)?;
        let mut container = Self { name, first, parts, tensors, index };
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

    /// Path or name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// GGUF version (2 or 3).
    pub fn version(&self) -> u32 {
        self.first.version
    }

    /// Key-value pairs.
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

    /// Its bytes.
    ///
    /// # Panics
    /// If `tensor` is not of this container.
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

    /// Sum of the sizes of all parts.
    pub fn file_bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.len() as u64).sum()
    }
}

fn parse(name: &str, bytes: &Bytes, part: usize) -> Result<Header, Error> {
    reader::parse(bytes, part).map_err(|what| Error::Invalid { file: name.to_owned(), what })
}

#[cfg(not(target_arch = "wasm32"))]
fn parts_claimed(metadata: &Metadata) -> Result<u64, Error> {
    Ok(metadata.u64("split.count")?.unwrap_or(1))
}
