//! In which types keys, values and some weights are held: options that exist to be measured (`trinity eval ternary-options`).

use clap::{Args, ValueEnum};
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
            keys: self.k_type.unwrap_or(kv_type).into(),
            values: self.v_type.unwrap_or(kv_type).into(),
            is_rotated: self.kv_rotate,
        };
        options.embedding_type = self.embedding_type.map(EmbeddingType::from);
        options.norm_type = self.norm_type.into();
        options.activations = self.activations.into();
    }
}

/// Spelling of `KvType` on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum KvTypeName {
    /// 4 bytes an element
    F32,
    /// 2 bytes an element
    F16,
    /// 8.5 bits an element
    #[value(name = "q8_0")]
    Q8_0,
    /// 4.5 bits an element
    #[value(name = "q4_0")]
    Q4_0,
    /// Ternary, 2 bits an element and a scale for each head: threshold and scale of the least squared error
    #[value(name = "t2-lsq", alias = "t2")]
    T2Lsq,
    /// The same, kept above half the root mean square
    #[value(name = "t2-rms")]
    T2Rms,
    /// The same, scaled by the largest element
    #[value(name = "t2-max")]
    T2Max,
    /// The same, scaled by the mean magnitude
    #[value(name = "t2-absmean")]
    T2AbsMean,
}

impl From<KvTypeName> for KvType {
    fn from(name: KvTypeName) -> Self {
        match name {
            KvTypeName::F32 => Self::F32,
            KvTypeName::F16 => Self::F16,
            KvTypeName::Q8_0 => Self::Q8_0,
            KvTypeName::Q4_0 => Self::Q4_0,
            KvTypeName::T2Lsq => Self::T2(Mode::LeastSquares),
            KvTypeName::T2Rms => Self::T2(Mode::Rms),
            KvTypeName::T2Max => Self::T2(Mode::Max),
            KvTypeName::T2AbsMean => Self::T2(Mode::AbsMean),
        }
    }
}

/// Spelling of `EmbeddingType` on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum EmbeddingTypeName {
    /// 2 bytes a weight
    F16,
    /// 8.5 bits a weight
    #[value(name = "q8_0")]
    Q8_0,
    /// 4.5 bits a weight
    #[value(name = "q4_0")]
    Q4_0,
    /// Ternary, 2 bits a weight and a scale for each 64: threshold and scale of the least squared error
    #[value(name = "t2-lsq", alias = "t2")]
    T2Lsq,
    /// The same, kept above half the root mean square
    #[value(name = "t2-rms")]
    T2Rms,
    /// The same, scaled by the largest weight
    #[value(name = "t2-max")]
    T2Max,
    /// The same, scaled by the mean magnitude, as `BitNet` is trained
    #[value(name = "t2-absmean")]
    T2AbsMean,
}

impl From<EmbeddingTypeName> for EmbeddingType {
    fn from(name: EmbeddingTypeName) -> Self {
        match name {
            EmbeddingTypeName::F16 => Self::F16,
            EmbeddingTypeName::Q8_0 => Self::Q8_0,
            EmbeddingTypeName::Q4_0 => Self::Q4_0,
            EmbeddingTypeName::T2Lsq => Self::T2(Mode::LeastSquares),
            EmbeddingTypeName::T2Rms => Self::T2(Mode::Rms),
            EmbeddingTypeName::T2Max => Self::T2(Mode::Max),
            EmbeddingTypeName::T2AbsMean => Self::T2(Mode::AbsMean),
        }
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
    fn names_are_those_of_the_types() {
        let spelled = |value: Option<clap::builder::PossibleValue>| value.map(|v| v.get_name().to_owned());
        for name in KvTypeName::value_variants() {
            assert_eq!(spelled(name.to_possible_value()).as_deref(), Some(KvType::from(*name).name()));
        }
        for name in EmbeddingTypeName::value_variants() {
            assert_eq!(spelled(name.to_possible_value()).as_deref(), Some(EmbeddingType::from(*name).name()));
        }
    }
}
