//! `trinity vsa`: what it measures agrees with theory, and what it learns it can tell apart.

use std::fs;

use crate::program::{command, finish, trinity};

#[test]
fn noise_costs_what_theory_says_and_more_of_it_costs_more() {
    for trits in [false, true] {
        let mut arguments = vec!["vsa", "noise", "--dim", "128", "--items", "400", "--trials", "300", "--json"];
        arguments.extend(trits.then_some("--trits"));
        let report = trinity(arguments).ok().json();
        let rows = report["rows"].as_array().unwrap();
        // Flips cost more than changes: at these dimensions both are seen to cost something.
        let last = rows.last().unwrap()["measured"].as_f64().unwrap();
        assert!(rows[0]["measured"] == 1.0 && last < 0.9, "{report}");
        assert!(rows.iter().all(|row| row["within_99_9_percent"] == true), "{report}");
        assert_eq!(report["element"], if trits { "ternary" } else { "bipolar" });
    }
}

#[test]
fn bundles_hold_what_theory_says() {
    let arguments =
        ["vsa", "capacity", "--dim", "512", "--members", "25", "--items", "200", "--trials", "200", "--json"];
    let report = trinity(arguments).ok().json();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["kept"].as_str().unwrap()).collect::<Vec<_>>(), ["sums", "trits", "signs"]);
    assert!(rows.iter().all(|row| row["within_99_9_percent"] == true), "{report}");
    let dims = |i: usize| rows[i]["dims_for_99_percent"].as_u64().unwrap();
    assert!(512 < dims(0) && dims(0) < dims(1) && dims(1) < dims(2), "{report}");
}

#[test]
fn every_operation_and_search_has_its_time_on_the_level_that_is_forced() {
    let arguments = ["vsa", "bench", "--dim", "1024", "--items", "500", "--rounds", "3", "--json"];
    let report = finish(command(arguments).env("TRINITY_ISA", "scalar")).ok().json();
    assert_eq!((&report["isa"], &report["dim"]), (&"scalar".into(), &1024.into()));
    let rows = report["rows"].as_array().unwrap();
    for row in rows {
        let [least, median, most] = ["ns_least", "ns", "ns_most"].map(|name| row[name].as_f64().unwrap());
        assert!(0.0 < least && least <= median && median <= most, "{row}");
    }
    let has = |what: &str| rows.iter().any(|row| row["what"].as_str().unwrap().contains(what));
    assert!(["bind", "dot", "rotate", "bundle", "top 10", "screened"].iter().all(|what| has(what)), "{report}");
    finish(command(arguments).env("TRINITY_ISA", "abacus")).fails(78, &["TRINITY_ISA", "abacus"]);
}

/// Three classes on a line, told apart by the first of two columns; the second says nothing.
fn table(n: usize, first: usize) -> String {
    let mut text = "width,noise,kind\n".to_owned();
    for i in first..first + n {
        let (kind, spread) = (i % 3, (i * 7919 % 100) as f64 / 100.0);
        text += &format!(
            "{:.3},{},{}\n",
            kind as f64 * 3.0 + spread * 1.8,
            i * 31 % 17,
            ["small", "middle", "large"][kind]
        );
    }
    text
}

#[test]
fn classes_are_learnt_from_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let [train, test] = ["train.csv", "test.csv"].map(|name| folder.path().join(name));
    fs::write(&train, table(90, 0)).unwrap();
    fs::write(&test, table(60, 1000)).unwrap();
    let paths = [train.to_str().unwrap(), test.to_str().unwrap()];
    for online in [None, Some("--online")] {
        let arguments = ["vsa", "classify", paths[0], paths[1], "--dim", "2048", "--json"].into_iter().chain(online);
        let report = trinity(arguments).ok().json();
        assert_eq!(report["classes"].as_array().unwrap().len(), 3);
        assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
        assert!(report["accuracy_ternary"].as_f64().unwrap() > 0.85, "{report}");
    }
    let kept = folder.path().join("classes.hv");
    let kept = kept.to_str().unwrap();
    trinity(["vsa", "classify", paths[0], paths[1], "--dim", "2048", "--seed", "5", "--save", kept]).ok();
    let report = trinity(["vsa", "show", kept, "--json"]).ok().json();
    assert_eq!(report["names"], serde_json::json!(["large", "middle", "small"]));
    assert_eq!((&report["kind"], &report["dim"], &report["seed"]), (&"ternary".into(), &2048.into(), &5.into()));
    let mut bytes = fs::read(kept).unwrap();
    bytes[200] ^= 1;
    fs::write(kept, bytes).unwrap();
    trinity(["vsa", "show", kept]).fails(2, &["classes.hv", "BLAKE3"]);
    trinity(["vsa", "classify", paths[0], paths[1], "--label", "colour"])
        .fails(2, &["train.csv", "colour", "width, noise, kind"]);
    fs::write(&test, "width,noise,kind\n1,2,small\n1,x,small\n").unwrap();
    trinity(["vsa", "classify", paths[0], paths[1]]).fails(2, &["test.csv:3", "column noise", "\"x\""]);
    fs::write(&test, "width,noise,kind\n1,2\n").unwrap();
    trinity(["vsa", "classify", paths[0], paths[1]]).fails(2, &["test.csv:2", "2 cells", "3"]);
    fs::write(&test, "width,kind,noise\n1,small,2\n").unwrap();
    trinity(["vsa", "classify", paths[0], paths[1], "--label", "kind"]).ok();
    fs::write(&test, "size,noise,kind\n1,2,small\n").unwrap();
    trinity(["vsa", "classify", paths[0], paths[1]]).fails(2, &["test.csv", "size", "width"]);
    trinity(["vsa", "noise", "--dim", "63"]).fails(2, &["63 dimensions", "64"]);
}

#[test]
fn texts_are_told_apart_by_their_n_grams_and_tables_have_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let [train, test] = ["train.csv", "test.csv"].map(|name| folder.path().join(name));
    let english =
        "\"the cat, and the dog in \"\"the house\"\"\",english\nwhere is the street with that church,english\n";
    let german = "\"die Katze, und der Hund\nim Haus\",german\nwo ist die Straße mit der Kirche,german\n";
    fs::write(&train, format!("text,tongue\n{english}{german}")).unwrap();
    fs::write(&test, "text,tongue\nthe house with the cat,english\n\"das ist der Hund, mit der Katze\",german\n")
        .unwrap();
    let paths = [train.to_str().unwrap(), test.to_str().unwrap()];
    let report = trinity(["vsa", "classify", paths[0], paths[1], "--text", "text", "--json"]).ok().json();
    assert_eq!((&report["train_rows"], &report["accuracy"]), (&4.into(), &1.0.into()), "{report}");
    // One byte alone says less, but is asked for and given.
    let arguments =
        ["vsa", "classify", paths[0], paths[1], "--text", "text", "--grams", "1", "--dim", "1024", "--json"];
    trinity(arguments).ok();
    trinity(["vsa", "classify", paths[0], paths[1]]).fails(2, &["train.csv:2", "column text", "--text text"]);
    trinity(["vsa", "classify", paths[0], paths[1], "--text", "tongue"]).fails(2, &["tongue", "both"]);
    trinity(["vsa", "classify", paths[0], paths[1], "--text", "text", "--dim", "100"]).fails(1, &["100", "128"]);
    fs::write(&test, "text,tongue\n\"never closed,english\n").unwrap();
    trinity(["vsa", "classify", paths[0], paths[1], "--text", "text"]).fails(2, &["test.csv:2:1", "not closed"]);
}

#[test]
fn searches_that_look_at_scores_find_more_than_those_that_do_not() {
    let arguments = ["vsa", "optimise", "--dim", "60", "--evaluations", "2000", "--targets", "1", "--json"];
    let report = trinity(arguments).ok().json();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["search"]), (4, &"random vectors".into()));
    for kind in ["cosine", "blocks"] {
        let found: Vec<f64> = rows.iter().map(|row| row[kind].as_f64().unwrap()).collect();
        assert!(found[1..].iter().all(|x| *x > found[0] && *x <= 1.0), "{kind}: {report}");
    }
    assert_eq!(trinity(arguments).ok().json(), report, "the same seed, the same searches");
}
