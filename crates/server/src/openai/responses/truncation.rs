//! `truncation: "auto"`: a conversation that is longer than the context loses its oldest turns.

use tokenizer::TokenId;

use crate::{
    error::ApiError,
    openai::chat::{Message, Role},
};

/// Divisor of the context whose share is left to the answer where the conversation has to be cut, unless the request
/// wants less.
const ANSWER_PART: usize = 4;

/// A prompt as text and as ids.
pub(super) struct Rendered {
    pub(super) segments: Vec<chat::Segment>,
    pub(super) ids: Vec<TokenId>,
}

/// Renders `messages`, without the oldest turns where they do not fit a context of `context_len`; what the system says
/// stays. A last turn that is too long by itself is rendered whole, for the engine to refuse.
pub(super) fn render_fitting(
    messages: &[Message],
    context_len: usize,
    max_tokens: Option<usize>,
    render: impl Fn(&[Message]) -> Result<Rendered, ApiError>,
) -> Result<Rendered, ApiError> {
    let whole = render(messages)?;
    if whole.ids.len() < context_len {
        return Ok(whole);
    }
    let answer = (context_len / ANSWER_PART).min(max_tokens.unwrap_or(usize::MAX)).max(1);
    let room = context_len.saturating_sub(answer);
    let turns: Vec<usize> = (1..messages.len()).filter(|i| messages[*i].role == Role::User).collect();
    // The later a conversation begins, the shorter it is: search for the first beginning that fits.
    let (mut best, mut low, mut high) = (None, 0, turns.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let rendered = render(&from_turn(messages, turns[middle]))?;
        if rendered.ids.len() <= room {
            (best, high) = (Some(rendered), middle);
        } else {
            low = middle + 1;
        }
    }
    Ok(best.unwrap_or(whole))
}

/// Returns the messages from `start`, and before them what the system says.
fn from_turn(messages: &[Message], start: usize) -> Vec<Message> {
    let (before, after) = messages.split_at(start);
    let is_system = |m: &&Message| matches!(m.role, Role::System | Role::Developer);
    before.iter().filter(is_system).chain(after).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what is left of `messages`, each a role's letter and the number of its tokens.
    fn check(messages: &[(char, usize)], context_len: usize, max_tokens: Option<usize>, expected: &[usize]) {
        let role = |c: char| match c {
            's' => Role::System,
            'u' => Role::User,
            't' => Role::Tool,
            _ => Role::Assistant,
        };
        let messages: Vec<Message> = messages.iter().map(|(c, n)| Message::text(role(*c), n.to_string())).collect();
        let render = |messages: &[Message]| {
            let sizes = messages.iter().map(|m| m.content.as_ref().unwrap().text("").unwrap().parse::<u32>().unwrap());
            // Ids that tell the message they are of by its size.
            let ids = sizes.flat_map(|n| std::iter::repeat_n(TokenId(n), n as usize)).collect();
            Ok(Rendered { segments: Vec::new(), ids })
        };
        let rendered = render_fitting(&messages, context_len, max_tokens, render).unwrap();
        let mut left: Vec<usize> = rendered.ids.iter().map(|id| id.0 as usize).collect();
        left.dedup();
        assert_eq!(left, expected);
    }

    #[test]
    fn the_oldest_turns_go_and_the_system_stays() {
        let talk = [('s', 5), ('u', 10), ('a', 11), ('u', 12), ('a', 13), ('t', 14), ('a', 15), ('u', 16)];
        check(&talk, 97, None, &[5, 10, 11, 12, 13, 14, 15, 16]);
        // A quarter is for the answer.
        check(&talk, 96, None, &[5, 16]);
        check(&talk, 96, Some(4), &[5, 12, 13, 14, 15, 16]);
        check(&talk, 29, None, &[5, 16]);
        // Not even the last turn fits.
        check(&talk, 20, None, &[5, 10, 11, 12, 13, 14, 15, 16]);
        check(&[('u', 30)], 20, None, &[30]);
    }
}
