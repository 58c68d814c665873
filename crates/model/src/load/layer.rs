//! GGUF's tensor names → [`Weights`].

use super::tensors::Tensors;
use crate::{
    LoadError,
    spec::{ModelSpec, QkNorm, Recurrence},
    weights::{Attention, FeedForward, Layer, Mixer, Mlp, ShortConvolution, Weights},
};

/// Takes all weights of the model out of the tensors.
pub(super) fn weights(tensors: &mut Tensors<'_>, spec: &ModelSpec) -> Result<Weights, LoadError> {
    let embedding = tensors.table("token_embd", spec.n_vocab, spec.width)?;
    let output_norm = tensors.vector(spec.output_norm, spec.width)?;
    let head =
        if tensors.has("output.weight") { Some(tensors.linear("output", spec.n_vocab, spec.width)?) } else { None };
    let layers = (0..spec.n_layers).map(|i| layer(tensors, spec, i)).collect::<Result<_, _>>()?;
    let embedding_rotation = tensors.embedding_rotation();
    Ok(Weights { embedding, embedding_rotation, layers, output_norm, head })
}

fn layer(tensors: &mut Tensors<'_>, spec: &ModelSpec, index: usize) -> Result<Layer, LoadError> {
    let at = &format!("blk.{index}.");
    let mut norm = |name: &str, wanted: bool| {
        if wanted { tensors.vector(&format!("{at}{name}.weight"), spec.width).map(Some) } else { Ok(None) }
    };
    let mixer_norm = norm("attn_norm", spec.has_pre_norms)?;
    let mixer_post_norm = norm("post_attention_norm", spec.has_post_norms)?;
    let mlp_norm = norm("ffn_norm", spec.has_pre_norms)?;
    let mlp_post_norm = norm("post_ffw_norm", spec.has_post_norms)?;
    Ok(Layer {
        mixer_norm,
        mixer: mixer(tensors, spec, index, at)?,
        mixer_post_norm,
        mlp_norm,
        mlp: mlp(tensors, spec, at)?,
        mlp_post_norm,
    })
}

fn mixer(tensors: &mut Tensors<'_>, spec: &ModelSpec, index: usize, at: &str) -> Result<Mixer, LoadError> {
    let Some(recurrence) = spec.recurrence.as_ref().filter(|_| spec.is_recurrent(index)) else {
        return Ok(Mixer::Attention(Box::new(attention(tensors, spec, at)?)));
    };
    match recurrence.kind {
        Recurrence::ShortConvolution { n_taps } => {
            let convolution = short_convolution(tensors, spec.width, n_taps, &format!("{at}shortconv."))?;
            Ok(Mixer::ShortConvolution(Box::new(convolution)))
        }
    }
}

fn short_convolution(
    tensors: &mut Tensors<'_>,
    width: usize,
    n_taps: usize,
    at: &str,
) -> Result<ShortConvolution, LoadError> {
    Ok(ShortConvolution {
        input: tensors.pieces(&format!("{at}in_proj"), [width; 3], width)?,
        taps: tensors.taps(&format!("{at}conv.weight"), width, n_taps)?,
        output: tensors.linear(&format!("{at}out_proj"), width, width)?,
    })
}

fn attention(tensors: &mut Tensors<'_>, spec: &ModelSpec, at: &str) -> Result<Attention, LoadError> {
    let (q_rows, k_rows, v_rows) =
        (spec.n_heads * spec.key_dim, spec.n_kv_heads * spec.key_dim, spec.n_kv_heads * spec.value_dim);
    let [q, k, v] = if tensors.has(&format!("{at}attn_qkv.weight")) {
        tensors.pieces(&format!("{at}attn_qkv"), [q_rows, k_rows, v_rows], spec.width)?
    } else {
        [
            tensors.linear(&format!("{at}attn_q"), q_rows, spec.width)?,
            tensors.linear(&format!("{at}attn_k"), k_rows, spec.width)?,
            tensors.linear(&format!("{at}attn_v"), v_rows, spec.width)?,
        ]
    };
    let (q_norm, k_norm) = match spec.qk_norm {
        QkNorm::None => (None, None),
        QkNorm::PerHead | QkNorm::PerHeadAfterRope => (Some(spec.key_dim), Some(spec.key_dim)),
        QkNorm::FullWidth => (Some(q_rows), Some(k_rows)),
    };
    let mut norm =
        |name: &str, n: Option<usize>| n.map(|n| tensors.vector(&format!("{at}{name}.weight"), n)).transpose();
    let o_cols = spec.n_heads * spec.value_dim;
    Ok(Attention {
        q_norm: norm("attn_q_norm", q_norm)?,
        k_norm: norm("attn_k_norm", k_norm)?,
        sub_norm: norm("attn_sub_norm", spec.has_sub_norms.then_some(o_cols))?,
        output: tensors.linear(&format!("{at}attn_output"), spec.width, o_cols)?,
        q,
        k,
        v,
    })
}

fn mlp(tensors: &mut Tensors<'_>, spec: &ModelSpec, at: &str) -> Result<Mlp, LoadError> {
    let Some(e) = spec.experts else {
        return Ok(Mlp::Dense(Box::new(dense(tensors, spec, at)?)));
    };
    let router = tensors.linear(&format!("{at}ffn_gate_inp"), e.n_experts, spec.width)?;
    let gates = tensors.stack(&format!("{at}ffn_gate_exps"), e.n_experts, e.feed_forward, spec.width)?;
    let ups = tensors.stack(&format!("{at}ffn_up_exps"), e.n_experts, e.feed_forward, spec.width)?;
    let downs = tensors.stack(&format!("{at}ffn_down_exps"), e.n_experts, spec.width, e.feed_forward)?;
    let experts =
        gates.into_iter().zip(ups).zip(downs).map(|((gate, up), down)| FeedForward { gate, up, down, sub_norm: None });
    Ok(Mlp::Experts { router: Box::new(router), experts: experts.collect() })
}

fn dense(tensors: &mut Tensors<'_>, spec: &ModelSpec, at: &str) -> Result<FeedForward, LoadError> {
    let (f, width) = (spec.feed_forward, spec.width);
    let [gate, up] = if tensors.has(&format!("{at}ffn_gate.weight")) {
        [tensors.linear(&format!("{at}ffn_gate"), f, width)?, tensors.linear(&format!("{at}ffn_up"), f, width)?]
    } else {
        // Fused, gate first (Phi 3).
        tensors.pieces(&format!("{at}ffn_up"), [f, f], width)?
    };
    let sub_norm =
        if spec.has_sub_norms { Some(tensors.vector(&format!("{at}ffn_sub_norm.weight"), f)?) } else { None };
    Ok(FeedForward { gate, up, down: tensors.linear(&format!("{at}ffn_down"), width, f)?, sub_norm })
}
