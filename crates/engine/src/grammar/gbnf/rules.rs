//! A GBNF grammar as a tree, and what can be said of it: which rules are empty, regular, endless or left-recursive.

use super::{characters::Characters, refused};
use crate::grammar::{GrammarError, error::quoted, nesting::Graph};

/// Largest number of levels of a rule that is written out as one regular expression; its parser stops at 250.
const REGULAR_HEIGHT_MAX: usize = 100;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Node {
    /// One character of this class.
    Class(Characters),
    /// All nodes in turn; none of them is the empty text.
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: usize,
        max: Option<usize>,
    },
    /// A rule, by its index in [`Grammar::rules`].
    Rule(usize),
}

impl Node {
    pub(super) fn sequence(mut items: Vec<Node>) -> Self {
        if items.len() == 1 { items.pop().unwrap_or(Node::Sequence(Vec::new())) } else { Node::Sequence(items) }
    }

    pub(super) fn choice(mut items: Vec<Node>) -> Self {
        if items.len() == 1 { items.pop().unwrap_or(Node::Sequence(Vec::new())) } else { Node::Choice(items) }
    }

    fn children(&self) -> &[Node] {
        match self {
            Node::Class(_) | Node::Rule(_) => &[],
            Node::Sequence(items) | Node::Choice(items) => items,
            Node::Repeat { node, .. } => std::slice::from_ref(node),
        }
    }
}

pub(super) struct Grammar {
    /// Names and bodies of the rules.
    pub(super) rules: Vec<(String, Node)>,
    pub(super) root: usize,
}

impl Grammar {
    pub(super) fn body(&self, rule: usize) -> &Node {
        &self.rules[rule].1
    }
}

/// The properties of each rule.
pub(super) struct Facts {
    /// Number of levels of a regular rule with all rules in it written out; `None` if it is recursive, or too high.
    heights: Vec<Option<usize>>,
}

impl Facts {
    pub(super) fn is_regular(&self, node: &Node) -> bool {
        self.height(node).is_some()
    }

    fn height(&self, node: &Node) -> Option<usize> {
        let mut below = 0;
        if let Node::Rule(rule) = node {
            below = self.heights.get(*rule).copied().flatten()?;
        }
        for child in node.children() {
            below = below.max(self.height(child)?);
        }
        Some(below + 1).filter(|height| *height <= REGULAR_HEIGHT_MAX)
    }
}

/// Refuses a grammar that cannot be followed; returns the properties of its rules.
pub(super) fn check(grammar: &Grammar) -> Result<Facts, GrammarError> {
    let mut graph = Graph::default();
    for (name, body) in &grammar.rules {
        graph.define(name);
        refer(grammar, body, 0, &mut graph);
    }
    graph.check("root", "gbnf")?;
    let is_nullable = fixpoint(grammar, nullable);
    check_left_recursion(grammar, &is_nullable)?;
    let is_finite = fixpoint(grammar, finite);
    if !is_finite[grammar.root] {
        return Err(refused("rule \"root\" has no end: every text of it goes on for ever".into()));
    }
    let mut facts = Facts { heights: vec![None; grammar.rules.len()] };
    loop {
        let mut has_changed = false;
        for rule in 0..grammar.rules.len() {
            if facts.heights[rule].is_none() {
                facts.heights[rule] = facts.height(grammar.body(rule));
                has_changed |= facts.heights[rule].is_some();
            }
        }
        if !has_changed {
            return Ok(facts);
        }
    }
}

fn refer<'a>(grammar: &'a Grammar, node: &Node, depth: usize, graph: &mut Graph<'a>) {
    if let Node::Rule(rule) = node {
        graph.refer(&grammar.rules[*rule].0, depth);
    }
    node.children().iter().for_each(|child| refer(grammar, child, depth + 1, graph));
}

/// Returns for which rules `holds`, beginning with none.
fn fixpoint(grammar: &Grammar, holds: impl Fn(&Node, &[bool]) -> bool) -> Vec<bool> {
    let mut known = vec![false; grammar.rules.len()];
    loop {
        let mut has_changed = false;
        for rule in 0..known.len() {
            if !known[rule] && holds(grammar.body(rule), &known) {
                known[rule] = true;
                has_changed = true;
            }
        }
        if !has_changed {
            return known;
        }
    }
}

/// Whether the node may be the empty text.
pub(super) fn nullable(node: &Node, known: &[bool]) -> bool {
    match node {
        Node::Class(_) => false,
        Node::Sequence(items) => items.iter().all(|item| nullable(item, known)),
        Node::Choice(items) => items.iter().any(|item| nullable(item, known)),
        Node::Repeat { node, min, .. } => *min == 0 || nullable(node, known),
        Node::Rule(rule) => known[*rule],
    }
}

/// Whether the node has a text that ends.
fn finite(node: &Node, known: &[bool]) -> bool {
    match node {
        Node::Class(_) => true,
        Node::Sequence(items) => items.iter().all(|item| finite(item, known)),
        Node::Choice(items) => items.iter().any(|item| finite(item, known)),
        Node::Repeat { node, min, .. } => *min == 0 || finite(node, known),
        Node::Rule(rule) => known[*rule],
    }
}

/// Collects the rules that a text of `node` may begin with.
fn leftmost(node: &Node, is_nullable: &[bool], out: &mut Vec<usize>) {
    match node {
        Node::Class(_) => {}
        Node::Sequence(items) => {
            for item in items {
                leftmost(item, is_nullable, out);
                if !nullable(item, is_nullable) {
                    break;
                }
            }
        }
        Node::Choice(items) => items.iter().for_each(|item| leftmost(item, is_nullable, out)),
        Node::Repeat { node, .. } => leftmost(node, is_nullable, out),
        Node::Rule(rule) => out.push(*rule),
    }
}

/// Refuses rules that begin with themselves, as llama.cpp does.
fn check_left_recursion(grammar: &Grammar, is_nullable: &[bool]) -> Result<(), GrammarError> {
    let edges: Vec<Vec<usize>> = (0..grammar.rules.len())
        .map(|rule| {
            let mut out = Vec::new();
            leftmost(grammar.body(rule), is_nullable, &mut out);
            out.sort_unstable();
            out.dedup();
            out
        })
        .collect();
    // Takes away rules that begin with no rule that is left; what stays is a cycle or leads to one.
    let mut n_left: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (rule, begins_with) in edges.iter().enumerate() {
        begins_with.iter().for_each(|other| users[*other].push(rule));
    }
    let mut todo: Vec<usize> = (0..edges.len()).filter(|rule| n_left[*rule] == 0).collect();
    while let Some(rule) = todo.pop() {
        for &user in &users[rule] {
            n_left[user] -= 1;
            if n_left[user] == 0 {
                todo.push(user);
            }
        }
    }
    let Some(start) = (0..edges.len()).find(|rule| n_left[*rule] > 0) else { return Ok(()) };
    // Goes on along rules that stayed until one comes again: that one is on a cycle.
    let mut seen = vec![false; edges.len()];
    let mut rule = start;
    while !std::mem::replace(&mut seen[rule], true) {
        rule = edges[rule].iter().copied().find(|next| n_left[*next] > 0).unwrap_or(rule);
    }
    Err(refused(format!("left recursion: rule {} begins with itself", quoted(&grammar.rules[rule].0))))
}
