//! Signals: the first asks the server to finish what it does, the second ends the process.

use server::lifecycle::{Lifecycle, Phase};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    failure::{Failure, Kind},
    terminal,
};

/// From now on SIGTERM and SIGINT stop the server.
pub(super) fn on_signals(lifecycle: Lifecycle) -> Result<(), Failure> {
    let failure = |e: std::io::Error| Failure::new(Kind::Failure, format!("cannot catch signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failure)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failure)?;
    tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = terminate.recv() => 143,
                _ = interrupt.recv() => 130,
            };
            if lifecycle.phase() >= Phase::Draining {
                #[allow(clippy::exit, reason = "the second signal: whatever runs did not stop at the first")]
                std::process::exit(code);
            }
            terminal::say("stopping: finishing what runs; a second signal ends it at once\n");
            lifecycle.advance(Phase::Draining);
        }
    });
    Ok(())
}
