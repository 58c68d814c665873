//! `/api/pull`: only where the operator allows it, and only names of the catalogue.

use std::{ops::ControlFlow, sync::Arc};

use axum::{Extension, extract::State, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    App, Caller, Json,
    error::{ApiError, ErrorKind},
    limits::PULLS_MAX,
    models::{PullProgress, Puller},
    refusal::{self, Shape},
    sse::{self, Framing},
    wire::{Refused, json_response, unsupported},
};

/// Largest number of lines that wait for the client; older progress is worth nothing, so more are dropped.
const LINES_QUEUED_MAX: usize = 16;

/// The body of `/api/pull`; a field that is not listed is refused by name.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct PullRequest {
    #[serde(alias = "name")]
    model: String,
    insecure: Option<bool>,
    stream: Option<bool>,
    #[serde(rename = "username")]
    _username: Option<Refused>,
    #[serde(rename = "password")]
    _password: Option<Refused>,
}

/// Answers `POST /api/pull` with lines of progress.
pub(super) async fn pull(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<PullRequest>,
) -> Result<Response, ApiError> {
    let Some(puller) = app.options().puller.clone() else {
        let message = "this server pulls no models: it was started without --allow-pull";
        return Err(ApiError::new(ErrorKind::Forbidden, message).with_code("pull_not_allowed"));
    };
    caller.rights.check_operator("pulling a model")?;
    if request.insecure == Some(true) {
        return Err(unsupported("insecure", "downloads are always verified"));
    }
    let name = name_of(&*puller, &request.model)?;
    let busy = |_| {
        ApiError::new(ErrorKind::Unavailable, format!("{PULLS_MAX} models are being pulled already"))
            .with_retry_after(std::time::Duration::from_secs(10))
    };
    let permit = Arc::clone(app.pulls()).try_acquire_owned().map_err(busy)?;
    let (sender, mut receiver) = mpsc::channel(LINES_QUEUED_MAX);
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        puller.pull(&name, &mut |progress| {
            // Full: the client reads slowly. Closed: it is gone, and with it the reason to go on.
            match sender.try_send(line(&progress)) {
                Err(mpsc::error::TrySendError::Closed(_)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
    });
    let ended = async move {
        let failed = |message: String| ApiError::new(ErrorKind::Internal, message).with_code("pull_failed");
        match work.await {
            Ok(Ok(())) => Ok(json!({"status": "success"})),
            Ok(Err(failure)) => Err(failed(failure.message)),
            Err(_) => Err(refusal::internal()),
        }
    };
    if request.stream == Some(false) {
        let drain = async move { while receiver.recv().await.is_some() {} };
        drain.await;
        return json_response(&ended.await?);
    }
    let on_panic = refusal::json_of(&refusal::internal(), Shape::Ollama, None);
    Ok(sse::respond(Framing::JsonLines, app.metrics(), &on_panic, |writer| async move {
        writer.data(&json!({"status": "pulling manifest"})).await;
        while let Some(line) = receiver.recv().await {
            writer.data(&line).await;
        }
        match ended.await {
            Ok(success) => writer.data(&success).await,
            Err(error) => writer.data(&refusal::json_of(&error, Shape::Ollama, None)).await,
        }
    }))
}

/// Returns the catalogue's spelling of a name; paths, URLs and names that it does not know are refused.
fn name_of(puller: &dyn Puller, name: &str) -> Result<String, ApiError> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    let shown: String = name.chars().take(128).flat_map(char::escape_debug).collect();
    if name.is_empty() || name.len() > 128 || !name.chars().all(is_word) {
        let message = format!("model: {shown:?} is no name of the catalogue; paths and URLs are not pulled");
        return Err(ApiError::invalid("model", message));
    }
    let bare = name.strip_suffix(":latest").unwrap_or(name);
    let found = puller.find(name).or_else(|| puller.find(bare));
    let missing = || {
        let message = format!("the catalogue has no model '{shown}'");
        ApiError { param: Some("model".to_owned()), ..ApiError::new(ErrorKind::NotFound, message) }
            .with_code("model_not_found")
    };
    found.ok_or_else(missing)
}

fn line(progress: &PullProgress<'_>) -> Value {
    match progress {
        PullProgress::Status(status) => json!({"status": status}),
        PullProgress::Bytes { digest, completed, total } => {
            let short: String = digest.chars().take(12).collect();
            json!({
                "status": format!("pulling {short}"), "digest": format!("sha256:{digest}"),
                "total": total, "completed": completed,
            })
        }
    }
}
