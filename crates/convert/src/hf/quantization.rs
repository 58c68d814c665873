//! `quantization_config`: how the linear layers of a BitNet checkpoint are kept; `quantization`: how MLX keeps all matrices.
//!
//! Sources: transformers' `integrations/bitnet.py` and `BitNetQuantConfig`; `mlx.core.quantize` and mlx-lm's `save_config`.

use serde_json::json;

use super::fields::Fields;
use crate::Error;

/// What `weight_scale` does to the codes of a packed matrix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScaleUse {
    /// `BitLinear`: it holds `1 / mean|w|` and divides.
    Divides,
    /// `AutoBitLinear`: it holds `mean|w|` and multiplies.
    Multiplies,
}

/// What the configuration says of weights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Quantization {
    /// Is there a `quantization_config` of BitNet?
    pub(super) is_declared: bool,
    /// Masters, ternarised at every use.
    pub(super) is_online: bool,
    pub(super) scale_use: ScaleUse,
    /// Modules that stay as they are, besides `lm_head`.
    pub(super) kept: Vec<String>,
    /// Weights under one scale in MLX's 2-bit matrices.
    pub(super) mlx_span: Option<usize>,
}

impl Quantization {
    /// Reads the section; other methods than BitNet's are refused.
    pub(super) fn read(config: &Fields) -> Result<Self, Error> {
        config.only("weight_bits", &[json!(1)])?;
        config.only("input_bits", &[json!(8)])?;
        let mut plain = Self {
            is_declared: false,
            is_online: false,
            scale_use: ScaleUse::Divides,
            kept: Vec::new(),
            mlx_span: None,
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
            other => return Err(fields.error("quant_method", format!("{other:?}, expected \"bitnet\""))),
        }
        fields.only("use_rms_norm", &[json!(false)])?;
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
        let kept = fields.texts("modules_to_not_convert")?;
        if let Some(pattern) = kept.iter().find(|k| k.contains(|c: char| "*+?^$()[]{}|\\".contains(c))) {
            let what = format!("{pattern:?}, expected names of modules, not expressions");
            return Err(fields.error("modules_to_not_convert", what));
        }
        let kept = kept.into_iter().map(str::to_owned).collect();
        Ok(Self { is_declared: true, is_online, scale_use, kept, ..plain })
    }

    /// Does the configuration leave `module` (a full name, without `.weight`) alone? As transformers' `should_convert_module`
    /// has it: a name in the list is the beginning of the module's, up to a dot, or its end.
    pub(super) fn keeps(&self, module: &str) -> bool {
        self.kept.iter().any(|kept| {
            let rest = module.strip_prefix(kept.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) || module.ends_with(kept.as_str())
        })
    }
}

/// The group of MLX's section, which must say two bits for all matrices alike.
fn mlx_span(fields: &Fields) -> Result<usize, Error> {
    fields.only("bits", &[json!(2)])?;
    fields.only("mode", &[json!("affine")])?;
    if let Some(module) = fields.keys().find(|key| !matches!(*key, "group_size" | "bits" | "mode")) {
        return Err(fields.error(module, "expected group_size, bits and mode alone"));
    }
    fields.count("bits")?;
    fields.count("group_size")
}
