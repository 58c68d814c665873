//! [`Json`]: a request's body as a wire type; content type, size and time are checked before and while it is read.

use axum::{
    body::Body,
    extract::{FromRequest, MatchedPath, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::{
    app::App,
    error::{ApiError, ErrorKind},
    json, origin,
};

/// The body of a request, read and decoded by [`json::decode`].
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        check_content_type(request.headers())?;
        let route = request.extensions().get::<MatchedPath>().cloned();
        let bytes = read(request.into_body(), app.options().body_bytes_max, app).await?;
        let route = route.as_ref().map_or("", MatchedPath::as_str);
        json::decode_noting(&bytes, |field| app.notices().ignored(route, &field)).map(Json)
    }
}

/// Content types of programs that do not say what they send, and send JSON: `curl -d` says that it is a form, others
/// say nothing, or text.
const UNSAID: [&str; 3] = ["", "application/x-www-form-urlencoded", "text/plain"];

/// Refuses a body that is not JSON by its content type. A page in a browser may send text and forms anywhere without
/// asking, JSON only where CORS allows. So those are JSON only where no page of another site sends them, not even one
/// that may ask: as JSON it would have asked.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let essence = given.as_deref().and_then(|v| v.split(';').next()).unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    if UNSAID.iter().any(|kind| essence.eq_ignore_ascii_case(kind)) && origin::is_from_here(headers) {
        return Ok(());
    }
    let message = match given.as_deref() {
        Some(given) => format!("content-type: {given:?}, expected application/json"),
        None => "content-type: missing, expected application/json".to_owned(),
    };
    Err(ApiError::new(ErrorKind::UnsupportedMedia, message))
}

/// Reads all of a body: at most `limit` bytes, within the server's time for a body.
pub async fn read(body: Body, limit: usize, app: &App) -> Result<Vec<u8>, ApiError> {
    let options = app.options();
    let too_large = || ApiError::new(ErrorKind::TooLarge, format!("the body: more than {limit} bytes"));
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > limit as u64 {
        let message = format!("the body: {announced} bytes, the limit is {limit}");
        return Err(ApiError::new(ErrorKind::TooLarge, message));
    }
    let mut body = body;
    let reading = async {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ApiError::new(ErrorKind::Invalid, "the body: cut off or badly framed"))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > limit {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes)
    };
    let timeout = options.body_timeout;
    tokio::time::timeout(timeout, reading).await.unwrap_or_else(|_| {
        let message = format!("the body: not complete after {} s", timeout.as_secs_f64());
        Err(ApiError::new(ErrorKind::Timeout, message))
    })
}
