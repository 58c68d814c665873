//! `trinity convert SRC DST`: a model from one container into another, without loss unless asked.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use convert::{
    Freedom, GgufSource, LookupTables, Plan, Source, Stored, Target,
    hf::{self, HfOptions, Ternarise},
};
use hub::{Hub, Resolved};
use quant::{Format, tri::Packing};
use serde_json::json;

use super::{
    conversion::{self, OutputArgs},
    i2s_order::I2sArgs,
    opened,
};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal,
};

/// Arguments of `convert`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(crate) struct ConvertArgs {
    /// A GGUF or .tri file (of several parts the first), the name of a model on this machine, a Hugging Face folder, or
    /// a .safetensors file with config.json beside it; or a folder of PEFT with a LoRA adapter
    #[arg(value_name = "SRC")]
    source: String,
    /// Folder with the config.json of the model that a LoRA adapter of PEFT is for, where the adapter's own folder does
    /// not lead to it
    #[arg(long, value_name = "FOLDER")]
    base: Option<PathBuf>,
    /// The new file, NAME.gguf or NAME.tri
    #[arg(help_heading = group::OUTPUT, value_name = "DST")]
    destination: PathBuf,
    /// Type for ternary matrices: tq1_0, tq2_0, i2_s, iq1_bn, iq2_bn, q2_0, pq2_0, ptq1_0, f16, bf16, f32; tri1 or tri2
    /// for the smallest type of .tri that holds each; in a model without any, a float is for all matrices [default:
    /// every tensor keeps its own; for NAME.tri it is tri1 for those that are ternary]
    #[arg(help_heading = group::OUTPUT, long, value_name = "TYPE", verbatim_doc_comment)]
    to: Option<String>,
    /// Let weights change where the type cannot hold them exactly; the float weights of a BitNet whose config says
    /// nothing of their use become ternary, as in training
    #[arg(help_heading = group::OUTPUT, long)]
    lossy: bool,
    #[command(flatten)]
    origin: SourceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How sources that do not say everything are read.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::INPUT)]
pub(crate) struct SourceArgs {
    /// Make the masters of ternary models ternary, by absmean as in training: as their config says (convert --lossy:
    /// and where it says nothing), always, or never
    #[arg(long, value_enum, value_name = "WHEN", default_value = "as-configured")]
    ternarise_masters: TernariseMasters,
    /// How matrices in TL1 and TL2 are cut into tiles, where that is not known: a JSON list of {"rows", "cols", "bm",
    /// "bk", "bmm"} as in bitnet.cpp's kernel_config.ini
    #[arg(long, value_name = "FILE")]
    tl_tables: Option<PathBuf>,
    #[command(flatten)]
    pub(super) i2s: I2sArgs,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum TernariseMasters {
    AsConfigured,
    Always,
    Never,
}

/// Plans, writes, proves.
pub(crate) fn run(args: &ConvertArgs, global: &Global) -> Result<(), Failure> {
    conversion::check_extension(&args.destination)?;
    let to = args.to.as_deref().map(target).transpose()?;
    let found = locate(&args.source, global)?;
    let source = open_with(&found, &args.origin, &args.output, args.lossy, args.base.as_deref())?;
    let freedom = if args.lossy { Freedom::Nearest } else { Freedom::Exact };
    let is_tri = args.destination.extension().is_some_and(|e| e == "tri");
    // Floats that turn out not to be ternary, or to fit no type of .tri, stay what they are if nobody asked for more.
    let may_stay = to.is_none() && source.tensors().iter().all(|t| t.stored != Stored::Ternary);
    let plan = match to.or_else(|| default_target(&*source, is_tri)) {
        Some(target) => match convert::retyped(&*source, target, freedom, args.output.n_threads()) {
            Err(convert::Error::NotTernary { .. } | convert::Error::Tensor { .. }) if may_stay => Plan::keep(&*source)?,
            plan => plan?,
        },
        None => Plan::keep(&*source)?,
    };
    if matches!(source.metadata().str("tokenizer.ggml.model"), Ok(Some("no_vocab"))) {
        let name = terminal::escape(source.name());
        terminal::say(&format!("note: {name}: no tokenizer: the new file knows token ids only\n"));
    }
    let proof = args.output.write(&*source, &plan, &args.destination)?;
    if args.output.json {
        let types = conversion::totals_json(&*source, &plan)?;
        return terminal::put_json(&json!({"types": types, "proof": conversion::proof_json(&proof)}));
    }
    terminal::put(&(conversion::totals_text(&*source, &plan)? + "\n" + &conversion::proof_text(&proof)))
}

/// What ternary matrices become where the user does not say: in a `.tri` file what it is for; where the source has no
/// container for them, the one of bitnet.cpp, whose scale is the checkpoint's own, or that of ik_llama.cpp if rows are
/// too short a multiple for it.
pub(super) fn default_target(source: &dyn Source, is_tri: bool) -> Option<Target> {
    if is_tri {
        return Some(Target::Tri(Packing::Base3));
    }
    let ternary = source.tensors().iter().enumerate().filter(|(_, t)| t.stored == Stored::Ternary);
    let mut bare = ternary.filter(|(i, _)| source.raw_type(*i).is_none()).map(|(_, t)| t.cols()).peekable();
    bare.peek()?;
    let fits = bare.all(|cols| Format::I2_S.row_bytes(cols).is_some());
    Some(Target::Format(if fits { Format::I2_S } else { Format::IQ2_BN }))
}

/// Finds a model to be converted: `reference` is a folder, a file, or the name of a model on this machine.
pub(super) fn locate(reference: &str, global: &Global) -> Result<Resolved, Failure> {
    let path = Path::new(reference);
    if path.is_dir() {
        return Ok(Resolved::File(path.to_owned()));
    }
    Ok(Hub::from_environment(global.offline)?.resolve(reference)?)
}

/// Opens a model to be converted, whatever kind of file or folder it is.
pub(super) fn open(found: &Resolved, origin: &SourceArgs, output: &OutputArgs) -> Result<Box<dyn Source>, Failure> {
    open_with(found, origin, output, false, None)
}

/// Opens a source as `open` does; with `may_ternarise`, masters of ternary weights that no configuration declares
/// become ternary unless a flag says otherwise. `base` is the folder of the model that an adapter is for.
fn open_with(
    found: &Resolved,
    origin: &SourceArgs,
    output: &OutputArgs,
    may_ternarise: bool,
    base: Option<&Path>,
) -> Result<Box<dyn Source>, Failure> {
    let is_adapter = matches!(found, Resolved::File(path) if hf::is_adapter(path));
    if let (Some(base), false) = (base, is_adapter) {
        let what = format!("--base {}: the source is no folder of PEFT with an adapter", base.display());
        return Err(Failure::usage(what));
    }
    let Resolved::File(path) = found else {
        return Ok(Box::new(GgufSource::from_container(opened::container(&Resolved::Embedded)?)));
    };
    if is_adapter {
        return Ok(Box::new(hf::open_adapter(path, base)?));
    }
    if path.is_dir() || path.extension().is_some_and(|e| e == "safetensors") {
        let ternarise = match origin.ternarise_masters {
            TernariseMasters::AsConfigured if may_ternarise => Ternarise::Undeclared,
            TernariseMasters::AsConfigured => Ternarise::AsConfigured,
            TernariseMasters::Always => Ternarise::Always,
            TernariseMasters::Never => Ternarise::Never,
        };
        let source = hf::open(path, &HfOptions { ternarise })?;
        if source.has_undeclared_masters() && ternarise == Ternarise::AsConfigured {
            terminal::say(&format!(
                "note: {}: the config of this BitNet has no quantization_config, so its weights stay the floats that they are; \
                 trinity convert --lossy makes them ternary, as in training\n",
                path.display()
            ));
        }
        for warning in source.warnings() {
            terminal::warn(warning);
        }
        return Ok(Box::new(source));
    }
    let tables = origin.tl_tables.as_deref().map(LookupTables::read).transpose()?.unwrap_or_default();
    let source = GgufSource::open(path)?.verified()?.with_lookup_tables(tables)?;
    Ok(Box::new(match origin.i2s.order(source.container(), output.threads)? {
        Some(order) => source.with_i2_s_order(order)?,
        None => source,
    }))
}

/// A type that can hold ternary weights as they are.
fn target(name: &str) -> Result<Target, Failure> {
    if let Some(target @ Target::Tri(_)) = Target::from_name(&name.to_ascii_lowercase()) {
        return Ok(target);
    }
    let format = conversion::format(name)?;
    if !format.is_float() && !format.is_ternary() {
        let what = format!("{} is neither ternary nor a float", format.name());
        return Err(Failure::usage(what).with_hint("trinity quantize makes such files"));
    }
    Ok(Target::Format(format))
}
