//! `cargo xtask figures`: speeds in documents, written from the receipts of the runs that measured them.
//!
//! They stand between `<!-- figures: NAME -->` and `<!-- end of figures -->`; no figure is copied by hand, for a
//! test holds them to the receipts (`figures.rs::figures_in_documents_are_those_of_the_receipts`).

use std::fs;

use serde_json::Value;

use crate::{Outcome, command::root, firebird_bench, peers};

/// Documents that hold figures.
const DOCUMENTS: &[&str] =
    &["README.md", "docs/speed.md", "docs/vsa.md", "docs/kg.md", "docs/firebird.md", "docs/web.md", "docs/models.md"];
const END: &str = "<!-- end of figures -->";

/// A section of figures: its name, and what writes it.
type Section = (&'static str, fn() -> Result<String, String>);
const SECTIONS: &[Section] = &[
    ("peers in words", peers::words),
    ("peers", peers::table),
    ("server", server),
    ("load", load),
    ("facts", facts),
    ("hypervectors", hypervectors),
    ("web", web),
    ("architectures", architectures),
    ("architectures in words", architectures_in_words),
    ("firebird", firebird_bench::tables::measured),
    ("firebird coverage", firebird_bench::tables::coverage),
];

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

/// Writes how the knowledge graph loads and answers beside oxigraph.
fn facts() -> Result<String, String> {
    let path = "docs/receipts/kg.json";
    let receipt = receipt(path)?;
    let number = |pointer: &str| {
        receipt.pointer(pointer).and_then(Value::as_f64).ok_or_else(|| format!("{path}: no figure at {pointer}"))
    };
    let peer = receipt["versions"][0].as_str().ok_or_else(|| format!("{path}: no version"))?.replace("==", " ");
    let mut text = format!("| million triples | trinity | {peer} |\n| --- | ---: | ---: |\n");
    for size in ["1 M", "10 M"].into_iter().filter(|size| receipt.get(size).is_some()) {
        let triples = number(&format!("/{size}/triples"))? / 1e6;
        for (what, place) in [("loaded, in memory", "memory"), ("loaded into a file", "file")] {
            let of = |who: &str| number(&format!("/{size}/loads/{place}: processor/{who}"));
            text +=
                &format!("| {triples:.2} {what}, processor time | {:.2} s | {:.2} s |\n", of("kg")?, of("oxigraph")?);
        }
        let bytes = |who: &str| number(&format!("/{size}/sizes/{who}"));
        // The smaller of what it leaves behind a load and of what it calls optimized.
        let theirs = bytes("oxigraph")?.min(bytes("oxigraph optimized")?);
        text += &format!("| the file of {triples:.2} | {:.1} MB | {:.1} MB |\n", bytes("kg")? / 1e6, theirs / 1e6);
    }
    let least = |place: &str| {
        let of = receipt["1 M"][format!("ratios {place}")]["of"].as_str().unwrap_or("?");
        Ok::<_, String>(format!("{:.1} ({of})", number(&format!("/1 M/ratios {place}/least"))?))
    };
    for place in ["in memory", "in a file"] {
        let mean = number(&format!("/1 M/ratios {place}/geometric mean"))?;
        let queries = number(&format!("/1 M/ratios {place}/queries"))?;
        text += &format!(
            "| {queries:.0} queries of the smaller, {place}: times as fast, geometric mean; least | {mean:.0}; {} | 1 |\n",
            least(place)?
        );
    }
    text += &format!("| a fact by subject and predicate, in a file | {} | |\n", {
        duration(number("/1 M/points/one point/kg in a file")? * 1e9)
    });
    Ok(text + &run_of(path, &receipt)?)
}

/// Writes what operations on hypervectors take beside the fastest of others.
fn hypervectors() -> Result<String, String> {
    let path = "docs/receipts/vsa.json";
    let receipt = receipt(path)?;
    let mut text = format!(
        "| {} dimensions, one thread; searches among {} | trinity | the fastest other | times as fast |\n| --- | ---: | ---: | ---: |\n",
        receipt["dim"], receipt["items"]
    );
    for (name, by) in receipt["rows"].as_object().ok_or_else(|| format!("{path}: no rows"))? {
        let by = by.as_object().ok_or_else(|| format!("{path}: {name} is no row"))?;
        let others = by.iter().filter(|(who, _)| *who != "trinity");
        let others = others.filter_map(|(who, time)| Some((who, time.as_f64()?)));
        let Some((who, theirs)) = others.min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        let ours = by.get("trinity").and_then(Value::as_f64).ok_or_else(|| format!("{path}: {name} lacks trinity"))?;
        let ratio = theirs / ours;
        let ratio = if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") };
        text += &format!("| {name} | {} | {} ({who}) | {ratio} |\n", duration(ours), duration(theirs));
    }
    Ok(text + &run_of(path, &receipt)?)
}

/// Writes what a page takes beside wllama, and what the native program takes.
fn web() -> Result<String, String> {
    /// Rows of the receipt in their order, with the number of digits behind the point.
    const ROWS: [(&str, usize); 6] = [
        ("decode, tokens/s", 1),
        ("prefill, tokens/s", 1),
        ("stored model to first token, s", 2),
        ("peak memory beyond the file, MB", 0),
        ("bytes before the weights, gzip", 0),
        ("abort in a prompt of 2,000 tokens, p99, ms", 0),
    ];
    let path = "docs/receipts/web.json";
    let receipt = receipt(path)?;
    let model = receipt["model"].as_str().ok_or_else(|| format!("{path}: no model"))?.trim_end_matches(".gguf");
    let browser = receipt["browser"].as_str().ok_or_else(|| format!("{path}: no browser"))?.replace('/', " ");
    let mut text = format!(
        "| {model}, one thread, {browser} | trinity | wllama | trinity's part of it | native, AVX2 |\n| --- | ---: | ---: | ---: | ---: |\n"
    );
    for (name, digits) in ROWS {
        let of = |who: &str| receipt["rows"][name][who].as_f64();
        let ours = of("trinity").ok_or_else(|| format!("{path}: {name} lacks trinity"))?;
        let shown = |value: Option<f64>| value.map(|v| format!("{v:.digits$}")).unwrap_or_default();
        let part = of("wllama").map(|theirs| format!("{:.2}", ours / theirs)).unwrap_or_default();
        let (wllama, native) = (shown(of("wllama")), shown(of("native, AVX2")));
        text += &format!("| {name} | {ours:.digits$} | {wllama} | {part} | {native} |\n");
    }
    Ok(text + &run_of(path, &receipt)?)
}

/// Reads the names of all architectures that run, and whose they are, from the table in the code.
fn families() -> Result<Vec<(String, String)>, String> {
    let path = "crates/model/src/families.rs";
    let text = fs::read_to_string(root().join(path)).map_err(|e| format!("{path}: {e}"))?;
    let table = text.split_once("const FAMILIES").and_then(|(_, rest)| rest.split_once("\n];"));
    let (table, _) = table.ok_or_else(|| format!("{path}: no table of families"))?;
    let quoted: Vec<&str> = table.split('"').skip(1).step_by(2).collect();
    let (pairs, rest) = quoted.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(format!("{path}: {} texts in the table, expected two in each row", quoted.len()));
    }
    Ok(pairs.iter().map(|[name, whose]| ((*name).to_owned(), (*whose).to_owned())).collect())
}

/// Writes the table of architectures.
fn architectures() -> Result<String, String> {
    let rows = families()?.into_iter().map(|(name, whose)| format!("| `{name}` | {whose} |\n"));
    Ok(format!("| `general.architecture` | models |\n| --- | --- |\n{}", rows.collect::<String>()))
}

/// Writes how many architectures there are, and their names.
fn architectures_in_words() -> Result<String, String> {
    let names: Vec<String> = families()?.into_iter().map(|(name, _)| format!("`{name}`")).collect();
    Ok(format!("{} architectures run: {}.\n", names.len(), names.join(", ")))
}

/// Nanoseconds with three digits, in the unit that suits them.
fn duration(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let (unit, name) = units.into_iter().find(|(unit, _)| ns >= *unit).unwrap_or((1.0, "ns"));
    let value = ns / unit;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {name}")
}

/// The line that says which run a receipt is of.
fn run_of(path: &str, receipt: &Value) -> Result<String, String> {
    let word = |key: &str| receipt[key].as_str().ok_or_else(|| format!("{path}: no {key}"));
    let versions = receipt["versions"].as_array().into_iter().flatten();
    let versions: Vec<String> = versions.filter_map(|v| Some(v.as_str()?.replace("==", " "))).collect();
    let (command, commit, processor) = (word("command")?, word("commit")?, word("processor")?);
    Ok(format!("\n`{command}`, medians, {processor}, commit `{commit:.7}`; {}.\n", versions.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let shown = [18.681, 999.0, 1000.0, 78384.7, 25_440_966.0, 1.5e9].map(duration);
        assert_eq!(shown, ["18.7 ns", "999 ns", "1.00 µs", "78.4 µs", "25.4 ms", "1.50 s"]);
    }

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
