//! Link prediction on a real graph: a quick training, beside one that has nothing to learn, and the rules.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;

use kernels::Kernels;
use kg::Seq;
use kg::complete::evaluate::{Metrics, evaluate, ranks};
use kg::complete::triples::{Answers, Triple, Triples};
use kg::complete::{
    EntityWeights, MineSettings, NamedTriples, RuleScore, Rules, Settings, Split, Trained, calibrate, train,
};

fn nations() -> NamedTriples {
    let open = |split| {
        let path = testkit::data(&format!("knowledge-graphs/nations/{split}.txt"));
        BufReader::new(File::open(path).expect("test data"))
    };
    NamedTriples::read(open("train"), open("valid"), open("test")).expect("triples")
}

/// Seconds in debug; `nations` of the example `train` trains longer.
fn quick() -> Settings {
    Settings { dim: 512, epochs: 30, batch: 64, dropout: 0.6, entities: EntityWeights::Ternary, ..Settings::default() }
}

fn kernels() -> Kernels {
    Kernels::new(None, 1).expect("a level of this CPU")
}

/// The training triples with each object put in another's place.
fn with_objects_moved(triples: &Triples) -> Triples {
    let train = triples.split(Split::Train);
    let moved = train.iter().enumerate().map(|(i, triple)| {
        let other = train[(i * 7919 + 13) % train.len()].object;
        Triple { object: other, ..*triple }
    });
    let rest = |split| triples.split(split).to_vec();
    let (n_entities, n_relations) = (triples.n_entities(), triples.n_relations());
    Triples::new(n_entities, n_relations, moved.collect(), rest(Split::Valid), rest(Split::Test)).expect("numbers")
}

#[test]
fn ternary_entities_learn_nations_and_nothing_else_does() {
    let data = nations();
    let kernels = kernels();
    let mrr = |triples: &Triples, settings: &Settings| {
        let model = train(&kernels, triples, settings, 1 << 30, &mut |_| ControlFlow::Continue(())).expect("trained");
        assert!(model.entity_bytes() <= 128, "{} bytes an entity", model.entity_bytes());
        evaluate(&kernels, &model, triples, Split::Test).mrr
    };
    let trained = mrr(&data.triples, &quick());
    let untrained = mrr(&data.triples, &Settings { epochs: 1, learning_rate: 1e-9, ..quick() });
    let moved = mrr(&with_objects_moved(&data.triples), &quick());
    assert!(trained >= 0.72, "test MRR {trained}");
    assert!(untrained < 0.5 && moved < 0.62, "untrained {untrained}, with objects moved {moved}");
    let rules = Rules::mine(&data.triples, &MineSettings::default());
    let known = Answers::of(&data.triples, &[Split::Train]);
    let all = Answers::of(&data.triples, &[Split::Train, Split::Valid, Split::Test]);
    let mut score = RuleScore::new(&rules, &known, 1000);
    let go_on = &mut || ControlFlow::Continue(());
    let by_rules =
        Metrics::of_ranks(&ranks(&mut score, &data.triples, Split::Test, &all, go_on).expect("no break")).mrr;
    assert!(by_rules > untrained && by_rules < trained, "rules {by_rules}, model {trained}");
}

#[test]
fn a_trained_graph_is_calibrated_and_survives_its_file() {
    let data = nations();
    let kernels = kernels();
    let model = train(&kernels, &data.triples, &quick(), 1 << 30, &mut |_| ControlFlow::Continue(())).expect("trained");
    let calibration = calibrate(&kernels, &model, &data.triples);
    assert!(calibration.n_samples() > 1000 && calibration.error() < 0.1, "{calibration:?}");
    let trained = Trained {
        calibration,
        rules: Rules::mine(&data.triples, &MineSettings::default()),
        model,
        entities: data.entities,
        relations: data.relations,
        seq: Seq(3),
    };
    let mut bytes = Vec::new();
    trained.write(&mut bytes).expect("memory takes it");
    assert_eq!(Trained::read(&mut &bytes[..], 1 << 24).expect("what was written"), trained);
}
