//! `quantization_config`: how the linear layers of a BitNet checkpoint are kept.
//!
//! Source: transformers' `integrations/bitnet.py` and `BitNetQuantConfig`.

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
}

impl Quantization {
    /// Reads the section; other methods than BitNet's are refused.
    pub(super) fn read(config: &Fields) -> Result<Self, Error> {
        // MLX's own section, and the trainer's of the first BitNet models.
        config.only("quantization", &[])?;
        config.only("weight_bits", &[json!(1)])?;
        config.only("input_bits", &[json!(8)])?;
        let none = Self { is_declared: false, is_online: false, scale_use: ScaleUse::Divides, kept: Vec::new() };
        let Some(fields) = config.object("quantization_config")? else { return Ok(none) };
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
        let kept = fields.texts("modules_to_not_convert")?.into_iter().map(str::to_owned).collect();
        Ok(Self { is_declared: true, is_online, scale_use, kept })
    }

    /// Does the configuration leave `module` (a full name, without `.weight`) alone?
    pub(super) fn keeps(&self, module: &str) -> bool {
        self.kept.iter().any(|kept| {
            let (after, before) = (module.strip_prefix(kept.as_str()), module.strip_suffix(kept.as_str()));
            after.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                || before.is_some_and(|b| b.ends_with('.'))
        })
    }
}
