//! `trinity pull MODEL`.

use std::ops::ControlFlow;

use clap::Args;
use hub::{Hub, Resolved};

use crate::{cli::Global, failure::Failure, terminal};

/// Arguments of `pull`.
#[derive(Args)]
pub(crate) struct PullArgs {
    /// A name of the catalogue, hf:ORGANISATION/REPOSITORY/FILE, or a URL
    #[arg(value_name = "MODEL")]
    model: String,
}

/// Shows the terms of the licence if it has its own, downloads, says where the file is.
pub(crate) fn run(args: &PullArgs, global: &Global) -> Result<(), Failure> {
    terminal::catch_interrupt()?;
    let hub = Hub::from_environment(global.offline)?;
    let entry = hub.entry(&args.model)?;
    if let (Some(terms), Err(hub::Error::NotInstalled { .. })) =
        (entry.as_ref().and_then(|e| e.terms.as_ref()), hub.resolve(&args.model))
    {
        terminal::say(terms);
    }
    let bar = terminal::progress(&args.model, entry.as_ref().map_or(0, |e| e.bytes), true);
    let pulled = hub.pull(&args.model, &mut |progress| {
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_position(progress.bytes);
        if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.finish_and_clear();
    match pulled {
        Resolved::Embedded => terminal::say(&format!("{} is part of the program\n", args.model)),
        Resolved::File(path) => terminal::say(&format!("{}: {}\n", args.model, path.display())),
    }
    Ok(())
}
