//! [`Handle`]: an engine on a thread of its own.
//!
//! The thread owns the model and everything that is decided; handles send it commands and read its numbers. A panic in
//! a step fails the sequence whose row it was, and is counted; the engine goes on. Only where nobody can tell, as in
//! planning, all of the step fail.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use model::Forward;
use tokenizer::Tokenizer;

use crate::{
    DiskError, EngineOptions, Error, Request, RequestId, Sink, Stats, TenantId,
    limits::Limits,
    queue::Queue,
    runner::{self, Progress, Runner},
    sync::lock,
};

/// Interval in which a stalled engine looks whether its readers have caught up.
const STALLED_POLL: Duration = Duration::from_millis(2);

/// Time for which an engine is idle before it saves its cached prefixes.
const IDLE_SAVE: Duration = Duration::from_millis(300);
/// Time after which an idle engine saves more of its cached prefixes, as far as the disk keeps up.
const IDLE_SAVE_MORE: Duration = Duration::from_millis(30);

/// A reason why an engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The folder for cached prefixes cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The operating system gives no thread.
    #[error("a thread for the engine: {0}")]
    Thread(#[from] std::io::Error),
}

enum Command {
    Submit(RequestId, Box<Request>, Box<dyn Sink>),
    Cancel(RequestId),
    ClearCache,
    Shutdown,
}

/// The state that handles and the thread share. It is apart from [`Inner`], because the thread ends when nobody holds
/// that any more.
struct Shared {
    stats: Mutex<Stats>,
    /// Number of requests submitted and not ended.
    n_active: AtomicUsize,
    queue: Mutex<Queue>,
    /// Number of requests that have ended since the figures were told.
    n_untold: AtomicUsize,
    /// Number of ids given so far.
    n_ids: AtomicU64,
    is_draining: AtomicBool,
    is_alive: AtomicBool,
}

/// The state that all handles share; its end is the thread's.
struct Inner {
    commands: Mutex<Sender<Command>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    limits: Limits,
    width: usize,
    n_running_max: usize,
    tokenizer: Arc<Tokenizer>,
}

/// A handle to an engine; cheap to clone. The thread ends with the last handle.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

impl Handle {
    /// Starts the engine's thread, which is called after the model.
    pub fn spawn(
        name: &str,
        model: Box<dyn Forward + Send>,
        tokenizer: Arc<Tokenizer>,
        options: EngineOptions,
    ) -> Result<Self, SpawnError> {
        let (sender, receiver) = channel();
        let (n_sequences_max, width) = (options.n_running_max + options.n_queued_max, model.width());
        let n_running_max = runner::n_running_max(&*model, &options);
        let start = Instant::now();
        let clock = Box::new(move || start.elapsed());
        let mut runner = Runner::new(model, Arc::clone(&tokenizer), options, clock)?;
        let shared = Arc::new(Shared {
            stats: Mutex::new(runner.stats()),
            n_active: AtomicUsize::new(0),
            queue: Mutex::new(Queue::new(n_sequences_max)),
            n_untold: AtomicUsize::new(0),
            n_ids: AtomicU64::new(0),
            is_draining: AtomicBool::new(false),
            is_alive: AtomicBool::new(true),
        });
        let limits = runner.limits();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name(format!("engine {name}")).spawn(move || {
            let _mark = MarkDead(Arc::clone(&of_thread));
            run(&mut runner, &receiver, &of_thread);
        })?;
        let thread = Mutex::new(Some(thread));
        let commands = Mutex::new(sender);
        Ok(Self(Arc::new(Inner { commands, shared, thread, limits, width, n_running_max, tokenizer })))
    }

    /// Queues a request; what cannot be computed, and what finds the queue full, is refused at once.
    pub fn submit(&self, request: Request, sink: Box<dyn Sink>) -> Result<RequestId, Error> {
        let shared = &self.0.shared;
        if shared.is_draining.load(Ordering::Acquire) {
            return Err(Error::Draining);
        }
        self.0.limits.check(&request)?;
        lock(&shared.queue).enter(request.tenant, request.n_choices)?;
        shared.n_active.fetch_add(1, Ordering::AcqRel);
        let id = RequestId(shared.n_ids.fetch_add(1, Ordering::Relaxed) + 1);
        let (tenant, n_left) = (request.tenant, request.n_choices);
        let sink = Box::new(Counted { sink, tenant, n_left, shared: Arc::clone(shared) });
        self.send(Command::Submit(id, Box::new(request), sink))?;
        Ok(id)
    }

    /// Checks that there is room in the queue for so many more sequences of a tenant, before the first of several
    /// requests.
    pub fn check_room(&self, tenant: TenantId, n_sequences: usize) -> Result<(), Error> {
        lock(&self.0.shared.queue).check(tenant, n_sequences)
    }

    /// Ends a request before the next step; one that has ended already is no error.
    pub fn cancel(&self, id: RequestId) {
        let _ = self.send(Command::Cancel(id));
    }

    /// Drops cached prefixes that nobody reads.
    pub fn clear_cache(&self) {
        let _ = self.send(Command::ClearCache);
    }

    /// Admits nothing more; what was submitted goes on.
    pub fn drain(&self) {
        self.0.shared.is_draining.store(true, Ordering::Release);
    }

    /// Ends the thread after the step it computes, failing what is left, and waits for it.
    pub fn shutdown(&self) {
        self.drain();
        let _ = self.send(Command::Shutdown);
        let thread = lock(&self.0.thread).take();
        if let Some(thread) = thread {
            // A panic there was counted and told where it happened.
            let _ = thread.join();
        }
    }

    /// Whether the thread lives.
    pub fn is_alive(&self) -> bool {
        self.0.shared.is_alive.load(Ordering::Acquire)
    }

    /// Number of requests submitted and not ended.
    pub fn n_active(&self) -> usize {
        self.0.shared.n_active.load(Ordering::Acquire)
    }

    /// Returns counters and gauges as of the last step. A request counts as active until they tell of its end.
    pub fn stats(&self) -> Stats {
        // In this order: whoever ends is untold before it is no longer active, and told before it is no longer untold.
        let n_active = self.n_active() + self.0.shared.n_untold.load(Ordering::Acquire);
        let stats = *lock(&self.0.shared.stats);
        Stats { n_active: n_active as u64, ..stats }
    }

    /// Largest number of tokens of prompt and completion together.
    pub fn context_len_max(&self) -> usize {
        self.0.limits.context_len_max
    }

    /// Size of the vocabulary.
    pub fn n_vocab(&self) -> usize {
        self.0.limits.n_vocab
    }

    /// Largest number of sequences computed at once.
    pub fn n_running_max(&self) -> usize {
        self.0.n_running_max
    }

    /// Whether the model generates text; an encoder does not.
    pub fn generates(&self) -> bool {
        self.0.limits.generates
    }

    /// Number of adapters of the model.
    pub fn n_adapters(&self) -> usize {
        self.0.limits.n_adapters
    }

    /// Whether the model scores pairs of texts.
    pub fn has_scores(&self) -> bool {
        self.0.limits.has_scores
    }

    /// Width of an embedding.
    pub fn width(&self) -> usize {
        self.0.width
    }

    /// Returns the model's tokenizer.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.0.tokenizer
    }

    fn send(&self, command: Command) -> Result<(), Error> {
        // A command that cannot be sent is dropped, and with it its sink, which counts down.
        lock(&self.0.commands).send(command).map_err(|_| Error::Dead)
    }
}

/// A guard that notes that the thread is gone, however it ended.
struct MarkDead(Arc<Shared>);

impl Drop for MarkDead {
    fn drop(&mut self) {
        self.0.is_alive.store(false, Ordering::Release);
    }
}

/// A sink that counts its request as active until its last choice has ended or the engine has dropped it.
struct Counted {
    sink: Box<dyn Sink>,
    tenant: TenantId,
    n_left: usize,
    shared: Arc<Shared>,
}

impl Sink for Counted {
    fn event(&mut self, event: crate::Event<'_>) -> std::ops::ControlFlow<()> {
        self.sink.event(event)
    }

    fn prompt(&mut self, logprobs: Vec<crate::Logprobs>) {
        self.sink.prompt(logprobs);
    }

    fn begun(&mut self, n_cached: usize) {
        self.sink.begun(n_cached);
    }

    fn charge(&mut self, n_prompt: usize, n_completion: usize) {
        self.sink.charge(n_prompt, n_completion);
    }

    fn finish(&mut self, choice: usize, end: Result<crate::Completion, Error>) {
        self.n_left = self.n_left.saturating_sub(1);
        lock(&self.shared.queue).leave(self.tenant, 1);
        if self.n_left == 0 {
            self.shared.n_untold.fetch_add(1, Ordering::AcqRel);
            self.shared.n_active.fetch_sub(1, Ordering::AcqRel);
        }
        self.sink.finish(choice, end);
    }

    fn is_open(&self) -> bool {
        self.sink.is_open()
    }

    fn has_room(&self) -> bool {
        self.sink.has_room()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.n_left > 0 {
            lock(&self.shared.queue).leave(self.tenant, self.n_left);
            self.shared.n_active.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Runs the loop: commands, then a step.
fn run(runner: &mut Runner, commands: &Receiver<Command>, shared: &Shared) {
    let mut progress = Progress::Idle;
    let mut is_saved = true;
    let mut save_after = IDLE_SAVE;
    loop {
        let first = match progress {
            Progress::Computed => commands.try_recv().map_err(|e| e == TryRecvError::Disconnected),
            Progress::Stalled => commands.recv_timeout(STALLED_POLL).map_err(|e| e == RecvTimeoutError::Disconnected),
            Progress::Idle if is_saved => commands.recv().map_err(|_| true),
            Progress::Idle => commands.recv_timeout(save_after).map_err(|e| e == RecvTimeoutError::Disconnected),
        };
        if matches!(first, Err(false)) && progress == Progress::Idle {
            // A bit at a time: whoever comes does not wait for the disk.
            is_saved = runner.save_cache();
            save_after = IDLE_SAVE_MORE;
            continue;
        }
        let mut next = first;
        loop {
            match next {
                Ok(Command::Shutdown) | Err(true) => {
                    runner.end_everything(&Error::Draining);
                    runner.close_cache();
                    publish(runner, shared);
                    return;
                }
                Ok(command) => obey(runner, command),
                Err(false) => break,
            }
            next = commands.try_recv().map_err(|e| e == TryRecvError::Disconnected);
        }
        // A step's panic is a bug of ours: the state it may leave is looked over by `contain_panic`.
        progress = catch_unwind(AssertUnwindSafe(|| runner.step())).unwrap_or_else(|_| {
            runner.contain_panic();
            Progress::Computed
        });
        if progress == Progress::Computed {
            (is_saved, save_after) = (false, IDLE_SAVE);
        }
        publish(runner, shared);
    }
}

fn obey(runner: &mut Runner, command: Command) {
    match command {
        Command::Submit(id, request, sink) => {
            // Whoever submitted it had checked it already, and learns the rest from the sink.
            if let Err((error, mut sink)) = runner.add(id, &request, sink) {
                (0..request.n_choices).for_each(|choice| sink.finish(choice, Err(error.clone())));
            }
        }
        Command::Cancel(id) => runner.cancel(id),
        Command::ClearCache => runner.clear_cache(),
        Command::Shutdown => {}
    }
}

/// Publishes the figures. All ends happen on this thread, so those untold now are in them.
fn publish(runner: &mut Runner, shared: &Shared) {
    let n_told = shared.n_untold.load(Ordering::Acquire);
    *lock(&shared.stats) = runner.stats();
    shared.n_untold.fetch_sub(n_told, Ordering::AcqRel);
}
