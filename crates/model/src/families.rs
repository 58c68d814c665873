//! One file per family: each turns metadata into a [`ModelSpec`]. The authority on every detail is the graph that
//! llama.cpp (for `bitnet-b1.58`: ik_llama.cpp) builds for the architecture; the golden logits hold us to it.

mod base;
mod bert;
mod bitnet;
mod cohere2;
mod deepseek2;
mod ernie4_5;
mod ernie4_5_moe;
mod exaone4;
mod gemma2;
mod gemma3;
mod gemma4;
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
mod rwkv7;
mod smollm3;
mod stablelm;
mod starcoder2;

use kernels::KvHeads;

use crate::{
    LoadError,
    keys::{self, Keys},
    spec::ModelSpec,
};

type Build = fn(&Keys<'_>, usize) -> Result<ModelSpec, LoadError>;

/// Architecture, whose it is, and what reads its keys; `cargo xtask figures` lists the first two in documents.
const FAMILIES: &[(&str, &str, Build)] = &[
    ("llama", "SmolLM2, Llama 1 to 3, CodeLlama, Mistral, Mixtral, TinyLlama, Falcon3", llama::spec),
    ("qwen2", "Qwen 2, Qwen 2.5", qwen2::spec),
    ("qwen3", "Qwen 3", qwen3::spec),
    ("qwen3moe", "Qwen 3 with experts", qwen3moe::spec),
    ("gemma2", "Gemma 2", gemma2::spec),
    ("gemma3", "Gemma 3, text", gemma3::spec),
    ("gemma4", "Gemma 4, text, with experts or without", gemma4::spec),
    ("phi3", "Phi 3, Phi 4", phi3::spec),
    ("bitnet", "bitnet_b1_58", bitnet::spec),
    ("bitnet-b1.58", "BitNet b1.58 2B-4T", bitnet::spec_squared_relu),
    ("bitnet-25", "BitNet, an older name", bitnet::spec_squared_relu),
    ("olmo2", "OLMo 2", olmo2::spec),
    ("smollm3", "SmolLM3", smollm3::spec),
    ("granite", "Granite 3", granite::spec),
    ("granitehybrid", "Granite 4: Mamba-2 beside attention, with experts or without", granite::hybrid),
    ("lfm2", "LFM2, LFM2.5: convolutions beside attention", lfm2::spec),
    ("lfm2moe", "LFM2 with experts", lfm2::with_experts),
    ("mistral3", "Ministral 3, Devstral 2", mistral3::spec),
    ("glm4", "GLM 4", glm4::spec),
    ("hunyuan-dense", "Hunyuan", hunyuan_dense::spec),
    ("ernie4_5", "ERNIE 4.5", ernie4_5::spec),
    ("exaone4", "EXAONE 4", exaone4::spec),
    ("gpt-oss", "also in MXFP4 as published", gpt_oss::spec),
    ("glm4moe", "GLM 4.5, GLM 4.6", glm4moe::spec),
    ("deepseek2", "DeepSeek V2, V3 and R1, Kimi K2, GLM 4.7 Flash", deepseek2::spec),
    ("ernie4_5-moe", "ERNIE 4.5 with experts", ernie4_5_moe::spec),
    ("cohere2", "Command R7B, Command A", cohere2::spec),
    ("stablelm", "StableLM, not 12B", stablelm::spec),
    ("starcoder2", "StarCoder2", starcoder2::spec),
    ("phi2", "Phi 1, 1.5 and 2", phi2::spec),
    ("falcon", "Falcon 7B", phi2::spec),
    ("qwen35", "Qwen 3.5, text: gated delta nets beside attention", qwen35::spec),
    ("qwen35moe", "Qwen 3.5 with experts, text", qwen35::with_experts),
    ("qwen3next", "Qwen3-Next, not files whose `ssm_in` is whole", qwen35::next),
    ("mamba2", "Mamba-2 alone", mamba2::spec),
    ("nemotron_h", "Nemotron-H, Nemotron Nano 2", nemotron_h::spec),
    ("nemotron_h_moe", "Nemotron 3 Nano", nemotron_h::with_experts),
    ("rwkv7", "RWKV-7 Goose", rwkv7::spec),
    ("bert", "BGE, MiniLM, E5 and others; encoders and rerankers", bert::spec),
    ("nomic-bert", "Nomic Embed", nomic_bert::spec),
    ("jina-bert-v2", "Jina Embeddings 2", jina_bert_v2::spec),
    ("modern-bert", "ModernBERT and its embedders", modern_bert::spec),
    ("gemma-embedding", "EmbeddingGemma", gemma_embedding::spec),
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
    let Some((.., build)) = FAMILIES.iter().find(|(name, ..)| *name == keys.architecture) else {
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
    let n_heads = spec.n_heads;
    for layer in 0..spec.n_layers {
        let KvHeads { n_kv_heads, key_dim, value_dim, .. } = spec.heads(layer);
        if !n_heads.is_multiple_of(n_kv_heads) {
            let what = format!("{n_heads} is no multiple of {n_kv_heads} KV heads");
            return keys.refuse("attention.head_count", what);
        }
        for (name, dim) in [("attention.key_length", key_dim), ("attention.value_length", value_dim)] {
            if n_heads.checked_mul(dim).is_none_or(|width| width > keys::WIDTH_MAX) {
                let what = format!("{n_heads} heads of {dim}, expected {} in all at most", keys::WIDTH_MAX);
                return keys.refuse(name, what);
            }
        }
    }
    if let Some(latent) = spec.latent {
        let widest = latent.query_dim().max(latent.value_dim);
        if n_heads.checked_mul(widest).is_none_or(|width| width > keys::WIDTH_MAX) {
            let what = format!("{n_heads} heads of {widest}, expected {} in all at most", keys::WIDTH_MAX);
            return keys.refuse("attention.head_count", what);
        }
    }
    let width = spec.per_layer_inputs.map_or(Some(0), |inputs| inputs.width.checked_mul(spec.n_layers));
    if width.is_none_or(|width| width > keys::WIDTH_MAX) {
        let what = format!("for {} layers, expected {} in all at most", spec.n_layers, keys::WIDTH_MAX);
        return keys.refuse("embedding_length_per_layer_input", what);
    }
    if let Some(experts) = spec.experts.filter(|experts| experts.n_dense_layers > spec.n_layers) {
        let what = format!("{} of {} layers", experts.n_dense_layers, spec.n_layers);
        return keys.refuse("leading_dense_block_count", what);
    }
    for layer in 0..spec.n_layers {
        let (rope, key_dim) = (spec.rope_of(layer), spec.heads(layer).key_dim);
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
