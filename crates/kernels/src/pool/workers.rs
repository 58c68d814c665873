//! The threads behind [`super::Pool`].
//!
//! One word, `state`, holds the region's number, whether it is open, and how many workers are inside. A worker enters
//! by a compare-and-swap while the region is open; the caller closes it when the tasks are gone and waits only for
//! those inside. So a worker that comes late never sees the closure, and the caller never waits for a thread that has
//! not begun.

use super::{
    affinity,
    sync::{
        Arc, AtomicBool, AtomicU64, AtomicUsize, Builder, Cell, Condvar, JoinHandle, Mutex, MutexGuard, Ordering,
        SPINS, Thread, YIELDS, current, fence, park, spin_loop, yield_now,
    },
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{OnceLock, PoisonError},
};

const INSIDE: u64 = 0xffff;
const OPEN: u64 = 1 << 16;
const REGION: u64 = 1 << 17;

/// The closure of a region: a pointer and the function that calls it.
#[derive(Clone, Copy)]
struct Job {
    data: *const (),
    call: unsafe fn(*const (), usize),
}

struct Shared {
    state: AtomicU64,
    job: Cell<Option<Job>>,
    n_sleeping: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    caller: Mutex<Option<Thread>>,
    is_caller_parked: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    stop: AtomicBool,
    /// The core of each thread.
    cores: OnceLock<Vec<usize>>,
}

// SAFETY: `job` is written only while the region is closed and nobody is inside, and read only by workers inside an
// open region.
unsafe impl Sync for Shared {}
// SAFETY: the job's pointer is used only inside a region, whose closure is `Sync`.
unsafe impl Send for Shared {}

pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Held for the length of a region: two callers take turns.
    region: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workers {
    /// Starts `n_threads - 1` workers, or as many as the system gives.
    pub(super) fn new(n_threads: usize) -> Self {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            job: Cell::new(None),
            n_sleeping: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            caller: Mutex::new(None),
            is_caller_parked: AtomicBool::new(false),
            panic: Mutex::new(None),
            stop: AtomicBool::new(false),
            cores: OnceLock::new(),
        });
        let threads = (1..n_threads.min(INSIDE as usize))
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                Builder::new().name(format!("kernels-{index}")).spawn(move || shared.work(index)).ok()
            })
            .collect();
        Self { shared, threads, region: Mutex::new(()) }
    }

    pub(super) fn n_threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Gives each thread a core of its own, if there are as many.
    pub(super) fn pin(&mut self) -> bool {
        let Some(cores) = affinity::cores(self.n_threads()) else { return false };
        self.shared.cores.get_or_init(|| cores);
        true
    }

    /// Calls `work(index)` on the caller (index 0) and on every worker that comes before the caller is done.
    pub(super) fn run<F: Fn(usize) + Sync>(&self, work: &F) {
        /// # Safety
        /// `data` points to an `F` that outlives the call.
        unsafe fn call<F: Fn(usize) + Sync>(data: *const (), index: usize) {
            // SAFETY: by contract `data` is an `F`.
            let work = unsafe { &*data.cast::<F>() };
            work(index);
        }
        let _turn = lock(&self.region);
        let shared = &*self.shared;
        shared.take_core(0);
        let job = Job { data: std::ptr::from_ref(work).cast(), call: call::<F> };
        // SAFETY: the region is closed and empty (the last call waited for that), so no worker reads the job.
        unsafe { shared.job.set(Some(job)) };
        let region = (shared.state.load(Ordering::Relaxed) & !(INSIDE | OPEN)).wrapping_add(REGION);
        shared.state.store(region | OPEN, Ordering::SeqCst);
        // Either this thread sees who sleeps, or the sleeper sees the region open: each stores before it looks.
        fence(Ordering::SeqCst);
        if shared.n_sleeping.load(Ordering::SeqCst) > 0 {
            drop(lock(&shared.sleep));
            shared.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(|| work(0)));
        shared.state.fetch_and(!OPEN, Ordering::SeqCst);
        shared.wait_until_empty();
        let others = lock(&shared.panic).take();
        if let Some(payload) = own.err().or(others) {
            resume_unwind(payload);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.sleep));
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A worker catches the panics of its tasks; its own end carries nothing to report.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// A worker's life.
    fn work(&self, index: usize) {
        let mut seen = 0;
        while let Some(region) = self.enter(seen) {
            seen = region;
            self.take_core(index);
            // SAFETY: inside an open region the caller does not write the job.
            let job = unsafe { self.job.get() };
            if let Some(job) = job {
                // SAFETY: the caller keeps the closure alive until everybody inside has left.
                let run = || unsafe { (job.call)(job.data, index) };
                if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
                    lock(&self.panic).get_or_insert(payload);
                }
            }
            let left = self.state.fetch_sub(1, Ordering::SeqCst);
            // As at the opening: the caller says that it parks, then looks again.
            fence(Ordering::SeqCst);
            if left & INSIDE == 1
                && self.is_caller_parked.load(Ordering::SeqCst)
                && let Some(caller) = &*lock(&self.caller)
            {
                caller.unpark();
            }
        }
    }

    /// The thread that calls is thread `index` from now on.
    fn take_core(&self, index: usize) {
        if let Some(core) = self.cores.get().and_then(|cores| cores.get(index)) {
            affinity::pin(*core);
        }
    }

    /// Waits for a region other than `seen` and enters it; `None` when the pool ends.
    fn enter(&self, seen: u64) -> Option<u64> {
        let mut polls = 0;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let state = self.state.load(Ordering::SeqCst);
            let region = state & !(INSIDE | OPEN);
            if state & OPEN != 0 && region != seen {
                let entered = self.state.compare_exchange(state, state + 1, Ordering::SeqCst, Ordering::Relaxed);
                if entered.is_ok() {
                    return Some(region);
                }
                continue;
            }
            polls += 1;
            if polls <= SPINS {
                spin_loop();
            } else if polls <= SPINS + YIELDS {
                yield_now();
            } else {
                self.sleep_until_open(seen);
                polls = 0;
            }
        }
    }

    fn sleep_until_open(&self, seen: u64) {
        let mut guard = lock(&self.sleep);
        self.n_sleeping.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        loop {
            let state = self.state.load(Ordering::SeqCst);
            let is_open = state & OPEN != 0 && state & !(INSIDE | OPEN) != seen;
            if is_open || self.stop.load(Ordering::SeqCst) {
                break;
            }
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.n_sleeping.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until nobody is inside the closed region.
    fn wait_until_empty(&self) {
        let is_empty = || self.state.load(Ordering::SeqCst) & INSIDE == 0;
        for poll in 0..SPINS + YIELDS {
            if is_empty() {
                return;
            }
            if poll < SPINS { spin_loop() } else { yield_now() }
        }
        *lock(&self.caller) = Some(current());
        self.is_caller_parked.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        while !is_empty() {
            park();
        }
        self.is_caller_parked.store(false, Ordering::SeqCst);
    }
}
