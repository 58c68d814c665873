//! The picture in the README: decode and prefill beside the peers, drawn from a receipt.
//!
//! Each row has a scale and an axis of its own, for speeds of different models do not compare. Light or dark follows
//! the reader's setting; the background is the picture's own, so that it can be read where the two disagree. Start at
//! [`draw`].

use std::{fmt::Write as _, ops::RangeInclusive};

use super::receipt::{Receipt, RowReceipt};

/// Columns of bars: the title of each, and the test that it shows.
const COLUMNS: [(&str, &str); 2] =
    [("decode of 64 tokens, tokens/s", "tg64"), ("prefill of 512 tokens, tokens/s", "pp512")];
/// Names of the engines in the order of their bars.
const ENGINES: [&str; 4] = ["trinity", "llama.cpp", "ik_llama.cpp", "bitnet.cpp"];

/// Left edge of the names of rows; the right edge of those of engines follows.
const NAMES: f64 = 12.0;
const ENGINE_NAMES: f64 = 190.0;
/// Left edge of each column of bars; how wide its axis is and where the picture ends follow.
const LEFT: [f64; 2] = [198.0, 538.0];
const AXIS: f64 = 226.0;
const WIDTH: f64 = 860.0;
/// Height of a bar with the space below it; those of an axis with its figures and of the space between rows follow.
const BAR: f64 = 14.0;
const SCALE: f64 = 17.0;
const GAP: f64 = 12.0;
/// Distance of a roof, in longest bars, beyond which it would make the bars unreadable.
const ROOF_FAR: f64 = 3.0;

const STYLE: &str = "<style>
svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #afb8c1; --ours: #bc4c00; --theirs: #818b98; --roof: #54aeff; }
@media (prefers-color-scheme: dark) {
svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #4c545f; --ours: #f0883e; --theirs: #656c76; --roof: #388bfd; }
}
text { fill: var(--ink); } .soft { fill: var(--soft); } .strong { font-weight: 600; }
.page { fill: var(--page); } .ours { fill: var(--ours); } .theirs { fill: var(--theirs); }
.roof { fill: var(--roof); fill-opacity: 0.35; } .edge { stroke: var(--roof); stroke-width: 2; } .axis { stroke: var(--line); }
</style>
";

/// Draws an SVG of the rows that have a peer and both tests.
pub(crate) fn draw(receipt: &Receipt) -> String {
    let (mut body, mut y) = (String::new(), 40.0);
    for ((title, _), left) in COLUMNS.iter().zip(LEFT) {
        text(&mut body, "strong", left, 24.0, "start", title);
    }
    for row in rows(receipt) {
        let engines: Vec<&str> =
            ENGINES.into_iter().filter(|engine| row.best(engine, COLUMNS[0].1).is_some()).collect();
        let (model, format) = row.name.rsplit_once(' ').unwrap_or((&row.name, ""));
        text(&mut body, "strong", NAMES, y + 10.0, "start", model);
        text(&mut body, "strong", NAMES, y + 10.0 + BAR, "start", format);
        for (i, engine) in engines.iter().enumerate() {
            let class = if *engine == "trinity" { "strong" } else { "soft" };
            text(&mut body, class, ENGINE_NAMES, y + 10.0 + BAR * i as f64, "end", engine);
        }
        for ((_, test), left) in COLUMNS.iter().zip(LEFT) {
            cell(&mut body, row, &engines, test, roof(receipt, row, test), (left, y));
        }
        y += engines.len() as f64 * BAR + SCALE + GAP;
    }
    for (i, note) in notes(receipt).iter().enumerate() {
        text(&mut body, "soft", NAMES, y + 12.0 + 15.0 * i as f64, "start", note);
    }
    let height = y + 12.0 + 15.0 * notes(receipt).len() as f64;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         {STYLE}<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}

/// Returns the rows that are drawn.
fn rows(receipt: &Receipt) -> impl Iterator<Item = &RowReceipt> {
    let is_full = |row: &RowReceipt| {
        COLUMNS.iter().all(|(_, test)| row.best("trinity", test).is_some() && row.best_peer(test).is_some())
    };
    receipt.rows.iter().filter(move |row| is_full(row) && !row.name.contains(','))
}

/// Draws the bars of one test of a row with their axis.
fn cell(
    body: &mut String,
    row: &RowReceipt,
    engines: &[&str],
    test: &str,
    roof: Option<RangeInclusive<f64>>,
    (left, top): (f64, f64),
) {
    let speeds: Vec<(&str, f64)> = engines.iter().filter_map(|e| Some((*e, row.best(e, test)?.1))).collect();
    let longest = speeds.iter().map(|s| s.1).fold(0.0, f64::max);
    let roof = roof.filter(|roof| *roof.start() < ROOF_FAR * longest);
    let end = roof.as_ref().map_or(longest, |roof| roof.end().min(ROOF_FAR * longest).max(longest));
    let step = step(end);
    let n_steps = (end / step).ceil();
    let at = |speed: f64| left + AXIS * speed / (n_steps * step);
    let bottom = top + engines.len() as f64 * BAR;
    if let Some(roof) = &roof {
        let (from, to) = (at(*roof.start()), at(roof.end().min(n_steps * step)));
        let height = bottom - top + 2.0;
        let _ = writeln!(
            body,
            "<rect class=\"roof\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>\n\
             <line class=\"edge\" x1=\"{from:.1}\" y1=\"{:.1}\" x2=\"{from:.1}\" y2=\"{bottom:.1}\"/>",
            top - 2.0,
            to - from,
            top - 2.0,
        );
    }
    for (i, (engine, speed)) in speeds.iter().enumerate() {
        let y = top + BAR * i as f64;
        let class = if *engine == "trinity" { "ours" } else { "theirs" };
        let width = at(*speed) - left;
        let _ = writeln!(
            body,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
            BAR - 3.0
        );
        let ratio = row.best_peer(test).and_then(|peer| row.ratio(peer, test)).filter(|_| *engine == "trinity");
        let figure = ratio.map_or_else(|| format!("{speed:.0}"), |ratio| format!("{speed:.0} ({ratio:.2}×)"));
        let class = if *engine == "trinity" { "strong" } else { "plain" };
        text(body, class, left + width + 5.0, y + 10.0, "start", &figure);
    }
    let _ = writeln!(
        body,
        "<line class=\"axis\" x1=\"{left}\" y1=\"{bottom:.1}\" x2=\"{:.1}\" y2=\"{bottom:.1}\"/>",
        left + AXIS
    );
    let mut value = 0.0;
    while value <= n_steps * step {
        let x = at(value);
        let _ = writeln!(
            body,
            "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{bottom:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>",
            bottom + 4.0
        );
        text(body, "soft", x, bottom + 14.0, "middle", &format!("{value:.0}"));
        value += step;
    }
}

/// Returns a round step of which at most five make up `end`.
fn step(end: f64) -> f64 {
    let magnitude = 10_f64.powf((end / 5.0).log10().floor());
    [1.0, 2.0, 2.5, 5.0].into_iter().map(|n| n * magnitude).find(|step| end / step <= 5.0).unwrap_or(10.0 * magnitude)
}

/// Returns the lowest and the highest reading of what the machine allows at most, where that holds.
///
/// A roof does not hold if an engine beat it in the round in which it was read. Memory's does not where caches hold
/// part of a model, so no row has one whose model has no more bytes a token than one that beat every reading. The
/// multiplier's is that of bytes, so models that are multiplied as floats have none.
fn roof(receipt: &Receipt, row: &RowReceipt, test: &str) -> Option<RangeInclusive<f64>> {
    let fastest = |row: &RowReceipt, round: usize| {
        let speeds = row.runs.iter().filter_map(|run| run.rounds.get(round)?.get(test).copied());
        speeds.fold(0.0, f64::max)
    };
    let beats_all = |row: &&RowReceipt| {
        let fastest = (0..row.roofs.len()).map(|round| fastest(row, round)).fold(0.0, f64::max);
        row.readings(test).is_some_and(|roof| fastest > *roof.end())
    };
    let (readings, ours) = (row.readings(test)?, row.roof(test)?);
    let kind = test.get(..2)?;
    let is_beaten = row.roofs.iter().enumerate().any(|(i, roof)| roof.get(kind).is_some_and(|r| fastest(row, i) > *r));
    // More tokens a second is fewer bytes a token.
    let is_in_cache = rows(receipt).filter(beats_all).any(|row| row.roof(test).is_some_and(|roof| roof <= ours));
    let is_float = test.starts_with("pp") && row.name.ends_with("F16");
    (!is_beaten && !is_in_cache && !is_float).then_some(readings)
}

/// Writes what the picture means, to stand below it.
fn notes(receipt: &Receipt) -> Vec<String> {
    let processor = receipt.machine["system"]["processor"].as_str().unwrap_or("unknown processor");
    let threads = receipt.machine["threads"].as_u64().unwrap_or_default();
    vec![
        format!(
            "{}: {threads} threads, {processor}, medians of {} rounds, each engine at its best setting. Each row has its own scale.",
            receipt.day(),
            receipt.rounds
        ),
        "In brackets: by the fastest of the others, the median of the ratios of each round; below 1 they are faster.".to_owned(),
        "Blue: lowest to highest reading of what memory (decode) or the multiplier (prefill) allows. There is none where it does not bind:".to_owned(),
        "where caches hold part of the model, where it is multiplied in floats, or more than three times as far as the longest bar.".to_owned(),
    ]
}

fn text(body: &mut String, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}
