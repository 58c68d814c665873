//! Settings of the rotary embedding → GGUF's keys and factor tensors.
//!
//! Source: transformers' `modeling_rope_utils.py`; the keys as llama.cpp's `convert_hf_to_gguf.py` writes them.

use gguf::Value;
use serde_json::json;

use super::{config::Config, fields::Fields};
use crate::Error;

/// A tensor of one factor per rotated pair, which divides that pair's frequency.
pub(super) struct Factors {
    pub(super) name: &'static str,
    pub(super) values: Vec<f32>,
}

type Keys = Vec<(&'static str, Value)>;

/// Keys (without the architecture) and tensors of the model's rotary embedding.
pub(super) fn read(config: &Config) -> Result<(Keys, Vec<Factors>), Error> {
    let fields = &config.fields;
    let sections = Sections::read(fields)?;
    let partial = fields.positive("partial_rotary_factor")?;
    let section_partial = sections.global.as_ref().map(|s| s.positive("partial_rotary_factor")).transpose()?.flatten();
    let share = partial.or(section_partial).unwrap_or(1.0);
    if share > 1.0 || (share < 1.0 && config.family.architecture != "phi3") {
        return Err(fields.error("partial_rotary_factor", format!("{share}, expected 1")));
    }
    let n_dims = (config.head_dim as f64 * share) as usize;
    if n_dims == 0 || !n_dims.is_multiple_of(2) {
        return Err(fields.error("partial_rotary_factor", format!("{share} rotates {n_dims} of {}", config.head_dim)));
    }
    let is_gemma3 = config.family.architecture == "gemma3";
    let global_base = base(fields, "rope_theta", sections.global.as_ref())?.unwrap_or(config.family.rope_base);
    let mut keys: Keys =
        vec![("rope.dimension_count", Value::U32(n_dims as u32)), ("rope.freq_base", Value::F32(global_base as f32))];
    if is_gemma3 {
        let local = base(fields, "rope_local_base_freq", sections.local.as_ref())?.unwrap_or(10_000.0);
        keys.push(("rope.freq_base_swa", Value::F32(local as f32)));
        if let Some(local) = &sections.local {
            local.only("rope_type", &[json!("default")])?;
        }
    }
    let factors = match &sections.global {
        Some(section) => scaling(config, section, n_dims, global_base, &mut keys)?,
        None => Vec::new(),
    };
    Ok((keys, factors))
}

/// `rope_scaling`, or `rope_parameters` of newer files: one for all layers or one for each kind.
struct Sections {
    global: Option<Fields>,
    local: Option<Fields>,
}

impl Sections {
    fn read(fields: &Fields) -> Result<Self, Error> {
        let Some(parameters) = fields.object("rope_parameters")? else {
            return Ok(Self { global: fields.object("rope_scaling")?, local: None });
        };
        let (global, local) = (parameters.object("full_attention")?, parameters.object("sliding_attention")?);
        Ok(if global.is_some() || local.is_some() {
            Self { global, local }
        } else {
            Self { global: Some(parameters), local: None }
        })
    }
}

/// The base, from the section or from beside it.
fn base(fields: &Fields, key: &str, section: Option<&Fields>) -> Result<Option<f64>, Error> {
    match section.map(|s| s.positive("rope_theta")).transpose()?.flatten() {
        Some(base) => Ok(Some(base)),
        None => fields.positive(key),
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
        Some("linear") => {
            keys.extend([text("linear"), ("rope.scaling.factor", Value::F32(factor()? as f32))]);
            Ok(Vec::new())
        }
        Some("llama3") => Ok(vec![Factors { name: "rope_freqs.weight", values: llama3(section, n_dims, base)? }]),
        Some("longrope" | "su" | "yarn") if config.family.architecture == "phi3" => {
            longrope(config, section, n_dims, keys)
        }
        Some("yarn") => {
            for (key, neutral) in
                [("attention_factor", &[][..]), ("mscale", &[]), ("mscale_all_dim", &[]), ("truncate", &[json!(true)])]
            {
                section.only(key, neutral)?;
            }
            let original = section.count_or("original_max_position_embeddings")?.unwrap_or(config.context_len);
            keys.extend([
                text("yarn"),
                ("rope.scaling.factor", Value::F32(factor()? as f32)),
                ("rope.scaling.original_context_length", Value::U32(original as u32)),
            ]);
            for (key, name) in
                [("beta_fast", "rope.scaling.yarn_beta_fast"), ("beta_slow", "rope.scaling.yarn_beta_slow")]
            {
                keys.extend(section.positive(key)?.map(|beta| (name, Value::F32(beta as f32))));
            }
            Ok(Vec::new())
        }
        Some(other) => {
            Err(section.error(key, format!("{other:?}, expected default, linear, llama3, yarn or (Phi 3) longrope")))
        }
    }
}

/// Llama 3's factors: 1 for short wavelengths, `factor` for long ones, smooth between.
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

/// Phi 3's two sets of factors, one for contexts up to the original length, one for longer ones.
fn longrope(config: &Config, section: &Fields, n_dims: usize, keys: &mut Keys) -> Result<Vec<Factors>, Error> {
    let beside = config.fields.count_or("original_max_position_embeddings")?;
    let Some(original) = beside.or(section.count_or("original_max_position_embeddings")?) else {
        return Err(config.fields.error("original_max_position_embeddings", "missing"));
    };
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
