//! The measured table, as JSON and as Markdown.

use std::fmt::Write;

use eval::{kl::KlResult, paired::Paired};
use serde::Serialize;

use crate::terminal::{bytes_text, escape};

/// The whole measurement.
#[derive(Serialize)]
pub(super) struct Table {
    pub(super) model: String,
    /// Perplexity with keys and values in f32, which all quality is measured against.
    pub(super) base_perplexity: f64,
    /// Tokens of a window, of which the second half is scored.
    pub(super) window_len: usize,
    pub(super) n_chunks: usize,
    pub(super) n_scored: usize,
    /// Tokens generated in a turn, behind so many that they end at `window_len`.
    pub(super) n_generated: usize,
    pub(super) n_rounds: usize,
    pub(super) rows: Vec<Row>,
    /// Options that the model cannot take, and why.
    pub(super) refused: Vec<Refused>,
}

/// What an option of the ternary runtime costs and gains.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) option: String,
    /// Bytes of the cache for each token of context.
    pub(super) kv_bytes_per_token: u64,
    pub(super) part: Part,
    /// Of that part, and with the default.
    pub(super) bytes: u64,
    pub(super) default_bytes: u64,
    /// `perplexity / base_perplexity`
    pub(super) perplexity_ratio: f64,
    pub(super) perplexity_ratio_error: f64,
    pub(super) quality: KlResult,
    /// Speed against that with keys and values in f16 and everything else as in the file.
    pub(super) speed: Paired,
}

/// What an option changes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// The cache, whose bytes are those of one token.
    Cache,
    /// The embedding table. Its bytes are saved in a file that holds it so: at run time a copy comes beside the file's
    /// own, which stays mapped.
    Embedding,
    /// All norms. Their bytes are saved in a file that holds them so: they are computed with in f32.
    Norms,
}

/// An option left out.
#[derive(Serialize)]
pub(super) struct Refused {
    pub(super) option: String,
    pub(super) reason: String,
}

impl Table {
    /// The table in Markdown, for people and for the documents.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!(
            "{}: {} windows of {} tokens, {} positions; perplexity {:.4} with keys and values in f32. Speed: {} tokens behind {}, median of \
             {} rounds in turn with f16.\n\n",
            escape(&self.model),
            self.n_chunks,
            self.window_len,
            self.n_scored,
            self.base_perplexity,
            self.n_generated,
            self.window_len - self.n_generated,
            self.n_rounds
        );
        text += "| option | bytes | saved | perplexity | KL divergence, nats | same top token | decode speed |\n";
        text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        for row in &self.rows {
            text += &row.to_markdown();
        }
        for Refused { option, reason } in &self.refused {
            let _ = writeln!(text, "\nNot possible with this model: {option} ({})", escape(reason));
        }
        text
    }
}

impl Row {
    fn to_markdown(&self) -> String {
        let (unit, of) = if self.part == Part::Cache { (" a token", "") } else { ("", " of the file's") };
        let saved = 100.0 * (1.0 - self.bytes as f64 / self.default_bytes.max(1) as f64);
        format!(
            "| {} | {}{unit} | {saved:.1} %{of} | {} | {:.4} ± {:.4} | {:.1} % ± {:.1} | {:.2} ({:.2} to {:.2}) |\n",
            self.option,
            bytes_text(self.bytes),
            factor_text(self.perplexity_ratio, self.perplexity_ratio_error),
            self.quality.mean,
            self.quality.error,
            100.0 * self.quality.top1_agreement,
            100.0 * self.quality.top1_error,
            self.speed.ratio,
            self.speed.ratio_min,
            self.speed.ratio_max,
        )
    }
}

/// `×1.034 ± 0.006`, with fewer digits where there are many before the point.
fn factor_text(ratio: f64, error: f64) -> String {
    let digits = if ratio < 10.0 { 3 } else { 0 };
    format!("×{ratio:.digits$} ± {error:.digits$}")
}
