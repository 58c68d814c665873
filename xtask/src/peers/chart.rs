//! The picture in the README: decode and prefill beside the peers and the roofs, one bar each, drawn from a receipt.

use super::receipt::{Receipt, RowReceipt};

const COLOURS: [(&str, &str); 4] =
    [("trinity", "#c2410c"), ("llama.cpp", "#64748b"), ("ik_llama.cpp", "#94a3b8"), ("bitnet.cpp", "#cbd5e1")];

/// Width of names, of a column of bars, of the figures behind them.
const NAMES: f64 = 170.0;
const BARS: f64 = 260.0;
const FIGURES: f64 = 90.0;

/// Height of a bar, and of what is left free after a row.
const BAR: f64 = 11.0;
const GAP: f64 = 9.0;

/// An SVG of the rows that have a peer and both tests.
pub(crate) fn draw(receipt: &Receipt) -> String {
    let tests = [("decode, tokens/s", "tg64"), ("prefill of 512, tokens/s", "pp512")];
    let rows: Vec<&RowReceipt> = receipt
        .rows
        .iter()
        .filter(|row| {
            tests.iter().all(|(_, test)| row.best("trinity", test).is_some() && row.best_peer(test).is_some())
        })
        .filter(|row| !row.name.contains(','))
        .collect();
    let column = BARS + FIGURES;
    let width = NAMES + 2.0 * column;
    let (mut body, mut y) = (String::new(), 52.0);
    for (i, (name, colour)) in COLOURS.iter().enumerate() {
        let x = NAMES + 130.0 * i as f64;
        body += &format!("<rect x=\"{x}\" y=\"8\" width=\"11\" height=\"11\" fill=\"{colour}\"/>\n");
        body += &text(x + 16.0, 17.0, "start", name);
    }
    body += &text(NAMES + 130.0 * 4.0, 17.0, "start", "│ roof of memory or multiplier");
    for (i, (title, _)) in tests.iter().enumerate() {
        body += &text(NAMES + column * i as f64, 40.0, "start", title);
    }
    for row in rows {
        let engines: Vec<_> = COLOURS.iter().filter(|(engine, _)| row.best(engine, tests[0].1).is_some()).collect();
        let height = engines.len() as f64 * BAR;
        body += &text(NAMES - 8.0, y + height / 2.0 + 4.0, "end", &row.name);
        for (i, (_, test)) in tests.iter().enumerate() {
            let left = NAMES + column * i as f64;
            let roof = row.roof(test);
            let speeds = || engines.iter().filter_map(|(engine, colour)| Some((row.best(engine, test)?.1, colour)));
            // A roof far above all bars would make them unreadable; it is then left out.
            let longest = speeds().map(|(speed, _)| speed).fold(0.0, f64::max);
            let roof = roof.filter(|roof| *roof < 3.0 * longest);
            let scale = BARS / longest.max(roof.unwrap_or(0.0));
            for (j, (speed, colour)) in speeds().enumerate() {
                let top = y + j as f64 * BAR;
                body += &format!(
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>\n",
                    speed * scale,
                    BAR - 1.5
                );
                body += &text(left + speed * scale + 5.0, top + BAR - 2.5, "start", &format!("{speed:.0}"));
            }
            if let Some(roof) = roof {
                let x = left + roof * scale;
                body += &format!(
                    "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#111827\" stroke-width=\"1.5\"/>\n",
                    y - 2.0,
                    y + height + 1.0
                );
            }
        }
        y += height + GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#111827\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}{}</svg>\n",
        text(
            8.0,
            y + 12.0,
            "start",
            &format!("2 threads, {}, {}, medians of {} rounds", processor(receipt), receipt.date, receipt.rounds)
        ),
        height = y + 22.0
    )
}

fn processor(receipt: &Receipt) -> &str {
    receipt.machine["system"]["processor"].as_str().unwrap_or("unknown processor")
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
}
