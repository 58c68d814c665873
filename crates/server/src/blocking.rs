//! Long work off the threads that serve.

use crate::{
    App,
    error::{ApiError, ErrorKind},
};

/// Runs `work` on a thread for long work; a panic in it is counted and costs this request only.
pub(crate) async fn run<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            if error.is_panic() {
                app.metrics().count_panic();
            }
            Err(ApiError::new(ErrorKind::Internal, "an internal error; the server's log says more"))
        }
    }
}
