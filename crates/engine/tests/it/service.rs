//! An engine on its thread: what it refuses, contains, drains and repeats.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use engine::{
    Completion, DiskCache, EngineOptions, Error, Event, FinishReason, Handle, Request, Sampling, Sink, StepBound, Task,
    TenantId,
};
use gguf::Container;
use kernels::Kernels;
use model::{KvType, KvTypes, LoadOptions, Model, Pooling, Step, TokenId};
use testkit::Rng;
use tokenizer::{ControlTokens, Tokenizer};

use crate::{
    fragile::{Fragile, has},
    hash_model::{HashModel, hidden, next},
    stories,
};

const N_VOCAB: usize = 500;

/// A sink that sends every end, with all text so far.
struct Waiting {
    text: String,
    ends: Sender<(usize, String, Result<Completion, Error>)>,
}

type Ends = Receiver<(usize, String, Result<Completion, Error>)>;

impl Sink for Waiting {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.text.push_str(event.text);
        ControlFlow::Continue(())
    }

    fn finish(&mut self, choice: usize, end: Result<Completion, Error>) {
        self.ends.send((choice, self.text.clone(), end)).unwrap();
    }
}

fn submit(handle: &Handle, request: Request) -> Result<Ends, Error> {
    let (ends, received) = channel();
    handle.submit(request, Box::new(Waiting { text: String::new(), ends }))?;
    Ok(received)
}

fn request(prompt: impl IntoIterator<Item = u32>, max_tokens: usize) -> Request {
    let prompt = prompt.into_iter().map(TokenId).collect();
    Request { sampling: Sampling::greedy(), max_tokens: Some(max_tokens), ignore_eos: true, ..Request::new(prompt) }
}

fn hashed(options: EngineOptions) -> Handle {
    Handle::spawn("hash", Box::new(HashModel::new(40, N_VOCAB, 64)), stories::tokenizer(), options).unwrap()
}

#[test]
fn a_panic_fails_the_requests_of_its_step_and_no_others() {
    let model = Fragile::new(Box::new(HashModel::new(40, N_VOCAB, 64)), |step: &Step<'_>| has(step, TokenId(499)));
    let options = EngineOptions { n_running_max: 1, ..EngineOptions::default() };
    let handle = Handle::spawn("fragile", Box::new(model), stories::tokenizer(), options).unwrap();
    let fails = submit(&handle, request([1, 2, 499], 5)).unwrap();
    let works = submit(&handle, request([1, 2, 3], 5)).unwrap();
    assert_eq!(fails.recv().unwrap().2, Err(Error::Internal));
    assert_eq!(works.recv().unwrap().2.unwrap().n_completion, 5);
    assert!(handle.is_alive());
    handle.shutdown();
    let stats = handle.stats();
    assert_eq!((stats.n_panics, stats.n_failed, stats.n_finished, stats.n_active), (1, 1, 1, 0));
    assert_eq!(stats.pages_free + stats.pages_cached, stats.pages_total);
}

#[test]
fn what_cannot_be_computed_is_refused_at_once() {
    let handle = hashed(EngineOptions { n_running_max: 1, n_queued_max: 1, ..EngineOptions::default() });
    let refused = |request: Request| submit(&handle, request).err().unwrap();
    assert_eq!(refused(request([], 1)), Error::EmptyPrompt);
    assert_eq!(refused(request([500], 1)), Error::UnknownToken { id: 500, n_vocab: 500 });
    assert_eq!(
        refused(request(vec![1; 2000], 1)),
        Error::PromptTooLong { n_prompt: 2000, context_len_max: handle.context_len_max() }
    );
    let parameter = |request: Request| match refused(request) {
        Error::Parameter { parameter, .. } => parameter,
        other => panic!("{other}"),
    };
    assert_eq!(parameter(Request { n_choices: 17, ..request([1], 1) }), "n");
    assert_eq!(parameter(Request { n_choices: 0, ..request([1], 1) }), "n");
    assert_eq!(parameter(Request { priority: 1001, ..request([1], 1) }), "priority");
    assert_eq!(parameter(Request { top_logprobs: Some((1 << 20) + 1), ..request([1], 1) }), "top_logprobs");
    assert_eq!(parameter(Request { prompt_logprobs: Some(21), ..request([1], 1) }), "prompt_logprobs");
    // One runs and one waits.
    let all: Vec<_> = (0..2).map(|_| submit(&handle, request([1], 1000)).unwrap()).collect();
    assert!(matches!(refused(request([1], 1)), Error::Busy { n_queued: 2, .. }));
    // Each choice counts, and a tenant that has nothing there yet is not shut out by one that has everything.
    let other = Request { tenant: TenantId(1), ..request([1], 1) };
    assert!(matches!(refused(Request { n_choices: 2, ..other.clone() }), Error::Busy { n_queued: 2, .. }));
    assert!(handle.check_room(TenantId(1), 1).is_ok() && handle.check_room(TenantId(1), 2).is_err());
    assert_eq!(submit(&handle, other).unwrap().recv().unwrap().2.unwrap().n_completion, 1);
    assert!(all.iter().all(|ends| ends.recv().unwrap().2.is_ok()));
    assert_eq!(submit(&handle, request([1], 1)).unwrap().recv().unwrap().2.unwrap().n_completion, 1);
}

/// A sink whose reader is never ready.
struct Endless(Waiting);
impl Sink for Endless {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.0.event(event)
    }
    fn finish(&mut self, _choice: usize, end: Result<Completion, Error>) {
        assert_eq!(end, Err(Error::Draining));
    }
    fn has_room(&self) -> bool {
        false
    }
}

#[test]
fn draining_lets_what_runs_go_on_and_shutdown_ends_it() {
    let handle = hashed(EngineOptions::default());
    let runs = submit(&handle, request([1], 100)).unwrap();
    handle.drain();
    assert_eq!(submit(&handle, request([1], 1)).err(), Some(Error::Draining));
    assert_eq!(runs.recv().unwrap().2.unwrap().n_completion, 100);
    let handle = hashed(EngineOptions::default());
    let sink = Waiting { text: String::new(), ends: channel().0 };
    handle.submit(request([1], 100), Box::new(Endless(sink))).unwrap();
    handle.shutdown();
    assert!(!handle.is_alive());
    assert_eq!(handle.n_active(), 0);
    assert!(matches!(submit(&handle, request([1], 1)).err(), Some(Error::Draining | Error::Dead)));
}

#[test]
fn a_cancelled_request_ends_wherever_it_is() {
    // So long that none of them ends by itself meanwhile.
    let model = Box::new(HashModel::new(4000, N_VOCAB, 64));
    let options = EngineOptions { n_running_max: 1, ..EngineOptions::default() };
    let handle = Handle::spawn("hash", model, stories::tokenizer(), options).unwrap();
    let (ends, received) = channel();
    let runs = Box::new(Waiting { text: String::new(), ends: ends.clone() });
    let waits = Box::new(Waiting { text: String::new(), ends });
    let runs = handle.submit(request([1], 100_000), runs).unwrap();
    let waits = handle.submit(request([2], 100_000), waits).unwrap();
    handle.cancel(waits);
    handle.cancel(runs);
    handle.cancel(runs);
    for _ in 0..2 {
        assert_eq!(received.recv().unwrap().2.unwrap().finish_reason, FinishReason::Cancelled);
    }
    assert_eq!(handle.n_active(), 0);
}

#[test]
fn an_embedding_is_made_of_hidden_states_however_they_are_cut() {
    let tokens: Vec<TokenId> = (0..150).map(|i| TokenId(i * 3 % 400)).collect();
    let rows: Vec<[f32; 4]> = (1..=tokens.len()).map(|n| hidden(tokens[..n].iter().copied())).collect();
    let mut sum = [0.0f64; 4];
    rows.iter().for_each(|row| sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x)));
    let mean: Vec<f32> = sum.iter().map(|sum| (sum / tokens.len() as f64) as f32).collect();
    let expected = [
        (Pooling::None, rows.concat()),
        (Pooling::Mean, mean),
        (Pooling::First, rows[0].to_vec()),
        (Pooling::Last, rows[149].to_vec()),
    ];
    for step_rows_max in [7, 64, 200] {
        let model = HashModel::new(40, N_VOCAB, step_rows_max);
        let handle = Handle::spawn("hash", Box::new(model), stories::tokenizer(), EngineOptions::default()).unwrap();
        // Others run beside it, and one has left the same prompt in the cache.
        let other = submit(&handle, Request { prompt: tokens.clone(), ..request([], 30) }).unwrap();
        for (pooling, expected) in &expected {
            let request = Request { task: Task::Embed(*pooling), ..Request::new(tokens.clone()) };
            let end = submit(&handle, request).unwrap().recv().unwrap().2.unwrap();
            assert_eq!(end.embedding.as_ref(), Some(expected), "{pooling} in steps of {step_rows_max}");
            assert_eq!(end.n_completion, 0);
        }
        let rank = Request { task: Task::Embed(Pooling::Rank), ..Request::new(tokens.clone()) };
        assert!(matches!(submit(&handle, rank), Err(Error::Parameter { parameter: "pooling", .. })));
        assert!(other.recv().unwrap().2.unwrap().embedding.is_none());
    }
}

#[test]
fn an_embedding_that_is_no_number_is_an_error() {
    let model = HashModel::new(40, N_VOCAB, 64).with_nan_from(70);
    let handle = Handle::spawn("broken", Box::new(model), stories::tokenizer(), EngineOptions::default()).unwrap();
    let embed = |n: usize| {
        let request = Request { task: Task::Embed(Pooling::Mean), ..Request::new(vec![TokenId(5); n]) };
        submit(&handle, request).unwrap().recv().unwrap().2
    };
    assert_eq!(embed(100), Err(Error::NonFiniteHidden { position: 69, value: "NaN".to_owned() }));
    assert!(embed(60).unwrap().embedding.is_some());
}

#[test]
fn an_idle_engine_saves_its_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache { folder: folder.path().to_owned(), bytes_max: 1 << 20, model: [3; 32], owners: None };
    let handle = hashed(EngineOptions { disk_cache: Some(cache), ..EngineOptions::default() });
    submit(&handle, request(vec![5; 100], 3)).unwrap().recv().unwrap().2.unwrap();
    // Not by a shutdown: this process may be killed now.
    let files = || std::fs::read_dir(folder.path().join("03".repeat(32))).unwrap().count();
    let start = std::time::Instant::now();
    while files() < 3 {
        assert!(start.elapsed().as_secs() < 60, "{} files", files());
        std::thread::yield_now();
    }
}

pub(crate) fn stories_model(kv: KvType, n_threads: usize) -> (Box<Model>, Arc<Tokenizer>) {
    let container = Container::open(&testkit::data("tiny-models/stories260K-q8_0.gguf")).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_gguf(container.metadata()).unwrap());
    let options = LoadOptions {
        kv_types: KvTypes::both(kv),
        step_rows_max: 64,
        kv_positions: Some(40 * 32),
        ..LoadOptions::DEFAULT
    };
    (Box::new(Model::load(&container, Kernels::new(None, n_threads).unwrap(), &options).unwrap()), tokenizer)
}

/// Requests with fixed seeds are answered alike in five mixes of order, company, cache, threads and arena.
#[test]
fn sixty_four_requests_say_the_same_in_every_mix() {
    let tokenizer = stories::tokenizer();
    let openings = ["Once upon a time", "One day, Lily", "Tom and Anna were", "The little dog saw a big"];
    let requests: Vec<Request> = (0..64)
        .map(|i| {
            let mut prompt = Vec::new();
            tokenizer.encode(openings[i % 4], ControlTokens::AsText, true, &mut prompt);
            let temperature = [0.0, 0.8, 1.2][i % 3];
            let sampling = Sampling { temperature, seed: 1000 + i as u64, ..Sampling::default() };
            Request {
                sampling,
                max_tokens: Some(20 + i),
                n_choices: 1 + usize::from(i % 8 == 0),
                ..Request::new(prompt)
            }
        })
        .collect();
    let mut first: Option<BTreeMap<(usize, usize), String>> = None;
    for mix in 0..5u64 {
        let (model, tokenizer) = stories_model(KvType::F16, 1 + mix as usize % 2);
        let options = EngineOptions {
            n_running_max: [64, 5, 17, 64, 1][mix as usize],
            step: if mix == 2 { StepBound::Aimed(0.01) } else { StepBound::Chosen },
            prefix_cache: mix != 3,
            ..EngineOptions::default()
        };
        let handle = Handle::spawn("stories", model, tokenizer, options).unwrap();
        let mut order: Vec<usize> = (0..requests.len()).collect();
        let mut rng = Rng::new(mix);
        (1..order.len()).rev().for_each(|i| order.swap(i, rng.below(i + 1)));
        let (ends, received) = channel();
        let texts = Arc::new(Mutex::new(BTreeMap::<(usize, usize), String>::new()));
        for i in order {
            let sink = Collecting { request: i, texts: Arc::clone(&texts), ends: ends.clone() };
            handle.submit(requests[i].clone(), Box::new(sink)).unwrap();
        }
        drop(ends);
        while let Ok(end) = received.recv() {
            end.unwrap();
        }
        let texts = texts.lock().unwrap().clone();
        match &first {
            None => first = Some(texts),
            Some(first) => assert_eq!(&texts, first, "mix {mix}"),
        }
    }
}

/// A sink that gathers texts by request and choice.
struct Collecting {
    request: usize,
    texts: Arc<Mutex<BTreeMap<(usize, usize), String>>>,
    ends: Sender<Result<Completion, Error>>,
}

impl Sink for Collecting {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.texts.lock().unwrap().entry((self.request, event.choice)).or_default().push_str(event.text);
        ControlFlow::Continue(())
    }

    fn finish(&mut self, _choice: usize, end: Result<Completion, Error>) {
        self.ends.send(end).unwrap();
    }
}

#[test]
fn figures_tell_of_every_request_that_is_no_longer_active() {
    let handle = hashed(EngineOptions::default());
    for n in 1..=300 {
        submit(&handle, request([n % 7], 1)).unwrap().recv().unwrap().2.unwrap();
        let stats = loop {
            let stats = handle.stats();
            if stats.n_active == 0 {
                break stats;
            }
        };
        assert_eq!((stats.n_finished, stats.n_running), (u64::from(n), 0));
    }
}

#[test]
fn the_thread_says_what_the_hash_says() {
    let handle = hashed(EngineOptions::default());
    let prompt: Vec<TokenId> = (0..70).map(TokenId).collect();
    let mut expected = prompt.clone();
    (0..10).for_each(|_| expected.push(next(expected.iter().copied(), N_VOCAB)));
    let tokenizer = handle.tokenizer();
    let bytes = tokenizer.decode(&expected[70..], false);
    let text = submit(&handle, Request { prompt, ..request([], 10) }).unwrap().recv().unwrap().1;
    assert_eq!(text, String::from_utf8_lossy(&bytes));
    // Figures are told after the step that has sent the end.
    handle.shutdown();
    assert_eq!(handle.stats().n_completion_tokens, 10);
}
