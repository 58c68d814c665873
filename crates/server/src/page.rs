//! The chat page for browsers: a few files compiled into the binary, served as they are.
//!
//! The page talks to this server's own OpenAI API and to nothing else; the headers here make the browser hold it to
//! that. The files hold no secret and need no key: the page itself asks for one when the API answers 401. It parses no
//! markup at run time, which the policy enforces (`require-trusted-types-for`), so nothing that a model writes can
//! become a script.

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::Response,
    routing::get,
};

use crate::{refusal::Shape, router::Routes};

/// What the browser may load and do: this origin's scripts, styles, pictures and API; no frames, forms, plugins or
/// parsing of markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A file of the page.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static str,
}

/// An extension of answers that are a file of the page.
#[derive(Clone, Copy)]
pub(crate) struct PageFile;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(crate) const STYLE: &str = "text/css; charset=utf-8";
pub(crate) const PICTURE: &str = "image/svg+xml";

const INDEX: Asset = Asset { path: "/", content_type: HTML, body: include_str!("page/index.html") };

macro_rules! script {
    ($name:literal) => {
        Asset { path: concat!("/page/", $name), content_type: SCRIPT, body: include_str!(concat!("page/", $name)) }
    };
}

const ASSETS: &[Asset] = &[
    Asset { path: "/page/page.css", content_type: STYLE, body: include_str!("page/page.css") },
    Asset { path: "/page/icon.svg", content_type: PICTURE, body: include_str!("page/icon.svg") },
    script!("theme.js"),
    script!("app.js"),
    script!("address.js"),
    script!("appearance.js"),
    script!("attached.js"),
    script!("attachments.js"),
    script!("client.js"),
    script!("completing.js"),
    script!("composer.js"),
    script!("context.js"),
    script!("conversation.js"),
    script!("dom.js"),
    script!("drafts.js"),
    script!("events.js"),
    script!("export.js"),
    script!("files.js"),
    script!("generation.js"),
    script!("groups.js"),
    script!("highlight.js"),
    script!("inline.js"),
    script!("keeper.js"),
    script!("keys.js"),
    script!("markdown.js"),
    script!("maths.js"),
    script!("menu.js"),
    script!("messages.js"),
    script!("models-panel.js"),
    script!("models.js"),
    script!("picker.js"),
    script!("preferences.js"),
    script!("presets.js"),
    script!("schema-form.js"),
    script!("schema.js"),
    script!("search.js"),
    script!("settings.js"),
    script!("sidebar.js"),
    script!("store.js"),
    script!("tex-symbols.js"),
    script!("tex.js"),
    script!("toast.js"),
    script!("tools.js"),
    script!("tree.js"),
    script!("welcome.js"),
];

/// The page that shows `/openapi.json`.
const DOCS: &[Asset] = &[
    Asset { path: "/docs", content_type: HTML, body: include_str!("openapi/docs.html") },
    Asset { path: "/page/docs.css", content_type: STYLE, body: include_str!("openapi/docs.css") },
    Asset { path: "/page/docs.js", content_type: SCRIPT, body: include_str!("openapi/docs.js") },
    Asset { path: "/page/docs-try.js", content_type: SCRIPT, body: include_str!("openapi/docs-try.js") },
];

/// Whether a request for `/` comes from a browser that wants to show a page, and not from a program that wants JSON.
pub fn is_wanted(request: &HeaderMap) -> bool {
    let accepts = request.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|range| {
        let media = range.split(';').next().unwrap_or_default();
        media.trim().eq_ignore_ascii_case("text/html")
    })
}

/// The page, for `/`. Whoever answers `/` in two ways says `Vary: Accept` on the other answer too.
pub fn index(request: &HeaderMap) -> Response {
    let mut response = INDEX.response(request);
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// The routes of everything that the page loads, all below `/page/`.
pub(crate) fn routes() -> Routes {
    ASSETS.iter().chain(DOCS).fold(Routes::of(Shape::OpenAi), |routes, asset| {
        routes.route(asset.path, get(move |request: HeaderMap| async move { asset.response(&request) }))
    })
}

impl Asset {
    /// The file, or 304 if the browser has it.
    fn response(&self, request: &HeaderMap) -> Response {
        answer(request, Bytes::from_static(self.body.as_bytes()), self.content_type, POLICY, &self.tag())
    }

    fn tag(&self) -> String {
        tag(self.body.as_bytes())
    }
}

/// A file for browsers, or 304 if the browser has it; `policy` is what the page that it belongs to may load and do.
pub(crate) fn answer(
    request: &HeaderMap,
    body: Bytes,
    content_type: &'static str,
    policy: &'static str,
    tag: &str,
) -> Response {
    let has_it = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let has_it = has_it.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    });
    let mut response = Response::new(if has_it { Body::empty() } else { Body::from(body) });
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.extensions_mut().insert(PageFile);
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 8] = [
        (CONTENT_TYPE, content_type),
        // Asked for anew each time, so that page and server are always of one version.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    response
}

/// The entity tag of a file: FNV-1a (64 bits). It tells versions of the operator's files apart, no more.
pub(crate) fn tag(body: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("\"{:016x}\"", body.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[cfg(test)]
mod tests;
