//! The position automaton of terminals: one state for each class of characters that stands in them.
//!
//! Source: Glushkov 1961, "The abstract theory of automata". Bounded repetitions count as unbounded ones here: the
//! automaton then goes on where a terminal does not, which errs on the safe side.

use super::{
    characters::Characters,
    rules::{Grammar, Node},
};

/// Largest number of positions, and of arrows between them, of all terminals of a grammar.
const POSITIONS_MAX: usize = 4000;
const ARROWS_MAX: usize = 200_000;

#[derive(Default)]
pub(super) struct Positions {
    pub(super) all: Vec<Position>,
    n_arrows: usize,
}

pub(super) struct Position {
    pub(super) class: Characters,
    pub(super) next: Vec<usize>,
    pub(super) terminal: usize,
    /// Whether the terminal may end after the position.
    pub(super) is_last: bool,
}

/// The positions where a part of a terminal begins and ends.
#[derive(Default)]
pub(super) struct Part {
    pub(super) first: Vec<usize>,
    last: Vec<usize>,
    pub(super) is_nullable: bool,
}

impl Positions {
    /// Adds the terminal that is this sequence; `None` if there are too many positions.
    pub(super) fn add(&mut self, grammar: &Grammar, items: &[Node], terminal: usize) -> Option<Part> {
        let part = self.sequence(grammar, items, terminal)?;
        part.last.iter().for_each(|&last| self.all[last].is_last = true);
        Some(part)
    }

    fn part(&mut self, grammar: &Grammar, node: &Node, terminal: usize) -> Option<Part> {
        match node {
            Node::Class(class) => {
                let index = self.all.len();
                if index >= POSITIONS_MAX {
                    return None;
                }
                self.all.push(Position { class: class.clone(), next: Vec::new(), terminal, is_last: false });
                Some(Part { first: vec![index], last: vec![index], is_nullable: false })
            }
            Node::Sequence(items) => self.sequence(grammar, items, terminal),
            Node::Choice(items) => {
                let mut whole = Part::default();
                for item in items {
                    let part = self.part(grammar, item, terminal)?;
                    whole.first.extend(part.first);
                    whole.last.extend(part.last);
                    whole.is_nullable |= part.is_nullable;
                }
                Some(whole)
            }
            Node::Repeat { max: Some(0), .. } => Some(Part { is_nullable: true, ..Part::default() }),
            Node::Repeat { node, min, max } => {
                let mut part = self.part(grammar, node, terminal)?;
                if *max != Some(1) {
                    self.connect(&part.last, &part.first)?;
                }
                part.is_nullable |= *min == 0;
                Some(part)
            }
            Node::Rule(rule) => self.part(grammar, grammar.body(*rule), terminal),
        }
    }

    fn sequence(&mut self, grammar: &Grammar, items: &[Node], terminal: usize) -> Option<Part> {
        let mut whole = Part { is_nullable: true, ..Part::default() };
        for item in items {
            let part = self.part(grammar, item, terminal)?;
            self.connect(&whole.last, &part.first)?;
            if whole.is_nullable {
                whole.first.extend_from_slice(&part.first);
            }
            if !part.is_nullable {
                whole.last.clear();
            }
            whole.last.extend_from_slice(&part.last);
            whole.is_nullable &= part.is_nullable;
        }
        Some(whole)
    }

    fn connect(&mut self, from: &[usize], to: &[usize]) -> Option<()> {
        self.n_arrows = self.n_arrows.saturating_add(from.len().saturating_mul(to.len()));
        if self.n_arrows > ARROWS_MAX {
            return None;
        }
        from.iter().for_each(|&from| self.all[from].next.extend_from_slice(to));
        Some(())
    }
}
