//! `/metrics`: everything that is counted, for Prometheus.

use axum::{
    Extension,
    extract::State,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};

use crate::{app::App, auth::Caller, error::ApiError, metrics};

/// `GET /metrics`: the text for Prometheus.
pub(super) async fn show(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    caller.rights.check_figures()?;
    let compat = &app.options().metrics_compat;
    let text = metrics::render(app.metrics(), &app.statuses(), compat, app.uptime().as_secs_f64());
    let headers = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        // llama.cpp's, by which a scraper sees that counters began anew.
        (HeaderName::from_static("process-start-time-unix"), app.started_at_unix().to_string()),
    ];
    Ok((headers, text).into_response())
}
