//! `trinity serve [MODEL…]`: answers the HTTP APIs until it is told to stop. Takes llama-server's flags too
//! (`foreign_flags.rs`).

mod config;
mod engine_args;
mod graph_args;
mod greeting;
mod listen_args;
mod loader;
mod log;
mod options;
mod puller;
mod sampling_args;
mod secrets;
mod stop;
mod web_folder;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Args;
use kg_http::Graphs;
use server::{
    App,
    auth::Keys,
    lifecycle::Phase,
    models::Models,
    serve::{Server, Tls},
};

pub(crate) use config::ServeArgs;
pub(crate) use graph_args::{GraphLimits, LIMIT_MIB, LIMIT_SECONDS, open as open_graph};
pub(crate) use listen_args::ListenArgs;
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

/// Threads that wait or read long: what requests to models may have, and as many for the server's own; those of
/// requests to graphs come on top.
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
    command.foreign.say();
    run_until_stopped(&settings.listen, &settings.graphs.limits, serve(&settings, global))
}

/// Runs a server with the threads, the log and the open files that it needs.
fn run_until_stopped(
    settings: &ListenArgs,
    graphs: &GraphLimits,
    serving: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    log::start(settings.log_level, settings.log_format);
    options::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .max_blocking_threads(WAITING_THREADS + usize::from(graphs.kg_max_running))
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Kind::Failure, format!("cannot start threads: {e}")))?;
    let result = runtime.block_on(serving);
    // A load that hangs on a dead disk must not keep a stopped server.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// Listens where the settings say, with the certificate that they name.
async fn listen(settings: &ListenArgs, tls: Option<Tls>) -> Result<Server, Failure> {
    let mut server = Server::new(tls);
    for host in settings.hosts() {
        server.listen_tcp(&host, settings.port).await.map_err(|e| failure(&e))?;
    }
    if let Some(path) = &settings.unix_socket {
        server.listen_unix(path).await.map_err(|e| failure(&e))?;
    }
    Ok(server)
}

/// Keys and certificate; what is careless about their files is said.
fn secrets(settings: &ListenArgs) -> Result<(Keys, Option<Tls>), Failure> {
    let Secrets { keys, tls, warnings } = Secrets::read(settings)?;
    for warning in warnings {
        terminal::warn(&warning);
    }
    Ok((keys, tls))
}

fn warn_if_open(server: &Server, keys: &Keys) {
    if !server.is_loopback_only() && keys.is_empty() {
        terminal::say("warning: reachable from other machines, and no API key is asked for (see --api-key-file)\n");
    }
}

/// Serves graphs and no model, until it is told to stop.
pub(crate) fn graphs_alone(settings: &ListenArgs, limits: &GraphLimits, graphs: Graphs) -> Result<(), Failure> {
    run_until_stopped(settings, limits, serve_graphs(settings, Arc::new(graphs)))
}

async fn serve_graphs(settings: &ListenArgs, graphs: Arc<Graphs>) -> Result<(), Failure> {
    let (keys, tls) = secrets(settings)?;
    let server = listen(settings, tls.clone()).await?;
    warn_if_open(&server, &keys);
    let mut options = options::of_listener(settings, keys, server.is_loopback_only())?;
    options.page = None;
    let app = App::new(options, Models::default(), Vec::new);
    stop::on_signals(Reload { settings: settings.clone(), app: app.clone(), tls, loader: None })?;
    app.lifecycle().advance(Phase::Ready);
    terminal::say(&format!("{}listening on {}\n", graph_args::line(&graphs), server.addresses().join(" and ")));
    server.run(app, kg_http::routes_alone(&graphs)).await;
    Ok(())
}

async fn serve(settings: &ServeArgs, global: &Global) -> Result<(), Failure> {
    let (keys, tls) = secrets(&settings.listen)?;
    let graphs = Arc::new(settings.graphs.open()?);
    let web = settings.web.as_deref().map(web_folder::read).transpose()?;
    let server = listen(&settings.listen, tls.clone()).await?;
    warn_if_open(&server, &keys);
    let scope_salt = secrets::scope_salt(settings)?;
    let (models, loader) = loader::models(settings, scope_salt, global)?;
    loader.set_cache_owners(&keys);
    let mut options = options::of_server(settings, keys, scope_salt, server.is_loopback_only())?;
    if settings.allow_pull {
        options.puller = Some(Arc::new(HubPuller(Arc::clone(&loader))));
    }
    let places = greeting::Places::of(&server, options.page.is_some(), web.is_some());
    let (watched, n_running_max) = (models.clone(), usize::from(settings.engine.max_running));
    let app = App::new(options, models.clone(), move || loader::statuses(&watched, n_running_max));
    let reload = Reload { settings: settings.listen.clone(), app: app.clone(), tls, loader: Some(Arc::clone(&loader)) };
    stop::on_signals(reload)?;
    let has_died = Arc::new(AtomicBool::new(false));
    tokio::spawn(watch_engines(app.clone(), Arc::clone(&has_died)));
    // Health answers while the models are loaded.
    let routes = server::router::routes().merge(kg_http::routes(&graphs));
    let routes = web.into_iter().fold(routes, |routes, files| routes.merge(server::web_files::routes(files)));
    let serving = tokio::spawn(server.run(app.clone(), routes));
    let loaded = tokio::select! {
        loaded = load(&models, &loader) => loaded,
        () = app.lifecycle().reached(Phase::Draining) => Ok(()),
    };
    if loaded.is_ok() {
        app.lifecycle().advance(Phase::Ready);
        if app.lifecycle().phase() == Phase::Ready {
            terminal::say(&greeting::text(settings, &models.list(), &graphs, &places)?);
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
