//! The tensors of a model, as `forward` wants them.

use std::sync::Arc;

use kernels::{DeltaShape, MambaShape, WkvShape};

use crate::{
    linear::{Linear, LowRank},
    rotation::Rotation,
};

/// The weights of attention: query, key and value are three matrices over the same input.
pub(crate) struct Attention {
    /// Query matrix `[H·Dk, D]`; with gates `[H·2·Dk, D]`, a head's gate after its query
    pub(crate) q: Linear,
    /// Key matrix `[G·Dk, D]`; `None` where the layer attends to the keys and values of another
    pub(crate) k: Option<Linear>,
    /// Value matrix `[G·Dv, D]`; `None` where keys before norm and rotation are the values
    pub(crate) v: Option<Linear>,
    /// Output matrix `[D, H·Dv]`
    pub(crate) output: Linear,
    /// Norm of queries, `[Dk]` or `[H·Dk]`
    pub(crate) q_norm: Option<Vec<f32>>,
    /// Norm of keys, `[Dk]` or `[G·Dk]`
    pub(crate) k_norm: Option<Vec<f32>>,
    /// Norm of values, `[Dv]`
    pub(crate) v_norm: Option<Vec<f32>>,
    /// Norm before `output`, `[H·Dv]`
    pub(crate) sub_norm: Option<Vec<f32>>,
    /// Learned sinks, `[H]`
    pub(crate) learned_sinks: Option<Vec<f32>>,
}

/// The weights of latent attention.
pub(crate) struct LatentAttention {
    /// Matrix `[Q, D]` that narrows what the queries' matrix sees, and the norm `[Q]` of what it gives
    pub(crate) narrow: Option<(Linear, Vec<f32>)>,
    /// Query matrix `[H·(N + R), D]` or `[H·(N + R), Q]`, of which the last `R` rows of each head turn
    pub(crate) queries: Linear,
    /// Matrix `[C + R, D]` of the row that is kept
    pub(crate) row: Linear,
    /// Norm `[C]` of what does not turn of the row
    pub(crate) row_norm: Vec<f32>,
    /// Matrix `[C, N]` of each head that turns its query into what meets a row
    pub(crate) keys: Vec<Linear>,
    /// Matrix `[Dv, C]` of each head that turns what it sees of rows into its value
    pub(crate) values: Vec<Linear>,
    /// Output matrix `[D, H·Dv]`
    pub(crate) output: Linear,
}

impl LatentAttention {
    fn matrices(&mut self) -> Vec<&mut Linear> {
        let Self { narrow, queries, row, keys, values, output, .. } = self;
        let narrow = narrow.iter_mut().map(|(matrix, _)| matrix);
        narrow.chain([queries, row, output]).chain(keys).chain(values).collect()
    }

    /// Returns the norms within attention.
    pub(crate) fn norms(&mut self) -> Vec<&mut Vec<f32>> {
        self.narrow.iter_mut().map(|(_, norm)| norm).chain([&mut self.row_norm]).collect()
    }
}

/// A norm of the kind that the spec says.
pub(crate) struct Norm {
    /// Weights that the normalised input is multiplied with, `[D]`
    pub(crate) weight: Vec<f32>,
    /// Bias of a layer norm, `[D]`
    pub(crate) bias: Option<Vec<f32>>,
}

/// A feed-forward network: `down(act(gate x) · up x)`, or `down(act(up x))` without a gate.
pub(crate) struct FeedForward {
    /// Gate matrix `[F, D]`
    pub(crate) gate: Option<Linear>,
    /// Inner matrix `[F, D]`
    pub(crate) up: Linear,
    /// Output matrix `[D, F]`
    pub(crate) down: Linear,
    /// Norm before `down`, `[F]`
    pub(crate) sub_norm: Option<Vec<f32>>,
}

/// The weights of a gated convolution: `output · (c · convolve(b · x))`, where `b`, `c` and `x` are three matrices over
/// the same input.
pub(crate) struct ShortConvolution {
    /// Matrices `b`, `c` and `x`, each `[D, D]`
    pub(crate) input: [Linear; 3],
    /// Weights `[K, D]` of the convolution, of the oldest row first
    pub(crate) taps: Vec<f32>,
    /// Output matrix `[D, D]`
    pub(crate) output: Linear,
}

/// The matrices of a gated delta net's two factors of each head.
pub(crate) enum DeltaFactors {
    /// Two matrices `[Hv, D]`: of how much the states decay (alpha), and of how much they are corrected (beta).
    Apart(Box<[Linear; 2]>),
    /// One matrix `[2·Hv, D]`: for each key head the rows of its value heads for beta, then those for alpha.
    Together(Box<Linear>),
}

/// The weights of a gated delta net.
pub(crate) struct DeltaNet {
    pub(crate) heads: DeltaShape,
    /// Matrix `[C, D]` of queries, keys and values
    pub(crate) qkv: Linear,
    /// Matrix `[Hv·Dh, D]` of the gate of the output
    pub(crate) gate: Linear,
    /// How much the states decay, and how much they are corrected
    pub(crate) factors: DeltaFactors,
    /// Weights `[K, C]` of the convolution, of the oldest row first
    pub(crate) taps: Vec<f32>,
    /// Factor of the decay `[Hv]`
    pub(crate) a: Vec<f32>,
    /// Bias of `alpha` `[Hv]`
    pub(crate) bias: Vec<f32>,
    /// Norm of each head's output `[Dh]`
    pub(crate) norm: Vec<f32>,
    /// Output matrix `[D, Hv·Dh]`
    pub(crate) output: Linear,
}

/// The weights of Mamba-2.
pub(crate) struct Mamba {
    pub(crate) heads: MambaShape,
    /// Matrix `[H·P, D]` of the gate of the output
    pub(crate) gate: Linear,
    /// Matrix `[C, D]` of values, `B` and `C` of the groups
    pub(crate) values: Linear,
    /// Matrix `[H, D]` of the lengths of steps
    pub(crate) steps: Linear,
    /// Weights `[K, C]` of the convolution, of the oldest row first
    pub(crate) taps: Vec<f32>,
    /// Bias of what is convolved `[C]`
    pub(crate) bias: Vec<f32>,
    /// Factor of the decay `[H]`
    pub(crate) a: Vec<f32>,
    /// Bias of the lengths of steps `[H]`
    pub(crate) steps_bias: Vec<f32>,
    /// Factor on the values that pass by the states `[H]`
    pub(crate) skip: Vec<f32>,
    /// Norm of each group's output `[H·P]`
    pub(crate) norm: Vec<f32>,
    /// Output matrix `[D, H·P]`
    pub(crate) output: Linear,
}

/// Two matrices with a bias behind them: `bias + second · f(first · x)`.
pub(crate) struct LowRankNetwork {
    /// Matrix `[R, D]`
    pub(crate) first: Linear,
    /// Matrix `[D, R]`
    pub(crate) second: Linear,
    /// Bias `[D]`, if it has one
    pub(crate) bias: Vec<f32>,
}

/// The weights of RWKV-7's time mix.
pub(crate) struct TimeMix {
    pub(crate) heads: WkvShape,
    /// How much of the token before goes into what `r`, `w`, `k`, `v`, `a` and `g` are made of, `[6, D]`
    pub(crate) shares: Vec<f32>,
    /// Matrices `[D, D]` of `r`, `k` and `v`
    pub(crate) receptance: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) decay: LowRankNetwork,
    pub(crate) rate: LowRankNetwork,
    /// How much values are those of the first layer, in all layers but that
    pub(crate) first_share: Option<LowRankNetwork>,
    /// Gate of the output, without a bias
    pub(crate) gate: LowRankNetwork,
    /// Factors `[D]` on keys of what is taken off, and on how much of the keys is replaced
    pub(crate) key_weights: [Vec<f32>; 2],
    /// Factors `[D]` on `r · k` of the share of values that passes by the states
    pub(crate) bonus: Vec<f32>,
    /// Norm `[D]` of what heads read, and its bias
    pub(crate) norm: [Vec<f32>; 2],
    /// Output matrix `[D, D]`
    pub(crate) output: Linear,
}

impl TimeMix {
    fn matrices(&mut self) -> Vec<&mut Linear> {
        let Self { receptance, key, value, decay, rate, first_share, gate, output, .. } = self;
        let networks = [decay, rate, gate].into_iter().chain(first_share);
        let of_networks = networks.flat_map(|LowRankNetwork { first, second, .. }| [first, second]);
        [receptance, key, value, output].into_iter().chain(of_networks).collect()
    }
}

/// The weights of RWKV-7's channel mix.
pub(crate) struct ChannelMix {
    /// How much of the token before goes into what the network sees, `[D]`
    pub(crate) share: Vec<f32>,
    pub(crate) network: FeedForward,
}

/// The weights by which a layer mixes positions.
pub(crate) enum Mixer {
    Attention(Box<Attention>),
    Latent(Box<LatentAttention>),
    ShortConvolution(Box<ShortConvolution>),
    DeltaNet(Box<DeltaNet>),
    Mamba(Box<Mamba>),
    TimeMix(Box<TimeMix>),
}

/// The experts of a layer.
pub(crate) struct Experts {
    /// Router matrix `[E, D]`
    pub(crate) router: Linear,
    /// Bias `[E]` on a token's weights where its experts are chosen, and nowhere else.
    pub(crate) selection_bias: Option<Vec<f32>>,
    /// Networks of the experts.
    pub(crate) networks: Vec<FeedForward>,
    /// Matrix `[L, D]` that narrows what the networks see, and matrix `[D, L]` that widens the sum of what they give.
    pub(crate) latent: Option<[Linear; 2]>,
    /// Network that computes every token.
    pub(crate) shared: Option<FeedForward>,
    /// Weights `[D]` of the score by whose sigmoid that network's output is multiplied.
    pub(crate) shared_gate: Option<Vec<f32>>,
    /// Dense network that stands beside the experts.
    pub(crate) beside: Option<Box<Beside>>,
}

/// What a layer has beside experts: a dense network, and norms around either.
pub(crate) struct Beside {
    /// Dense network, behind the layer's norm
    pub(crate) network: FeedForward,
    /// Norm of what that network gives
    pub(crate) network_norm: Norm,
    /// Norm of the residual stream before the router, by which its scale is multiplied, `[D]`
    pub(crate) router_norm: Vec<f32>,
    /// Norm of the residual stream before the experts
    pub(crate) experts_norm: Norm,
    /// Norm of what the experts give together
    pub(crate) experts_post_norm: Norm,
}

/// The weights by which a layer adds something of the vector that it has of each token beside the residual stream.
pub(crate) struct PerLayer {
    /// Matrix `[P, D]` of the gate
    pub(crate) gate: Linear,
    /// Output matrix `[D, P]`
    pub(crate) output: Linear,
    /// Norm of what is added
    pub(crate) norm: Norm,
}

/// The weights that make the vectors of all `N` layers of a token.
pub(crate) struct PerLayerTables {
    /// Vectors by token `[V, N·P]`
    pub(crate) embedding: Linear,
    /// Matrix `[N·P, D]` over the embedding of the model
    pub(crate) projection: Linear,
    /// Norm of what that matrix gives for one layer, `[P]`
    pub(crate) norm: Vec<f32>,
}

/// The weights that follow the mixer in a layer.
pub(crate) enum Mlp {
    Dense(Box<FeedForward>),
    Experts(Box<Experts>),
    ChannelMix(Box<ChannelMix>),
}

/// The weights of one transformer layer; norms are `[D]`.
pub(crate) struct Layer {
    pub(crate) mixer_norm: Option<Norm>,
    pub(crate) mixer: Option<Mixer>,
    pub(crate) mixer_post_norm: Option<Norm>,
    pub(crate) mlp_norm: Option<Norm>,
    pub(crate) mlp: Option<Mlp>,
    pub(crate) mlp_post_norm: Option<Norm>,
    /// Norm of the residual stream after the mixer
    pub(crate) mixer_sum_norm: Option<Norm>,
    /// Norm of the residual stream after what follows the mixer
    pub(crate) mlp_sum_norm: Option<Norm>,
    /// What it makes of its vector of each token
    pub(crate) of_token: Option<PerLayer>,
    /// Factor on what the layer leaves in the residual stream
    pub(crate) scale: Option<f32>,
}

/// Two matrices that hidden states go through behind the last norm: `down · up · h`.
pub(crate) struct Projection {
    /// Inner matrix `[P, D]`
    pub(crate) up: Linear,
    /// Output matrix `[D, P]`
    pub(crate) down: Linear,
}

/// The head that scores pairs of texts: `output · tanh(dense · h)`, or `output · h` without an inner matrix.
pub(crate) struct RankHead {
    /// Inner matrix `[D, D]`
    pub(crate) dense: Option<Linear>,
    /// Output matrix `[1, D]`
    pub(crate) output: Linear,
}

impl Layer {
    /// Returns the norms of the layer but those within blocks.
    pub(crate) fn norms(&mut self) -> impl Iterator<Item = &mut Norm> {
        let Self { mixer_norm, mixer_post_norm, mlp_norm, mlp_post_norm, mixer_sum_norm, mlp_sum_norm, .. } = self;
        let of_beside = match &mut self.mlp {
            Some(Mlp::Experts(experts)) => experts.beside.as_mut(),
            Some(Mlp::Dense(_) | Mlp::ChannelMix(_)) | None => None,
        };
        let of_beside = of_beside.map(|beside| {
            let Beside { network_norm, experts_norm, experts_post_norm, .. } = &mut **beside;
            [network_norm, experts_norm, experts_post_norm]
        });
        let around = [mixer_norm, mixer_post_norm, mlp_norm, mlp_post_norm, mixer_sum_norm, mlp_sum_norm];
        let of_inputs = self.of_token.as_mut().map(|of_token| &mut of_token.norm);
        around.into_iter().flatten().chain(of_beside.into_iter().flatten()).chain(of_inputs)
    }

    fn matrices(&mut self) -> impl Iterator<Item = &mut Linear> {
        let mixer = match &mut self.mixer {
            None => Vec::new(),
            Some(Mixer::Attention(attention)) => {
                let Attention { q, k, v, output, .. } = &mut **attention;
                std::iter::once(q).chain(k).chain(v).chain([output]).collect()
            }
            Some(Mixer::Latent(latent)) => latent.matrices(),
            Some(Mixer::ShortConvolution(convolution)) => {
                let ShortConvolution { input: [b, c, x], output, .. } = &mut **convolution;
                vec![b, c, x, output]
            }
            Some(Mixer::DeltaNet(net)) => {
                let DeltaNet { qkv, gate, factors, output, .. } = &mut **net;
                let factors = match factors {
                    DeltaFactors::Apart(both) => both.as_mut_slice(),
                    DeltaFactors::Together(one) => std::slice::from_mut(&mut **one),
                };
                [qkv, gate, output].into_iter().chain(factors).collect()
            }
            Some(Mixer::Mamba(mamba)) => {
                let Mamba { gate, values, steps, output, .. } = &mut **mamba;
                vec![gate, values, steps, output]
            }
            Some(Mixer::TimeMix(mix)) => mix.matrices(),
        };
        let (beside, networks, shared): (Vec<_>, _, _) = match &mut self.mlp {
            None => (Vec::new(), Default::default(), None),
            Some(Mlp::Dense(network)) => (Vec::new(), std::slice::from_mut(&mut **network), None),
            Some(Mlp::ChannelMix(mix)) => (Vec::new(), std::slice::from_mut(&mut mix.network), None),
            Some(Mlp::Experts(experts)) => {
                let Experts { router, latent, networks, shared, beside: dense, .. } = &mut **experts;
                let beside = std::iter::once(router).chain(latent.iter_mut().flatten());
                let shared = shared.as_mut().or(dense.as_mut().map(|dense| &mut dense.network));
                (beside.collect(), networks.as_mut_slice(), shared)
            }
        };
        let networks = networks
            .iter_mut()
            .chain(shared)
            .flat_map(|FeedForward { gate, up, down, .. }| gate.iter_mut().chain([up, down]));
        let of_inputs = self.of_token.as_mut().map(|PerLayer { gate, output, .. }| [gate, output]);
        mixer.into_iter().chain(beside).chain(networks).chain(of_inputs.into_iter().flatten())
    }
}

/// The weights of a model.
pub(crate) struct Weights {
    /// Embedding matrix `[V, D]`
    pub(crate) embedding: Linear,
    /// What adapters add to embeddings
    pub(crate) embedding_adapters: Vec<LowRank>,
    /// Vectors `[S, D]` that are added to embeddings by their positions
    pub(crate) positions: Option<Linear>,
    /// Vector `[D]` that is added to embeddings: that of the first type of tokens
    pub(crate) token_type: Option<Vec<f32>>,
    /// Norm of embeddings `[D]`
    pub(crate) embedding_norm: Option<Norm>,
    /// Rotation that the rows of the embedding went through before they were stored.
    pub(crate) embedding_rotation: Option<Arc<Rotation>>,
    /// What makes the vectors that layers have of a token beside the residual stream
    pub(crate) per_layer: Option<PerLayerTables>,
    pub(crate) layers: Vec<Layer>,
    /// Last norm, `[D]`
    pub(crate) output_norm: Option<Norm>,
    /// Matrices behind the last norm
    pub(crate) projection: Option<Projection>,
    /// Head that scores pairs of texts
    pub(crate) rank: Option<RankHead>,
    /// Vocabulary head `[V, D]`; `None` where it is the embedding.
    pub(crate) head: Option<Linear>,
}

impl Weights {
    /// Returns every matrix that rows are multiplied with.
    pub(crate) fn matrices(&mut self) -> impl Iterator<Item = &mut Linear> {
        let head = self.head.as_mut().unwrap_or(&mut self.embedding);
        let of_rank = self.rank.as_mut().map(|RankHead { dense, output }| dense.iter_mut().chain([output]));
        let of_projection = self.projection.as_mut().map(|Projection { up, down }| [up, down]);
        let of_encoder = of_rank.into_iter().flatten().chain(of_projection.into_iter().flatten());
        let of_inputs = self.per_layer.as_mut().map(|tables| &mut tables.projection);
        self.layers.iter_mut().flat_map(Layer::matrices).chain([head]).chain(of_encoder).chain(of_inputs)
    }

    /// Returns the vocabulary head.
    pub(crate) fn head(&self) -> &Linear {
        self.head.as_ref().unwrap_or(&self.embedding)
    }
}
