//! `trinity serve [MODEL…]`: answers the HTTP APIs until it is told to stop. Takes llama-server's flags too
//! (`foreign_flags.rs`).

mod config;
mod engine_args;
mod greeting;
mod loader;
mod log;
mod options;
mod puller;
mod sampling_args;
mod secrets;
mod stop;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Args;
use server::{App, lifecycle::Phase, models::Models, serve::Server};

pub(crate) use config::ServeArgs;
use loader::FileLoader;
use puller::HubPuller;
use secrets::Secrets;
use stop::Reload;

use super::{foreign_flags::ForeignHints, limits};
use crate::{
    cli::{Global, group},
    failure::{Failure, Kind, chain},
    terminal,
};

/// Threads that move bytes; what computes has its own.
const IO_THREADS: usize = 2;

/// Threads that wait or read long: what requests may have, and as many for the server's own.
const WAITING_THREADS: usize = 2 * (server::limits::WORKERS_MAX + server::limits::PULLS_MAX);

/// How often the engines are looked after.
const WATCH: Duration = Duration::from_millis(500);

/// Arguments of `serve`.
#[derive(Args)]
pub(crate) struct ServeCommand {
    #[command(flatten)]
    args: ServeArgs,
    /// Print what a request may ask for, and exit
    #[arg(help_heading = group::GENERAL, long)]
    limits: bool,
    #[command(flatten)]
    foreign: ForeignHints,
}

/// Listens, serves, drains.
pub(crate) fn run(command: &ServeCommand, global: &Global) -> Result<(), Failure> {
    if command.limits {
        return terminal::put(&limits::of_requests());
    }
    let settings = config::settle(&command.args)?;
    settings.sampling.check()?;
    log::start(settings.log_level, settings.log_format);
    command.foreign.say();
    options::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .max_blocking_threads(WAITING_THREADS)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Kind::Failure, format!("cannot start threads: {e}")))?;
    let result = runtime.block_on(serve(&settings, global));
    // A load that hangs on a dead disk must not keep a stopped server.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(settings: &ServeArgs, global: &Global) -> Result<(), Failure> {
    let Secrets { keys, tls, warnings } = Secrets::read(settings)?;
    for warning in warnings {
        terminal::warn(&warning);
    }
    let mut server = Server::new(tls.clone());
    for host in settings.hosts() {
        server.listen_tcp(&host, settings.port).await.map_err(|e| failure(&e))?;
    }
    if let Some(path) = &settings.unix_socket {
        server.listen_unix(path).await.map_err(|e| failure(&e))?;
    }
    let scope_salt = secrets::scope_salt(settings)?;
    let (models, loader) = loader::models(settings, scope_salt, global)?;
    loader.set_cache_owners(&keys);
    let mut options = options::of_server(settings, keys, scope_salt, server.is_loopback_only())?;
    if settings.allow_pull {
        options.puller = Some(Arc::new(HubPuller(Arc::clone(&loader))));
    }
    if !server.is_loopback_only() && options.keys.is_empty() {
        terminal::say("warning: reachable from other machines, and no API key is asked for (see --api-key-file)\n");
    }
    let places = greeting::Places::of(&server, options.page.is_some());
    let (watched, n_running_max) = (models.clone(), usize::from(settings.engine.max_running));
    let app = App::new(options, models.clone(), move || loader::statuses(&watched, n_running_max));
    stop::on_signals(Reload { settings: settings.clone(), app: app.clone(), tls, loader: Arc::clone(&loader) })?;
    let has_died = Arc::new(AtomicBool::new(false));
    tokio::spawn(watch_engines(app.clone(), Arc::clone(&has_died)));
    // Health answers while the models are loaded.
    let serving = tokio::spawn(server.run(app.clone(), server::router::routes()));
    let loaded = tokio::select! {
        loaded = load(&models, &loader) => loaded,
        () = app.lifecycle().reached(Phase::Draining) => Ok(()),
    };
    if loaded.is_ok() {
        app.lifecycle().advance(Phase::Ready);
        if app.lifecycle().phase() == Phase::Ready {
            terminal::say(&greeting::text(settings, &models.list(), &places)?);
        }
    } else {
        app.lifecycle().advance(Phase::Cancelled);
    }
    serving.await.map_err(|e| Failure::new(Kind::Failure, format!("the server stopped: {e}")))?;
    loaded?;
    if has_died.load(Ordering::SeqCst) {
        return Err(Failure::new(Kind::Failure, "an engine stopped by itself"));
    }
    // Each saves its cached prefixes, where they are to outlive it.
    let engines = models.loaded();
    let stopped = tokio::task::spawn_blocking(move || engines.iter().for_each(|model| model.handle.shutdown()));
    stopped.await.map_err(|e| Failure::new(Kind::Failure, format!("an engine did not stop: {e}")))
}

/// The first model and those that are pinned; the rest come when they are asked for, and all where nobody said which
/// models.
async fn load(models: &Models, loader: &FileLoader) -> Result<(), Failure> {
    models.load_pinned().await.map_err(|e| loader.failure(&e))?;
    if loader.is_lazy() {
        return Ok(());
    }
    models.acquire(None).await.map_err(|e| loader.failure(&e))?;
    Ok(())
}

/// A server whose engine is gone must not look alive: it ends, and whoever started it starts it anew.
async fn watch_engines(app: App, has_died: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(WATCH).await;
        if app.statuses().iter().filter_map(|s| s.gauges).any(|gauges| !gauges.is_alive) {
            has_died.store(true, Ordering::SeqCst);
            app.lifecycle().advance(Phase::Draining);
            return;
        }
    }
}

fn failure(error: &server::serve::ServeError) -> Failure {
    Failure::new(Kind::Failure, chain(error))
}
