//! Buffers of a step, allocated once for the largest step.

use kernels::ActivationRule;

use crate::{
    LoadOptions,
    linear::Input,
    spec::{ModelSpec, Recurrence},
};

/// Buffers of a step. `T` is the largest number of rows in a step.
pub(crate) struct Scratch {
    /// Residual stream `[T, D]`
    pub(crate) hidden: Vec<f32>,
    /// Normed input `[T, D]`
    pub(crate) normed: Vec<f32>,
    /// Output `[T, D]` of a block
    pub(crate) block_out: Vec<f32>,
    /// Queries `[T, H·Dk]`
    pub(crate) q: Vec<f32>,
    /// Queries as they meet attention sinks `[T, H·Dk]`, if there are any
    pub(crate) q_to_sinks: Vec<f32>,
    /// Keys `[T, G·Dk]`
    pub(crate) k: Vec<f32>,
    /// Values `[T, G·Dv]`
    pub(crate) v: Vec<f32>,
    /// Inner values of layers with states or latent attention, three `[T, I]`
    pub(crate) inner: [Vec<f32>; 3],
    /// Two numbers `[T, Hv]` of each head of a delta net or of Mamba-2
    pub(crate) head_gates: [Vec<f32>; 2],
    /// Gates of the feed-forward network `[T, F]`
    pub(crate) gate: Vec<f32>,
    /// Inner values of the feed-forward network `[T, F]`
    pub(crate) up: Vec<f32>,
    /// Output of a norm whose input is wanted no more, `[T, max(D, H·Dk, H·Dv, I, 2·Hv, L, N·P)]`
    pub(crate) spare: Vec<f32>,
    /// Scores of the experts' router `[T, E]`
    pub(crate) router: Vec<f32>,
    /// Output of experts that are beside a dense network `[T, D]`
    pub(crate) routed: Vec<f32>,
    /// Values of the first layer `[T, D]`, where others take something of them
    pub(crate) first_values: Vec<f32>,
    /// Vectors that layers see beside the residual stream, `[N, T, P]` for `N` layers
    pub(crate) per_layer: Vec<f32>,
    /// What experts see and the sum of what they give where that is narrower, two `[T, L]`
    pub(crate) latent: [Vec<f32>; 2],
    /// Rows that go to one expert `[T]`, with its weight for each
    pub(crate) expert_rows: Vec<(u32, f32)>,
    /// Positions of the rows `[T]`
    pub(crate) positions: Vec<u32>,
    /// Positions at which queries meet attention sinks `[T]`
    pub(crate) sink_positions: Vec<u32>,
    /// Input of a matmul, quantised as its format needs
    pub(crate) input: Input,
}

/// Whether queries meet some keys at other positions than all else.
pub(crate) fn has_sinks(options: &LoadOptions) -> bool {
    options.attention_window.is_some_and(|window| window.sinks > 0)
}

/// Numbers of elements a row of each buffer, in the order of the fields.
struct Widths {
    model: usize,
    q: usize,
    q_to_sinks: usize,
    k: usize,
    v: usize,
    inner: usize,
    head_gates: usize,
    feed_forward: usize,
    spare: usize,
    experts: usize,
    latent: usize,
    routed: usize,
    first_values: usize,
    per_layer: usize,
}

impl Widths {
    fn new(spec: &ModelSpec, has_sinks: bool) -> Self {
        let (q, attended) = (
            spec.n_heads * spec.heads_max(|heads| heads.key_dim),
            spec.n_heads * spec.heads_max(|heads| heads.value_dim),
        );
        let per_layer = spec.per_layer_inputs.map_or(0, |inputs| inputs.width * spec.n_layers);
        let recurrence = spec.recurrence.as_ref().map(|r| r.kind);
        // Queries with their gates go through the same buffers.
        let gated = if spec.has_attention_gate { 2 * q } else { 0 };
        let of_latent = spec.latent.map_or(0, |latent| {
            let of_heads = spec.n_heads * latent.query_dim().max(latent.value_dim);
            of_heads.max(latent.query_rank.unwrap_or(0)).max(latent.row_dim())
        });
        let inner = recurrence.map_or(0, |kind| kind.inner_width(spec.width)).max(gated).max(of_latent);
        let head_gates = recurrence.map_or(0, Recurrence::n_gated_heads);
        let latent = spec.experts.and_then(|e| e.latent).unwrap_or(0);
        Self {
            model: spec.width,
            q,
            q_to_sinks: if has_sinks { q } else { 0 },
            k: spec.heads_max(|heads| heads.n_kv_heads * heads.key_dim),
            v: spec.heads_max(|heads| if heads.are_values_in_keys { 0 } else { heads.n_kv_heads * heads.value_dim }),
            inner,
            head_gates,
            feed_forward: spec.feed_forward_max(),
            spare: spec.width.max(q).max(attended).max(inner).max(2 * head_gates).max(latent).max(per_layer),
            experts: spec.experts.map_or(0, |e| e.n_experts),
            latent,
            first_values: if matches!(recurrence, Some(Recurrence::Wkv7 { .. })) { spec.width } else { 0 },
            routed: if spec.experts.is_some_and(|e| e.are_beside_dense) { spec.width } else { 0 },
            per_layer,
        }
    }
}

impl Scratch {
    /// Makes the buffers; `None` if the sizes cannot be addressed.
    pub(crate) fn new(spec: &ModelSpec, rows_max: usize, has_sinks: bool, rule: ActivationRule) -> Option<Self> {
        Self::bytes(spec, rows_max, has_sinks).filter(|&n| isize::try_from(n).is_ok())?;
        let widths = Widths::new(spec, has_sinks);
        let zeros = |width: usize| vec![0.0; rows_max * width];
        Some(Self {
            hidden: zeros(widths.model),
            normed: zeros(widths.model),
            block_out: zeros(widths.model),
            q: zeros(widths.q),
            q_to_sinks: zeros(widths.q_to_sinks),
            k: zeros(widths.k),
            v: zeros(widths.v),
            inner: [(); 3].map(|()| zeros(widths.inner)),
            head_gates: [(); 2].map(|()| zeros(widths.head_gates)),
            gate: zeros(widths.feed_forward),
            up: zeros(widths.feed_forward),
            spare: zeros(widths.spare),
            router: zeros(widths.experts),
            routed: zeros(widths.routed),
            first_values: zeros(widths.first_values),
            per_layer: zeros(widths.per_layer),
            latent: [(); 2].map(|()| zeros(widths.latent)),
            expert_rows: Vec::with_capacity(rows_max),
            positions: Vec::with_capacity(rows_max),
            sink_positions: Vec::with_capacity(rows_max),
            input: Input::new(rows_max, rule),
        })
    }

    /// Returns the bytes of the buffers for `rows_max` rows, with the f32 and int8 copies that a matmul works on;
    /// `None` on overflow.
    pub(crate) fn bytes(spec: &ModelSpec, rows_max: usize, has_sinks: bool) -> Option<u64> {
        let widths = Widths::new(spec, has_sinks);
        let Widths { model, q, q_to_sinks, k, v, inner, head_gates, feed_forward, spare, experts, latent, .. } = widths;
        let floats =
            [3 * model as u64, 3 * inner as u64, 2 * head_gates as u64, 2 * feed_forward as u64, 2 * latent as u64]
                .into_iter()
                .chain([q, q_to_sinks, k, v, spare, experts].map(|n| n as u64))
                .chain([widths.routed, widths.first_values, widths.per_layer].map(|n| n as u64));
        let widest =
            model.max(inner).max(feed_forward).max(latent).max(spec.n_heads * spec.heads_max(|heads| heads.value_dim))
                as u64;
        // Codes, scales and sums of 256 activations are 384 bytes (`kernels::Rows`).
        let input = 4 * widest + widest.div_ceil(256) * 384;
        (4 * floats.sum::<u64>() + input).checked_mul(rows_max as u64)
    }
}
