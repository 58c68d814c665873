//! A stream whose reader may not stall for ever, whose end does not lose the last answer, and whose client is seen to
//! leave.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep, sleep_until},
};

use crate::limits::PIPELINED_BYTES_MAX;

/// Time for which what a client still sends is read and thrown away after the last answer. Closing a socket with unread
/// bytes resets the connection, and the reset may overtake the answer that says why.
const LINGER: Duration = Duration::from_secs(1);

/// Divides `stream` into a part for HTTP and a part that watches whether the client is still there.
pub(super) fn bounded<S>(stream: S, timeout: Duration) -> (Bounded<S>, Watch<S>) {
    let shared = Arc::new(Mutex::new(Shared { stream, ahead: Vec::new(), end: None }));
    (Bounded { shared: Arc::clone(&shared), timeout, stalled: None, lingering: None }, Watch(shared))
}

/// The stream that HTTP and the watch read from, in turn.
struct Shared<S> {
    stream: S,
    /// Bytes that the watch has read, for HTTP to read later.
    ahead: Vec<u8>,
    /// What comes after those bytes, if the watch has seen the end.
    end: Option<io::Result<()>>,
}

/// Locks the shared stream. Neither part holds it across a wait, as both live in one task.
fn lock<S>(shared: &Mutex<Shared<S>>) -> MutexGuard<'_, Shared<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a client left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// The client closed the connection, or its half of it.
    Closed,
    /// The client goes on asking and does not wait for answers.
    Overran,
}

/// Sees that a client has left, whatever it has sent before.
pub(super) struct Watch<S>(Arc<Mutex<Shared<S>>>);

impl<S: AsyncRead + Unpin> Watch<S> {
    /// Polls for the moment at which the client has left. Reads what the client sends meanwhile, and keeps it.
    pub(super) fn poll_left(&self, context: &mut Context<'_>) -> Poll<Left> {
        let mut shared = lock(&self.0);
        let mut piece = [0; 4096];
        loop {
            if shared.end.is_some() {
                return Poll::Ready(Left::Closed);
            }
            if shared.ahead.len() > PIPELINED_BYTES_MAX {
                return Poll::Ready(Left::Overran);
            }
            let mut buffer = ReadBuf::new(&mut piece);
            match ready!(Pin::new(&mut shared.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => shared.ahead.extend_from_slice(buffer.filled()),
                end => shared.end = Some(end),
            }
        }
    }
}

/// The stream for HTTP, with limits of time for writing and for the end.
pub(super) struct Bounded<S> {
    shared: Arc<Mutex<Shared<S>>>,
    timeout: Duration,
    /// The timer that runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// The timer that runs from the end of what is sent.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Bounded<S> {
    /// Passes on the result of a write, or an error if there was no progress for too long.
    fn watch<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let timeout = self.timeout;
        let sleep = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout)));
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.shared);
        if !shared.ahead.is_empty() {
            let n = shared.ahead.len().min(buffer.remaining());
            buffer.put_slice(shared.ahead.get(..n).unwrap_or_default());
            shared.ahead.drain(..n);
            return Poll::Ready(Ok(()));
        }
        match shared.end.take() {
            Some(Ok(())) => {
                // It stays the end.
                shared.end = Some(Ok(()));
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            None => Pin::new(&mut shared.stream).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut lock(&self.shared).stream).poll_write(context, bytes);
        self.watch(polled, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut lock(&self.shared).stream).poll_flush(context);
        self.watch(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut lock(&self.shared).stream).poll_write_vectored(context, slices);
        self.watch(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.shared).stream.is_write_vectored()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let polled = Pin::new(&mut lock(&self.shared).stream).poll_shutdown(context);
            ready!(self.watch(polled, context))?;
        }
        let mut lingering = self.lingering.take().unwrap_or_else(|| Box::pin(sleep(LINGER)));
        let mut scrap = [0; 4096];
        loop {
            if lingering.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scrap);
            let polled = Pin::new(&mut lock(&self.shared).stream).poll_read(context, &mut buffer);
            match polled {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    self.lingering = Some(lingering);
                    return Poll::Pending;
                }
            }
        }
    }
}
