//! Long work off the threads that serve, and off the engine's: a few threads, and a queue in which callers take turns.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    App, Caller,
    error::{ApiError, ErrorKind},
    models::Lease,
};

/// The time after which a client that met a full queue shall come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The tenant for whom a request is being answered (`Caller::tenant`).
    pub(crate) static TENANT: u128;
}

/// Runs `work` on a thread for long work, when it is the caller's turn; a panic in it is counted and costs this request
/// only.
pub(crate) async fn run<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let permit = app.workers().enter(TENANT.try_with(|tenant| *tenant).unwrap_or(0)).await?;
    // Whoever leaves meanwhile does not stop the work, so it keeps its thread until it ends.
    let worked = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    });
    match worked.await {
        Ok(result) => result,
        Err(error) => {
            if error.is_panic() {
                app.metrics().count_panic();
            }
            Err(ApiError::new(ErrorKind::Internal, "an internal error; the server's log says more"))
        }
    }
}

/// What a request is prepared with.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The server, for its options and notices.
    pub(crate) app: &'a App,
    /// The model that is asked.
    pub(crate) lease: &'a Lease,
    /// The caller who asks.
    pub(crate) caller: &'a Caller,
}

/// [`run`]s what turns a request into prompts: `work` gets copies of the handles, since it may go on when the caller
/// has left.
pub(crate) async fn prepare<T: Send + 'static>(
    app: &App,
    lease: &Lease,
    caller: &Caller,
    work: impl FnOnce(Asked<'_>) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let (own, lease, caller) = (app.clone(), lease.clone(), caller.clone());
    run(app, move || work(Asked { app: &own, lease: &lease, caller: &caller })).await
}

/// The threads for long work, and the queue for them.
#[derive(Debug)]
pub struct Workers {
    queue: Mutex<Queue>,
    n_max: usize,
    n_queued_max: usize,
}

#[derive(Default, Debug)]
struct Queue {
    n_running: usize,
    /// The requests that wait, by tenant; the tenant whose turn is next comes first.
    tenants: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    tenant: u128,
    requests: VecDeque<oneshot::Sender<Permit>>,
}

impl Queue {
    fn n_waiting(&self) -> usize {
        self.tenants.iter().map(|waiting| waiting.requests.len()).sum()
    }

    fn n_waiting_of(&self, tenant: u128) -> usize {
        self.tenants.iter().find(|waiting| waiting.tenant == tenant).map_or(0, |waiting| waiting.requests.len())
    }

    /// Takes out the request whose turn it is; its tenant's next one comes when all other tenants had their turn.
    fn pop(&mut self) -> Option<oneshot::Sender<Permit>> {
        let mut next = self.tenants.pop_front()?;
        let request = next.requests.pop_front();
        if !next.requests.is_empty() {
            self.tenants.push_back(next);
        }
        request
    }

    /// Removes requests whose callers have left.
    fn clean(&mut self) {
        self.tenants.iter_mut().for_each(|waiting| waiting.requests.retain(|request| !request.is_closed()));
        self.tenants.retain(|waiting| !waiting.requests.is_empty());
    }
}

impl Workers {
    /// At most `n_max` threads at work, and at most `n_queued_max` requests that wait for one.
    pub fn new(n_max: usize, n_queued_max: usize) -> Self {
        Self { queue: Mutex::default(), n_max: n_max.max(1), n_queued_max }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole between two statements.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a thread until it is the tenant's turn.
    pub async fn enter(self: &Arc<Self>, tenant: u128) -> Result<Permit, ApiError> {
        let turn = {
            let mut queue = self.queue();
            if queue.n_running < self.n_max {
                queue.n_running += 1;
                return Ok(Permit(Some(Arc::clone(self))));
            }
            let tenant_max = self.n_queued_max.div_ceil(2);
            let is_full =
                |queue: &Queue| queue.n_waiting() >= self.n_queued_max || queue.n_waiting_of(tenant) >= tenant_max;
            if is_full(&queue) {
                queue.clean();
            }
            if is_full(&queue) {
                return Err(full(&queue, tenant));
            }
            let (request, turn) = oneshot::channel();
            match queue.tenants.iter_mut().find(|waiting| waiting.tenant == tenant) {
                Some(waiting) => waiting.requests.push_back(request),
                None => queue.tenants.push_back(Waiting { tenant, requests: VecDeque::from([request]) }),
            }
            turn
        };
        // A sender goes only with the queue, and that with the server.
        turn.await.map_err(|_| ApiError::new(ErrorKind::Unavailable, "the server is stopping"))
    }
}

fn full(queue: &Queue, tenant: u128) -> ApiError {
    let (n, of_tenant) = (queue.n_waiting(), queue.n_waiting_of(tenant));
    let message = format!("{n} requests wait to be read, {of_tenant} of them this caller's: no more may");
    ApiError::new(ErrorKind::Unavailable, message).with_code("queue_full").with_retry_after(RETRY_AFTER)
}

/// A thread in use, which is handed on when the permit is dropped.
#[derive(Debug)]
pub struct Permit(Option<Arc<Workers>>);

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(workers) = self.0.take() else { return };
        loop {
            let mut queue = workers.queue();
            let Some(request) = queue.pop() else {
                queue.n_running -= 1;
                return;
            };
            drop(queue);
            match request.send(Self(Some(Arc::clone(&workers)))) {
                Ok(()) => return,
                // That one has left; its permit is this one still.
                Err(mut unused) => drop(unused.0.take()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, task::Poll};

    use super::*;
    use crate::{ServerOptions, models::Models};

    fn app(workers_max: usize, work_queued_max: usize) -> App {
        App::new(
            ServerOptions { workers_max, work_queued_max, ..ServerOptions::default() },
            Models::default(),
            Vec::new,
        )
    }

    async fn is_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        std::future::poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_beyond_the_threads_waits_and_beyond_the_queue_is_refused() {
        let app = app(1, 2);
        let (go, wait) = mpsc::channel::<()>();
        let ask = |tenant: u128, work: Box<dyn FnOnce() -> Result<u8, ApiError> + Send>| {
            let app = app.clone();
            Box::pin(TENANT.scope(tenant, async move { run(&app, work).await }))
        };
        let mut running = ask(1, Box::new(move || wait.recv().map(|()| 0).map_err(|_| full(&Queue::default(), 0))));
        assert!(is_pending(&mut running).await);
        let mut second = ask(1, Box::new(|| Ok(1)));
        assert!(is_pending(&mut second).await);
        let refused = ask(1, Box::new(|| Ok(2))).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (ErrorKind::Unavailable, Some("queue_full")));
        assert!(refused.retry_after.is_some() && refused.message.contains("1 of them this caller's"), "{refused:?}");
        let mut other = ask(2, Box::new(|| Ok(3)));
        assert!(is_pending(&mut other).await, "another caller has a place still");
        assert_eq!(ask(3, Box::new(|| Ok(4))).await.unwrap_err().code, Some("queue_full"));
        // A place is free when who waits leaves.
        drop(second);
        let mut third = ask(3, Box::new(|| Ok(5)));
        assert!(is_pending(&mut third).await);
        go.send(()).unwrap();
        assert_eq!((running.await, other.await, third.await), (Ok(0), Ok(3), Ok(5)));
        assert_eq!(ask(1, Box::new(|| Ok(6))).await, Ok(6));
        assert_eq!(app.workers().queue().n_running, 0);
    }

    #[tokio::test]
    async fn callers_take_turns() {
        let workers = Arc::new(Workers::new(1, 100));
        let running = workers.enter(0).await.unwrap();
        let mut waiting: Vec<_> = [1, 1, 1, 2, 3].map(|tenant| (tenant, Box::pin(workers.enter(tenant)))).into();
        for (_, turn) in &mut waiting {
            assert!(is_pending(turn).await);
        }
        let mut order = Vec::new();
        let mut permit = Some(running);
        while !waiting.is_empty() {
            drop(permit.take());
            let mut next = None;
            for (i, (_, turn)) in waiting.iter_mut().enumerate() {
                if let Poll::Ready(turn) = std::future::poll_fn(|c| Poll::Ready(turn.as_mut().poll(c))).await {
                    assert!(next.is_none(), "two at once");
                    next = Some((i, turn.unwrap()));
                }
            }
            let (i, turn) = next.unwrap();
            order.push(waiting.remove(i).0);
            permit = Some(turn);
        }
        assert_eq!(order, [1, 2, 3, 1, 1]);
    }

    #[tokio::test]
    async fn a_panic_gives_the_thread_back() {
        let app = app(1, 0);
        for n in 1..3 {
            let failed = run::<()>(&app, || panic!("a panic that was asked for")).await.unwrap_err();
            assert_eq!((failed.kind, app.metrics().n_panics()), (ErrorKind::Internal, n));
        }
    }
}
