//! Headings under which help lists arguments. Each argument of each command is under one of them.

/// What is asked, of which model.
pub(crate) const PROMPT: &str = "Prompt";
/// How tokens are picked.
pub(crate) const SAMPLING: &str = "Sampling";
/// What of the machine is used.
pub(crate) const MACHINE: &str = "Machine";
/// How much is remembered, and where.
pub(crate) const CONTEXT: &str = "Context and cache";
/// What exists to be measured.
pub(crate) const RESEARCH: &str = "Research";
/// Which models are meant, and how long they stay.
pub(crate) const MODELS: &str = "Models";
/// Where a server is reached.
pub(crate) const NETWORK: &str = "Network";
/// Who may ask a server for what.
pub(crate) const ACCESS: &str = "Access";
/// How many are answered at once.
pub(crate) const LOAD: &str = "Load";
/// What a server writes about itself.
pub(crate) const LOG: &str = "Log and metrics";
/// What is measured.
pub(crate) const MEASUREMENT: &str = "Measurement";
/// What goes into a conversion.
pub(crate) const INPUT: &str = "Input";
/// What comes out, and how it looks.
pub(crate) const OUTPUT: &str = "Output";
/// What every command has.
pub(crate) const GENERAL: &str = "General";

/// All of them, in the order of the question that a reader has: what, how, on what; then what only some commands have.
#[cfg(test)]
pub(crate) const ALL: &[&str] = &[
    PROMPT,
    SAMPLING,
    MACHINE,
    CONTEXT,
    RESEARCH,
    MODELS,
    NETWORK,
    ACCESS,
    LOAD,
    LOG,
    MEASUREMENT,
    INPUT,
    OUTPUT,
    GENERAL,
];
