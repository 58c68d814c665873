//! The body of a request, which tells its connection's place how far it is.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::transport::places::Receiving;

/// The body of a request as it comes.
pub(super) struct ReceivedBody {
    inner: Incoming,
    receiving: Receiving,
}

impl ReceivedBody {
    pub(super) fn new(inner: Incoming, receiving: Receiving) -> Self {
        let body = Self { inner, receiving };
        body.note();
        body
    }

    fn note(&self) {
        if self.inner.is_end_stream() {
            self.receiving.all();
        }
    }
}

impl HttpBody for ReceivedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(_)) => {
                self.receiving.piece();
                self.note();
            }
            Some(Err(_)) => {}
            None => self.receiving.all(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
