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
