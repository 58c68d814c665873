//! Settings of the rotary embedding → GGUF's keys and factor tensors.
//!
//! Source: transformers' `modeling_rope_utils.py`; the keys as llama.cpp's `convert_hf_to_gguf.py` writes them.

use gguf::Value;
use serde_json::json;

use super::{
    config::Config,
    family::{Rotary, Window},
    fields::Fields,
};
use crate::Error;

/// A tensor of one factor per rotated pair, which divides that pair's frequency.
pub(super) struct Factors {
    pub(super) name: &'static str,
    pub(super) values: Vec<f32>,
}

/// Value of Phi 3's `original_max_position_embeddings` where the file does not say.
const PHI3_ORIGINAL_CONTEXT: usize = 4096;

type Keys = Vec<(&'static str, Value)>;

/// Reads keys (without the architecture) and tensors of the model's rotary embedding.
pub(super) fn read(config: &Config) -> Result<(Keys, Vec<Factors>), Error> {
    let fields = &config.fields;
    let sections = Sections::read(fields)?;
    let partial = fields.positive("partial_rotary_factor")?;
    let section_partial = sections.global.as_ref().map(|s| s.positive("partial_rotary_factor")).transpose()?.flatten();
    let default = if let Rotary::Share(share) = config.family.rotary { share } else { 1.0 };
    let share = partial.or(section_partial).unwrap_or(default);
    if share > 1.0 || (share < 1.0 && config.family.rotary == Rotary::Whole) {
        return Err(fields.error("partial_rotary_factor", format!("{share}, expected 1")));
    }
    let is_proportional = config.family.rotary == Rotary::Proportional;
    let n_dims = if is_proportional { config.head_dim } else { (config.head_dim as f64 * share) as usize };
    if n_dims == 0 || !n_dims.is_multiple_of(2) {
        return Err(fields.error("partial_rotary_factor", format!("{share} rotates {n_dims} of {}", config.head_dim)));
    }
    let mut global_base = base(fields, "rope_theta", sections.global.as_ref())?.unwrap_or(config.family.rope_base);
    if let Some(alpha) = alpha(config, sections.global.as_ref())? {
        let stretched = global_base * alpha.powf(n_dims as f64 / (n_dims as f64 - 2.0));
        if !(stretched as f32).is_normal() {
            let what = format!("{alpha} makes {stretched} of a base of {global_base} for {n_dims} dimensions");
            return Err(fields.error("rope_scaling.alpha", what));
        }
        global_base = stretched;
    }
    let mut keys: Keys =
        vec![("rope.dimension_count", Value::U32(n_dims as u32)), ("rope.freq_base", Value::F32(global_base as f32))];
    if let Some(default) = config.family.local_base {
        let local = base(fields, "rope_local_base_freq", sections.local.as_ref())?.unwrap_or(default);
        keys.push(("rope.freq_base_swa", Value::F32(local as f32)));
    }
    // As readers have it, local layers have the plain embedding; in OLMo 3 of the same base.
    let has_local = config.family.local_base.is_some() || matches!(config.family.window, Window::Mixed { .. });
    if let Some(local) = sections.local.as_ref().filter(|_| has_local) {
        local.only("rope_type", &[json!("default")])?;
        local.only("partial_rotary_factor", &[json!(1)])?;
        if config.family.local_base.is_none() {
            local.only("rope_theta", &[json!(global_base)])?;
        }
    }
    let factors = match &sections.global {
        Some(section) if sections.are_of_kinds && is_proportional => vec![proportional(section, share, n_dims)?],
        _ if is_proportional => return Err(fields.error("rope_parameters.full_attention", "missing")),
        Some(section) => scaling(config, section, n_dims, global_base, &mut keys)?,
        None => Vec::new(),
    };
    Ok((keys, factors))
}

/// The section `rope_scaling`, or `rope_parameters` of newer files: one for all layers or one for each kind.
struct Sections {
    global: Option<Fields>,
    local: Option<Fields>,
    /// Whether they are one for each kind of layer.
    are_of_kinds: bool,
}

impl Sections {
    fn read(fields: &Fields) -> Result<Self, Error> {
        let Some(parameters) = fields.object("rope_parameters")? else {
            return Ok(Self { global: fields.object("rope_scaling")?, local: None, are_of_kinds: false });
        };
        let (global, local) = (parameters.object("full_attention")?, parameters.object("sliding_attention")?);
        Ok(if global.is_some() || local.is_some() {
            Self { global, local, are_of_kinds: true }
        } else {
            Self { global: Some(parameters), local: None, are_of_kinds: false }
        })
    }
}

/// Reads the base, from the section or from beside it.
fn base(fields: &Fields, key: &str, section: Option<&Fields>) -> Result<Option<f64>, Error> {
    match section.map(|s| s.positive("rope_theta")).transpose()?.flatten() {
        Some(base) => Ok(Some(base)),
        None => fields.positive(key),
    }
}

/// Reads the factor by which Hunyuan stretches its base, which its files call dynamic.
fn alpha(config: &Config, section: Option<&Fields>) -> Result<Option<f64>, Error> {
    match section {
        Some(section) if config.family.architecture == "hunyuan-dense" => section.positive("alpha"),
        _ => Ok(None),
    }
}

fn scaling(
    config: &Config,
    section: &Fields,
    n_dims: usize,
    base: f64,
    keys: &mut Keys,
) -> Result<Vec<Factors>, Error> {
    let key = if section.value("rope_type").is_some() { "rope_type" } else { "type" };
    let factor = || section.positive("factor")?.ok_or_else(|| section.error("factor", "missing"));
    let text = |kind: &str| ("rope.scaling.type", Value::String(kind.to_owned()));
    match section.text(key)? {
        None | Some("default") => Ok(Vec::new()),
        Some("dynamic") if alpha(config, Some(section))?.is_some() => Ok(Vec::new()),
        Some("linear") => {
            keys.extend([text("linear"), ("rope.scaling.factor", Value::F32(factor()? as f32))]);
            Ok(Vec::new())
        }
        Some("llama3") => Ok(vec![Factors { name: "rope_freqs.weight", values: llama3(section, n_dims, base)? }]),
        Some("longrope" | "su" | "yarn") if config.family.architecture == "phi3" => {
            longrope(config, section, n_dims, keys)
        }
        Some("yarn") => {
            keys.push(text("yarn"));
            yarn(config, section, keys)?;
            Ok(Vec::new())
        }
        Some(other) => {
            Err(section.error(key, format!("{other:?}, expected default, linear, llama3, yarn or (Phi 3) longrope")))
        }
    }
}

/// Sets YaRN's keys, and the factor on sine and cosine where it is not the one that follows from the stretch.
fn yarn(config: &Config, section: &Fields, keys: &mut Keys) -> Result<(), Error> {
    let original = section.count_or("original_max_position_embeddings")?.unwrap_or(config.context_len);
    let stretch = section.positive("factor")?.unwrap_or(config.context_len as f64 / original as f64);
    keys.extend([
        ("rope.scaling.factor", Value::F32(stretch as f32)),
        ("rope.scaling.original_context_length", Value::U32(original as u32)),
    ]);
    for (key, name) in [("beta_fast", "rope.scaling.yarn_beta_fast"), ("beta_slow", "rope.scaling.yarn_beta_slow")] {
        keys.extend(section.positive(key)?.map(|beta| (name, Value::F32(beta as f32))));
    }
    if section.flag("truncate")? == Some(false) {
        keys.push(("rope.scaling.yarn_truncate", Value::Bool(false)));
    }
    // What readers compute from the stretch, times the scale; GGUF's factor comes on top of it.
    let temperature = |scale: f64| 1.0 + 0.1 * scale * f64::from(stretch as f32).max(1.0).ln();
    let nonzero = |key: &str| Ok::<_, Error>(section.float(key)?.filter(|&scale| scale != 0.0));
    let magnitude = match (section.positive("attention_factor")?, nonzero("mscale")?, nonzero("mscale_all_dim")?) {
        (Some(stated), ..) => stated,
        (None, Some(scale), Some(scale_all)) => temperature(scale) / temperature(scale_all),
        _ => temperature(1.0),
    };
    if config.family.architecture == "deepseek2" {
        return latent_yarn(section, magnitude, keys);
    }
    // A part of it that GGUF has a key for in Ministral's files.
    let all = nonzero("mscale_all_dim")?.filter(|_| config.family.architecture == "mistral3");
    if let Some(all) = all {
        keys.push(("rope.scaling.yarn_log_multiplier", Value::F32(all as f32)));
    }
    let beside = magnitude * all.map_or(1.0, temperature) / temperature(1.0);
    if !(beside as f32).is_normal() || beside < 0.0 {
        return Err(section.error("mscale", format!("an attention factor of {magnitude}, expected more than 0")));
    }
    if beside as f32 != 1.0 {
        keys.push(("rope.scaling.attn_factor", Value::F32(beside as f32)));
    }
    Ok(())
}

/// Sets the key of what YaRN makes of the scores of latent attention, whose readers leave sine and cosine without the
/// factor `magnitude`.
fn latent_yarn(section: &Fields, magnitude: f64, keys: &mut Keys) -> Result<(), Error> {
    let Some(all) = section.float("mscale_all_dim")?.filter(|all| *all > 0.0) else {
        return Err(section.error("mscale_all_dim", "missing or 0, expected more than 0, as mscale"));
    };
    if magnitude as f32 != 1.0 {
        let what = format!("{all} makes a factor of {magnitude} on sine and cosine, expected as much as mscale");
        return Err(section.error("mscale_all_dim", what));
    }
    keys.push(("rope.scaling.yarn_log_multiplier", Value::F32((0.1 * all) as f32)));
    Ok(())
}

/// Computes the factors of Gemma 4: pairs behind the share that turns have one so large that they stand still.
fn proportional(section: &Fields, share: f64, n_dims: usize) -> Result<Factors, Error> {
    const STILL: f32 = 1e30;
    section.only("rope_type", &[json!("proportional"), json!("default")])?;
    if section.text("rope_type")? != Some("proportional") {
        section.only("partial_rotary_factor", &[json!(1)])?;
        section.only("factor", &[json!(1)])?;
    }
    let n_turned = (share * n_dims as f64 / 2.0) as usize;
    let factor = section.positive("factor")?.unwrap_or(1.0) as f32;
    let values = (0..n_dims / 2).map(|pair| if pair < n_turned { factor } else { STILL });
    Ok(Factors { name: "rope_freqs.weight", values: values.collect() })
}

/// Computes Llama 3's factors: 1 for short wavelengths, `factor` for long ones, smooth between.
fn llama3(section: &Fields, n_dims: usize, base: f64) -> Result<Vec<f32>, Error> {
    let number = |key: &str| section.positive(key)?.ok_or_else(|| section.error(key, "missing"));
    let (factor, low, high) = (number("factor")?, number("low_freq_factor")?, number("high_freq_factor")?);
    let original = number("original_max_position_embeddings")?;
    if high <= low {
        return Err(section.error("high_freq_factor", format!("{high}, expected more than low_freq_factor {low}")));
    }
    let of_pair = |pair: usize| {
        let wavelength = std::f64::consts::TAU * base.powf(2.0 * pair as f64 / n_dims as f64);
        if wavelength < original / high {
            1.0
        } else if wavelength > original / low {
            factor
        } else {
            let smooth = (original / wavelength - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    Ok((0..n_dims / 2).map(|pair| of_pair(pair) as f32).collect())
}

/// Reads Phi 3's two sets of factors, one for contexts up to the original length, one for longer ones.
fn longrope(config: &Config, section: &Fields, n_dims: usize, keys: &mut Keys) -> Result<Vec<Factors>, Error> {
    let beside = config.fields.count_or("original_max_position_embeddings")?;
    let inside = section.count_or("original_max_position_embeddings")?;
    let original = beside.or(inside).unwrap_or(PHI3_ORIGINAL_CONTEXT);
    let stretch = section.positive("factor")?.unwrap_or(config.context_len as f64 / original as f64);
    let magnitude = match section.positive("attention_factor")? {
        Some(stated) => stated,
        None if stretch > 1.0 => (1.0 + stretch.ln() / (original as f64).ln()).sqrt(),
        None => 1.0,
    };
    keys.extend([
        ("rope.scaling.original_context_length", Value::U32(original as u32)),
        ("rope.scaling.attn_factor", Value::F32(magnitude as f32)),
    ]);
    Ok(vec![
        Factors { name: "rope_factors_long.weight", values: section.factors("long_factor", n_dims / 2)? },
        Factors { name: "rope_factors_short.weight", values: section.factors("short_factor", n_dims / 2)? },
    ])
}
