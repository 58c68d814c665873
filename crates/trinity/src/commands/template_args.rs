//! The chat template that a model is talked to with: its own, another by name, or one from a file.

use std::{fs::File, path::PathBuf};

use chat::{OwnTemplate, Template};
use clap::Args;
use gguf::{Container, Metadata};

use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

const KEY: &str = "tokenizer.chat_template";

/// Flags of what talks: `run`, `chat`, `serve`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::PROMPT)]
pub(crate) struct TemplateArgs {
    /// Format of conversations in place of the model's own: chatml, llama3, …, one of several that the model has, or
    /// the template itself
    #[arg(long, visible_alias = "template", value_name = "NAME", env = "TRINITY_CHAT_TEMPLATE")]
    chat_template: Option<String>,
    /// The same from a file (Jinja)
    #[arg(long, value_name = "FILE", env = "TRINITY_CHAT_TEMPLATE_FILE", conflicts_with = "chat_template")]
    chat_template_file: Option<PathBuf>,
}

/// The chat template of a model, or why there is none.
#[derive(Default)]
pub(crate) struct ChatTemplate {
    /// The template, ready to render.
    pub(crate) template: Option<Template>,
    /// Fault of a template of the model; commands that do not need it go on.
    pub(crate) own_error: Option<String>,
}

impl ChatTemplate {
    /// Tells a person what is wrong with the template of `model`.
    pub(crate) fn warn(&self, model: &str) {
        if let Some(error) = &self.own_error {
            terminal::warn(&format!("{model}: {error}"));
        }
    }

    /// Returns whether there is neither a template nor what was meant to be one.
    pub(crate) fn is_missing(&self) -> bool {
        self.template.is_none() && self.own_error.is_none()
    }

    /// The template, or why there is none.
    pub(crate) fn into_template(self, model: &str) -> Result<Template, Failure> {
        let why = match (self.template, self.own_error) {
            (Some(template), _) => return Ok(template),
            (None, Some(error)) => format!("{model}: {error}"),
            (None, None) => format!("{model} has no chat template"),
        };
        Err(Failure::new(Kind::Failure, why).with_hint("name a format: --chat-template chatml"))
    }
}

impl TemplateArgs {
    /// Returns whether a flag names a template, by which any model can be talked to.
    pub(crate) fn is_given(&self) -> bool {
        self.chat_template.is_some() || self.chat_template_file.is_some()
    }

    /// The template that the flags choose, else the model's own. Only what the flags name must be there and parse.
    pub(crate) fn choose(&self, container: &Container) -> Result<ChatTemplate, Failure> {
        let metadata = container.metadata();
        let own = own(metadata)?;
        let chosen = match (&self.chat_template, &self.chat_template_file) {
            (Some(name), _) => named(name, metadata)?,
            (None, Some(path)) => {
                let name = path.display().to_string();
                let failure = |e: &dyn std::fmt::Display| Failure::new(Kind::Failure, format!("{name}: {e}"));
                let source = terminal::read_text(&name, File::open(path).map_err(|e| failure(&e))?)?;
                Template::new(&source).map_err(|e| failure(&e))?
            }
            (None, None) => return Ok(own),
        };
        Ok(ChatTemplate { template: Some(chosen), ..own })
    }
}

/// Returns whether the model has a template of its own that can be used.
pub(crate) fn can_chat(container: &Container) -> bool {
    own(container.metadata()).is_ok_and(|own| own.template.is_some())
}

/// The model's own template, with the one for tools beside it.
fn own(metadata: &Metadata) -> Result<ChatTemplate, Failure> {
    let OwnTemplate { template, error } = OwnTemplate::read(metadata)?;
    Ok(ChatTemplate { template, own_error: error })
}

/// One of the model's by its name, a template that is written out, or a well-known format.
fn named(name: &str, metadata: &Metadata) -> Result<Template, Failure> {
    let usage = |e: chat::Error| Failure::usage(format!("--chat-template: {e}"));
    if let Some(source) = metadata.str(&format!("{KEY}.{name}"))? {
        return Template::new(source).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")));
    }
    if name.contains("{{") || name.contains("{%") {
        return Template::new(name).map_err(usage);
    }
    let own = metadata.strings(&format!("{KEY}s"))?.unwrap_or_default();
    let known = chat::BUILTIN_NAMES.into_iter().chain(own.iter().map(String::as_str)).collect::<Vec<_>>().join(", ");
    Template::builtin(name).map_err(|e| usage(e).with_hint(format!("known: {known}")))
}
