//! Model names as Ollama's tools write them, and what they are told of a model.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::options::{KeepAliveWire, Options};
use crate::{
    App, Caller,
    error::ApiError,
    models::{Lease, ModelDetails, ModelEntry, Models},
};

/// Tag that tools add to a name without one.
const LATEST: &str = ":latest";

/// Returns the server's spelling of a name, which may come with or without `:latest`, and in any case.
pub(super) fn find(models: &Models, name: &str) -> String {
    let bare = name.strip_suffix(LATEST).unwrap_or(name);
    let with_tag = format!("{bare}{LATEST}");
    let entries = models.list();
    let names = || entries.iter().flat_map(|e| std::iter::once(&e.id).chain(&e.aliases));
    let exact = names().find(|known| *known == name);
    let meant = |known: &&String| {
        known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(bare) || known.eq_ignore_ascii_case(&with_tag)
    };
    // A name that is not known goes on as it is: to its refusal, or to the first model where any name is accepted.
    exact.or_else(|| names().find(meant)).cloned().unwrap_or_else(|| name.to_owned())
}

/// Returns the model called `name`, loaded if it was not, for a request with these options. How long it stays loaded
/// concerns all callers, so only an operator's `keep_alive` counts; another's is a hint that changes nothing.
pub(super) async fn acquire(
    app: &App,
    caller: &Caller,
    name: &str,
    keep_alive: Option<KeepAliveWire>,
    options: Option<&Options>,
) -> Result<Lease, ApiError> {
    let models = app.models();
    if keep_alive.is_some() && !caller.rights.is_operator {
        app.notices().ignored("of a caller that is no operator", "keep_alive");
    }
    let keep_alive = keep_alive.filter(|_| caller.rights.is_operator);
    let lease = models.acquire_for(Some(&find(models, name)), keep_alive.map(|k| k.0)).await?;
    if let Some(options) = options {
        options.note_context(app.notices(), &lease);
    }
    Ok(lease)
}

/// Returns the present time, as in `created_at`.
pub(super) fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// Returns the time at which the model's file was written.
pub(super) fn modified_at(entry: &ModelEntry) -> String {
    let seconds = i64::try_from(entry.created).unwrap_or(0);
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Returns a digest, by which tools see whether a model has changed. Files are not read for it: it is that of name and
/// date.
pub(super) fn digest(entry: &ModelEntry) -> String {
    let hash = Sha256::digest(format!("{} {}", entry.id, entry.created));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Size of the model's file, in bytes.
pub(super) fn size(entry: &ModelEntry) -> u64 {
    entry.loaded.as_ref().map(|m| m.details.file_bytes).filter(|n| *n > 0).unwrap_or(entry.bytes)
}

/// Returns the `details` of a model; little is known of one that is not loaded.
pub(super) fn details(entry: &ModelEntry) -> Value {
    entry.loaded.as_ref().map_or_else(|| details_of(&ModelDetails::default()), |model| details_of(&model.details))
}

/// Writes the `details` of a model that is loaded.
pub(super) fn details_of(details: &ModelDetails) -> Value {
    let families = (!details.architecture.is_empty()).then(|| vec![details.architecture.clone()]);
    json!({
        "parent_model": "", "format": "gguf", "family": details.architecture, "families": families,
        "parameter_size": parameter_size(details.n_parameters), "quantization_level": details.file_type,
    })
}

/// Spells a number of parameters: `135M`, `1.7B`.
fn parameter_size(n: u64) -> String {
    let (n, unit) = match n {
        0 => return String::new(),
        1..1_000_000 => (n as f64 / 1e3, "K"),
        1_000_000..1_000_000_000 => (n as f64 / 1e6, "M"),
        _ => (n as f64 / 1e9, "B"),
    };
    format!("{n:.1}{unit}")
}

#[cfg(test)]
mod tests {
    use super::parameter_size;

    #[test]
    fn parameters_are_counted_in_round_numbers() {
        let check = |n, expected: &str| assert_eq!(parameter_size(n), expected);
        check(0, "");
        check(260_000, "260.0K");
        check(134_515_008, "134.5M");
        check(7_241_732_096, "7.2B");
    }
}
