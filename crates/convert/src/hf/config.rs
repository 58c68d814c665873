//! `config.json` → [`Config`]: shapes, and GGUF's keys. What would change the computation and is not supported is refused by name.

use std::path::Path;

use gguf::{Array, Metadata, Value};
use serde_json::json;

use super::{
    family::{self, Family, Width, Window},
    fields::Fields,
    quantization::Quantization,
    rope::{self, Factors},
};
use crate::Error;

/// One layer in six of Gemma 3 sees everything: what readers assume where the file does not say.
const GEMMA3_PERIOD: usize = 6;
/// `query_pre_attn_scalar` of Gemma 3 where the file does not say.
const GEMMA3_SCALAR: f64 = 256.0;
/// Layers of the Gemma 3 whose attention scale goes by the model's width.
const GEMMA3_27B_LAYERS: usize = 62;
/// Layers that a file may claim, heads, or elements of a head.
const COUNT_MAX: usize = 4096;
/// A checked `config.json`.
pub(super) struct Config {
    pub(super) fields: Fields,
    pub(super) family: &'static Family,
    pub(super) n_layers: usize,
    pub(super) width: usize,
    pub(super) feed_forward: usize,
    pub(super) n_heads: usize,
    pub(super) n_kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) n_vocab: usize,
    pub(super) context_len: usize,
    /// Is the embedding the output matrix as well?
    pub(super) is_tied: bool,
    /// Must q, k, v and o have biases?
    pub(super) has_attention_bias: bool,
    pub(super) quantization: Quantization,
    /// Tensors that follow from the rotary embedding's settings.
    pub(super) rope_factors: Vec<Factors>,
}

impl Config {
    /// Reads `config.json` of `folder`; the second value holds its keys as GGUF has them.
    pub(super) fn read(folder: &Path) -> Result<(Self, Metadata), Error> {
        let file = folder.join("config.json");
        let Some(fields) = Fields::read(&file)? else {
            return Err(crate::json::invalid(folder, "no config.json in this folder"));
        };
        let family = family_of(&fields)?;
        neutral(&fields)?;
        let (width, n_heads) = (fields.count("hidden_size")?, fields.count("num_attention_heads")?);
        let head_dim = match fields.count_or("head_dim")?.or(family.head_dim) {
            Some(dim) => dim,
            None if width.is_multiple_of(n_heads) => width / n_heads,
            None => {
                return Err(fields.error("num_attention_heads", format!("{n_heads} do not divide hidden_size {width}")));
            }
        };
        let n_kv_heads = fields.count_or("num_key_value_heads")?.unwrap_or(n_heads);
        if !n_heads.is_multiple_of(n_kv_heads) {
            let what = format!("{n_kv_heads} do not divide num_attention_heads {n_heads}");
            return Err(fields.error("num_key_value_heads", what));
        }
        if !head_dim.is_multiple_of(2) {
            return Err(fields.error("head_dim", format!("{head_dim}, expected an even number")));
        }
        let n_layers = fields.count("num_hidden_layers")?;
        for (key, n) in [("num_hidden_layers", n_layers), ("num_attention_heads", n_heads), ("head_dim", head_dim)] {
            if n > COUNT_MAX {
                return Err(fields.error(key, format!("{n}, expected at most {COUNT_MAX}")));
            }
        }
        let mut config = Self {
            family,
            n_layers,
            width,
            feed_forward: fields.count("intermediate_size")?,
            n_heads,
            n_kv_heads,
            head_dim,
            n_vocab: fields.count("vocab_size")?,
            context_len: fields.count("max_position_embeddings")?,
            is_tied: fields.flag("tie_word_embeddings")?.unwrap_or(family.is_tied),
            has_attention_bias: fields.flag("attention_bias")?.unwrap_or(false),
            quantization: Quantization::read(&fields)?,
            rope_factors: Vec::new(),
            fields,
        };
        let mut metadata = Metadata::default();
        config.keys(&mut metadata)?;
        let (rope_keys, factors) = rope::read(&config)?;
        rope_keys.into_iter().for_each(|(key, value)| metadata.set(config.key(key), value));
        config.rope_factors = factors;
        match family.window {
            Window::Never => config.no_window()?,
            Window::Everywhere(default) => config.window(default, &mut metadata)?,
            Window::Mixed => config.gemma3(&mut metadata)?,
        }
        Ok((config, metadata))
    }

    /// A width in elements.
    pub(super) fn width_of(&self, width: Width) -> usize {
        let (query, key_value) = (self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim);
        match width {
            Width::Model => self.width,
            Width::FeedForward => self.feed_forward,
            Width::GateUp => 2 * self.feed_forward,
            Width::Query => query,
            Width::KeyValue => key_value,
            Width::QueryKeyValue => query + 2 * key_value,
            Width::Head => self.head_dim,
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.family.architecture)
    }

    fn keys(&self, metadata: &mut Metadata) -> Result<(), Error> {
        metadata.set("general.architecture", Value::String(self.family.architecture.to_owned()));
        metadata.set("general.type", Value::String("model".to_owned()));
        let mut count = |name: &str, n: usize| metadata.set(self.key(name), Value::U32(n as u32));
        count("block_count", self.n_layers);
        count("context_length", self.context_len);
        count("embedding_length", self.width);
        count("feed_forward_length", self.feed_forward);
        count("attention.head_count", self.n_heads);
        count("attention.head_count_kv", self.n_kv_heads);
        if self.fields.count_or("head_dim")?.is_some() {
            count("attention.key_length", self.head_dim);
            count("attention.value_length", self.head_dim);
        }
        count("vocab_size", self.n_vocab);
        let Some(epsilon) = self.fields.positive("rms_norm_eps")? else {
            return Err(self.fields.error("rms_norm_eps", "missing"));
        };
        metadata.set(self.key("attention.layer_norm_rms_epsilon"), Value::F32(epsilon as f32));
        Ok(())
    }

    /// Qwen has the keys and a switch, which is off in what has been published.
    fn no_window(&self) -> Result<(), Error> {
        self.fields.only("use_sliding_window", &[json!(false)])?;
        if self.fields.texts("layer_types")?.iter().any(|&t| t != "full_attention") {
            return Err(self.fields.error("layer_types", "expected \"full_attention\" for every layer"));
        }
        Ok(())
    }

    /// A window that all layers have: null means none, a missing key `default`.
    fn window(&self, default: Option<usize>, metadata: &mut Metadata) -> Result<(), Error> {
        self.fields.only("layer_types", &[])?;
        let key = "sliding_window";
        let len = if self.fields.keys().any(|k| k == key) { self.fields.count_or(key)? } else { default };
        if let Some(len) = len {
            metadata.set(self.key("attention.sliding_window"), Value::U32(len as u32));
        }
        Ok(())
    }

    fn gemma3(&self, metadata: &mut Metadata) -> Result<(), Error> {
        let fields = &self.fields;
        fields.only("use_bidirectional_attention", &[json!(false)])?;
        fields.only("attn_logit_softcapping", &[])?;
        let scale_dim = if self.n_layers == GEMMA3_27B_LAYERS { self.width / self.n_heads } else { self.head_dim };
        let scalar = fields.float("query_pre_attn_scalar")?.unwrap_or(GEMMA3_SCALAR);
        if scalar != scale_dim as f64 {
            return Err(fields.error("query_pre_attn_scalar", format!("{scalar}, expected {scale_dim}")));
        }
        if let Some(cap) = fields.positive("final_logit_softcapping")? {
            metadata.set(self.key("final_logit_softcapping"), Value::F32(cap as f32));
        }
        let window = fields.count("sliding_window")?;
        metadata.set(self.key("attention.sliding_window"), Value::U32(window as u32));
        let types = fields.texts("layer_types")?;
        let local: Vec<bool> = if types.is_empty() {
            let keys = ["sliding_window_pattern", "_sliding_window_pattern"];
            let period = fields.count_or(keys[0])?.or(fields.count_or(keys[1])?).unwrap_or(GEMMA3_PERIOD);
            (1..=self.n_layers).map(|layer| !layer.is_multiple_of(period)).collect()
        } else if types.len() == self.n_layers {
            let is_local = |kind: &&str| match *kind {
                "sliding_attention" => Ok(true),
                "full_attention" => Ok(false),
                other => {
                    Err(fields.error("layer_types", format!("{other:?}, expected sliding_attention or full_attention")))
                }
            };
            types.iter().map(is_local).collect::<Result<_, _>>()?
        } else {
            return Err(fields.error("layer_types", format!("{} layers, expected {}", types.len(), self.n_layers)));
        };
        if local.iter().zip(1..).any(|(&local, layer): (&bool, usize)| local == layer.is_multiple_of(GEMMA3_PERIOD)) {
            metadata.set(self.key("attention.sliding_window_pattern"), Value::Array(Array::Bool(local)));
        }
        Ok(())
    }
}

/// The family of `architectures`, and, for BitNet, of the activation.
fn family_of(fields: &Fields) -> Result<&'static Family, Error> {
    let classes = fields.texts("architectures")?;
    let [class] = classes.as_slice() else {
        return Err(fields.error("architectures", format!("{classes:?}, expected one class name")));
    };
    if family::of_class(class).next().is_none() {
        return Err(fields.error("architectures", format!("{class:?}, expected one of {}", family::class_names())));
    }
    let key = if fields.value("hidden_act").is_some() { "hidden_act" } else { "hidden_activation" };
    let activation = fields.text(key)?.ok_or_else(|| fields.error("hidden_act", "missing"))?;
    let expected: Vec<&str> = family::of_class(class).flat_map(|f| f.activation).copied().collect();
    let family = family::of_class(class).find(|f| f.activation.contains(&activation));
    family.ok_or_else(|| fields.error(key, format!("{activation:?}, expected {}", expected.join(" or "))))
}

/// Keys of other models that would change the computation of these.
fn neutral(fields: &Fields) -> Result<(), Error> {
    for key in ["embedding_multiplier", "residual_multiplier", "logits_scaling", "logit_scale", "mup_scale"] {
        fields.only(key, &[json!(1)])?;
    }
    for key in ["rope_interleaved", "is_encoder_decoder", "add_cross_attention", "use_qk_norm", "parallel_attn"] {
        fields.only(key, &[json!(false)])?;
    }
    for key in ["num_experts", "num_local_experts", "num_nextn_predict_layers"] {
        fields.only(key, &[json!(0)])?;
    }
    for key in ["clip_qkv", "attention_multiplier", "no_rope_layer_interval", "compression_config"] {
        fields.only(key, &[])?;
    }
    if fields.value("no_rope_layers").and_then(|v| v.as_array()).is_some_and(|l| l.iter().any(|v| v == &json!(0))) {
        return Err(fields.error("no_rope_layers", "layers without rotary embedding are not supported"));
    }
    Ok(())
}
