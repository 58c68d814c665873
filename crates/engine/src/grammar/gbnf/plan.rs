//! Where a grammar is cut into terminals.
//!
//! The lexer of the automata's crate follows all terminals that may come at once and ends them as late as it can. That
//! loses a reading exactly if a terminal A could end, what may follow A begins with some character, and A or another
//! terminal B that has read the same text goes on with that character. Then B (the one that goes on) is cut smaller,
//! until nothing of the kind is left; a single character never goes on. Whether two terminals may come at the same
//! place is not asked, so some are cut that need not be.

use super::{
    characters::Characters,
    positions::Positions,
    rules::{Facts, Grammar, Node},
};
use std::collections::{HashMap, HashSet, hash_map::Entry};

/// Largest number of pairs of positions that are looked at before everything is cut into characters.
const PAIRS_MAX: usize = 1_000_000;
/// Largest number of rounds of cutting before everything is cut into characters.
const ROUNDS_MAX: usize = 100;
/// Largest number of classes of characters in a grammar that is one regular expression.
const REGULAR_CLASSES_MAX: usize = 8000;

/// The body of a rule, cut into terminals.
#[derive(Debug)]
pub(super) enum Part {
    /// A terminal, by its index in [`Plan::terminals`].
    Terminal(usize),
    Sequence(Vec<Part>),
    Choice(Vec<Part>),
    Repeat {
        part: Box<Part>,
        min: usize,
        max: Option<usize>,
    },
    Rule(usize),
}

/// A grammar that is cut into terminals.
pub(super) struct Plan<'a> {
    /// Terminals, each a sequence of nodes.
    pub(super) terminals: Vec<&'a [Node]>,
    /// Bodies of the rules that are used, by their index in the grammar.
    pub(super) rules: HashMap<usize, Part>,
}

/// A sequence, named by where it lies in memory, which is the same as long as the grammar is borrowed.
type Key = (usize, usize);

fn key(items: &[Node]) -> Key {
    (items.as_ptr().addr(), items.len())
}

pub(super) fn plan<'a>(grammar: &'a Grammar, facts: &Facts) -> Plan<'a> {
    let root = grammar.body(grammar.root);
    if facts.is_regular(root) && n_classes(grammar, root, &mut HashMap::new()) <= REGULAR_CLASSES_MAX {
        let terminals = vec![std::slice::from_ref(root)];
        return Plan { terminals, rules: HashMap::from([(grammar.root, Part::Terminal(0))]) };
    }
    let mut is_cut = HashSet::new();
    for _ in 0..ROUNDS_MAX {
        let plan = Cutter { grammar, facts, is_cut: Some(&is_cut), todo: Vec::new(), terminals: Vec::new() }.run();
        let Some(too_long) = conflicts(grammar, &plan) else { break };
        if too_long.is_empty() {
            return plan;
        }
        is_cut.extend(too_long.iter().map(|terminal| key(plan.terminals[*terminal])));
    }
    Cutter { grammar, facts, is_cut: None, todo: Vec::new(), terminals: Vec::new() }.run()
}

/// Number of classes in a regular node with all rules written out.
fn n_classes(grammar: &Grammar, node: &Node, known: &mut HashMap<usize, usize>) -> usize {
    match node {
        Node::Class(_) => 1,
        Node::Sequence(items) | Node::Choice(items) => {
            items.iter().fold(0, |n, item| n_classes(grammar, item, known).saturating_add(n))
        }
        Node::Repeat { node, .. } => n_classes(grammar, node, known),
        Node::Rule(rule) => {
            if let Some(&n) = known.get(rule) {
                return n;
            }
            let n = n_classes(grammar, grammar.body(*rule), known);
            known.insert(*rule, n);
            n
        }
    }
}

struct Cutter<'a, 'f> {
    grammar: &'a Grammar,
    facts: &'f Facts,
    /// Terminals that must be cut smaller; `None` if all must.
    is_cut: Option<&'f HashSet<Key>>,
    /// Rules that are used and not cut yet.
    todo: Vec<usize>,
    terminals: Vec<&'a [Node]>,
}

impl<'a> Cutter<'a, '_> {
    fn run(mut self) -> Plan<'a> {
        let mut rules = HashMap::new();
        self.todo.push(self.grammar.root);
        while let Some(rule) = self.todo.pop() {
            if let Entry::Vacant(entry) = rules.entry(rule) {
                entry.insert(self.cut(self.grammar.body(rule)));
            }
        }
        Plan { terminals: self.terminals, rules }
    }

    fn may_be_terminal(&self, items: &[Node]) -> bool {
        let is_class = matches!(items, [Node::Class(_)]);
        is_class || self.is_cut.is_some_and(|is_cut| !is_cut.contains(&key(items)))
    }

    fn terminal(&mut self, items: &'a [Node]) -> Part {
        self.terminals.push(items);
        Part::Terminal(self.terminals.len() - 1)
    }

    fn cut(&mut self, node: &'a Node) -> Part {
        let alone = std::slice::from_ref(node);
        let is_regular = self.facts.is_regular(node);
        if is_regular && self.may_be_terminal(alone) {
            return self.terminal(alone);
        }
        match node {
            Node::Class(_) => self.terminal(alone),
            Node::Sequence(items) if is_regular => Part::Sequence(items.iter().map(|item| self.cut(item)).collect()),
            Node::Sequence(items) => self.runs(items),
            Node::Choice(items) => Part::Choice(items.iter().map(|item| self.cut(item)).collect()),
            Node::Repeat { node, min, max } => Part::Repeat { part: Box::new(self.cut(node)), min: *min, max: *max },
            Node::Rule(rule) => {
                self.todo.push(*rule);
                Part::Rule(*rule)
            }
        }
    }

    /// Joins neighbours that are regular into one terminal.
    fn runs(&mut self, items: &'a [Node]) -> Part {
        let mut parts = Vec::new();
        for run in items.chunk_by(|a, b| self.facts.is_regular(a) && self.facts.is_regular(b)) {
            let is_regular = run.first().is_some_and(|item| self.facts.is_regular(item));
            if is_regular && self.may_be_terminal(run) {
                parts.push(self.terminal(run));
            } else {
                parts.extend(run.iter().map(|item| self.cut(item)));
            }
        }
        Part::Sequence(parts)
    }
}

/// Returns the terminals that must be cut smaller; `None` if finding out costs too much.
fn conflicts(grammar: &Grammar, plan: &Plan<'_>) -> Option<Vec<usize>> {
    let mut positions = Positions::default();
    let mut begins = Vec::new();
    for (terminal, items) in plan.terminals.iter().enumerate() {
        match positions.add(grammar, items, terminal) {
            Some(part) => begins.push(part),
            None if matches!(items, [Node::Class(_)]) => return None,
            // Too large to be looked at; its parts may be smaller.
            None => return Some(vec![terminal]),
        }
    }
    let positions = positions.all;
    let mut starts = Starts::new(plan);
    for (terminal, part) in begins.iter().enumerate() {
        part.first.iter().for_each(|&first| {
            starts.terminals[terminal].0.add(&positions[first].class);
        });
        starts.terminals[terminal].1 = part.is_nullable;
    }
    let followers = starts.followers(plan);

    let mut too_long = HashSet::new();
    let first: Vec<usize> = begins.iter().flat_map(|part| part.first.iter().copied()).collect();
    let mut seen = HashSet::new();
    let mut todo = Vec::new();
    let mut n_pairs = 0usize;
    let mut meet = |left: &[usize], right: &[usize], todo: &mut Vec<(usize, usize)>| {
        for &a in left {
            for &b in right {
                n_pairs += 1;
                if n_pairs > PAIRS_MAX {
                    return None;
                }
                let pair = (a.min(b), a.max(b));
                if !seen.contains(&pair) && positions[a].class.overlaps(&positions[b].class) {
                    seen.insert(pair);
                    todo.push(pair);
                }
            }
        }
        Some(())
    };
    meet(&first, &first, &mut todo)?;
    while let Some((a, b)) = todo.pop() {
        for (ends, goes_on) in [(a, b), (b, a)] {
            let follower = &followers[positions[ends].terminal];
            let is_lost = |next: &usize| positions[*next].class.overlaps(follower);
            if positions[ends].is_last && positions[goes_on].next.iter().any(is_lost) {
                too_long.insert(positions[goes_on].terminal);
            }
        }
        meet(&positions[a].next, &positions[b].next, &mut todo)?;
    }
    Some(too_long.into_iter().collect())
}

/// The characters that terminals and rules begin with, and whether they may be empty.
struct Starts {
    terminals: Vec<(Characters, bool)>,
    rules: HashMap<usize, (Characters, bool)>,
}

impl Starts {
    fn new(plan: &Plan<'_>) -> Self {
        Self {
            terminals: vec![(Characters::default(), false); plan.terminals.len()],
            rules: plan.rules.keys().map(|rule| (*rule, (Characters::default(), false))).collect(),
        }
    }

    fn of(&self, part: &Part) -> (Characters, bool) {
        match part {
            Part::Terminal(terminal) => self.terminals[*terminal].clone(),
            Part::Rule(rule) => self.rules.get(rule).cloned().unwrap_or_default(),
            Part::Sequence(parts) => {
                let mut whole = (Characters::default(), true);
                for part in parts {
                    let (first, is_nullable) = self.of(part);
                    whole.0.add(&first);
                    if !is_nullable {
                        whole.1 = false;
                        break;
                    }
                }
                whole
            }
            Part::Choice(parts) => {
                let mut whole = (Characters::default(), false);
                for part in parts {
                    let (first, is_nullable) = self.of(part);
                    whole.0.add(&first);
                    whole.1 |= is_nullable;
                }
                whole
            }
            Part::Repeat { part, min, .. } => {
                let (first, is_nullable) = self.of(part);
                (first, is_nullable || *min == 0)
            }
        }
    }

    /// Returns, for each terminal, the characters that may come after it.
    fn followers(mut self, plan: &Plan<'_>) -> Vec<Characters> {
        loop {
            let mut has_changed = false;
            for (rule, part) in &plan.rules {
                let (first, is_nullable) = self.of(part);
                if let Some(known) = self.rules.get_mut(rule) {
                    has_changed |= known.0.add(&first);
                    has_changed |= is_nullable && !known.1;
                    known.1 |= is_nullable;
                }
            }
            if !has_changed {
                break;
            }
        }
        let mut found = Followers {
            terminals: vec![Characters::default(); plan.terminals.len()],
            rules: HashMap::new(),
            has_changed: true,
        };
        while std::mem::take(&mut found.has_changed) {
            for (rule, part) in &plan.rules {
                let after = found.rules.get(rule).cloned().unwrap_or_default();
                self.follow(part, after, &mut found);
            }
        }
        found.terminals
    }

    fn follow(&self, part: &Part, after: Characters, found: &mut Followers) {
        match part {
            Part::Terminal(terminal) => found.has_changed |= found.terminals[*terminal].add(&after),
            Part::Rule(rule) => found.has_changed |= found.rules.entry(*rule).or_default().add(&after),
            Part::Sequence(parts) => {
                let mut after = after;
                for part in parts.iter().rev() {
                    let (mut first, is_nullable) = self.of(part);
                    if is_nullable {
                        first.add(&after);
                    }
                    self.follow(part, std::mem::replace(&mut after, first), found);
                }
            }
            Part::Choice(parts) => parts.iter().for_each(|part| self.follow(part, after.clone(), found)),
            Part::Repeat { part, max, .. } => {
                let mut after = after;
                if *max != Some(1) {
                    after.add(&self.of(part).0);
                }
                self.follow(part, after, found);
            }
        }
    }
}

struct Followers {
    terminals: Vec<Characters>,
    rules: HashMap<usize, Characters>,
    has_changed: bool,
}
