//! [`AdapterArgs`]: the files that change what a model says without being one, as llama.cpp's flags name them.

use std::{fmt::Write as _, fs, path::Path, time::UNIX_EPOCH};

use clap::Args;
use gguf::Container;
use model::Model;

use crate::{cli::group, failure::Failure};

/// What is added to a model.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = group::CONTEXT)]
pub(crate) struct AdapterArgs {
    /// LoRA adapter (GGUF) of the model, and how strongly it is added if not as its file says; may be given several
    /// times
    #[arg(long, value_name = "FILE[=SCALE]")]
    pub(crate) lora: Vec<String>,
    /// Control vector (GGUF) of the model, and how strongly it is added; may be given several times
    #[arg(long, value_name = "FILE[=SCALE]")]
    pub(crate) control_vector: Vec<String>,
    /// First and last layer, counted from 0, that control vectors are added to [default: all that they are for]
    #[arg(long, num_args = 2, value_names = ["FIRST", "LAST"], requires = "control_vector")]
    pub(crate) control_vector_layer_range: Vec<usize>,
}

impl AdapterArgs {
    /// Adds all of it to a model.
    pub(super) fn apply(&self, model: &mut Model) -> Result<(), Failure> {
        for (path, scale) in self.loras() {
            model.adapt(&open(path)?, scale)?;
        }
        let layers = match self.control_vector_layer_range.as_slice() {
            [first, last] => Some(*first..=*last),
            _ => None,
        };
        for (path, scale) in self.control_vector.iter().map(|given| scaled(given)) {
            model.steer(&open(path)?, scale, layers.clone())?;
        }
        Ok(())
    }

    /// Paths and scales of the adapters.
    pub(super) fn loras(&self) -> impl Iterator<Item = (&str, f32)> {
        self.lora.iter().map(|given| scaled(given))
    }

    /// What tells one choice of files from another: their names and scales, and that they have not changed.
    pub(super) fn identity(&self) -> String {
        let mut text = String::new();
        for given in self.lora.iter().chain(&self.control_vector) {
            let about = fs::metadata(scaled(given).0).ok();
            let modified = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
            let _ = write!(text, " {given:?} {:?} {modified:?}", about.map(|about| about.len()));
        }
        if !text.is_empty() {
            let _ = write!(text, " {:?}", self.control_vector_layer_range);
        }
        text
    }
}

/// Cuts a scale off the end of `FILE=SCALE`, or of llama.cpp's `FILE:SCALE`; 1 if there is none.
fn scaled(given: &str) -> (&str, f32) {
    let cut = given.rsplit_once(['=', ':']).and_then(|(path, scale)| Some((path, scale.parse().ok()?)));
    cut.filter(|_| !Path::new(given).exists()).unwrap_or((given, 1.0))
}

fn open(path: &str) -> Result<Container, Failure> {
    Ok(Container::open(Path::new(path))?)
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn a_scale_is_told_from_a_name() {
        for (given, expected) in [
            ("a.gguf", ("a.gguf", 1.0)),
            ("a.gguf=0.5", ("a.gguf", 0.5)),
            ("a.gguf:-2", ("a.gguf", -2.0)),
            ("c:\\a.gguf", ("c:\\a.gguf", 1.0)),
            ("rank=8/a.gguf", ("rank=8/a.gguf", 1.0)),
            ("rank=8/a.gguf=3", ("rank=8/a.gguf", 3.0)),
        ] {
            assert_eq!(scaled(given), expected, "{given}");
        }
    }
}
