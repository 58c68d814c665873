//! `trinity doctor [MODEL]`: whether a model is of use here; what this machine offers, how fast it is, which kernels
//! that selects.

pub(super) mod system;
mod verdict;

use clap::Args;
use eval::machine::{Limits, Machine};
use gguf::Container;
use kernels::{
    Activation, Isa, Kernels, MatmulKernel, Matrix, PackedMatrix, Weights,
    bits::{Bits, BitsOp, Element},
};
use model::StepCost;
use quant::Format;
use serde::Serialize;

use super::{machine, opened};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal,
};
use system::System;
use verdict::{Outcome, Verdict};

/// Arguments of `doctor`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(crate) struct DoctorArgs {
    /// A model, by name or path: whether it fits, and how fast it writes on this machine
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Compute threads [default: what affinity and cgroup quota allow]
    #[arg(help_heading = group::MACHINE, short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

/// Columns of the matrices whose kernels are shown: a width that all block sizes divide.
const COLS: usize = 2560;

/// Tokens of a step that stand for prefill.
const PREFILL_TOKENS: usize = 128;

#[derive(Serialize)]
struct Report {
    version: &'static str,
    isa: &'static str,
    isa_available: Vec<&'static str>,
    threads: usize,
    pinned: bool,
    system: System,
    machine: Machine,
    kernels: Vec<Chosen>,
    bits: Vec<ChosenBits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Prediction>,
}

/// The kernels of one format.
#[derive(Serialize)]
struct Chosen {
    format: &'static str,
    decode: String,
    prefill: String,
}

/// The instruction sets of one operation on hypervectors.
#[derive(Serialize)]
struct ChosenBits {
    op: &'static str,
    bipolar: &'static str,
    ternary: &'static str,
}

#[derive(Serialize)]
struct Prediction {
    name: String,
    weight_bytes_per_token: u64,
    products_per_token: u64,
    at_most: Limits,
    verdict: Verdict,
    /// Name of the model as the user gave it.
    #[serde(skip)]
    reference: String,
}

/// A model that is looked at.
struct Candidate<'a> {
    reference: &'a str,
    container: Container,
    cost: StepCost,
}

/// Looks, measures, prints.
pub(crate) fn run(args: &DoctorArgs, global: &Global) -> Result<(), Failure> {
    // Before this thread stays on one core.
    let system = System::look();
    let (mut kernels, threads) = machine::kernels(args.threads)?;
    let pinned = kernels.pin_threads();
    let candidate = args.model.as_deref().map(|reference| Candidate::open(reference, global)).transpose()?;
    let formats = candidate.as_ref().map(Candidate::formats);
    let spinner = terminal::spinner("measuring memory and multipliers");
    let machine = Machine::measure(&kernels);
    spinner.finish_and_clear();
    // Without a model, one of the many types of `.tri` stands for each packing.
    let stands_for_others = |format: &Format| match format {
        Format::TriRows(rows) => rows.name().ends_with("row_f32"),
        Format::TriBlocks(_) => false,
        _ => true,
    };
    let is_shown = |format: &&Format| {
        formats.as_ref().map_or_else(|| stands_for_others(format), |formats| formats.contains(format))
    };
    let chosen = Format::ALL.iter().filter(is_shown).map(|format| chosen(&kernels, *format)).collect();
    let isa = kernels.isa().name();
    let bits = chosen_bits(&kernels);
    let model = candidate.map(|candidate| candidate.predict(kernels, threads, &machine, &system)).transpose()?;
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        isa,
        isa_available: Isa::available().map(Isa::name).collect(),
        threads,
        pinned,
        system,
        machine,
        kernels: chosen,
        bits,
        model,
    };
    if args.json { terminal::put_json(&report) } else { terminal::put(&report.to_text(global.verbose > 0)) }
}

impl<'a> Candidate<'a> {
    fn open(reference: &'a str, global: &Global) -> Result<Self, Failure> {
        let container = opened::find(Some(reference), global)?;
        let cost = model::step_cost(&container)?;
        Ok(Self { reference, container, cost })
    }

    fn formats(&self) -> Vec<Format> {
        let matrices = self.container.tensors().iter().filter(|t| t.dims.len() > 1);
        matrices.filter_map(gguf::TensorInfo::format).collect()
    }

    /// Speeds that the model reaches on `machine` at most, and those that it shows in a trial.
    fn predict(
        self,
        kernels: Kernels,
        threads: usize,
        machine: &Machine,
        system: &System,
    ) -> Result<Prediction, Failure> {
        let at_most = machine.limits(&self.cost);
        let spinner = terminal::spinner("trying the model");
        let verdict = Verdict::reach(&self.container, kernels, threads, &at_most, system.available_bytes);
        spinner.finish_and_clear();
        Ok(Prediction {
            name: self.container.name().to_owned(),
            weight_bytes_per_token: self.cost.weight_bytes,
            products_per_token: self.cost.products,
            at_most,
            verdict: verdict?,
            reference: self.reference.to_owned(),
        })
    }
}

impl Prediction {
    /// The report in lines for people: the verdict, and below it what it rests on.
    fn to_text(&self) -> String {
        let Self { weight_bytes_per_token, products_per_token, at_most, verdict, .. } = self;
        let mut text = format!("\nmodel\n  {:<22} {}\n", "file", terminal::escape(&self.name));
        let mut line = |name: &str, value: String| text += &format!("  {name:<22} {value}\n");
        let available = verdict
            .available_bytes
            .map_or_else(String::new, |n| format!(", {} are available", terminal::bytes_text(n)));
        line(
            "memory",
            format!(
                "{} for a context of {} tokens{available}",
                terminal::bytes_text(verdict.memory_bytes),
                verdict.context_len
            ),
        );
        line(
            "a token",
            format!(
                "reads {} of weights and multiplies {:.1} million of them",
                terminal::bytes_text(*weight_bytes_per_token),
                *products_per_token as f64 / 1e6
            ),
        );
        if let Outcome::Tried(trial) = &verdict.outcome {
            line(
                "writes, tried now",
                format!(
                    "{:.1} tokens/s at the beginning, {:.1} behind {} tokens",
                    trial.at_beginning, trial.behind, trial.n_before
                ),
            );
        }
        line("writes at most", format!("{:.1} tokens/s", at_most.decode_tokens_per_second));
        if let Some(limit) = at_most.prefill_tokens_per_second {
            line("reads at most", format!("{limit:.0} tokens/s of a prompt"));
        }
        text + "  trinity bench measures longer\n"
    }
}

fn chosen(kernels: &Kernels, format: Format) -> Chosen {
    // Ternary models have one scale a row; where blocks differ, another kernel serves.
    let row_scales: &[f32] = if format.is_ternary() { &[1.0] } else { &[] };
    let w = Matrix { format, rows: row_scales.len(), cols: COLS, bytes: &[], row_scales, packed: None };
    // What a model's own matrices go through where memory allows a copy of them.
    let may_pack = PackedMatrix::bytes(kernels.isa(), &w).is_some();
    let packed = if may_pack { ", or packed" } else { "" };
    let describe = |n_tokens| describe(kernels.matmul_kernel(&w, n_tokens)) + packed;
    Chosen { format: format.name(), decode: describe(1), prefill: describe(PREFILL_TOKENS) }
}

fn chosen_bits(kernels: &Kernels) -> Vec<ChosenBits> {
    let isa = |op, element| {
        let row = Bits::new(kernels.isa()).ok().and_then(|bits| bits.kernel(op, element));
        row.map_or("none", |row| row.isa.name())
    };
    let chosen = |op: BitsOp| {
        let (bipolar, ternary) = (isa(op, Element::Bipolar), isa(op, Element::Ternary));
        ChosenBits { op: op.name(), bipolar, ternary }
    };
    BitsOp::ALL.into_iter().map(chosen).collect()
}

fn describe(kernel: &MatmulKernel) -> String {
    let weights = match kernel.weights {
        Weights::Of(_) | Weights::Packed(_) | Weights::Ternary(_) | Weights::Floats => "",
        Weights::Units(_) | Weights::Blocks | Weights::TernaryRows => ", decoded first",
    };
    let activation = match kernel.activation {
        Activation::F32 => "f32",
        Activation::Int8 => "int8 blocks",
        Activation::Int8Rows | Activation::Int8Planes => "int8 rows",
    };
    format!("{} × {}, {activation}{weights}", kernel.isa.name(), kernel.rows)
}

impl Report {
    fn to_text(&self, is_verbose: bool) -> String {
        let Self { system, machine, .. } = self;
        let unknown = || "unknown".to_owned();
        let count = |n: Option<f64>| n.map_or_else(unknown, |n| format!("{n}"));
        let bytes = |n: Option<u64>| n.map_or_else(unknown, terminal::bytes_text);
        let mut text = match &self.model {
            Some(model) => {
                let verdict = model.verdict.line(&terminal::escape(&model.reference));
                format!("{verdict}\n{}\nmachine\n", model.to_text())
            }
            None => format!("trinity {}\n\nmachine\n", self.version),
        };
        let mut line = |name: &str, value: String| text += &format!("  {name:<22} {value}\n");
        line("processor", terminal::escape(system.processor.as_deref().unwrap_or("unknown")));
        line("instruction sets", self.isa_available.join(", "));
        line("in use", format!("{} (TRINITY_ISA forces another)", self.isa));
        line("cores online", count(system.cores_online.map(|n| n as f64)));
        line("cores allowed", count(system.cores_allowed.map(|n| n as f64)));
        line("cgroup quota", system.quota_cores.map_or("none".to_owned(), |n| format!("{n} cores")));
        let pinned = if self.pinned { "each on a core of its own" } else { "placed by the system" };
        line("compute threads", format!("{}, {pinned}", self.threads));
        line("memory", format!("{}, {} available", bytes(system.memory_bytes), bytes(system.available_bytes)));
        line("huge pages", system.huge_pages.clone().unwrap_or_else(unknown));
        line("reads memory at", format!("{:.1} GB/s", machine.read_bytes_per_second / 1e9));
        let operations = machine.byte_operations_per_second;
        line(
            "multiplies bytes at",
            operations.map_or_else(unknown, |n| format!("{:.0} billion operations/s", n / 1e9)),
        );
        if !is_verbose {
            return text + "\n-v shows which kernels are used\n";
        }
        text += "\nkernels (instruction set × rows at once, activations)\n";
        for Chosen { format, decode, prefill } in &self.kernels {
            text += &format!("  {format:<10} decode {decode:<32} prefill {prefill}\n");
        }
        text += "\nhypervectors (instruction set of each operation)\n";
        for ChosenBits { op, bipolar, ternary } in &self.bits {
            text += &format!("  {op:<10} bipolar {bipolar:<32} ternary {ternary}\n");
        }
        text += &format!("\ntrinity {}\n", self.version);
        text
    }
}
