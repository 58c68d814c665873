//! [`Opened`]: a model file with what it says beside its weights. Every command opens files here.

use std::sync::Arc;

use engine::SamplingDefaults;
use gguf::Container;
use hub::{Hub, Resolved};
use tokenizer::Tokenizer;

use super::template_args::{ChatTemplate, TemplateArgs};
use crate::{cli::Global, failure::Failure, terminal};

pub(super) use hub::EMBEDDED;

/// A model that can be talked to once its weights are loaded.
pub(super) struct Opened {
    pub(super) container: Container,
    pub(super) tokenizer: Arc<Tokenizer>,
    /// What it is talked to with, if it can be: the flags' choice, else its own.
    pub(super) template: ChatTemplate,
    /// How its file says that tokens are picked.
    pub(super) sampling: SamplingDefaults,
    /// Why keys of the file that say more are left out, one line each.
    pub(super) left_out: Vec<String>,
}

impl Opened {
    /// Reads what the metadata of `container` say; the template is the one that `template` chooses.
    pub(super) fn new(container: Container, template: &TemplateArgs) -> Result<Self, Failure> {
        let template = template.choose(&container)?;
        let tokenizer = Tokenizer::from_gguf(container.metadata())?;
        let (sampling, of_sampling) = SamplingDefaults::of_model(container.metadata());
        let left_out = tokenizer.warnings().iter().map(ToString::to_string);
        let left_out = left_out.chain(of_sampling.iter().map(ToString::to_string)).collect();
        Ok(Self { container, tokenizer: Arc::new(tokenizer), template, sampling, left_out })
    }
}

/// The container of a model by name or path; the one in the program without either.
pub(super) fn find(reference: Option<&str>, global: &Global) -> Result<Container, Failure> {
    let Some(reference) = reference else { return container(&Resolved::Embedded) };
    container(&Hub::from_environment(global.offline)?.resolve(reference)?)
}

/// The container of a model that was found.
pub(super) fn container(found: &Resolved) -> Result<Container, Failure> {
    match found {
        Resolved::Embedded => Ok(Container::from_static(EMBEDDED, hub::embedded())?),
        Resolved::File(path) => Ok(Container::open(path)?),
    }
}

/// The tokenizer of a file that is not talked to; what is left out of it is said on standard error.
pub(super) fn tokenizer(container: &Container) -> Result<Tokenizer, Failure> {
    let tokenizer = Tokenizer::from_gguf(container.metadata())?;
    for warning in tokenizer.warnings() {
        terminal::warn(&format!("{}: {warning}", container.name()));
    }
    Ok(tokenizer)
}
