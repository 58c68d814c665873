//! What the engine refuses, in terms of the API.

use std::time::Duration;

use engine::{Error, grammar::GrammarError};

use crate::error::{ApiError, ContextExceeded, ErrorKind};

/// The time after which a client that met a full queue shall come back.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Turns a refusal or failure of the engine into an error of the API; `prompt_param` is the field that the prompt came
/// from.
pub fn api_error(error: &Error, prompt_param: &'static str) -> ApiError {
    let invalid = |param: &str| ApiError::invalid(param, error.to_string());
    match error {
        Error::EmptyPrompt | Error::UnknownToken { .. } => invalid(prompt_param),
        Error::PromptTooLong { n_prompt, context_len_max } => {
            let context = ContextExceeded { n_prompt: *n_prompt, n_context: *context_len_max };
            ApiError::too_long(prompt_param, error.to_string(), context)
        }
        Error::GeneratesNothing | Error::NoScores => invalid("model"),
        Error::UnknownBias { .. } | Error::NothingLeft => invalid("logit_bias"),
        Error::Parameter { parameter, .. } => invalid(parameter),
        Error::Stop { .. } => invalid("stop"),
        // Of what the request asked for, and this vocabulary has no tokens for or nobody can follow; nothing is wrong
        // with the server.
        Error::Grammar(GrammarError::NoToken | GrammarError::TooComplex(_)) => {
            ApiError::new(ErrorKind::Invalid, error.to_string())
        }
        Error::Busy { .. } => ApiError::new(ErrorKind::Unavailable, error.to_string())
            .with_code("queue_full")
            .with_retry_after(RETRY_AFTER),
        Error::Draining => ApiError::new(ErrorKind::Unavailable, "the server is stopping"),
        // What is wrong with a model or the engine is for the log.
        other => {
            tracing::error!(error = %other, "a request failed");
            ApiError::new(ErrorKind::Internal, "the model could not compute this request; the server's log says why")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grammar_that_cannot_be_followed_is_a_fault_of_the_request() {
        let too_complex = GrammarError::TooComplex("too many states".to_owned());
        for (error, says) in [(GrammarError::NoToken, "no token of the vocabulary"), (too_complex, "too many states")] {
            let error = api_error(&Error::Grammar(error), "prompt");
            assert_eq!(error.kind.status(), 400);
            assert!(error.message.contains(says), "{}", error.message);
        }
    }
}
