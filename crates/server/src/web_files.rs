//! A folder of files for browsers (the package that runs models in the page, with its demo), served below `/web/`.
//!
//! The files are read by whoever starts the server and held by their names, so a request can name one of them and
//! nothing else. They hold no secret and need no key, like the chat page.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    body::Bytes,
    extract::Path,
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use thiserror::Error;

use crate::{
    error::{ApiError, ErrorKind},
    page,
    refusal::Shape,
    router::Routes,
};

/// What pages of the folder may load and do: this origin's scripts, workers and WebAssembly, and models from any host
/// that lets them; nothing inline, no frames, forms or plugins.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self' https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file that a folder shows by its own name.
const INDEX: &str = "index.html";

/// Kinds of files that are served, by the ends of their names.
const KINDS: &[(&str, &str)] = &[
    (".html", page::HTML),
    (".js", page::SCRIPT),
    (".mjs", page::SCRIPT),
    (".css", page::STYLE),
    (".svg", page::PICTURE),
    (".wasm", "application/wasm"),
    (".json", "application/json"),
    (".d.ts", "text/plain; charset=utf-8"),
];

/// The files of a folder, by name.
#[derive(Clone, Default, Debug)]
pub struct WebFiles(BTreeMap<String, WebFile>);

#[derive(Clone, Debug)]
struct WebFile {
    content_type: &'static str,
    body: Bytes,
    tag: String,
}

/// Why a file is not served.
#[derive(Error, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebFileError {
    /// A name with other characters could mean something else in a URL.
    #[error("{0:?}: names of files are letters, digits, '-', '_' and '.', and do not begin with '.'")]
    Name(String),
    /// A kind of file that browsers of the package have no use for.
    #[error("{name:?}: no file for a browser; those end with {known}")]
    Kind {
        /// Name of the file.
        name: String,
        /// Ends of names that are known.
        known: String,
    },
}

impl WebFiles {
    /// Adds a file.
    ///
    /// # Errors
    /// A name that is no plain name of a file for browsers.
    pub fn add(&mut self, name: &str, body: Vec<u8>) -> Result<(), WebFileError> {
        if !is_name(name) {
            return Err(WebFileError::Name(name.to_owned()));
        }
        let kind = KINDS.iter().find(|(end, _)| name.ends_with(end)).ok_or_else(|| WebFileError::Kind {
            name: name.to_owned(),
            known: KINDS.iter().map(|(end, _)| *end).collect::<Vec<_>>().join(", "),
        })?;
        let tag = page::tag(&body);
        self.0.insert(name.to_owned(), WebFile { content_type: kind.1, body: body.into(), tag });
        Ok(())
    }

    /// Whether there is a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Whether `name` is the plain name of a file.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// The routes of the files.
pub fn routes(files: WebFiles) -> Routes {
    let layer = Extension(Arc::new(files));
    // Relative addresses in the page are below the folder, which only the stroke at its end says.
    let folder = get(|| async { Redirect::permanent("/web/").into_response() });
    Routes::of(Shape::OpenAi)
        .route("/web", folder)
        .route("/web/", get(index).layer(layer.clone()))
        .route("/web/{file}", get(file).layer(layer))
}

async fn index(files: Extension<Arc<WebFiles>>, request: HeaderMap) -> Result<Response, ApiError> {
    file(files, Path(INDEX.to_owned()), request).await
}

async fn file(
    Extension(files): Extension<Arc<WebFiles>>,
    Path(name): Path<String>,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    let file = files.0.get(&name).ok_or_else(|| {
        let message = format!("no file {} below /web", crate::log::escape(&name));
        ApiError::new(ErrorKind::NotFound, message).with_code("route_not_found")
    })?;
    Ok(page::answer(&request, file.body.clone(), file.content_type, POLICY, &file.tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Result<(), &str>) {
        let mut files = WebFiles::default();
        let got = files.add(name, b"x".to_vec()).map_err(|e| e.to_string());
        match expected {
            Ok(()) => assert_eq!((got, files.has(name)), (Ok(()), true), "{name}"),
            Err(part) => assert!(got.clone().unwrap_err().contains(part), "{name}: {got:?}"),
        }
    }

    #[test]
    fn only_plain_names_of_known_kinds_are_taken() {
        for name in ["index.html", "worker.js", "trinity.wasm", "index.d.ts", "a_b-C1.svg"] {
            check(name, Ok(()));
        }
        for name in ["", ".", "..", ".html", "../a.js", "a/b.js", "a\\b.js", "a%2f.js", "a b.js", "ä.js"] {
            check(name, Err("names of files"));
        }
        check("model.gguf", Err("no file for a browser; those end with .html, .js"));
    }
}
