//! Weights in another type than the file's, made when the model is loaded: the embedding table (and the head, where it
//! is the same matrix) and the vectors of norms. These options exist to be measured: nothing of the file's map becomes
//! free, a copy comes beside it.

use std::fmt;

use gguf::TensorBytes;
use kernels::KvType;
use quant::{
    Format, StoredMatrix,
    ternarise::{Mode, ternarise},
};

use crate::{
    linear::Linear,
    spec::ModelSpec,
    weights::{Attention, Mixer, Mlp, Weights},
};

/// Weights that share a scale in a ternary embedding.
const SPAN: usize = 64;

/// Type to which the embedding table is converted while the model is loaded: those in which keys and values are cached.
/// A row is held as they are, but for `T2`, which has an f16 scale per 64 weights and the layout of `Q2_0`.
pub type EmbeddingType = KvType;

/// The conversion of an embedding table to a type. Only who asks for one has its encoders in the program.
#[derive(Clone, Copy)]
pub struct EmbeddingConversion {
    /// The type that the table gets.
    pub to: EmbeddingType,
    run: fn(&mut Linear, &ModelSpec, EmbeddingType) -> Result<Requantised, String>,
}

impl From<EmbeddingType> for EmbeddingConversion {
    fn from(to: EmbeddingType) -> Self {
        Self { to, run: embedding }
    }
}

impl EmbeddingConversion {
    /// Puts the table in the type; an error names the row that it cannot hold.
    pub(crate) fn run(self, table: &mut Linear, spec: &ModelSpec) -> Result<Requantised, String> {
        (self.run)(table, spec, self.to)
    }
}

impl fmt::Debug for EmbeddingConversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to.fmt(f)
    }
}

/// The format that holds a table of type `to`.
fn format(to: EmbeddingType) -> Format {
    match to {
        EmbeddingType::F32 => Format::F32,
        EmbeddingType::F16 => Format::F16,
        EmbeddingType::Q8_0 => Format::Q8_0,
        EmbeddingType::Q4_0 => Format::Q4_0,
        EmbeddingType::T2(_) => Format::Q2_0,
    }
}

/// Bytes of a table of type `to` for `spec`; an error names the width that the type cannot hold.
pub(crate) fn embedding_bytes(to: EmbeddingType, spec: &ModelSpec) -> Result<usize, String> {
    let too_large = || format!("an embedding of {} rows cannot be addressed", spec.n_vocab);
    row_bytes(to, spec.width)?.checked_mul(spec.n_vocab).ok_or_else(too_large)
}

fn row_bytes(to: EmbeddingType, width: usize) -> Result<usize, String> {
    let format = format(to);
    let unit = format.block_len();
    let refusal = || format!("an embedding of {} needs rows of a multiple of {unit}, but has {width}", to.name());
    format.row_bytes(width).ok_or_else(refusal)
}

/// Type of the weights of norms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum NormType {
    /// Full precision, as in the file.
    #[default]
    F32,
    /// −1, 0, 1 under one scale per vector, chosen by least squares; computed with as f32.
    Ternary,
}

/// Sizes of weights that were made in place of those of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Requantised {
    /// Bytes of the original in the file, whose map stays.
    pub file_bytes: u64,
    /// Bytes of what replaces it; of norms, what they would take if stored so: the vectors that are computed with stay
    /// f32.
    pub new_bytes: u64,
}

fn embedding(table: &mut Linear, spec: &ModelSpec, to: EmbeddingType) -> Result<Requantised, String> {
    let mut bytes = vec![0; embedding_bytes(to, spec)?];
    let format = format(to);
    let row_bytes = bytes.len() / spec.n_vocab;
    let mut row = vec![0.0; spec.width];
    let (mut codes, mut sorted) = ([0; SPAN], Vec::with_capacity(SPAN));
    for (i, out) in bytes.chunks_exact_mut(row_bytes).enumerate() {
        table.decode_row(i, &mut row);
        if let EmbeddingType::T2(mode) = to {
            for x in row.chunks_exact_mut(SPAN) {
                let scale = ternarise(mode, x, &mut codes, &mut sorted);
                // The encoder finds these codes again and rounds the scale to a half.
                x.iter_mut().zip(codes).for_each(|(x, code)| *x = f32::from(code) * scale);
            }
        }
        format.encode(&row, None, out).map_err(|e| format!("row {i} as {}: {e}", to.name()))?;
    }
    let done = Requantised { file_bytes: table.matrix().bytes.len() as u64, new_bytes: bytes.len() as u64 };
    let bytes = TensorBytes::from(bytes);
    let stored = StoredMatrix::new(format, spec.n_vocab, spec.width, &bytes).map_err(|e| e.to_string())?;
    let new = Linear::new(&bytes, &stored, 0..spec.n_vocab)?;
    // What was read row by row is the stored matrix: what goes with it stays, such as the rotation that it is stored
    // under.
    let Linear { scale, bias, rotation, place, .. } = std::mem::replace(table, new);
    (table.scale, table.bias, table.rotation, table.place) = (scale, bias, rotation, place);
    Ok(done)
}

/// All norms of the model ternarised in place.
pub(crate) fn norms(weights: &mut Weights) -> Requantised {
    let mut done = Requantised { file_bytes: 0, new_bytes: 0 };
    let (mut codes, mut sorted) = (Vec::new(), Vec::new());
    let mut apply = |x: &mut Vec<f32>| {
        codes.resize(x.len(), 0);
        let scale = ternarise(Mode::LeastSquares, x, &mut codes, &mut sorted);
        x.iter_mut().zip(&codes).for_each(|(x, &code)| *x = f32::from(code) * scale);
        done.file_bytes += 4 * x.len() as u64;
        done.new_bytes += x.len().div_ceil(4) as u64 + 4;
    };
    for layer in &mut weights.layers {
        let of_mixer: Vec<&mut Vec<f32>> = match &mut layer.mixer {
            Some(Mixer::Attention(attention)) => {
                let Attention { q_norm, k_norm, sub_norm, .. } = &mut **attention;
                [q_norm, k_norm, sub_norm].into_iter().flatten().collect()
            }
            Some(Mixer::Latent(latent)) => latent.norms(),
            None | Some(Mixer::ShortConvolution(_)) => Vec::new(),
            Some(Mixer::DeltaNet(net)) => vec![&mut net.norm],
            Some(Mixer::Mamba(mamba)) => vec![&mut mamba.norm],
            Some(Mixer::TimeMix(mix)) => mix.norm.iter_mut().take(1).collect(),
        };
        of_mixer.into_iter().for_each(&mut apply);
        layer.norms().map(|norm| &mut norm.weight).for_each(&mut apply);
        if let Some(Mlp::Dense(network)) = &mut layer.mlp {
            network.sub_norm.iter_mut().for_each(&mut apply);
        }
    }
    weights.per_layer.iter_mut().for_each(|tables| apply(&mut tables.norm));
    let around = weights.embedding_norm.iter_mut().chain(&mut weights.output_norm);
    around.map(|norm| &mut norm.weight).for_each(&mut apply);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_that_a_type_cannot_hold_are_refused() {
        // SmolLM2 is 576 wide, which is no multiple of 256.
        assert_eq!(row_bytes(EmbeddingType::T2(Mode::Rms), 576), Ok(9 * 18));
        assert_eq!(row_bytes(EmbeddingType::F16, 7), Ok(14));
        let error = "an embedding of t2-rms needs rows of a multiple of 64, but has 96";
        assert_eq!(row_bytes(EmbeddingType::T2(Mode::Rms), 96), Err(error.to_owned()));
    }
}
