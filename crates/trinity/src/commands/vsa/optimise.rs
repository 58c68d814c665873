//! `trinity vsa optimise`: how near four searches come to a hidden best vector, for the same number of questions.
//!
//! A search asks for the score of a vector and learns nothing else. None of them is given the hidden vector, or any
//! vector near it, to begin with.

use clap::Args;
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng as _, SeedableRng as _},
};
use serde::Serialize;

use crate::{cli::group, failure::Failure, terminal};

/// Arguments of `vsa optimise`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct OptimiseArgs {
    /// Trits of a vector, in blocks of five
    #[arg(long, value_name = "D", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(5..=100_000))]
    dim: u32,
    /// Scores that a search may ask for
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    evaluations: u32,
    /// Hidden vectors, whose results are averaged
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    targets: u32,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    dim: u32,
    evaluations: u32,
    targets: u32,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    search: &'static str,
    /// Cosine with the hidden vector, the best that was found.
    cosine: f64,
    /// Share of the highest score there is, where trits count in blocks of five.
    blocks: f64,
}

type Search = fn(&mut Asked<'_>, &mut Draws);

const SEARCHES: [(&str, Search); 4] = [
    ("random vectors", random),
    ("genetic algorithm", genetic),
    ("distribution of each trit", distribution),
    ("hill climbing", climbing),
];

/// Trits that a block has.
const BLOCK: usize = 5;

/// Searches, and prints the table.
pub(super) fn run(args: &OptimiseArgs) -> Result<(), Failure> {
    let dim = args.dim as usize;
    let mean = |search: Search, hide: fn(usize, &mut Draws) -> Hidden| {
        let best = |target: u32| {
            // Each search meets the same hidden vectors, and draws by itself.
            let seed = args.seed.wrapping_mul(1_000).wrapping_add(target.into());
            let hidden = hide(dim, &mut Draws::new(seed));
            let mut asked = Asked { hidden: &hidden, dim, left: args.evaluations, best: f64::NEG_INFINITY };
            search(&mut asked, &mut Draws::new(!seed));
            asked.best
        };
        (0..args.targets).map(best).sum::<f64>() / f64::from(args.targets)
    };
    let rows = SEARCHES.map(|(name, search)| Row {
        search: name,
        cosine: mean(search, Hidden::vector),
        blocks: mean(search, Hidden::blocks),
    });
    let report = Report {
        dim: args.dim,
        evaluations: args.evaluations,
        targets: args.targets,
        rows: rows.into_iter().collect(),
    };
    if args.json {
        return terminal::put_json(&report);
    }
    let mut text = format!(
        "Best of {} vectors of {} trits that a search asked about, mean of {} hidden best ones\n\n\
         search                      cosine   blocks of {BLOCK}\n",
        report.evaluations, report.dim, report.targets
    );
    for row in &report.rows {
        text += &format!("{:<25}   {:>6.3}   {:>11.3}\n", row.search, row.cosine, row.blocks);
    }
    terminal::put(&text)
}

/// Numbers at random.
struct Draws(Xoshiro256PlusPlus);

impl Draws {
    fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A number below `n`, each as likely up to n / 2⁶⁴.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn trit(&mut self) -> i8 {
        self.below(3) as i8 - 1
    }

    fn trits(&mut self, dim: usize) -> Vec<i8> {
        (0..dim).map(|_| self.trit()).collect()
    }
}

/// What a search does not see.
enum Hidden {
    Vector(Vec<i8>),
    /// A score at random for each content of each block; what the best contents score together.
    Blocks(Vec<[f64; 243]>, f64),
}

impl Hidden {
    fn vector(dim: usize, draws: &mut Draws) -> Self {
        Self::Vector(draws.trits(dim))
    }

    fn blocks(dim: usize, draws: &mut Draws) -> Self {
        let tables: Vec<[f64; 243]> = (0..dim.div_ceil(BLOCK)).map(|_| std::array::from_fn(|_| draws.unit())).collect();
        let most = tables.iter().map(|table| table.iter().copied().fold(0.0, f64::max)).sum();
        Self::Blocks(tables, most)
    }

    fn score(&self, v: &[i8]) -> f64 {
        match self {
            Self::Vector(hidden) => {
                let dot = |a: &[i8], b: &[i8]| -> i32 { a.iter().zip(b).map(|(a, b)| i32::from(a * b)).sum() };
                let lengths = f64::from(dot(v, v)) * f64::from(dot(hidden, hidden));
                if lengths > 0.0 { f64::from(dot(v, hidden)) / lengths.sqrt() } else { 0.0 }
            }
            Self::Blocks(tables, most) => {
                let content = |block: &[i8]| block.iter().fold(0, |all, trit| all * 3 + (trit + 1) as usize);
                let sum: f64 = v.chunks(BLOCK).zip(tables).map(|(block, table)| table[content(block)]).sum();
                sum / most
            }
        }
    }
}

/// Answers as many questions as are left.
struct Asked<'a> {
    hidden: &'a Hidden,
    dim: usize,
    left: u32,
    best: f64,
}

impl Asked<'_> {
    /// The score of a vector, or none once all questions were asked.
    fn score(&mut self, v: &[i8]) -> Option<f64> {
        self.left = self.left.checked_sub(1)?;
        let score = self.hidden.score(v);
        self.best = self.best.max(score);
        Some(score)
    }
}

/// Each vector is drawn anew.
fn random(asked: &mut Asked<'_>, draws: &mut Draws) {
    while asked.score(&draws.trits(asked.dim)).is_some() {}
}

/// A hundred vectors; children mix two that won among three each, a trit in `dim` drawn anew; the best one stays.
fn genetic(asked: &mut Asked<'_>, draws: &mut Draws) {
    const SIZE: usize = 100;
    let mut living: Vec<(f64, Vec<i8>)> = Vec::with_capacity(SIZE);
    while living.len() < SIZE {
        let v = draws.trits(asked.dim);
        let Some(score) = asked.score(&v) else { return };
        living.push((score, v));
    }
    loop {
        let mut children = Vec::with_capacity(SIZE);
        children.extend(living.iter().max_by(|a, b| a.0.total_cmp(&b.0)).cloned());
        while children.len() < SIZE {
            let mut parent = || {
                let three = [draws.below(SIZE), draws.below(SIZE), draws.below(SIZE)];
                let won = three.into_iter().max_by(|a, b| living[*a].0.total_cmp(&living[*b].0));
                &living[won.unwrap_or(0)].1
            };
            let (a, b) = (parent(), parent());
            let mut child = Vec::with_capacity(asked.dim);
            for (a, b) in a.iter().zip(b) {
                let inherited = if draws.below(2) == 0 { *a } else { *b };
                child.push(if draws.below(asked.dim) == 0 { draws.trit() } else { inherited });
            }
            let Some(score) = asked.score(&child) else { return };
            children.push((score, child));
        }
        living = children;
    }
}

/// Two hundred vectors are drawn by how often each trit was -1, 0 and 1 in the best fifty before (a categorical
/// estimation of distribution); none gets rarer than 1 in `dim`.
fn distribution(asked: &mut Asked<'_>, draws: &mut Draws) {
    const SIZE: usize = 200;
    const KEPT: usize = 50;
    let rarest = 1.0 / asked.dim as f64;
    let mut shares = vec![[1.0 / 3.0; 3]; asked.dim];
    loop {
        let mut drawn = Vec::with_capacity(SIZE);
        while drawn.len() < SIZE {
            let trit = |share: &[f64; 3]| {
                let at = draws.unit();
                i8::from(at >= share[0]) + i8::from(at >= share[0] + share[1]) - 1
            };
            let v: Vec<i8> = shares.iter().map(trit).collect();
            let Some(score) = asked.score(&v) else { return };
            drawn.push((score, v));
        }
        drawn.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (i, share) in shares.iter_mut().enumerate() {
            let mut counts = [0.0; 3];
            drawn[..KEPT].iter().for_each(|(_, v)| counts[(v[i] + 1) as usize] += 1.0);
            *share = counts.map(|count| (count / KEPT as f64) * (1.0 - 3.0 * rarest) + rarest);
        }
    }
}

/// One trit becomes another one, and stays so unless the score is less.
fn climbing(asked: &mut Asked<'_>, draws: &mut Draws) {
    let mut v = draws.trits(asked.dim);
    let Some(mut best) = asked.score(&v) else { return };
    loop {
        let at = draws.below(asked.dim);
        let before = v[at];
        v[at] = (before + 2 + draws.below(2) as i8) % 3 - 1;
        let Some(score) = asked.score(&v) else { return };
        if score < best {
            v[at] = before;
        } else {
            best = score;
        }
    }
}
