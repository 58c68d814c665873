//! `cargo xtask load`: how long random ternary models of published shapes take from the start of the program to the
//! first token, and how much memory they need, in every container; with `--receipt` into `docs/receipts/load.json`.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Outcome, checkout,
    command::{output, root, target},
};

/// Longest time from the start to the first token, in seconds, with the file in the cache.
const SECONDS_MAX: f64 = 2.0;
/// Largest peak of memory beyond the size of the file, in bytes.
const EXTRA_BYTES_MAX: u64 = 100 << 20;
/// Number of runs of each file; the first warms the cache and is not counted.
const RUNS: usize = 4;

/// Shapes, each with the architecture that a published model of it has.
const SHAPES: &[(&str, &str)] = &[("700m", "bitnet"), ("2b", "bitnet-b1.58")];
/// Containers: the type of the matrices and the file's extension.
const CONTAINERS: &[(&str, &str)] = &[
    ("tq2_0", "gguf"),
    ("tq1_0", "gguf"),
    ("i2_s", "gguf"),
    ("iq2_bn", "gguf"),
    ("iq1_bn", "gguf"),
    ("tri1", "tri"),
    ("tri2", "tri"),
];

struct Measured {
    seconds: Vec<f64>,
    peak_bytes: u64,
    file_bytes: u64,
}

/// Measures all shapes and containers, or with `--quick` one shape in two; an error if one takes too long or too much.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let has = |flag: &str| arguments.iter().any(|a| a == flag);
    if let Some(unknown) = arguments.iter().find(|a| !["--quick", "--receipt"].contains(&a.as_str())) {
        return Err(format!("unknown argument {unknown:?}"));
    }
    checkout::release_binary()?;
    let folder = target().join("load");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut rows = Vec::new();
    println!(
        "| shape | container | file | to the first token (s) | peak memory | beyond the file |\n| --- | --- | ---: | ---: | ---: | ---: |"
    );
    for (shape, architecture) in if has("--quick") { &SHAPES[..1] } else { SHAPES } {
        let first = folder.join(format!("{shape}.gguf"));
        let synth = ["dev", "synth", "--force", "--shape", shape, "--arch", architecture, "--type", "tq2_0"];
        output(trinity().args(synth).arg(&first))?;
        for (container, extension) in
            CONTAINERS.iter().filter(|(c, _)| !has("--quick") || ["tq2_0", "tri1"].contains(c))
        {
            let file = folder.join(format!("{shape}-{container}.{extension}"));
            output(trinity().args(["convert", "--force", "--to", container]).args([&first, &file]))?;
            let measured = measure(&file)?;
            fs::remove_file(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            rows.push(row(shape, container, &measured)?);
        }
        fs::remove_file(&first).map_err(|e| format!("{}: {e}", first.display()))?;
    }
    if has("--receipt") {
        let machine = output(trinity().args(["doctor", "--json"]))?;
        let machine: Value = serde_json::from_str(&machine).map_err(|e| format!("trinity doctor: {e}"))?;
        let commit = output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?;
        let receipt = json!({
            "command": "cargo xtask load --receipt",
            "commit": commit.trim(),
            "machine": machine,
            "rows": rows,
        });
        let path = root().join("docs/receipts/load.json");
        let text = serde_json::to_string_pretty(&receipt).map_err(|e| e.to_string())?;
        fs::write(&path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn trinity() -> Command {
    Command::new(checkout::target_folder().join("release/trinity"))
}

/// Prints a measurement, and holds it to the limits.
fn row(shape: &str, container: &str, measured: &Measured) -> Result<Value, String> {
    let Measured { seconds, peak_bytes, file_bytes } = measured;
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    let extra = peak_bytes.saturating_sub(*file_bytes);
    let mb = |n: u64| n as f64 / 1e6;
    println!(
        "| {shape} | {container} | {:.1} MB | {median:.2} | {:.1} MB | {:.1} MB |",
        mb(*file_bytes),
        mb(*peak_bytes),
        mb(extra)
    );
    if median.is_nan() || median >= SECONDS_MAX {
        return Err(format!("{shape} as {container}: {median:.2} s to the first token, the limit is {SECONDS_MAX} s"));
    }
    if extra > EXTRA_BYTES_MAX {
        return Err(format!(
            "{shape} as {container}: {peak_bytes} bytes at the peak for a file of {file_bytes}, the limit is {EXTRA_BYTES_MAX} more"
        ));
    }
    Ok(json!({
        "shape": shape, "container": container, "file_bytes": file_bytes, "seconds": seconds,
        "seconds_median": median, "peak_bytes": peak_bytes,
    }))
}

fn measure(file: &Path) -> Result<Measured, String> {
    let file_bytes = file.metadata().map_err(|e| format!("{}: {e}", file.display()))?.len();
    let mut measured = Measured { seconds: Vec::new(), peak_bytes: 0, file_bytes };
    for run in 0..RUNS {
        let (seconds, peak_bytes) = first_token(file)?;
        if run > 0 {
            measured.seconds.push(seconds);
        }
        measured.peak_bytes = measured.peak_bytes.max(peak_bytes);
    }
    Ok(measured)
}

/// Returns the seconds from the start to the first byte of output, and the most memory that was resident until the end.
fn first_token(file: &Path) -> Result<(f64, u64), String> {
    let mut command = trinity();
    command.args(["run", "--temperature", "0", "-n", "1", "--model"]).arg(file).arg("hello").stdout(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("trinity: {e}"))?;
    let status: PathBuf = format!("/proc/{}/status", child.id()).into();
    let mut byte = [0];
    let stdout = child.stdout.as_mut().ok_or("no output")?;
    stdout.read_exact(&mut byte).map_err(|e| format!("{}: no token: {e}", file.display()))?;
    let seconds = start.elapsed().as_secs_f64();
    let mut peak = 0;
    loop {
        // The peak is a high-water mark of the system's; what a process reaches in its last millisecond is not seen.
        peak = peak.max(fs::read_to_string(&status).ok().and_then(|text| high_water(&text)).unwrap_or(0));
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) if status.success() && peak > 0 => return Ok((seconds, peak)),
            Some(status) => return Err(format!("{}: {status}, {peak} bytes at the peak", file.display())),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Reads the bytes of a line `VmHWM: 12345 kB`.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kb| kb << 10)
}
