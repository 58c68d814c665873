//! [`Synth`]: seeded random ternary models of published shapes, made row by row. They say nothing; they are for speed,
//! memory and round trips.
//!
//! Matrices are -1, 0 and 1, equally often, under one scale per tensor of four bits, so that every ternary container
//! and every float holds the same weights. Embeddings are such that F32, F16, BF16 and Q8_0 hold them exactly; other
//! types round them.

mod vocabulary;

use std::ops::Range;

use gguf::{Metadata, Value};
use quant::{Format, TernaryRows};

use crate::{
    Error,
    file_type::{FILE_TYPE, QUANTIZATION_VERSION, VERSION},
    plan::{Action, Freedom, Plan, PlannedTensor, misfit},
    source::{Rows, Source, SourceTensor, Stored},
};

/// The widths and counts of a model: `name` is its name on the command line, `width` that of the model, `feed_forward`
/// that of the feed-forward; `n_heads` are query heads, `n_kv_heads` heads of keys and values, and `rope_base` is the
/// base of the rotary angles.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shape {
    pub name: &'static str,
    pub n_layers: usize,
    pub width: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub feed_forward: usize,
    pub n_vocab: usize,
    pub rope_base: f32,
}

/// Shapes of published models, and a small one for tests.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "tiny",
        n_layers: 2,
        width: 256,
        n_heads: 4,
        n_kv_heads: 2,
        feed_forward: 512,
        n_vocab: 512,
        rope_base: 10_000.0,
    },
    // bitnet_b1_58-large
    Shape {
        name: "700m",
        n_layers: 24,
        width: 1536,
        n_heads: 16,
        n_kv_heads: 16,
        feed_forward: 4096,
        n_vocab: 32_002,
        rope_base: 10_000.0,
    },
    // BitNet b1.58 2B-4T
    Shape {
        name: "2b",
        n_layers: 30,
        width: 2560,
        n_heads: 20,
        n_kv_heads: 5,
        feed_forward: 6912,
        n_vocab: 128_256,
        rope_base: 500_000.0,
    },
    // bitnet_b1_58-3B: rows that 256 does not divide
    Shape {
        name: "3b",
        n_layers: 26,
        width: 3200,
        n_heads: 32,
        n_kv_heads: 32,
        feed_forward: 8640,
        n_vocab: 32_002,
        rope_base: 10_000.0,
    },
];

/// `general.architecture` of the models that [`Synth`] can be.
pub const ARCHITECTURES: &[&str] = &["bitnet", "bitnet-b1.58"];

/// Context length that the model states.
const CONTEXT_LEN: u32 = 4096;
/// Value of one step of an embedding.
const EMBEDDING_UNIT: f32 = 1.0 / 4096.0;
/// Number of weights of an embedding of which one is the largest possible, so that the scale of a Q8_0 block is
/// [`EMBEDDING_UNIT`].
const EMBEDDING_BLOCK: usize = 32;

/// A random model, as a [`Source`].
pub struct Synth {
    name: String,
    seed: u64,
    metadata: Metadata,
    tensors: Vec<SourceTensor>,
}

impl Synth {
    /// Makes the model of `shape` and `seed` under `architecture`, one of [`ARCHITECTURES`].
    pub fn new(shape: &Shape, architecture: &str, seed: u64) -> Result<Self, Error> {
        if !ARCHITECTURES.contains(&architecture) {
            let known = ARCHITECTURES.join(" or ");
            return Err(Error::Option(format!("architecture {architecture:?}, expected {known}")));
        }
        let name = format!("synth-{}-{seed}", shape.name);
        Ok(Self { metadata: metadata(shape, architecture, &name), tensors: tensors(shape), name, seed })
    }

    /// Plans matrices as `ternary`, embeddings as `embedding` and norms as F32.
    pub fn plan(&self, ternary: Format, embedding: Format) -> Result<Plan, Error> {
        let mut metadata = self.metadata.clone();
        if let Some(number) = ternary.file_type() {
            metadata.set(FILE_TYPE, Value::U32(number));
        }
        metadata.set(VERSION, Value::U32(QUANTIZATION_VERSION));
        let tensors = self.tensors.iter().map(|tensor| {
            let (format, freedom) = match tensor.stored {
                Stored::Ternary => (ternary, Freedom::Exact),
                _ if tensor.dims.len() > 1 => (embedding, Freedom::Nearest),
                _ => (Format::F32, Freedom::Exact),
            };
            match format.row_bytes(tensor.cols()) {
                Some(_) => Ok(PlannedTensor::new(Action::Encode { format, freedom })),
                None => Err(misfit(self, tensor, format.name(), format.block_len() as u64)),
            }
        });
        Ok(Plan { tensors: tensors.collect::<Result<_, _>>()?, metadata })
    }
}

fn metadata(shape: &Shape, architecture: &str, name: &str) -> Metadata {
    let mut metadata = Metadata::default();
    let text = |text: &str| Value::String(text.to_owned());
    metadata.set("general.architecture", text(architecture));
    metadata.set("general.name", text(name));
    let head_dim = shape.width / shape.n_heads;
    let counts = [
        ("context_length", CONTEXT_LEN),
        ("embedding_length", shape.width as u32),
        ("block_count", shape.n_layers as u32),
        ("feed_forward_length", shape.feed_forward as u32),
        ("attention.head_count", shape.n_heads as u32),
        ("attention.head_count_kv", shape.n_kv_heads as u32),
        ("rope.dimension_count", head_dim as u32),
        ("vocab_size", shape.n_vocab as u32),
    ];
    for (key, value) in counts {
        metadata.set(format!("{architecture}.{key}"), Value::U32(value));
    }
    metadata.set(format!("{architecture}.attention.layer_norm_rms_epsilon"), Value::F32(1e-5));
    metadata.set(format!("{architecture}.rope.freq_base"), Value::F32(shape.rope_base));
    vocabulary::set(&mut metadata, shape.n_vocab);
    metadata
}

fn tensors(shape: &Shape) -> Vec<SourceTensor> {
    let (d, f) = (shape.width, shape.feed_forward);
    let kv = d / shape.n_heads * shape.n_kv_heads;
    let tensor = |name: String, dims: &[usize], stored| SourceTensor {
        name,
        dims: dims.iter().map(|&n| n as u64).collect(),
        stored,
    };
    let values = Stored::As(Format::F32);
    let mut tensors = vec![
        tensor("token_embd.weight".to_owned(), &[d, shape.n_vocab], values),
        tensor("output_norm.weight".to_owned(), &[d], values),
    ];
    for layer in 0..shape.n_layers {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        for (part, n) in [("attn_norm", d), ("attn_sub_norm", d), ("ffn_norm", d), ("ffn_sub_norm", f)] {
            tensors.push(tensor(name(part), &[n], values));
        }
        let matrices = [
            ("attn_q", d, d),
            ("attn_k", d, kv),
            ("attn_v", d, kv),
            ("attn_output", d, d),
            ("ffn_gate", d, f),
            ("ffn_up", d, f),
            ("ffn_down", f, d),
        ];
        for (part, cols, rows) in matrices {
            tensors.push(tensor(name(part), &[cols, rows], Stored::Ternary));
        }
    }
    tensors
}

impl Source for Synth {
    fn name(&self) -> &str {
        &self.name
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn read(&self, tensor: usize, rows: Range<usize>) -> Result<Rows, Error> {
        let Some(SourceTensor { dims, stored, .. }) = self.tensors.get(tensor) else {
            return Err(Error::Invalid { file: self.name.clone(), what: format!("there is no tensor {tensor}") });
        };
        let cols = dims.first().map_or(1, |&n| n as usize);
        let random = |row| Random::new(self.seed, tensor, row);
        if *stored == Stored::Ternary {
            let codes = rows.clone().flat_map(|row| random(row).trits(cols)).collect();
            let scales = vec![scale(cols, Random::new(self.seed, tensor, usize::MAX).bits()); rows.len()];
            return Ok(Rows::Ternary(TernaryRows { cols, span: cols, codes, scales }));
        }
        let row = |row| if dims.len() > 1 { random(row).embedding(cols) } else { random(row).norm(cols) };
        Ok(Rows::Values(rows.flat_map(row).collect()))
    }
}

/// Returns a scale of about `1 / √cols`, in four bits.
fn scale(cols: usize, random: u64) -> f32 {
    let exponent = cols.max(1).ilog2().div_ceil(2);
    (1.0 + (random % 8) as f32 / 8.0) / (1u64 << exponent) as f32
}

/// A stream of random numbers for one row (`SplitMix64`; Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    /// Starts the stream of a row. Each row has its own, so that rows can be made in any order.
    fn new(seed: u64, tensor: usize, row: usize) -> Self {
        let tensor = Self(seed ^ (tensor as u64).rotate_left(32)).bits();
        Self(Self(tensor ^ row as u64).bits())
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws `n` codes -1, 0, 1: 64 bits are a fraction whose base-3 digits they are.
    fn trits(&mut self, n: usize) -> Vec<i8> {
        let mut codes = vec![0; n];
        for codes in codes.chunks_mut(32) {
            let mut fraction = self.bits();
            for code in codes {
                let digits = u128::from(fraction) * 3;
                *code = (digits >> 64) as i8 - 1;
                fraction = digits as u64;
            }
        }
        codes
    }

    /// Draws bell-shaped multiples of [`EMBEDDING_UNIT`] up to 127, one in each block ±127.
    fn embedding(&mut self, n: usize) -> Vec<f32> {
        let mut values = vec![0.0; n];
        for block in values.chunks_mut(EMBEDDING_BLOCK) {
            let largest = self.bits() as usize % block.len();
            for (i, value) in block.iter_mut().enumerate() {
                let bytes = self.bits().to_le_bytes();
                let sum: i32 = bytes.iter().take(4).map(|&b| i32::from(b as i8)).sum();
                let step =
                    if i == largest { 127 * (1 - 2 * i32::from(bytes[7] & 1)) } else { sum.clamp(-508, 508) / 4 };
                *value = step as f32 * EMBEDDING_UNIT;
            }
        }
        values
    }

    /// Draws multiples of 1/64 between 7/8 and 9/8.
    fn norm(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| 1.0 + ((self.bits() % 17) as f32 - 8.0) / 64.0).collect()
    }
}
