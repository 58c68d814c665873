//! The figures of the receipt as documents show them.

use std::fs;

use serde_json::Value;

use super::RECEIPT;
use crate::command::root;

/// The browsers of the receipt, in the order of the columns.
pub(super) const BROWSERS: [&str; 2] = ["chromium", "firefox"];

/// What a row says of one browser.
type Cell = fn(&Value) -> Result<String, String>;

/// Rows of the table, each with what it says of one browser.
const ROWS: &[(&str, Cell)] = &[
    ("ids equal on one site: reloads, tabs, subdomains, frames", |b| {
        Ok(format!("{} of {}", number(b, "/stability/equal")?, number(b, "/stability/of")?))
    }),
    ("ids equal on two sites of one session: FingerprintJS; thumbmarkjs", |b| sessions(b, "sites")),
    ("ids equal in two sessions: FingerprintJS; thumbmarkjs", |b| sessions(b, "sessions")),
    ("components of both libraries equal on two sites, of all; without the extension", |b| {
        let of = |which: &str| -> Result<(f64, usize), String> {
            let unequal = b.pointer(&format!("/components/{which}/unequal")).and_then(Value::as_array);
            let equal = number(b, &format!("/components/{which}/equal"))?;
            Ok((equal, unequal.ok_or("no unequal components")?.len()))
        };
        let ((with, differ), (without, _)) = (of("with")?, of("without")?);
        Ok(format!("{with} of {}; {without}", with + differ as f64))
    }),
    ("bits of our own noise, at least (collisions, 95 %): canvas; WebGL; audio", |b| {
        let bits = |surface: &str| match b.pointer(&format!("/noise/{surface}/bits")).and_then(Value::as_f64) {
            Some(bits) => format!("{bits:.1}"),
            None if b.pointer(&format!("/noise/{surface}")).is_some() => "two were equal".to_owned(),
            None => "–".to_owned(),
        };
        Ok(["canvas", "webgl", "audio"].map(bits).join("; "))
    }),
    ("probes that notice it: double read; solid fill; sub-rect", |b| {
        let groups: Result<Vec<_>, _> = SILENT.iter().map(|group| probes(b, |name| name == *group)).collect();
        Ok(groups?.join("; "))
    }),
    ("probes that notice it: all others", |b| probes(b, |name| !SILENT.contains(&name))),
    ("rules of fpscanner that notice it", |b| {
        let new = b.pointer("/fpscanner/new").and_then(Value::as_array).ok_or("no rules of fpscanner")?;
        Ok(format!("{} of {}", new.len(), number(b, "/fpscanner/rules")?))
    }),
    ("changed pixels recovered: by a majority of 32 variants; by reads of 1 × 1", |b| {
        recovered(b, &["majority of 32 variants", "reads of 1 × 1"])
    }),
    ("changed pixels equal to the truth without their 1, 2, 3 low bits", |b| {
        recovered(b, &["without the 1 low bits", "without the 2 low bits", "without the 3 low bits"])
    }),
    ("similarity of a drawing (SSIM); error of a sound", |b| {
        Ok(format!("{:.4}; {:.1e}", number(b, "/attacks/ssim")?, number(b, "/attacks/sound error")?))
    }),
    ("pages that go on working", |b| Ok(format!("{} of 25", number(b, "/breakage/with")?))),
    ("load of thirty frames, against without; the same of an extension of two empty scripts", |b| {
        Ok(format!("{:.2}×; {:.2}×", number(b, "/cost/load")?, number(b, "/cost/empty scripts")?))
    }),
    ("script in a fresh frame; heap per frame", |b| {
        let heap = number(b, "/cost/heap per frame").map_or("–".to_owned(), |bytes| format!("{:.0} kB", bytes / 1e3));
        Ok(format!("{:.1} ms; {heap}", number(b, "/cost/install ms")?))
    }),
    ("requests of its own", |b| {
        Ok(b.pointer("/requests").and_then(Value::as_object).ok_or("no requests")?.len().to_string())
    }),
];

/// Groups of probes in which nothing may be noticed.
const SILENT: [&str; 3] = ["double read", "solid fill", "sub-rect"];

fn number(browser: &Value, pointer: &str) -> Result<f64, String> {
    browser.pointer(pointer).and_then(Value::as_f64).ok_or_else(|| format!("{RECEIPT}: no figure at {pointer}"))
}

fn sessions(browser: &Value, what: &str) -> Result<String, String> {
    let n = number(browser, "/sessions/n")?;
    let of = |library: &str| {
        Ok::<_, String>(format!("{} of {n}", number(browser, &format!("/sessions/equal/{library}/{what}"))?))
    };
    Ok(format!("{}; {}", of("fingerprintjs")?, of("thumbmarkjs")?))
}

/// How many probes of the groups that are meant notice the extension.
fn probes(browser: &Value, is_meant: impl Fn(&str) -> bool) -> Result<String, String> {
    let groups = browser.pointer("/probes").and_then(Value::as_object).ok_or("no probes")?;
    let meant = groups.iter().filter(|(name, _)| is_meant(name)).map(|(_, group)| group);
    let sums = meant.map(|group| [0, 1].map(|i| group[i].as_u64().unwrap_or_default()));
    let [noticed, of] = sums.fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    Ok(format!("{noticed} of {of}"))
}

fn recovered(browser: &Value, ways: &[&str]) -> Result<String, String> {
    let shares = ways.iter().map(|way| {
        let share = browser.pointer("/attacks/recovered").and_then(|all| all[*way].as_f64());
        Ok(format!("{:.1} %", share.ok_or_else(|| format!("{RECEIPT}: no share {way:?}"))? * 100.0))
    });
    Ok(shares.collect::<Result<Vec<_>, String>>()?.join("; "))
}

/// Writes what the receipt says of both browsers.
pub(crate) fn measured() -> Result<String, String> {
    let receipt = receipt()?;
    let name =
        |browser: &str| receipt[browser]["browser"].as_str().map(short).ok_or(format!("{RECEIPT}: no {browser}"));
    let names: Result<Vec<_>, _> = BROWSERS.into_iter().map(name).collect();
    let mut text = format!("| FIREBIRD, level standard | {} |\n| --- | ---: | ---: |\n", names?.join(" | "));
    for (what, cell) in ROWS {
        let cells: Result<Vec<_>, _> = BROWSERS.into_iter().map(|browser| cell(&receipt[browser])).collect();
        text += &format!("| {what} | {} |\n", cells?.join(" | "));
    }
    let word = |key: &str| receipt[key].as_str().ok_or_else(|| format!("{RECEIPT}: no {key}"));
    let versions = receipt["versions"].as_array().into_iter().flatten();
    let versions: Vec<String> = versions.filter_map(|v| Some(v.as_str()?.replace("==", " "))).collect();
    let cost = receipt["cost commit"].as_str().map(|commit| format!(" (load and script: `{commit:.7}`)"));
    let (command, commit, cost) = (word("command")?, word("commit")?, cost.unwrap_or_default());
    text += &format!("\n`{command}`, commit `{commit:.7}`{cost}; {}.\n", versions.join(", "));
    Ok(text)
}

/// Writes the table realm × surface of both browsers.
pub(crate) fn coverage() -> Result<String, String> {
    let receipt = receipt()?;
    let mut text = String::new();
    for browser in BROWSERS {
        let of = &receipt[browser];
        let name = of["browser"].as_str().map(short).ok_or(format!("{RECEIPT}: no {browser}"))?;
        let table = of["coverage"].as_object().ok_or(format!("{RECEIPT}: no coverage in {browser}"))?;
        let surfaces = ["canvas", "webgl", "renderer", "audio", "cores", "memory", "connection"];
        text += &format!("**{name}**\n\n| realm | {} |\n|{}\n", surfaces.join(" | "), " --- |".repeat(8));
        // As read: the main document, frames, windows, workers.
        for realm in REALMS {
            let row = table.get(*realm).ok_or(format!("{RECEIPT}: no realm {realm:?}"))?;
            let cells = surfaces.map(|surface| row[surface].as_str().unwrap_or("?"));
            text += &format!("| {realm} | {} |\n", cells.join(" | "));
        }
        text.push('\n');
    }
    let commit = receipt["coverage commit"].as_str().or(receipt["commit"].as_str());
    text += &format!("Commit `{:.7}`.\n", commit.ok_or(format!("{RECEIPT}: no commit"))?);
    Ok(text)
}

/// Realms of the table in the order of `web/firebird/bench/pages/coverage.html`.
const REALMS: &[&str] = &[
    "main",
    "about:blank child, at once",
    "about:blank child, functions taken off its prototypes first",
    "frame with src, at once",
    "frame with src, loaded",
    "frame of another site, loaded",
    "srcdoc frame, at once",
    "srcdoc frame, loaded",
    "blob: frame, loaded",
    "data: frame, loaded",
    "sandboxed frame, loaded",
    "window[i] after insertAdjacentHTML",
    "window[i] after innerHTML",
    "window[i] after append",
    "window[i] after replaceChildren",
    "window[i] after Range.insertNode",
    "window[i] after document.write",
    "after document.open",
    "window.open, at once",
    "frame in a frame, at once",
    "dedicated worker",
    "dedicated worker of a blob:",
    "module worker",
    "shared worker",
    "service worker",
];

/// `Chromium 148` of what the program says with `--version`.
fn short(version: &str) -> String {
    let words = version.trim_start_matches("Mozilla ").split_whitespace();
    let words: Vec<&str> = words.take(2).map(|word| word.split('.').next().unwrap_or(word)).collect();
    words.join(" ")
}

fn receipt() -> Result<Value, String> {
    let text = fs::read_to_string(root().join(RECEIPT)).map_err(|e| format!("{RECEIPT}: {e}"))?;
    serde_json::from_str(&text).map_err(|e| format!("{RECEIPT}: {e}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_are_short() {
        assert_eq!(short("Chromium 148.0.7778.167 built on Debian GNU/Linux 12 (bookworm)"), "Chromium 148");
        assert_eq!(short("Mozilla Firefox 140.10.2esr"), "Firefox 140");
    }

    #[test]
    fn probes_of_groups_are_summed() {
        let browser = json!({"probes": {"canvas": [3, 32], "double read": [0, 9], "audio": [1, 17]}});
        assert_eq!(probes(&browser, |name| name == "double read").unwrap(), "0 of 9");
        assert_eq!(probes(&browser, |name| !SILENT.contains(&name)).unwrap(), "4 of 49");
    }

    /// A realm that the page reads and the document leaves out would be one that nobody measures.
    #[test]
    fn realms_are_those_of_the_page() {
        let page = fs::read_to_string(root().join("web/firebird/bench/pages/coverage.html")).unwrap();
        let table = page.split("const realms = {").nth(1).unwrap().split("\n};").next().unwrap();
        let names =
            table.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ") && line.contains(": "));
        let names: Vec<String> = names
            .map(|line| {
                line.split(": (").next().unwrap().split(": async").next().unwrap().trim().trim_matches('\'').to_owned()
            })
            .collect();
        assert_eq!(names, REALMS);
    }
}
