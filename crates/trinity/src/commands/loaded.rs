//! [`Loaded`]: a model with all that `run` and `chat` need to generate.

use std::sync::Arc;

use engine::{Engine, SamplingDefaults};
use tokenizer::Tokenizer;

use super::{
    context_plan::ContextPlan,
    model_args::ModelArgs,
    opened::Opened,
    template_args::{ChatTemplate, TemplateArgs},
};
use crate::{
    cli::Global,
    failure::{Failure, Kind},
    terminal,
};

/// A model ready to run.
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) engine: Engine,
    pub(super) tokenizer: Arc<Tokenizer>,
    /// What it is talked to with.
    pub(super) template: ChatTemplate,
    /// How its file says that tokens are picked.
    pub(super) sampling: SamplingDefaults,
}

impl Loaded {
    /// Finds, opens and loads the model that `reference` names, and says what is wrong with its file.
    pub(super) fn new(
        load: &ModelArgs,
        reference: Option<&str>,
        template: &TemplateArgs,
        n_states: usize,
        global: &Global,
    ) -> Result<Self, Failure> {
        let spinner = terminal::spinner("loading");
        let Opened { container, tokenizer, template, sampling, left_out } =
            Opened::new(load.open(reference, global)?, template)?;
        for warning in left_out {
            terminal::warn(&format!("{}: {warning}", container.name()));
        }
        let plan = ContextPlan { n_states, ..ContextPlan::to_talk(load, &container)? };
        let (model, _) = load.load(&container, plan)?;
        spinner.finish_and_clear();
        template.warn(container.name());
        let engine = Engine::new(Box::new(model), Arc::clone(&tokenizer));
        Ok(Self { name: container.name().to_owned(), engine, tokenizer, template, sampling })
    }

    /// An engine error in terms of the model.
    pub(super) fn failure(&self, error: &engine::Error) -> Failure {
        Failure::new(Kind::Failure, format!("{}: {error}", self.name))
    }
}
