//! How each engine is run, and how its answer is read: speeds by name, `pp512`, `tg64`.

use std::{collections::BTreeMap, env, path::PathBuf, process::Command, time::Instant};

use serde_json::Value;

use super::table::{Row, Run};
use crate::command::{output, root};

/// Number of tokens generated.
pub(super) const GENERATION: usize = 64;

/// Speeds of one run in tokens per second, by the names of the tests.
pub(super) type Speeds = BTreeMap<String, f64>;

/// Whether an engine is Trinity: `trinity`, or another setting that a row compares with, `trinity, WHAT`.
pub(super) fn is_ours(engine: &str) -> bool {
    engine.split(',').next() == Some("trinity")
}

/// Makes the command line of a run; the error says why there is none.
pub(super) fn command(row: &Row, run: &Run) -> Result<Command, String> {
    let file = models()?.join(&run.file);
    if !file.exists() {
        return Err(format!("{} is not there", file.display()));
    }
    let prompts = row.prompts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let generation = if row.load || row.texts > 0 { 0 } else { GENERATION };
    let (threads, generation, depth) = (run.threads.to_string(), generation.to_string(), row.depth.to_string());
    let repetitions = if row.load { "1" } else { "2" };
    let prompts_or_none = if prompts.is_empty() { "0" } else { &prompts };
    let mut command = match run.engine.as_str() {
        engine if is_ours(engine) => {
            let mut command = Command::new(root().join("target/release/trinity"));
            command.arg("bench").arg(file).args(["--json", "-r", repetitions, "-t", &threads, "-d", &depth]);
            command.args(["-p", prompts_or_none, "-n", &generation, "--kv-type", &row.kv]);
            if row.texts > 0 {
                command.args(["-b", &row.texts.to_string()]);
            }
            command
        }
        "llama.cpp" => {
            let mut command = Command::new(variable("PEER_PYTHON")?);
            command.arg(root().join("benches/peers/llama_cpp.py")).arg(file);
            command.args([&threads, &prompts, &generation, &depth, &row.kv, &row.texts.to_string()]);
            command
        }
        "onnxruntime" => {
            let mut command = Command::new(variable("PEER_PYTHON")?);
            command.arg(root().join("benches/peers/onnx_embed.py")).arg(file);
            command.args([&threads, &prompts, &row.texts.to_string()]);
            command
        }
        peer => {
            let name = match peer {
                "ik_llama.cpp" => "PEER_IK_LLAMA_CPP",
                "bitnet.cpp" => "PEER_BITNET_CPP",
                _ => return Err(format!("no engine is called {peer}")),
            };
            let mut command = Command::new(variable(name)?);
            command.arg("-m").arg(file).args(["-t", &threads, "-r", repetitions, "-o", "json", "-p", prompts_or_none]);
            if row.depth > 0 {
                command.args(["-n", "0", "-gp", &format!("{depth},{generation}")]);
            } else {
                command.args(["-n", &generation]);
            }
            if row.kv != "f16" {
                command.args(["-ctk", &row.kv, "-ctv", &row.kv, "-fa", "1"]);
            }
            command
        }
    };
    command.args(&run.args);
    Ok(command)
}

/// Runs a command and reads its speeds.
pub(super) fn measure(command: &mut Command, row: &Row, run: &Run) -> Result<Speeds, String> {
    let start = Instant::now();
    let text = output(command)?;
    if row.load {
        return Ok(Speeds::from([("loads".to_owned(), 1.0 / start.elapsed().as_secs_f64())]));
    }
    // Some print a line or two before.
    let json = text.trim_start_matches(|c| c != '[' && c != '{');
    let value = serde_json::Deserializer::from_str(json).into_iter::<Value>().next();
    let value = value.and_then(Result::ok).ok_or_else(|| format!("{}: no JSON in {text:?}", run.label()))?;
    let speeds = speeds(&value);
    if speeds.is_empty() { Err(format!("{}: no speeds in {value}", run.label())) } else { Ok(speeds) }
}

/// Reads the speeds of our own rows, of a map, or of llama-bench's rows.
fn speeds(value: &Value) -> Speeds {
    if let Some(map) = value.as_object() {
        return map.iter().filter_map(|(name, speed)| Some((name.clone(), speed.as_f64()?))).collect();
    }
    let rows = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let of_row = |row: &Value| {
        if let (Some(test), Some(speed)) = (row["test"].as_str(), row["tokens_per_second"].as_f64()) {
            let name = test.split([' ', '@']).next().unwrap_or(test);
            return Some((name.to_owned(), speed));
        }
        let speed = row["avg_ts"].as_f64()?;
        let (n_prompt, n_gen) = (row["n_prompt"].as_u64()?, row["n_gen"].as_u64()?);
        Some((if n_gen > 0 { format!("tg{n_gen}") } else { format!("pp{n_prompt}") }, speed))
    };
    rows.iter().filter_map(of_row).collect()
}

/// Returns the roofs of a row's model, from `trinity doctor`; of an encoder only the machine's.
pub(super) fn roofs(row: &Row) -> Result<Value, String> {
    let runs = row.runs();
    let ours = runs.iter().find(|run| run.engine == "trinity").ok_or("a row without trinity")?;
    let mut command = Command::new(root().join("target/release/trinity"));
    command.arg("doctor").args(["--json", "-t", &ours.threads.to_string()]);
    if row.texts == 0 {
        command.arg(models()?.join(&ours.file));
    }
    serde_json::from_str(&output(&mut command)?).map_err(|e| format!("trinity doctor: {e}"))
}

/// Variables that say where peers and models are.
const PLACES: [&str; 4] = ["PEER_MODELS", "PEER_PYTHON", "PEER_IK_LLAMA_CPP", "PEER_BITNET_CPP"];

/// Replaces the places in `text` by their names: a receipt says nothing of the machine's folders.
pub(super) fn portable(text: &str) -> String {
    let text = text.replace(&format!("{}/", root().display()), "");
    PLACES.iter().fold(text, |text, name| match env::var(name) {
        Ok(place) if !place.is_empty() => text.replace(&place, &format!("${name}")),
        _ => text,
    })
}

fn models() -> Result<PathBuf, String> {
    Ok(PathBuf::from(variable("PEER_MODELS")?))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds_of_answers_are_read() {
        let expected = Speeds::from([("pp128".to_owned(), 2.0), ("tg64".to_owned(), 1.0)]);
        for text in [
            r#"{"pp128": 2.0, "tg64": 1.0}"#,
            r#"[{"test": "pp128", "tokens_per_second": 2.0}, {"test": "tg64 @ d4096 x8", "tokens_per_second": 1.0}]"#,
            r#"[{"n_prompt": 128, "n_gen": 0, "avg_ts": 2.0}, {"n_prompt": 4096, "n_gen": 64, "avg_ts": 1.0}]"#,
        ] {
            assert_eq!(speeds(&serde_json::from_str(text).expect("JSON")), expected, "{text}");
        }
    }
}
