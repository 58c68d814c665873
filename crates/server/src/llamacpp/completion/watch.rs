//! `t_max_predict_ms` and `n_indent`: a generation that has written a line and takes too long, or leaves the block that
//! it began in, is stopped.

use std::time::{Duration, Instant};

use super::request::Answer;
use crate::{
    error::ApiError,
    generation::{Generation, Joined, Joiner, Piece, Update},
};

/// A watch over a request while it is generated, which stops it at its limits.
pub(super) struct Watch {
    limit: Option<Duration>,
    first_token: Option<Instant>,
    /// Whether each choice still has its first line to write.
    in_first_line: Vec<bool>,
    blocks: Vec<Block>,
}

/// The place of a choice in its lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// In a line that belongs to the block, as the first does.
    InLine,
    /// Behind so much white space of a new line.
    Indented(usize),
    /// Outside of the block: what comes is left out.
    Left,
}

/// The lines of a choice that are indented by at least `n_indent`; the first line belongs to it, however indented.
#[derive(Clone, Copy, Debug)]
struct Block {
    n_indent: usize,
    place: Place,
}

impl Block {
    /// Cuts off what lies outside of the block.
    fn cut(&mut self, text: &mut String) {
        if self.n_indent == 0 {
            return;
        }
        let outside = text.char_indices().find(|(_, c)| {
            self.place = match (self.place, c) {
                (Place::Left, _) => Place::Left,
                (Place::Indented(n), ' ' | '\t') => Place::Indented(n + 1),
                (Place::Indented(n), _) if n < self.n_indent => Place::Left,
                (_, '\n') => Place::Indented(0),
                _ => Place::InLine,
            };
            self.place == Place::Left
        });
        if let Some((at, _)) = outside {
            text.truncate(at);
        }
    }
}

impl Watch {
    pub(super) fn new(answer: &Answer) -> Self {
        let n_choices = answer.n_choices;
        Self {
            limit: answer.predict_limit,
            first_token: None,
            in_first_line: vec![true; n_choices],
            blocks: vec![Block { n_indent: answer.n_indent, place: Place::InLine }; n_choices],
        }
    }

    /// Cuts `update` where its choice leaves its block, and stops `generation` when all have left, or have had their
    /// time. The clock starts with the first token, and nothing is stopped before the first line is complete.
    pub(super) fn see(&mut self, generation: &Generation, update: &mut Update) {
        match update {
            Update::Progress { choice, pieces, .. } => {
                let mut has_newline = false;
                for piece in pieces {
                    let Piece::Text(text) = piece else { continue };
                    has_newline |= text.contains('\n');
                    if let Some(block) = self.blocks.get_mut(*choice) {
                        block.cut(text);
                    }
                }
                if let Some(in_first_line) = self.in_first_line.get_mut(*choice).filter(|_| has_newline) {
                    *in_first_line = false;
                }
            }
            Update::Finished { choice, .. } => {
                if let Some(in_first_line) = self.in_first_line.get_mut(*choice) {
                    *in_first_line = false;
                }
                if let Some(block) = self.blocks.get_mut(*choice) {
                    block.place = Place::Left;
                }
            }
        }
        let first_token = *self.first_token.get_or_insert_with(Instant::now);
        let is_late = self.limit.is_some_and(|limit| first_token.elapsed() >= limit);
        if is_late && !self.in_first_line.contains(&true) || self.blocks.iter().all(|b| b.place == Place::Left) {
            generation.stop();
        }
    }

    /// Waits for the whole answer.
    pub(super) async fn join(mut self, mut generation: Generation) -> Result<Joined, ApiError> {
        let mut joiner = Joiner::new(self.in_first_line.len());
        while let Some(update) = generation.next().await {
            let mut update = update?;
            self.see(&generation, &mut update);
            joiner.add(update);
        }
        joiner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(n_indent: usize, pieces: &[&str], expected: &str) {
        let mut block = Block { n_indent, place: Place::InLine };
        let cut = |piece: &&str| {
            let mut text = (*piece).to_owned();
            block.cut(&mut text);
            text
        };
        assert_eq!(pieces.iter().map(cut).collect::<String>(), expected, "{n_indent} {pieces:?}");
    }

    #[test]
    fn a_text_ends_where_it_leaves_its_block() {
        check(0, &["a\nb\n", "c"], "a\nb\nc");
        check(2, &["a\n  b\n", " ", " c\n d"], "a\n  b\n  c\n ");
        check(2, &["a\n", "\t", "\tb", "\n", "}", "\n  c"], "a\n\t\tb\n");
        check(1, &["a\n\n b"], "a\n");
        check(4, &["no line ends"], "no line ends");
        check(1, &["a\n é\né"], "a\n é\n");
    }
}
