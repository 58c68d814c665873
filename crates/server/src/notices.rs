//! [`Notices`]: lines of the log that are worth reading once, however often a client gives a reason for them.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::log::escape;

/// Most notices that are told apart; what comes after them is not logged. Clients choose the names of fields.
const NOTICES_MAX: usize = 512;

/// The notices that were given already.
#[derive(Debug, Default)]
pub struct Notices(Mutex<HashSet<String>>);

impl Notices {
    /// Notes a field, or what it asks for, that changes nothing here: other servers take it too, and whoever sent it
    /// does not hear of it.
    pub(crate) fn ignored(&self, route: &str, field: &str) {
        let field = escape(field);
        if self.is_new(format!("{route} {field}")) {
            tracing::warn!(route, field, "ignored: it has no meaning here");
        }
    }

    /// Notes a request for a context larger than the one that is served.
    pub(crate) fn context_cut(&self, model: &str, asked: i64, served: usize) {
        if self.is_new(format!("num_ctx {model}")) {
            tracing::warn!(
                model,
                asked,
                served,
                "num_ctx: larger than the context that is served, which it is cut to (--context)"
            );
        }
    }

    /// Notes a conversation that lost its oldest messages.
    pub(crate) fn history_cut(&self, model: &str, n_left_out: usize, context: usize) {
        if self.is_new(format!("history {model}")) {
            tracing::warn!(
                model,
                n_left_out,
                context,
                "conversations longer than the context lose their oldest messages"
            );
        }
    }

    /// Notes a part of a tool's schema that the model is told, and that no grammar holds it to.
    pub(crate) fn not_enforced(&self, tool: &str, what: &str) {
        let (tool, what) = (escape(tool), escape(what));
        if self.is_new(format!("tool {tool} {what}")) {
            tracing::warn!(tool, what, "described to the model, but not enforced");
        }
    }

    /// Whether `what` is given for the first time.
    fn is_new(&self, what: String) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.len() < NOTICES_MAX && said.insert(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_said_once_and_not_without_end() {
        let notices = Notices::default();
        assert!(notices.is_new("a".to_owned()) && !notices.is_new("a".to_owned()) && notices.is_new("b".to_owned()));
        let n_said = (0..10 * NOTICES_MAX).filter(|i| notices.is_new(i.to_string())).count();
        assert_eq!(n_said, NOTICES_MAX - 2);
    }
}
