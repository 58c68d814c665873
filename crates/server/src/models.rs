//! [`Models`]: names to loaded models. Loads on demand, on a thread of its own, once for all who wait; unloads what was
//! not used for long.
//!
//! Two invariants: a model with a [`Lease`] is never unloaded, and a name in a request is only ever compared with the
//! names that the [`Loader`] knows, so that no request reaches the file system by one.

mod loader;
mod prompt;
mod table;

pub use loader::{
    Description, KnownModel, LoadFailure, LoadedModel, Loader, ModelDetails, ModelTask, PullProgress, Puller,
};

use std::{
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::{Notify, watch};

use gguf::FileChange;

use crate::error::{ApiError, ErrorKind};
use table::{LoadEnd, Loaded, Slot, Table};

/// Longest model name in a request, in bytes.
pub const MODEL_NAME_BYTES_MAX: usize = 256;

/// The time after which a client shall come back where all room is taken by models in use.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Least time that a model is kept for those who waited for its load.
const LOADED_KEPT_MIN: Duration = Duration::from_secs(10);

/// How long a model stays loaded after its last request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepAlive {
    /// The model stays until its room is needed.
    Forever,
    /// The model stays for this time; zero unloads it at once.
    For(Duration),
}

impl KeepAlive {
    fn expiry(self, now: Instant) -> Option<Instant> {
        match self {
            Self::Forever => None,
            // Beyond what a clock can tell is for ever.
            Self::For(time) => now.checked_add(time),
        }
    }
}

/// Which names a request may ask for a model by, beside those that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ModelNames {
    /// Any name, or none, where one model is served: it can only mean that one. Where there are several, only their own
    /// names.
    #[default]
    AnyForOne,
    /// Any name, or none, means the first model.
    AnyForFirst,
    /// Only the models' own names.
    Strict,
}

/// How many models stay in memory, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct ModelsOptions {
    /// Most bytes of all loaded models; `u64::MAX`: no limit.
    pub bytes_max: u64,
    /// How long a model stays after its last request, where that does not say.
    pub keep_alive: KeepAlive,
    /// What a name that nobody knows, or none at all, means.
    pub names: ModelNames,
}

impl Default for ModelsOptions {
    fn default() -> Self {
        Self { bytes_max: u64::MAX, keep_alive: KeepAlive::Forever, names: ModelNames::default() }
    }
}

/// What is known of one model.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    /// The model's name in the API.
    pub id: String,
    /// Other names of the model.
    pub aliases: Vec<String>,
    /// When the model's file was written, in seconds since 1970.
    pub created: u64,
    /// Bytes in memory: expected ones, or when the model is loaded true ones.
    pub bytes: u64,
    /// Whether the model is never unloaded.
    pub is_pinned: bool,
    /// The model, if it is in memory.
    pub loaded: Option<Arc<LoadedModel>>,
    /// Time until the model is unloaded, if it will be.
    pub expires_in: Option<Duration>,
}

/// Names to loaded models. Cheap to clone.
#[derive(Clone)]
pub struct Models(Arc<Inner>);

impl Default for Models {
    /// A server without models.
    fn default() -> Self {
        struct Nothing;
        impl Loader for Nothing {
            fn known(&self) -> Vec<KnownModel> {
                Vec::new()
            }

            fn load(&self, _: &str) -> Result<LoadedModel, LoadFailure> {
                Err(LoadFailure { message: "there is no such model".to_owned() })
            }
        }
        Self::new(Box::new(Nothing), ModelsOptions::default())
    }
}

struct Inner {
    loader: Box<dyn Loader>,
    options: ModelsOptions,
    table: Mutex<Table>,
    /// Told when a model may expire earlier than was thought.
    changed: Arc<Notify>,
    has_reaper: AtomicBool,
}

impl Models {
    /// The models that `loader` knows, none of them loaded yet.
    pub fn new(loader: Box<dyn Loader>, options: ModelsOptions) -> Self {
        let (table, changed) = (Mutex::new(Table::default()), Arc::default());
        Self(Arc::new(Inner { loader, options, table, changed, has_reaper: AtomicBool::new(false) }))
    }

    /// Loads the models that are pinned, one after the other; the error is the first one's.
    pub async fn load_pinned(&self) -> Result<(), ApiError> {
        for known in self.0.loader.known().into_iter().filter(|k| k.is_pinned) {
            self.acquire(Some(&known.id)).await?;
        }
        Ok(())
    }

    /// Leases the model of that name, and loads it if it was not. Without a name it is the first model; by
    /// [`ModelNames`] other names may mean one, too.
    pub async fn acquire(&self, name: Option<&str>) -> Result<Lease, ApiError> {
        let known = self.find(name).or_else(|error| self.meant_by_any_name().ok_or(error))?;
        self.lease(known, None).await
    }

    /// Leases the model of that name, for APIs where every request names its model: without a name it is refused,
    /// unless any name will do.
    pub async fn acquire_named(&self, name: Option<&str>) -> Result<Lease, ApiError> {
        if name.is_none() && self.meant_by_any_name().is_none() {
            let message = format!("model: missing; there is: {}", self.ids().join(", "));
            return Err(ApiError::invalid("model", message));
        }
        self.acquire(name).await
    }

    /// Leases a model by a name of its own, and says how long it shall stay loaded afterwards: for an API whose clients
    /// pull what is not there.
    pub async fn acquire_for(&self, name: Option<&str>, keep_alive: Option<KeepAlive>) -> Result<Lease, ApiError> {
        let known = self.find(name)?;
        self.lease(known, keep_alive).await
    }

    async fn lease(&self, known: KnownModel, keep_alive: Option<KeepAlive>) -> Result<Lease, ApiError> {
        self.start_reaper();
        loop {
            let change = self.0.loader.change(&known.id);
            let mut end = {
                let mut table = self.0.table();
                let gone = change
                    .and_then(|change| take_out_changed(&known.id, &change, &mut table).transpose())
                    .transpose()?;
                if let Some(model) = table.lease(&known.id, Instant::now()) {
                    let keep_alive = keep_alive.unwrap_or(self.0.options.keep_alive);
                    return Ok(Lease(Arc::new(LeaseInner { model, models: Arc::clone(&self.0), keep_alive })));
                }
                match table.get(&known.id) {
                    Some(Slot::Loading { end, .. }) => end.clone(),
                    _ => self.begin_load(&known, gone.into_iter().collect(), &mut table)?,
                }
            };
            let ended = end.wait_for(Option::is_some).await.map(|end| end.clone());
            match ended {
                Ok(Some(Err(error))) => return Err(error),
                Ok(_) => {}
                Err(_) => return Err(load_error(&known.id)),
            }
        }
    }

    /// How long a model stays after its last request, where that does not say.
    pub fn keep_alive(&self) -> KeepAlive {
        self.0.options.keep_alive
    }

    /// All models that can be asked for, loaded or not.
    pub fn list(&self) -> Vec<ModelEntry> {
        let known = self.0.loader.known();
        let (table, now) = (self.0.table(), Instant::now());
        let entry = |known: KnownModel| {
            let slot = table.get(&known.id);
            let loaded = match slot {
                Some(Slot::Loaded(loaded)) => Some(loaded),
                _ => None,
            };
            ModelEntry {
                created: known.created.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_secs()),
                bytes: loaded.map_or(known.bytes, |l| l.bytes),
                is_pinned: known.is_pinned,
                loaded: loaded.map(|l| Arc::clone(&l.model)),
                expires_in: loaded.and_then(|l| l.expires).map(|t| t.saturating_duration_since(now)),
                id: known.id,
                aliases: known.aliases,
            }
        };
        known.into_iter().map(entry).collect()
    }

    /// The entry of [`list`](Self::list) that has this name.
    pub fn entry(&self, name: &str) -> Result<ModelEntry, ApiError> {
        let id = self.find(Some(name))?.id;
        self.list().into_iter().find(|entry| entry.id == id).ok_or_else(|| self.not_found(name))
    }

    /// Describes the model of that name; the head of its file may be read for it. `None` where only a load can tell.
    pub fn describe(&self, name: &str) -> Result<Option<Description>, ApiError> {
        let entry = self.entry(name)?;
        Ok(entry.loaded.map(|model| model.description()).or_else(|| self.0.loader.describe(&entry.id)))
    }

    /// The models that are in memory.
    pub fn loaded(&self) -> Vec<Arc<LoadedModel>> {
        self.list().into_iter().filter_map(|entry| entry.loaded).collect()
    }

    /// Unloads the model if nobody uses it and it is not pinned; says whether it did.
    pub fn unload(&self, name: &str) -> Result<bool, ApiError> {
        let id = self.find(Some(name))?.id;
        let mut table = self.0.table();
        let is_idle = matches!(table.get(&id), Some(Slot::Loaded(l)) if l.n_leases == 0 && !l.is_pinned);
        if let (true, Some(Slot::Loaded(loaded))) = (is_idle, if is_idle { table.remove(&id) } else { None }) {
            drop(table);
            unload(vec![loaded.model]);
        }
        Ok(is_idle)
    }

    /// The model that a request means whatever it calls it, if all names mean one.
    fn meant_by_any_name(&self) -> Option<KnownModel> {
        let mut known = self.0.loader.known().into_iter();
        let first = known.next();
        match self.0.options.names {
            ModelNames::AnyForFirst => first,
            ModelNames::AnyForOne => first.filter(|_| known.next().is_none()),
            ModelNames::Strict => None,
        }
    }

    fn ids(&self) -> Vec<String> {
        self.0.loader.known().into_iter().map(|k| k.id).collect()
    }

    /// The model that a name means. What is asked about a model, and not of it, must call it by a name of its own,
    /// unless the operator says that all names are the first model's.
    fn find(&self, name: Option<&str>) -> Result<KnownModel, ApiError> {
        let mut known = self.0.loader.known().into_iter();
        let Some(name) = name else {
            return known.next().ok_or_else(|| ApiError::new(ErrorKind::NotFound, "this server has no model"));
        };
        let is_it = |k: &KnownModel| k.id == name || k.aliases.iter().any(|a| a == name);
        if let Some(found) = known.find(is_it) {
            return Ok(found);
        }
        let is_any = self.0.options.names == ModelNames::AnyForFirst;
        let first = if is_any { self.meant_by_any_name() } else { None };
        first.ok_or_else(|| self.not_found(name))
    }

    fn not_found(&self, name: &str) -> ApiError {
        let shown: String = name.chars().take(MODEL_NAME_BYTES_MAX).flat_map(char::escape_debug).collect();
        let message = format!("the model '{shown}' does not exist; there is: {}", self.ids().join(", "));
        ApiError { param: Some("model".to_owned()), ..ApiError::new(ErrorKind::NotFound, message) }
            .with_code("model_not_found")
    }

    /// Makes room, ends the models that are `gone` from the table already, and starts the load; the caller waits on
    /// what is returned.
    fn begin_load(
        &self,
        known: &KnownModel,
        gone: Vec<Arc<LoadedModel>>,
        table: &mut Table,
    ) -> Result<watch::Receiver<LoadEnd>, ApiError> {
        let bytes_max = self.0.options.bytes_max;
        let victims = table.make_room(known.bytes, bytes_max).map_err(|used| {
            let (id, wanted) = (&known.id, known.bytes);
            let error =
                |why: String| ApiError::new(ErrorKind::Unavailable, format!("{id} needs {wanted} bytes; {why}"));
            if wanted > bytes_max {
                error(format!("the models of this server may take {bytes_max}"))
            } else {
                error(format!("models in use take {used} of {bytes_max}")).with_retry_after(RETRY_AFTER)
            }
        })?;
        let (sender, end) = watch::channel(None);
        table.put(&known.id, Slot::Loading { end: end.clone(), bytes: known.bytes });
        let (inner, target) = (Arc::clone(&self.0), known.clone());
        let thread = thread::Builder::new().name(format!("load {}", known.id));
        let started = thread.spawn(move || {
            shut_down(gone);
            shut_down(victims);
            let result = inner.load(&target);
            sender.send_replace(Some(result));
        });
        if let Err(error) = started {
            table.remove(&known.id);
            tracing::error!(model = known.id, %error, "no thread to load a model on");
            return Err(load_error(&known.id));
        }
        Ok(end)
    }

    /// Starts the one task that unloads what has expired. It ends with the last [`Models`].
    fn start_reaper(&self) {
        if !self.0.has_reaper.swap(true, Ordering::Relaxed) {
            tokio::spawn(reap(Arc::downgrade(&self.0)));
        }
    }
}

/// Takes out a loaded model whose file is not what it was if nobody uses it, to be loaded anew. While it is used, one
/// whose file has been replaced goes on with what it has mapped; one whose file has been written to has lost what it
/// was, and takes no more requests.
fn take_out_changed(id: &str, change: &FileChange, table: &mut Table) -> Result<Option<Arc<LoadedModel>>, ApiError> {
    let Some(Slot::Loaded(loaded)) = table.get(id) else { return Ok(None) };
    if loaded.n_leases == 0 {
        let path = crate::log::escape(&change.path().display().to_string());
        tracing::warn!(model = id, file = path, "the file was changed since it was loaded: it is loaded anew");
        return Ok(table.take_out(id));
    }
    match change {
        FileChange::Replaced(_) => Ok(None),
        FileChange::Overwritten(_) => {
            let message =
                format!("the file of {id} was changed while it is in use; it is loaded anew when what runs has ended");
            Err(ApiError::new(ErrorKind::Unavailable, message).with_code("model_changed").with_retry_after(RETRY_AFTER))
        }
    }
}

impl Inner {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads a model, on the thread of the load.
    fn load(&self, known: &KnownModel) -> Result<(), ApiError> {
        let loaded = catch_unwind(AssertUnwindSafe(|| self.loader.load(&known.id)))
            .unwrap_or_else(|_| Err(LoadFailure { message: "a panic".to_owned() }));
        let mut table = self.table();
        let victims = match loaded {
            Ok(model) => {
                let now = Instant::now();
                // Whoever waits for it must get hold of it, however short it is to be kept.
                let keep_alive = match self.options.keep_alive {
                    KeepAlive::For(time) => KeepAlive::For(time.max(LOADED_KEPT_MIN)),
                    KeepAlive::Forever => KeepAlive::Forever,
                };
                let loaded = Loaded {
                    bytes: model.details.memory_bytes,
                    model: Arc::new(model),
                    n_leases: 1,
                    last_used: now,
                    expires: None,
                    is_pinned: known.is_pinned,
                };
                // It may have come out larger than its file told; the newcomer itself stays.
                table.put(&known.id, Slot::Loaded(loaded));
                let victims = table.make_room(0, self.options.bytes_max).unwrap_or_default();
                table.release(&known.id, keep_alive, now);
                victims
            }
            Err(failure) => {
                table.remove(&known.id);
                drop(table);
                tracing::error!(model = known.id, error = failure.message, "a model could not be loaded");
                return Err(load_error(&known.id));
            }
        };
        drop(table);
        self.changed.notify_one();
        shut_down(victims);
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.changed.notify_one();
        unload(self.table().drain());
    }
}

fn load_error(id: &str) -> ApiError {
    ApiError::new(ErrorKind::Internal, format!("the model {id} could not be loaded; the server's log says why"))
}

/// Ends the engines of models, and waits for their current step.
fn shut_down(models: Vec<Arc<LoadedModel>>) {
    for model in models {
        tracing::info!(model = model.id, "unloaded");
        model.handle.shutdown();
    }
}

/// Ends the engines of models on a thread of its own, off the threads that serve.
fn unload(models: Vec<Arc<LoadedModel>>) {
    if models.is_empty() {
        return;
    }
    if let Err(error) = thread::Builder::new().name("unload".to_owned()).spawn(move || shut_down(models)) {
        tracing::error!(%error, "no thread to unload a model on");
    }
}

async fn reap(models: Weak<Inner>) {
    loop {
        let Some(inner) = models.upgrade() else { return };
        let (next, changed) = {
            let mut table = inner.table();
            unload(table.expired(Instant::now()));
            (table.next_expiry(), Arc::clone(&inner.changed))
        };
        // Waiting must not keep the models.
        drop(inner);
        match next {
            Some(time) => {
                let _ = tokio::time::timeout_at(time.into(), changed.notified()).await;
            }
            None => changed.notified().await,
        }
    }
}

/// A model in use: it stays loaded until the last clone is dropped.
#[derive(Clone)]
pub struct Lease(Arc<LeaseInner>);

struct LeaseInner {
    model: Arc<LoadedModel>,
    models: Arc<Inner>,
    keep_alive: KeepAlive,
}

impl Deref for Lease {
    type Target = LoadedModel;

    fn deref(&self) -> &LoadedModel {
        &self.0.model
    }
}

impl Drop for LeaseInner {
    fn drop(&mut self) {
        self.models.table().release(&self.model.id, self.keep_alive, Instant::now());
        self.models.changed.notify_one();
    }
}
