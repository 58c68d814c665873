//! One file per family: each turns metadata into a [`ModelSpec`]. The authority on every detail is the graph that
//! llama.cpp (for `bitnet-b1.58`: ik_llama.cpp) builds for the architecture; the golden logits hold us to it.

mod base;
mod bert;
mod bitnet;
mod cohere2;
mod ernie4_5;
mod ernie4_5_moe;
mod exaone4;
mod falcon;
mod gemma2;
mod gemma3;
mod gemma_embedding;
mod glm4;
mod glm4moe;
mod gpt_oss;
mod granite;
mod hunyuan_dense;
mod jina_bert_v2;
mod lfm2;
mod llama;
mod mamba2;
mod mistral3;
mod modern_bert;
mod nemotron_h;
mod nomic_bert;
mod olmo2;
mod phi2;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen35;
mod qwen3moe;
mod smollm3;
mod stablelm;
mod starcoder2;

use crate::{
    LoadError,
    keys::{self, Keys},
    spec::ModelSpec,
};

type Build = fn(&Keys<'_>, usize) -> Result<ModelSpec, LoadError>;

const FAMILIES: &[(&str, Build)] = &[
    ("llama", llama::spec),
    ("qwen2", qwen2::spec),
    ("qwen3", qwen3::spec),
    ("qwen3moe", qwen3moe::spec),
    ("gemma2", gemma2::spec),
    ("gemma3", gemma3::spec),
    ("phi3", phi3::spec),
    ("bitnet", bitnet::spec),
    ("bitnet-b1.58", bitnet::spec_squared_relu),
    ("bitnet-25", bitnet::spec_squared_relu),
    ("olmo2", olmo2::spec),
    ("smollm3", smollm3::spec),
    ("granite", granite::spec),
    ("granitehybrid", granite::hybrid),
    ("lfm2", lfm2::spec),
    ("lfm2moe", lfm2::with_experts),
    ("mistral3", mistral3::spec),
    ("glm4", glm4::spec),
    ("hunyuan-dense", hunyuan_dense::spec),
    ("ernie4_5", ernie4_5::spec),
    ("exaone4", exaone4::spec),
    ("gpt-oss", gpt_oss::spec),
    ("glm4moe", glm4moe::spec),
    ("ernie4_5-moe", ernie4_5_moe::spec),
    ("cohere2", cohere2::spec),
    ("stablelm", stablelm::spec),
    ("starcoder2", starcoder2::spec),
    ("phi2", phi2::spec),
    ("falcon", falcon::spec),
    ("qwen35", qwen35::spec),
    ("qwen35moe", qwen35::with_experts),
    ("qwen3next", qwen35::next),
    ("mamba2", mamba2::spec),
    ("nemotron_h", nemotron_h::spec),
    ("nemotron_h_moe", nemotron_h::with_experts),
    ("bert", bert::spec),
    ("nomic-bert", nomic_bert::spec),
    ("jina-bert-v2", jina_bert_v2::spec),
    ("modern-bert", modern_bert::spec),
    ("gemma-embedding", gemma_embedding::spec),
];

/// Names of the architectures that can be loaded.
pub const ARCHITECTURES: &[&str] = &{
    let mut names = [""; FAMILIES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = FAMILIES[i].0;
        i += 1;
    }
    names
};

/// Makes the spec of the architecture that the keys name; `n_vocab` comes from the embedding matrix.
pub(crate) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let Some((_, build)) = FAMILIES.iter().find(|(name, _)| *name == keys.architecture) else {
        return Err(LoadError::Architecture { file: keys.file.to_owned(), name: keys.architecture.to_owned() });
    };
    let mut spec = build(keys, n_vocab)?;
    if let Some(recurrence) = &mut spec.recurrence {
        // Layers behind those that are computed need no state.
        recurrence.layers.truncate(spec.n_layers);
    }
    check(keys, &spec)?;
    Ok(spec)
}

/// Refuses what no family may have, so that nothing after this needs to look again.
fn check(keys: &Keys<'_>, spec: &ModelSpec) -> Result<(), LoadError> {
    let ModelSpec { n_heads, n_kv_heads, key_dim, value_dim, .. } = *spec;
    if !n_heads.is_multiple_of(n_kv_heads) {
        let what = format!("{n_heads} is no multiple of {n_kv_heads} KV heads");
        return keys.refuse("attention.head_count", what);
    }
    for (name, dim) in [("attention.key_length", key_dim), ("attention.value_length", value_dim)] {
        if n_heads.checked_mul(dim).is_none_or(|width| width > keys::WIDTH_MAX) {
            return keys.refuse(name, format!("{n_heads} heads of {dim}, expected {} in all at most", keys::WIDTH_MAX));
        }
    }
    if let Some(experts) = spec.experts.filter(|experts| experts.n_dense_layers > spec.n_layers) {
        let what = format!("{} of {} layers", experts.n_dense_layers, spec.n_layers);
        return keys.refuse("leading_dense_block_count", what);
    }
    for rope in std::iter::once(&spec.rope).chain(&spec.rope_local) {
        if !rope.n_dims.is_multiple_of(2) || rope.n_dims > key_dim {
            return keys
                .refuse("rope.dimension_count", format!("{}, expected an even number up to {key_dim}", rope.n_dims));
        }
    }
    if spec.is_encoder && spec.recurrence.is_some() {
        return keys
            .refuse("attention.causal", "false, but layers of this architecture carry states from token to token");
    }
    Ok(())
}
