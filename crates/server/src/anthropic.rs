//! Anthropic's API: messages and the counting of their tokens.
//!
//! Every field of Anthropic's documents either works or is refused by name; what only bills or caches there
//! (`cache_control`, `service_tier`, `metadata`) is accepted, since it has no effect on the output, and what is not
//! known in messages, which may come from other servers, is skipped. Headers (`anthropic-version`, `anthropic-beta`)
//! and queries (`?beta=true`) are not looked at: one form is understood, whatever they say. Thinking that is not asked
//! for is switched off, where the model's template has a switch.
//!
//! Statuses are Anthropic's but for 503, which is there instead of their 529, because proxies and routers know it;
//! their clients obey its `Retry-After` as well.

mod choice;
mod content;
mod conversation;
mod messages;
pub(crate) mod models;
mod output;
mod request;
mod stream;

use axum::routing::post;

use crate::{refusal::Shape, router::Routes};

/// Path of the route of messages.
const MESSAGES: &str = "/v1/messages";

/// The routes of Anthropic's API.
pub(crate) fn routes() -> Routes {
    Routes::of(Shape::Anthropic)
        .below("/v1/messages/")
        .route(MESSAGES, post(messages::create))
        .route("/v1/messages/count_tokens", post(messages::count_tokens))
}

/// Returns the fields of the request types, by the names of their schemas.
#[cfg(test)]
pub(crate) fn wire_fields() -> Vec<(&'static str, std::collections::BTreeSet<String>)> {
    use crate::openapi::tests::fields;
    use request::MessagesRequest;
    vec![
        ("MessagesRequest", fields::<MessagesRequest>(r#"{"?": 0}"#)),
        ("AnthropicTurn", fields::<MessagesRequest>(r#"{"messages": [{"?": 0}]}"#)),
        ("Thinking", fields::<MessagesRequest>(r#"{"thinking": {"?": 0}}"#)),
        ("OutputConfig", fields::<MessagesRequest>(r#"{"output_config": {"?": 0}}"#)),
        ("AnthropicFormat", fields::<MessagesRequest>(r#"{"output_format": {"?": 0}}"#)),
        ("ContextManagement", fields::<MessagesRequest>(r#"{"context_management": {"?": 0}}"#)),
        ("AnthropicMetadata", fields::<MessagesRequest>(r#"{"metadata": {"?": 0}}"#)),
    ]
}
