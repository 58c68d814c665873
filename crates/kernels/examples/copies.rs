//! Time of products with a matrix as it lies in the file, and with its copy ([`kernels::PackedMatrix`]).
//!
//! `cargo run --release -p kernels --example copies -- FORMATS [TOKENS] [ISA] [ROWS] [COLS] [OTHER]`
//!
//! Formats and tokens are lists with commas. Both ways take turns on one thread, in runs so short that the best of
//! them were not interrupted, even on a busy machine; what is printed is the best. With `OTHER` its copy, or itself if
//! it has none, takes the place of the matrix as it lies in the file.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for the terminal")]

use kernels::{Isa, Kernels, Matrix, PackedMatrix, Rows};
use quant::Format;
use std::time::{Duration, Instant};
use testkit::Rng;

const ROUNDS: usize = 300;

/// Time of one run, if a product does not take longer.
const RUN: Duration = Duration::from_micros(500);

struct Weights {
    format: Format,
    cols: usize,
    bytes: Vec<u8>,
    row_scales: Vec<f32>,
    packed: Option<PackedMatrix>,
}

impl Weights {
    fn new(kernels: &Kernels, name: &str, rows: usize, cols: usize) -> Self {
        let known = |f: &&Format| f.name().eq_ignore_ascii_case(name);
        let format = *Format::ALL.iter().find(known).unwrap_or_else(|| panic!("{name}: no such format"));
        let row_bytes = format.row_bytes(cols).expect("whole blocks");
        let mut rng = Rng::new(5);
        let bytes = if format.is_ternary() {
            rng.bytes(rows * row_bytes)
        } else {
            // 64 rows, over and over: scales are what an encoder finds.
            let mut some = vec![0; 64.min(rows) * row_bytes];
            for row in some.chunks_exact_mut(row_bytes) {
                format.encode(&rng.normals(cols), None, row).expect("finite");
            }
            some.iter().copied().cycle().take(rows * row_bytes).collect()
        };
        let row_scales = vec![1.0; if format.is_ternary() { rows } else { 0 }];
        let mut weights = Self { format, cols, bytes, row_scales, packed: None };
        weights.packed = kernels.pack(&weights.matrix(false));
        weights
    }

    fn matrix(&self, is_packed: bool) -> Matrix<'_> {
        let rows = self.bytes.len() / self.format.row_bytes(self.cols).expect("whole blocks");
        let packed = self.packed.as_ref().filter(|_| is_packed);
        Matrix { row_scales: &self.row_scales, packed, ..Matrix::new(self.format, rows, self.cols, &self.bytes) }
    }
}

/// Time of `n` products with `w`.
fn run(kernels: &Kernels, w: Matrix<'_>, x: &[f32], out: &mut [f32], n: u32) -> Duration {
    let mut rows = Rows::new();
    kernels.set_rows(&mut rows, x, w.cols);
    let start = Instant::now();
    for _ in 0..n {
        kernels.matmul(w, &mut rows, out);
    }
    start.elapsed()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |i: usize, default: &str| args.get(i).map_or(default, String::as_str).to_owned();
    let isa = args.get(2).map(|name| Isa::from_name(name).expect("an instruction set"));
    let kernels = Kernels::new(isa, 1).expect("available here");
    let [rows, cols] = [(3, "2048"), (4, "2048")].map(|(i, default)| arg(i, default).parse().expect("a number"));
    for name in arg(0, "q4_0,q4_1,q5_0,q5_1,q8_0").split(',') {
        let weights = Weights::new(&kernels, name, rows, cols);
        let other = args.get(5).map(|name| Weights::new(&kernels, name, rows, cols));
        for n_tokens in arg(1, "1,4,8,32,128").split(',').map(|n| n.parse::<usize>().expect("a number")) {
            let x = Rng::new(6).normals(n_tokens * cols);
            let mut out = vec![0.0; n_tokens * rows];
            let pair = [other.as_ref().map_or_else(|| weights.matrix(false), |o| o.matrix(true)), weights.matrix(true)];
            let n = (0..5).map(|_| run(&kernels, pair[0], &x, &mut out, 1)).min().unwrap_or_default();
            let n = (RUN.as_nanos() / n.as_nanos().max(1)) as u32 + 1;
            let mut best = [Duration::MAX; 2];
            for _ in 0..ROUNDS {
                for (best, w) in best.iter_mut().zip(pair) {
                    *best = (*best).min(run(&kernels, w, &x, &mut out, n) / n);
                }
            }
            println!(
                "{name} [{rows}, {cols}] x {n_tokens}, {}: {:.1} µs, copied {:.1} µs: {:.2} times as fast",
                kernels.isa().name(),
                best[0].as_secs_f64() * 1e6,
                best[1].as_secs_f64() * 1e6,
                best[0].as_secs_f64() / best[1].as_secs_f64(),
            );
        }
    }
}
