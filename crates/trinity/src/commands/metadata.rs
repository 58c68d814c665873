//! `trinity metadata FILE`: changes keys of a model file without touching its weights.

mod value;

use std::path::{Path, PathBuf};

use clap::Args;
use gguf::{Container, seal, split};
use hub::{Hub, Resolved};

use crate::{
    cli::{Global, group},
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `metadata`.
#[derive(Args)]
#[command(after_long_help = include_str!("metadata/values.txt"))]
#[command(next_help_heading = group::INPUT)]
pub(crate) struct MetadataArgs {
    /// The file; of several parts the first, which has the metadata. In place it keeps its permissions, a symbolic link
    /// stays one, and other hard links keep what was there. Or the name of a model on this machine, which stays as it
    /// is: --out says where the changed one goes
    #[arg(value_name = "FILE")]
    file: String,
    /// Set a key; may be given several times. A key that is there keeps its type, a new one has the type that GGUF
    /// documents or that stands before the value (f32:1e6); VALUE may also be @FILE, a JSON list, or for the id of a
    /// token its text (--help shows how)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Remove a key, before others are set; may be given several times
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
    /// Where the changed file goes [default: in place of FILE, in one step]; parts are copied beside it
    #[arg(help_heading = group::OUTPUT, short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file that --out names if it exists
    #[arg(help_heading = group::OUTPUT, long, requires = "out")]
    force: bool,
}

/// Applies the changes, or none.
pub(crate) fn run(args: &MetadataArgs, global: &Global) -> Result<(), Failure> {
    if args.set.is_empty() && args.remove.is_empty() {
        return Err(Failure::usage("nothing to change")
            .with_hint("--set KEY=VALUE or --remove KEY; trinity inspect --metadata shows them"));
    }
    let file = locate(args, global)?;
    let container = Container::open(&file)?;
    let mut metadata = container.metadata().clone();
    for key in &args.remove {
        check_key(key)?;
        if !metadata.remove(key) {
            return Err(Failure::usage(format!("{}: there is no key {key}", file.display())));
        }
    }
    for change in &args.set {
        let (key, text) =
            change.split_once('=').ok_or_else(|| Failure::usage(format!("{change:?}: expected KEY=VALUE")))?;
        check_key(key)?;
        let value = value::read(&metadata, key, text)?;
        metadata.set(key, value);
    }
    let out = args.out.as_ref().unwrap_or(&file);
    if args.out.is_some() && !args.force {
        check_absent(out, container.n_parts())?;
    }
    drop(container);
    gguf::rewrite_metadata(&file, &metadata, out)?;
    terminal::say(&format!("{}: {} set, {} removed\n", out.display(), args.set.len(), args.remove.len()));
    Ok(())
}

/// The file to read. What stands under a name is what was downloaded and verified, so it is not changed in place.
fn locate(args: &MetadataArgs, global: &Global) -> Result<PathBuf, Failure> {
    match Hub::from_environment(global.offline)?.resolve(&args.file)? {
        Resolved::Embedded => {
            let what = format!("{}: is part of the program and no file", args.file);
            let hint = format!("trinity convert {} NAME.gguf writes one", args.file);
            Err(Failure::usage(what).with_hint(hint))
        }
        Resolved::File(path) if args.out.is_none() && path != Path::new(&args.file) => {
            let what = format!("{}: a model that was pulled stays as it is", args.file);
            Err(Failure::usage(what).with_hint("--out FILE says where the changed one goes"))
        }
        Resolved::File(path) => Ok(path),
    }
}

/// Refuses to replace `out` or, where it is the first of several parts, one of the others.
fn check_absent(out: &Path, n_parts: usize) -> Result<(), Failure> {
    // A name that is none of a part is refused where the parts are written.
    let parts = split::parts_beside(out, n_parts).unwrap_or_else(|_| vec![out.to_owned()]);
    match parts.iter().find(|part| part.symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(there) => {
            let what = format!("{}: exists already", there.display());
            Err(Failure::new(Kind::Failure, what).with_hint("--force replaces it"))
        }
    }
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
