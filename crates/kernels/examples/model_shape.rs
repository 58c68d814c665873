//! Speed of the kernels in the shape of SmolLM2-135M (30 layers of 576, 9/3 heads of 64, feed-forward 1536, vocabulary
//! 49152).
//!
//! `cargo run --release -p kernels --example model_shape -- [FORMAT] [THREADS] [ISA] [ONLY]`
//!
//! In node, times being those of the processor: build it with `--target wasm32-wasip1` and
//! `CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS=-Ctarget-feature=+simd128`, then
//! `node --no-liftoff crates/kernels/examples/model_shape.mjs target/wasm32-wasip1/release/examples/model_shape.wasm`
//! and the arguments.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for the terminal")]

use kernels::{
    AttentionShape, Gate, Isa, Kernels, KvHeads, KvLayout, KvPages, KvType, KvTypes, Matrix, PageId, Rope, RopePairs,
    Rows, Span,
};
use quant::Format;
use std::time::{Duration, Instant};

const D: usize = 576;
const F: usize = 1536;
const H: usize = 9;
const G: usize = 3;
const HEAD: usize = 64;
const LAYERS: usize = 30;
const VOCAB: usize = 49152;
const CONTEXT: usize = 4096;

struct Weights {
    format: Format,
    rows: usize,
    cols: usize,
    bytes: Vec<u8>,
}

impl Weights {
    fn new(format: Format, rows: usize, cols: usize) -> Self {
        let n = rows * format.row_bytes(cols).expect("576 and 1536 hold whole blocks of 32");
        Self { format, rows, cols, bytes: (0..n).map(|i| (i * 37 % 57) as u8).collect() }
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(self.format, self.rows, self.cols, &self.bytes)
    }
}

struct Layer {
    q: Weights,
    k: Weights,
    v: Weights,
    o: Weights,
    gate: Weights,
    up: Weights,
    down: Weights,
}

/// Time by kind of operation.
#[derive(Default)]
struct Times {
    matmul: Duration,
    head: Duration,
    attention: Duration,
    rest: Duration,
}

fn timed<T>(into: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = work();
    *into += start.elapsed();
    value
}

/// Which rows a step has.
#[derive(Clone, Copy)]
enum Work {
    /// A number of tokens of one sequence, of which the last wants logits.
    Prefill(usize),
    /// One each of so many sequences, which all want logits.
    Decode(usize),
}

impl Work {
    fn n_rows(self) -> usize {
        let (Self::Prefill(n) | Self::Decode(n)) = self;
        n
    }

    /// Spans of rows that follow `position` cached ones. Sequences share what they read, which is written over.
    fn spans(self, position: usize, pages: &[PageId]) -> Vec<Span<'_>> {
        let span = |row_first, n_rows| Span { row_first, n_rows, position_first: position, pages };
        match self {
            Self::Prefill(n) => vec![span(0, n)],
            Self::Decode(n) => (0..n).map(|row| span(row, 1)).collect(),
        }
    }
}

struct Shape {
    kernels: Kernels,
    layers: Vec<Layer>,
    head: Weights,
    kv: KvPages,
    pages: Vec<PageId>,
    rows: Rows,
}

impl Shape {
    fn step(&mut self, position: usize, work: Work, times: &mut Times) {
        let Self { kernels, layers, head, kv, pages, rows } = self;
        let n = work.n_rows();
        let mut x: Vec<f32> = (0..n * D).map(|i| ((i * 31 % 101) as f32 - 50.0) / 50.0).collect();
        let (norm_weight, mut normed) = (vec![1.0; D], vec![0.0; n * D]);
        let (mut q, mut k, mut v) = (vec![0.0; n * D], vec![0.0; n * G * HEAD], vec![0.0; n * G * HEAD]);
        let (mut gate, mut up, mut gated) = (vec![0.0; n * F], vec![0.0; n * F], vec![0.0; n * F]);
        let mut out = vec![0.0; n * D];
        let rope = Rope {
            pairs: RopePairs::Adjacent,
            inverse_frequencies: (0..32).map(|i| 1e4f32.powf(-(i as f32) / 32.0)).collect(),
            magnitude: 1.0,
        };
        let spans = work.spans(position, pages);
        let positions: Vec<u32> = spans.iter().flat_map(|s| (position..).take(s.n_rows)).map(|p| p as u32).collect();
        let shape = AttentionShape { n_heads: H, scale: 0.125, soft_cap: None, window: None, ahead: 0, sinks: 0 };
        for (index, layer) in layers.iter().enumerate() {
            timed(&mut times.rest, || kernels.rms_norm(&x, &norm_weight, 1e-5, &mut normed));
            timed(&mut times.matmul, || {
                kernels.set_rows(rows, &normed, D);
                let ws = &mut [
                    (layer.q.matrix(), &mut q[..]),
                    (layer.k.matrix(), &mut k[..]),
                    (layer.v.matrix(), &mut v[..]),
                ];
                kernels.matmul_many(ws, rows);
            });
            timed(&mut times.rest, || {
                kernels.rope(&rope, &positions, H, &mut q);
                kernels.rope(&rope, &positions, G, &mut k);
                kernels.kv_write(kv, index, &spans, &k, &v);
            });
            timed(&mut times.attention, || kernels.attention(kv, index, &spans, &shape, q[..].into(), &mut out));
            timed(&mut times.matmul, || {
                kernels.set_rows(rows, &out, D);
                kernels.matmul(layer.o.matrix(), rows, &mut normed);
            });
            timed(&mut times.rest, || {
                kernels.add_scaled(&mut x, 1e-3, &normed);
                kernels.rms_norm(&x, &norm_weight, 1e-5, &mut normed);
            });
            timed(&mut times.matmul, || {
                kernels.set_rows(rows, &normed, D);
                kernels.matmul_many(&mut [(layer.gate.matrix(), &mut gate), (layer.up.matrix(), &mut up)], rows);
            });
            timed(&mut times.rest, || kernels.gate(Gate::Silu, &gate, &up, &mut gated));
            timed(&mut times.matmul, || {
                kernels.set_rows(rows, &gated, F);
                kernels.matmul(layer.down.matrix(), rows, &mut out);
            });
            timed(&mut times.rest, || kernels.add_scaled(&mut x, 1e-3, &out));
        }
        let mut logits = vec![0.0; spans.len() * VOCAB];
        timed(&mut times.head, || {
            kernels.set_rows(rows, &x[(n - spans.len()) * D..], D);
            kernels.matmul(head.matrix(), rows, &mut logits);
        });
    }

    fn report(&mut self, what: &str, n_steps: usize, position: usize, work: Work) {
        self.step(position, work, &mut Times::default());
        let mut times = Times::default();
        let start = Instant::now();
        for i in 0..n_steps {
            self.step(if let Work::Decode(_) = work { position + i } else { position }, work, &mut times);
        }
        let seconds = start.elapsed().as_secs_f64();
        let of_step = |t: Duration| 1e3 * t.as_secs_f64() / n_steps as f64;
        println!(
            "{what}: {:.1} tok/s, {:.2} ms a step (matmul {:.2}, head {:.2}, attention {:.2}, rest {:.2})",
            (n_steps * work.n_rows()) as f64 / seconds,
            1e3 * seconds / n_steps as f64,
            of_step(times.matmul),
            of_step(times.head),
            of_step(times.attention),
            of_step(times.rest)
        );
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "q8_0".to_owned());
    let format = *Format::ALL.iter().find(|f| f.name() == name).expect("a format's name");
    let n_threads = arguments.next().map_or(2, |n| n.parse().expect("a number of threads"));
    let isa = arguments.next().map(|name| Isa::from_name(&name).expect("scalar, avx2 or avx512"));
    let kernels = Kernels::new(isa, n_threads).expect("a level of this CPU");
    println!("{name}, {n_threads} threads, {}", kernels.isa().name());
    let layers = (0..LAYERS)
        .map(|_| Layer {
            q: Weights::new(format, D, D),
            k: Weights::new(format, G * HEAD, D),
            v: Weights::new(format, G * HEAD, D),
            o: Weights::new(format, D, D),
            gate: Weights::new(format, F, D),
            up: Weights::new(format, F, D),
            down: Weights::new(format, D, F),
        })
        .collect();
    let head = Weights::new(if format == Format::Q4_0 { Format::Q8_0 } else { format }, VOCAB, D);
    let heads = KvHeads { n_kv_heads: G, key_dim: HEAD, value_dim: HEAD, are_values_in_keys: false };
    let layout = KvLayout { layers: vec![heads; LAYERS], types: KvTypes::both(KvType::F16) };
    let n_pages = CONTEXT / kernels::PAGE_LEN;
    let kv = KvPages::new(layout, n_pages).expect("small");
    let pages = (0..n_pages).map(|p| PageId(p as u32)).collect();
    let mut shape = Shape { kernels, layers, head, kv, pages, rows: Rows::new() };
    let only = arguments.next().unwrap_or_default();
    for (what, n_steps, position, work) in [
        ("prefill 512", 3, 0, Work::Prefill(512)),
        ("prefill 128", 6, 0, Work::Prefill(128)),
        ("decode at 0", 128, 0, Work::Decode(1)),
        ("decode at 3900", 64, 3900, Work::Decode(1)),
        ("decode 2 at 150", 32, 150, Work::Decode(2)),
        ("decode 4 at 150", 32, 150, Work::Decode(4)),
        ("decode 8 at 150", 32, 150, Work::Decode(8)),
        ("decode 16 at 150", 16, 150, Work::Decode(16)),
        ("decode 32 at 150", 16, 150, Work::Decode(32)),
    ] {
        if what.contains(&only) {
            shape.report(what, n_steps, position, work);
        }
    }
}
