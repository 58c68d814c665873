//! The models that `serve` was started with: found at the start, opened when the server asks for one.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, SystemTime},
};

use chat::OutputFormat;
use engine::{CacheScope, Handle, SamplingDefaults, grammar::GrammarCompiler};
use gguf::{Container, FileChange, Stamp};
use hub::{Hub, Resolved};
use model::{Forward, LoadOptions, PAGE_LEN};
use prompt::{Guard, can_fill};
use server::{
    EngineGauges, ModelStatus,
    auth::{Keys, ScopeSalt},
    error::ApiError,
    models::{
        Description, KeepAlive, KnownModel, LoadFailure, LoadedModel, Loader, ModelDetails, ModelNames, ModelTask,
        Models, ModelsOptions,
    },
};

use super::{
    config::ServeArgs,
    engine_args::{self, Target},
};
use crate::{
    cli::Global,
    commands::{
        context_plan::ContextPlan,
        opened::{self, Opened},
        present, pull,
        template_args::ChatTemplate,
    },
    failure::{Failure, Kind},
    terminal,
};

/// Finds the models to serve; an error names the one that is not there.
pub(super) fn models(
    settings: &ServeArgs,
    scope_salt: ScopeSalt,
    global: &Global,
) -> Result<(Models, Arc<FileLoader>), Failure> {
    let loader = Arc::new(FileLoader::find(settings, scope_salt, global)?);
    let options = ModelsOptions {
        bytes_max: settings.models_memory.map_or(u64::MAX, |mib| mib.saturating_mul(1 << 20)),
        keep_alive: settings.keep_alive.map_or(KeepAlive::Forever, |s| KeepAlive::For(Duration::from_secs(s))),
        names: match (settings.any_model_name, settings.strict_model_name) {
            (true, _) => ModelNames::AnyForFirst,
            (false, true) => ModelNames::Strict,
            // Who did not say which models wants to be answered, as where there is one.
            (false, false) if loader.is_lazy() => ModelNames::AnyForFirst,
            (false, false) => ModelNames::AnyForOne,
        },
    };
    Ok((Models::new(Box::new(Shared(Arc::clone(&loader))), options), loader))
}

/// The models as the operator's routes show them.
pub(super) fn statuses(models: &Models, n_running_max: usize) -> Vec<ModelStatus> {
    let status = |entry: server::models::ModelEntry| {
        let loaded = entry.loaded;
        ModelStatus {
            source: entry.id.clone(),
            context_len_max: loaded.as_ref().map_or(0, |m| m.handle.context_len_max()),
            n_vocab: loaded.as_ref().map_or(0, |m| m.handle.n_vocab()),
            architecture: loaded.as_ref().map(|m| m.details.architecture.clone()).unwrap_or_default(),
            has_template: loaded.as_ref().is_some_and(|m| m.template.is_some()),
            n_running_max: loaded.as_ref().map_or(n_running_max, |m| m.handle.n_running_max()),
            gauges: loaded.as_ref().map(|m| EngineGauges { stats: m.handle.stats(), is_alive: m.handle.is_alive() }),
            id: entry.id,
        }
    };
    models.list().into_iter().map(status).collect()
}

/// A model that can be loaded, and where it lies.
#[derive(Clone)]
struct Found {
    known: KnownModel,
    place: Resolved,
    /// Stamps of the file, or of its parts, when it was found or last loaded.
    stamps: Vec<Stamp>,
}

impl Found {
    /// `name` as on the command line or in the catalogue, and what it came to.
    fn new(name: &str, hub: &Hub, place: Resolved, is_pinned: bool) -> Result<Self, Failure> {
        let ((created, bytes), stamps) = match &place {
            Resolved::Embedded => ((SystemTime::UNIX_EPOCH, hub::embedded().len() as u64), Vec::new()),
            Resolved::File(path) => {
                let about = std::fs::metadata(path)
                    .map_err(|e| Failure::new(Kind::Failure, format!("{}: {e}", path.display())))?;
                (age_and_size(&about), vec![Stamp::new(path, &about)])
            }
        };
        let id = id_of(name, hub);
        // Also by the words of the command line, unless they are a path: those are nobody's business.
        let aliases = [name.to_owned()].into_iter().filter(|n| *n != id && !is_path(n)).collect();
        Ok(Self { known: KnownModel { id, aliases, created, bytes, is_pinned }, place, stamps })
    }

    /// How the file differs from what was found or loaded, if it does.
    fn change(&self) -> Option<FileChange> {
        self.stamps.iter().find_map(Stamp::change)
    }

    /// Calls it `id`; it keeps its other names, and gets more.
    fn rename(&mut self, id: &str, more: &[String]) {
        let old = std::mem::replace(&mut self.known.id, id.to_owned());
        for name in std::iter::once(&old).chain(more) {
            if *name != self.known.id && !self.known.aliases.contains(name) {
                self.known.aliases.push(name.clone());
            }
        }
        self.known.aliases.retain(|name| name != id);
    }
}

/// The models of a server and how they are opened: the [`Loader`] of files on this machine.
pub(super) struct FileLoader {
    /// Models of the command line, then those that were pulled since.
    found: RwLock<Vec<Found>>,
    settings: ServeArgs,
    hub: Hub,
    scope_salt: ScopeSalt,
    /// Owners of the prefixes that a model which is loaded now may find in the cache folder.
    cache_owners: RwLock<Vec<u64>>,
    /// Why the last load failed, in full: clients are not told, whoever starts the server is.
    last_failure: Mutex<Option<String>>,
}

impl FileLoader {
    fn find(settings: &ServeArgs, scope_salt: ScopeSalt, global: &Global) -> Result<Self, Failure> {
        let mut names: Vec<String> = settings.all_models().into_iter().map(str::to_owned).collect();
        let hub = Hub::from_environment(global.offline)?;
        let is_named = !names.is_empty() || !settings.pin.is_empty();
        if !is_named {
            names = present::models(&hub)?.into_iter().map(|model| model.name).collect();
        }
        names.extend(settings.pin.iter().filter(|pinned| !settings.all_models().contains(&pinned.as_str())).cloned());
        let mut found: Vec<Found> = Vec::new();
        for name in &names {
            let is_pinned = settings.pin.iter().any(|pinned| pinned == name);
            let mut new = Found::new(name, &hub, pull::find_or_ask(name, global)?, is_pinned)?;
            let is_twice = |id: &str| found.iter().any(|f| f.known.id == id);
            // Nobody chose them: two files of one name are told apart by where they came from.
            if !is_named && is_twice(&new.known.id) {
                new.rename(name, &[]);
                new.known.aliases.clear();
            }
            if is_twice(&new.known.id) {
                return Err(Failure::usage(format!("two models are called {:?}", new.known.id)));
            }
            found.push(new);
        }
        if let (Some(first), Some((id, more))) = (found.first_mut(), settings.alias.split_first()) {
            first.rename(id, more);
        }
        let names: Vec<&String> =
            found.iter().flat_map(|f| std::iter::once(&f.known.id).chain(&f.known.aliases)).collect();
        if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            return Err(Failure::usage(format!("two models are called {:?}", twice.1)));
        }
        Ok(Self {
            found: RwLock::new(found),
            settings: settings.clone(),
            hub,
            scope_salt,
            cache_owners: RwLock::default(),
            last_failure: Mutex::default(),
        })
    }

    /// Gives the cache folder to the owners of `keys` and to what belongs to none, from the next load on.
    pub(super) fn set_cache_owners(&self, keys: &Keys) {
        let mut owners = keys.cache_owners(&self.scope_salt);
        owners.push(CacheScope::default().owner());
        *self.cache_owners.write().unwrap_or_else(PoisonError::into_inner) = owners;
    }

    /// One more model, which was pulled; one that is there already stays.
    pub(super) fn add(&self, name: &str, resolved: Resolved) -> Result<(), Failure> {
        let new = Found::new(name, &self.hub, resolved, false)?;
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if found.iter().all(|f| f.known.id != new.known.id) {
            found.push(new);
        }
        Ok(())
    }

    /// The hub that models come from.
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    fn found(&self) -> RwLockReadGuard<'_, Vec<Found>> {
        self.found.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a load failed, in words for the terminal.
    pub(super) fn failure(&self, error: &ApiError) -> Failure {
        let reason = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        Failure::new(Kind::Failure, reason.unwrap_or_else(|| error.to_string()))
    }

    /// Returns whether models are loaded only when asked for: where nobody said which models, and there are several.
    pub(super) fn is_lazy(&self) -> bool {
        let is_named = !self.settings.all_models().is_empty() || !self.settings.pin.is_empty();
        !is_named && self.found().len() > 1
    }

    /// Describes a model by the head of its file, without loading it.
    fn describe(&self, found: &Found) -> Result<Description, Failure> {
        let opened = Opened::new(opened::container(&found.place)?, &self.settings.template)?;
        let template = opened.template.template;
        let spec = model::spec_of_head(&opened.container)?;
        Ok(Description {
            details: details(&opened.container, found.known.bytes)?,
            task: ModelTask::of(!spec.is_encoder, spec.has_rank_head()),
            context_len_max: self.plan(&opened.container)?.longest(),
            n_vocab: opened.tokenizer.n_vocab(),
            has_reasoning: OutputFormat::detect(template.as_ref()).has_reasoning(),
            sampling: self.settings.sampling.defaults().or(opened.sampling),
            template: template.map(|t| t.source().to_owned()),
            fills_in: can_fill(&opened.tokenizer),
        })
    }

    /// Plan of a served model: sequences as long as in a conversation alone, and memory for several.
    fn plan(&self, container: &Container) -> Result<ContextPlan, Failure> {
        let args = &self.settings.load;
        let plan = ContextPlan::to_talk(args, container)?;
        let engine = &self.settings.engine;
        let state_bytes = model::memory_plan_of_head(container, &LoadOptions::DEFAULT)?.state_bytes;
        let n_states = engine.n_states(state_bytes);
        let spec = model::spec_of_head(container)?;
        let positions = engine.positions(&spec, args.attention_window(), plan.longest(), n_states);
        Ok(ContextPlan { kv_positions: Some(positions), n_states, ..plan })
    }

    /// Remembers which file it is that is loaded, and tells where it is not the one that was found.
    fn note_file(&self, found: &Found, container: &Container) {
        let change = found.change();
        if let Some(change) = &change {
            let file = terminal::escape(&change.path().display().to_string());
            tracing::warn!(model = found.known.id, file, "the file is another than before");
        }
        let about = match (&found.place, change) {
            (Resolved::File(path), Some(_)) => std::fs::metadata(path).ok(),
            _ => None,
        };
        let mut all = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = all.iter_mut().find(|f| f.known.id == found.known.id) {
            entry.stamps = container.stamps();
            if let Some(about) = about {
                (entry.known.created, entry.known.bytes) = age_and_size(&about);
            }
        }
    }

    fn open(&self, found: &Found) -> Result<LoadedModel, Failure> {
        let id = &found.known.id;
        let args = &self.settings.load;
        let container = args.ready(opened::container(&found.place)?)?;
        self.note_file(found, &container);
        let Opened { container, tokenizer, template, sampling: own_sampling, left_out } =
            Opened::new(container, &self.settings.template)?;
        for warning in left_out {
            tracing::warn!(model = %id, %warning, "a key of the file is left out");
        }
        let sampling = self.settings.sampling.defaults().or(own_sampling);
        let plan = self.plan(&container)?;
        let (model, _) = args.load_any(&container, plan)?;
        let pooling = self.settings.engine.pooling().or(model.spec().pooling);
        let failure = |message: String| Failure::new(Kind::Failure, format!("{id}: {message}"));
        template.warn(id);
        let ChatTemplate { template, own_error: template_error } = template;
        let positions_bytes = model.kv_position_bytes().saturating_mul((model.n_pages() * PAGE_LEN) as u64);
        let states_bytes = model.state_bytes().saturating_mul(model.n_states() as u64);
        let memory_bytes = [model.copy_bytes(), model.packed_bytes(), positions_bytes, states_bytes]
            .into_iter()
            .fold(container.file_bytes(), u64::saturating_add);
        let mut details = details(&container, memory_bytes)?;
        let grammars = GrammarCompiler::new(&tokenizer).map_err(|e| failure(e.to_string()))?;
        let cache_owners = self.cache_owners.read().unwrap_or_else(PoisonError::into_inner).clone();
        let target = Target {
            container: &container,
            tokenizer: &tokenizer,
            n_layers: details.n_layers,
            longest: plan.longest(),
            cache_owners: &cache_owners,
        };
        let mut options = self.settings.engine.options(args, &target, &self.hub)?;
        if model.n_states() > 0 {
            let off = if options.restrict_to_states() { "drafts" } else { "" };
            let n_states = model.n_states();
            let n_running_max = options.n_running_max.min(n_states.div_ceil(2));
            tracing::info!(model = %id, n_states, n_running_max, off, "layers carry states, which cannot go back");
        }
        let handle =
            Handle::spawn(id, Box::new(model), Arc::clone(&tokenizer), options).map_err(|e| failure(e.to_string()))?;
        let chosen = format!(
            "{} {:?} {:?} {:?}{}",
            engine_args::numerics(args),
            handle.context_len_max(),
            self.settings.max_tokens,
            template.as_ref().map(chat::Template::source),
            if sampling == SamplingDefaults::default() { String::new() } else { format!(" {sampling:?}") }
        );
        details.fingerprint = engine_args::fingerprint_of_head(&container, &chosen);
        Ok(LoadedModel {
            id: id.clone(),
            handle,
            format: OutputFormat::detect(template.as_ref()),
            template_error: template_error.filter(|_| template.is_none()),
            template,
            guard: Guard::new(&tokenizer),
            grammars,
            pooling,
            sampling,
            details,
        })
    }
}

/// The loader as the server holds it.
struct Shared(Arc<FileLoader>);

impl Loader for Shared {
    fn known(&self) -> Vec<KnownModel> {
        self.0.found().iter().map(|f| f.known.clone()).collect()
    }

    fn describe(&self, id: &str) -> Option<Description> {
        let found = self.0.found().iter().find(|f| f.known.id == id).cloned()?;
        // A file that cannot be read says so when it is loaded.
        self.0.describe(&found).ok()
    }

    fn change(&self, id: &str) -> Option<FileChange> {
        self.0.found().iter().find(|f| f.known.id == id)?.change()
    }

    fn load(&self, id: &str) -> Result<LoadedModel, LoadFailure> {
        let Some(found) = self.0.found().iter().find(|f| f.known.id == id).cloned() else {
            return Err(LoadFailure { message: format!("no model is called {id:?}") });
        };
        self.0.open(&found).map_err(|failure| {
            let message = failure.message().to_owned();
            *self.0.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.clone());
            LoadFailure { message }
        })
    }
}

/// Details of a model as its file tells them; it takes `memory_bytes`.
fn details(container: &Container, memory_bytes: u64) -> Result<ModelDetails, Failure> {
    let metadata = container.metadata();
    let architecture = metadata.str("general.architecture")?.unwrap_or_default().to_owned();
    let count = |key: &str| metadata.u64(&format!("{architecture}.{key}")).map(|n| n.unwrap_or(0) as usize);
    Ok(ModelDetails {
        name: metadata.str("general.name")?.map(str::to_owned),
        file_type: most_common_type(container),
        n_parameters: container.tensors().iter().map(|t| (t.cols() * t.n_rows()) as u64).sum(),
        file_bytes: container.file_bytes(),
        memory_bytes,
        context_len_trained: model::context_len(container)?,
        n_layers: count("block_count")?,
        width: count("embedding_length")?,
        fingerprint: 0,
        architecture,
    })
}

/// When a file was written, and its bytes.
fn age_and_size(about: &std::fs::Metadata) -> (SystemTime, u64) {
    (about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len())
}

fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".gguf") || name.ends_with(".tri")
}

/// The catalogue's name; of a file its own without folder and ending.
fn id_of(name: &str, hub: &Hub) -> String {
    if let Some(entry) = hub.entry(name) {
        return entry.name.clone();
    }
    let stem = Path::new(name).file_stem().filter(|_| is_path(name)).map(|s| s.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| name.to_owned())
}

/// The type that most weights are held in.
fn most_common_type(container: &Container) -> String {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for tensor in container.tensors() {
        let n = tensor.cols() * tensor.n_rows();
        match counts.iter_mut().find(|(name, _)| *name == tensor.type_name()) {
            Some((_, count)) => *count += n,
            None => counts.push((tensor.type_name(), n)),
        }
    }
    counts.into_iter().max_by_key(|(_, n)| *n).map(|(name, _)| name.to_owned()).unwrap_or_default()
}
