//! How a model's makers say that tokens are to be picked: `generation_config.json` → `general.sampling.*`, llama.cpp's
//! keys.

use std::path::Path;

use gguf::{Metadata, Value};

use super::fields::Fields;
use crate::Error;

/// Settings: name in the file, GGUF's key, and the least and largest value that mean something.
const NUMBERS: &[(&str, &str, f64, f64)] = &[
    ("temperature", "general.sampling.temp", 0.0, 100.0),
    ("top_p", "general.sampling.top_p", 0.0, 1.0),
    ("min_p", "general.sampling.min_p", 0.0, 1.0),
    ("repetition_penalty", "general.sampling.penalty_repeat", 0.01, 100.0),
];

/// Sets the keys of sampling; returns lines about what was read as absent. Where `do_sample` is false the file's values
/// have no effect, and none is taken.
pub(super) fn read(folder: &Path, metadata: &mut Metadata) -> Result<Vec<String>, Error> {
    let Some(fields) = Fields::read(&folder.join("generation_config.json"))? else { return Ok(Vec::new()) };
    if fields.flag("do_sample")? == Some(false) {
        return Ok(Vec::new());
    }
    let mut warnings = Vec::new();
    let outside = |name: &str, value: f64, expected: &str| {
        format!("{}: {name}: {value}, expected {expected}: read as absent", fields.file_name())
    };
    for &(name, key, least, largest) in NUMBERS {
        match fields.float(name)? {
            None => {}
            Some(value) if (least..=largest).contains(&value) => metadata.set(key, Value::F32(value as f32)),
            Some(value) => warnings.push(outside(name, value, &format!("{least} to {largest}"))),
        }
    }
    if let Some(top_k) = fields.float("top_k")? {
        if top_k.fract() == 0.0 && (0.0..=f64::from(i32::MAX)).contains(&top_k) {
            metadata.set("general.sampling.top_k", Value::I32(top_k as i32));
        } else {
            warnings.push(outside("top_k", top_k, "a count"));
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use engine::SamplingDefaults;

    use super::*;

    #[test]
    fn ranges_are_those_that_the_engine_takes() {
        for &(_, key, least, largest) in NUMBERS {
            let warnings = |value: f64| {
                let mut metadata = Metadata::default();
                metadata.set(key, Value::F32(value as f32));
                SamplingDefaults::of_model(&metadata).1
            };
            for taken in [least, largest] {
                assert_eq!(warnings(taken), Vec::<String>::new(), "{key} {taken}");
            }
            for refused in [least - 0.001, largest + 0.001] {
                let told = warnings(refused).concat();
                assert!(told.contains(&format!("expected {least} to {largest}")), "{key} {refused}: {told:?}");
            }
        }
    }
}
