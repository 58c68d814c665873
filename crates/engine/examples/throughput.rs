//! Tokens per second of a closed loop of clients, without a server:
//! `cargo run --release -p engine --example throughput -- MODEL [CLIENTS…]`.
//!
//! Each client asks for 64 tokens after a prompt of 120 and then asks again, as `cargo xtask serve-bench` does over
//! HTTP.

use std::{
    env,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    time::Instant,
};

use engine::{Completion, EngineOptions, Error, Event, Handle, Request, Sampling, Sink, TenantId};
use gguf::Container;
use kernels::Kernels;
use model::{KvType, KvTypes, LoadOptions, Model, TokenId};
use tokenizer::Tokenizer;

const N_PROMPT: usize = 120;
const N_COMPLETION: usize = 64;
const N_REQUESTS_PER_CLIENT: usize = 6;

struct Done(usize, Sender<usize>);

impl Sink for Done {
    fn event(&mut self, _event: Event<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn finish(&mut self, _choice: usize, end: Result<Completion, Error>) {
        if end.is_ok() {
            let _ = self.1.send(self.0);
        }
    }
}

#[allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement for its author")]
fn main() {
    let mut args = env::args().skip(1);
    let path = args.next().expect("MODEL [CLIENTS…]");
    let clients: Vec<usize> = args.map(|n| n.parse().expect("a number of clients")).collect();
    let container = Container::open(Path::new(&path)).expect("a model");
    let tokenizer = Arc::new(Tokenizer::from_gguf(container.metadata()).expect("a tokenizer"));
    for n_clients in if clients.is_empty() { vec![1, 4, 16, 32] } else { clients } {
        let mut kernels = Kernels::new(
            None,
            env::var("THREADS").map_or_else(|_| kernels::default_threads(), |n| n.parse().expect("threads")),
        )
        .expect("kernels");
        kernels.pin_threads();
        let options = LoadOptions {
            context_len_max: Some(512),
            kv_types: KvTypes::both(KvType::F16),
            kv_positions: Some(256 * n_clients),
            step_rows_max: 512,
            ..LoadOptions::DEFAULT
        };
        let model = Model::load(&container, kernels, &options).expect("a model");
        let n_vocab = tokenizer.n_vocab() as u32;
        let handle = Handle::spawn("bench", Box::new(model), Arc::clone(&tokenizer), EngineOptions::default());
        let handle = handle.expect("a thread");
        let (done, ended) = channel();
        let submit = |client: usize, i: usize| {
            let prompt = (0..N_PROMPT).map(|j| TokenId(((client * 7919 + i * 104_729 + j * 31) as u32) % n_vocab));
            let request = Request {
                sampling: Sampling::greedy(),
                max_tokens: Some(N_COMPLETION),
                ignore_eos: true,
                use_cache: false,
                tenant: TenantId(client as u128),
                ..Request::new(prompt.collect())
            };
            handle.submit(request, Box::new(Done(client, done.clone()))).expect("room in the queue");
        };
        let start = Instant::now();
        let mut n_submitted = vec![1; n_clients];
        (0..n_clients).for_each(|client| submit(client, 0));
        for _ in 0..n_clients * N_REQUESTS_PER_CLIENT {
            let client = ended.recv().expect("an end");
            if n_submitted[client] < N_REQUESTS_PER_CLIENT {
                submit(client, n_submitted[client]);
                n_submitted[client] += 1;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let stats = handle.stats();
        let per_step = |n: u64| n as f64 / stats.n_steps as f64;
        println!(
            "{n_clients:3} clients: {:6.1} tokens/s; {} steps of {:.1} rows in {:.2} ms, {:.1} % of the time",
            (n_clients * N_REQUESTS_PER_CLIENT * N_COMPLETION) as f64 / seconds,
            stats.n_steps,
            per_step(stats.n_rows),
            per_step(stats.step_us) / 1000.0,
            stats.step_us as f64 / seconds / 10_000.0,
        );
        handle.shutdown();
    }
}
