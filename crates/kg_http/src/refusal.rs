//! What the graph refuses or cannot do, as a client is told.

use std::io;

use kg::{LoadError, query::QueryError};
use server::error::{ApiError, ErrorKind};

use crate::work::{Stopper, Why};

/// The time after which a client that met a limit of the server may come back.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// A failure of a query or an update.
pub(crate) fn of_query(error: &QueryError, stopper: &Stopper) -> ApiError {
    if let Some(why) = stopper.why() {
        return of_stop(why, stopper);
    }
    let message = error.to_string();
    match error {
        QueryError::Syntax(_) | QueryError::TooLarge { .. } => {
            ApiError::new(ErrorKind::Invalid, message).with_code("malformed_query")
        }
        QueryError::Refused { .. } => ApiError::new(ErrorKind::Forbidden, message).with_code("refused"),
        QueryError::Limit { .. } => ApiError::new(ErrorKind::Unavailable, message).with_code("query_limit"),
        QueryError::Store(error) => of_store(error),
        QueryError::Write(error) if error.kind() == io::ErrorKind::InvalidInput => {
            ApiError::new(ErrorKind::NotAcceptable, format!("the answer cannot be written in this form: {error}"))
        }
        QueryError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => of_stop(Why::Left, stopper),
        QueryError::Write(error) if error.kind() == io::ErrorKind::TimedOut => of_stop(Why::Time, stopper),
        QueryError::Write(_) => internal(&message),
        _ => ApiError::new(ErrorKind::Invalid, message).with_code("not_evaluated"),
    }
}

/// A document that was not loaded.
pub(crate) fn of_load(error: &LoadError, stopper: &Stopper) -> ApiError {
    match (stopper.why(), error) {
        (Some(why), _) => of_stop(why, stopper),
        (None, LoadError::Store(error)) => of_store(error),
        (None, error) => ApiError::new(ErrorKind::Invalid, error.to_string()).with_code("malformed_document"),
    }
}

/// A failure of the store.
pub(crate) fn of_store(error: &kg::Error) -> ApiError {
    match error {
        kg::Error::Busy => ApiError::new(ErrorKind::Unavailable, "somebody else writes to this graph")
            .with_code("busy")
            .with_retry_after(RETRY_AFTER),
        kg::Error::TransactionFull { .. } => ApiError::new(ErrorKind::TooLarge, error.to_string()),
        kg::Error::TermTooLong { .. } | kg::Error::NulInTag(_) => ApiError::new(ErrorKind::Invalid, error.to_string()),
        // It may name files and blocks, which are the operator's to know.
        _ => internal(&error.to_string()),
    }
}

/// Why work was stopped that did nothing wrong.
pub(crate) fn of_stop(why: Why, stopper: &Stopper) -> ApiError {
    let seconds = stopper.time_max.as_secs_f64();
    match why {
        Why::Time => {
            let message = format!("the request's time is over: {seconds} s");
            ApiError::new(ErrorKind::Unavailable, message).with_code("query_timeout")
        }
        Why::Left => ApiError::new(ErrorKind::Unavailable, "the client has left"),
        Why::Stopping => ApiError::new(ErrorKind::Unavailable, "the server is stopping")
            .with_code("unavailable")
            .with_retry_after(RETRY_AFTER),
    }
}

/// A failure whose cause is for the log alone.
pub(crate) fn internal(cause: &str) -> ApiError {
    tracing::error!(cause, "a graph failed");
    ApiError::new(ErrorKind::Internal, "an internal error; the server's log says more")
}
