//! `trinity vsa bench`: times of single operations, and of searches among many items.

use std::{hint::black_box, time::Instant};

use clap::Args;
use kernels::bits::Bits;
use serde::Serialize;
use vsa::{Bipolar, Bundler, Code, Dim, ItemMemory, Scan, Seed, Space, Ternary, experiment};

use super::dim;
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal,
};

/// Arguments of `vsa bench`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct BenchArgs {
    /// Dimensions of the vectors
    #[arg(long, value_name = "D", default_value = "10240", value_parser = dim)]
    dim: Dim,
    /// Items that are searched
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    items: u32,
    /// Rounds, of which the median is told
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

/// Vectors of a batch, so that the time of a call does not count.
const BATCH: usize = 1_000;
/// Members of the bundle that is timed.
const MEMBERS: usize = 32;
/// Hits of a search.
const HITS: usize = 10;
/// Queries that are searched together.
const QUERIES: usize = 8;

#[derive(Serialize)]
struct Report {
    dim: u32,
    items: u32,
    isa: &'static str,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    what: &'static str,
    /// Nanoseconds for one vector, or one query: the median round's.
    ns: f64,
    ns_least: f64,
    ns_most: f64,
}

/// Measures, and prints the table.
pub(super) fn run(args: &BenchArgs, global: &Global) -> Result<(), Failure> {
    let mut rows = operations(args)?;
    rows.extend(searches(args, global)?);
    let isa = Bits::current().isa().name();
    let report = Report { dim: args.dim.to_u32(), items: args.items, isa, rows };
    if args.json {
        return terminal::put_json(&report);
    }
    let mut text = format!("{} dimensions, {} items, {isa}, one thread\n\n", report.dim, report.items);
    let width = report.rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
    for row in &report.rows {
        let [median, least, most] = [row.ns, row.ns_least, row.ns_most].map(time);
        text += &format!("{:<width$}   {median:>10}   ({least} to {most})\n", row.what);
    }
    terminal::put(&text)
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// Median, least and most of the rounds, for one of `n` things that `work` does.
fn timed(
    what: &'static str,
    args: &BenchArgs,
    n: usize,
    mut work: impl FnMut() -> Result<(), vsa::Error>,
) -> Result<Row, Failure> {
    work()?;
    let mut rounds = Vec::with_capacity(args.rounds as usize);
    for _ in 0..args.rounds {
        let start = Instant::now();
        work()?;
        rounds.push(start.elapsed().as_nanos() as f64 / n as f64);
    }
    rounds.sort_by(f64::total_cmp);
    let (least, most) = (rounds.first().copied().unwrap_or(0.0), rounds.last().copied().unwrap_or(0.0));
    Ok(Row { what, ns: rounds.get(rounds.len() / 2).copied().unwrap_or(0.0), ns_least: least, ns_most: most })
}

fn operations(args: &BenchArgs) -> Result<Vec<Row>, Failure> {
    let space = Space::new(args.dim, Seed(1));
    // As many as the second level of cache holds.
    let signs: Vec<Bipolar> = (0..MEMBERS as u8).map(|i| space.item(&[i])).collect();
    let trits: Vec<Ternary> =
        (0..MEMBERS as u8).map(|i| space.sparse(&[i], args.dim.to_u32() / 3 * 2)).collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    let (mut sign, mut trit) = (signs[0].clone(), trits[0].clone());
    let pair = |i: usize| (i % MEMBERS, (i + 1) % MEMBERS);
    rows.push(timed("bind, bipolar", args, BATCH, || {
        (0..BATCH).map(pair).try_for_each(|(a, b)| black_box(&signs[a]).bind_into(&signs[b], black_box(&mut sign)))
    })?);
    rows.push(timed("bind, ternary", args, BATCH, || {
        (0..BATCH).map(pair).try_for_each(|(a, b)| black_box(&trits[a]).bind_into(&trits[b], black_box(&mut trit)))
    })?);
    rows.push(timed("dot, bipolar", args, BATCH, || {
        (0..BATCH).map(pair).try_for_each(|(a, b)| black_box(&signs[a]).dot(&signs[b]).map(|dot| _ = black_box(dot)))
    })?);
    rows.push(timed("dot, ternary", args, BATCH, || {
        (0..BATCH).map(pair).try_for_each(|(a, b)| black_box(&trits[a]).dot(&trits[b]).map(|dot| _ = black_box(dot)))
    })?);
    if args.dim.rotates() {
        rows.push(timed("rotate, bipolar", args, BATCH, || {
            (0..BATCH).try_for_each(|i| black_box(&signs[i % MEMBERS]).rotate_into(i as i64, black_box(&mut sign)))
        })?);
    }
    rows.push(timed("bundle of 32, bipolar", args, BATCH / MEMBERS, || {
        (0..BATCH / MEMBERS).try_for_each(|_| {
            let mut bundler = Bundler::new(args.dim);
            bundler.add_all(black_box(&signs))?;
            black_box(bundler.sums());
            Ok(())
        })
    })?);
    Ok(rows)
}

fn searches(args: &BenchArgs, global: &Global) -> Result<Vec<Row>, Failure> {
    let space = Space::new(args.dim, Seed(2));
    let mut memory = ItemMemory::new(args.dim);
    let filled = terminal::progress("items", args.items.into(), false);
    for i in 0..args.items {
        memory.add(&space.item(&i.to_le_bytes()))?;
        if i % 1_000 == 0 {
            filled.set_position(i.into());
        }
    }
    filled.finish_and_clear();
    if global.verbose > 0 {
        terminal::say(&format!("{} of items\n", terminal::bytes_text(memory.bytes())));
    }
    // Queries near no item, and queries near one, a tenth of whose positions are flipped.
    let random: Vec<Bipolar> = (0..QUERIES as u8).map(|i| space.item(&[i, b'q'])).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bits = || {
        // Xorshift (Marsaglia, 2003): good enough for noise.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let near = space.item(&7u32.to_le_bytes()).bind(&experiment::flips(args.dim, 0.1, &mut bits))?;
    let screened = Scan::Screened { cosine_min: 0.7, miss_max: 1e-12 };
    let search = |query: &[Bipolar], how| memory.top_k_many(query, HITS, how).map(|found| _ = black_box(found));
    Ok(vec![
        timed("top 10, one query like none", args, 1, || search(&random[..1], Scan::Exact))?,
        timed("top 10, each of eight such queries", args, QUERIES, || search(&random, Scan::Exact))?,
        timed("top 10, a query 10 % off an item", args, 1, || search(std::slice::from_ref(&near), Scan::Exact))?,
        timed("the same, screened", args, 1, || search(std::slice::from_ref(&near), screened))?,
    ])
}
