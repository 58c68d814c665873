//! Importance matrices: how large the inputs of each column of each weight matrix are on average, for encoders that
//! weigh errors by it.
//!
//! The file is GGUF as llama.cpp's imatrix tool writes it (`general.type` is `imatrix`): for every tensor `NAME` two of
//! f32, `NAME.in_sum2` `[columns, matrices]`, the sums of squared activations, and `NAME.counts` `[1, matrices]`, the
//! rows summed. A stack of experts has a matrix for each; one that saw no rows has count 0 and sums 0. The older form
//! is in `imatrix/dat.rs`.

mod dat;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use crate::{Array, Container, Error, FileKind, Metadata, TensorInfo, TensorSpec, TypeId, Value, Writer};

const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";
/// Sums of activations that newer versions add; not read.
const PLAIN_SUMS: &str = ".in_sum";
const F32: TypeId = TypeId(0);

/// Sums of squares of one tensor's inputs.
#[derive(Clone, PartialEq, Debug)]
pub struct Importance {
    /// Sums of squares `[matrices, columns]`.
    sums: Vec<f32>,
    /// Rows that each matrix saw `[matrices]`.
    counts: Vec<f32>,
    /// Does only the tensor say of how many matrices the columns are?
    is_undivided: bool,
}

impl Importance {
    /// Importance by `sums` `[matrices, columns]` of squares over `counts` `[matrices]` rows; an error says what is
    /// wrong with them.
    pub fn new(sums: Vec<f32>, counts: Vec<f32>) -> Result<Self, String> {
        let (n_sums, n_matrices) = (sums.len(), counts.len());
        if n_matrices == 0 || n_sums == 0 || !n_sums.is_multiple_of(n_matrices) {
            return Err(format!("{n_sums} sums for {n_matrices} matrices, expected as many for each"));
        }
        let is_sound = |x: &&f32| x.is_finite() && **x >= 0.0;
        if let Some((i, count)) = counts.iter().enumerate().find(|(_, x)| !is_sound(x)) {
            return Err(format!("count {i} is {count}, expected a finite number that is not negative"));
        }
        if let Some((i, sum)) = sums.iter().enumerate().find(|(_, x)| !is_sound(x)) {
            return Err(format!("sum {i} is {sum}, expected a finite number that is not negative"));
        }
        if counts.iter().all(|count| *count == 0.0) {
            return Err("all counts are 0, expected rows that were seen".to_owned());
        }
        for (i, (sums, count)) in sums.chunks(n_sums / n_matrices).zip(&counts).enumerate() {
            if let Some(sum) = sums.iter().find(|sum| **sum > 0.0 && *count == 0.0) {
                return Err(format!("a sum of matrix {i} is {sum}, but its count is 0"));
            }
        }
        Ok(Self { sums, counts, is_undivided: false })
    }

    /// Importance by `sums` of squares over `count` rows, where only the tensor says of how many matrices they are.
    pub fn undivided(sums: Vec<f32>, count: f32) -> Result<Self, String> {
        Ok(Self { is_undivided: true, ..Self::new(sums, vec![count])? })
    }

    /// Mean squared activations `[matrices, columns]` of a tensor of this shape; matrices that saw no rows count all
    /// columns the same. The error says of what they are instead.
    pub fn of_shape(&self, n_matrices: usize, n_cols: usize) -> Result<Vec<f32>, String> {
        if self.is_undivided && Some(self.sums.len()) == n_matrices.checked_mul(n_cols) {
            return Ok(self.mean_squares(0).unwrap_or_default());
        }
        if (self.n_matrices(), self.n_cols()) != (n_matrices, n_cols) {
            let columns = format!("{} columns", self.n_cols());
            return Err(if self.is_undivided {
                columns
            } else {
                format!("{columns} of {} matrices", self.n_matrices())
            });
        }
        let of = |i| self.mean_squares(i).unwrap_or_else(|| vec![1.0; n_cols]);
        Ok((0..n_matrices).flat_map(of).collect())
    }

    /// Matrices of the tensor: 1, or the experts.
    pub fn n_matrices(&self) -> usize {
        self.counts.len()
    }

    /// Columns of a matrix.
    pub fn n_cols(&self) -> usize {
        self.sums.len() / self.counts.len()
    }

    /// Mean squared activation of each column of matrix `matrix`; `None` if it saw no rows, or there is no such matrix.
    pub fn mean_squares(&self, matrix: usize) -> Option<Vec<f32>> {
        let count = *self.counts.get(matrix).filter(|count| **count > 0.0)?;
        let sums = self.sums.chunks(self.n_cols()).nth(matrix)?;
        Some(sums.iter().map(|sum| sum / count).collect())
    }
}

/// The importance of a model's tensors, and what it was collected on.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct ImportanceMatrix {
    /// Names of the texts.
    pub datasets: Vec<String>,
    /// Number of windows that were computed.
    pub chunk_count: u32,
    /// Tokens of a window; 0 if unknown.
    pub chunk_size: u32,
    /// By name of the tensor, such as `blk.0.attn_q.weight`.
    pub tensors: BTreeMap<String, Importance>,
}

impl ImportanceMatrix {
    /// The matrix in a file of either form.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(path: &std::path::Path) -> Result<Self, Error> {
        let bytes = crate::map::Bytes::open(path)?;
        if bytes.starts_with(&crate::reader::MAGIC) {
            Self::read(&Container::open(path)?)
        } else {
            Self::from_dat(&path.display().to_string(), &bytes)
        }
    }

    /// The matrix in the bytes of a file `file` of llama.cpp's older form.
    pub fn from_dat(file: &str, bytes: &[u8]) -> Result<Self, Error> {
        dat::read(file, bytes)
    }

    /// The matrix in a GGUF file, all of it checked.
    pub fn read(container: &Container) -> Result<Self, Error> {
        let invalid = |what: String| Error::Invalid { file: container.name().to_owned(), what };
        let metadata = container.metadata();
        if FileKind::of(metadata) != FileKind::ImportanceMatrix {
            return Err(invalid(match metadata.str("general.type")? {
                Some(other) => format!("general.type is {}, expected imatrix", other.escape_debug()),
                None => "no general.type, expected imatrix".to_owned(),
            }));
        }
        let number = |key: &str| metadata.u32(key)?.ok_or_else(|| invalid(format!("no {key}")));
        let mut matrix = Self {
            datasets: metadata.strings("imatrix.datasets")?.unwrap_or_default().to_vec(),
            chunk_count: number("imatrix.chunk_count")?,
            chunk_size: number("imatrix.chunk_size")?,
            tensors: BTreeMap::new(),
        };
        for tensor in container.tensors() {
            let refuse = |what: String| invalid(format!("tensor {}: {what}", tensor.name.escape_debug()));
            let Some(name) = tensor.name.strip_suffix(SUMS) else {
                let name = tensor.name.strip_suffix(COUNTS).or_else(|| tensor.name.strip_suffix(PLAIN_SUMS));
                match name.map(|name| format!("{name}{SUMS}")) {
                    Some(sums) if container.tensor(&sums).is_some() => continue,
                    Some(sums) => return Err(refuse(format!("there is no {}", sums.escape_debug()))),
                    None => return Err(refuse(format!("expected a name that ends in {SUMS} or {COUNTS}"))),
                }
            };
            let counts_name = format!("{name}{COUNTS}");
            let Some(counts) = container.tensor(&counts_name) else {
                return Err(refuse(format!("there is no {}", counts_name.escape_debug())));
            };
            let (sums, counts) = (floats(container, tensor), floats(container, counts));
            let (Some(sums), Some(counts)) = (sums, counts) else {
                return Err(refuse("not of type F32, or its counts are not".to_owned()));
            };
            // Trailing dimensions of 1 may be left out.
            let n_matrices = tensor.dims.iter().skip(1).product::<u64>();
            if n_matrices != counts.len() as u64 {
                return Err(refuse(format!("shape {:?}, but there are {} counts", tensor.dims, counts.len())));
            }
            matrix.tensors.insert(name.to_owned(), Importance::new(sums, counts).map_err(refuse)?);
        }
        Ok(matrix)
    }

    /// Writes it as llama.cpp's tools read it.
    pub fn write(&self, sink: impl Write) -> io::Result<()> {
        let mut metadata = Metadata::default();
        metadata.set("general.type", Value::String("imatrix".to_owned()));
        metadata.set("imatrix.datasets", Value::Array(Array::String(self.datasets.clone())));
        metadata.set("imatrix.chunk_count", Value::U32(self.chunk_count));
        metadata.set("imatrix.chunk_size", Value::U32(self.chunk_size));
        let mut specs = Vec::with_capacity(2 * self.tensors.len());
        for (name, importance) in &self.tensors {
            let n_matrices = importance.n_matrices() as u64;
            for (suffix, n_cols) in [(SUMS, importance.n_cols() as u64), (COUNTS, 1)] {
                specs.push(TensorSpec {
                    name: format!("{name}{suffix}"),
                    dims: vec![n_cols, n_matrices],
                    type_id: F32,
                });
            }
        }
        let mut writer = Writer::new(sink, &metadata, specs)?;
        for importance in self.tensors.values() {
            for values in [&importance.sums, &importance.counts] {
                let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                writer.tensor(&bytes)?;
            }
        }
        writer.finish().map(drop)
    }
}

/// `None` if the tensor holds anything else.
fn floats(container: &Container, tensor: &TensorInfo) -> Option<Vec<f32>> {
    let bytes = container.bytes(tensor);
    (tensor.type_id == F32).then(|| bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}
