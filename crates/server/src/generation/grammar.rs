//! From what a request asks of its output to the grammar that enforces it.

use engine::grammar::Grammar;
use reply::{Compiler, Refusal};

use super::{GenerationRequest, Output};
use crate::{App, blocking, error::ApiError, models::Lease};

/// Compiles the grammar of a request's output, on a thread for long work; `None` where nothing is to be enforced.
pub(super) async fn compile(
    app: &App,
    lease: &Lease,
    request: &GenerationRequest,
) -> Result<Option<Grammar>, ApiError> {
    let is_needed = match &request.output {
        Output::Text => request.grammar.is_some(),
        Output::Chat(reply) => request.grammar.is_some() || !reply.callable().is_empty(),
    };
    if !is_needed {
        return Ok(None);
    }
    let (asked, output, lease, told) = (request.grammar.clone(), request.output.clone(), lease.clone(), app.clone());
    let compile = move || {
        let (grammars, tokenizer) = (&lease.grammars, lease.handle.tokenizer());
        let not_enforced = |tools: &str, error: &_| told.notices().not_enforced(tools, &ToString::to_string(error));
        let reply = match &output {
            Output::Text => None,
            Output::Chat(reply) => Some(reply),
        };
        Compiler { grammars, tokenizer, not_enforced: &not_enforced }
            .output(asked.as_ref(), reply)
            .map_err(|refusal| refused(&refusal))
    };
    blocking::run(app, compile).await
}

fn refused(refusal: &Refusal) -> ApiError {
    let code = if refusal.is_of_grammar() { "invalid_grammar" } else { "unsupported_parameter" };
    ApiError::invalid(refusal.field(), refusal.to_string()).with_code(code)
}
