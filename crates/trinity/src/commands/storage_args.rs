//! In which types keys, values and some weights are held: options that exist to be measured (`trinity eval
//! ternary-options`).

use std::fmt;

use clap::{Args, ValueEnum, builder::PossibleValue};
use model::{ActivationRule, EmbeddingType, KvType, KvTypes, LoadOptions, NormType};
use quant::ternarise::Mode;

use crate::cli::group;

/// How a model is held in memory, beside the type of its KV cache.
#[derive(Args, Clone, Default, Debug)]
#[command(next_help_heading = group::RESEARCH)]
pub(crate) struct StorageArgs {
    /// Type of cached keys, where it differs from --kv-type
    #[arg(long, value_enum, value_name = "TYPE")]
    pub(crate) k_type: Option<KvTypeName>,
    /// Type of cached values, where it differs from --kv-type
    #[arg(long, value_enum, value_name = "TYPE")]
    pub(crate) v_type: Option<KvTypeName>,
    /// Rotate heads by a Walsh-Hadamard transform before they are cached, which evens out large elements
    #[arg(long)]
    pub(crate) kv_rotate: bool,
    /// Type of the embedding table, and of the head where it is the same matrix [default: as in the file]
    #[arg(long, value_enum, value_name = "TYPE")]
    pub(crate) embedding_type: Option<EmbeddingTypeName>,
    /// Type of the weights of norms
    #[arg(long, value_enum, value_name = "TYPE", default_value = "f32")]
    pub(crate) norm_type: NormTypeName,
    /// How activations are quantised to int8 for ternary matrices
    #[arg(long, value_enum, value_name = "RULE", default_value = "per-group")]
    pub(crate) activations: ActivationRuleName,
}

impl StorageArgs {
    /// What loading does with these and with `kv_type`.
    pub(crate) fn apply(&self, kv_type: KvTypeName, options: &mut LoadOptions) {
        options.kv_types = KvTypes {
            keys: self.k_type.unwrap_or(kv_type).0,
            values: self.v_type.unwrap_or(kv_type).0,
            is_rotated: self.kv_rotate,
        };
        options.embedding_type = self.embedding_type.map(|name| name.0.into());
        options.norm_type = self.norm_type.into();
        options.activations = self.activations.into();
    }
}

/// A `KvType` on the command line, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KvTypeName(KvType);

/// An `EmbeddingType` on the command line, by its name: every type but f32, which gains nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct EmbeddingTypeName(EmbeddingType);

impl ValueEnum for KvTypeName {
    fn value_variants<'a>() -> &'a [Self] {
        const NAMES: [KvTypeName; KvType::ALL.len()] = {
            let mut names = [KvTypeName(KvType::F32); KvType::ALL.len()];
            let mut i = 0;
            while i < names.len() {
                names[i].0 = KvType::ALL[i];
                i += 1;
            }
            names
        };
        &NAMES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(spelled(self.0, "element", "head", "mean magnitude"))
    }
}

impl ValueEnum for EmbeddingTypeName {
    fn value_variants<'a>() -> &'a [Self] {
        const NAMES: [EmbeddingTypeName; EmbeddingType::ALL.len() - 1] = {
            let [EmbeddingType::F32, others @ ..] = EmbeddingType::ALL else { panic!("f32 is the first type") };
            let mut names = [EmbeddingTypeName(EmbeddingType::F16); EmbeddingType::ALL.len() - 1];
            let mut i = 0;
            while i < names.len() {
                names[i].0 = others[i];
                i += 1;
            }
            names
        };
        &NAMES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(spelled(self.0, "weight", "64", "mean magnitude, as `BitNet` is trained"))
    }
}

/// The name of a type and what it is: `element` is one number, of which `span` share a scale where they are ternary.
fn spelled(held_as: KvType, element: &str, span: &str, mean: &str) -> PossibleValue {
    let article = if element == "element" { "an" } else { "a" };
    let help = match held_as {
        KvType::F32 => format!("4 bytes {article} {element}"),
        KvType::F16 => format!("2 bytes {article} {element}"),
        KvType::Q8_0 => format!("8.5 bits {article} {element}"),
        KvType::Q4_0 => format!("4.5 bits {article} {element}"),
        KvType::T2(Mode::LeastSquares) => format!(
            "Ternary, 2 bits {article} {element} and a scale for each {span}: threshold and scale of the least squared error"
        ),
        KvType::T2(Mode::Rms) => "The same, kept above half the root mean square".to_owned(),
        KvType::T2(Mode::Max) => format!("The same, scaled by the largest {element}"),
        KvType::T2(Mode::AbsMean) => format!("The same, scaled by the {mean}"),
    };
    let value = PossibleValue::new(held_as.name()).help(help);
    if held_as == KvType::T2(Mode::LeastSquares) { value.alias("t2") } else { value }
}

// As the types themselves: the settings of an engine are told apart by this.
impl fmt::Debug for KvTypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EmbeddingTypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Spelling of `NormType` on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub(crate) enum NormTypeName {
    /// As in the file
    #[default]
    F32,
    /// −1, 0, 1 under one scale for each vector
    Ternary,
}

impl From<NormTypeName> for NormType {
    fn from(name: NormTypeName) -> Self {
        match name {
            NormTypeName::F32 => Self::F32,
            NormTypeName::Ternary => Self::Ternary,
        }
    }
}

/// Spelling of `ActivationRule` on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub(crate) enum ActivationRuleName {
    /// One scale a token, halved up to seven times for each 256 columns whose elements are all small
    #[default]
    PerGroup,
    /// One scale a token, as `BitNet` models are trained
    PerToken,
}

impl From<ActivationRuleName> for ActivationRule {
    fn from(name: ActivationRuleName) -> Self {
        match name {
            ActivationRuleName::PerGroup => Self::PerGroup,
            ActivationRuleName::PerToken => Self::PerToken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_name() {
        for &kv_type in &KvType::ALL {
            assert_eq!(KvTypeName::from_str(kv_type.name(), false), Ok(KvTypeName(kv_type)));
            let expected = (kv_type != KvType::F32).then_some(EmbeddingTypeName(kv_type));
            assert_eq!(EmbeddingTypeName::from_str(kv_type.name(), false).ok(), expected);
        }
        assert_eq!(KvTypeName::from_str("t2", false), Ok(KvTypeName(KvType::T2(Mode::LeastSquares))));
    }
}
