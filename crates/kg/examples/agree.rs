//! Asks both evaluators many random queries: `cargo run --release -p kg --example agree -- SEED ROUNDS`.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "an example talks to the terminal, and ends where it cannot go on"
)]

#[path = "../tests/it/generate.rs"]
mod generate;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let (seed, rounds) = (arguments.next().unwrap_or(1), arguments.next().unwrap_or(100_000));
    let report = generate::compare(seed, rounds);
    report.different.iter().take(5).for_each(|different| println!("{different}\n"));
    println!(
        "seed {seed}: of {rounds} queries {} alike ({} with rows), {} left, {} different",
        report.equal,
        report.with_rows,
        report.left,
        report.different.len()
    );
    std::process::exit(i32::from(!report.different.is_empty()));
}
