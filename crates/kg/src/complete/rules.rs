//! Rules of one or two steps with their confidence: what a model must beat, and what is shown beside a prediction.
//!
//! `head(x, y) ← first(x, y)` and `head(x, y) ← first(x, z), second(z, y)`; relations are followed in both directions.
//! Candidates come from paths beside some triples of each relation, confidence from the ends of the body's paths, all
//! of them or an evenly drawn part (Meilicke et al. 2019, AnyBURL). Start reading at [`Rules::mine`].

use std::collections::HashMap;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng as _;

use super::evaluate::Score;
use super::trainer::below;
use super::triples::{Answers, Question, Split, Triples};

/// The steps of a rule's body; relations count twice, as in [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Body {
    /// One step from subject to object.
    One(u32),
    /// Two steps over an entity between them.
    Two(u32, u32),
}

/// A rule for one relation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// What follows, as a relation or its reciprocal.
    pub head: u32,
    /// From what it follows.
    pub body: Body,
    /// Ends of the body that are facts of the head, of those that were looked at.
    pub support: u32,
    /// Ends of the body that were looked at.
    pub ends: u32,
}

/// How much mining looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MineSettings {
    /// Triples of a relation beside which paths are looked for.
    pub triples: usize,
    /// Candidates of a relation whose confidence is counted, the most frequent first.
    pub candidates: usize,
    /// Ends of a body that are looked at.
    pub ends: usize,
    /// Steps out of one entity that are followed.
    pub fan_out: usize,
    /// Rules kept for a relation.
    pub kept: usize,
    /// Fewest facts that support a rule.
    pub support_min: u32,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl Default for MineSettings {
    fn default() -> Self {
        Self { triples: 300, candidates: 200, ends: 5_000, fan_out: 500, kept: 100, support_min: 2, seed: 1 }
    }
}

/// Rules of all relations, each relation's by falling confidence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Where the rules of each head begin, and one past the last.
    starts: Vec<usize>,
}

/// Added to the ends, so that two of two are less sure than two hundred of two hundred.
const ENDS_MORE: f32 = 5.0;

impl Rule {
    /// Share of the body's ends that are facts, with some more that are none.
    pub fn confidence(&self) -> f32 {
        self.support as f32 / (self.ends as f32 + ENDS_MORE)
    }
}

impl Rules {
    /// Rules of the triples to train on. Equal seeds give equal rules.
    pub fn mine(triples: &Triples, settings: &MineSettings) -> Self {
        let known = Answers::of(triples, &[Split::Train]);
        let n_relations = triples.n_relations() as u32;
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(settings.seed);
        let graph = Graph::new(triples, &known);
        let mut rules = Vec::new();
        for head in 0..n_relations {
            for rule in graph.rules_of(head, settings, &mut chance) {
                rules.push(rule);
                rules.push(Rule {
                    head: reversed(rule.head, n_relations),
                    body: turned(rule.body, n_relations),
                    ..rule
                });
            }
        }
        Self::sorted(rules, 2 * n_relations)
    }

    /// Rules in the order of heads and confidence, for relations below `n`.
    pub(super) fn sorted(mut rules: Vec<Rule>, n: u32) -> Self {
        rules.sort_by(|a, b| {
            let by_confidence = b.confidence().total_cmp(&a.confidence());
            a.head.cmp(&b.head).then(by_confidence).then(a.body.cmp(&b.body))
        });
        let starts = (0..=n).map(|head| rules.partition_point(|rule| rule.head < head)).collect();
        Self { rules, starts }
    }

    /// The rules of all heads.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules of a relation or a reciprocal, by falling confidence.
    pub fn of(&self, head: u32) -> &[Rule] {
        let head = head as usize;
        match (self.starts.get(head), self.starts.get(head + 1)) {
            (Some(&first), Some(&end)) => &self.rules[first..end],
            _ => &[],
        }
    }
}

/// The reciprocal of a relation, and the relation of a reciprocal.
pub(super) fn reversed(relation: u32, n_relations: u32) -> u32 {
    if relation < n_relations { relation + n_relations } else { relation - n_relations }
}

/// The body walked from its other end.
fn turned(body: Body, n: u32) -> Body {
    match body {
        Body::One(first) => Body::One(reversed(first, n)),
        Body::Two(first, second) => Body::Two(reversed(second, n), reversed(first, n)),
    }
}

/// What mining walks over.
struct Graph<'a> {
    known: &'a Answers,
    n_relations: u32,
    /// `(relation or reciprocal, neighbour)` of each entity, and where they begin.
    steps: Vec<(u32, u32)>,
    starts: Vec<usize>,
    /// `(subject, object)` of each relation.
    pairs: Vec<Vec<(u32, u32)>>,
}

impl<'a> Graph<'a> {
    fn new(triples: &Triples, known: &'a Answers) -> Self {
        let n_relations = triples.n_relations() as u32;
        let mut steps = Vec::new();
        let mut starts = vec![0; triples.n_entities() + 1];
        let mut pairs = vec![Vec::new(); triples.n_relations()];
        // Questions ascend by entity.
        for i in 0..known.len() {
            let (question, answers) = known.at(i);
            steps.extend(answers.iter().map(|&answer| (question.relation, answer)));
            starts[question.entity as usize + 1] = steps.len();
            if question.relation < n_relations {
                pairs[question.relation as usize].extend(answers.iter().map(|&answer| (question.entity, answer)));
            }
        }
        for i in 1..starts.len() {
            starts[i] = starts[i].max(starts[i - 1]);
        }
        Self { known, n_relations, steps, starts, pairs }
    }

    fn steps(&self, entity: u32) -> &[(u32, u32)] {
        &self.steps[self.starts[entity as usize]..self.starts[entity as usize + 1]]
    }

    fn is_fact(&self, entity: u32, relation: u32, other: u32) -> bool {
        self.known.to(Question { entity, relation }).binary_search(&other).is_ok()
    }

    fn rules_of(&self, head: u32, settings: &MineSettings, chance: &mut Xoshiro256PlusPlus) -> Vec<Rule> {
        let mut candidates: HashMap<Body, u32> = HashMap::new();
        for &(x, y) in &drawn(&self.pairs[head as usize], settings.triples, chance) {
            if x == y {
                continue;
            }
            let mut bodies = Vec::new();
            for &(first, z) in &drawn(self.steps(x), settings.fan_out, chance) {
                if z == y && first != head {
                    bodies.push(Body::One(first));
                } else if z != x && z != y {
                    let back = |second| self.is_fact(z, second, y);
                    // The shorter of the two lists of steps is walked.
                    let (from_y, from_z) = (self.steps(y), self.steps(z));
                    if from_z.len() <= from_y.len() {
                        bodies.extend(from_z.iter().filter(|step| step.1 == y).map(|step| Body::Two(first, step.0)));
                    } else {
                        let to_z = from_y.iter().filter(|step| step.1 == z);
                        let seconds = to_z.map(|step| reversed(step.0, self.n_relations));
                        bodies.extend(seconds.filter(|&second| back(second)).map(|second| Body::Two(first, second)));
                    }
                }
            }
            bodies.sort_unstable();
            bodies.dedup();
            for body in bodies {
                *candidates.entry(body).or_default() += 1;
            }
        }
        let mut candidates: Vec<(Body, u32)> = candidates.into_iter().collect();
        candidates.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        candidates.truncate(settings.candidates);
        let rules = candidates.into_iter().map(|(body, _)| self.counted(head, body, settings, chance));
        let mut rules: Vec<Rule> = rules.filter(|rule| rule.support >= settings.support_min).collect();
        rules.sort_by(|a, b| b.confidence().total_cmp(&a.confidence()).then(a.body.cmp(&b.body)));
        rules.truncate(settings.kept);
        rules
    }

    /// The rule with what its body's ends say.
    fn counted(&self, head: u32, body: Body, settings: &MineSettings, chance: &mut Xoshiro256PlusPlus) -> Rule {
        let mut ends: Vec<(u32, u32)> = Vec::new();
        let pairs = |relation: u32| -> Vec<(u32, u32)> {
            if relation < self.n_relations {
                drawn(&self.pairs[relation as usize], settings.ends, &mut chance.clone())
            } else {
                let forward = &self.pairs[(relation - self.n_relations) as usize];
                let pairs = drawn(forward, settings.ends, &mut chance.clone());
                pairs.into_iter().map(|(x, y)| (y, x)).collect()
            }
        };
        match body {
            Body::One(first) => ends.extend(pairs(first).into_iter().filter(|(x, y)| x != y)),
            Body::Two(first, second) => {
                for (x, z) in pairs(first) {
                    let answers = self.known.to(Question { entity: z, relation: second });
                    let others = answers.iter().filter(|&&y| y != x && y != z && z != x);
                    ends.extend(others.take(settings.fan_out).map(|&y| (x, y)));
                    if ends.len() >= settings.ends {
                        break;
                    }
                }
            }
        }
        // The next rule draws others.
        below(1, chance);
        ends.sort_unstable();
        ends.dedup();
        let support = ends.iter().filter(|&&(x, y)| self.is_fact(x, head, y)).count();
        Rule { head, body, support: support as u32, ends: ends.len() as u32 }
    }
}

/// All items if there are at most `n`, or `n` of them, evenly drawn.
fn drawn<T: Copy>(items: &[T], n: usize, chance: &mut Xoshiro256PlusPlus) -> Vec<T> {
    let mut items = items.to_vec();
    if items.len() > n {
        for i in 0..n {
            let other = i + below((items.len() - i) as u32, chance) as usize;
            items.swap(i, other);
        }
        items.truncate(n);
    }
    items
}

/// Rules that answer questions from known facts: an entity's score is the confidence of its best rule, then that of
/// its second.
pub struct RuleScore<'a> {
    rules: &'a Rules,
    known: &'a Answers,
    fan_out: usize,
}

/// What a second rule counts beside the first: less than any difference that the first could make.
const SECOND: f32 = 1.0 / 4096.0;

impl<'a> RuleScore<'a> {
    /// The rules over these facts; of one entity at most `fan_out` steps are followed.
    pub fn new(rules: &'a Rules, known: &'a Answers, fan_out: usize) -> Self {
        Self { rules, known, fan_out }
    }

    fn ends(&self, entity: u32, body: Body, out: &mut Vec<u32>) {
        out.clear();
        match body {
            Body::One(relation) => out.extend(self.known.to(Question { entity, relation })),
            Body::Two(relation, second) => {
                for &between in self.known.to(Question { entity, relation }).iter().take(self.fan_out) {
                    if between != entity {
                        let ends = self.known.to(Question { entity: between, relation: second });
                        out.extend(ends.iter().filter(|&&end| end != entity && end != between).take(self.fan_out));
                    }
                }
            }
        }
        out.sort_unstable();
        out.dedup();
    }
}

impl Score for RuleScore<'_> {
    fn scores(&mut self, questions: &[Question], out: &mut [f32]) {
        let n_entities = out.len() / questions.len().max(1);
        let mut ends = Vec::new();
        for (question, out) in questions.iter().zip(out.chunks_exact_mut(n_entities.max(1))) {
            out.fill(0.0);
            let mut n_rules = vec![0u8; n_entities];
            for rule in self.rules.of(question.relation) {
                self.ends(question.entity, rule.body, &mut ends);
                for &end in &ends {
                    let seen = &mut n_rules[end as usize];
                    match *seen {
                        0 => out[end as usize] = rule.confidence(),
                        1 => out[end as usize] += SECOND * rule.confidence(),
                        _ => continue,
                    }
                    *seen += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
