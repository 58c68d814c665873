//! Reads old specifications again and again and says how fast: `cargo run --release --example read -- FILES`.

#![allow(clippy::print_stdout, reason = "a measurement is to be seen")]

use std::{env, fs, hint::black_box, time::Instant};

use vibee::{legacy, reader, render, source::Sources};

const ROUNDS: usize = 15;

fn main() -> Result<(), std::io::Error> {
    let paths: Vec<String> = env::args().skip(1).collect();
    let texts: Vec<Vec<u8>> = paths.iter().map(fs::read).collect::<Result<_, _>>()?;
    let n_bytes: usize = texts.iter().map(Vec::len).sum();
    let mut ms: Vec<f64> = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for (path, bytes) in paths.iter().zip(&texts) {
            let mut sources = Sources::default();
            let (file, _) = reader::add_bytes(&mut sources, path, bytes);
            let (document, diagnostics) = reader::read(&sources, file);
            black_box(legacy::census(&document));
            black_box(render::render(&diagnostics, &sources, render::Style::Plain));
        }
        ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    ms.sort_by(f64::total_cmp);
    let median = ms.get(ROUNDS / 2).copied().unwrap_or_default();
    let mb_s = n_bytes as f64 / 1e3 / median;
    println!("{} files, {n_bytes} bytes: {median:.2} ms (median of {ROUNDS}), {mb_s:.0} MB/s", paths.len());
    Ok(())
}
