//! A server that nobody asks.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::{Bench, Measured};
use crate::serve_bench::{client, prompts::greedy, statistics::round};

/// Time between the last request and the measurement.
const SETTLE: Duration = Duration::from_secs(2);
const WATCH: Duration = Duration::from_secs(10);
/// Largest part of one core that an idle server may use.
const SHARE_MAX: f64 = 0.01;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    if !bench.ours {
        return Ok(Measured { figures: Value::Null, targets: Vec::new() });
    }
    let server = bench.trinity(&[])?;
    client::stream(&server.address, &greedy(&bench.prompts(6)?.next(16), 8, true))?;
    thread::sleep(SETTLE);
    let before = server.cpu_seconds()?;
    thread::sleep(WATCH);
    let share = (server.cpu_seconds()? - before) / WATCH.as_secs_f64();
    println!("{:.2} % of a core", share * 100.0);
    Ok(Measured {
        figures: json!({ "command": server.command, "share_of_a_core": round(share), "seconds": WATCH.as_secs() }),
        targets: vec![(format!("{:.2} % CPU, wanted below {} %", share * 100.0, SHARE_MAX * 100.0), share < SHARE_MAX)],
    })
}
