//! Which programs read a file: by its kind, the types of its tensors, its architecture, and metadata without which weights mean something else.
//!
//! Sources: `ggml_type` and `LLM_ARCH_NAMES` in the code of llama.cpp, ik_llama.cpp and of the llama.cpp that bitnet.cpp began with, to which its README
//! and converters add `bitnet-b1.58`; `ggml_type` and the README of PrismML's llama.cpp, which tells its branches apart. Files that go with models: the
//! options of these programs; `server/create.go` of Ollama, which refuses LoRA adapters by name.

use gguf::{Container, FileKind, ImportanceMatrix, Metadata};
use serde_json::{Value as Json, json};

use super::containers;
use crate::terminal::escape;

/// When the table was made.
const AS_OF: &str = "August 2026";

/// A program, and what it reads; names stand apart by spaces.
struct Program {
    name: &'static str,
    version: &'static str,
    types: &'static [&'static str],
    architectures: &'static str,
    /// Architectures whose rotated weights (`prism.hadamard.*`) it reads.
    rotated: &'static str,
}

/// Types that all of them have.
const SHARED_TYPES: &str = "F32 F16 BF16 F64 I8 I16 I32 I64 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K \
    IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS";

/// Architectures of llama.cpp, of those that [`ARCHITECTURES`] has.
const LLAMA_CPP: &str =
    "llama qwen2 qwen3 qwen3moe qwen3next qwen35 qwen35moe gemma2 gemma3 phi3 bitnet olmo2 smollm3 granite";

/// The architectures of which the table speaks: those that trinity reads, and others that ternary models have.
const ARCHITECTURES: &[&str] = &[LLAMA_CPP, "bitnet-b1.58 bitnet-25"];

const PROGRAMS: &[Program] = &[
    Program {
        name: "llama.cpp",
        version: "b10573",
        types: &[SHARED_TYPES, "TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0"],
        architectures: LLAMA_CPP,
        rotated: "",
    },
    Program {
        name: "Ollama, LM Studio",
        version: "with llama.cpp b10573",
        types: &[SHARED_TYPES, "TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0"],
        architectures: LLAMA_CPP,
        rotated: "",
    },
    Program {
        name: "ik_llama.cpp",
        version: "8337e4c",
        types: &[SHARED_TYPES, "MXFP4 Q1_0 IQ1_BN IQ2_BN"],
        architectures: "llama qwen2 qwen3 qwen3moe qwen3next qwen35 qwen35moe gemma2 gemma3 phi3 bitnet bitnet-b1.58 bitnet-25 smollm3 granite",
        rotated: "",
    },
    Program {
        name: "bitnet.cpp",
        version: "16da220",
        types: &[SHARED_TYPES, "TQ1_0 TQ2_0 I2_S TL1 TL2"],
        architectures: "llama qwen2 gemma2 phi3 bitnet bitnet-b1.58 bitnet-25 granite",
        rotated: "",
    },
    Program {
        name: "PrismML's llama.cpp",
        version: "prism-v7",
        types: &[SHARED_TYPES, "TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0 PQ2_0 PTQ1_0"],
        architectures: LLAMA_CPP,
        rotated: "llama qwen3 qwen3moe qwen3next qwen35 qwen35moe",
    },
    Program {
        name: "PrismML's llama.cpp",
        version: "prism, its older branch",
        types: &[SHARED_TYPES, "TQ1_0 TQ2_0 MXFP4 Q1_0", containers::OLD_Q2_0],
        architectures: LLAMA_CPP,
        rotated: "",
    },
];

/// What a program makes of a type that it does not compute with: (program, type, remark).
const REMARKS: &[(&str, &str, &str)] = &[
    ("ik_llama.cpp", "I2_S", "its llama-quantize makes IQ2_BN of it"),
    ("bitnet.cpp", "MXFP4", "takes number 39 for TL2"),
];

/// What begins with llama.cpp's own way of taking adapters and vectors.
const LLAMA_CPPS: &[&str] = &["llama.cpp", "ik_llama.cpp", "bitnet.cpp", "PrismML's llama.cpp"];

/// How programs take files that go with models: (kind, programs, how); no other takes files of that kind.
const BESIDE_MODELS: &[(FileKind, &[&str], &str)] = &[
    (FileKind::LoraAdapter, LLAMA_CPPS, "--lora, beside the model that it is for"),
    (FileKind::ControlVector, LLAMA_CPPS, "--control-vector, beside the model that it is for"),
    (FileKind::ImportanceMatrix, &["llama.cpp", "PrismML's llama.cpp"], "llama-quantize --imatrix"),
    (FileKind::ImportanceMatrix, &["trinity"], "quantize --imatrix"),
];

/// Programs that take projectors, of the types that they know.
const PROJECTING: &[&str] = &["llama.cpp", "Ollama, LM Studio", "ik_llama.cpp", "PrismML's llama.cpp"];

/// What a program makes of a kind that it does not take: (program, kind, remark).
const KIND_REMARKS: &[(&str, FileKind, &str)] = &[
    ("Ollama, LM Studio", FileKind::LoraAdapter, "Ollama once took some"),
    ("ik_llama.cpp", FileKind::ImportanceMatrix, "in GGUF; it reads the older .dat, which its script makes of this"),
    ("bitnet.cpp", FileKind::ImportanceMatrix, "in GGUF; it reads the older .dat"),
];

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

/// What of a file decides.
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

/// How `program` takes a file of this kind.
fn beside_models(program: &str, kind: FileKind) -> Option<&'static str> {
    BESIDE_MODELS.iter().find(|(of, by, _)| *of == kind && by.contains(&program)).map(|&(.., how)| how)
}

/// All programs, trinity first: what it says is what its loader said.
pub(super) fn verdicts(container: &Container, loads: Result<(), &str>) -> Vec<Verdict> {
    let traits = Traits::of(container);
    let answer = match (beside_models("trinity", traits.kind), ImportanceMatrix::read(container), loads) {
        (Some(how), Ok(_), _) => Answer::As(how),
        (Some(_), Err(error), _) => Answer::No(vec![error.to_string()]),
        (None, _, Ok(())) => Answer::Yes,
        (None, _, Err(reason)) => Answer::No(vec![reason.to_owned()]),
    };
    let trinity = Verdict { program: "trinity", version: env!("CARGO_PKG_VERSION"), answer };
    let judged =
        |program: &Program| Verdict { program: program.name, version: program.version, answer: program.judge(&traits) };
    std::iter::once(trinity).chain(PROGRAMS.iter().map(judged)).collect()
}

/// The same for a checkpoint in safetensors.
pub(super) fn verdicts_of_checkpoint() -> Vec<Verdict> {
    let yes = |program, version| Verdict { program, version, answer: Answer::Yes };
    let gguf_only = |program: &Program| Verdict {
        program: program.name,
        version: program.version,
        answer: Answer::No(vec!["reads GGUF only".to_owned()]),
    };
    let readers =
        [yes("trinity convert", env!("CARGO_PKG_VERSION")), yes("transformers or mlx-lm", "(which wrote it)")];
    readers.into_iter().chain(PROGRAMS.iter().map(gguf_only)).collect()
}

/// The same for importance matrices of llama.cpp's older form.
pub(super) fn verdicts_of_older_importance() -> Vec<Verdict> {
    let trinity = ("trinity", env!("CARGO_PKG_VERSION"), Answer::As("quantize --imatrix"));
    let judged = PROGRAMS.iter().map(|program| {
        let takes = LLAMA_CPPS.contains(&program.name);
        let no = || Answer::No(vec![FileKind::ImportanceMatrix.to_string()]);
        (program.name, program.version, if takes { Answer::As("llama-quantize --imatrix") } else { no() })
    });
    let verdict = |(program, version, answer)| Verdict { program, version, answer };
    std::iter::once(trinity).chain(judged).map(verdict).collect()
}

/// Are weights stored rotated?
fn is_rotated(metadata: &Metadata) -> bool {
    metadata.get("prism.hadamard.version").is_some()
}

fn has(lists: &[&str], word: &str) -> bool {
    lists.iter().any(|list| list.split_whitespace().any(|w| w == word))
}

impl Program {
    fn judge(&self, traits: &Traits<'_>) -> Answer {
        let mut reasons: Vec<String> =
            traits.types.iter().filter(|name| !has(self.types, name)).map(|name| self.without(name)).collect();
        if traits.types.is_empty() {
            reasons.push("there are no tensors".to_owned());
        }
        let architecture = traits.architecture;
        let is_known = architecture.is_none_or(|name| has(ARCHITECTURES, name));
        if let Some(name) = architecture.filter(|name| is_known && !has(&[self.architectures], name)) {
            reasons.push(format!("architecture {name}"));
        }
        if traits.is_rotated && !architecture.is_some_and(|name| has(&[self.rotated], name)) {
            reasons.push("rotated weights (prism.hadamard.*)".to_owned());
        }
        let how = beside_models(self.name, traits.kind);
        let may_project = traits.kind == FileKind::Projector && PROJECTING.contains(&self.name);
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
        match KIND_REMARKS.iter().find(|(program, of, _)| *program == self.name && *of == kind) {
            Some((.., remark)) => format!("{kind} ({remark})"),
            None => kind.to_string(),
        }
    }

    fn without(&self, type_name: &str) -> String {
        match REMARKS.iter().find(|(program, of, _)| *program == self.name && *of == type_name) {
            Some((.., remark)) => format!("type {type_name} ({remark})"),
            None => format!("type {type_name}"),
        }
    }
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

/// A line for each, below one that says how old the table is.
pub(super) fn to_text(verdicts: &[Verdict]) -> String {
    let line =
        |v: &Verdict| format!("    {:<45}{}\n", format!("{} {}", v.program, v.version), escape(&v.answer_text()));
    format!("  read by       (as of {AS_OF})\n{}", verdicts.iter().map(line).collect::<String>())
}

/// The same for programs.
pub(super) fn to_json(verdicts: &[Verdict]) -> Json {
    json!({"as_of": AS_OF, "programs": verdicts.iter().map(Verdict::to_json).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(types: &[&'static str], architecture: &str, is_rotated: bool, expected: &[&str]) {
        let kind = FileKind::Model;
        let traits = Traits { kind, types: types.to_vec(), architecture: Some(architecture), is_rotated };
        assert_eq!(said(&traits), expected, "{types:?} {architecture} {is_rotated}");
    }

    fn said(traits: &Traits<'_>) -> Vec<String> {
        PROGRAMS
            .iter()
            .map(|p| Verdict { program: p.name, version: p.version, answer: p.judge(traits) }.answer_text())
            .collect()
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
        for (program, said) in PROGRAMS.iter().zip(of(FileKind::Projector, None)) {
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

    #[test]
    fn the_table_has_every_architecture_that_trinity_reads() {
        for name in model::ARCHITECTURES {
            assert!(has(ARCHITECTURES, name), "{name}");
        }
    }
}
