//! The one forward pass, for every family: what differs is in the [`ModelSpec`].

use gguf::Container;
use kernels::{AttentionShape, Kernels, KvLayout, KvPages, Rope, Span};

use crate::{
    LoadError, LoadOptions, PAGE_LEN,
    experts::{self, Buffers},
    load::{self, Parts},
    scratch::Scratch,
    spec::{ModelSpec, QkNorm},
    step::{Forward, Logits, LogitsWanted, Step},
    weights::{Attention, FeedForward, Layer, Mlp, Weights},
};

/// A loaded model: weights (in the map), KV arena, scratch.
pub struct Model {
    spec: ModelSpec,
    weights: Weights,
    rope: Rope,
    rope_local: Option<Rope>,
    context_len_max: usize,
    step_rows_max: usize,
    kernels: Kernels,
    kv: KvPages,
    scratch: Scratch,
    spans: Vec<Span<'static>>,
}

impl Model {
    /// Checks every tensor against the family's [`ModelSpec`], then builds the arena.
    pub fn load(container: &Container, kernels: Kernels, options: &LoadOptions) -> Result<Self, LoadError> {
        let Parts { spec, weights, rope, rope_local, context_len_max } =
            load::load(container, options.context_len_max)?;
        let refuse = |what: String| LoadError::Option { file: container.name().to_owned(), what };
        let positions = options.kv_positions.unwrap_or(context_len_max);
        let n_pages = positions.div_ceil(PAGE_LEN);
        let kv = KvPages::new(kv_layout(&spec, options.kv_type), n_pages)
            .map_err(|e| refuse(format!("a KV cache of {positions} positions: {e}")))?;
        if options.step_rows_max == 0 {
            return Err(refuse("a step of 0 rows".to_owned()));
        }
        let step_rows_max = options.step_rows_max.min(positions.max(1));
        let scratch = Scratch::new(&spec, step_rows_max);
        Ok(Self {
            spec,
            weights,
            rope,
            rope_local,
            context_len_max,
            step_rows_max,
            kernels,
            kv,
            scratch,
            spans: Vec::with_capacity(step_rows_max),
        })
    }

    /// What the family says.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }
}

/// Shape of the KV cache of a model.
pub(crate) fn kv_layout(spec: &ModelSpec, kv_type: kernels::KvType) -> KvLayout {
    let ModelSpec { n_layers, n_kv_heads, key_dim, value_dim, .. } = *spec;
    KvLayout { n_layers, n_kv_heads, key_dim, value_dim, kv_type }
}

impl Forward for Model {
    fn n_vocab(&self) -> usize {
        self.spec.n_vocab
    }

    fn context_len_max(&self) -> usize {
        self.context_len_max
    }

    fn n_pages(&self) -> usize {
        self.kv.n_pages()
    }

    fn step_rows_max(&self) -> usize {
        self.step_rows_max
    }

    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let n_rows: usize = step.spans.iter().map(|s| s.tokens.len()).sum();
        assert!(n_rows <= self.step_rows_max, "{n_rows} rows in a step of at most {}", self.step_rows_max);
        let spans = self.begin(step);
        for layer in 0..self.spec.n_layers {
            self.attend(layer, n_rows, &spans);
            self.feed(layer, n_rows);
        }
        self.spans = recycled(spans);
        self.head(step, logits);
    }
}

/// An empty vector with the allocation of `spans`, for borrows of another lifetime (collecting in place reuses it).
fn recycled<'b>(mut spans: Vec<Span<'_>>) -> Vec<Span<'b>> {
    spans.clear();
    spans.into_iter().map(|span| Span { pages: &[], ..span }).collect()
}

impl Model {
    /// Embeds the tokens into the residual stream, notes their positions, lays out the spans.
    fn begin<'a>(&mut self, step: &Step<'a>) -> Vec<Span<'a>> {
        let mut spans = recycled(std::mem::take(&mut self.spans));
        let width = self.spec.width;
        self.scratch.positions.clear();
        let mut row = 0;
        for span in step.spans {
            let end = span.position_first + span.tokens.len();
            assert!(end <= self.context_len_max, "position {end} beyond the context of {}", self.context_len_max);
            assert!(end <= span.pages.len() * PAGE_LEN, "{end} positions in {} pages", span.pages.len());
            let (row_first, n_rows, position_first) = (row, span.tokens.len(), span.position_first);
            spans.push(Span { row_first, n_rows, position_first, pages: span.pages });
            for (i, token) in span.tokens.iter().enumerate() {
                assert!(
                    (token.0 as usize) < self.spec.n_vocab,
                    "token {} of a vocabulary of {}",
                    token.0,
                    self.spec.n_vocab
                );
                let out = &mut self.scratch.hidden[row * width..][..width];
                self.weights.embedding.decode_row(token.0 as usize, out);
                if self.spec.embedding_scale != 1.0 {
                    out.iter_mut().for_each(|x| *x *= self.spec.embedding_scale);
                }
                self.scratch.positions.push((position_first + i) as u32);
                row += 1;
            }
        }
        spans
    }

    /// Attention of one layer, added to the residual stream.
    fn attend(&mut self, index: usize, n_rows: usize, spans: &[Span<'_>]) {
        let Self { spec, weights, rope, rope_local, kernels, kv, scratch, .. } = self;
        let layer = &weights.layers[index];
        let Attention { q, k, v, output, q_norm, k_norm, sub_norm } = &layer.attention;
        let width = spec.width;
        normed(
            kernels,
            spec,
            &scratch.hidden[..n_rows * width],
            layer.attention_norm.as_deref(),
            &mut scratch.normed[..n_rows * width],
        );
        kernels.set_rows(&mut scratch.rows, &scratch.normed[..n_rows * width], width);
        let q_out = &mut scratch.q[..n_rows * q.rows()];
        let k_out = &mut scratch.k[..n_rows * k.rows()];
        let v_out = &mut scratch.v[..n_rows * v.rows()];
        kernels.matmul_many(
            &mut [(q.matrix(), &mut *q_out), (k.matrix(), &mut *k_out), (v.matrix(), &mut *v_out)],
            &mut scratch.rows,
        );
        q.finish(q_out);
        k.finish(k_out);
        v.finish(v_out);
        if spec.qk_norm != QkNorm::None {
            for (x, weight, spare) in
                [(&mut *q_out, q_norm, &mut scratch.attended), (&mut *k_out, k_norm, &mut scratch.gate)]
            {
                if let Some(weight) = weight {
                    // In place by way of a buffer that is free at this point, if it is large enough.
                    in_place_norm(kernels, spec, x, weight, spare);
                }
            }
        }
        if spec.has_rope(index) {
            let rope = rope_local.as_ref().filter(|_| spec.is_local(index)).unwrap_or(rope);
            kernels.rope(rope, &scratch.positions, spec.n_heads, q_out);
            kernels.rope(rope, &scratch.positions, spec.n_kv_heads, k_out);
        }
        kernels.kv_write(kv, index, spans, k_out, v_out);
        let shape = AttentionShape {
            n_heads: spec.n_heads,
            scale: spec.attention_scale,
            soft_cap: spec.attention_soft_cap,
            window: spec.window.filter(|_| spec.is_local(index)),
        };
        let o_cols = spec.n_heads * spec.value_dim;
        let attended = &mut scratch.attended[..n_rows * o_cols];
        kernels.attention(kv, index, spans, &shape, q_out, attended);
        match sub_norm {
            None => kernels.set_rows(&mut scratch.rows, attended, o_cols),
            Some(weight) => {
                let spare = &mut scratch.q[..n_rows * o_cols];
                kernels.rms_norm(attended, weight, spec.norm_epsilon, spare);
                kernels.set_rows(&mut scratch.rows, spare, o_cols);
            }
        }
        let out = &mut scratch.block_out[..n_rows * width];
        output.apply(kernels, &mut scratch.rows, out);
        let hidden = &mut scratch.hidden[..n_rows * width];
        add_block(kernels, spec, hidden, out, layer.attention_post_norm.as_deref(), &mut scratch.normed);
    }

    /// Feed-forward network or experts of one layer, added to the residual stream.
    fn feed(&mut self, index: usize, n_rows: usize) {
        let Self { spec, weights, kernels, scratch, .. } = self;
        let Layer { mlp_norm, mlp, mlp_post_norm, .. } = &weights.layers[index];
        let width = spec.width;
        let n = n_rows * width;
        normed(kernels, spec, &scratch.hidden[..n], mlp_norm.as_deref(), &mut scratch.normed[..n]);
        match mlp {
            Mlp::Dense(network) => {
                kernels.set_rows(&mut scratch.rows, &scratch.normed[..n], width);
                let Scratch { rows, gate, up, block_out, .. } = scratch;
                feed_forward(kernels, spec, network, n_rows, Feed { rows, gate, up, out: &mut block_out[..n] });
            }
            Mlp::Experts { router, experts } => {
                let Scratch { rows, gate, up, router: scores, normed, block_out, q, expert_rows, .. } = scratch;
                let buffers = Buffers { rows, gate, up, scores, gathered: q, expert_rows };
                experts::apply(kernels, spec, router, experts, &normed[..n], &mut block_out[..n], buffers);
            }
        }
        let Scratch { hidden, block_out, normed, .. } = scratch;
        add_block(kernels, spec, &mut hidden[..n], &mut block_out[..n], mlp_post_norm.as_deref(), normed);
    }

    /// Logits of the rows that want them.
    fn head(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let Self { spec, weights, kernels, scratch, .. } = self;
        let width = spec.width;
        let (mut row, mut n_wanted) = (0, 0);
        for span in step.spans {
            let n = span.tokens.len();
            let wanted = match span.logits {
                LogitsWanted::None => n..n,
                LogitsWanted::Last => n.saturating_sub(1)..n,
                LogitsWanted::All => 0..n,
            };
            for i in wanted {
                let from = (row + i) * width;
                scratch.normed[n_wanted * width..][..width].copy_from_slice(&scratch.hidden[from..from + width]);
                n_wanted += 1;
            }
            row += n;
        }
        let out = logits.resize(n_wanted, spec.n_vocab);
        if n_wanted == 0 {
            return;
        }
        let n = n_wanted * width;
        kernels.rms_norm(&scratch.normed[..n], &weights.output_norm, spec.norm_epsilon, &mut scratch.block_out[..n]);
        kernels.set_rows(&mut scratch.rows, &scratch.block_out[..n], width);
        weights.head.as_ref().unwrap_or(&weights.embedding).apply(kernels, &mut scratch.rows, out);
        if spec.logit_scale != 1.0 {
            out.iter_mut().for_each(|x| *x *= spec.logit_scale);
        }
        if let Some(cap) = spec.logit_soft_cap {
            kernels.soft_cap(out, cap);
        }
    }
}

/// The norm before a block, or a copy where the family has none.
fn normed(kernels: &Kernels, spec: &ModelSpec, x: &[f32], weight: Option<&[f32]>, out: &mut [f32]) {
    match weight {
        Some(weight) => kernels.rms_norm(x, weight, spec.norm_epsilon, out),
        None => out.copy_from_slice(x),
    }
}

/// Norm of `x` in place, by way of `spare`.
fn in_place_norm(kernels: &Kernels, spec: &ModelSpec, x: &mut [f32], weight: &[f32], spare: &mut Vec<f32>) {
    if spare.len() < x.len() {
        spare.resize(x.len(), 0.0);
    }
    let spare = &mut spare[..x.len()];
    kernels.rms_norm(x, weight, spec.norm_epsilon, spare);
    x.copy_from_slice(spare);
}

/// `hidden += residual_scale · post_norm(block)`; `spare` `[T, D]`.
fn add_block(
    kernels: &Kernels,
    spec: &ModelSpec,
    hidden: &mut [f32],
    block: &mut [f32],
    post_norm: Option<&[f32]>,
    spare: &mut Vec<f32>,
) {
    if let Some(weight) = post_norm {
        in_place_norm(kernels, spec, block, weight, spare);
    }
    if spec.residual_scale == 1.0 {
        kernels.add(hidden, block);
    } else {
        kernels.add_scaled(hidden, spec.residual_scale, block);
    }
}

/// Buffers of one feed-forward network; `rows` already holds its input.
pub(crate) struct Feed<'a> {
    pub(crate) rows: &'a mut kernels::Rows,
    pub(crate) gate: &'a mut [f32],
    pub(crate) up: &'a mut [f32],
    pub(crate) out: &'a mut [f32],
}

/// `out = down(norm(act(gate x) · up x))`
pub(crate) fn feed_forward(kernels: &Kernels, spec: &ModelSpec, network: &FeedForward, n_rows: usize, feed: Feed<'_>) {
    let FeedForward { gate, up, down, sub_norm } = network;
    let Feed { rows, gate: gate_out, up: up_out, out } = feed;
    let n = n_rows * gate.rows();
    let (gate_out, up_out) = (&mut gate_out[..n], &mut up_out[..n]);
    kernels.matmul_many(&mut [(gate.matrix(), &mut *gate_out), (up.matrix(), &mut *up_out)], rows);
    gate.finish(gate_out);
    up.finish(up_out);
    kernels.gate(spec.gate, gate_out, up_out);
    match sub_norm {
        None => kernels.set_rows(rows, gate_out, gate.rows()),
        Some(weight) => {
            kernels.rms_norm(gate_out, weight, spec.norm_epsilon, up_out);
            kernels.set_rows(rows, up_out, gate.rows());
        }
    }
    down.apply(kernels, rows, out);
}
