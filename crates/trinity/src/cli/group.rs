//! Headings under which help lists arguments. Each argument of each command is under one of them.

/// Heading of the arguments that say what is asked, of which model.
pub(crate) const PROMPT: &str = "Prompt";
/// Heading of the arguments that say how tokens are picked.
pub(crate) const SAMPLING: &str = "Sampling";
/// Heading of the arguments that say how much of the machine is used.
pub(crate) const MACHINE: &str = "Machine";
/// Heading of the arguments that say how much is remembered, and where.
pub(crate) const CONTEXT: &str = "Context and cache";
/// Heading of the arguments that exist to be measured.
pub(crate) const RESEARCH: &str = "Research";
/// Heading of the arguments that say which models are meant, and how long they stay.
pub(crate) const MODELS: &str = "Models";
/// Heading of the arguments that say where a server is reached.
pub(crate) const NETWORK: &str = "Network";
/// Heading of the arguments that say who may ask a server for what.
pub(crate) const ACCESS: &str = "Access";
/// Heading of the arguments that say how many requests are answered at once.
pub(crate) const LOAD: &str = "Load";
/// Heading of the arguments that say what a server writes about itself.
pub(crate) const LOG: &str = "Log and metrics";
/// Heading of the arguments that say what is measured.
pub(crate) const MEASUREMENT: &str = "Measurement";
/// Heading of the arguments that say which facts are meant.
pub(crate) const KNOWLEDGE: &str = "Knowledge";
/// Heading of the arguments that say what goes into a conversion.
pub(crate) const INPUT: &str = "Input";
/// Heading of the arguments that say what comes out, and how it looks.
pub(crate) const OUTPUT: &str = "Output";
/// Heading of the arguments that every command has.
pub(crate) const GENERAL: &str = "General";

/// All headings, in the order of a reader's questions: what, how, on what; then those that only some commands have.
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
    KNOWLEDGE,
    INPUT,
    OUTPUT,
    GENERAL,
];
