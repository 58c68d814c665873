//! Pulls models that clients ask for, where `--allow-pull` says that they may: names of the catalogue, each verified by
//! its SHA-256.

use std::{fmt, ops::ControlFlow, sync::Arc};

use hub::Event;
use server::models::{LoadFailure, PullProgress, Puller};

use super::loader::FileLoader;
/// Downloads models from the hub and tells the loader of them.
pub(super) struct HubPuller(pub(super) Arc<FileLoader>);

impl fmt::Debug for HubPuller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubPuller").finish_non_exhaustive()
    }
}

/// What clients are told of a failure: paths and addresses are for the log.
fn told(name: &str, error: &hub::Error) -> String {
    match error {
        hub::Error::Offline(_) | hub::Error::Busy(_) => error.to_string(),
        _ => format!("{name} could not be pulled; the server's log says why"),
    }
}

impl Puller for HubPuller {
    fn find(&self, name: &str) -> Option<String> {
        self.0.hub().entry(name).map(|entry| entry.name.clone())
    }

    fn names(&self) -> Vec<String> {
        self.0.hub().catalogue().iter().map(|entry| entry.name.clone()).collect()
    }

    fn pull(&self, name: &str, report: &mut dyn FnMut(PullProgress<'_>) -> ControlFlow<()>) -> Result<(), LoadFailure> {
        let digest = self.0.hub().entry(name).and_then(|entry| entry.sha256.clone()).unwrap_or_default();
        tracing::info!(model = name, "pulling, as a client asks");
        let pulled = self.0.hub().pull(name, &mut |event| match event {
            Event::Terms { text, .. } => report(PullProgress::Status(text.trim_end())),
            Event::Waiting { .. } => report(PullProgress::Status("waiting for another process that pulls it")),
            Event::Progress { bytes, total } => {
                report(PullProgress::Bytes { digest: &digest, completed: bytes, total })
            }
            Event::Failed { error } => {
                tracing::warn!(model = name, error = %error, "a source failed");
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        });
        let failed = |message: String| {
            tracing::error!(model = name, error = message, "a model could not be pulled");
        };
        let resolved = pulled.map_err(|error| {
            failed(error.to_string());
            LoadFailure { message: told(name, &error) }
        })?;
        self.0.add(name, resolved).map_err(|failure| {
            failed(failure.message().to_owned());
            LoadFailure { message: format!("{name} could not be opened; the server's log says why") }
        })
    }
}
