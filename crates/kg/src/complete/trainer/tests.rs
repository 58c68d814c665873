use kernels::Isa;

use super::*;
use crate::complete::evaluate::evaluate;
use crate::complete::model::ScoreScratch;
use crate::complete::settings::{EntityWeights, Optimiser, Scorer};
use crate::complete::triples::{Question, Split, Triple};

/// Two circles: `next` along each, `after` two steps along; every fourth `after` is held out.
fn circles() -> Triples {
    const N: u32 = 30;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for circle in 0..2 {
        let at = |i: u32| circle * N + i % N;
        for i in 0..N {
            train.push(Triple { subject: at(i), relation: 0, object: at(i + 1) });
            let after = Triple { subject: at(i), relation: 1, object: at(i + 2) };
            if i % 4 == 0 { test.push(after) } else { train.push(after) }
        }
    }
    Triples::new(60, 2, train, vec![], test).expect("numbers in range")
}

fn small() -> Settings {
    Settings { dim: 64, epochs: 3, batch: 32, ..Settings::default() }
}

fn kernels(n_threads: usize) -> Kernels {
    Kernels::new(None, n_threads).expect("a level of this CPU")
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn equal_seeds_give_equal_bytes_whatever_the_threads_and_the_instruction_set() {
    let all = [
        small(),
        Settings { sample: Some(20), full_epochs: 1, ..small() },
        Settings { scorer: Scorer::DistMult, optimiser: Optimiser::Adam, learning_rate: 0.01, ..small() },
        Settings { entities: EntityWeights::F32, ..small() },
        Settings { entities: EntityWeights::TernaryPairs, plain_epochs: 1, ..small() },
    ];
    for settings in all {
        let data = circles();
        let model =
            |kernels: &Kernels, settings| train(kernels, &data, settings, u64::MAX, &mut go_on).expect("trained");
        let one = model(&kernels(1), &settings);
        assert!(one == model(&kernels(3), &settings), "three threads: {settings:?}");
        let scalar = Kernels::new(Some(Isa::Scalar), 1).expect("every CPU has it");
        assert!(one == model(&scalar, &settings), "scalar: {settings:?}");
        assert!(one != model(&kernels(1), &Settings { seed: 2, ..settings }), "another seed: {settings:?}");
    }
}

#[test]
fn training_finds_what_was_held_out_and_no_training_does_not() {
    let data = circles();
    let mrr = |settings: &Settings| {
        let model = train(&kernels(1), &data, settings, u64::MAX, &mut go_on).expect("trained");
        evaluate(&kernels(1), &model, &data, Split::Test).mrr
    };
    for settings in [
        Settings { dim: 128, epochs: 60, ..small() },
        Settings { dim: 128, epochs: 60, entities: EntityWeights::F32, ..small() },
        Settings { dim: 128, epochs: 60, sample: Some(30), ..small() },
        Settings { dim: 64, epochs: 60, entities: EntityWeights::TernaryPairs, plain_epochs: 30, ..small() },
    ] {
        let [trained, untrained] = [mrr(&settings), mrr(&Settings { learning_rate: 1e-9, ..settings })];
        assert!(trained > 0.6 && untrained < 0.2, "{trained} {untrained}: {settings:?}");
    }
}

#[test]
fn a_break_ends_the_training_and_little_memory_refuses_it() {
    let data = circles();
    let mut n = 0;
    let stopped = train(&kernels(1), &data, &small(), u64::MAX, &mut |progress| {
        n += 1;
        assert!(progress.questions <= progress.questions_all && progress.loss.is_finite());
        if progress.epoch == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let expected = Stopped { epoch: 2, epochs: 3 };
    assert_eq!(stopped.err(), Some(TrainError::Stopped(expected)));
    assert_eq!(expected.to_string(), "training was cancelled in epoch 2 of 3");
    // 178 answered questions, the last batch a part.
    let batches = Trainer::new(&data, &small(), u64::MAX).expect("enough memory").known.len().div_ceil(32);
    assert_eq!(n, batches + 1);
    let refused = train(&kernels(1), &data, &small(), 1000, &mut go_on).err();
    assert!(matches!(refused, Some(TrainError::Settings(SettingsError::Memory { max: 1000, .. }))), "{refused:?}");
}

/// What is stored scores as the rows that were trained do, up to what the kernels round: queries, to 8 bits.
#[test]
fn pairs_of_trits_score_as_the_numbers_that_they_stand_for() {
    let data = circles();
    let settings = Settings { dim: 64, epochs: 20, entities: EntityWeights::TernaryPairs, plain_epochs: 20, ..small() };
    let mut trainer = Trainer::new(&data, &settings, u64::MAX).expect("enough memory");
    while !trainer.is_done() {
        trainer.epoch(&kernels(1), &mut go_on).expect("nobody stops it");
    }
    let all: Vec<u32> = (0..trainer.entities.n_rows() as u32).collect();
    let (mut rounded, mut plain) = (Vec::new(), Vec::new());
    trainer.entities.gather(EntityWeights::TernaryPairs, &all, &mut rounded);
    trainer.entities.gather(EntityWeights::F32, &all, &mut plain);
    let relations = trainer.relations.rows();
    let of = |rows: &[f32]| Model::of_rows(settings.scorer, EntityWeights::F32, settings.dim, 2, rows, relations);
    let scores = |model: &Model| {
        let mut out = vec![0.0; all.len()];
        let question = Question { entity: 3, relation: 1 };
        model.score(&kernels(1), &[question], &mut ScoreScratch::default(), &mut out);
        out
    };
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
    let (stored, expected, unrounded) = (scores(&trainer.model()), scores(&of(&rounded)), scores(&of(&plain)));
    let length = distance(&expected, &vec![0.0; all.len()]);
    assert!(distance(&stored, &expected) < 0.02 * length, "{stored:?} {expected:?}");
    assert!(distance(&stored, &unrounded) < 0.4 * length, "{stored:?} {unrounded:?}");
}
