//! A forward pass that panics costs only the sequences whose own pass panics again, whatever it had written before, and
//! a panic in a drafter costs nobody anything.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use engine::{Completion, EngineOptions, Error, Event, Progress, Request, Runner, Sampling, Sink};
use model::{AttentionWindow, Forward, KvType, Logits, PageArena, PageId, StateId, Step, TokenId};

use crate::{
    hash_model::N_LAYERS,
    log::{Log, World, hash_model, lonely, submit, ticking},
    preemption::kinds,
    service::stories_model,
    simulation::drafter,
    stories,
};

/// A model that panics where it is told to, when a part of the step is written.
pub(crate) struct Fragile<B> {
    model: Box<dyn Forward + Send>,
    breaks_at: B,
}

impl<B: FnMut(&Step<'_>) -> bool> Fragile<B> {
    pub(crate) fn new(model: Box<dyn Forward + Send>, breaks_at: B) -> Self {
        Self { model, breaks_at }
    }
}

/// Whether `token` is among those that the step computes.
pub(crate) fn has(step: &Step<'_>, token: TokenId) -> bool {
    step.spans.iter().any(|span| span.tokens.contains(&token))
}

impl<B: FnMut(&Step<'_>) -> bool> PageArena for Fragile<B> {
    fn page_bytes(&self) -> usize {
        self.model.page_bytes()
    }
    fn copy_page(&mut self, from: PageId, to: PageId) {
        self.model.copy_page(from, to);
    }
    fn read_page(&self, page: PageId, out: &mut [u8]) {
        self.model.read_page(page, out);
    }
    fn write_page(&mut self, page: PageId, bytes: &[u8]) {
        self.model.write_page(page, bytes);
    }
}

impl<B: FnMut(&Step<'_>) -> bool> Forward for Fragile<B> {
    fn n_vocab(&self) -> usize {
        self.model.n_vocab()
    }
    fn context_len_max(&self) -> usize {
        self.model.context_len_max()
    }
    fn n_pages(&self) -> usize {
        self.model.n_pages()
    }
    fn n_states(&self) -> usize {
        self.model.n_states()
    }
    fn copy_state(&mut self, from: StateId, to: StateId) {
        self.model.copy_state(from, to);
    }
    fn step_rows_max(&self) -> usize {
        self.model.step_rows_max()
    }
    fn n_layers(&self) -> usize {
        self.model.n_layers()
    }
    fn width(&self) -> usize {
        self.model.width()
    }
    fn attention_window(&self) -> Option<AttentionWindow> {
        self.model.attention_window()
    }
    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits) {
        if (self.breaks_at)(step) {
            let half = step.spans.len().div_ceil(2);
            let begun = Step { spans: &step.spans[..half], n_layers: step.n_layers };
            self.model.forward(&begun, logits);
            panic!("no bug: a test of what one costs");
        }
        self.model.forward(step, logits);
    }
}

const WORLD: World = World { n_pages: 60, step_rows_max: 48, window: None };

/// Token that no other request says.
const POISON: TokenId = TokenId(499);

fn stays(first: u32) -> Request {
    let prompt = (0..20).map(|i| TokenId((first + i * 7) % 400)).collect();
    Request { sampling: Sampling::greedy(), max_tokens: Some(40), ignore_eos: true, ..Request::new(prompt) }
}

fn runner(model: impl Forward + Send + 'static, n_drafter: usize) -> Runner {
    let options = EngineOptions { drafter: drafter(n_drafter), ..EngineOptions::default() };
    Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap()
}

fn turn(runner: &mut Runner, at: &str) {
    while runner.step() != Progress::Idle {
        runner.check().unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
    }
}

/// Runs a request between two others, where the pass over several sequences, the `breaks_at`-th of those that `counts`
/// says, panics; returns whether there was one.
fn break_at(
    request: &Request,
    alone: [&Log; 2],
    (n_drafter, n_states): (usize, usize),
    counts: fn(&Step<'_>) -> bool,
    breaks_at: usize,
) -> bool {
    let n = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n);
    let breaks = move |step: &Step<'_>| counts(step) && counted.fetch_add(1, Ordering::Relaxed) + 1 == breaks_at;
    let model = hash_model(60, 48, None).with_states(n_states);
    let mut runner = runner(Fragile::new(Box::new(model), breaks), n_drafter);
    let at = format!("a panic in pass {breaks_at} with drafter {n_drafter} and {n_states} states: {request:?}");
    let before = submit(&mut runner, &stays(1));
    let log = submit(&mut runner, request);
    let after = submit(&mut runner, &stays(1));
    turn(&mut runner, &at);
    for stayed in [before, after] {
        stayed.check(alone[0], &stays(1), false, &at);
    }
    log.check(alone[1], request, false, &at);
    let has_broken = n.load(Ordering::Relaxed) >= breaks_at;
    let stats = runner.stats();
    assert_eq!((stats.n_panics, stats.n_failed, stats.n_active), (u64::from(has_broken), 0, 0), "{at}");
    has_broken
}

#[test]
fn a_pass_that_panics_once_costs_nobody_anything() {
    let tokenizer = stories::tokenizer();
    let stayed = lonely(&stays(1), &WORLD, &tokenizer);
    let counts = |step: &Step<'_>| step.n_layers.is_none() && step.spans.len() > 1;
    for (kind, request) in kinds() {
        let alone = lonely(&request, &WORLD, &tokenizer);
        for of_model in [(0, 0), (2, 0), (0, 5)] {
            let n_broken =
                (1..100_000).take_while(|i| break_at(&request, [&stayed, &alone], of_model, counts, *i)).count();
            assert!(n_broken > 5, "{kind}: {n_broken} passes over several sequences");
        }
    }
}

#[test]
fn a_drafter_that_panics_costs_nobody_anything() {
    let tokenizer = stories::tokenizer();
    let stayed = lonely(&stays(1), &WORLD, &tokenizer);
    let counts = |step: &Step<'_>| step.n_layers.is_some_and(|n| n < N_LAYERS);
    let (_, request) = kinds().swap_remove(0);
    let alone = lonely(&request, &WORLD, &tokenizer);
    let n_broken = (1..100_000).take_while(|i| break_at(&request, [&stayed, &alone], (2, 0), counts, *i)).count();
    assert!(n_broken > 5, "{n_broken} drafts");
}

#[test]
fn who_panics_again_falls_alone() {
    let tokenizer = stories::tokenizer();
    let alone = lonely(&stays(1), &WORLD, &tokenizer);
    for ((kind, mut request), n_states) in kinds().into_iter().flat_map(|kind| [(kind.clone(), 0), (kind, 5)]) {
        // Far enough behind for the chunks before it to be computed.
        *request.prompt.last_mut().unwrap() = POISON;
        let model = Box::new(hash_model(60, 48, None).with_states(n_states));
        let model = Fragile::new(model, |step: &Step<'_>| has(step, POISON));
        let mut runner = runner(model, 0);
        let before = submit(&mut runner, &stays(1));
        let falls = submit(&mut runner, &request);
        let after = submit(&mut runner, &stays(1));
        turn(&mut runner, kind);
        for log in [before, after] {
            log.check(&alone, &stays(1), false, kind);
        }
        let ends = falls.ends.lock().unwrap();
        assert_eq!(ends.len(), request.n_choices, "{kind}");
        assert!(ends.values().all(|end| *end == Err(Error::Internal)), "{kind}: {ends:?}");
        let stats = runner.stats();
        assert_eq!((stats.n_failed, stats.n_finished, stats.n_active), (request.n_choices as u64, 2, 0), "{kind}");
        assert!(stats.n_panics > stats.n_failed, "{kind}: {} panics", stats.n_panics);
    }
}

/// A request that computes the first 20 tokens of its prompt well, and panics over what comes after them.
fn falls() -> Request {
    Request { prompt: (300..320).map(TokenId).chain([POISON]).collect(), ..stays(1) }
}

/// How many tokens of a prompt that begins like that of [`falls`] are found cached, after what `fall` has done.
fn n_left_by(fall: impl FnOnce(&mut Runner)) -> usize {
    // Chunks of 8: the poison is in the third.
    let model = Fragile::new(Box::new(hash_model(60, 8, None)), |step: &Step<'_>| has(step, POISON));
    let mut runner = runner(model, 0);
    fall(&mut runner);
    let next = Request { prompt: (300..324).map(TokenId).collect(), ..stays(1) };
    let log = submit(&mut runner, &next);
    turn(&mut runner, "afterwards");
    log.check(&lonely(&next, &WORLD, &stories::tokenizer()), &next, false, "after a panic");
    log.end(0).n_cached
}

#[test]
fn who_falls_leaves_no_prefix_to_others() {
    let fell = |log: &Log| assert_eq!(log.ends.lock().unwrap()[&0], Err(Error::Internal));
    // One that is cancelled at the same place leaves what it has computed.
    let cancelled = n_left_by(|runner| {
        let log = submit(runner, &falls());
        (0..2).for_each(|_| {
            runner.step();
        });
        log.is_closed.store(true, Ordering::Relaxed);
        turn(runner, "cancelled");
    });
    assert_eq!(cancelled, 16);
    for n_others in [0, 2] {
        let left = n_left_by(|runner| {
            let others: Vec<Arc<Log>> = (1..=n_others).map(|first| submit(runner, &stays(first))).collect();
            let log = submit(runner, &falls());
            turn(runner, "a pass that panics");
            fell(&log);
            others.iter().for_each(|log| assert!(log.end(0).n_completion == 40));
        });
        assert_eq!(left, 0, "beside {n_others} others");
    }
    // Where a panic is nobody's, all that are planned fall.
    let left = n_left_by(|runner| {
        let log = submit(runner, &falls());
        (0..2).for_each(|_| {
            runner.step();
        });
        runner.submit(&stays(1), Box::new(BreaksAtOnce)).unwrap();
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.step())).is_err());
        runner.contain_panic();
        fell(&log);
    });
    assert_eq!(left, 0, "outside of passes and rows");
}

/// Panics when its request is begun.
struct BreaksAtOnce;

impl Sink for BreaksAtOnce {
    fn event(&mut self, _event: Event<'_>) -> ControlFlow<()> {
        unreachable!("it fell before")
    }

    fn begun(&mut self, _n_cached: usize) {
        panic!("no bug: a test of what one costs");
    }

    fn finish(&mut self, _choice: usize, end: Result<Completion, Error>) {
        assert_eq!(end, Err(Error::Internal));
    }
}

/// Models have weights, and caches of every type that heads of this width can have: what a broken pass has written is
/// written again, byte for byte.
#[test]
fn what_a_broken_pass_has_written_is_written_again() {
    let fits = |kv: &KvType| !matches!(kv, KvType::Q8_0 | KvType::Q4_0);
    for kv in KvType::ALL.into_iter().filter(fits) {
        let texts = |every: usize| {
            let (model, tokenizer) = stories_model(kv, 1);
            let mut n = 0;
            let breaks = move |step: &Step<'_>| {
                n += usize::from(step.spans.len() > 1);
                every > 0 && step.spans.len() > 1 && n.is_multiple_of(every)
            };
            let model = Box::new(Fragile::new(model, breaks));
            let mut runner = Runner::new(model, tokenizer, EngineOptions::default(), ticking()).unwrap();
            let logs: Vec<Arc<Log>> = (1..5).map(|i| submit(&mut runner, &stays(i))).collect();
            turn(&mut runner, "stories");
            assert_eq!(runner.stats().n_panics > 5, every > 0, "{kv:?}");
            logs.iter().map(|log| log.tokens(0)).collect::<Vec<_>>()
        };
        assert_eq!(texts(2), texts(0), "{kv:?}");
    }
}
