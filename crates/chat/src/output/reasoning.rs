//! How models spell what they think before they answer.

/// A pair of markers.
#[derive(Debug)]
pub(crate) struct Reasoning {
    pub(crate) open: &'static str,
    pub(crate) close: &'static str,
    /// Counts anywhere in a reply, because users' words cannot spell it; else only at the beginning.
    pub(crate) anywhere: bool,
    /// Stands between the thoughts and what follows.
    pub(crate) then: &'static str,
    /// What a template that knows the markers has in its source.
    hint: &'static str,
    /// Control tokens that are part of longer markers.
    pub(crate) tokens: &'static [&'static str],
}

const fn row(open: &'static str, close: &'static str, anywhere: bool) -> Reasoning {
    Reasoning { open, close, anywhere, then: "", hint: close, tokens: &[] }
}

/// The spelling of most models last, because templates of others mention it too.
static SPELLINGS: &[Reasoning] = &[
    // Seed-OSS
    row("<seed:think>", "</seed:think>", false),
    // Hunyuan 3
    row("<think:opensource>", "</think:opensource>", false),
    // MiniMax M3
    row("<mm:think>", "</mm:think>", false),
    // Mistral
    row("[THINK]", "[/THINK]", false),
    // Command A
    row("<|START_THINKING|>", "<|END_THINKING|>", true),
    // Solar Open
    Reasoning { hint: "<|think|>", then: "<|begin|>assistant", ..row("<|think|>", "<|end|>", true) },
    // Gemma 4
    Reasoning { hint: "<|channel>thought", tokens: &["<|channel>"], ..row("<|channel>thought\n", "<channel|>", true) },
    // gpt-oss
    Reasoning {
        hint: "<|channel|>analysis<|message|>",
        then: "<|start|>assistant",
        tokens: &["<|channel|>", "<|message|>"],
        ..row("<|channel|>analysis<|message|>", "<|end|>", true)
    },
    // Kimi K3
    Reasoning {
        hint: "<|open|>",
        tokens: &["<|open|>", "<|sep|>", "<|close|>"],
        ..row("<|open|>think<|sep|>", "<|close|>think<|sep|>", true)
    },
    // Muse
    Reasoning {
        hint: " to=self<|message|>",
        then: "<|start|>assistant",
        tokens: &["<|message|>"],
        ..row(" to=self<|message|>", "<|eom|>", true)
    },
    // Apriel 1.6
    row("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", false),
    // DeepSeek R1, Qwen 3, GLM, SmolLM3, …
    row("<think>", "</think>", false),
];

impl Reasoning {
    /// The spelling that a template knows.
    pub(crate) fn detect(source: &str) -> Option<&'static Self> {
        SPELLINGS.iter().find(|reasoning| source.contains(reasoning.hint))
    }
}
