//! The body of an answer, with what must live until it is sent: the request's count, its key's permit, its line in the
//! log.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    auth::Caller,
    log::Access,
    metrics::{Metrics, RequestGuard},
    transport::places::Work,
};

/// What lives until a request is over: its answer sent, or its client gone, perhaps before there was an answer. Then
/// its line is logged.
pub(super) struct Held {
    pub(super) access: Access,
    pub(super) guard: RequestGuard,
    pub(super) caller: Option<Caller>,
    pub(super) work: Work,
    pub(super) metrics: Metrics,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.access.duration = self.guard.elapsed();
        let key_id = self.caller.as_ref().and_then(|caller| caller.key_id.as_deref());
        let told = self.caller.as_ref().and_then(|caller| caller.tally.told());
        self.access.log(key_id, told.as_ref());
    }
}

/// A body that lets go of what it holds when it is sent or dropped.
pub(crate) struct GatedBody {
    /// The body; `None` once it has ended.
    inner: Option<Body>,
    held: Option<Held>,
}

impl GatedBody {
    pub(super) fn new(inner: Body, held: Held) -> Self {
        // An empty body is never polled.
        let is_complete = inner.is_end_stream();
        let mut body = Self { inner: Some(inner), held: Some(held) };
        if is_complete {
            body.finish(true);
        }
        body
    }

    fn finish(&mut self, is_complete: bool) {
        // The stream first: whoever sees the count at zero may trust that nothing runs.
        self.inner = None;
        if let Some(mut held) = self.held.take() {
            held.access.is_complete = is_complete;
        }
    }
}

impl HttpBody for GatedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        // After a panic the body is dropped, so nobody sees what it left half done.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                let n_bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                if let Some(held) = &mut self.held {
                    held.access.bytes += n_bytes;
                }
                if self.inner.as_ref().is_some_and(HttpBody::is_end_stream) {
                    self.finish(true);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                self.finish(false);
                Poll::Ready(Some(Err(error)))
            }
            Ok(Poll::Ready(None)) => {
                self.finish(true);
                Poll::Ready(None)
            }
            Err(_) => {
                if let Some(held) = &self.held {
                    held.metrics.count_panic();
                }
                self.finish(false);
                Poll::Ready(Some(Err(axum::Error::new("a panic while the answer was made"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for GatedBody {
    fn drop(&mut self) {
        self.finish(false);
    }
}
