//! `trinity pull MODEL`.

use std::ops::ControlFlow;

use clap::Args;
use hub::{Event, Hub, Resolved};
use indicatif::ProgressBar;

use crate::{
    cli::Global,
    failure::Failure,
    terminal::{self, escape},
};

/// Arguments of `pull`.
#[derive(Args)]
pub(crate) struct PullArgs {
    /// A name of the catalogue, hf:ORGANISATION/REPOSITORY/FILE.gguf, or a URL, which may end in #sha256=…
    #[arg(value_name = "MODEL")]
    model: String,
}

/// Shows the terms of the licence if it has its own, downloads, says where the file is.
pub(crate) fn run(args: &PullArgs, global: &Global) -> Result<(), Failure> {
    terminal::catch_interrupt()?;
    let hub = Hub::from_environment(global.offline)?;
    let bar = terminal::progress(&escape(&args.model), 0, true);
    let mut is_waiting = false;
    let pulled = hub.pull(&args.model, &mut |event| {
        if let Event::Waiting { name } = event {
            if !is_waiting {
                say(&bar, &format!("waiting for another process, which is downloading {name}"));
            }
            is_waiting = true;
        } else {
            report(&bar, &event);
        }
        if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    match pulled? {
        Resolved::Embedded => terminal::say(&format!("{} is part of the program\n", args.model)),
        Resolved::File(path) => {
            terminal::say(&format!("{}: {}\n", escape(&args.model), escape(&path.display().to_string())));
        }
    }
    Ok(())
}

fn report(bar: &ProgressBar, event: &Event<'_>) {
    match event {
        Event::Terms { text, .. } => bar.suspend(|| terminal::say(&format!("{}\n", text.trim_end()))),
        Event::Trying { file, source } => say(bar, &format!("{file} from {source}")),
        Event::Failed { error } => say(bar, &format!("that failed: {error}")),
        Event::Progress { bytes, total } => {
            if let Some(total) = total {
                bar.set_length(*total);
            }
            bar.set_position(*bytes);
        }
        _ => {}
    }
}

/// One line above the bar.
fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| terminal::say(&format!("{}\n", escape(line))));
}
