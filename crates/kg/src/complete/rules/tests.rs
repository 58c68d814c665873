use super::*;
use crate::complete::triples::Triple;

/// Thirty families: `parent` twice makes `grand`, and `child` is `parent` walked back.
fn families() -> Triples {
    let (parent, child, grand) = (0, 1, 2);
    let mut train = Vec::new();
    for family in 0..30 {
        let [old, middle, young] = [3 * family, 3 * family + 1, 3 * family + 2];
        let mut fact = |subject, relation, object| train.push(Triple { subject, relation, object });
        fact(old, parent, middle);
        fact(middle, parent, young);
        fact(middle, child, old);
        fact(young, child, middle);
        if family < 25 {
            fact(old, grand, young);
        }
    }
    let held_out = (25..30).map(|family| Triple { subject: 3 * family, relation: grand, object: 3 * family + 2 });
    Triples::new(90, 3, train, vec![], held_out.collect()).expect("numbers in range")
}

#[test]
fn a_rule_is_found_with_the_share_of_its_ends_that_are_facts() {
    let rules = Rules::mine(&families(), &MineSettings::default());
    let grand: Vec<_> = rules.of(2).iter().map(|rule| (rule.body, rule.support, rule.ends)).collect();
    // `parent, parent`, and the same by `child` walked back.
    assert_eq!(grand.len(), 4, "{grand:?}");
    for (first, second) in [(0, 0), (0, 4), (4, 0), (4, 4)] {
        assert!(grand.contains(&(Body::Two(first, second), 25, 30)), "{first} {second}: {grand:?}");
    }
    let best = rules.of(0)[0];
    assert_eq!((best.body, best.support, best.ends), (Body::One(4), 60, 60));
    let back = rules.of(5).iter().map(|rule| rule.body);
    assert!(back.into_iter().any(|body| body == Body::Two(3, 3)), "the reciprocal walks back");
    assert!(rules.of(99).is_empty());
}

#[test]
fn rules_answer_what_was_held_out() {
    let data = families();
    let rules = Rules::mine(&data, &MineSettings::default());
    let known = Answers::of(&data, &[Split::Train]);
    let mut score = RuleScore::new(&rules, &known, 100);
    let all = Answers::of(&data, &[Split::Train, Split::Test]);
    let go_on = &mut || std::ops::ControlFlow::Continue(());
    let ranks = crate::complete::evaluate::ranks(&mut score, &data, Split::Test, &all, go_on);
    assert_eq!(ranks, Some(vec![1.0; 10]));
}

#[test]
fn equal_seeds_give_equal_rules_where_only_a_part_is_looked_at() {
    let few = MineSettings { triples: 5, ends: 7, ..MineSettings::default() };
    let data = families();
    assert_eq!(Rules::mine(&data, &few), Rules::mine(&data, &few));
    let of = Rules::mine(&data, &few);
    assert!(of.all().iter().all(|rule| rule.ends <= 7 + few.fan_out as u32));
}
