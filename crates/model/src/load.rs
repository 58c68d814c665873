//! From a container to weights: every tensor's presence, shape and type is checked against the spec, and its bytes
//! become a [`StoredMatrix`] here and nowhere else.

mod layer;
mod rotations;
mod tensors;

use std::ops::Range;

use gguf::{Container, FileKind, Layout, TensorInfo};
use kernels::{ActivationRule, Isa, KvType, KvTypes, PAGE_LEN, Rope};
use quant::StoredMatrix;

use crate::{
    AttentionWindow, EmbeddingConversion, LoadError, NormType, POSITIONS_MAX, families,
    keys::Keys,
    linear::Linear,
    rope,
    spec::{ModelSpec, RopeSpec},
    weights::Weights,
};
use rotations::Rotations;
use tensors::Tensors;
pub(crate) use tensors::layer_of;

/// Choices of the caller who loads a model.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Longest sequence; the model's own limit if `None`. Longer than the model allows is an error. With an attention
    /// window the limit, and what `None` means, is [`POSITIONS_MAX`].
    pub context_len_max: Option<usize>,
    /// Part of a sequence that its rows see; `None` if all of it. No longer, sinks included, than the context that the
    /// model was made for.
    pub attention_window: Option<AttentionWindow>,
    /// Types of cached keys and values.
    pub kv_types: KvTypes,
    /// Size of the KV arena in positions over all sequences; if `None`, what one sequence needs: a full context, or
    /// [`AttentionWindow::pages_max`] if that is less.
    pub kv_positions: Option<usize>,
    /// Number of sequences that can be under way at once in models with states; others have no such limit.
    pub n_states: usize,
    /// Largest number of rows in one step, which sizes the buffers; the longest text if that is more and the model an
    /// encoder.
    pub step_rows_max: usize,
    /// Type of the embedding table, and of the head where it is the same matrix; as in the file if `None`.
    pub embedding_type: Option<EmbeddingConversion>,
    /// Type of the weights of norms.
    pub norm_type: NormType,
    /// Rule by which activations are quantised that ternary matrices with one scale a row are multiplied with; only
    /// models that have such may be asked for another rule than the default.
    pub activations: ActivationRule,
    /// Largest number of bytes of a second copy of the weights, in the order in which kernels walk them; models that
    /// need more for all their matrices get none. The copy takes as much memory as weights of those formats do in the
    /// file, of ternary ones two bits a weight, and is made matrix by matrix when each is first multiplied with.
    pub pack_bytes_max: u64,
}

impl LoadOptions {
    /// Options of a plain run: the model's own context, keys and values in f16, steps of 512 rows, weights as in the
    /// file.
    pub const DEFAULT: Self = Self {
        context_len_max: None,
        attention_window: None,
        kv_types: KvTypes::both(KvType::F16),
        kv_positions: None,
        n_states: 1,
        step_rows_max: 512,
        embedding_type: None,
        norm_type: NormType::F32,
        activations: ActivationRule::PerGroup,
        pack_bytes_max: 1 << 30,
    };
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Number of rows of a ternary tensor that are looked at before the model is trusted to be what its types say.
const ROWS_CHECKED: usize = 8;

/// Makes a view of the weights of `tensor` of `container`, whose bytes are `bytes`. An error where weights of that type
/// cannot be computed with, or are not what their type says.
pub fn stored_matrix<'b>(
    container: &Container,
    tensor: &TensorInfo,
    bytes: &'b [u8],
) -> Result<StoredMatrix<'b>, LoadError> {
    let refuse = |what: String| LoadError::Tensor {
        file: container.name().to_owned(),
        tensor: tensor.name.escape_debug().to_string(),
        what,
    };
    let Some(format) = tensor.format() else {
        return Err(refuse(match tensor.layout {
            Layout::Tl1 | Layout::Tl2 => format!(
                "type {} is made for one matrix shape by tables that the file does not hold; `trinity convert` can import it where they are known",
                tensor.type_name()
            ),
            _ => format!("type {} ({}), which cannot be computed with", tensor.type_id.0, tensor.type_name()),
        }));
    };
    let stored = StoredMatrix::new(format, tensor.n_rows(), tensor.cols(), bytes).map_err(|e| refuse(e.to_string()))?;
    stored.check_ternary(ROWS_CHECKED).map_err(|e| refuse(e.to_string()))?;
    Ok(stored)
}

/// Takes rows of a tensor as a matrix.
pub(crate) fn linear(container: &Container, tensor: &TensorInfo, rows: Range<usize>) -> Result<Linear, LoadError> {
    let bytes = container.bytes(tensor);
    let stored = stored_matrix(container, tensor, &bytes)?;
    Linear::new(&bytes, &stored, rows).map_err(|what| LoadError::tensor(container, &tensor.name, what))
}

/// Refuses a file that goes with models and is none, and says what it is.
pub fn check_kind(container: &Container) -> Result<(), LoadError> {
    match FileKind::of(container.metadata()) {
        FileKind::Model => Ok(()),
        kind => Err(LoadError::Kind { file: container.name().to_owned(), kind }),
    }
}

/// Returns the length of the context that the model was made for.
pub fn context_len(container: &Container) -> Result<usize, LoadError> {
    Keys::new(container)?.width("context_length")
}

/// Returns what the head of a file says of its model ([`Container::from_head`]).
pub fn spec_of_head(container: &Container) -> Result<ModelSpec, LoadError> {
    Ok(load_spec(container, &LoadOptions::DEFAULT)?.0)
}

/// Returns the number of rows of the embedding matrix.
pub fn n_vocab(container: &Container) -> Result<usize, LoadError> {
    Tensors::new(container).rows("token_embd.weight")
}

/// The parts of a checked model, before it has memory of its own.
pub(crate) struct Parts {
    pub(crate) spec: ModelSpec,
    pub(crate) weights: Weights,
    pub(crate) rope: Rope,
    pub(crate) rope_local: Option<Rope>,
    pub(crate) context_len_max: usize,
}

impl LoadOptions {
    /// Number of bytes of the packed copy of `weights` on `isa`.
    pub(crate) fn packed_bytes(&self, weights: &mut Weights, isa: Isa) -> u64 {
        let needed = weights.matrices().map(|matrix| matrix.packed_bytes(isa)).sum();
        if needed <= self.pack_bytes_max { needed } else { 0 }
    }

    /// Number of rows of the largest step, for sequences of at most `context_len_max` tokens.
    pub(crate) fn step_rows(&self, spec: &ModelSpec, context_len_max: usize) -> usize {
        let whole = if spec.is_encoder { context_len_max } else { 0 };
        self.step_rows_max.max(whole).min(self.kv_positions(context_len_max))
    }

    /// Number of positions of the KV arena for sequences of at most `context_len_max` tokens.
    pub(crate) fn kv_positions(&self, context_len_max: usize) -> usize {
        let of_window = |window: AttentionWindow| window.pages_max(self.step_rows_max).saturating_mul(PAGE_LEN);
        let needed = self.attention_window.map_or(usize::MAX, of_window);
        self.kv_positions.unwrap_or(context_len_max.min(needed))
    }
}

/// Checks everything; of `options` it reads only what changes what is read from the file.
pub(crate) fn load(container: &Container, options: &LoadOptions) -> Result<Parts, LoadError> {
    let keys = Keys::new(container)?;
    let input_norm_epsilon = keys.positive_or_none("input_norm_rms_epsilon")?;
    let mut tensors =
        Tensors::new(container).with_rotations(Rotations::read(container)?).with_input_norms(input_norm_epsilon);
    let n_vocab = tensors.rows("token_embd.weight")?;
    let spec = families::spec(&keys, n_vocab)?;
    let (context_len_max, distances) =
        context(options, &spec).map_err(|what| LoadError::Option { file: keys.file.to_owned(), what })?;
    check_vocabulary(container, n_vocab)?;
    let factors = rope_factors(&mut tensors, &keys, &spec, distances)?;
    let weights = layer::weights(&mut tensors, &spec)?;
    tensors.all_used()?;
    Ok(Parts {
        rope: angles(&keys, &spec.rope, factors.as_deref())?,
        rope_local: spec.rope_local.as_ref().map(|local| angles(&keys, local, None)).transpose()?,
        spec,
        weights,
        context_len_max,
    })
}

/// Reads what the metadata and the shapes say of the model, and its longest sequence, without its weights.
pub(crate) fn load_spec(container: &Container, options: &LoadOptions) -> Result<(ModelSpec, usize), LoadError> {
    let keys = Keys::new(container)?;
    let n_vocab = Tensors::new(container).rows("token_embd.weight")?;
    let spec = families::spec(&keys, n_vocab)?;
    let (context_len_max, _) =
        context(options, &spec).map_err(|what| LoadError::Option { file: keys.file.to_owned(), what })?;
    check_vocabulary(container, n_vocab)?;
    Ok((spec, context_len_max))
}

/// Returns the longest sequence, and how many distances between a query and a key there are in it.
fn context(options: &LoadOptions, spec: &ModelSpec) -> Result<(usize, usize), String> {
    let made_for = spec.context_len;
    let Some(AttentionWindow { len, sinks }) = options.attention_window else {
        let context_len_max = options.context_len_max.unwrap_or(made_for);
        return if (1..=made_for).contains(&context_len_max) {
            Ok((context_len_max, context_len_max))
        } else {
            Err(format!("a context of {context_len_max} tokens, but the model was made for 1 to {made_for}"))
        };
    };
    let seen = len.saturating_add(sinks);
    if len == 0 || seen > made_for {
        return Err(format!(
            "an attention window of {len} tokens and {sinks} sinks, expected 1 or more and together at most {made_for}, \
             the context that the model was made for"
        ));
    }
    let context_len_max = options.context_len_max.unwrap_or(POSITIONS_MAX);
    if context_len_max == 0 || context_len_max > POSITIONS_MAX {
        return Err(format!("a context of {context_len_max} tokens, expected 1 to {POSITIONS_MAX} behind a window"));
    }
    Ok((context_len_max, context_len_max.min(seen)))
}

/// Checks that there are as many embeddings as tokens, where the file has tokens.
fn check_vocabulary(container: &Container, n_vocab: usize) -> Result<(), LoadError> {
    let file = || container.name().to_owned();
    let tokens = container.metadata().strings("tokenizer.ggml.tokens");
    match tokens.map_err(|source| LoadError::Container { file: file(), source })? {
        Some(tokens) if tokens.len() != n_vocab => Err(LoadError::Tensor {
            file: file(),
            tensor: "token_embd.weight".to_owned(),
            what: format!("{n_vocab} rows, but tokenizer.ggml.tokens has {}", tokens.len()),
        }),
        _ => Ok(()),
    }
}

/// Returns the angles of `spec`, which must be numbers.
fn angles(keys: &Keys<'_>, spec: &RopeSpec, factors: Option<&[f32]>) -> Result<Rope, LoadError> {
    let rope = rope::build(spec, factors);
    if rope.inverse_frequencies.iter().any(|x| !x.is_finite()) || !rope.magnitude.is_finite() {
        return keys
            .refuse("rope.freq_base", format!("{} with {:?} gives no finite frequencies", spec.base, spec.scaling));
    }
    Ok(rope)
}

/// Reads Llama 3's factors, or LongRoPE's for short or long contexts.
fn rope_factors(
    tensors: &mut Tensors<'_>,
    keys: &Keys<'_>,
    spec: &ModelSpec,
    distances: usize,
) -> Result<Option<Vec<f32>>, LoadError> {
    let n_pairs = spec.rope.n_dims / 2;
    let llama3 = tensors.optional_vector("rope_freqs.weight", n_pairs)?;
    if spec.has_rope_factors && llama3.is_none() {
        return tensors.refuse("rope_freqs.weight", "missing");
    }
    let long = tensors.optional_vector("rope_factors_long.weight", n_pairs)?;
    let short = tensors.optional_vector("rope_factors_short.weight", n_pairs)?;
    let original = keys.width_or("rope.scaling.original_context_length", spec.context_len)?;
    if long.is_some() != short.is_some() {
        return tensors.refuse("rope_factors_long.weight", "and rope_factors_short.weight, expected both or neither");
    }
    // By the largest distance of this run, not by each sequence's length: cached keys keep their angles.
    let chosen = llama3.or(if distances > original { long } else { short });
    match chosen.as_ref().and_then(|f| f.iter().find(|x| !x.is_finite() || **x <= 0.0)) {
        Some(bad) => keys.refuse("rope factors", format!("{bad}, expected more than 0")),
        None => Ok(chosen),
    }
}
