use super::*;
use crate::{ActivationRule, Isa, Kernels};
use quant::{OuterScale, StoredMatrix, TernaryEncoder, TernaryRows};
use testkit::{Rng, assert_same_f32, nmse};

/// Formats whose scales are all in their blocks.
fn blocks() -> impl Iterator<Item = Format> {
    Format::ALL.iter().copied().filter(|f| f.outer_scale() == OuterScale::None)
}

fn ternary() -> impl Iterator<Item = Format> {
    Format::ALL.iter().copied().filter(|f| f.is_ternary())
}

/// Weights of random bytes, each block drawn until its values are finite and not huge.
fn weights(rng: &mut Rng, format: Format, rows: usize, cols: usize) -> Vec<u8> {
    let mut values = vec![0.0; format.block_len()];
    let mut bytes = Vec::new();
    for _ in 0..rows * cols / format.block_len() {
        bytes.extend(loop {
            let block = rng.bytes(format.block_bytes().expect("blocks"));
            format.decode(&block, &mut values);
            if values.iter().all(|v| v.abs() < 1e6) {
                break block;
            }
        });
    }
    bytes
}

/// Runs one kernel over the whole matrix in one call.
fn call(kernel: &MatmulKernel, w: Matrix<'_>, rows: &mut Rows) -> Vec<f32> {
    let level = Level::detect(Isa::best()).expect("available");
    let pool = Pool::new(1);
    rows.quantise(level, &pool);
    rows.quantise_rows(level, &pool, kernel.activation.eq(&Activation::Int8Planes).then_some(w.format));
    let mut out = vec![f32::NAN; rows.n_rows() * w.rows];
    let scratch = Mutex::new(MatmulScratch::default());
    pool.for_tiles(&[Output::new(&mut out, w.rows, w.rows, rows.n_rows())], |out, _| {
        let mut scratch = scratch.lock().expect("one thread");
        kernel.call(&mut MatmulArgs::new(w, rows, out, &mut scratch));
    });
    out
}

/// The scalar kernel that specifies the matrix.
fn scalar(w: &Matrix<'_>) -> &'static MatmulKernel {
    MATMUL_KERNELS.iter().find(|k| k.isa == Isa::Scalar && k.weights.include(w)).expect("every format has one")
}

/// Every kernel of the table for `w` gives the scalar kernel's bits.
fn check(w: Matrix<'_>, x: &[f32]) -> Vec<f32> {
    check_by(ActivationRule::PerGroup, w, x)
}

/// Checks every kernel of `w` with activations that are quantised by `rule`.
fn check_by(rule: ActivationRule, w: Matrix<'_>, x: &[f32]) -> Vec<f32> {
    let mut rows = Rows::with_rule(rule);
    rows.set(x, w.cols);
    let expected = call(scalar(&w), w, &mut rows);
    let packed = Level::detect(Isa::best()).and_then(|level| PackedMatrix::new(level, &Pool::new(1), &w));
    let copy = Matrix { packed: packed.as_ref(), ..w };
    copy.check(w.cols);
    // Rows that are copied have another format, and its kernels; panels only add to those of the file's.
    for (i, w) in [w, copy.as_walked()].into_iter().enumerate() {
        for kernel in MATMUL_KERNELS.iter().filter(|k| k.weights.include(&w) && k.isa.is_available()) {
            let got = call(kernel, w, &mut rows);
            let what = format!(
                "{:?} [{}, {}] x {} by {:?} on {}, {} rows at once, {}",
                copy.format,
                w.rows,
                w.cols,
                rows.n_rows(),
                kernel.weights,
                kernel.isa.name(),
                kernel.rows,
                ["as it is", "copied"][i]
            );
            assert_same_f32(&what, &got, &expected);
        }
    }
    expected
}

/// Formats that have a copy are multiplied by its kernels, to the same bits, and by none of those that decode rows.
#[cfg(target_arch = "x86_64")]
#[test]
fn copies_are_what_is_multiplied_with() {
    let mut rng = Rng::new(15);
    let (rows, cols, row_scales) = (70, 1280, vec![0.25; 70]);
    let kernels = Kernels::new(None, 2).expect("best");
    let isa = kernels.isa();
    let panels = [Format::Q4_0, Format::Q4_1, Format::Q5_0, Format::Q5_1, Format::Q8_0];
    let in_rows =
        [Format::TQ1_0, Format::TQ2_0, Format::IQ1_BN, Format::IQ2_BN, Format::PQ2_0, Format::PTQ1_0, Format::Q2_0];
    for &format in Format::ALL {
        let row_scales = if format.is_ternary() { &row_scales[..] } else { &[] };
        let bytes = if format.is_ternary() {
            rng.bytes(rows * format.row_bytes(cols).expect("whole blocks"))
        } else {
            weights(&mut rng, format, rows, cols)
        };
        let w = Matrix { row_scales, ..Matrix::new(format, rows, cols, &bytes) };
        let expected = match () {
            () if isa >= Isa::Avx512 && panels.contains(&format) => Some(Weights::Packed(format)),
            () if isa >= Isa::Avx2 && in_rows.contains(&format) => {
                Some(Weights::Ternary(ternary::tri(quant::tri::Packing::TwoBits)))
            }
            () => None,
        };
        let packed = kernels.pack(&w);
        assert_eq!(packed.is_some(), expected.is_some(), "a copy of {format:?}");
        assert_eq!(PackedMatrix::bytes(isa, &w).is_some(), expected.is_some(), "bytes of a copy of {format:?}");
        let (Some(packed), Some(expected)) = (packed, expected) else { continue };
        let copy = Matrix { packed: Some(&packed), ..w };
        for n_tokens in [1, 3, 20] {
            let used = [w, copy].map(|w| kernels.matmul_kernel(&w, n_tokens).weights);
            assert_eq!((used[0] == expected, used[1]), (false, expected), "{format:?} x {n_tokens}");
            let mut x = Rows::new();
            kernels.set_rows(&mut x, &rng.normals(n_tokens * cols), cols);
            let [as_it_is, copied] = [w, copy].map(|w| {
                let mut out = vec![0.0; n_tokens * rows];
                kernels.matmul(w, &mut x, &mut out);
                out
            });
            assert_same_f32(&format!("{format:?} x {n_tokens}"), &copied, &as_it_is);
        }
    }
}

/// The codes of a ternary matrix.
fn codes(w: &Matrix<'_>) -> Vec<i8> {
    let mut codes = vec![0; w.rows * w.cols];
    for (m, codes) in codes.chunks_exact_mut(w.cols).enumerate() {
        w.format.expand_i8(w.row(m), w.cols, 0, codes, &mut vec![0.0; w.cols.div_ceil(16)], &mut []);
    }
    codes
}

#[test]
fn ternary_kernels_equal_the_scalar_one_and_are_near_the_exact_product() {
    let mut rng = Rng::new(8);
    for format in ternary() {
        for (rows, n_tokens) in [(1, 1), (3, 2), (33, 3), (65, 4), (64, 5), (130, 13), (16, 6), (17, 7)] {
            // Whole groups; long lines and what may follow them; rows of any length.
            for cols in [256, 1536, 2816, 3200, 1344, 640, 20, 1usize] {
                if !cols.is_multiple_of(format.block_len()) || rows * cols > 200_000 {
                    continue;
                }
                let bytes = rng.bytes(1 + rows * format.row_bytes(cols).expect("whole blocks"));
                let row_scales: Vec<f32> = (0..rows).map(|m| 0.01 + m as f32 / 64.0).collect();
                let w = Matrix { row_scales: &row_scales, ..Matrix::new(format, rows, cols, &bytes[1..]) };
                // Columns of very different size, as behind an activation function.
                let x: Vec<f32> = rng.normals(n_tokens * cols).iter().map(|v| v * v * v).collect();
                let got = check(w, &x);
                let codes = codes(&w);
                let exact: Vec<f32> = (0..n_tokens * rows)
                    .map(|i| {
                        let (w, x) = (&codes[i % rows * cols..][..cols], &x[i / rows * cols..][..cols]);
                        let sum: f64 = w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                        (sum * f64::from(row_scales[i % rows])) as f32
                    })
                    .collect();
                // int8 under one scale a row, for elements of up to 40 standard deviations; single sums near zero say
                // nothing.
                let error = nmse(&got, &exact);
                assert!(error < 3e-3 || got.len() < 100, "{format:?} [{rows}, {cols}] x {n_tokens}: NMSE {error:e}");
            }
        }
    }
}

/// One scale a row: on every level, in every container, the integer product that `BitNet`'s training computes, times
/// both scales.
#[test]
fn ternary_products_of_activations_with_one_scale_a_token() {
    let mut rng = Rng::new(12);
    let (rows, n_tokens) = (37, 5);
    for format in ternary() {
        for cols in [256, 2560, 640, 20usize] {
            if !cols.is_multiple_of(format.block_len()) {
                continue;
            }
            let bytes = rng.bytes(rows * format.row_bytes(cols).expect("whole blocks"));
            let row_scales: Vec<f32> = (0..rows).map(|m| 0.01 + m as f32 / 64.0).collect();
            let w = Matrix { row_scales: &row_scales, ..Matrix::new(format, rows, cols, &bytes) };
            let x: Vec<f32> = rng.normals(n_tokens * cols).iter().map(|v| v * v * v).collect();
            let codes = codes(&w);
            let expected: Vec<f32> = (0..n_tokens * rows)
                .map(|i| {
                    let (w, x) = (&codes[i % rows * cols..][..cols], &x[i / rows * cols..][..cols]);
                    let largest = x.iter().fold(1e-5f32, |max, v| max.max(v.abs()));
                    let code = |v: f32| (v * (127.0 / largest)).round_ties_even() as i32;
                    let sum: i32 = w.iter().zip(x).map(|(&w, &v)| i32::from(w) * code(v)).sum();
                    sum as f32 * (row_scales[i % rows] * (largest / 127.0))
                })
                .collect();
            let got = check_by(ActivationRule::PerToken, w, &x);
            assert_same_f32(&format!("{format:?} [{rows}, {cols}]"), &got, &expected);
        }
    }
}

/// Equal codes and scales give equal bits, whatever they are packed in.
#[test]
fn ternary_products_do_not_depend_on_the_container() {
    let (rows, cols, n_tokens) = (37, 2560, 11);
    let mut rng = Rng::new(10);
    let weights = TernaryRows {
        cols,
        span: cols,
        codes: rng.bytes(rows * cols).iter().map(|b| (b % 3) as i8 - 1).collect(),
        scales: vec![0.375; rows],
    };
    let x = rng.normals(n_tokens * cols);
    for tokens in [1, 3, n_tokens] {
        let mut expected: Option<Vec<f32>> = None;
        for format in ternary() {
            let mut encoder = TernaryEncoder::new(format, rows, cols).expect("whole blocks");
            let mut bytes = Vec::new();
            encoder.rows(&weights, &mut bytes).expect("one scale");
            encoder.finish(&mut bytes);
            let row_scales = StoredMatrix::new(format, rows, cols, &bytes).expect("its size").row_scales(0..rows);
            let row_scales = row_scales.expect("one scale a row");
            let in_rows = rows * format.row_bytes(cols).expect("whole blocks");
            let w = Matrix { row_scales: &row_scales, ..Matrix::new(format, rows, cols, &bytes[..in_rows]) };
            let got = check(w, &x[..tokens * cols]);
            assert_same_f32(format.name(), &got, expected.get_or_insert_with(|| got.clone()));
        }
    }
}

#[test]
fn ternary_sums_are_exact_at_the_bound() {
    for format in ternary() {
        // All weights +1 or -1 (or whatever a byte of ones says), all activations of one size: the largest sums there
        // are.
        for cols in [44_032, 44_288] {
            for byte in [0x00, 0xff, 0xaa] {
                let bytes = vec![byte; format.row_bytes(cols).expect("whole blocks")];
                let w = Matrix { row_scales: &[1.0], ..Matrix::new(format, 1, cols, &bytes) };
                let sum: i64 = codes(&w).iter().map(|&code| i64::from(code)).sum();
                for x in [1.0, -1.0] {
                    let got = check(w, &vec![x; 7 * cols]);
                    let exact = sum as f32 * x;
                    assert!(got.iter().all(|y| (y - exact).abs() <= exact.abs() * 1e-6), "{got:?}, exact {exact}");
                }
            }
        }
    }
}

/// Column counts that a format allows: one block, tails of every length, more than one group.
fn widths(format: Format) -> Vec<usize> {
    let block = format.block_len();
    match block {
        1 => vec![1, 2, 31, 32, 33, 100, 576],
        _ => (1..=9).chain([18, 23]).map(|n| n * block).filter(|n| *n <= 2560).collect(),
    }
}

#[test]
fn every_kernel_equals_the_scalar_one() {
    let mut rng = Rng::new(4);
    for format in blocks() {
        for cols in widths(format) {
            for (rows, n_tokens) in [(1, 1), (3, 2), (33, 3), (2, 5), (40, 13)] {
                // Unaligned: the matrix starts at an odd byte.
                let mut bytes = vec![0];
                bytes.extend(weights(&mut rng, format, rows, cols));
                let x = rng.normals(n_tokens * cols);
                check(Matrix::new(format, rows, cols, &bytes[1..]), &x);
            }
        }
    }
}

#[test]
fn extreme_codes_and_wide_rows_are_exact() {
    let mut rng = Rng::new(5);
    for format in blocks() {
        for cols in [format.block_len().max(256), 32768] {
            let (rows, n_tokens) = (2, 9);
            let x: Vec<f32> = (0..n_tokens * cols)
                .map(|i| match i / cols % 3 {
                    0 => 1.0,
                    1 => -1.0,
                    _ => {
                        if rng.below(2) == 0 {
                            1.0
                        } else {
                            -1.0
                        }
                    }
                })
                .collect();
            for byte in [0x00, 0xff, 0x80, 0x7f, 0x88, 0x11] {
                // A whole matrix of one byte except where that would not be a finite number.
                let block = vec![byte; format.block_bytes().expect("blocks")];
                let mut values = vec![0.0; format.block_len()];
                format.decode(&block, &mut values);
                if values.iter().all(|v| v.is_finite()) {
                    let bytes = block.repeat(rows * cols / format.block_len());
                    check(Matrix::new(format, rows, cols, &bytes), &x);
                }
            }
        }
    }
}

#[test]
fn products_are_near_the_exact_ones() {
    let mut rng = Rng::new(6);
    for format in blocks() {
        let (rows, cols, n_tokens) = (20, 4 * format.block_len().max(64), 3);
        let bytes = weights(&mut rng, format, rows, cols);
        let x = rng.normals(n_tokens * cols);
        let got = check(Matrix::new(format, rows, cols, &bytes), &x);
        let mut w = vec![0.0; rows * cols];
        format.decode(&bytes, &mut w);
        let exact: Vec<f32> = (0..n_tokens * rows)
            .map(|i| {
                let (w, x) = (&w[i % rows * cols..][..cols], &x[i / rows * cols..][..cols]);
                w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>() as f32
            })
            .collect();
        // int8 activations in blocks of 32 are off by about 0.5 % of a standard deviation; f32 only rounds.
        let error_max = if format.block_len() == 1 { 1e-11 } else { 3e-4 };
        let error = nmse(&got, &exact);
        assert!(error < error_max, "{format:?}: NMSE {error:e}");
    }
}

#[test]
fn threads_batches_and_company_do_not_show() {
    let mut rng = Rng::new(7);
    for format in [Format::Q8_0, Format::F16] {
        let (cols, n_tokens) = (576, 21);
        let sizes = [70, 1, 33];
        let bytes = sizes.map(|rows| weights(&mut rng, format, rows, cols));
        let x = rng.normals(n_tokens * cols);
        let mut expected: Option<Vec<Vec<f32>>> = None;
        for n_threads in [1, 2, 5] {
            for batch in [n_tokens, 1, 3, 8, 13] {
                let kernels = Kernels::new(None, n_threads).expect("best");
                let mut rows = Rows::new();
                let mut outs = sizes.map(|_| Vec::new());
                for x in x.chunks(batch * cols) {
                    kernels.set_rows(&mut rows, x, cols);
                    let mut parts = sizes.map(|m| vec![0.0; x.len() / cols * m]);
                    let mut ws: Vec<_> = parts
                        .iter_mut()
                        .zip(sizes)
                        .zip(&bytes)
                        .map(|((out, rows), bytes)| (Matrix::new(format, rows, cols, bytes), out.as_mut_slice()))
                        .collect();
                    kernels.matmul_many(&mut ws, &mut rows);
                    outs.iter_mut().zip(parts).for_each(|(out, part)| out.extend(part));
                }
                let expected = expected.get_or_insert_with(|| outs.to_vec());
                for (got, expected) in outs.iter().zip(expected) {
                    assert_same_f32(&format!("{format:?}, {n_threads} threads, batches of {batch}"), got, expected);
                }
            }
        }
    }
}

/// Each format once, with tails of rows and tokens: what an emulator does in seconds (`cargo xtask test aarch64 wasm`).
#[test]
fn small_products_of_every_kernel_equal_the_scalar_one() {
    let mut rng = Rng::new(13);
    for (rows, n_tokens, n_blocks) in [(1, 1, 9), (33, 5, 5)] {
        for format in blocks() {
            let cols = n_blocks * format.block_len().max(32);
            let bytes = weights(&mut rng, format, rows, cols);
            check(Matrix::new(format, rows, cols, &bytes), &rng.normals(n_tokens * cols));
        }
        for format in ternary() {
            let cols = 5 * format.block_len().max(256);
            let bytes = rng.bytes(rows * format.row_bytes(cols).expect("whole blocks"));
            let w = Matrix { row_scales: &vec![0.5; rows], ..Matrix::new(format, rows, cols, &bytes) };
            check(w, &rng.normals(n_tokens * cols));
        }
    }
}

/// Scales that are infinite, no numbers, zero or subnormal, and activations of any size, leave what they leave in the
/// scalar kernel; which NaN is not said.
#[test]
fn small_products_of_any_bytes_equal_the_scalar_one() {
    let mut rng = Rng::new(14);
    let (rows, n_tokens) = (9, 3);
    for format in blocks() {
        let cols = 9 * format.block_len().max(32);
        let (row_bytes, block_bytes) = format.row_bytes(cols).zip(format.block_bytes()).expect("whole blocks");
        let mut bytes = rng.bytes(rows * row_bytes);
        // Random halves are hardly ever infinite: one of each row, first or last in its block, as scales are.
        for (m, row) in bytes.chunks_exact_mut(row_bytes).enumerate() {
            let block = &mut row[m * 5 % 8 * block_bytes..][..block_bytes];
            let at = if m % 2 == 0 { 0 } else { block_bytes - 2 };
            block[at..at + 2].copy_from_slice(&0x7c00_u16.to_le_bytes());
        }
        let mut x = rng.normals(n_tokens * cols);
        for (x, size) in x.chunks_mut(cols).zip([1.0, 1e-33, 1e30]) {
            x.iter_mut().for_each(|x| *x *= size);
        }
        let (w, mut activations) = (Matrix::new(format, rows, cols, &bytes), Rows::new());
        activations.set(&x, cols);
        let of = |out: Vec<f32>| out.into_iter().map(|x| if x.is_nan() { f32::NAN } else { x }).collect::<Vec<f32>>();
        let expected = of(call(scalar(&w), w, &mut activations));
        let packed = Level::detect(Isa::best()).and_then(|level| PackedMatrix::new(level, &Pool::new(1), &w));
        let w = Matrix { packed: packed.as_ref(), ..w };
        for kernel in MATMUL_KERNELS.iter().filter(|k| k.weights.include(&w) && k.isa.is_available()) {
            let what = format!("{format:?} by {:?} on {}", kernel.weights, kernel.isa.name());
            assert_same_f32(&what, &of(call(kernel, w, &mut activations)), &expected);
        }
    }
}

/// Chosen rows have the bits that they have among all, whatever their scales.
#[test]
fn chosen_rows_are_those_of_the_whole_product() {
    let mut rng = Rng::new(9);
    let (rows, cols) = (70, 2560);
    let row_scales: Vec<f32> = (0..rows).map(|m| 0.01 + m as f32 / 64.0).collect();
    let chosen = [69, 0, 3, 2, 3, 68, 41, 40].repeat(5);
    for n_threads in [1, 3] {
        let kernels = Kernels::new(None, n_threads).expect("best");
        let mut x = Rows::new();
        kernels.set_rows(&mut x, &rng.normals(cols), cols);
        for format in blocks().chain(ternary()) {
            let (bytes, row_scales) = if format.is_ternary() {
                (rng.bytes(rows * format.row_bytes(cols).expect("whole blocks")), &row_scales[..])
            } else {
                (weights(&mut rng, format, rows, cols), &[][..])
            };
            let w = Matrix { row_scales, ..Matrix::new(format, rows, cols, &bytes) };
            let (mut all, mut some) = (vec![0.0; rows], vec![0.0; chosen.len()]);
            kernels.matmul(w, &mut x, &mut all);
            kernels.matmul_rows(w, &chosen, &mut x, &mut some);
            let expected: Vec<f32> = chosen.iter().map(|&m| all[m as usize]).collect();
            assert_same_f32(&format!("{format:?}, {n_threads} threads"), &some, &expected);
        }
    }
}

#[test]
#[should_panic(expected = "matrix of 64 columns, activations of 32")]
fn widths_must_agree() {
    let kernels = Kernels::new(None, 1).expect("best");
    let mut rows = Rows::new();
    kernels.set_rows(&mut rows, &[0.0; 32], 32);
    kernels.matmul(Matrix::new(Format::F32, 1, 64, &[0; 256]), &mut rows, &mut [0.0]);
}
