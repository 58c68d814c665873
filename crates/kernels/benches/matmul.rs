//! `cargo bench -p kernels`: matrix products beside what memory and the multiplier can do at most, measured in the same
//! process.
//!
//! Elements are multiplications and additions, so `Gelem/s` are GOPS. `TQ2_0/2048x1` is the ternary matrix-vector
//! product with float activations of 2048², for which an earlier system claimed 7.7 GFLOPS.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on has failed; roofs are printed"
)]
#![allow(missing_docs, reason = "the macros' functions")]

use std::{hint::black_box, time::Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use kernels::{Kernels, Matrix, Rows};
use quant::Format;
use testkit::Rng;

const FORMATS: [Format; 8] =
    [Format::TQ1_0, Format::TQ2_0, Format::Q4_0, Format::Q8_0, Format::Q4_K, Format::Q6_K, Format::F16, Format::F32];

/// Rows and columns. The smallest is 576, or what blocks of 256 make of it.
const SIZES: [usize; 4] = [576, 2048, 4096, 8192];

const TOKENS: [usize; 4] = [1, 8, 128, 512];

/// Larger products say nothing new.
const OPERATIONS_MAX: usize = 1 << 34;

/// Weights of a format whose scales are neither NaN nor subnormal: encoded normals, one megabyte of them over and over.
fn weights(format: Format, rows: usize, cols: usize) -> Vec<u8> {
    let row_bytes = format.row_bytes(cols).expect("whole blocks");
    let n_rows = (1 << 18) / cols + 1;
    let mut some = vec![0; n_rows * row_bytes];
    let mut rng = Rng::new(5);
    if !format.can_encode() {
        return rng.bytes(row_bytes).iter().copied().cycle().take(rows * row_bytes).collect();
    }
    for row in some.chunks_exact_mut(row_bytes) {
        format.encode(&rng.normals(cols), None, row).expect("finite");
    }
    some.iter().copied().cycle().take(rows * row_bytes).collect()
}

fn roofs(kernels: &Kernels) {
    let bytes = vec![1u8; 256 << 20];
    let mut best = [0.0f64; 2];
    for _ in 0..5 {
        let start = Instant::now();
        black_box(kernels.read_all(&bytes));
        best[0] = best[0].max(bytes.len() as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        let n = kernels.multiply_bytes(1_000_000).unwrap_or(0);
        best[1] = best[1].max(n as f64 / start.elapsed().as_secs_f64());
    }
    let (threads, isa) = (kernels.n_threads(), kernels.isa().name());
    println!("{threads} threads, {isa}: reads {:.1} GB/s, multiplies {:.0} GOPS", best[0] / 1e9, best[1] / 1e9);
}

fn matmul(criterion: &mut Criterion) {
    let kernels = Kernels::new(None, kernels::default_threads()).expect("the best level");
    roofs(&kernels);
    for format in FORMATS {
        let mut group = criterion.benchmark_group(format.name());
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        for size in SIZES {
            let size = size.next_multiple_of(format.block_len());
            let bytes = weights(format, size, size);
            // One scale a row, as in ternary models.
            let row_scales = vec![1.0; if format.is_ternary() { size } else { 0 }];
            let w = Matrix { row_scales: &row_scales, ..Matrix::new(format, size, size, &bytes) };
            for n_tokens in TOKENS.into_iter().filter(|n| 2 * n * size * size <= OPERATIONS_MAX) {
                let x = Rng::new(6).normals(n_tokens * size);
                let (mut rows, mut out) = (Rows::new(), vec![0.0; n_tokens * size]);
                group.throughput(Throughput::Elements((2 * n_tokens * size * size) as u64));
                group.bench_function(BenchmarkId::from_parameter(format!("{size}x{n_tokens}")), |b| {
                    b.iter(|| {
                        kernels.set_rows(&mut rows, &x, size);
                        kernels.matmul(w, &mut rows, &mut out);
                    });
                });
            }
        }
        group.finish();
    }
}

/// A region of the pool against threads spawned for each call, the rows split between them.
fn pool(criterion: &mut Criterion) {
    let n_threads = kernels::default_threads();
    let (format, size) = (Format::Q8_0, 2048);
    let bytes = weights(format, size, size);
    let x = Rng::new(7).normals(size);
    let mut group = criterion.benchmark_group("regions");
    let together = Kernels::new(None, n_threads).expect("the best level");
    let (mut rows, mut out) = (Rows::new(), vec![0.0; size]);
    group.bench_function("pool", |b| {
        b.iter(|| {
            together.set_rows(&mut rows, &x, size);
            together.matmul(Matrix::new(format, size, size, &bytes), &mut rows, &mut out);
        });
    });
    let rows_each = size.div_ceil(n_threads);
    let bytes_each = rows_each * format.row_bytes(size).expect("whole blocks");
    let mut workers: Vec<(Kernels, Rows)> =
        (0..n_threads).map(|_| (Kernels::new(None, 1).expect("the best level"), Rows::new())).collect();
    group.bench_function("spawned", |b| {
        b.iter(|| {
            std::thread::scope(|scope| {
                let parts = bytes.chunks(bytes_each).zip(out.chunks_mut(rows_each));
                for ((bytes, out), (kernels, rows)) in parts.zip(&mut workers) {
                    let x = &x;
                    scope.spawn(move || {
                        kernels.set_rows(rows, x, size);
                        kernels.matmul(Matrix::new(format, out.len(), size, bytes), rows, out);
                    });
                }
            });
        });
    });
    group.finish();
}

criterion_group!(benches, pool, matmul);
criterion_main!(benches);
