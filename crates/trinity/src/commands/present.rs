//! What is taken where no model was named: the models that `trinity list` shows, those first that can be talked to.

use std::{cmp::Reverse, time::SystemTime};

use hub::{EMBEDDED, Hub};

use super::{list, opened, pull, template_args};
use crate::{
    cli::Global,
    failure::{Failure, Kind},
    terminal,
};

/// What is offered to whoever has no model that can be talked to: it is small, and answers.
const OFFERED: &str = "smollm2:135m";

/// A model on this machine.
pub(super) struct Present {
    pub(super) name: String,
    /// The model has a chat template.
    pub(super) can_chat: bool,
    modified: Option<SystemTime>,
}

/// All that can be run: with a chat template first, then those that came last; the one in the program is the last.
pub(super) fn models(hub: &Hub) -> Result<Vec<Present>, Failure> {
    let mut models = Vec::new();
    for row in list::rows(hub, false)? {
        let container = hub.resolve(&row.name).map_err(Failure::from).and_then(|found| opened::container(&found));
        match container.and_then(|c| model::check_kind(&c).map(|()| c).map_err(Failure::from)) {
            Ok(container) => {
                let can_chat = template_args::can_chat(&container);
                models.push(Present { name: row.name, can_chat, modified: row.modified });
            }
            // One that is spoilt does not keep the others from being used.
            Err(failure) => terminal::warn(&format!("{} is left out: {}", row.name, failure.message())),
        }
    }
    models.sort_by_key(|m| (!m.can_chat, m.name == EMBEDDED, Reverse(m.modified), m.name.clone()));
    Ok(models)
}

/// The model to talk to where none is named: the first that can be, or with a template that was given the first of all.
pub(super) fn to_talk_to(is_template_given: bool, global: &Global) -> Result<String, Failure> {
    let models = models(&Hub::from_environment(global.offline)?)?;
    if let Some(model) = models.into_iter().find(|m| m.can_chat || is_template_given) {
        return Ok(model.name);
    }
    if terminal::can_ask() && !global.offline {
        terminal::say("No model on this machine has a chat template, so none can be talked to.\n");
        return pull::find_or_ask(OFFERED, global).map(|_| OFFERED.to_owned());
    }
    let failure = Failure::new(Kind::Failure, "no model on this machine has a chat template");
    Err(failure.with_hint(format!("trinity pull {OFFERED} downloads one; trinity list --all names more")))
}
