//! The answer of messages in events, in the order that Anthropic documents.

use axum::response::Response;
use serde_json::json;

use super::{
    output::{self, Blocks, Event, Head},
    request::Answer,
};
use crate::{
    App,
    gate::RequestId,
    generation::{Ended, Generation, TokensUsed, Update},
    refusal::{self, Shape},
    sse::{self, Framing, Writer},
};

/// Starts the stream of an answer.
pub(super) fn respond(
    app: &App,
    head: Head,
    mut generation: Generation,
    answer: Answer,
    request_id: RequestId,
) -> Response {
    let guard = app.metrics().model(&head.model).open_stream();
    let on_panic = refusal::json_of(&refusal::internal(), Shape::Anthropic, Some(request_id.as_str()));
    sse::respond(Framing::NamedEvents, app.metrics(), &on_panic, |writer| async move {
        let _guard = guard;
        // What of the prompt is cached is known at the end.
        let before = TokensUsed { n_prompt: generation.n_prompt(), ..TokensUsed::default() };
        let message = output::message(&head, &[], None, &output::usage(&before), &answer);
        writer.event("message_start", &json!({"type": "message_start", "message": message})).await;
        let mut blocks = Blocks::new(&answer);
        let mut events = Vec::new();
        while let Some(update) = generation.next().await {
            match update {
                Ok(Update::Progress { pieces, .. }) => {
                    pieces.into_iter().for_each(|piece| blocks.push(piece, &mut events));
                    write(&writer, &mut events).await;
                }
                Ok(Update::Finished { ended, .. }) => {
                    blocks.close(&mut events);
                    write(&writer, &mut events).await;
                    end(&writer, &ended, &answer).await;
                }
                Err(error) => {
                    let error = refusal::json_of(&error, Shape::Anthropic, Some(request_id.as_str()));
                    writer.event("error", &error).await;
                    return;
                }
            }
        }
    })
}

async fn write(writer: &Writer, events: &mut Vec<Event>) {
    for (name, event) in events.drain(..) {
        writer.event(name, &event).await;
    }
}

async fn end(writer: &Writer, ended: &Ended, answer: &Answer) {
    let (stop_reason, stop_sequence) = output::stop_reason(ended, answer);
    let delta = json!({"stop_reason": stop_reason, "stop_sequence": stop_sequence});
    let usage = output::usage(&ended.usage);
    writer.event("message_delta", &json!({"type": "message_delta", "delta": delta, "usage": usage})).await;
    writer.event("message_stop", &json!({"type": "message_stop"})).await;
}
