//! `hf:ORGANISATION/REPOSITORY[@REVISION][:QUANT]`: a repository of Hugging Face, of which one file is picked.
//!
//! Case never matters: people write `q4_k_m` and files are called `Q4_K_M`.

pub(crate) mod listing;

use crate::reference::{self, EXTENSION, Wanted};

/// Quantisation that is picked of a repository that has several and where none is named, as other programs do.
pub(crate) const QUANT_DEFAULT: &str = "Q4_K_M";

/// A repository of Hugging Face, and perhaps which of its quantisations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Repository {
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) revision: String,
    /// Label like `Q4_K_M`, or the name of a file.
    pub(crate) quant: Option<String>,
}

/// Reason why no file was picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoPick {
    /// No file is of the kind that was asked for, or there is none at all.
    Nothing,
    /// Several files fit, and nothing tells which is meant.
    Several,
}

impl Repository {
    /// Parses a reference `ORGANISATION/REPOSITORY[@REVISION][:QUANT]`.
    pub(crate) fn parse(rest: &str) -> Result<Self, String> {
        let (rest, quant) = rest.split_once(':').map_or((rest, None), |(rest, quant)| (rest, Some(quant)));
        let (owner, name) = rest.split_once('/').ok_or("a repository is ORGANISATION/NAME: hf:ORGANISATION/NAME")?;
        let (name, revision) = name.split_once('@').unwrap_or((name, reference::MAIN));
        [owner, name, revision].into_iter().chain(quant).try_for_each(reference::check_word)?;
        let quant = quant.filter(|quant| !quant.eq_ignore_ascii_case("latest"));
        let [owner, name, revision] = [owner, name, revision].map(str::to_owned);
        Ok(Self { owner, name, revision, quant: quant.map(str::to_owned) })
    }

    /// Returns the spelling `organisation/name`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Returns the path of `wanted` in this repository, if it is a file of it.
    pub(crate) fn has(&self, wanted: &Wanted) -> Option<String> {
        let source = wanted.files.first()?.sources.first()?;
        let crate::Source::HuggingFace { repository, file, revision } = source else { return None };
        let is_this = repository.eq_ignore_ascii_case(&self.id()) && *revision == self.revision;
        is_this.then(|| file.clone())
    }
}

/// Picks the one of `files` with that quantisation or name; where nothing is said the only one, else [`QUANT_DEFAULT`].
pub(crate) fn pick(files: &[&str], quant: Option<&str>) -> Result<usize, NoPick> {
    let models: Vec<usize> = files.iter().enumerate().filter(|(_, f)| is_model(f)).map(|(i, _)| i).collect();
    let labelled = |label: &str| -> Vec<usize> {
        let is_so = |i: &usize| files.get(*i).and_then(|f| quant_of(f)).is_some_and(|q| q.eq_ignore_ascii_case(label));
        models.iter().copied().filter(is_so).collect()
    };
    let only = |found: Vec<usize>| match found.as_slice() {
        [] => Err(NoPick::Nothing),
        [only] => Ok(*only),
        _ => Err(NoPick::Several),
    };
    match quant {
        None if models.len() > 1 => only(labelled(QUANT_DEFAULT)).map_err(|_| NoPick::Several),
        None => only(models),
        Some(quant) if quant.to_ascii_lowercase().ends_with(EXTENSION) => {
            let is_so = |i: &usize| files.get(*i).is_some_and(|f| reference::last(f).eq_ignore_ascii_case(quant));
            only(models.into_iter().filter(is_so).collect())
        }
        Some(quant) => only(labelled(quant)),
    }
}

/// Whether a file can be run by itself; projectors, importance matrices and the further parts of a split model cannot.
pub(crate) fn is_model(file: &str) -> bool {
    let name = reference::last(file).to_ascii_lowercase();
    let Some(stem) = name.strip_suffix(EXTENSION) else { return false };
    let is_further_part = parts(stem).is_some_and(|(_, i)| i != "00001");
    !is_further_part && !stem.contains("mmproj") && !stem.contains("imatrix")
}

/// Takes the stem of a split file apart: `stem-00001-of-00003` → (`stem`, `00001`).
fn parts(stem: &str) -> Option<(&str, &str)> {
    let (rest, n) = stem.rsplit_once("-of-")?;
    let (stem, i) = rest.rsplit_once('-')?;
    let is_number = |t: &str| t.len() == 5 && t.bytes().all(|b| b.is_ascii_digit());
    (is_number(i) && is_number(n)).then_some((stem, i))
}

/// Returns the word of a file's name that tells its quantisation, as it is written there: `model-UD-Q4_K_XL.gguf` →
/// `UD-Q4_K_XL`.
pub(crate) fn quant_of(file: &str) -> Option<&str> {
    let name = reference::last(file);
    let stem = name.get(..name.len().checked_sub(EXTENSION.len())?)?;
    let stem = parts(stem).map_or(stem, |(stem, _)| stem);
    let mut words = stem.rsplit(['-', '.']);
    let word = words.find(|word| is_quant(word))?;
    let at = word.as_ptr() as usize - stem.as_ptr() as usize;
    let before = at.checked_sub(3).filter(|at| stem.get(*at..).is_some_and(|s| s.starts_with("UD-")));
    stem.get(before.unwrap_or(at)..at + word.len())
}

/// Whether a word looks like a type of weights.
fn is_quant(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let numbered = ["q", "iq", "tq", "pq", "i1_", "i2_", "tl", "mxfp", "nvfp"];
    let is_numbered = numbered.iter().any(|start| {
        let rest = word.strip_prefix(start);
        rest.is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()) || (start.ends_with('_') && !r.is_empty()))
    });
    is_numbered || ["f16", "bf16", "fp16", "f32", "fp32"].contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantisations_are_told_by_names() {
        let check = |file: &str, quant: Option<&str>| assert_eq!(quant_of(file), quant, "{file}");
        check("Qwen3-0.6B-Q8_0.gguf", Some("Q8_0"));
        check("qwen2.5-0.5b-instruct-q4_k_m.gguf", Some("q4_k_m"));
        check("tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf", Some("Q4_K_M"));
        check("sub/Model-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL"));
        check("ggml-model-i2_s.gguf", Some("i2_s"));
        check("Ternary-Bonsai-8B-Q2_0_g64.gguf", Some("Q2_0_g64"));
        check("big-IQ2_XXS-00001-of-00003.gguf", Some("IQ2_XXS"));
        check("model-bf16.gguf", Some("bf16"));
        check("Qwen3-0.6B.gguf", None);
        check("x", None);
    }

    #[test]
    fn one_file_is_picked() {
        let check = |files: &[&str], quant: Option<&str>, expected: Result<usize, NoPick>| {
            assert_eq!(pick(files, quant), expected, "{files:?} {quant:?}");
        };
        let many =
            ["README.md", "m-Q4_K_S.gguf", "m-Q4_K_M.gguf", "m-UD-Q4_K_M.gguf", "mmproj-m-f16.gguf", "m-f16.gguf"];
        check(&many, None, Ok(2));
        check(&many, Some("q4_k_s"), Ok(1));
        check(&many, Some("ud-q4_k_m"), Ok(3));
        check(&many, Some("F16"), Ok(5));
        check(&many, Some("Q4_K"), Err(NoPick::Nothing));
        check(&many, Some("M-q4_k_s.GGUF"), Ok(1));
        check(&["a-Q8_0.gguf", "b-Q8_0.gguf"], Some("Q8_0"), Err(NoPick::Several));
        check(&["a-Q8_0.gguf", "a-Q2_K.gguf"], None, Err(NoPick::Several));
        check(&["a.gguf"], None, Ok(0));
        check(&["a-Q8_0-00001-of-00002.gguf", "a-Q8_0-00002-of-00002.gguf"], None, Ok(0));
        check(&["model.safetensors"], None, Err(NoPick::Nothing));
    }
}
