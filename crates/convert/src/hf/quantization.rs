//! `quantization_config`: how the linear layers of a BitNet checkpoint are kept; `quantization`: how MLX keeps all
//! matrices.
//!
//! Sources: transformers' `integrations/bitnet.py` and `BitNetQuantConfig`; `mlx.core.quantize` and mlx-lm's
//! `save_config`.

use serde_json::json;

use super::fields::Fields;
use crate::Error;

/// Name of the module of the output matrix.
pub(super) const HEAD: &str = "lm_head";

/// Use of a packed matrix's `weight_scale`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScaleUse {
    /// The scale is `1 / mean|w|` and divides the codes (`BitLinear`).
    Divides,
    /// The scale is `mean|w|` and multiplies the codes (`AutoBitLinear`).
    Multiplies,
}

/// The configuration's statements about how weights are kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Quantization {
    /// Whether there is a `quantization_config` of BitNet.
    pub(super) is_declared: bool,
    /// Whether weights are masters that are made ternary at every use.
    pub(super) is_online: bool,
    pub(super) scale_use: ScaleUse,
    /// Names of modules that stay as they are.
    kept: Vec<String>,
    /// Epsilon of the norm that each ternary matrix has on its input, if they have one.
    pub(super) input_norm_epsilon: Option<f64>,
    /// Number of weights under one scale in MLX's 2-bit matrices.
    pub(super) mlx_span: Option<usize>,
    /// Rows and columns of the blocks of a matrix in FP8 that have a scale.
    pub(super) fp8_block: Option<(usize, usize)>,
}

impl Quantization {
    /// Reads the section; methods other than BitNet's are refused.
    pub(super) fn read(config: &Fields) -> Result<Self, Error> {
        config.only("weight_bits", &[json!(1)])?;
        config.only("input_bits", &[json!(8)])?;
        let mut plain = Self {
            is_declared: false,
            is_online: false,
            scale_use: ScaleUse::Divides,
            kept: vec![HEAD.to_owned()],
            input_norm_epsilon: None,
            mlx_span: None,
            fp8_block: None,
        };
        if let Some(mlx) = config.object("quantization")? {
            plain.mlx_span = Some(mlx_span(&mlx)?);
            // mlx-lm writes its section under both names.
            if config.value("quantization_config").is_none_or(|v| Some(v) == config.value("quantization")) {
                return Ok(plain);
            }
        }
        let Some(fields) = config.object("quantization_config")? else { return Ok(plain) };
        match fields.text("quant_method")? {
            Some("bitnet") => {}
            // The tensors say what they are.
            Some("mxfp4") => return Ok(plain),
            Some("fp8") => {
                plain.fp8_block = fp8_block(&fields)?;
                return Ok(plain);
            }
            Some(other) => {
                let what = format!(
                    "{other:?}: {} are not read, expected \"bitnet\", or weights in BF16, F16 or F32",
                    method(other)
                );
                return Err(fields.error("quant_method", what));
            }
            None => return Err(fields.error("quant_method", "missing")),
        }
        let input_norm_epsilon = match fields.flag("use_rms_norm")? {
            Some(true) => Some(fields.positive("rms_norm_eps")?.unwrap_or(1e-6)),
            _ => None,
        };
        let is_online = match fields.text("quantization_mode")? {
            None | Some("offline") => false,
            Some("online") => true,
            Some(other) => {
                return Err(fields.error("quantization_mode", format!("{other:?}, expected online or offline")));
            }
        };
        let scale_use = match fields.text("linear_class")? {
            None | Some("bitlinear") if is_online => {
                let what = "bitlinear with quantization_mode online, expected autobitlinear";
                return Err(fields.error("linear_class", what));
            }
            None | Some("bitlinear") => ScaleUse::Divides,
            Some("autobitlinear") => ScaleUse::Multiplies,
            Some(other) => {
                return Err(fields.error("linear_class", format!("{other:?}, expected bitlinear or autobitlinear")));
            }
        };
        // A list stands in place of what is kept where there is none, which is the head.
        let kept = match fields.value("modules_to_not_convert") {
            Some(_) => fields.texts("modules_to_not_convert")?,
            None => vec![HEAD],
        };
        if let Some(pattern) = kept.iter().find(|k| k.contains(|c: char| "*+?^$()[]{}|\\".contains(c))) {
            let what = format!("{pattern:?}, expected names of modules, not expressions");
            return Err(fields.error("modules_to_not_convert", what));
        }
        let kept = kept.into_iter().map(str::to_owned).collect();
        Ok(Self { is_declared: true, is_online, scale_use, kept, input_norm_epsilon, ..plain })
    }

    /// Whether the configuration leaves `module` (a full name, without `.weight`) alone. As in transformers'
    /// `should_convert_module`, a name in the list is the beginning of the module's, up to a dot, or its end.
    pub(super) fn keeps(&self, module: &str) -> bool {
        self.kept.iter().any(|kept| {
            let rest = module.strip_prefix(kept.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) || module.ends_with(kept.as_str())
        })
    }
}

/// Returns the name of weights kept by one of transformers' other methods.
fn method(name: &str) -> &'static str {
    match name {
        "fbgemm_fp8" | "finegrained_fp8" => "weights in FP8 of this kind",
        "bitsandbytes" | "bitsandbytes_4bit" | "bitsandbytes_8bit" => "weights packed by bitsandbytes",
        "gptq" | "awq" | "auto-round" | "autoround" => "weights packed by GPTQ, AWQ or AutoRound",
        "compressed-tensors" => "compressed tensors",
        _ => "weights quantised by this method",
    }
}

/// Reads the size of FP8's blocks; matrices without have one scale.
fn fp8_block(fields: &Fields) -> Result<Option<(usize, usize)>, Error> {
    fields.only("fmt", &[json!("e4m3")])?;
    let key = "weight_block_size";
    if fields.value(key).is_none() {
        return Ok(None);
    }
    match fields.ids(key)?.as_slice() {
        &[rows @ 1..=65536, cols @ 1..=65536] => Ok(Some((rows as usize, cols as usize))),
        other => Err(fields.error(key, format!("{other:?}, expected two numbers from 1 to 65536"))),
    }
}

/// Reads the group size of MLX's section, which must say two bits for all matrices alike.
fn mlx_span(fields: &Fields) -> Result<usize, Error> {
    fields.only("bits", &[json!(2)])?;
    fields.only("mode", &[json!("affine")])?;
    if let Some(module) = fields.keys().find(|key| !matches!(*key, "group_size" | "bits" | "mode")) {
        return Err(fields.error(module, "expected group_size, bits and mode alone"));
    }
    fields.count("bits")?;
    fields.count("group_size")
}
