//! `config.json` → [`Config`]: shapes, and GGUF's keys. What would change the computation and is not supported is
//! refused by name.

use std::path::Path;

use gguf::{Array, Metadata, Value};
use serde_json::json;

use super::{
    family::{self, Family, Special, Width, Window},
    fields::Fields,
    quantization::Quantization,
    rope::{self, Factors},
};
use crate::Error;

/// Value of Gemma's `query_pre_attn_scalar` where the file does not say.
const GEMMA_SCALAR: f64 = 256.0;
/// Soft caps of Gemma 2, on attention scores and on logits, where the file does not say.
const GEMMA2_CAPS: (f64, f64) = (50.0, 30.0);
/// Period of the layers of SmolLM3 without a rotary embedding: one in four.
const SMOLLM3_PERIOD: usize = 4;
/// Value of `num_experts_per_tok` where the file does not say: Mixtral's; Qwen's files do.
const EXPERTS_USED: usize = 2;
/// Value of `sliding_window` of Gemma, OLMo 3 and Qwen where the file does not say.
const WINDOW: usize = 4096;
/// Value of Qwen's `max_window_layers` where the file does not say.
const QWEN_FULL_LAYERS: usize = 28;
/// Largest number of layers, of heads, and of elements of a head, that a file may claim.
const COUNT_MAX: usize = 4096;
/// A checked `config.json`.
pub(super) struct Config {
    pub(super) fields: Fields,
    pub(super) family: &'static Family,
    pub(super) n_layers: usize,
    pub(super) width: usize,
    pub(super) feed_forward: usize,
    /// Number of experts and width of one, if the model has experts.
    pub(super) experts: Option<(usize, usize)>,
    pub(super) n_heads: usize,
    pub(super) n_kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) n_vocab: usize,
    pub(super) context_len: usize,
    /// Whether the embedding is the output matrix as well.
    pub(super) is_tied: bool,
    /// Whether q, k, v and o must have biases.
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
        neutral(&fields, family)?;
        let (width, n_heads) = (fields.count("hidden_size")?, fields.count("num_attention_heads")?);
        let head_dim = match fields.count_or("head_dim")?.or(family.head_dim) {
            Some(dim) => dim,
            None if width.is_multiple_of(n_heads) => width / n_heads,
            None => {
                return Err(fields.error("num_attention_heads", format!("{n_heads} do not divide hidden_size {width}")));
            }
        };
        let n_kv_heads = fields.count_or("num_key_value_heads")?.or(family.n_kv_heads).unwrap_or(n_heads);
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
            experts: experts(&fields, family)?,
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
            Window::Switched => config.switched_window(QWEN_FULL_LAYERS, &mut metadata)?,
            Window::SwitchedEverywhere => config.switched_window(0, &mut metadata)?,
            Window::Mixed { period } => config.mixed_window(period, &mut metadata)?,
        }
        match family.special {
            Special::None => {}
            Special::Gemma { caps_attention, layers_27b } => {
                config.gemma(caps_attention, layers_27b, &mut metadata)?;
            }
            Special::Granite => config.granite(&mut metadata)?,
            Special::SmolLm3 => config.smollm3()?,
        }
        Ok((config, metadata))
    }

    /// Returns a width in elements.
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
            Width::Experts => self.experts.map_or(0, |(n, _)| n),
            Width::Expert => self.experts.map_or(0, |(_, width)| width),
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
        if let Some((n_experts, width)) = self.experts {
            count("expert_count", n_experts);
            count("expert_used_count", self.fields.count_or("num_experts_per_tok")?.unwrap_or(EXPERTS_USED));
            count("expert_feed_forward_length", width);
        }
        let epsilon = self.fields.positive("rms_norm_eps")?.unwrap_or(self.family.norm_epsilon);
        metadata.set(self.key("attention.layer_norm_rms_epsilon"), Value::F32(epsilon as f32));
        if let Some(epsilon) = self.quantization.input_norm_epsilon {
            metadata.set(self.key("input_norm_rms_epsilon"), Value::F32(epsilon as f32));
        }
        Ok(())
    }

    /// Refuses a window in a class without one, whose files may have the keys, switched off.
    fn no_window(&self) -> Result<(), Error> {
        self.fields.only("use_sliding_window", &[json!(false)])?;
        self.no_local_layers()
    }

    fn no_local_layers(&self) -> Result<(), Error> {
        if self.fields.texts("layer_types")?.iter().any(|&t| t != "full_attention") {
            return Err(self.fields.error("layer_types", "expected \"full_attention\" for every layer"));
        }
        Ok(())
    }

    /// Reads `sliding_window`: null means none, a missing key `default`.
    fn window_len(&self, default: Option<usize>) -> Result<Option<usize>, Error> {
        let key = "sliding_window";
        if self.fields.keys().any(|k| k == key) { self.fields.count_or(key) } else { Ok(default) }
    }

    /// Sets the keys of a window that all layers have.
    fn window(&self, default: Option<usize>, metadata: &mut Metadata) -> Result<(), Error> {
        self.fields.only("layer_types", &[])?;
        if let Some(len) = self.window_len(default)? {
            metadata.set(self.key("attention.sliding_window"), Value::U32(len as u32));
            // GGUF's `phi3` has the first key alone in files that mean no window.
            if self.family.architecture == "phi3" {
                self.window_layers(vec![true; self.n_layers], metadata);
            }
        }
        Ok(())
    }

    /// Sets the keys of Qwen's window, in which null means none even where it is switched on.
    fn switched_window(&self, n_full: usize, metadata: &mut Metadata) -> Result<(), Error> {
        let fields = &self.fields;
        let is_on = fields.flag("use_sliding_window")?.unwrap_or(false);
        let Some(len) = self.window_len(Some(WINDOW))?.filter(|_| is_on) else { return self.no_local_layers() };
        let n_full = match fields.value("max_window_layers") {
            // A key of the other Qwens.
            _ if n_full == 0 => 0,
            Some(value) if value == &json!(0) => 0,
            _ => fields.count_or("max_window_layers")?.unwrap_or(n_full),
        };
        let local = self.local_layers()?.unwrap_or_else(|| (0..self.n_layers).map(|layer| layer >= n_full).collect());
        if local.contains(&true) {
            metadata.set(self.key("attention.sliding_window"), Value::U32(len as u32));
            self.window_layers(local, metadata);
        }
        Ok(())
    }

    fn window_layers(&self, local: Vec<bool>, metadata: &mut Metadata) {
        metadata.set(self.key("attention.sliding_window_pattern"), Value::Array(Array::Bool(local)));
    }

    /// Reads which layers of `layer_types` see only the window, if the file has that list.
    fn local_layers(&self) -> Result<Option<Vec<bool>>, Error> {
        let fields = &self.fields;
        let types = fields.texts("layer_types")?;
        if types.is_empty() {
            return Ok(None);
        }
        if types.len() != self.n_layers {
            return Err(fields.error("layer_types", format!("{} layers, expected {}", types.len(), self.n_layers)));
        }
        let is_local = |kind: &&str| match *kind {
            "sliding_attention" => Ok(true),
            "full_attention" => Ok(false),
            other => {
                Err(fields.error("layer_types", format!("{other:?}, expected sliding_attention or full_attention")))
            }
        };
        types.iter().map(is_local).collect::<Result<_, _>>().map(Some)
    }

    /// Sets the keys of a window that some layers have; readers assume all but every `period`-th.
    fn mixed_window(&self, period: usize, metadata: &mut Metadata) -> Result<(), Error> {
        let fields = &self.fields;
        let Some(window) = self.window_len(Some(WINDOW))? else {
            return Err(fields.error("sliding_window", "missing"));
        };
        metadata.set(self.key("attention.sliding_window"), Value::U32(window as u32));
        let by_period =
            |period: usize| -> Vec<bool> { (1..=self.n_layers).map(|layer| !layer.is_multiple_of(period)).collect() };
        let local = match self.local_layers()? {
            Some(local) => local,
            None if self.family.architecture == "gemma3" => {
                let keys = ["sliding_window_pattern", "_sliding_window_pattern"];
                by_period(fields.count_or(keys[0])?.or(fields.count_or(keys[1])?).unwrap_or(period))
            }
            None => by_period(period),
        };
        if local != by_period(period) {
            self.window_layers(local, metadata);
        }
        Ok(())
    }

    fn gemma(&self, caps_attention: bool, layers_27b: usize, metadata: &mut Metadata) -> Result<(), Error> {
        let fields = &self.fields;
        fields.only("use_bidirectional_attention", &[json!(false)])?;
        let scale_dim = if self.n_layers == layers_27b { self.width / self.n_heads } else { self.head_dim };
        let scalar = fields.float("query_pre_attn_scalar")?.unwrap_or(GEMMA_SCALAR);
        if scalar != scale_dim as f64 {
            return Err(fields.error("query_pre_attn_scalar", format!("{scalar}, expected {scale_dim}")));
        }
        let (attention, logits) = ("attn_logit_softcapping", "final_logit_softcapping");
        let cap = |key: &str, default: Option<f64>| {
            if fields.keys().any(|k| k == key) { fields.positive(key) } else { Ok(default) }
        };
        let caps = if caps_attention {
            let caps = (cap(attention, Some(GEMMA2_CAPS.0))?, cap(logits, Some(GEMMA2_CAPS.1))?);
            // GGUF has no word for none, which readers take for the published models'.
            for (key, cap) in [(attention, caps.0), (logits, caps.1)] {
                cap.ok_or_else(|| fields.error(key, "null, expected a number"))?;
            }
            caps
        } else {
            fields.only(attention, &[])?;
            (None, cap(logits, None)?)
        };
        for (key, cap) in [("attn_logit_softcapping", caps.0), ("final_logit_softcapping", caps.1)] {
            if let Some(cap) = cap {
                metadata.set(self.key(key), Value::F32(cap as f32));
            }
        }
        Ok(())
    }

    fn granite(&self, metadata: &mut Metadata) -> Result<(), Error> {
        for (key, name) in [
            ("embedding_multiplier", "embedding_scale"),
            ("residual_multiplier", "residual_scale"),
            ("attention_multiplier", "attention.scale"),
            ("logits_scaling", "logit_scale"),
        ] {
            let scale = self.fields.positive(key)?.unwrap_or(1.0);
            metadata.set(self.key(name), Value::F32(scale as f32));
        }
        Ok(())
    }

    /// Refuses an SmolLM3 whose layers without a rotary embedding are not every fourth: readers know no other, and
    /// cannot be told.
    fn smollm3(&self) -> Result<(), Error> {
        let (fields, list, interval) = (&self.fields, "no_rope_layers", "no_rope_layer_interval");
        let expected: Vec<_> =
            (1..=self.n_layers).map(|i| json!(usize::from(!i.is_multiple_of(SMOLLM3_PERIOD)))).collect();
        match fields.value(list) {
            Some(value) if value.as_array() == Some(&expected) => Ok(()),
            Some(value) => fields.refuse(list, value, &format!("0 for every {SMOLLM3_PERIOD}th layer and else 1")),
            None => fields.only(interval, &[json!(SMOLLM3_PERIOD)]),
        }
    }
}

/// Reads the number of experts and the width of one, where the family has them.
fn experts(fields: &Fields, family: &Family) -> Result<Option<(usize, usize)>, Error> {
    let Some(keys) = family.experts else { return Ok(None) };
    let (n_experts, width) = (fields.count(keys.count)?, fields.count(keys.feed_forward)?);
    if n_experts > COUNT_MAX {
        return Err(fields.error(keys.count, format!("{n_experts}, expected at most {COUNT_MAX}")));
    }
    if family.architecture == "qwen3moe" {
        fields.only("decoder_sparse_step", &[json!(1)])?;
        fields.only("mlp_only_layers", &[json!([])])?;
        // Transformers' own default is not to, which no published model means.
        if fields.flag("norm_topk_prob")? != Some(true) {
            let what = "expected true (weights of the chosen experts that do not add up to 1 are not supported)";
            return Err(fields.error("norm_topk_prob", what));
        }
    }
    Ok(Some((n_experts, width)))
}

/// Returns the family of `architectures` and, for BitNet, of the activation.
fn family_of(fields: &Fields) -> Result<&'static Family, Error> {
    let classes = fields.texts("architectures")?;
    let [class] = classes.as_slice() else {
        return Err(fields.error("architectures", format!("{classes:?}, expected one class name")));
    };
    if family::of_class(class).next().is_none() {
        return Err(fields.error("architectures", format!("{class:?}, expected one of {}", family::class_names())));
    }
    let key = if fields.value("hidden_act").is_some() { "hidden_act" } else { "hidden_activation" };
    let activation = fields.text(key)?;
    let expected: Vec<&str> = family::of_class(class).flat_map(|f| f.activation).copied().collect();
    let family = family::of_class(class).find(|f| activation.is_none_or(|name| f.activation.contains(&name)));
    let activation = activation.unwrap_or_default();
    family.ok_or_else(|| fields.error(key, format!("{activation:?}, expected {}", expected.join(" or "))))
}

/// Refuses keys of other models that would change the computation of these.
fn neutral(fields: &Fields, family: &Family) -> Result<(), Error> {
    if family.special != Special::Granite {
        for key in ["embedding_multiplier", "residual_multiplier", "logits_scaling"] {
            fields.only(key, &[json!(1)])?;
        }
        fields.only("attention_multiplier", &[])?;
    }
    for key in ["logit_scale", "mup_scale"] {
        fields.only(key, &[json!(1)])?;
    }
    for key in ["rope_interleaved", "is_encoder_decoder", "add_cross_attention", "use_qk_norm", "parallel_attn"] {
        fields.only(key, &[json!(false)])?;
    }
    for key in ["num_experts", "num_local_experts", "num_nextn_predict_layers"] {
        if family.experts.is_none_or(|keys| keys.count != key) {
            fields.only(key, &[json!(0)])?;
        }
    }
    for key in ["clip_qkv", "compression_config"] {
        fields.only(key, &[])?;
    }
    if family.special != Special::SmolLm3 {
        fields.only("no_rope_layer_interval", &[])?;
        if fields.value("no_rope_layers").and_then(|v| v.as_array()).is_some_and(|l| l.contains(&json!(0))) {
            return Err(fields.error("no_rope_layers", "layers without rotary embedding are not supported"));
        }
    }
    Ok(())
}
