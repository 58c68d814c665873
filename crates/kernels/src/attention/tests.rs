use super::*;
use crate::{Isa, Kernels, KvHeads, KvLayout, KvType, KvTypes, PageId};
use quant::ternarise::Mode;
use testkit::{Rng, assert_same_f32, nmse};

/// A sequence with all its keys, values and queries.
struct Case {
    layout: KvHeads,
    types: KvTypes,
    shape: AttentionShape,
    n: usize,
    q: Vec<f32>,
    /// Queries as they meet sinks; like `q` if there are none.
    q_to_sinks: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// Learned sinks, or empty.
    learned_sinks: Vec<f32>,
    /// Slopes of linear biases, or empty.
    slopes: Vec<f32>,
}

impl Case {
    fn new(
        seed: u64,
        types: impl Into<KvTypes>,
        n: usize,
        n_heads: usize,
        window: Option<usize>,
        soft_cap: Option<f32>,
    ) -> Self {
        let layout = KvHeads { n_kv_heads: 2, key_dim: 64, value_dim: 32, are_values_in_keys: false };
        let mut rng = Rng::new(seed);
        let shape = AttentionShape { n_heads, scale: 0.3, soft_cap, window, ahead: 0, sinks: 0 };
        Self {
            layout,
            types: types.into(),
            shape,
            n,
            q: rng.normals(n * n_heads * layout.key_dim),
            q_to_sinks: rng.normals(n * n_heads * layout.key_dim),
            k: rng.normals(n * layout.n_kv_heads * layout.key_dim),
            v: rng.normals(n * layout.n_kv_heads * layout.value_dim),
            learned_sinks: Vec::new(),
            slopes: Vec::new(),
        }
    }

    /// A cache of two such layers.
    fn kv_layout(&self) -> KvLayout {
        KvLayout { layers: vec![self.layout; 2], types: self.types }
    }

    /// Values are the first elements of the keys of one KV head.
    fn with_values_in_keys(mut self) -> Self {
        self.layout = KvHeads { n_kv_heads: 1, are_values_in_keys: true, ..self.layout };
        let keys = self.k.chunks(self.layout.key_dim).take(self.n);
        self.v = keys.flat_map(|key| key[..self.layout.value_dim].to_vec()).collect();
        self
    }

    /// Rows see so many positions after their own.
    fn with_ahead(mut self, ahead: usize) -> Self {
        self.shape.ahead = ahead;
        self
    }

    /// Scores lose something for each position between query and key, of each head something else.
    fn with_slopes(mut self) -> Self {
        self.slopes = (0..self.shape.n_heads).map(|head| 0.5 / (head + 1) as f32).collect();
        self
    }

    /// Each head has a learned sink: small ones, large ones, one that takes nearly all and one that takes nothing.
    fn with_learned_sinks(mut self) -> Self {
        let sinks = [0.5, -3.0, 12.0, 2.0, f32::NEG_INFINITY, 40.0];
        self.learned_sinks = sinks.into_iter().cycle().take(self.shape.n_heads).collect();
        self
    }

    /// The first so many positions are seen whatever the window.
    fn with_sinks(mut self, sinks: usize) -> Self {
        self.shape.sinks = sinks;
        self
    }

    /// First position of the window of row `t`.
    fn window_first(&self, t: usize) -> usize {
        self.shape.window.map_or(0, |w| (t + 1).saturating_sub(w))
    }

    /// `pages` with ids that do not exist wherever none of `rows` sees anything.
    fn table(&self, pages: &[PageId], rows: Range<usize>) -> Vec<PageId> {
        let end = rows.end.saturating_add(self.shape.ahead).min(self.n);
        let is_seen = |p: usize| p < end && (p < self.shape.sinks || p >= self.window_first(rows.start));
        let entry = |(i, page)| {
            let is_seen = (i * PAGE_LEN..(i + 1) * PAGE_LEN).any(is_seen);
            if is_seen { page } else { PageId(u32::MAX) }
        };
        pages.iter().copied().enumerate().map(entry).collect()
    }

    /// Feeds the sequence in chunks of the given lengths (the last repeats).
    fn run(&self, kernels: &Kernels, chunks: &[usize]) -> Vec<f32> {
        let Case { layout, shape, n, .. } = *self;
        let n_pages = n.div_ceil(PAGE_LEN);
        // Backwards, to see that the table is used.
        let pages: Vec<_> = (0..n_pages).rev().map(|p| PageId(p as u32)).collect();
        let mut kv = KvPages::new(self.kv_layout(), n_pages).expect("small");
        let mut out = Vec::new();
        let mut lengths = chunks.iter().copied().chain(std::iter::repeat(*chunks.last().expect("some")));
        while out.len() < n * shape.n_heads * layout.value_dim {
            let first = out.len() / (shape.n_heads * layout.value_dim);
            let rows = lengths.next().expect("endless").min(n - first);
            let part = |x: &[f32], width: usize| x[first * width..][..rows * width].to_vec();
            let table = self.table(&pages, first..first + rows);
            let spans = [Span { row_first: 0, n_rows: rows, position_first: first, pages: &table }];
            let key_width = layout.n_kv_heads * layout.key_dim;
            let value_width = layout.n_kv_heads * layout.value_dim;
            kernels.kv_write(&mut kv, 1, &spans, &part(&self.k, key_width), &part(&self.v, value_width));
            let mut chunk = vec![0.0; rows * shape.n_heads * layout.value_dim];
            let q_width = shape.n_heads * layout.key_dim;
            let (q, q_to_sinks) = (part(&self.q, q_width), part(&self.q_to_sinks, q_width));
            let queries = Queries {
                all: &q,
                to_sinks: (shape.sinks > 0).then_some(&q_to_sinks),
                learned_sinks: Some(&*self.learned_sinks).filter(|sinks| !sinks.is_empty()),
                slopes: Some(&*self.slopes).filter(|slopes| !slopes.is_empty()),
            };
            kernels.attention(&kv, 1, &spans, &shape, queries, &mut chunk);
            out.extend(chunk);
        }
        out
    }

    /// The definition, in f64, on unquantised keys.
    fn exact(&self) -> Vec<f32> {
        let Case { layout, shape, n, .. } = *self;
        let group = shape.n_heads / layout.n_kv_heads;
        let mut out = Vec::new();
        for t in 0..n {
            let sinks = 0..shape.sinks.min(t + 1);
            let end = (t + 1).saturating_add(shape.ahead).min(n);
            let seen: Vec<_> = sinks.clone().chain(self.window_first(t).max(sinks.end)..end).collect();
            for h in 0..shape.n_heads {
                let at = |p: usize| p * layout.n_kv_heads + h / group;
                let score = |&p: &usize| {
                    let q = if p < sinks.end { &self.q_to_sinks } else { &self.q };
                    let q = &q[(t * shape.n_heads + h) * layout.key_dim..][..layout.key_dim];
                    let k = &self.k[at(p) * layout.key_dim..][..layout.key_dim];
                    let s = q.iter().zip(k).map(|(q, k)| f64::from(q * k)).sum::<f64>() * f64::from(shape.scale);
                    let s = s - self.slopes.get(h).map_or(0.0, |slope| f64::from(*slope) * t.abs_diff(p) as f64);
                    shape.soft_cap.map_or(s, |cap| f64::from(cap) * (s / f64::from(cap)).tanh()).exp()
                };
                let weights: Vec<f64> = seen.iter().map(score).collect();
                let sink = self.learned_sinks.get(h).map_or(0.0, |&sink| f64::from(sink).exp());
                let sum: f64 = weights.iter().sum::<f64>() + sink;
                for d in 0..layout.value_dim {
                    let weighted =
                        seen.iter().zip(&weights).map(|(p, w)| w * f64::from(self.v[at(*p) * layout.value_dim + d]));
                    out.push((weighted.sum::<f64>() / sum) as f32);
                }
            }
        }
        out
    }
}

fn kernels(isa: Isa, n_threads: usize) -> Kernels {
    Kernels::new(Some(isa), n_threads).expect("available")
}

#[test]
fn agrees_with_its_definition() {
    for (window, soft_cap) in
        [(None, None), (Some(1), None), (Some(40), Some(2.0)), (Some(1000), None), (None, Some(5.0))]
    {
        let case = Case::new(5, KvType::F32, 150, 6, window, soft_cap);
        let error = nmse(&case.run(&kernels(Isa::best(), 2), &[150]), &case.exact());
        assert!(error < 1e-11, "window {window:?}, cap {soft_cap:?}: NMSE {error:e}");
    }
    // Half precision keys and values: 11 bits; int8 blocks: 8 bits; 4 bits; under 2 bits, which such sharp attention
    // does not stand.
    let lsq = KvType::T2(Mode::LeastSquares);
    for (kv_type, error_max) in
        [(KvType::F32, 1e-11), (KvType::F16, 1e-6), (KvType::Q8_0, 2e-4), (KvType::Q4_0, 0.05), (lsq, 1.0)]
    {
        for is_rotated in [false, true] {
            let case = Case::new(6, KvTypes { is_rotated, ..kv_type.into() }, 70, 4, None, None);
            let error = nmse(&case.run(&kernels(Isa::best(), 1), &[70]), &case.exact());
            assert!(error < error_max, "{kv_type:?}, rotated: {is_rotated}: NMSE {error:e}");
        }
    }
    let values = Case::new(6, KvTypes { values: lsq, ..KvType::F32.into() }, 70, 4, None, None);
    let error = nmse(&values.run(&kernels(Isa::best(), 1), &[70]), &values.exact());
    assert!(error < 0.25, "ternary values: NMSE {error:e}");
    let long = Case::new(8, KvType::F32, SEGMENT + 40, 2, None, None);
    let error = nmse(&long.run(&kernels(Isa::best(), 2), &[100]), &long.exact());
    assert!(error < 1e-11, "two segments: NMSE {error:e}");
}

#[test]
fn sinks_agree_with_their_definition() {
    for (window, sinks) in [(40, 4), (1, 1), (7, 33), (64, 32), (30, 70), (200, 5), (1, 150)] {
        let case = Case::new(12, KvType::F32, 150, 6, Some(window), Some(4.0)).with_sinks(sinks);
        let error = nmse(&case.run(&kernels(Isa::best(), 2), &[50, 1, 7]), &case.exact());
        assert!(error < 1e-11, "window {window}, {sinks} sinks: NMSE {error:e}");
    }
    for (n, window, sinks) in [(3 * SEGMENT, 40, 4), (3 * SEGMENT, SEGMENT + 9, SEGMENT + 40)] {
        let case = Case::new(13, KvType::F32, n, 2, Some(window), None).with_sinks(sinks);
        let error = nmse(&case.run(&kernels(Isa::best(), 1), &[100]), &case.exact());
        assert!(error < 1e-11, "{n} positions, window {window}, {sinks} sinks: NMSE {error:e}");
    }
}

#[test]
fn rows_that_see_what_follows_agree_with_their_definition() {
    for (n, window, ahead) in [
        (150, None, usize::MAX),
        (150, Some(9), 8),
        (33, Some(1), 0),
        (70, None, 1),
        (2 * SEGMENT + 40, None, usize::MAX),
        (2 * SEGMENT + 40, Some(SEGMENT + 9), SEGMENT + 8),
    ] {
        for has_slopes in [false, true] {
            let case = Case::new(21, KvType::F32, n, 6, window, None).with_ahead(ahead);
            let case = if has_slopes { case.with_slopes() } else { case };
            let error = nmse(&case.run(&kernels(Isa::best(), 2), &[n]), &case.exact());
            assert!(error < 1e-11, "{n} positions, window {window:?}, {ahead} ahead: NMSE {error:e}");
        }
    }
}

#[test]
fn level_and_threads_do_not_show_where_rows_see_what_follows() {
    for (n, window, ahead) in [(120, None, usize::MAX), (120, Some(9), 8), (SEGMENT + 40, None, usize::MAX)] {
        let case = Case::new(22, KvType::F16, n, 6, window, None).with_ahead(ahead).with_slopes();
        let expected = case.run(&kernels(Isa::Scalar, 1), &[n]);
        for isa in Isa::available() {
            for n_threads in [1, 2, 3] {
                let what = format!("{n} rows on {}, {n_threads} threads", isa.name());
                assert_same_f32(&what, &case.run(&kernels(isa, n_threads), &[n]), &expected);
            }
        }
    }
}

#[test]
fn a_text_is_the_same_beside_others() {
    let case = Case::new(23, KvType::F16, 45, 4, Some(20), None).with_ahead(19);
    let alone = case.run(&kernels(Isa::best(), 1), &[45]);
    let Case { layout, shape, .. } = case;
    let kernels = kernels(Isa::best(), 3);
    let mut kv = KvPages::new(case.kv_layout(), 4).expect("small");
    let tables = [[PageId(3), PageId(0)], [PageId(1), PageId(2)]];
    let (first, second) = tables.split_at(1);
    let spans = [
        Span { row_first: 0, n_rows: 33, position_first: 0, pages: &first[0] },
        Span { row_first: 33, n_rows: 45, position_first: 0, pages: &second[0] },
    ];
    let twice = |x: &[f32], width: usize| [&x[..33 * width], x].concat();
    let (k, v) =
        (twice(&case.k, layout.n_kv_heads * layout.key_dim), twice(&case.v, layout.n_kv_heads * layout.value_dim));
    kernels.kv_write(&mut kv, 1, &spans, &k, &v);
    let mut out = vec![0.0; 78 * shape.n_heads * layout.value_dim];
    let q = twice(&case.q, shape.n_heads * layout.key_dim);
    kernels.attention(&kv, 1, &spans, &shape, (&*q).into(), &mut out);
    assert_same_f32("beside another", &out[33 * shape.n_heads * layout.value_dim..], &alone);
}

#[test]
fn values_in_keys_agree_with_their_definition() {
    for types in [KvType::F32.into(), KvTypes { is_rotated: true, ..KvType::F32.into() }] {
        for n in [70, SEGMENT + 40] {
            let case = Case::new(29, types, n, 6, None, None).with_values_in_keys();
            let expected = case.run(&kernels(Isa::Scalar, 1), &[n]);
            let error = nmse(&expected, &case.exact());
            assert!(error < 1e-11, "{types:?}, {n} positions: NMSE {error:e}");
            for isa in Isa::available() {
                for (n_threads, chunks) in [(1, vec![n]), (3, vec![n - 1, 1])] {
                    let what = format!("{types:?}, {n} positions on {}, {n_threads} threads", isa.name());
                    assert_same_f32(&what, &case.run(&kernels(isa, n_threads), &chunks), &expected);
                }
            }
        }
    }
}

#[test]
fn learned_sinks_agree_with_their_definition() {
    for (n, window, sinks) in [(150, None, 0), (150, Some(40), 4), (SEGMENT + 40, None, 0), (70, Some(1), 0)] {
        let case = Case::new(17, KvType::F32, n, 6, window, None).with_sinks(sinks).with_learned_sinks();
        let error = nmse(&case.run(&kernels(Isa::best(), 2), &[50, 1, 7]), &case.exact());
        assert!(error < 1e-11, "{n} positions, window {window:?}, {sinks} sinks: NMSE {error:e}");
    }
}

#[test]
fn level_threads_and_chunks_do_not_show_with_learned_sinks() {
    let rotated = KvTypes { is_rotated: true, ..KvType::Q8_0.into() };
    for (types, window, sinks) in [(KvTypes::both(KvType::F16), Some(40), 4), (rotated, None, 0)] {
        let case = Case::new(18, types, 120, 6, window, None).with_sinks(sinks).with_learned_sinks();
        let expected = case.run(&kernels(Isa::Scalar, 1), &[120]);
        for isa in Isa::available() {
            for (n_threads, chunks) in [(1, vec![1]), (2, vec![120]), (3, vec![7, 1, 40, 3])] {
                let got = case.run(&kernels(isa, n_threads), &chunks);
                let what = format!("{types:?} on {}, {n_threads} threads, {chunks:?}", isa.name());
                assert_same_f32(&what, &got, &expected);
            }
        }
    }
    // Each segment a task: one row of few heads on several threads.
    let long = Case::new(20, KvType::F16, 3 * SEGMENT + 4, 6, None, None).with_learned_sinks();
    let expected = long.run(&kernels(Isa::best(), 1), &[3 * SEGMENT + 4]);
    let got = long.run(&kernels(Isa::best(), 3), &[3 * SEGMENT - 1, 1, 1, 2, 1]);
    assert_same_f32("each segment a task", &got, &expected);
}

#[test]
fn sinks_within_the_window_change_nothing() {
    let plain = Case::new(14, KvType::F16, 3 * SEGMENT, 2, None, None);
    let expected = plain.run(&kernels(Isa::best(), 2), &[100]);
    let mut case = Case::new(14, KvType::F16, 3 * SEGMENT, 2, Some(3 * SEGMENT - 40), None).with_sinks(40);
    case.q_to_sinks.clone_from(&case.q);
    assert_same_f32("sinks", &case.run(&kernels(Isa::best(), 2), &[100, 1, 1]), &expected);
}

#[test]
fn level_threads_and_chunks_do_not_show_behind_sinks() {
    for (types, window, sinks) in [
        (KvTypes::both(KvType::F16), 40, 4),
        (KvTypes { is_rotated: true, ..KvType::Q8_0.into() }, 33, 35),
        (KvType::T2(Mode::LeastSquares).into(), 5, 64),
    ] {
        let case = Case::new(15, types, 180, 6, Some(window), None).with_sinks(sinks);
        let expected = case.run(&kernels(Isa::Scalar, 1), &[180]);
        for isa in Isa::available() {
            for (n_threads, chunks) in [(1, vec![1]), (2, vec![180]), (3, vec![7, 1, 40, 3]), (2, vec![64, 32])] {
                let got = case.run(&kernels(isa, n_threads), &chunks);
                let what = format!("{types:?} on {}, {n_threads} threads, {chunks:?}", isa.name());
                assert_same_f32(&what, &got, &expected);
            }
        }
    }
    // Long enough for each segment to be a task: window and sinks that begin and end within segments.
    for (window, sinks) in [(SEGMENT + 100, 4), (SEGMENT - 20, SEGMENT + 30), (2 * SEGMENT, 2 * SEGMENT)] {
        let long = Case::new(16, KvType::F16, 5 * SEGMENT + 4, 2, Some(window), None).with_sinks(sinks);
        let expected = long.run(&kernels(Isa::best(), 1), &[SEGMENT]);
        let got = long.run(&kernels(Isa::best(), 3), &[4 * SEGMENT - 1, 1, 1, 2, SEGMENT, 1]);
        assert_same_f32(&format!("window {window}, {sinks} sinks"), &got, &expected);
    }
}

#[test]
fn level_threads_and_chunks_do_not_show() {
    let t2 = |mode, is_rotated| KvTypes { is_rotated, ..KvType::T2(mode).into() };
    for (types, window) in [
        (KvTypes::both(KvType::F16), None),
        (KvType::Q8_0.into(), Some(50)),
        (KvType::F32.into(), Some(33)),
        (KvType::Q4_0.into(), None),
        (t2(Mode::LeastSquares, true), None),
        (t2(Mode::Rms, false), Some(50)),
        (KvTypes { keys: KvType::T2(Mode::Max), values: KvType::Q4_0, is_rotated: true }, Some(33)),
    ] {
        let case = Case::new(9, types, 120, 6, window, None);
        let expected = case.run(&kernels(Isa::Scalar, 1), &[120]);
        for isa in Isa::available() {
            for (n_threads, chunks) in [(1, vec![1]), (2, vec![120]), (3, vec![7, 1, 40, 3]), (2, vec![64, 32])] {
                let got = case.run(&kernels(isa, n_threads), &chunks);
                assert_same_f32(
                    &format!("{types:?} on {}, {n_threads} threads, {chunks:?}", isa.name()),
                    &got,
                    &expected,
                );
            }
        }
    }
    let long = Case::new(10, KvType::F16, SEGMENT + 70, 2, Some(SEGMENT - 9), None);
    let expected = long.run(&kernels(Isa::best(), 1), &[SEGMENT + 70]);
    assert_same_f32("across segments", &long.run(&kernels(Isa::best(), 2), &[SEGMENT + 1, 1, 5]), &expected);
    for (types, window, n_threads) in
        [(KvTypes::both(KvType::Q8_0), None, 2), (t2(Mode::LeastSquares, true), Some(SEGMENT + 100), 3)]
    {
        let long = Case::new(11, types, 3 * SEGMENT + 4, 6, window, None);
        let expected = long.run(&kernels(Isa::best(), 1), &[3 * SEGMENT + 4]);
        let got = long.run(&kernels(Isa::best(), n_threads), &[2 * SEGMENT - 1, 1, 1, 2, SEGMENT]);
        assert_same_f32("each segment a task", &got, &expected);
    }
}

/// Each type of keys and values once, windows, sinks and soft caps: what an emulator or a page's engine does in seconds
/// (`cargo xtask test aarch64 wasm`).
#[test]
fn small_attention_is_the_same_on_every_level() {
    let lsq = KvTypes { is_rotated: true, ..KvType::T2(Mode::LeastSquares).into() };
    for (types, n_heads, window, cap, sinks) in [
        (KvTypes::both(KvType::F16), 6, None, None, 0),
        (KvType::F32.into(), 10, Some(20), None, 3),
        (KvType::Q8_0.into(), 2, None, Some(2.0), 0),
        (KvType::Q4_0.into(), 4, Some(33), None, 0),
        (lsq, 8, None, None, 0),
    ] {
        let case = Case::new(19, types, 2 * PAGE_LEN + 5, n_heads, window, cap).with_sinks(sinks);
        let expected = case.run(&kernels(Isa::Scalar, 1), &[PAGE_LEN + 7]);
        for isa in Isa::available() {
            let what = format!("{types:?}, {n_heads} heads on {}", isa.name());
            assert_same_f32(&what, &case.run(&kernels(isa, 1), &[PAGE_LEN + 7]), &expected);
        }
    }
}

/// `e^88` is the end of f32: maxima that are further apart than that, within a segment and between two, upwards and
/// downwards.
#[test]
fn scores_may_lie_far_apart() {
    for position in [3, PAGE_LEN + 3, SEGMENT + 5] {
        let mut case = Case::new(17, KvType::F32, SEGMENT + 70, 2, None, None);
        let width = case.layout.n_kv_heads * case.layout.key_dim;
        case.k[position * width..][..width].iter_mut().for_each(|k| *k *= 60.0);
        let expected = case.run(&kernels(Isa::Scalar, 1), &[SEGMENT + 70]);
        // Scores of some hundreds are products whose last bits decide between neighbours.
        let error = nmse(&expected, &case.exact());
        assert!(error < 1e-9, "position {position}: NMSE {error:e}");
        for isa in Isa::available() {
            for (n_threads, chunks) in [(1, vec![SEGMENT + 70]), (3, vec![SEGMENT + 1, 1])] {
                let what = format!("position {position} on {}, {n_threads} threads", isa.name());
                assert_same_f32(&what, &case.run(&kernels(isa, n_threads), &chunks), &expected);
            }
        }
    }
}

/// What is negative and loses all its weight leaves a zero with a sign behind, and two such zeros, of the segments
/// before and of this one, add up to another; outputs have none.
#[test]
fn no_output_is_minus_zero() {
    let mut case = Case::new(18, KvType::F32, SEGMENT + 70, 2, None, None);
    let (key_width, value_width) = (case.k.len() / case.n, case.v.len() / case.n);
    case.q.fill(1.0);
    let last = SEGMENT + PAGE_LEN;
    // Scores of each part are 150 above those of the part before; the values of the last are minus zero.
    for (first, key, value) in [(0, -8.0, -1.0), (SEGMENT, 0.0, -1.0), (last, 8.0, -0.0)] {
        case.k[first * key_width..].fill(key);
        case.v[first * value_width..].fill(value);
    }
    for isa in Isa::available() {
        for (n_threads, chunks) in [(1, vec![SEGMENT + 70]), (3, vec![SEGMENT + 1, 1])] {
            let out = case.run(&kernels(isa, n_threads), &chunks);
            let (ones, zeros) = out.split_at(last * case.shape.n_heads * case.layout.value_dim);
            assert!(ones.iter().all(|x| (x + 1.0).abs() < 1e-6), "{}: outputs of the first parts", isa.name());
            let n_other = zeros.iter().filter(|x| x.to_bits() != 0).count();
            assert_eq!(n_other, 0, "{} with {n_threads} threads: other than plus zero", isa.name());
        }
    }
}

#[test]
fn sequences_of_a_step_do_not_mix() {
    let kernels = kernels(Isa::best(), 2);
    let cases = [Case::new(20, KvType::F16, 45, 6, None, None), Case::new(21, KvType::F16, 1, 6, None, None)];
    let layout = cases[0].layout;
    let tables = [vec![PageId(3), PageId(1)], vec![PageId(0)]];
    let mut kv = KvPages::new(cases[0].kv_layout(), 4).expect("small");
    let join = |f: fn(&Case) -> &Vec<f32>| [f(&cases[0]).as_slice(), f(&cases[1])].concat();
    let spans = [
        Span { row_first: 0, n_rows: 45, position_first: 0, pages: &tables[0] },
        Span { row_first: 45, n_rows: 1, position_first: 0, pages: &tables[1] },
    ];
    kernels.kv_write(&mut kv, 0, &spans, &join(|c| &c.k), &join(|c| &c.v));
    let mut out = vec![0.0; 46 * 6 * layout.value_dim];
    kernels.attention(&kv, 0, &spans, &cases[0].shape, join(|c| &c.q)[..].into(), &mut out);
    let alone = [cases[0].run(&kernels, &[45]), cases[1].run(&kernels, &[1])].concat();
    assert_same_f32("two sequences", &out, &alone);
}
