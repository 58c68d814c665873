//! What one asks for does not take the others' time: with a model whose steps take 5 ms and 1.2 ms for each row, as
//! SmolLM2 does on two cores.

use std::sync::Arc;

use engine::{EngineOptions, Progress, Request, Runner, Sampling, StepBound, TenantId};
use model::TokenId;

use crate::{
    hash_model::HashModel,
    log::{Log, N_VOCAB, submit},
    stories,
};

const STEP_US: u64 = 5000;
const ROW_US: u64 = 1200;

/// An engine, and the time that its model takes.
struct World {
    runner: Runner,
    clock: Box<engine::Clock>,
}

impl World {
    fn new(n_pages: usize, options: EngineOptions) -> Self {
        let model = HashModel::new(n_pages, N_VOCAB, 512).with_cost(STEP_US, ROW_US);
        let (clock, own) = (model.clock(), model.clock());
        Self { runner: Runner::new(Box::new(model), stories::tokenizer(), options, own).unwrap(), clock }
    }

    fn seconds(&self) -> f64 {
        (self.clock)().as_secs_f64()
    }

    /// Steps until a request has told its first token; returns the time that it took.
    fn until_first_token(&mut self, log: &Log) -> f64 {
        let start = self.seconds();
        while log.tokens(0).is_empty() {
            assert_ne!(self.runner.step(), Progress::Idle);
        }
        self.seconds() - start
    }

    fn finish(&mut self) {
        while self.runner.step() != Progress::Idle {
            self.runner.check().unwrap();
        }
    }
}

fn request(first: u32, n_prompt: u32, max_tokens: usize) -> Request {
    let prompt = (0..n_prompt).map(|i| TokenId((first * 31 + i * 7) % 499)).collect();
    Request { sampling: Sampling::greedy(), max_tokens: Some(max_tokens), ignore_eos: true, ..Request::new(prompt) }
}

#[test]
fn a_short_prompt_passes_a_long_one_that_loses_little() {
    let long = request(1, 7601, 1);
    // What it takes in the largest steps there are.
    let alone = 7601.0 * 0.0012 + 15.0 * 0.005;
    for (step, step_seconds) in
        [(StepBound::Chosen, 0.2), (StepBound::Aimed(100.0), 0.1), (StepBound::Aimed(50.0), 0.05)]
    {
        let mut world = World::new(300, EngineOptions { step, ..EngineOptions::default() });
        let log = submit(&mut world.runner, &long);
        let mut n_short = 0;
        while log.ends.lock().unwrap().is_empty() {
            (0..5).for_each(|_| {
                world.runner.step();
            });
            // The next is as short, or takes a few steps.
            let n_prompt = [20, 20, 100][n_short % 3];
            if n_short < 6 && log.ends.lock().unwrap().is_empty() {
                let short = submit(&mut world.runner, &request(2 + n_short as u32, n_prompt, 1));
                let took = world.until_first_token(&short);
                // The step that runs, its own, and what it costs: half of the rows are its share, as there are two.
                let bound = 2.1 * step_seconds + 2.3 * f64::from(n_prompt) * 0.0012;
                assert!(took <= bound, "{step:?}: {n_prompt} tokens in {took} s");
                n_short += 1;
            }
        }
        assert_eq!(n_short, 6);
        let (took, of_others) = (world.seconds(), 280.0 * 0.0012);
        assert!(took <= 1.1 * alone + of_others, "{step:?}: {took} s, alone {alone} s");
        world.finish();
    }
}

#[test]
fn short_prompts_do_not_starve_a_long_one() {
    for is_one_tenant in [true, false] {
        let mut world = World::new(300, EngineOptions::default());
        let long = submit(&mut world.runner, &request(1, 4000, 1));
        let mut n = 0;
        while long.tokens(0).is_empty() {
            // There are always more than a step holds.
            while world.runner.stats().n_active < 12 {
                n += 1;
                let tenant = TenantId(if is_one_tenant { 0 } else { 1 + u128::from(n % 3) });
                submit(&mut world.runner, &Request { tenant, ..request(n, 60, 1) });
            }
            world.runner.step();
        }
        let took = world.seconds();
        // Half of the rows are the first's in rank; of four tenants each has a quarter.
        let parts = if is_one_tenant { 2.0 } else { 4.0 };
        assert!(took < 1.2 * parts * 4000.0 * 0.0012, "one tenant {is_one_tenant}: {took} s, {n} short ones");
        assert!(n > 20, "one tenant {is_one_tenant}: {n} short ones");
    }
}

/// The work that seven tenants, in a closed loop of `n_streams` requests each, were served within `seconds`, beside a
/// flood or not.
struct Served {
    /// Numbers of tokens written for each of them, then for the flood.
    tokens: Vec<usize>,
    /// Times that their requests took, sorted.
    latencies: Vec<f64>,
}

impl Served {
    /// Returns Jain's index: 1 where all have the same, one in n where one has everything.
    fn jain(&self) -> f64 {
        let sum: f64 = self.tokens.iter().map(|n| *n as f64).sum();
        let squares: f64 = self.tokens.iter().map(|n| (*n as f64).powi(2)).sum();
        sum * sum / (squares * self.tokens.len() as f64)
    }

    fn p99(&self) -> f64 {
        self.latencies[self.latencies.len() * 99 / 100]
    }
}

const N_OTHERS: u32 = 7;

fn serve(n_running_max: usize, n_streams: u32, has_flood: bool, seconds: f64) -> Served {
    let mut world = World::new(1000, EngineOptions { n_running_max, ..EngineOptions::default() });
    // One request of 64 prompts and 16 choices each, which came first.
    let flood: Vec<Arc<Log>> = (0..if has_flood { 64 } else { 0 })
        .map(|i| {
            let tenant = TenantId(u128::from(N_OTHERS));
            let flood = Request { tenant, n_choices: 16, ..request(100 + i, 60, 3000) };
            submit(&mut world.runner, &flood)
        })
        .collect();
    (0..20).for_each(|_| {
        world.runner.step();
    });
    let start = world.seconds();
    let mut n_asked = 0;
    let mut ask = |world: &mut World, tenant: u32| {
        n_asked += 1;
        let request = Request { tenant: TenantId(u128::from(tenant)), ..request(n_asked, 30, 24) };
        (world.seconds(), submit(&mut world.runner, &request))
    };
    let n_flooded =
        |flood: &[Arc<Log>]| flood.iter().flat_map(|log| (0..16).map(|i| log.tokens(i).len())).sum::<usize>();
    let before = n_flooded(&flood);
    let mut streams: Vec<(u32, (f64, Arc<Log>))> =
        (0..N_OTHERS * n_streams).map(|i| (i % N_OTHERS, ask(&mut world, i % N_OTHERS))).collect();
    let mut served = Served { tokens: vec![0; N_OTHERS as usize], latencies: Vec::new() };
    while world.seconds() < start + seconds {
        world.runner.step();
        for (tenant, (asked, log)) in &mut streams {
            if log.tokens(0).len() == 24 {
                served.tokens[*tenant as usize] += 24;
                served.latencies.push(world.seconds() - *asked);
                (*asked, *log) = ask(&mut world, *tenant);
            }
        }
    }
    world.runner.check().unwrap();
    if has_flood {
        served.tokens.push(n_flooded(&flood) - before);
    }
    served.latencies.sort_by(f64::total_cmp);
    served
}

#[test]
fn a_tenant_that_floods_takes_no_more_than_its_share() {
    // As many streams as there are shares: all eight get the same.
    let (alone, flooded) = (serve(16, 2, false, 30.0), serve(16, 2, true, 30.0));
    assert!(flooded.jain() >= 0.95, "Jain's index {}: {:?}", flooded.jain(), flooded.tokens);
    let ratio = flooded.p99() / alone.p99();
    assert!(ratio <= 2.0, "{} s, {} s without the flood", flooded.p99(), alone.p99());
    // Modest ones, beside whom the flood may have what they leave: they still get theirs.
    let (alone, flooded) = (serve(64, 1, false, 30.0), serve(64, 1, true, 30.0));
    let ratio = flooded.p99() / alone.p99();
    eprintln!("XX {} {} {} {:?}", flooded.jain(), alone.p99(), flooded.p99(), flooded.tokens);
    assert!(ratio <= 2.0, "{} s, {} s without the flood", flooded.p99(), alone.p99());
    let others = &flooded.tokens[..N_OTHERS as usize];
    let (least, most) = (others.iter().min().unwrap(), others.iter().max().unwrap());
    assert!(*least * 10 >= *most * 9, "{others:?}");
    assert!(flooded.tokens[N_OTHERS as usize] >= *most, "what is left over is used: {:?}", flooded.tokens);
}

#[test]
fn four_tokens_beside_a_thousand_sequences_come_at_once() {
    for prefix_cache in [true, false] {
        let options = EngineOptions { prefix_cache, ..EngineOptions::default() };
        let mut world = World::new(300, options);
        for i in 0..64 {
            submit(&mut world.runner, &Request { tenant: TenantId(1), n_choices: 16, ..request(i, 60, 3000) });
        }
        (0..200).for_each(|_| {
            world.runner.step();
        });
        let start = world.seconds();
        let log = submit(&mut world.runner, &Request { tenant: TenantId(2), ..request(90, 20, 4) });
        while log.ends.lock().unwrap().is_empty() {
            world.runner.step();
            world.runner.check().unwrap();
        }
        let took = world.seconds() - start;
        assert!(took < 0.7, "{took} s");
        assert_eq!(log.tokens(0).len(), 4);
    }
}

#[test]
fn a_stream_gives_way_to_the_urgent_once_and_one_a_second() {
    let mut world = World::new(300, EngineOptions { n_running_max: 4, ..EngineOptions::default() });
    let streams: Vec<Arc<Log>> = (0..4).map(|i| submit(&mut world.runner, &request(i, 20, 1500))).collect();
    (0..20).for_each(|_| {
        world.runner.step();
    });
    // There is always somebody urgent.
    let (start, mut n_urgent) = (world.seconds(), 0);
    let mut longest = [0.0f64; 4];
    let mut last: Vec<(usize, f64)> = streams.iter().map(|log| (log.tokens(0).len(), world.seconds())).collect();
    while world.seconds() < start + 20.0 {
        if world.runner.stats().n_active < 8 {
            n_urgent += 1;
            submit(&mut world.runner, &Request { priority: 100, ..request(50 + n_urgent, 20, 10) });
        }
        world.runner.step();
        let now = world.seconds();
        let n_preempted = world.runner.stats().n_preempted;
        assert!(n_preempted as f64 <= (now - start) + 1.0, "{n_preempted} in {} s", now - start);
        for (i, log) in streams.iter().enumerate() {
            if log.tokens(0).len() > last[i].0 || !log.ends.lock().unwrap().is_empty() {
                longest[i] = longest[i].max(now - last[i].1);
                last[i] = (log.tokens(0).len(), now);
            }
        }
    }
    assert_eq!(world.runner.stats().n_preempted, 4, "each once");
    assert!(n_urgent > 10, "{n_urgent} urgent ones");
    world.finish();
    assert!(streams.iter().all(|log| log.tokens(0).len() == 1500));
}
