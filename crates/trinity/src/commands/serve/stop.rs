//! Signals: the first SIGTERM or SIGINT asks the server to finish what it does, the second ends the process. SIGHUP
//! reads the files of keys and certificates again, unless it says that the terminal is gone, which is a SIGTERM.

use std::{fs::File, io, sync::Arc};

use server::{
    App,
    lifecycle::{Lifecycle, Phase},
    serve::Tls,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{listen_args::ListenArgs, loader::FileLoader, secrets::Secrets};
use crate::{
    failure::{Failure, Kind},
    terminal,
};

/// Files that SIGHUP reads again, and the parts of the server that must know of them.
pub(super) struct Reload {
    pub(super) settings: ListenArgs,
    pub(super) app: App,
    pub(super) tls: Option<Tls>,
    /// The loader of models; `None` where there are none.
    pub(super) loader: Option<Arc<FileLoader>>,
}

/// Catches signals from now on: SIGTERM and SIGINT stop the server, and SIGHUP reloads.
pub(super) fn on_signals(reload: Reload) -> Result<(), Failure> {
    let catch =
        |kind: SignalKind| signal(kind).map_err(|e| Failure::new(Kind::Failure, format!("cannot catch signals: {e}")));
    let hangup = Hangup::now();
    let (terminate, interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    let hung_up = catch(SignalKind::hangup())?;
    tokio::spawn(stop(reload.app.lifecycle().clone(), terminate, interrupt));
    tokio::spawn(hang_up(reload, hangup, hung_up));
    Ok(())
}

async fn stop(lifecycle: Lifecycle, mut terminate: Signal, mut interrupt: Signal) {
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
}

async fn hang_up(reload: Reload, hangup: Hangup, mut hung_up: Signal) {
    while hung_up.recv().await.is_some() {
        if hangup.is_of_terminal() {
            // Nobody reads standard error any more; whoever wants the server to outlive the terminal says so with
            // nohup.
            tracing::info!("stopping: the terminal is gone");
            reload.app.lifecycle().advance(Phase::Draining);
        } else if Secrets::are_in_files(&reload.settings) {
            reload.read_again();
        } else {
            tracing::info!("SIGHUP: there is no file of keys or certificates to read again");
        }
    }
}

impl Reload {
    /// Everything or nothing; one line of the log says which.
    fn read_again(&self) {
        let secrets = match Secrets::read(&self.settings) {
            Ok(secrets) => secrets,
            Err(failure) => {
                tracing::error!(error = failure.message(), "SIGHUP: nothing is reloaded");
                return;
            }
        };
        for warning in &secrets.warnings {
            tracing::warn!("{warning}");
        }
        if let Some(loader) = &self.loader {
            loader.set_cache_owners(&secrets.keys);
        }
        self.app.replace_keys(&secrets.keys);
        if let (Some(current), Some(new)) = (&self.tls, &secrets.tls) {
            current.replace(new);
        }
        tracing::info!(keys = secrets.keys.len(), certificate = self.tls.is_some(), "SIGHUP: reloaded");
    }
}

/// Tells the end of a terminal from a SIGHUP that somebody sends.
struct Hangup {
    had_terminal: bool,
    is_ignored: bool,
}

impl Hangup {
    /// Looks at the process before the signal is caught.
    fn now() -> Self {
        Self { had_terminal: has_terminal(), is_ignored: is_hangup_ignored().unwrap_or(false) }
    }

    fn is_of_terminal(&self) -> bool {
        self.had_terminal && !self.is_ignored && !has_terminal()
    }
}

/// Whether the process has a terminal that controls it.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Whether the process was started by `nohup`, or what does the same; None where the system does not tell.
fn is_hangup_ignored() -> Option<bool> {
    let status = io::read_to_string(File::open("/proc/self/status").ok()?).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    Some(u64::from_str_radix(mask.trim(), 16).ok()? & 1 != 0)
}
