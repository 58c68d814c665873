//! `config.json` → [`Config`]: shapes, and GGUF's keys. What would change the computation and is not supported is
//! refused by name.

pub(super) mod encoder;
pub(super) mod experts;
pub(super) mod gemma4;
pub(super) mod latent;
pub(super) mod plain;
pub(super) mod state;

use std::path::{Path, PathBuf};

use gguf::{Array, Metadata, Value};
use serde_json::json;

use super::{
    family::{self, Family, Layer, Mixer, Network, NormKind, Rotary, Special, Width, Window},
    fields::Fields,
    quantization::Quantization,
    rope::{self, Factors},
};
use crate::Error;
use latent::LatentShape;

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
/// The heads of layers with a state, and the convolution before them.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct StateShape {
    pub(super) n_taps: usize,
    pub(super) n_channels: usize,
    /// Number of heads, for a delta net of its values, and width of one.
    pub(super) n_heads: usize,
    pub(super) dim: usize,
    /// Number of groups of heads; for a delta net, of keys.
    pub(super) n_groups: usize,
    /// Number of rows of a head's state; for a delta net, width of a key.
    pub(super) n_rows: usize,
}

/// Sizes in which layers of one model differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LayerSizes {
    pub(super) n_kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) feed_forward: usize,
}

/// A checked `config.json`.
pub(super) struct Config {
    pub(super) folder: PathBuf,
    pub(super) fields: Fields,
    pub(super) family: &'static Family,
    pub(super) n_layers: usize,
    pub(super) width: usize,
    pub(super) feed_forward: usize,
    /// Number of experts and width of one, if the model has experts.
    pub(super) experts: Option<(usize, usize)>,
    /// Width of the expert that all tokens have, or 0.
    pub(super) shared_expert: usize,
    /// What each layer is made of.
    pub(super) layers: Vec<Layer>,
    /// Whether keys list the layers that attend, where not all do; else a number says which they are.
    pub(super) lists_layers: bool,
    pub(super) state: StateShape,
    pub(super) latent: LatentShape,
    /// Sizes of each layer, where they are not those above.
    pub(super) layer_sizes: Vec<LayerSizes>,
    /// Width of what each layer adds of a token, or 0.
    pub(super) of_token: usize,
    pub(super) n_token_types: usize,
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
        let (family, fields) = family_of(fields)?;
        neutral(&fields, family)?;
        let (width, n_layers) = (fields.count("hidden_size")?, fields.count("num_hidden_layers")?);
        let Heads { n: n_heads, n_kv: n_kv_heads, dim: head_dim } =
            if family.has_attention { Heads::read(&fields, family, width)? } else { Heads::default() };
        if n_layers > COUNT_MAX {
            return Err(fields.error("num_hidden_layers", format!("{n_layers}, expected at most {COUNT_MAX}")));
        }
        let experts = experts::read(&fields, family)?;
        let network = if experts.is_some() { Network::Experts } else { Network::Dense };
        let mut config = Self {
            folder: folder.to_owned(),
            family,
            n_layers,
            width,
            feed_forward: fields.count_or("intermediate_size")?.unwrap_or(0),
            experts,
            shared_expert: 0,
            layers: vec![Layer::new(Mixer::Attention, network); n_layers],
            lists_layers: true,
            state: StateShape::default(),
            latent: LatentShape::default(),
            layer_sizes: Vec::new(),
            of_token: 0,
            n_token_types: 0,
            n_heads,
            n_kv_heads,
            head_dim,
            n_vocab: fields.count("vocab_size")?,
            context_len: match fields.count_or("max_position_embeddings")?.or(family.context_len) {
                Some(n) => n,
                None => return Err(fields.error("max_position_embeddings", "missing")),
            },
            is_tied: fields.flag("tie_word_embeddings")?.unwrap_or(family.is_tied),
            has_attention_bias: fields.flag("attention_bias")?.unwrap_or(false),
            quantization: Quantization::read(&fields)?,
            rope_factors: Vec::new(),
            fields,
        };
        (family.own.sizes)(&mut config)?;
        // A model of layers with states alone has none.
        if config.feed_forward == 0 && config.layers.iter().any(|layer| layer.network.has_dense()) {
            return Err(config.fields.error("intermediate_size", "missing"));
        }
        let mut metadata = Metadata::default();
        config.keys(&mut metadata)?;
        if family.rotary != Rotary::Absent {
            let (rope_keys, factors) = rope::read(&config)?;
            rope_keys.into_iter().for_each(|(key, value)| metadata.set(config.key(key), value));
            config.rope_factors = factors;
        }
        (family.own.keys)(&config, &mut metadata)?;
        match family.window {
            Window::Never => config.no_window()?,
            Window::Unread => {}
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

    /// Returns a width in elements, in layer `at` if it is one of a layer.
    pub(super) fn width_of(&self, width: Width, at: Option<usize>) -> usize {
        let Self { n_kv_heads, head_dim, feed_forward, .. } = *self;
        let sizes = at.and_then(|at| self.layer_sizes.get(at).copied());
        let LayerSizes { n_kv_heads, head_dim, feed_forward } =
            sizes.unwrap_or(LayerSizes { n_kv_heads, head_dim, feed_forward });
        let (query, key_value) = (self.n_heads * head_dim, n_kv_heads * head_dim);
        let state = &self.state;
        let inner = state.n_heads * state.dim;
        let latent = &self.latent;
        match width {
            Width::Model => self.width,
            Width::FeedForward => feed_forward,
            Width::GateUp => 2 * feed_forward,
            Width::Query => query,
            Width::KeyValue => key_value,
            Width::QueryKeyValue => query + 2 * key_value,
            Width::Head => head_dim,
            Width::Experts => self.experts.map_or(0, |(n, _)| n),
            Width::Expert => self.experts.map_or(0, |(_, width)| width),
            Width::ExpertGateUp => self.experts.map_or(0, |(_, width)| 2 * width),
            Width::SharedExpert => self.shared_expert,
            Width::SharedGateUp => 2 * self.shared_expert,
            Width::One => 1,
            Width::Heads => self.n_heads,
            Width::GatedQuery => 2 * query,
            Width::ModelThrice => 3 * self.width,
            Width::Taps => state.n_taps,
            Width::Channels => state.n_channels,
            Width::StateHeads => state.n_heads,
            Width::StateHeadsTwice => 2 * state.n_heads,
            Width::Groups => state.n_groups,
            Width::Inner => inner,
            Width::InnerOfGroup => inner / state.n_groups.max(1),
            Width::StateHead => state.dim,
            Width::MambaIn => inner + state.n_channels + state.n_heads,
            Width::DeltaIn => inner + state.n_channels,
            Width::Positions => self.context_len,
            Width::TokenTypes => self.n_token_types,
            Width::Vocabulary => self.n_vocab,
            Width::QueryRank => latent.query_rank,
            Width::KvRank => latent.kv_rank,
            Width::LatentRow => latent.row_dim(),
            Width::LatentQuery => self.n_heads * latent.query_dim(),
            Width::LatentValue => self.n_heads * latent.value_dim,
            Width::OfToken => self.of_token,
            Width::OfTokenAll => self.n_layers * self.of_token,
        }
    }

    /// Returns GGUF's key of a setting of this architecture.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.family.architecture)
    }

    fn keys(&self, metadata: &mut Metadata) -> Result<(), Error> {
        metadata.set("general.architecture", Value::String(self.family.architecture.to_owned()));
        metadata.set("general.type", Value::String("model".to_owned()));
        let mut set = |name: &str, value: Value| metadata.set(self.key(name), value);
        let count = |n: usize| Value::U32(n as u32);
        // One number where it is that of all layers, else one for each.
        let of_layers = |n: usize, has: &dyn Fn(&Layer) -> bool| {
            if self.layers.iter().all(has) {
                return count(n);
            }
            Value::Array(Array::I32(self.layers.iter().map(|layer| if has(layer) { n as i32 } else { 0 }).collect()))
        };
        set("block_count", count(self.n_layers));
        set("context_length", count(self.context_len));
        set("embedding_length", count(self.width));
        if self.layers.iter().any(|layer| layer.network != Network::None) {
            set("feed_forward_length", of_layers(self.feed_forward, &|layer| layer.network != Network::None));
        } else {
            set("feed_forward_length", count(0));
        }
        set("attention.head_count", count(self.n_heads));
        if self.family.has_attention {
            let has_keys = |layer: &Layer| layer.mixer == Mixer::Attention || !self.lists_layers;
            set("attention.head_count_kv", of_layers(self.n_kv_heads, &has_keys));
        }
        if self.fields.count_or("head_dim")?.or(self.family.head_dim).is_some() {
            set("attention.key_length", count(self.head_dim));
            set("attention.value_length", count(self.head_dim));
        }
        set("vocab_size", count(self.n_vocab));
        if let Some((n_experts, width)) = self.experts {
            set("expert_count", count(n_experts));
            set("expert_used_count", count(self.fields.count_or("num_experts_per_tok")?.unwrap_or(EXPERTS_USED)));
            set("expert_feed_forward_length", count(width));
        }
        let epsilon = self.fields.positive("rms_norm_eps")?.unwrap_or(self.family.norm_epsilon);
        let key = match self.family.norm {
            NormKind::Rms => "attention.layer_norm_rms_epsilon",
            NormKind::Layer { .. } => "attention.layer_norm_epsilon",
        };
        set(key, Value::F32(epsilon as f32));
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
            // GGUF's `phi3` and `starcoder2` have the first key alone in files that mean no window.
            if matches!(self.family.architecture, "phi3" | "starcoder2") {
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
            None if self.family.local_base.is_some() => {
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
        if self.family.architecture != "gemma-embedding" {
            fields.only("use_bidirectional_attention", &[json!(false)])?;
        }
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

/// The heads of attention: number of queries, of keys, and width of one.
#[derive(Clone, Copy, Default)]
struct Heads {
    n: usize,
    n_kv: usize,
    dim: usize,
}

impl Heads {
    fn read(fields: &Fields, family: &Family, width: usize) -> Result<Self, Error> {
        let n_heads = fields.count("num_attention_heads")?;
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
        for (key, n) in [("num_attention_heads", n_heads), ("head_dim", head_dim)] {
            if n > COUNT_MAX {
                return Err(fields.error(key, format!("{n}, expected at most {COUNT_MAX}")));
            }
        }
        Ok(Self { n: n_heads, n_kv: n_kv_heads, dim: head_dim })
    }
}

/// Returns the family of `architectures` and, where several have that class, of `model_type` or of the activation; and
/// the settings under the names that all families have for them.
fn family_of(fields: Fields) -> Result<(&'static Family, Fields), Error> {
    let classes = fields.texts("architectures")?;
    let [class] = classes.as_slice() else {
        return Err(fields.error("architectures", format!("{classes:?}, expected one class name")));
    };
    let class = (*class).to_owned();
    let Some(first) = family::of_class(&class).next() else {
        return Err(fields.error("architectures", format!("{class:?}, expected one of {}", family::class_names())));
    };
    let fields = if first.has_text_section { fields.with_section("text_config")? } else { fields };
    let fields = fields.with_names(first.aliases);
    let of_type = || family::of_class(&class).filter(|family| (family.is_of)(&fields));
    let key = if fields.value("hidden_act").is_some() { "hidden_act" } else { "hidden_activation" };
    let activation = fields.text(key)?;
    let expected: Vec<&str> = of_type().flat_map(|f| f.activation).copied().collect();
    let family = of_type().find(|f| activation.is_none_or(|name| f.activation.contains(&name)));
    let activation = activation.unwrap_or_default();
    let family =
        family.ok_or_else(|| fields.error(key, format!("{activation:?}, expected {}", expected.join(" or "))))?;
    Ok((family, fields))
}

/// Refuses keys of other models that would change the computation of these.
fn neutral(fields: &Fields, family: &Family) -> Result<(), Error> {
    let count = family.experts.map(|keys| keys.count);
    let only = |keys: &[&str], neutral: &[serde_json::Value]| {
        let others = keys.iter().filter(|key| !family.reads.contains(key) && count != Some(**key));
        others.copied().try_for_each(|key| fields.only(key, neutral))
    };
    only(&["embedding_multiplier", "residual_multiplier", "logits_scaling", "logit_scale", "mup_scale"], &[json!(1)])?;
    only(
        &["rope_interleaved", "is_encoder_decoder", "add_cross_attention", "use_qk_norm", "parallel_attn"],
        &[json!(false)],
    )?;
    only(&["num_experts", "num_local_experts", "num_nextn_predict_layers"], &[json!(0)])?;
    only(&["attention_multiplier", "clip_qkv", "compression_config"], &[])?;
    if family.special != Special::SmolLm3 {
        fields.only("no_rope_layer_interval", &[])?;
        if fields.value("no_rope_layers").and_then(|v| v.as_array()).is_some_and(|l| l.contains(&json!(0))) {
            return Err(fields.error("no_rope_layers", "layers without rotary embedding are not supported"));
        }
    }
    Ok(())
}
