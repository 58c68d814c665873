//! The one forward pass, for every family: what differs is in the [`ModelSpec`].

use std::ops::Range;

use gguf::Container;
use kernels::{ActivationRule, Kernels, KvLayout, KvPages, KvTypes, PageId, Rope, Span};

use crate::{
    LoadError, LoadOptions, NormType, PAGE_LEN, Requantised, adapters, encoder,
    experts::{self, Buffers, Streams},
    linear::Input,
    load::{self, Parts},
    observe::Observer,
    per_layer,
    recurrent::{self, StepStates},
    requantise, rope,
    scratch::{Scratch, has_sinks},
    shortcut::{self, HeadShortcut, HeadStats, Shortcut},
    spec::{ModelSpec, NormKind},
    states::{self, StateId, States},
    step::{Forward, Logits, LogitsWanted, PageArena, Step, StepSpan},
    weights::{FeedForward, Layer, Mixer, Mlp, Norm, Weights},
    window::{AttentionWindow, POSITIONS_MAX},
    wkv,
};

/// A loaded model: weights (in the map), KV arena, buffers.
pub struct Model {
    pub(crate) spec: ModelSpec,
    pub(crate) weights: Weights,
    pub(crate) rope: Rope,
    pub(crate) rope_local: Option<Rope>,
    pub(crate) slopes: Option<Vec<f32>>,
    context_len_max: usize,
    pub(crate) attention_window: Option<AttentionWindow>,
    step_rows_max: usize,
    pub(crate) kernels: Kernels,
    pub(crate) kv: KvPages,
    states: States,
    pub(crate) scratch: Scratch,
    spans: Vec<Span<'static>>,
    pub(crate) shortcut: Option<Shortcut>,
    embedding_copy: Option<Requantised>,
    norms_copy: Option<Requantised>,
    packed_bytes: u64,
    /// Vectors `[D]` added to the outputs of layers, or empty: see [`Model::steer`].
    pub(crate) steering: Vec<Vec<f32>>,
    /// How strongly each adapter is added where a step says nothing else: see [`Model::adapt`].
    pub(crate) adapter_scales: Vec<f32>,
}

impl Model {
    /// Checks every tensor against the family's [`ModelSpec`], then builds the arena.
    pub fn load(container: &Container, kernels: Kernels, options: &LoadOptions) -> Result<Self, LoadError> {
        let Parts { spec, mut weights, rope, rope_local, context_len_max } = load::load(container, options)?;
        let refuse = |what: String| LoadError::Option { file: container.name().to_owned(), what };
        let positions = options.kv_positions(context_len_max);
        if positions == 0 {
            return Err(refuse("a KV cache of 0 positions".to_owned()));
        }
        if positions > POSITIONS_MAX {
            return Err(refuse(format!("a KV cache of {positions} positions, expected at most {POSITIONS_MAX}")));
        }
        let n_pages = positions.div_ceil(PAGE_LEN);
        let kv = KvPages::new(kv_layout(&spec, options.kv_types), n_pages)
            .map_err(|e| refuse(format!("a KV cache of {positions} positions: {e}")))?;
        if spec.recurrence.is_some() && options.attention_window.is_some() {
            return Err(refuse("an attention window, but the model has layers whose states see everything".to_owned()));
        }
        if spec.is_encoder && options.attention_window.is_some() {
            return Err(refuse("an attention window, but the model is an encoder, which sees a text whole".to_owned()));
        }
        if spec.recurrence.is_some() && options.n_states == 0 {
            return Err(refuse("memory for 0 states, but each sequence needs one".to_owned()));
        }
        let states = States::new(&spec, options.n_states)
            .ok_or_else(|| refuse(format!("the states of {} sequences cannot be addressed", options.n_states)))?;
        if options.step_rows_max == 0 {
            return Err(refuse("a step of 0 rows".to_owned()));
        }
        let step_rows_max = options.step_rows(&spec, context_len_max);
        let scratch = Scratch::new(&spec, step_rows_max, has_sinks(options), options.activations)
            .ok_or_else(|| refuse(format!("the buffers of a step of {step_rows_max} rows cannot be addressed")))?;
        if options.activations == ActivationRule::PerToken && !weights.matrices().any(|m| m.has_row_scales()) {
            let what = "activations per token, but no matrix is ternary with one scale a row".to_owned();
            return Err(refuse(what));
        }
        let mut embedding_copy = None;
        if let Some(conversion) = options.embedding_type {
            requantise::embedding_bytes(conversion.to, &spec).map_err(refuse)?;
            let done = conversion
                .run(&mut weights.embedding, &spec)
                .map_err(|what| LoadError::tensor(container, "token_embd.weight", what))?;
            embedding_copy = Some(done);
        }
        let packed_bytes = options.packed_bytes(&mut weights, kernels.isa());
        if packed_bytes > 0 {
            weights.matrices().for_each(|matrix| matrix.may_pack = true);
        }
        let norms_copy = (options.norm_type == NormType::Ternary).then(|| requantise::norms(&mut weights));
        let model = Self {
            slopes: spec.has_linear_biases.then(|| rope::slopes(spec.n_heads)),
            spec,
            weights,
            rope,
            rope_local,
            context_len_max,
            attention_window: options.attention_window,
            step_rows_max,
            kernels,
            kv,
            states,
            scratch,
            spans: Vec::with_capacity(step_rows_max),
            shortcut: None,
            embedding_copy,
            norms_copy,
            packed_bytes,
            steering: Vec::new(),
            adapter_scales: Vec::new(),
        };
        Ok(model.with_head_shortcut(HeadShortcut::Auto))
    }

    /// Sets the policy for steps that want only the best tokens ([`LogitsWanted::Best`]).
    #[must_use]
    pub fn with_head_shortcut(mut self, mode: HeadShortcut) -> Self {
        let is_encoder = self.spec.is_encoder;
        self.shortcut = if is_encoder { None } else { Shortcut::new(mode, self.weights.head(), &self.spec) };
        self
    }

    /// Returns what the shortcut through the vocabulary head has done; `None` if this model has none.
    pub fn head_stats(&self) -> Option<HeadStats> {
        self.shortcut.as_ref().map(Shortcut::stats)
    }

    /// Shows the inputs of all matrices to `observer` from now on, or to nobody.
    pub fn set_observer(&mut self, observer: Option<Observer>) {
        self.scratch.input.set_observer(observer);
    }

    /// Returns what replaces the embedding table of the file ([`LoadOptions::embedding_type`]).
    pub fn requantised_embedding(&self) -> Option<Requantised> {
        self.embedding_copy
    }

    /// Number of bytes of weights in another form than the file's, beside the map.
    pub fn copy_bytes(&self) -> u64 {
        let of_keys = self.spec.latent_copy_bytes().unwrap_or_default() as u64;
        of_keys + self.embedding_copy.map_or(0, |copy| copy.new_bytes)
    }

    /// Returns what replaces the norms of the file ([`LoadOptions::norm_type`]).
    pub fn requantised_norms(&self) -> Option<Requantised> {
        self.norms_copy
    }

    /// Number of bytes of the KV cache that one position takes.
    pub fn kv_position_bytes(&self) -> u64 {
        self.kv.layout().position_bytes().unwrap_or_default() as u64
    }

    /// Number of bytes of the state that a sequence has beside keys and values.
    pub fn state_bytes(&self) -> u64 {
        states::state_bytes(&self.spec).unwrap_or_default() as u64
    }

    /// Number of bytes of the packed copy of the weights, once all matrices were multiplied with
    /// ([`LoadOptions::pack_bytes_max`]).
    pub fn packed_bytes(&self) -> u64 {
        self.packed_bytes
    }

    /// Returns the spec of the model, as its family states it.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }
}

/// Returns the shape of the KV cache of a model.
pub(crate) fn kv_layout(spec: &ModelSpec, types: KvTypes) -> KvLayout {
    let layers = (0..spec.n_layers).filter(|&layer| spec.has_kv(layer)).map(|layer| spec.heads(layer)).collect();
    KvLayout { layers, types }
}

impl PageArena for Model {
    fn page_bytes(&self) -> usize {
        self.kv.page_bytes()
    }

    fn copy_page(&mut self, from: PageId, to: PageId) {
        self.kv.copy_page(from, to);
    }

    fn read_page(&self, page: PageId, out: &mut [u8]) {
        self.kv.read_page(page, out);
    }

    fn write_page(&mut self, page: PageId, bytes: &[u8]) {
        self.kv.write_page(page, bytes);
    }
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

    fn n_states(&self) -> usize {
        self.states.n_states()
    }

    fn saved_state_bytes(&self) -> usize {
        self.states.saved_bytes()
    }

    fn read_state(&self, state: StateId, out: &mut [u8]) {
        self.states.read(state, out);
    }

    fn write_state(&mut self, state: StateId, bytes: &[u8]) {
        self.states.write(state, bytes);
    }

    fn copy_state(&mut self, from: StateId, to: StateId) {
        self.states.copy(from, to);
    }

    fn n_adapters(&self) -> usize {
        self.adapter_scales.len()
    }

    fn step_rows_max(&self) -> usize {
        self.step_rows_max
    }

    fn n_layers(&self) -> usize {
        self.spec.n_layers
    }

    fn width(&self) -> usize {
        self.spec.width
    }

    fn is_encoder(&self) -> bool {
        self.spec.is_encoder
    }

    fn has_scores(&self) -> bool {
        self.spec.has_rank_head()
    }

    fn attention_window(&self) -> Option<AttentionWindow> {
        self.attention_window
    }

    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let n_rows: usize = step.spans.iter().map(|s| s.tokens.len()).sum();
        assert!(n_rows <= self.step_rows_max, "{n_rows} rows in a step of at most {}", self.step_rows_max);
        let n_layers = step.n_layers.unwrap_or(self.spec.n_layers);
        assert!(
            (1..=self.spec.n_layers).contains(&n_layers),
            "{n_layers} layers of a model that has {}",
            self.spec.n_layers
        );
        assert!(
            n_layers == self.spec.n_layers || self.spec.recurrence.is_none(),
            "an early exit of a model with states"
        );
        let spans = self.begin(step);
        per_layer::begin(&self.kernels, &self.spec, &self.weights, &mut self.scratch, step);
        self.states.begin(step.spans);
        for layer in 0..n_layers {
            self.mix(layer, n_rows, step, &spans);
            self.feed(layer, n_rows, step);
            per_layer::finish(&self.kernels, &self.spec, &self.weights.layers[layer], &mut self.scratch, layer, n_rows);
            if let Some(vector) = self.steering.get(layer).filter(|vector| !vector.is_empty()) {
                let rows = self.scratch.hidden[..n_rows * vector.len()].chunks_exact_mut(vector.len());
                rows.for_each(|row| self.kernels.add(row, vector));
            }
        }
        self.states.end(step.spans);
        self.spans = recycled(spans);
        self.hidden(step, logits);
        encoder::scores(&self.kernels, &self.spec, &self.weights, &mut self.scratch, step, logits);
        self.head(step, logits);
    }
}

/// Empties a vector and returns its allocation for borrows of another lifetime (collecting in place reuses it).
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
        self.scratch.sink_positions.clear();
        self.scratch.input.adapters.set(step, &self.adapter_scales);
        let mut row = 0;
        for span in step.spans {
            let end = span.position_first + span.tokens.len();
            assert!(end <= self.context_len_max, "position {end} beyond the context of {}", self.context_len_max);
            assert!(end <= span.pages.len() * PAGE_LEN, "{end} positions in {} pages", span.pages.len());
            let is_whole = span.position_first == 0
                && matches!(span.logits, LogitsWanted::Hidden | LogitsWanted::Score | LogitsWanted::None);
            assert!(is_whole || !self.spec.is_encoder, "{:?} from position {}", span.logits, span.position_first);
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
                if let Some(rotation) = &self.weights.embedding_rotation {
                    rotation.undo(&self.kernels, out);
                }
                adapters::add_to_embedding(&self.kernels, &self.weights, &mut self.scratch.input, row, *token, out);
                if self.spec.embedding_scale != 1.0 {
                    out.iter_mut().for_each(|x| *x *= self.spec.embedding_scale);
                }
                let position = position_first + i;
                encoder::add_to_embedding(&self.kernels, &self.spec, &self.weights, &mut self.scratch, row, position);
                self.scratch.positions.push(position as u32);
                let sink_position = self.attention_window.map_or(position, |window| window.sink_position(position));
                self.scratch.sink_positions.push(sink_position as u32);
                row += 1;
            }
        }
        spans
    }

    /// Adds to the residual stream what one layer makes of each row and those before it.
    fn mix(&mut self, index: usize, n_rows: usize, step: &Step<'_>, spans: &[Span<'_>]) {
        let Self { spec, weights, kernels, scratch, states, .. } = self;
        let layer = &weights.layers[index];
        let Some(mixer) = &layer.mixer else { return };
        let n = n_rows * spec.width;
        let room = scratch.input.room(n_rows, spec.width);
        normed(kernels, spec, &scratch.hidden[..n], layer.mixer_norm.as_ref(), room);
        scratch.input.fill(kernels);
        match mixer {
            Mixer::Attention(_) => self.attend(index, n_rows, spans),
            Mixer::Latent(_) => self.attend_latent(index, n_rows, spans),
            recurrent => {
                let states = StepStates { states, layer: spec.state_index(index), spans: step.spans };
                match recurrent {
                    Mixer::Attention(_) | Mixer::Latent(_) => {}
                    Mixer::ShortConvolution(weights) => recurrent::convolve(kernels, weights, scratch, states),
                    Mixer::DeltaNet(weights) => recurrent::delta_net(kernels, spec, weights, scratch, states),
                    Mixer::Mamba(weights) => recurrent::mamba(kernels, spec, weights, scratch, states),
                    Mixer::TimeMix(weights) => wkv::mix_times(kernels, spec, weights, scratch, states),
                }
            }
        }
        let Self { spec, weights, kernels, scratch, .. } = self;
        let Scratch { hidden, normed: x, block_out, spare, .. } = scratch;
        let Layer { mixer_post_norm, mlp_norm, mixer_sum_norm, .. } = &weights.layers[index];
        if spec.has_parallel_blocks {
            normed(kernels, spec, &hidden[..n], mlp_norm.as_ref(), &mut x[..n]);
        }
        add_block(kernels, spec, &mut hidden[..n], &mut block_out[..n], mixer_post_norm.as_ref(), spare);
        norm_in_place(kernels, spec, &mut hidden[..n], mixer_sum_norm.as_ref(), spare);
    }

    /// Adds the feed-forward network or the experts of one layer to the residual stream.
    fn feed(&mut self, index: usize, n_rows: usize, step: &Step<'_>) {
        let Self { spec, weights, kernels, scratch, states, .. } = self;
        let Layer { mlp_norm, mlp: Some(mlp), mlp_post_norm, mlp_sum_norm, .. } = &weights.layers[index] else {
            return;
        };
        let width = spec.width;
        let n = n_rows * width;
        match mlp {
            Mlp::Dense(network) => {
                let Scratch { hidden, normed: x, input, gate, up, block_out, .. } = scratch;
                if spec.has_parallel_blocks {
                    input.room(n_rows, width).copy_from_slice(&x[..n]);
                } else {
                    normed(kernels, spec, &hidden[..n], mlp_norm.as_ref(), input.room(n_rows, width));
                }
                input.fill(kernels);
                feed_forward(kernels, spec, network, n_rows, Feed { input, gate, up, out: &mut block_out[..n] });
            }
            Mlp::ChannelMix(weights) => {
                normed(kernels, spec, &scratch.hidden[..n], mlp_norm.as_ref(), &mut scratch.normed[..n]);
                let states = StepStates { states, layer: spec.state_index(index), spans: step.spans };
                wkv::mix_channels(kernels, spec, weights, scratch, states);
            }
            Mlp::Experts(experts) => {
                let Scratch {
                    hidden,
                    input,
                    gate,
                    up,
                    router: scores,
                    normed: x,
                    block_out,
                    spare,
                    latent,
                    routed,
                    expert_rows,
                    ..
                } = scratch;
                let buffers = Buffers { input, gate, up, scores, result: spare, latent, expert_rows };
                let out = &mut block_out[..n];
                if let Some(beside) = &experts.beside {
                    let (hidden, seen, routed) = (&hidden[..n], &mut x[..n], &mut routed[..n]);
                    let streams = Streams { hidden, seen, routed, out };
                    experts::apply_beside(kernels, spec, (experts, beside), mlp_norm.as_ref(), streams, buffers);
                } else {
                    if !spec.has_parallel_blocks {
                        normed(kernels, spec, &hidden[..n], mlp_norm.as_ref(), &mut x[..n]);
                    }
                    experts::apply(kernels, spec, experts, &x[..n], out, buffers);
                }
            }
        }
        let Scratch { hidden, block_out, spare, .. } = scratch;
        add_block(kernels, spec, &mut hidden[..n], &mut block_out[..n], mlp_post_norm.as_ref(), spare);
        norm_in_place(kernels, spec, &mut hidden[..n], mlp_sum_norm.as_ref(), spare);
    }

    /// Computes the hidden states of the rows that want them.
    fn hidden(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let Self { spec, weights, kernels, scratch, .. } = self;
        let width = spec.width;
        let wants = |span: &StepSpan<'_>| span.logits == LogitsWanted::Hidden;
        let n_rows: usize = step.spans.iter().filter(|span| wants(span)).map(|span| span.tokens.len()).sum();
        let mut out = logits.resize_hidden(n_rows, width);
        let mut hidden = &scratch.hidden[..];
        for span in step.spans {
            let (rows, rest) = hidden.split_at(span.tokens.len() * width);
            hidden = rest;
            if wants(span) {
                let (of_span, rest) = std::mem::take(&mut out).split_at_mut(rows.len());
                out = rest;
                normed(kernels, spec, rows, weights.output_norm.as_ref(), of_span);
            }
        }
        scratch.input.adapters.choose(rows_of(step, |span| if wants(span) { 0..span.tokens.len() } else { 0..0 }));
        encoder::project(kernels, spec, weights, scratch, logits.resize_hidden(n_rows, width));
    }

    /// Computes the logits of the rows that want them.
    fn head(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let Self { spec, weights, kernels, scratch, shortcut, .. } = self;
        let width = spec.width;
        let best = step.spans.iter().rev().find_map(|span| match span.logits {
            LogitsWanted::Best(n) => Some(n),
            _ => None,
        });
        let wanted = |span: &StepSpan<'_>| {
            let n = span.tokens.len();
            match span.logits {
                LogitsWanted::None | LogitsWanted::Hidden | LogitsWanted::Score => n..n,
                LogitsWanted::Last | LogitsWanted::Best(_) => n.saturating_sub(1)..n,
                LogitsWanted::All => 0..n,
            }
        };
        let mut n_wanted = 0;
        for row in rows_of(step, wanted) {
            let from = row * width;
            scratch.normed[n_wanted * width..][..width].copy_from_slice(&scratch.hidden[from..from + width]);
            n_wanted += 1;
        }
        scratch.input.adapters.choose(rows_of(step, wanted));
        let out = logits.resize(n_wanted, spec.n_vocab);
        if n_wanted == 0 {
            return;
        }
        let n = n_wanted * width;
        let input = scratch.input.room(n_wanted, width);
        normed(kernels, spec, &scratch.normed[..n], weights.output_norm.as_ref(), input);
        scratch.input.fill(kernels);
        let head = weights.head();
        let mut shortcut = shortcut.as_mut().zip(best).filter(|_| n_wanted == 1);
        if let Some((shortcut, n_best)) = &mut shortcut
            && shortcut.apply(kernels, spec, head, &mut scratch.input, *n_best, out)
        {
            logits.set_partial();
            return;
        }
        scratch.input.multiply(kernels, [(head, &mut *out)]);
        if let Some((shortcut, n_best)) = shortcut {
            shortcut.observe(kernels, head, &mut scratch.input, n_best, out);
        }
        shortcut::finish(kernels, spec, out);
    }
}

/// Rows of a step that `of_span` chooses of each of its spans.
pub(crate) fn rows_of<'a>(
    step: &Step<'a>,
    of_span: impl Fn(&StepSpan<'a>) -> Range<usize>,
) -> impl Iterator<Item = usize> {
    let mut first = 0;
    step.spans.iter().flat_map(move |span| {
        let rows = of_span(span);
        let from = first;
        first += span.tokens.len();
        rows.map(move |row| from + row)
    })
}

/// Applies a norm of the spec's kind, or copies where the family has none.
pub(crate) fn normed(kernels: &Kernels, spec: &ModelSpec, x: &[f32], norm: Option<&Norm>, out: &mut [f32]) {
    match (norm, spec.norm_kind) {
        (Some(norm), NormKind::Rms) => kernels.rms_norm(x, &norm.weight, spec.norm_epsilon, out),
        (Some(norm), NormKind::Layer { .. }) => {
            kernels.layer_norm(x, &norm.weight, norm.bias.as_deref(), spec.norm_epsilon, out);
        }
        (None, _) => out.copy_from_slice(x),
    }
}

/// Applies a norm of the spec's kind to `x` in place, by way of `spare`; nothing where there is none.
pub(crate) fn norm_in_place(
    kernels: &Kernels,
    spec: &ModelSpec,
    x: &mut [f32],
    norm: Option<&Norm>,
    spare: &mut [f32],
) {
    if norm.is_some() {
        let spare = &mut spare[..x.len()];
        normed(kernels, spec, x, norm, spare);
        x.copy_from_slice(spare);
    }
}

/// Applies a norm by the root mean square to `x` in place, by way of `spare`.
pub(crate) fn in_place_norm(kernels: &Kernels, spec: &ModelSpec, x: &mut [f32], weight: &[f32], spare: &mut [f32]) {
    let spare = &mut spare[..x.len()];
    kernels.rms_norm(x, weight, spec.norm_epsilon, spare);
    x.copy_from_slice(spare);
}

/// Adds a block's output: `hidden += residual_scale · post_norm(block)`; `spare` `[T, D]`.
fn add_block(
    kernels: &Kernels,
    spec: &ModelSpec,
    hidden: &mut [f32],
    block: &mut [f32],
    post_norm: Option<&Norm>,
    spare: &mut [f32],
) {
    norm_in_place(kernels, spec, block, post_norm, spare);
    if spec.residual_scale == 1.0 {
        kernels.add(hidden, block);
    } else {
        kernels.add_scaled(hidden, spec.residual_scale, block);
    }
}

/// Buffers of one feed-forward network; `input` already holds what goes in.
pub(crate) struct Feed<'a> {
    pub(crate) input: &'a mut Input,
    pub(crate) gate: &'a mut [f32],
    pub(crate) up: &'a mut [f32],
    pub(crate) out: &'a mut [f32],
}

/// Computes a feed-forward network: `out = down(norm(act(gate x) · up x))`, or `down(norm(act(up x)))` without a gate.
pub(crate) fn feed_forward(kernels: &Kernels, spec: &ModelSpec, network: &FeedForward, n_rows: usize, feed: Feed<'_>) {
    let FeedForward { gate, up, down, sub_norm } = network;
    let Feed { input, gate: gate_out, up: up_out, out } = feed;
    let n = n_rows * up.rows();
    let up_out = &mut up_out[..n];
    let gated = if let Some(gate) = gate {
        let gate_out = &mut gate_out[..n];
        input.multiply(kernels, [(gate, &mut *gate_out), (up, &mut *up_out)]);
        let gated = input.room(n_rows, up.rows());
        kernels.gate(spec.gate, gate_out, up_out, gated);
        gated
    } else {
        input.multiply(kernels, [(up, &mut *up_out)]);
        let gated = input.room(n_rows, up.rows());
        kernels.activate(spec.gate, up_out, gated);
        gated
    };
    if let Some(weight) = sub_norm {
        in_place_norm(kernels, spec, gated, weight, up_out);
    }
    input.fill(kernels);
    input.multiply(kernels, [(down, out)]);
}
