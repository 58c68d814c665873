//! GGUF's tensor names → [`Weights`].

use kernels::{DeltaShape, KvHeads, MambaShape, WkvShape};

use super::tensors::Tensors;
use crate::{
    LoadError,
    spec::{Block, LatentSpec, ModelSpec, NormKind, QkNorm, Recurrence, WkvRanks},
    weights::{
        Attention, Beside, ChannelMix, DeltaFactors, DeltaNet, Experts, FeedForward, LatentAttention, Layer,
        LowRankNetwork, Mamba, Mixer, Mlp, Norm, PerLayer, PerLayerTables, Projection, RankHead, ShortConvolution,
        TimeMix, Weights,
    },
};

/// Takes all weights of the model out of the tensors.
pub(super) fn weights(tensors: &mut Tensors<'_>, spec: &ModelSpec) -> Result<Weights, LoadError> {
    let embedding = tensors.table("token_embd", spec.n_vocab, spec.width)?;
    let positions = spec.has_position_table.then(|| tensors.table("position_embd", spec.context_len, spec.width));
    let token_type = spec.has_token_types.then(|| tensors.first_row("token_types.weight", spec.width));
    let embedding_norm = spec.embedding_norm.map(|name| norm(tensors, spec, name)).transpose()?;
    let output_norm = spec.output_norm.map(|name| norm(tensors, spec, name)).transpose()?;
    let head =
        if tensors.has("output.weight") { Some(tensors.linear("output", spec.n_vocab, spec.width)?) } else { None };
    let layers = (0..spec.n_layers).map(|i| layer(tensors, spec, i)).collect::<Result<_, _>>()?;
    tensors.pass_over(spec.n_layers..spec.n_layers + spec.n_prediction_layers);
    let embedding_rotation = tensors.embedding_rotation();
    Ok(Weights {
        embedding,
        embedding_adapters: Vec::new(),
        positions: positions.transpose()?,
        token_type: token_type.transpose()?,
        embedding_norm,
        embedding_rotation,
        per_layer: spec.per_layer_inputs.map(|inputs| per_layer_tables(tensors, spec, inputs.width)).transpose()?,
        layers,
        output_norm,
        projection: spec.projection.map(|inner| projection(tensors, spec.width, inner)).transpose()?,
        rank: spec.has_rank_head().then(|| rank_head(tensors, spec.width)).transpose()?,
        head,
    })
}

fn projection(tensors: &mut Tensors<'_>, width: usize, inner: usize) -> Result<Projection, LoadError> {
    Ok(Projection { up: tensors.linear("dense_2", inner, width)?, down: tensors.linear("dense_3", width, inner)? })
}

fn rank_head(tensors: &mut Tensors<'_>, width: usize) -> Result<RankHead, LoadError> {
    let has_dense = tensors.has("cls.weight");
    let dense = has_dense.then(|| tensors.linear("cls", width, width)).transpose()?;
    Ok(RankHead { dense, output: tensors.linear("cls.output", 1, width)? })
}

fn per_layer_tables(tensors: &mut Tensors<'_>, spec: &ModelSpec, width: usize) -> Result<PerLayerTables, LoadError> {
    let all = spec.n_layers * width;
    Ok(PerLayerTables {
        embedding: tensors.table("per_layer_token_embd", spec.n_vocab, all)?,
        projection: tensors.linear("per_layer_model_proj", all, spec.width)?,
        norm: tensors.vector("per_layer_proj_norm.weight", width)?,
    })
}

fn per_layer(tensors: &mut Tensors<'_>, spec: &ModelSpec, at: &str, width: usize) -> Result<PerLayer, LoadError> {
    Ok(PerLayer {
        gate: tensors.linear(&format!("{at}inp_gate"), width, spec.width)?,
        output: tensors.linear(&format!("{at}proj"), spec.width, width)?,
        norm: norm(tensors, spec, &format!("{at}post_norm"))?,
    })
}

fn layer(tensors: &mut Tensors<'_>, spec: &ModelSpec, index: usize) -> Result<Layer, LoadError> {
    let at = &format!("blk.{index}.");
    let mut norm = |name: Option<&str>| name.map(|name| norm(tensors, spec, &format!("{at}{name}"))).transpose();
    let (has_mixer, has_mlp) = (spec.has_block(index, Block::Mixer), spec.has_block(index, Block::Mlp));
    let has_first = index > 0 || !spec.skips_first_norm;
    let mixer_norm = norm(spec.norms.mixer.filter(|_| has_mixer && has_first))?;
    let mixer_post_norm = norm(spec.norms.mixer_post.filter(|_| has_mixer))?;
    let mlp_norm = norm(spec.norms.mlp.filter(|_| has_mlp))?;
    let mlp_post_norm = norm(spec.norms.mlp_post.filter(|_| has_mlp))?;
    let mixer_sum_norm = norm(spec.norms.mixer_sum.filter(|_| has_mixer))?;
    let mlp_sum_norm = norm(spec.norms.mlp_sum.filter(|_| has_mlp))?;
    let scale = if spec.has_layer_scales {
        tensors.optional_vector(&format!("{at}layer_output_scale.weight"), 1)?.and_then(|scale| scale.first().copied())
    } else {
        None
    };
    Ok(Layer {
        mixer_norm,
        mixer: has_mixer.then(|| mixer(tensors, spec, index, at)).transpose()?,
        mixer_post_norm,
        mlp_norm,
        mlp: has_mlp.then(|| mlp(tensors, spec, index, at)).transpose()?,
        mlp_post_norm,
        mixer_sum_norm,
        mlp_sum_norm,
        of_token: spec.per_layer_inputs.map(|inputs| per_layer(tensors, spec, at, inputs.width)).transpose()?,
        scale,
    })
}

fn mixer(tensors: &mut Tensors<'_>, spec: &ModelSpec, index: usize, at: &str) -> Result<Mixer, LoadError> {
    let Some(recurrence) = spec.recurrence.as_ref().filter(|_| spec.is_recurrent(index)) else {
        return match &spec.latent {
            Some(latent) => Ok(Mixer::Latent(Box::new(latent_attention(tensors, spec, latent, at)?))),
            None => Ok(Mixer::Attention(Box::new(attention(tensors, spec, index, at)?))),
        };
    };
    match recurrence.kind {
        Recurrence::ShortConvolution { n_taps } => {
            let convolution = short_convolution(tensors, spec.width, n_taps, &format!("{at}shortconv."))?;
            Ok(Mixer::ShortConvolution(Box::new(convolution)))
        }
        Recurrence::GatedDeltaNet { n_taps, heads } => {
            Ok(Mixer::DeltaNet(Box::new(delta_net(tensors, spec.width, n_taps, heads, at)?)))
        }
        Recurrence::Mamba2 { n_taps, heads } => {
            Ok(Mixer::Mamba(Box::new(mamba(tensors, spec.width, n_taps, heads, at)?)))
        }
        Recurrence::Wkv7 { heads, ranks } => Ok(Mixer::TimeMix(Box::new(time_mix(tensors, heads, ranks, index, at)?))),
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

fn delta_net(
    tensors: &mut Tensors<'_>,
    width: usize,
    n_taps: usize,
    heads: DeltaShape,
    at: &str,
) -> Result<DeltaNet, LoadError> {
    let DeltaShape { n_value_heads, dim, .. } = heads;
    let qkv = tensors.linear(&format!("{at}attn_qkv"), heads.row_len(), width)?;
    let gate = tensors.linear(&format!("{at}attn_gate"), heads.value_len(), width)?;
    let is_together = tensors.has(&format!("{at}ssm_ba.weight"));
    let mut factor = |name: &str, n: usize| tensors.linear(&format!("{at}{name}"), n * n_value_heads, width);
    let factors = if is_together {
        DeltaFactors::Together(Box::new(factor("ssm_ba", 2)?))
    } else {
        DeltaFactors::Apart(Box::new([factor("ssm_alpha", 1)?, factor("ssm_beta", 1)?]))
    };
    Ok(DeltaNet {
        heads,
        qkv,
        gate,
        factors,
        taps: tensors.taps(&format!("{at}ssm_conv1d.weight"), heads.row_len(), n_taps)?,
        a: tensors.vector(&format!("{at}ssm_a"), n_value_heads)?,
        bias: tensors.vector(&format!("{at}ssm_dt.bias"), n_value_heads)?,
        norm: tensors.vector(&format!("{at}ssm_norm.weight"), dim)?,
        output: tensors.linear(&format!("{at}ssm_out"), width, heads.value_len())?,
    })
}

fn mamba(
    tensors: &mut Tensors<'_>,
    width: usize,
    n_taps: usize,
    heads: MambaShape,
    at: &str,
) -> Result<Mamba, LoadError> {
    let MambaShape { n_heads, n_groups, .. } = heads;
    let (row_len, value_len) = (heads.row_len(), heads.value_len());
    let [gate, values, steps] = tensors.pieces(&format!("{at}ssm_in"), [value_len, row_len, n_heads], width)?;
    Ok(Mamba {
        heads,
        gate,
        values,
        steps,
        taps: tensors.taps(&format!("{at}ssm_conv1d.weight"), row_len, n_taps)?,
        bias: tensors.vector(&format!("{at}ssm_conv1d.bias"), row_len)?,
        a: tensors.values(&format!("{at}ssm_a"), &[1, n_heads])?,
        steps_bias: tensors.vector(&format!("{at}ssm_dt.bias"), n_heads)?,
        skip: tensors.values(&format!("{at}ssm_d"), &[1, n_heads])?,
        norm: tensors.values(&format!("{at}ssm_norm.weight"), &[value_len / n_groups, n_groups])?,
        output: tensors.linear(&format!("{at}ssm_out"), width, value_len)?,
    })
}

fn time_mix(
    tensors: &mut Tensors<'_>,
    heads: WkvShape,
    ranks: WkvRanks,
    index: usize,
    at: &str,
) -> Result<TimeMix, LoadError> {
    let width = heads.row_len();
    let name = |part: &str| format!("{at}time_mix_{part}");
    let network = |tensors: &mut Tensors<'_>, letter: &str, rank: usize| {
        Ok(LowRankNetwork {
            first: tensors.linear(&name(&format!("{letter}1")), rank, width)?,
            second: tensors.linear(&name(&format!("{letter}2")), width, rank)?,
            bias: if letter == "g" {
                Vec::new()
            } else {
                tensors.vector(&name(&format!("{letter}0.weight")), width)?
            },
        })
    };
    let first_share = if index > 0 {
        Some(network(tensors, "v", ranks.values)?)
    } else {
        // Some files keep what the first layer would have.
        ["v0", "v1", "v2"].iter().for_each(|part| tensors.pass_over_one(&name(&format!("{part}.weight"))));
        None
    };
    let vector = |tensors: &mut Tensors<'_>, part: &str| tensors.vector(&name(part), width);
    Ok(TimeMix {
        heads,
        shares: tensors.values(&name("lerp_fused.weight"), &[width, 1, 1, 6])?,
        receptance: tensors.linear(&name("receptance"), width, width)?,
        key: tensors.linear(&name("key"), width, width)?,
        value: tensors.linear(&name("value"), width, width)?,
        decay: network(tensors, "w", ranks.decay)?,
        rate: network(tensors, "a", ranks.rate)?,
        first_share,
        gate: network(tensors, "g", ranks.gate)?,
        key_weights: [vector(tensors, "k_k.weight")?, vector(tensors, "k_a.weight")?],
        bonus: vector(tensors, "r_k.weight")?,
        norm: [vector(tensors, "ln.weight")?, vector(tensors, "ln.bias")?],
        output: tensors.linear(&name("output"), width, width)?,
    })
}

fn channel_mix(tensors: &mut Tensors<'_>, spec: &ModelSpec, at: &str) -> Result<ChannelMix, LoadError> {
    let (width, inner) = (spec.width, spec.feed_forward);
    let up = tensors.linear(&format!("{at}channel_mix_key"), inner, width)?;
    let down = tensors.linear(&format!("{at}channel_mix_value"), width, inner)?;
    Ok(ChannelMix {
        share: tensors.vector(&format!("{at}channel_mix_lerp_k.weight"), width)?,
        network: FeedForward { gate: None, up, down, sub_norm: None },
    })
}

fn norm(tensors: &mut Tensors<'_>, spec: &ModelSpec, name: &str) -> Result<Norm, LoadError> {
    let weight = tensors.vector(&format!("{name}.weight"), spec.width)?;
    let bias = match spec.norm_kind {
        NormKind::Layer { has_bias: true } => Some(tensors.vector(&format!("{name}.bias"), spec.width)?),
        NormKind::Layer { has_bias: false } | NormKind::Rms => None,
    };
    Ok(Norm { weight, bias })
}

fn attention(tensors: &mut Tensors<'_>, spec: &ModelSpec, index: usize, at: &str) -> Result<Attention, LoadError> {
    let KvHeads { n_kv_heads, key_dim, value_dim, .. } = spec.heads(index);
    let (q_width, k_rows, v_rows) = (spec.n_heads * key_dim, n_kv_heads * key_dim, n_kv_heads * value_dim);
    let q_rows = if spec.has_attention_gate { 2 * q_width } else { q_width };
    let [query, key, value] = ["attn_q", "attn_k", "attn_v"].map(|name| format!("{at}{name}"));
    let has_kv = spec.has_kv(index);
    let (q, k, v) = if !has_kv {
        // Some files keep what such layers had before their keys were those of another.
        for name in [&key, &value, &format!("{key}_norm")] {
            tensors.pass_over_one(&format!("{name}.weight"));
        }
        (tensors.linear(&query, q_rows, spec.width)?, None, None)
    } else if tensors.has(&format!("{at}attn_qkv.weight")) {
        let [q, k, v] = tensors.pieces(&format!("{at}attn_qkv"), [q_rows, k_rows, v_rows], spec.width)?;
        (q, Some(k), Some(v))
    } else {
        let q = tensors.linear(&query, q_rows, spec.width)?;
        let k = tensors.linear(&key, k_rows, spec.width)?;
        let lacks_values =
            spec.may_lack_values && spec.window_len(index).is_none() && !tensors.has(&format!("{value}.weight"));
        let v = (!lacks_values).then(|| tensors.linear(&value, v_rows, spec.width)).transpose()?;
        (q, Some(k), v)
    };
    let (q_norm, k_norm) = match spec.qk_norm {
        QkNorm::None => (None, None),
        QkNorm::PerHead | QkNorm::PerHeadAfterRope => (Some(key_dim), Some(key_dim)),
        QkNorm::FullWidth => (Some(q_width), Some(k_rows)),
    };
    let mut norm =
        |name: &str, n: Option<usize>| n.map(|n| tensors.vector(&format!("{at}{name}.weight"), n)).transpose();
    let o_cols = spec.n_heads * value_dim;
    Ok(Attention {
        q_norm: norm("attn_q_norm", q_norm)?,
        k_norm: norm("attn_k_norm", k_norm.filter(|_| has_kv))?,
        v_norm: (spec.has_value_norm && has_kv).then(|| vec![1.0; value_dim]),
        sub_norm: norm("attn_sub_norm", spec.has_sub_norms.then_some(o_cols))?,
        learned_sinks: norm("attn_sinks", spec.has_learned_sinks.then_some(spec.n_heads))?,
        output: tensors.linear(&format!("{at}attn_output"), spec.width, o_cols)?,
        q,
        k,
        v,
    })
}

fn latent_attention(
    tensors: &mut Tensors<'_>,
    spec: &ModelSpec,
    latent: &LatentSpec,
    at: &str,
) -> Result<LatentAttention, LoadError> {
    let (n_heads, width) = (spec.n_heads, spec.width);
    let &LatentSpec { query_rank, kv_rank, plain_dim, value_dim, is_kv_fused, .. } = latent;
    let q_rows = n_heads * latent.query_dim();
    let (narrow, queries) = if let Some(rank) = query_rank {
        let matrix = tensors.linear(&format!("{at}attn_q_a"), rank, width)?;
        let norm = tensors.vector(&format!("{at}attn_q_a_norm.weight"), rank)?;
        (Some((matrix, norm)), tensors.linear(&format!("{at}attn_q_b"), q_rows, rank)?)
    } else {
        (None, tensors.linear(&format!("{at}attn_q"), q_rows, width)?)
    };
    let (keys, values) = if is_kv_fused {
        tensors.latent_pairs(&format!("{at}attn_kv_b"), n_heads, [plain_dim, value_dim], kv_rank)?
    } else {
        let keys = tensors.stack(&format!("{at}attn_k_b"), n_heads, kv_rank, plain_dim)?;
        (keys, tensors.stack(&format!("{at}attn_v_b"), n_heads, value_dim, kv_rank)?)
    };
    Ok(LatentAttention {
        narrow,
        queries,
        row: tensors.linear(&format!("{at}attn_kv_a_mqa"), latent.row_dim(), width)?,
        row_norm: tensors.vector(&format!("{at}attn_kv_a_norm.weight"), kv_rank)?,
        keys,
        values,
        output: tensors.linear(&format!("{at}attn_output"), width, n_heads * value_dim)?,
    })
}

fn mlp(tensors: &mut Tensors<'_>, spec: &ModelSpec, index: usize, at: &str) -> Result<Mlp, LoadError> {
    if let Some(Recurrence::Wkv7 { .. }) = spec.recurrence.as_ref().map(|recurrence| recurrence.kind) {
        return Ok(Mlp::ChannelMix(Box::new(channel_mix(tensors, spec, at)?)));
    }
    let names = ["ffn_gate", "ffn_up", "ffn_down", "ffn_sub_norm"];
    let Some(e) = spec.experts_of(index) else {
        return Ok(Mlp::Dense(Box::new(dense(tensors, spec, at, names, spec.feed_forward_of(index))?)));
    };
    let beside = if e.are_beside_dense {
        let network = dense(tensors, spec, at, names, spec.feed_forward_of(index))?;
        Some(Box::new(beside(tensors, spec, at, network)?))
    } else {
        None
    };
    let router = format!("{at}ffn_gate_inp");
    let router = if beside.is_some() {
        // What is called its scale is part of the norm before it.
        tensors.linear_alone(&router, e.n_experts, spec.width)?
    } else {
        tensors.linear(&router, e.n_experts, spec.width)?
    };
    let selection_bias = tensors.optional_vector(&format!("{at}exp_probs_b.bias"), e.n_experts)?;
    let latent = e.latent.map(|latent| {
        let down = tensors.linear(&format!("{at}ffn_latent_down"), latent, spec.width)?;
        Ok([down, tensors.linear(&format!("{at}ffn_latent_up"), spec.width, latent)?])
    });
    let latent = latent.transpose()?;
    let width = e.latent.unwrap_or(spec.width);
    let (n, f) = (e.n_experts, e.feed_forward);
    let (gates, ups) = if spec.is_gated && tensors.has(&format!("{at}ffn_gate_up_exps.weight")) {
        // Fused, gate first.
        let [gates, ups] = tensors.stack_pieces(&format!("{at}ffn_gate_up_exps"), n, [f, f], width)?;
        (Some(gates), ups)
    } else {
        let mut stack = |name: &str| tensors.stack(&format!("{at}{name}"), n, f, width);
        (spec.is_gated.then(|| stack("ffn_gate_exps")).transpose()?, stack("ffn_up_exps")?)
    };
    let downs = tensors.stack(&format!("{at}ffn_down_exps"), n, width, f)?;
    let mut gates = gates.into_iter().flatten();
    let networks =
        ups.into_iter().zip(downs).map(|(up, down)| FeedForward { gate: gates.next(), up, down, sub_norm: None });
    let networks = networks.collect();
    let names = ["ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp", "ffn_sub_norm_shexp"];
    let shared = e.shared.map(|width| dense(tensors, spec, at, names, width)).transpose()?;
    let gate = format!("{at}ffn_gate_inp_shexp.weight");
    let shared_gate = e.is_shared_gated.then(|| tensors.vector(&gate, spec.width)).transpose()?;
    Ok(Mlp::Experts(Box::new(Experts { router, selection_bias, networks, latent, shared, shared_gate, beside })))
}

/// Takes what stands around a dense `network` and the experts beside it.
fn beside(tensors: &mut Tensors<'_>, spec: &ModelSpec, at: &str, network: FeedForward) -> Result<Beside, LoadError> {
    let mut router_norm = tensors.vector(&format!("{at}ffn_gate_inp.scale"), spec.width)?;
    let scale = 1.0 / (spec.width as f32).sqrt();
    router_norm.iter_mut().for_each(|x| *x *= scale);
    Ok(Beside {
        network,
        network_norm: norm(tensors, spec, &format!("{at}post_ffw_norm_1"))?,
        router_norm,
        experts_norm: norm(tensors, spec, &format!("{at}pre_ffw_norm_2"))?,
        experts_post_norm: norm(tensors, spec, &format!("{at}post_ffw_norm_2"))?,
    })
}

/// Takes a feed-forward network of width `f`, whose tensors are called `names`: gate, up, down, norm before down.
fn dense(
    tensors: &mut Tensors<'_>,
    spec: &ModelSpec,
    at: &str,
    [gate, up, down, sub_norm]: [&str; 4],
    f: usize,
) -> Result<FeedForward, LoadError> {
    let width = spec.width;
    let (gate, up) = if !spec.is_gated {
        (None, tensors.linear(&format!("{at}{up}"), f, width)?)
    } else if tensors.has(&format!("{at}{gate}.weight")) {
        (Some(tensors.linear(&format!("{at}{gate}"), f, width)?), tensors.linear(&format!("{at}{up}"), f, width)?)
    } else {
        // Fused, gate first (Phi 3).
        let [gate, up] = tensors.pieces(&format!("{at}{up}"), [f, f], width)?;
        (Some(gate), up)
    };
    let sub_norm = if spec.has_sub_norms { Some(tensors.vector(&format!("{at}{sub_norm}.weight"), f)?) } else { None };
    Ok(FeedForward { gate, up, down: tensors.linear(&format!("{at}{down}"), width, f)?, sub_norm })
}
