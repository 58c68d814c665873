//! [`EarlyExit`]: drafts by the first layers of the model itself.

use model::{Forward, Logits, LogitsWanted, Step, StepSpan, TokenId, best_token};

use super::DraftRequest;

/// A drafter of the model's own first layers. What it writes into the pages, keys and values of these layers, is what
/// the verification writes there again.
pub(crate) struct EarlyExit {
    n_layers: usize,
}

impl EarlyExit {
    pub(crate) fn new(n_layers: usize) -> Self {
        Self { n_layers }
    }

    /// Guesses by one pass for each draft, all sequences together.
    pub(crate) fn draft(
        &mut self,
        target: &mut dyn Forward,
        logits: &mut Logits,
        requests: &[DraftRequest<'_>],
        drafts: &mut [Vec<TokenId>],
    ) {
        let n_passes = requests.iter().map(|r| r.n_max).max().unwrap_or(0);
        let mut newest: Vec<Option<TokenId>> = requests.iter().map(|r| r.tokens.last().copied()).collect();
        for pass in 0..n_passes {
            let active = |i: &usize| pass < requests[*i].n_max && newest[*i].is_some();
            let active: Vec<usize> = (0..requests.len()).filter(active).collect();
            let tokens: Vec<TokenId> = active.iter().filter_map(|i| newest[*i]).collect();
            let spans: Vec<StepSpan<'_>> = active
                .iter()
                .zip(tokens.chunks(1))
                .map(|(i, tokens)| {
                    let request = &requests[*i];
                    let position_first = request.tokens.len() - 1 + pass;
                    StepSpan::new(tokens, position_first, request.pages)
                        .wanting(LogitsWanted::Best(1))
                        .with_adapters(request.adapters)
                })
                .collect();
            target.forward(&Step { spans: &spans, n_layers: Some(self.n_layers) }, logits);
            for (row, i) in active.into_iter().enumerate() {
                newest[i] = best_token(logits.row(row));
                drafts[i].extend(newest[i]);
            }
        }
    }
}
