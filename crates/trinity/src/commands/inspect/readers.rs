//! Which programs read a file: by its kind, the types of its tensors, its architecture, and metadata without which
//! weights mean something else. What each program reads stands in `readers.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use gguf::{Container, FileKind, ImportanceMatrix, Metadata};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::containers;
use crate::terminal::escape;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("readers.toml")).unwrap_or_else(|error| panic!("readers.toml of this program: {error}"))
});

/// How trinity takes importance matrices, of llama.cpp's older form too.
const TAKES_IMPORTANCE: &str = "quantize --imatrix";
const TAKES_ADAPTERS: &str = "--lora, beside the model that it is for";
const TAKES_VECTORS: &str = "--control-vector, beside the model that it is for";

/// Name in the table of importance matrices of llama.cpp's older form.
const IMATRIX_DAT: &str = "imatrix.dat";

/// `readers.toml`, which says what its fields mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    as_of: String,
    shared_types: BTreeSet<String>,
    program: Vec<Program>,
}

/// A program, and what it reads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    name: String,
    version: String,
    types: BTreeSet<String>,
    architectures: BTreeSet<String>,
    #[serde(default)]
    rotated: BTreeSet<String>,
    #[serde(default)]
    type_remarks: BTreeMap<String, String>,
    #[serde(default)]
    takes: BTreeMap<String, String>,
    #[serde(default)]
    kind_remarks: BTreeMap<String, String>,
    #[serde(default)]
    takes_projectors: bool,
}

/// Says of one program whether it reads the file.
pub(super) struct Verdict {
    program: &'static str,
    version: &'static str,
    answer: Answer,
}

enum Answer {
    Yes,
    /// By this option, not as a model.
    As(&'static str),
    /// For these reasons.
    No(Vec<String>),
    /// Types are known to it, but this decides and is not in the table.
    Unknown(String),
}

/// What decides about a file.
struct Traits<'a> {
    kind: FileKind,
    types: Vec<&'static str>,
    /// That of the model, its own or the one that it goes with; `None` where that does not matter.
    architecture: Option<&'a str>,
    is_rotated: bool,
}

impl<'a> Traits<'a> {
    fn of(container: &'a Container) -> Self {
        let mut types: Vec<&str> = container.tensors().iter().map(containers::name).collect();
        types.sort_unstable();
        types.dedup();
        let metadata = container.metadata();
        let kind = FileKind::of(metadata);
        let text = |key: &str| metadata.str(key).ok().flatten().unwrap_or_default();
        let architecture = match kind {
            FileKind::Model | FileKind::LoraAdapter | FileKind::Adapter => Some(text("general.architecture")),
            FileKind::ControlVector => Some(text("controlvector.model_hint")),
            FileKind::Projector | FileKind::ImportanceMatrix => None,
        };
        Self { kind, types, architecture, is_rotated: is_rotated(metadata) }
    }
}

/// All programs, trinity first: what it says is what its loader said.
pub(super) fn verdicts(container: &Container, loads: Result<(), &str>) -> Vec<Verdict> {
    let traits = Traits::of(container);
    let is_known = |name: &str| model::ARCHITECTURES.contains(&name);
    let answer = match (traits.kind, loads) {
        (FileKind::ImportanceMatrix, _) => match ImportanceMatrix::read(container) {
            Ok(_) => Answer::As(TAKES_IMPORTANCE),
            Err(error) => Answer::No(vec![error.to_string()]),
        },
        (FileKind::LoraAdapter, _) if traits.architecture.is_some_and(is_known) => {
            match model::check_adapter(container) {
                Ok(()) => Answer::As(TAKES_ADAPTERS),
                Err(error) => Answer::No(vec![error.to_string()]),
            }
        }
        (FileKind::ControlVector, _) => Answer::As(TAKES_VECTORS),
        (_, Ok(())) => Answer::Yes,
        (_, Err(reason)) => Answer::No(vec![reason.to_owned()]),
    };
    let trinity = Verdict { program: "trinity", version: env!("CARGO_PKG_VERSION"), answer };
    std::iter::once(trinity).chain(others(|program| program.judge(&traits))).collect()
}

/// All programs on a checkpoint in safetensors.
pub(super) fn verdicts_of_checkpoint() -> Vec<Verdict> {
    let yes = |program, version| Verdict { program, version, answer: Answer::Yes };
    let readers =
        [yes("trinity convert", env!("CARGO_PKG_VERSION")), yes("transformers or mlx-lm", "(which wrote it)")];
    readers.into_iter().chain(others(|_| Answer::No(vec!["reads GGUF only".to_owned()]))).collect()
}

/// All programs on importance matrices of llama.cpp's older form.
pub(super) fn verdicts_of_older_importance() -> Vec<Verdict> {
    let answer = Answer::As(TAKES_IMPORTANCE);
    let trinity = Verdict { program: "trinity", version: env!("CARGO_PKG_VERSION"), answer };
    let judge = |program: &'static Program| match program.takes.get(IMATRIX_DAT) {
        Some(how) => Answer::As(how),
        None => Answer::No(vec![FileKind::ImportanceMatrix.to_string()]),
    };
    std::iter::once(trinity).chain(others(judge)).collect()
}

/// A verdict on each program of the table.
fn others(judge: impl Fn(&'static Program) -> Answer) -> impl Iterator<Item = Verdict> {
    let judged = move |program: &'static Program| {
        let Program { name, version, .. } = program;
        Verdict { program: name, version, answer: judge(program) }
    };
    TABLE.program.iter().map(judged)
}

/// Are weights stored rotated?
fn is_rotated(metadata: &Metadata) -> bool {
    metadata.get("prism.hadamard.version").is_some()
}

impl Program {
    fn judge(&'static self, traits: &Traits<'_>) -> Answer {
        let has = |name: &str| self.types.contains(name) || TABLE.shared_types.contains(name);
        let mut reasons: Vec<String> =
            traits.types.iter().filter(|name| !has(name)).map(|name| self.without(name)).collect();
        if traits.types.is_empty() {
            reasons.push("there are no tensors".to_owned());
        }
        let architecture = traits.architecture;
        let is_known = architecture.is_none_or(is_known);
        if let Some(name) = architecture.filter(|name| is_known && !self.architectures.contains(*name)) {
            reasons.push(format!("architecture {name}"));
        }
        if traits.is_rotated && !architecture.is_some_and(|name| self.rotated.contains(name)) {
            reasons.push("rotated weights (prism.hadamard.*)".to_owned());
        }
        let how = self.takes.get(traits.kind.name());
        let may_project = traits.kind == FileKind::Projector && self.takes_projectors;
        if traits.kind != FileKind::Model && how.is_none() && !may_project {
            reasons.push(self.without_kind(traits.kind));
        }
        match (architecture, how) {
            _ if !reasons.is_empty() => Answer::No(reasons),
            (Some(name), _) if !is_known => Answer::Unknown(format!("architecture {name:?}")),
            _ if may_project => Answer::Unknown("the type of projector".to_owned()),
            (_, Some(how)) => Answer::As(how),
            (_, None) => Answer::Yes,
        }
    }

    fn without_kind(&self, kind: FileKind) -> String {
        match self.kind_remarks.get(kind.name()) {
            Some(remark) => format!("{kind} ({remark})"),
            None => kind.to_string(),
        }
    }

    fn without(&self, type_name: &str) -> String {
        match self.type_remarks.get(type_name) {
            Some(remark) => format!("type {type_name} ({remark})"),
            None => format!("type {type_name}"),
        }
    }
}

/// Does the table speak of the architecture?
fn is_known(architecture: &str) -> bool {
    TABLE.program.iter().any(|program| program.architectures.contains(architecture))
}

impl Verdict {
    fn answer_text(&self) -> String {
        match &self.answer {
            Answer::Yes => "yes".to_owned(),
            Answer::As(how) => format!("yes: {how}"),
            Answer::No(reasons) => format!("no: {}", reasons.join(", ")),
            Answer::Unknown(what) => format!("perhaps: the types yes, {what} is not in this table"),
        }
    }

    fn to_json(&self) -> Json {
        let (reads, why) = match &self.answer {
            Answer::Yes => (Some(true), Vec::new()),
            Answer::As(how) => (Some(true), vec![(*how).to_owned()]),
            Answer::No(reasons) => (Some(false), reasons.clone()),
            Answer::Unknown(what) => (None, vec![what.clone()]),
        };
        json!({"program": self.program, "version": self.version, "reads": reads, "why": why})
    }
}

/// A line for each verdict, below one that says how old the table is.
pub(super) fn to_text(verdicts: &[Verdict]) -> String {
    let line =
        |v: &Verdict| format!("    {:<45}{}\n", format!("{} {}", v.program, v.version), escape(&v.answer_text()));
    format!("  read by       (as of {})\n{}", TABLE.as_of, verdicts.iter().map(line).collect::<String>())
}

/// The verdicts for programs, with the age of the table.
pub(super) fn to_json(verdicts: &[Verdict]) -> Json {
    json!({"as_of": TABLE.as_of, "programs": verdicts.iter().map(Verdict::to_json).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use gguf::{Layout, TypeId};

    fn check(types: &[&'static str], architecture: &str, is_rotated: bool, expected: &[&str]) {
        let kind = FileKind::Model;
        let traits = Traits { kind, types: types.to_vec(), architecture: Some(architecture), is_rotated };
        assert_eq!(said(&traits), expected, "{types:?} {architecture} {is_rotated}");
    }

    fn said(traits: &Traits<'_>) -> Vec<String> {
        others(|program| program.judge(traits)).map(|verdict| verdict.answer_text()).collect()
    }

    /// What is no model is never said to be read as one.
    #[test]
    fn files_that_go_with_models_are_taken_by_an_option_or_not_at_all() {
        let of = |kind, architecture| said(&Traits { kind, types: vec!["F32"], architecture, is_rotated: false });
        let lora = "yes: --lora, beside the model that it is for";
        let ollama = "no: a LoRA adapter (Ollama once took some)";
        assert_eq!(of(FileKind::LoraAdapter, Some("llama")), [lora, ollama, lora, lora, lora, lora]);
        let bitnet = "no: architecture qwen3";
        assert_eq!(of(FileKind::LoraAdapter, Some("qwen3")), [lora, ollama, lora, bitnet, lora, lora]);
        let vector = "yes: --control-vector, beside the model that it is for";
        assert_eq!(
            of(FileKind::ControlVector, Some("llama")),
            [vector, "no: a control vector", vector, vector, vector, vector]
        );
        let matrix = "yes: llama-quantize --imatrix";
        let said = of(FileKind::ImportanceMatrix, None);
        assert_eq!([&said[0], &said[1], &said[4]], [matrix, "no: an importance matrix", matrix]);
        assert!(said[2].starts_with("no: an importance matrix (in GGUF") && said[3].starts_with("no: "), "{said:?}");
        for (program, said) in TABLE.program.iter().zip(of(FileKind::Projector, None)) {
            let expected = if program.name == "bitnet.cpp" { "no: a projector" } else { "perhaps: " };
            assert!(said.starts_with(expected), "{}: {said}", program.name);
        }
        assert!(of(FileKind::Adapter, Some("llama")).iter().all(|said| said == "no: an adapter"));
    }

    #[test]
    fn types_architectures_and_rotations_decide() {
        check(&["F32", "Q4_K"], "llama", false, &["yes"; 6]);
        let iq2_bn = "no: type IQ2_BN";
        check(&["F32", "IQ2_BN"], "bitnet", false, &[iq2_bn, iq2_bn, "yes", iq2_bn, iq2_bn, iq2_bn]);
        let both = "no: type I2_S, architecture bitnet-b1.58";
        let ik = "no: type I2_S (its llama-quantize makes IQ2_BN of it)";
        check(&["F32", "I2_S"], "bitnet-b1.58", false, &[both, both, ik, "yes", both, both]);
        let old = "no: type Q2_0/128";
        check(&["Q2_0/128"], "phi3", false, &[old, old, old, old, old, "yes"]);
        let rotated = "no: type PQ2_0, rotated weights (prism.hadamard.*)";
        let bitnet = "no: type PQ2_0, architecture qwen3, rotated weights (prism.hadamard.*)";
        check(&["PQ2_0"], "qwen3", true, &[rotated, rotated, rotated, bitnet, "yes", rotated]);
        check(&["F32"], "new", false, &["perhaps: the types yes, architecture \"new\" is not in this table"; 6]);
    }

    /// A misspelt name would never match anything.
    #[test]
    fn names_in_the_table_are_names_of_types_kinds_and_architectures() {
        let mut types: BTreeSet<&str> =
            (0..=u32::from(u8::MAX)).filter(|id| TypeId(*id).layout().is_some()).map(|id| TypeId(id).name()).collect();
        types.extend([Layout::Tl2.name(), containers::OLD_Q2_0]);
        let mut kinds: BTreeSet<&str> =
            [FileKind::LoraAdapter, FileKind::Adapter, FileKind::ControlVector, FileKind::ImportanceMatrix]
                .map(FileKind::name)
                .into();
        kinds.insert(IMATRIX_DAT);
        assert!(TABLE.shared_types.iter().all(|name| types.contains(name.as_str())), "{:?}", TABLE.shared_types);
        for program in &TABLE.program {
            let (name, version) = (&program.name, &program.version);
            for of_type in program.types.iter().chain(program.type_remarks.keys()) {
                let is_new = types.contains(of_type.as_str()) && !TABLE.shared_types.contains(of_type);
                assert!(is_new, "{name} {version}: type {of_type}");
            }
            for kind in program.takes.keys().chain(program.kind_remarks.keys()) {
                assert!(kinds.contains(kind.as_str()), "{name} {version}: kind {kind}");
            }
            assert!(program.rotated.is_subset(&program.architectures), "{name} {version}: {:?}", program.rotated);
        }
    }

    #[test]
    fn the_table_has_every_architecture_that_trinity_reads() {
        for name in model::ARCHITECTURES {
            assert!(is_known(name), "{name}");
        }
    }
}
