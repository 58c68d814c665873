use std::ops::ControlFlow;

use super::*;
use crate::complete::rules::MineSettings;
use crate::complete::settings::Settings;
use crate::complete::trainer::train;
use crate::complete::triples::Triple;

/// Forty people, each in the city of its number's remainder; who knows whom lives in the same city. Some homes are
/// held out.
fn homes() -> (Trained, Answers, Kernels) {
    let (mut train_on, mut valid) = (Vec::new(), Vec::new());
    for person in 0..40u32 {
        let home = Triple { subject: person, relation: 0, object: 40 + person % 4 };
        if person % 5 == 4 {
            valid.push(home);
        } else {
            train_on.push(home);
        }
        for other in [4, 8, 12, 16] {
            train_on.push(Triple { subject: person, relation: 1, object: (person + other) % 40 });
        }
    }
    let triples = Triples::new(44, 2, train_on, valid, vec![]).expect("numbers in range");
    let kernels = Kernels::new(None, 1).expect("a level of this CPU");
    let settings = Settings { dim: 64, epochs: 60, batch: 32, ..Settings::default() };
    let model = train(&kernels, &triples, &settings, u64::MAX, &mut |_| ControlFlow::Continue(())).expect("trained");
    let (mut entities, mut relations) = (Vocabulary::default(), Vocabulary::default());
    (0..40).for_each(|i| assert!(entities.number_or_new(&format!("person{i}")).is_some()));
    (0..4).for_each(|i| assert!(entities.number_or_new(&format!("city{i}")).is_some()));
    ["livesIn", "knows"].iter().for_each(|name| assert!(relations.number_or_new(name).is_some()));
    let trained = Trained {
        calibration: calibrate(&kernels, &model, &triples),
        rules: Rules::mine(&triples, &MineSettings::default()),
        model,
        entities,
        relations,
        seq: Seq(5),
    };
    (trained, Answers::of(&triples, &[Split::Train]), kernels)
}

#[test]
fn a_missing_answer_is_predicted_with_its_place_probability_and_paths() {
    let (trained, known, kernels) = homes();
    let facts: Facts<'_> = &mut |question| Ok(known.to(question).to_vec());
    let ask = Ask::Objects { subject: "person9", relation: "livesIn" };
    let answer = trained.complete(&kernels, ask, 3, facts).expect("known names");
    assert_eq!((answer.trained_at, &answer.facts[..]), (Seq(5), &[][..]));
    let best = &answer.predictions[0];
    assert_eq!((best.name.as_str(), best.rank, answer.predictions.len()), ("city1", 1.0, 3));
    let [first, second] =
        [0, 1].map(|i| answer.predictions[i].probability.expect("there were triples to calibrate with"));
    assert!(first > 0.5 && first > second, "{first} {second}");
    let path = &best.paths[0];
    let step = |relation: &str, is_backwards| Step { relation: relation.to_owned(), is_backwards };
    assert!(path.steps[0].relation == "knows" && path.steps[1] == step("livesIn", false), "{path:?}");
    let between = path.between.as_deref().expect("two steps");
    assert_eq!(trained.entities.number(between).map(|n| n % 4), Some(1), "{between}");
    assert!(path.confidence > 0.5 && best.paths.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence));
}

#[test]
fn what_is_a_fact_is_listed_apart_and_never_predicted() {
    let (trained, known, kernels) = homes();
    let facts: Facts<'_> = &mut |question| Ok(known.to(question).to_vec());
    let ask = Ask::Subjects { relation: "livesIn", object: "city2" };
    let answer = trained.complete(&kernels, ask, 100, facts).expect("known names");
    assert_eq!(answer.facts.len(), 8, "of ten people in the city two are held out: {:?}", answer.facts);
    assert_eq!(answer.predictions.len(), 44 - 8);
    assert!(answer.predictions.iter().all(|prediction| !answer.facts.contains(&prediction.name)));
    let mut best: Vec<_> = answer.predictions[..2].iter().map(|prediction| prediction.name.as_str()).collect();
    best.sort_unstable();
    assert_eq!(best, ["person14", "person34"]);
}

#[test]
fn a_name_that_training_did_not_see_is_refused_with_the_commit() {
    let (trained, _, kernels) = homes();
    let ask = |ask| trained.complete(&kernels, ask, 1, &mut |_| Ok(Vec::new())).expect_err("no such name").to_string();
    let entity = ask(Ask::Objects { subject: "nobody", relation: "knows" });
    assert_eq!(entity, "entity nobody is not in the model (trained at seq 5)");
    let relation = ask(Ask::Subjects { relation: "hates", object: "person1" });
    assert_eq!(relation, "relation hates is not in the model (trained at seq 5)");
}
