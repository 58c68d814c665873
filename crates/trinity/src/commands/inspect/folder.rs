//! What `inspect` knows about a model as Hugging Face keeps it: a folder, or a `.safetensors` file with its
//! configuration beside it.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use convert::{
    Freedom, Plan, Source, SourceTensor, Stored, Target,
    hf::{self, HfOptions, HuggingFace, Ternarise},
};
use serde_json::{Value as Json, json};

use super::{
    facts::{self, bits_per_weight, count_text},
    readers,
};
use crate::{
    commands::{conversion, convert::default_target},
    failure::{self, Failure, Kind},
    terminal::{bytes_text, escape},
};

/// How the folder keeps the values of some tensors.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kept {
    /// Codes of two bits under scales.
    Packed,
    /// Floats of that type which the model rounds to ternary weights whenever it computes.
    Masters(&'static str),
    /// Plain values in the type of that name.
    Plain(&'static str),
    /// Bytes that only the programs which wrote them decode.
    Opaque,
}

/// The facts of one folder.
pub(super) struct FolderFacts {
    source: HuggingFace,
    file_bytes: u64,
    /// Tensors and weights.
    kinds: BTreeMap<Kept, (usize, u64)>,
    /// What `convert` would write, or why it would not.
    plan: Result<Plan, String>,
}

/// Returns whether `path` is a folder or checkpoint for this module to describe.
pub(super) fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|e| e == "safetensors")
}

impl Kept {
    fn of(tensor: &SourceTensor, master: Option<&SourceTensor>) -> Self {
        match (tensor.stored, master.map(|t| t.stored)) {
            (Stored::Ternary, Some(Stored::As(format))) => Self::Masters(format.name()),
            (Stored::Ternary, _) => Self::Packed,
            (Stored::As(format), _) => Self::Plain(format.name()),
            _ => Self::Opaque,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Packed => "ternary, packed four weights a byte".to_owned(),
            Self::Masters(name) => format!("{name} masters, ternary by absmean whenever they are used"),
            Self::Plain(name) => (*name).to_owned(),
            Self::Opaque => "without a decoder".to_owned(),
        }
    }

    fn to_json(&self, (n_tensors, n_weights): (usize, u64)) -> Json {
        let (kept, name) = match self {
            Self::Packed => ("ternary_packed", None),
            Self::Masters(name) => ("ternary_masters", Some(name)),
            Self::Plain(name) => ("plain", Some(name)),
            Self::Opaque => ("opaque", None),
        };
        json!({"kept": kept, "type": name, "n_tensors": n_tensors, "n_weights": n_weights})
    }
}

impl FolderFacts {
    /// Opens and plans; `n_threads` look whether float matrices are ternary.
    pub(super) fn of(path: &Path, n_threads: usize) -> Result<Self, Failure> {
        let open = |ternarise| hf::open(path, &HfOptions { ternarise });
        let source = open(Ternarise::AsConfigured)?;
        // Masters and packed weights both come out ternary; the former only if asked to.
        let is_ternary = source.tensors().iter().any(|t| t.stored == Stored::Ternary);
        let masters = if is_ternary { Some(open(Ternarise::Never)?) } else { None };
        let masters = masters.as_ref().map_or(&[][..], |m| m.tensors());
        let mut kinds = BTreeMap::<Kept, (usize, u64)>::new();
        for (i, tensor) in source.tensors().iter().enumerate() {
            let (n_tensors, n_weights) = kinds.entry(Kept::of(tensor, masters.get(i))).or_default();
            *n_tensors += 1;
            *n_weights += tensor.n_weights();
        }
        let plan = match default_target(&source, false) {
            Some(target @ Target::Format(_)) => convert::retyped(&source, target, Freedom::Exact, n_threads),
            _ => Plan::keep(&source),
        };
        let plan = plan.map_err(|e| failure::chain(&e));
        Ok(Self { file_bytes: weight_bytes(path)?, source, kinds, plan })
    }

    fn n_weights(&self) -> u64 {
        self.kinds.values().map(|(_, n)| n).sum()
    }

    fn is_ternary(&self) -> bool {
        self.kinds.keys().any(|kept| matches!(kept, Kept::Packed | Kept::Masters(_)))
    }

    /// Names and kinds of all tensors, as `--tensors` lists them.
    pub(super) fn source(&self) -> &HuggingFace {
        &self.source
    }

    /// The folder described in lines, for people.
    pub(super) fn to_text(&self) -> Result<String, Failure> {
        let metadata = self.source.metadata();
        let mut out = format!("{}\n", escape(self.source.name()));
        let mut line = |word: &str, value: &str| {
            let _ = writeln!(out, "  {word:<14}{}", escape(value));
        };
        line("format", &format!("Hugging Face safetensors, {} tensors", self.source.tensors().len()));
        line("architecture", &facts::architecture(metadata));
        let (bytes, weights) = (bytes_text(self.file_bytes), count_text(self.n_weights()));
        let bits = bits_per_weight(self.file_bytes, self.n_weights());
        line("size", &format!("{bytes} in safetensors, {weights} weights, {bits:.2} bits per weight"));
        line("shape", &facts::shape_text(&facts::shape(metadata)));
        for (kept, (n, weights)) in &self.kinds {
            line("kept", &format!("{n:>4} tensors, {:>9} weights: {}", count_text(*weights), kept.text()));
        }
        match &self.plan {
            Ok(plan) => {
                line("convert to", "NAME.gguf makes");
                for text in conversion::totals_text(&self.source, plan)?.lines() {
                    line("", text);
                }
            }
            Err(reason) => line("convert to", &format!("NAME.gguf refuses without --to: {reason}")),
        }
        if self.is_ternary() {
            line("convert to", "NAME.tri makes of each ternary matrix the smallest tri1 type that holds it exactly");
        }
        out += &readers::to_text(&readers::verdicts_of_checkpoint());
        Ok(out)
    }

    /// The folder described as JSON, for programs.
    pub(super) fn to_json(&self) -> Result<Json, Failure> {
        let metadata = self.source.metadata();
        let mut object = json!({
            "file": self.source.name(),
            "format": "safetensors",
            "architecture": facts::architecture(metadata),
            "name": facts::text_of(metadata, "general.name"),
            "file_bytes": self.file_bytes,
            "n_tensors": self.source.tensors().len(),
            "n_weights": self.n_weights(),
            "bits_per_weight": bits_per_weight(self.file_bytes, self.n_weights()),
            "is_ternary": self.is_ternary(),
            "kept": self.kinds.iter().map(|(kept, counts)| kept.to_json(*counts)).collect::<Vec<_>>(),
            "readers": readers::to_json(&readers::verdicts_of_checkpoint()),
        });
        match &self.plan {
            Ok(plan) => object["convert_makes"] = conversion::totals_json(&self.source, plan)?,
            Err(reason) => object["convert_refuses"] = json!(reason),
        }
        for (word, n) in facts::shape(metadata) {
            object[word] = json!(n);
        }
        Ok(object)
    }
}

/// Sum of the sizes of all `.safetensors` files.
fn weight_bytes(path: &Path) -> Result<u64, Failure> {
    let failure = |path: &Path, e: std::io::Error| Failure::new(Kind::Failure, format!("{}: {e}", path.display()));
    let files: Vec<PathBuf> = if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|e| failure(path, e))?;
        entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>().map_err(|e| failure(path, e))?
    } else {
        vec![path.to_owned()]
    };
    let weights = files.iter().filter(|file| file.extension().is_some_and(|e| e == "safetensors"));
    weights.map(|file| Ok(fs::metadata(file).map_err(|e| failure(file, e))?.len())).sum()
}

/// How a source keeps a tensor, in a word.
pub(super) fn stored_text(tensor: &SourceTensor) -> &'static str {
    match tensor.stored {
        Stored::As(format) => format.name(),
        Stored::Ternary => "ternary",
        _ => "opaque",
    }
}
