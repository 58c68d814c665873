//! `trinity metadata FILE`: changes keys of a model file without touching its weights.

use std::path::PathBuf;

use clap::Args;
use gguf::{Container, Metadata, Value, seal};

use crate::{
    failure::{Failure, Kind},
    terminal,
};

/// Types that a value may name.
const TYPE_NAMES: [&str; 12] = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "u64", "i64", "f64"];

/// Arguments of `metadata`.
#[derive(Args)]
pub(crate) struct MetadataArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Set a key, keeping its type; a new one is a string, or what a type before the value says (u32:5); may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Remove a key; may be given several times
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
    /// Where the changed file goes [default: in place of FILE, in one step]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file that --out names if it exists
    #[arg(long, requires = "out")]
    force: bool,
}

/// Applies the changes, or none.
pub(crate) fn run(args: &MetadataArgs) -> Result<(), Failure> {
    if args.set.is_empty() && args.remove.is_empty() {
        return Err(Failure::usage("nothing to change")
            .with_hint("--set KEY=VALUE or --remove KEY; trinity inspect --metadata shows them"));
    }
    let mut metadata = Container::open(&args.file)?.metadata().clone();
    for key in &args.remove {
        check_key(key)?;
        if !metadata.remove(key) {
            return Err(Failure::usage(format!("{}: there is no key {key}", args.file.display())));
        }
    }
    for change in &args.set {
        let (key, text) =
            change.split_once('=').ok_or_else(|| Failure::usage(format!("{change:?}: expected KEY=VALUE")))?;
        check_key(key)?;
        let value = value(&metadata, key, text)?;
        metadata.set(key, value);
    }
    let out = args.out.as_ref().unwrap_or(&args.file);
    if args.out.is_some() && !args.force && out.symlink_metadata().is_ok() {
        let what = format!("{}: exists already", out.display());
        return Err(Failure::new(Kind::Failure, what).with_hint("--force replaces it"));
    }
    gguf::rewrite_metadata(&args.file, &metadata, out)?;
    terminal::say(&format!("{}: {} set, {} removed\n", out.display(), args.set.len(), args.remove.len()));
    Ok(())
}

/// Refuses what is computed from the file: a value from elsewhere would be overwritten by the next seal.
fn check_key(key: &str) -> Result<(), Failure> {
    if seal::is_seal_key(key) {
        return Err(Failure::usage(format!(
            "{key}: a part of the seal of a .tri file, which is computed from its content"
        )));
    }
    Ok(())
}

/// `text` in the type of the key that is there, else in the type it names, else as a string.
fn value(metadata: &Metadata, key: &str, text: &str) -> Result<Value, Failure> {
    let (type_name, text) = match (metadata.get(key), text.split_once(':')) {
        (Some(old), _) => (old.type_name(), text),
        (None, Some((name, rest))) if TYPE_NAMES.contains(&name) => (name, rest),
        (None, _) => ("string", text),
    };
    parse(type_name, text).ok_or_else(|| Failure::usage(format!("{key}: {text:?} is no {type_name}")))
}

fn parse(type_name: &str, text: &str) -> Option<Value> {
    Some(match type_name {
        "u8" => Value::U8(text.parse().ok()?),
        "i8" => Value::I8(text.parse().ok()?),
        "u16" => Value::U16(text.parse().ok()?),
        "i16" => Value::I16(text.parse().ok()?),
        "u32" => Value::U32(text.parse().ok()?),
        "i32" => Value::I32(text.parse().ok()?),
        "f32" => Value::F32(text.parse().ok()?),
        "bool" => Value::Bool(text.parse().ok()?),
        "string" => Value::String(text.to_owned()),
        "u64" => Value::U64(text.parse().ok()?),
        "i64" => Value::I64(text.parse().ok()?),
        "f64" => Value::F64(text.parse().ok()?),
        _ => return None,
    })
}
