//! Prompts: token ids at random places of a real text.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::statistics::Random;

/// Path of the text in the test data.
const TEXT: &str = "eval-text/wikitext2-raw-test.txt";
/// Number of bytes of the text that are used: enough for prompts that never meet.
const TEXT_BYTES: usize = 600_000;

/// The ids of a text, and the places that prompts take.
pub(crate) struct Prompts {
    ids: Vec<u32>,
    random: Random,
}

impl Prompts {
    /// Tokenises the text by the model's own vocabulary; `seed` decides which places are taken.
    pub(crate) fn read(program: &Path, model: &Path, seed: u64) -> Result<Self, String> {
        let path = testkit::data(TEXT);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let end = (0..=TEXT_BYTES.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let ids = tokenize(program, model, text.get(..end).unwrap_or_default())?;
        Ok(Self { ids, random: Random(seed) })
    }

    /// Returns `n` ids from a place of its own.
    pub(crate) fn next(&mut self, n: usize) -> Vec<u32> {
        let start = self.random.below(self.ids.len().saturating_sub(n));
        self.ids.get(start..start + n).unwrap_or_default().to_vec()
    }

    /// Returns `count` prompts of `n` ids each.
    pub(crate) fn take(&mut self, count: usize, n: usize) -> Vec<Vec<u32>> {
        (0..count).map(|_| self.next(n)).collect()
    }
}

/// Returns the ids of `text`, without the model's own beginning and end.
pub(crate) fn tokenize(program: &Path, model: &Path, text: &str) -> Result<Vec<u32>, String> {
    let mut command = Command::new(program);
    command.arg("tokenize").arg(model).args(["--ids", "--no-special"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
    // It reads all before it writes, so this cannot wait for itself.
    child
        .stdin
        .take()
        .ok_or("no standard input")?
        .write_all(text.as_bytes())
        .map_err(|e| format!("{command:?}: {e}"))?;
    let output = child.wait_with_output().map_err(|e| format!("{command:?}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let ids: Result<Vec<u32>, _> = text.split_whitespace().map(str::parse).collect();
    let ids = ids.map_err(|e| format!("{command:?}: {e}"))?;
    if ids.is_empty() { Err(format!("{command:?}: no ids, {}", output.status)) } else { Ok(ids) }
}

/// Makes the request of a streamed greedy completion of `n` tokens of `prompt`, to the end whatever the model says.
pub(crate) fn greedy(prompt: &[u32], n: usize, use_cache: bool) -> Value {
    json!({
        "model": "bench", "prompt": prompt, "max_tokens": n, "temperature": 0, "ignore_eos": true,
        "stream": true, "stream_options": { "include_usage": true }, "cache_prompt": use_cache,
    })
}
