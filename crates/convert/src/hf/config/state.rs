//! Settings of models whose layers have a state: delta nets, Mamba-2 and short convolutions beside attention.

use gguf::{Array, Metadata, Value};
use serde_json::json;

use super::{COUNT_MAX, Config, Mixer, Network, StateShape, experts};
use crate::Error;

/// Period of Qwen's layers that attend.
const QWEN_PERIOD: usize = 4;

impl Config {
    /// Reads the kinds of layers, each under the name of its kind in the file.
    fn mixers(&mut self, key: &str, kinds: &[(&str, Mixer)]) -> Result<(), Error> {
        let fields = &self.fields;
        let types = fields.texts(key)?;
        if types.len() != self.layers.len() {
            return Err(fields.error(key, format!("{} layers, expected {}", types.len(), self.layers.len())));
        }
        let mixer = |name: &&str| {
            let expected = || kinds.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
            let found = kinds.iter().find(|(kind, _)| kind == name).map(|(_, mixer)| *mixer);
            found.ok_or_else(|| fields.error(key, format!("{name:?}, expected {}", expected())))
        };
        let mixers = types.iter().map(mixer).collect::<Result<Vec<_>, _>>()?;
        self.layers.iter_mut().zip(mixers).for_each(|(layer, mixer)| layer.mixer = mixer);
        Ok(())
    }

    /// Refuses heads of layers with a state that cannot be.
    fn check_state(&self) -> Result<(), Error> {
        let StateShape { n_taps, n_heads, dim, n_groups, n_rows, .. } = self.state;
        for (what, n) in [("taps", n_taps), ("heads", n_heads), ("groups", n_groups)] {
            if n > COUNT_MAX {
                return Err(self.fields.error("num_hidden_layers", format!("{n} {what} of a layer with a state")));
            }
        }
        if n_groups == 0 || !n_heads.is_multiple_of(n_groups) {
            let what = format!("{n_heads} heads of a layer with a state, in {n_groups} groups");
            return Err(self.fields.error("num_hidden_layers", what));
        }
        if dim > 1 << 20 || n_rows > 1 << 20 {
            return Err(self.fields.error("num_hidden_layers", format!("heads of {dim} with {n_rows} rows of state")));
        }
        Ok(())
    }

    fn state_keys(&self, metadata: &mut Metadata) {
        let StateShape { n_taps, n_heads, dim, n_groups, n_rows, .. } = self.state;
        for (name, n) in [
            ("ssm.conv_kernel", n_taps),
            ("ssm.inner_size", n_heads * dim),
            ("ssm.state_size", n_rows),
            ("ssm.time_step_rank", n_heads),
            ("ssm.group_count", n_groups),
        ] {
            metadata.set(self.key(name), Value::U32(n as u32));
        }
    }
}

/// Reads the delta nets of Qwen 3.5 and Qwen3-Next.
pub(in crate::hf) fn qwen_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    let (n_groups, n_heads) = (fields.count("linear_num_key_heads")?, fields.count("linear_num_value_heads")?);
    let (n_rows, dim) = (fields.count("linear_key_head_dim")?, fields.count("linear_value_head_dim")?);
    if n_rows != dim {
        return Err(fields.error("linear_value_head_dim", format!("{dim}, expected linear_key_head_dim {n_rows}")));
    }
    let n_taps = fields.count_or("linear_conv_kernel_dim")?.unwrap_or(4);
    config.state = StateShape { n_taps, n_channels: 0, n_heads, dim, n_groups, n_rows };
    config.check_state()?;
    config.state.n_channels = n_heads * dim + 2 * n_groups * n_rows;
    config.lists_layers = false;
    let period = qwen_period(config)?;
    if config.fields.value("layer_types").is_some() {
        let kinds = [("linear_attention", Mixer::Recurrent), ("full_attention", Mixer::Attention)];
        config.mixers("layer_types", &kinds)?;
    } else {
        for (i, layer) in config.layers.iter_mut().enumerate() {
            layer.mixer = if (i + 1).is_multiple_of(period) { Mixer::Attention } else { Mixer::Recurrent };
        }
    }
    let is_periodic =
        |(i, layer): (usize, &super::Layer)| (i + 1).is_multiple_of(period) == (layer.mixer == Mixer::Attention);
    if !config.layers.iter().enumerate().all(is_periodic) {
        let what = format!("expected full_attention for every {period}th layer and else linear_attention");
        return Err(config.fields.error("layer_types", what));
    }
    if config.experts.is_some() {
        experts::qwen_shared(config)?;
    }
    Ok(())
}

/// Returns the period of layers that attend: as stated, or that of the first one.
fn qwen_period(config: &Config) -> Result<usize, Error> {
    let listed = config.fields.texts("layer_types")?.iter().position(|&kind| kind == "full_attention");
    let stated = config.fields.count_or("full_attention_interval")?;
    Ok(stated.or(listed.map(|at| at + 1)).unwrap_or(QWEN_PERIOD))
}

pub(in crate::hf) fn qwen_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    config.state_keys(metadata);
    experts::shared_key(config, metadata);
    metadata.set(config.key("full_attention_interval"), Value::U32(qwen_period(config)? as u32));
    let fields = &config.fields;
    let section = fields.object("rope_parameters")?.or(fields.object("rope_scaling")?);
    if let Some(sections) = section.as_ref().and_then(|s| s.value("mrope_section")).and_then(|v| v.as_array()) {
        let mut counts: Vec<i32> = sections.iter().filter_map(|n| i32::try_from(n.as_u64()?).ok()).collect();
        counts.resize(4, 0);
        metadata.set(config.key("rope.dimension_sections"), Value::Array(Array::I32(counts)));
    }
    Ok(())
}

/// Reads the short convolutions of LFM2.
pub(in crate::hf) fn lfm2_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    fields.only("conv_bias", &[json!(false)])?;
    let n_taps = fields.count_or("conv_L_cache")?.unwrap_or(3);
    config.state = StateShape { n_taps, n_channels: config.width, ..StateShape::default() };
    if config.experts.is_none() && fields.flag("block_auto_adjust_ff_dim")?.unwrap_or(true) {
        let of_two_thirds = 2 * config.feed_forward / 3;
        let factor = fields.positive("block_ffn_dim_multiplier")?.unwrap_or(1.0);
        let multiple = fields.count_or("block_multiple_of")?.unwrap_or(256);
        let widened = (of_two_thirds as f64 * factor) as usize;
        config.feed_forward = widened.div_ceil(multiple).saturating_mul(multiple);
    }
    if config.fields.value("layer_types").is_some() {
        return config.mixers("layer_types", &[("conv", Mixer::Recurrent), ("full_attention", Mixer::Attention)]);
    }
    let attending = config.fields.ids("full_attn_idxs")?;
    if attending.is_empty() {
        return Err(config.fields.error("layer_types", "missing"));
    }
    for (i, layer) in config.layers.iter_mut().enumerate() {
        layer.mixer = if attending.contains(&(i as i64)) { Mixer::Attention } else { Mixer::Recurrent };
    }
    Ok(())
}

pub(in crate::hf) fn lfm2_keys(config: &Config, metadata: &mut Metadata) {
    metadata.set(config.key("shortconv.l_cache"), Value::U32(config.state.n_taps as u32));
}

/// Reads the Mamba-2 layers of Granite 4.
pub(in crate::hf) fn granite_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    fields.only("mamba_proj_bias", &[json!(false)])?;
    fields.only("mamba_conv_bias", &[json!(true)])?;
    time_steps(config)?;
    let n_heads = fields.count_or("mamba_n_heads")?.unwrap_or(128);
    let expand = fields.count_or("mamba_expand")?.unwrap_or(2);
    let Some(inner) = config.width.checked_mul(expand).filter(|inner| inner.is_multiple_of(n_heads)) else {
        return Err(fields.error("mamba_n_heads", format!("{n_heads} do not divide {expand} times the width")));
    };
    mamba(config, n_heads, inner / n_heads, ["mamba_n_groups", "mamba_d_state", "mamba_d_conv"], [1, 256, 4])?;
    let kinds = [
        ("mamba", Mixer::Recurrent),
        ("linear_attention", Mixer::Recurrent),
        ("attention", Mixer::Attention),
        ("full_attention", Mixer::Attention),
    ];
    config.mixers("layer_types", &kinds)?;
    let shared = config.fields.count("shared_intermediate_size")?;
    if config.experts.is_some() {
        config.shared_expert = shared;
    } else {
        // What experts have beside them is all there is.
        config.feed_forward = shared;
    }
    Ok(())
}

/// Refuses limits of time steps, which readers do not know.
fn time_steps(config: &Config) -> Result<(), Error> {
    let limit = config.fields.value("time_step_limit").and_then(|v| v.as_array());
    match limit.map(Vec::as_slice) {
        None => Ok(()),
        Some([least, most]) if least.as_f64() == Some(0.0) && most.as_f64().is_none_or(|x| x > 1e30) => Ok(()),
        Some(_) => Err(config.fields.error("time_step_limit", "expected from 0 without an end")),
    }
}

fn mamba(config: &mut Config, n_heads: usize, dim: usize, keys: [&str; 3], defaults: [usize; 3]) -> Result<(), Error> {
    let mut sizes = defaults;
    for (key, size) in keys.into_iter().zip(&mut sizes) {
        *size = config.fields.count_or(key)?.unwrap_or(*size);
    }
    let [n_groups, n_rows, n_taps] = sizes;
    config.state = StateShape { n_taps, n_channels: 0, n_heads, dim, n_groups, n_rows };
    config.check_state()?;
    config.state.n_channels = n_heads * dim + 2 * n_groups * n_rows;
    Ok(())
}

pub(in crate::hf) fn granite_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    config.state_keys(metadata);
    experts::shared_key(config, metadata);
    let has_rope = match config.fields.text("position_embedding_type")? {
        Some("rope") => true,
        None | Some("nope") => false,
        Some(other) => {
            return Err(config.fields.error("position_embedding_type", format!("{other:?}, expected rope or nope")));
        }
    };
    metadata.set(config.key("rope.scaling.finetuned"), Value::Bool(has_rope));
    Ok(())
}

pub(in crate::hf) fn mamba2_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    fields.only("use_bias", &[json!(false)])?;
    fields.only("use_conv_bias", &[json!(true)])?;
    time_steps(config)?;
    let (n_heads, dim) = (fields.count("num_heads")?, fields.count("head_dim")?);
    mamba(config, n_heads, dim, ["n_groups", "state_size", "conv_kernel"], [8, 128, 4])?;
    for layer in &mut config.layers {
        *layer = super::Layer::new(Mixer::Recurrent, Network::None);
    }
    Ok(())
}

/// Sets the keys of layers with a state.
pub(in crate::hf) fn state_keys(config: &Config, metadata: &mut Metadata) {
    config.state_keys(metadata);
}

/// Reads Nemotron-H: layers of one block each, by a list or by a pattern of letters.
pub(in crate::hf) fn nemotron_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    for key in ["use_bias", "mlp_bias", "mamba_proj_bias"] {
        fields.only(key, &[json!(false)])?;
    }
    fields.only("use_conv_bias", &[json!(true)])?;
    time_steps(config)?;
    let kinds: Vec<String> = match fields.text("hybrid_override_pattern")? {
        Some(pattern) => pattern.chars().map(String::from).collect(),
        None => fields.texts("layers_block_type")?.into_iter().map(str::to_owned).collect(),
    };
    if kinds.len() != config.n_layers {
        let what = format!("{} layers, expected {}", kinds.len(), config.n_layers);
        return Err(fields.error("layers_block_type", what));
    }
    for (layer, kind) in config.layers.iter_mut().zip(&kinds) {
        (layer.mixer, layer.network) = match kind.as_str() {
            "M" | "mamba" | "linear_attention" => (Mixer::Recurrent, Network::None),
            "*" | "attention" | "full_attention" => (Mixer::Attention, Network::None),
            "-" | "mlp" => (Mixer::None, Network::Dense),
            "E" | "moe" => (Mixer::None, Network::Experts),
            other => {
                let what = format!("{other:?}, expected mamba, attention, mlp or moe");
                return Err(config.fields.error("layers_block_type", what));
            }
        };
    }
    let (n_heads, dim) = (config.fields.count("mamba_num_heads")?, config.fields.count("mamba_head_dim")?);
    mamba(config, n_heads, dim, ["n_groups", "ssm_state_size", "conv_kernel"], [8, 128, 4])?;
    let has_experts = config.layers.iter().any(|layer| layer.network == Network::Experts);
    if has_experts != (config.family.architecture == "nemotron_h_moe") {
        return Err(config.fields.error("layers_block_type", "layers of moe, expected n_routed_experts"));
    }
    if has_experts { experts::nemotron_sizes(config) } else { Ok(()) }
}

pub(in crate::hf) fn nemotron_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    config.state_keys(metadata);
    let epsilon = metadata.f32(&config.key("attention.layer_norm_rms_epsilon")).ok().flatten().unwrap_or(1e-5);
    metadata.set(config.key("attention.layer_norm_epsilon"), Value::F32(epsilon));
    if config.experts.is_some() { experts::nemotron_keys(config, metadata) } else { Ok(()) }
}
