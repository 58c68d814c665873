//! `cargo xtask figures`: speeds in documents, written from the receipts of the runs that measured them.
//!
//! They stand between `<!-- figures: NAME -->` and `<!-- end of figures -->`; no figure is copied by hand, for a
//! test holds them to the receipts (`figures.rs::figures_in_documents_are_those_of_the_receipts`).

use std::fs;

use serde_json::Value;

use crate::{Outcome, command::root, peers};

/// Documents that hold figures.
const DOCUMENTS: &[&str] = &["README.md", "docs/speed.md"];
const END: &str = "<!-- end of figures -->";

/// A section of figures: its name, and what writes it.
type Section = (&'static str, fn() -> Result<String, String>);
const SECTIONS: &[Section] =
    &[("peers in words", peers::words), ("peers", peers::table), ("server", server), ("load", load)];

/// Writes all sections of all documents anew.
pub(crate) fn run() -> Outcome {
    for name in DOCUMENTS {
        let path = root().join(name);
        let text = fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
        fs::write(&path, with_figures(name, &text)?).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

/// Returns the document with its figures written anew.
fn with_figures(document: &str, text: &str) -> Result<String, String> {
    let (mut written, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("<!-- figures: ") {
        let (name, behind) = behind.split_once(" -->").ok_or(format!("{document}: a mark without an end"))?;
        let (_, after) = behind.split_once(END).ok_or(format!("{document}: {name}: no {END}"))?;
        let (_, section) =
            SECTIONS.iter().find(|(known, _)| *known == name).ok_or(format!("{document}: no figures {name:?}"))?;
        written += &format!("{before}<!-- figures: {name} -->\n{}{END}", section()?);
        rest = after;
    }
    Ok(written + rest)
}

fn receipt(path: &str) -> Result<Value, String> {
    let text = fs::read_to_string(root().join(path)).map_err(|e| format!("{path}: {e}"))?;
    serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))
}

/// Writes what clients of the server see, beside llama.cpp's server.
fn server() -> Result<String, String> {
    let path = "docs/receipts/serve.json";
    let receipt = receipt(path)?;
    let number = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_f64).ok_or(format!("{path}: no figure at {pointer} of a row"))
    };
    let of = |row: &str, server: &str, pointer: &str| {
        let figures = receipt[row]["figures"].as_array().into_iter().flatten();
        let one = figures.clone().find(|f| f["server"] == server).ok_or(format!("{path}: no {server} in {row}"))?;
        number(one, pointer)
    };
    let (mut clients, mut speeds) = (Vec::new(), [Vec::new(), Vec::new()]);
    let servers = ["trinity", "llama.cpp"];
    for row in receipt["throughput"]["figures"].as_array().into_iter().flatten() {
        clients.push(row["clients"].to_string());
        for (server, speeds) in servers.iter().zip(&mut speeds) {
            let rounds = row["rounds"].as_array().into_iter().flatten().filter(|round| round["server"] == *server);
            let best = rounds.filter_map(|r| r["result"]["tokens_per_second"].as_f64()).fold(0.0, f64::max);
            speeds.push(format!("{best:.0}"));
        }
    }
    let [ours, theirs] = speeds.map(|speeds| speeds.join(", "));
    let mut text = "| what | trinity | llama.cpp's server |\n| --- | ---: | ---: |\n".to_owned();
    text += &format!(
        "| streamed tokens/s, 120 in, 64 out, by {} clients (better of two rounds) | {ours} | {theirs} |\n",
        clients.join(", ")
    );
    let mut row = |what: &str, row: &str, pointers: &[&str], unit: f64| -> Outcome {
        let mut cells = Vec::new();
        for server in servers {
            let figures: Result<Vec<_>, _> = pointers.iter().map(|pointer| of(row, server, pointer)).collect();
            let seconds = |figure: &f64| {
                if figure / unit < 1.0 { format!("{:.2} s", figure / unit) } else { format!("{:.1} s", figure / unit) }
            };
            cells.push(figures?.iter().map(seconds).collect::<Vec<_>>().join("; "));
        }
        text += &format!("| {what} | {} |\n", cells.join(" | "));
        Ok(())
    };
    row(
        "time to the first token, median of 8 users with one computed prefix of 1,000 tokens",
        "shared-prefix",
        &["/ttft/p50_ms"],
        1000.0,
    )?;
    row(
        "between tokens (p99) of 8 streams while a prompt of 4,000 tokens is computed",
        "long-prompt",
        &["/during/p99_ms"],
        1000.0,
    )?;
    row(
        "that prompt's time to the first token; on an idle server",
        "long-prompt",
        &["/newcomer_ttft_seconds", "/alone_ttft_seconds"],
        1.0,
    )?;
    let run = |row: &str| -> Result<String, String> {
        let word = |key: &str| receipt[row][key].as_str().ok_or(format!("{path}: {row} has no {key}"));
        Ok(format!("`{}` at {}, commit `{:.7}`", word("command")?, word("date")?, word("commit")?))
    };
    let machine = &receipt["throughput"]["machine"]["system"];
    text += &format!(
        "\nMachine: {} cores of {}. First row: {}. The others: {}.\n",
        machine["cores_allowed"],
        machine["processor"].as_str().unwrap_or("an unknown processor"),
        run("throughput")?,
        run("long-prompt")?,
    );
    Ok(text)
}

/// Writes how long random models take to their first token, and what they need.
fn load() -> Result<String, String> {
    let path = "docs/receipts/load.json";
    let receipt = receipt(path)?;
    let mut text = "| shape | container | file | to the first token | memory beyond the file |\n| --- | --- | ---: | ---: | ---: |\n".to_owned();
    for row in receipt["rows"].as_array().into_iter().flatten() {
        let number = |key: &str| row[key].as_f64().ok_or(format!("{path}: a row has no {key}"));
        let word = |key: &str| row[key].as_str().ok_or(format!("{path}: a row has no {key}"));
        text += &format!(
            "| {} | {} | {:.0} MB | {:.2} s | {:.0} MB |\n",
            word("shape")?,
            word("container")?,
            number("file_bytes")? / 1e6,
            number("seconds_median")?,
            (number("peak_bytes")? - number("file_bytes")?) / 1e6,
        );
    }
    let word = |key: &str| receipt[key].as_str().ok_or(format!("{path}: no {key}"));
    text += &format!("\n`{}`, commit `{:.7}`.\n", word("command")?, word("commit")?);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_documents_are_those_of_the_receipts() {
        let mut all = String::new();
        for name in DOCUMENTS {
            let text = fs::read_to_string(root().join(name)).unwrap();
            assert!(with_figures(name, &text).unwrap() == text, "{name}: `cargo xtask figures` writes it anew");
            all += &text;
        }
        for (name, _) in SECTIONS {
            assert!(all.contains(&format!("<!-- figures: {name} -->")), "no document has the figures {name:?}");
        }
    }

    /// A speed that stands elsewhere in README would be of another run or of none.
    #[test]
    fn readme_has_no_other_speeds() {
        let readme = fs::read_to_string(root().join("README.md")).unwrap();
        let outside: String = readme
            .split("<!-- figures: ")
            .enumerate()
            .map(|(i, part)| if i == 0 { part } else { part.split_once(END).map_or("", |(_, after)| after) })
            .collect();
        let words: Vec<&str> = outside.split_whitespace().collect();
        let is_number = |word: &str| word.trim_start_matches(['(', '`', '|']).starts_with(|c: char| c.is_ascii_digit());
        let speeds: Vec<String> = words
            .windows(2)
            .filter(|pair| {
                is_number(pair[0]) && ["tokens/s", "tok/s", "GB/s"].iter().any(|unit| pair[1].starts_with(unit))
            })
            .map(|pair| pair.join(" "))
            .collect();
        assert!(speeds.is_empty(), "{speeds:?}");
    }

    #[test]
    fn what_no_section_writes_is_refused() {
        assert_eq!(with_figures("x", "a").unwrap(), "a");
        for text in ["<!-- figures: no such -->\n<!-- end of figures -->", "<!-- figures: load -->", "<!-- figures: "] {
            with_figures("x", text).unwrap_err();
        }
    }
}
