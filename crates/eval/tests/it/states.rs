//! Models with states, which cannot go back: measurements that do compute them again.

use eval::{
    bench::{self, Test},
    choice::{Item, Question, Scorer},
};
use model::{AttentionWindow, Forward, Logits, LogitsWanted, PageArena, PageId, StateId, Step};

use crate::{GO_ON, stories};

/// A model that says what has gone into its states, which it lets nobody skip or repeat.
struct Carrying {
    /// Positions that went into each state, and a number made of the tokens.
    states: Vec<(usize, u64)>,
}

impl PageArena for Carrying {
    fn page_bytes(&self) -> usize {
        0
    }
    fn copy_page(&mut self, _: PageId, _: PageId) {}
    fn read_page(&self, _: PageId, _: &mut [u8]) {}
    fn write_page(&mut self, _: PageId, _: &[u8]) {}
}

impl Forward for Carrying {
    fn n_vocab(&self) -> usize {
        512
    }
    fn context_len_max(&self) -> usize {
        1000
    }
    fn n_pages(&self) -> usize {
        30
    }
    fn n_states(&self) -> usize {
        self.states.len()
    }
    fn copy_state(&mut self, from: StateId, to: StateId) {
        self.states[to.0 as usize] = self.states[from.0 as usize];
    }
    fn step_rows_max(&self) -> usize {
        5
    }
    fn n_layers(&self) -> usize {
        1
    }
    fn width(&self) -> usize {
        1
    }
    fn attention_window(&self) -> Option<AttentionWindow> {
        None
    }
    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let mut rows = Vec::new();
        for span in step.spans {
            let (position, hash) = &mut self.states[span.state.0 as usize];
            if span.position_first == 0 {
                (*position, *hash) = (0, 0);
            }
            assert_eq!(span.position_first, *position);
            let first = rows.len();
            for token in span.tokens {
                *hash = hash.wrapping_mul(31).wrapping_add(u64::from(token.0) + 1);
                rows.push(*hash);
            }
            *position += span.tokens.len();
            match span.logits {
                LogitsWanted::None | LogitsWanted::Hidden | LogitsWanted::Score => rows.truncate(first),
                LogitsWanted::Last | LogitsWanted::Best(_) => drop(rows.drain(first..rows.len() - 1)),
                LogitsWanted::All => {}
            }
        }
        let out = logits.resize(rows.len(), 512);
        for (out, hash) in out.chunks_exact_mut(512).zip(rows) {
            out.iter_mut().zip(0u64..).for_each(|(x, i)| *x = ((hash ^ i).wrapping_mul(0x9e37_79b9) % 97) as f32 / 9.0);
        }
    }
}

#[test]
fn endings_that_share_a_context_score_as_each_alone() {
    let (_, tokenizer) = stories(7);
    let mut model = Carrying { states: vec![(0, 0)] };
    let endings = [" time, there was a dog", " dog", " time"].map(str::to_owned);
    let question = Question { context: "Once upon a".to_owned(), endings: endings.to_vec(), gold: 0, line: 1 };
    let scores = Scorer::new(&mut model).score(&Item::new(&tokenizer, &question)).unwrap();
    for (score, ending) in scores.iter().zip(endings) {
        let alone = Question { endings: vec![ending], ..question.clone() };
        assert_eq!(Scorer::new(&mut model).score(&Item::new(&tokenizer, &alone)).unwrap(), [*score]);
    }
    assert_ne!(scores[1], scores[2]);
}

#[test]
fn a_speed_is_measured_from_its_depth_each_time() {
    let mut model = Carrying { states: vec![(0, 0); 2] };
    for test in [Test { depth: 11, n_sequences: 2, ..Test::generation(3) }, Test::prompt(9)] {
        bench::measure(&mut model, test, 2, 1, &mut || GO_ON).unwrap();
        assert!(model.states[..test.n_sequences].iter().all(|state| state.0 == test.context_len()), "{test:?}");
    }
    let three = Test { n_sequences: 3, ..Test::prompt(9) };
    let error = bench::measure(&mut model, three, 2, 1, &mut || GO_ON).unwrap_err().to_string();
    assert!(error.contains("sequences") && error.contains('3') && error.contains("one a state"), "{error}");
}
