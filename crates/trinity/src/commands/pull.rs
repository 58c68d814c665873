//! `trinity pull MODEL`, and the question that `run`, `chat` and `serve` ask where a model is not here.

use std::ops::ControlFlow;

use clap::Args;
use hub::{Error, Event, HeldTo, Hub, Resolved};
use indicatif::ProgressBar;
use model::Pooling;

use super::{opened, template_args};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal::{self, bytes_text, escape},
};

/// Arguments of `pull`.
#[derive(Args)]
#[command(next_help_heading = group::MODELS)]
pub(crate) struct PullArgs {
    /// A name of the catalogue, hf:ORGANISATION/REPOSITORY, with :QUANT or /FILE.gguf behind it, or a URL, which may
    /// end in #sha256=…
    #[arg(value_name = "MODEL")]
    model: String,
}

/// Shows size and licence, downloads, says where the file is and what to do with it.
pub(crate) fn run(args: &PullArgs, global: &Global) -> Result<(), Failure> {
    let hub = Hub::from_environment(global.offline)?;
    let name = escape(&args.model);
    match pull(&hub, &args.model)? {
        Resolved::Embedded => terminal::say(&format!("{name} is part of the program\n")),
        Resolved::File(path) => terminal::say(&format!("{name} is here: {}\n", escape(&path.display().to_string()))),
    }
    // What has the form of a model but is none was still pulled.
    if let Some(next) = next_command(&hub, &args.model) {
        terminal::say(&format!("next: {next}\n"));
    }
    Ok(())
}

/// Command line that a person may want next for a model that is here.
fn next_command(hub: &Hub, name: &str) -> Option<String> {
    let container = opened::container(&hub.resolve(name).ok()?).ok()?;
    model::check_kind(&container).ok()?;
    let name = if name.contains(char::is_whitespace) { format!("'{name}'") } else { name.to_owned() };
    let name = escape(&name);
    let spec = model::spec_of_head(&container).ok()?;
    Some(match () {
        () if spec.has_rank_head() => format!("trinity serve {name}"),
        () if spec.is_encoder || spec.pooling.is_some_and(|how| how != Pooling::None) => {
            format!("trinity embed {name} --file TEXTS")
        }
        () if template_args::can_chat(&container) => format!("trinity run {name}"),
        () => format!("trinity run {name} \"Once upon a time\""),
    })
}

/// The model that `reference` means; where it is not here a person is asked whether it is to be downloaded, and
/// everybody else told how.
pub(super) fn find_or_ask(reference: &str, global: &Global) -> Result<Resolved, Failure> {
    let hub = Hub::from_environment(global.offline)?;
    match hub.resolve(reference) {
        Err(error @ Error::NotInstalled { .. }) if terminal::can_ask() && !global.offline => {
            let about = hub.entry(reference).map(|entry| {
                let rough = if entry.sha256.is_none() { "about " } else { "" };
                format!(" ({rough}{}, licence {})", bytes_text(entry.bytes), entry.licence)
            });
            let about = about.unwrap_or_default();
            let what = format!("{reference} is not on this machine; trinity pull {reference} downloads it{about}");
            terminal::say(&format!("{}\n", escape(&what)));
            if terminal::is_agreed("Download it now?")? { pull(&hub, reference) } else { Err(error.into()) }
        }
        other => Ok(other?),
    }
}

/// Downloads, telling each phase.
fn pull(hub: &Hub, reference: &str) -> Result<Resolved, Failure> {
    terminal::catch_interrupt()?;
    let bar = terminal::progress(&escape(reference), 0, true);
    let mut talk = Talk { bar: &bar, name: reference.to_owned(), failed: None, is_waiting: false };
    let pulled = hub.pull(reference, &mut |event| {
        talk.tell(&event);
        if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    match pulled {
        Err(Error::Cancelled) => Err(interrupted(reference, hub.kept(&talk.name))),
        Err(error @ (Error::Network { .. } | Error::AllSources { .. })) if hub.kept(&talk.name) == 0 => {
            Err(Failure::from(error).with_hint(UNREACHABLE))
        }
        other => Ok(other?),
    }
}

/// Hint where nothing came from the network.
const UNREACHABLE: &str =
    "see that this machine reaches the server; https_proxy names a proxy, HF_ENDPOINT a mirror of Hugging Face";

/// After Ctrl-C: what came is kept, where there is a way to go on with it.
fn interrupted(reference: &str, kept: u64) -> Failure {
    let failure = Failure::interrupted();
    if kept == 0 {
        return failure;
    }
    failure.with_hint(format!("{} are kept: trinity pull {reference} goes on from there", bytes_text(kept)))
}

/// Lines about a pull, above its bar.
struct Talk<'a> {
    bar: &'a ProgressBar,
    /// Name of the model that is pulled in the end.
    name: String,
    /// Why the source before failed: told when another is tried, else it is the error of the pull.
    failed: Option<String>,
    is_waiting: bool,
}

impl Talk<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Listing { repository } => self.say(&format!("looking up {repository} on Hugging Face")),
            Event::About { name, bytes, is_rough, licence } => {
                (*name).clone_into(&mut self.name);
                let rough = if *is_rough { "about " } else { "" };
                let size = bytes.map(|n| format!("{rough}{}", bytes_text(n)));
                let licence = licence.map(|licence| format!("licence {licence}"));
                let facts: Vec<String> = size.into_iter().chain(licence).collect();
                self.say(&format!(
                    "{name}: {}",
                    if facts.is_empty() { "size not known".to_owned() } else { facts.join(", ") }
                ));
            }
            Event::Terms { text, .. } => self.put(text.trim_end()),
            Event::Waiting { name } if !std::mem::replace(&mut self.is_waiting, true) => {
                self.say(&format!("waiting for another process, which is downloading {name}"));
            }
            Event::Trying { file, source } => {
                if let Some(failed) = self.failed.take() {
                    self.say(&failed);
                }
                self.say(&format!("downloading {file} from {source}"));
            }
            Event::Resumed { bytes } => self.say(&format!("going on behind the {} that are here", bytes_text(*bytes))),
            Event::Verified { file, by } => self.say(&verified(file, *by)),
            Event::Failed { error } => self.failed = Some(format!("that failed: {error}")),
            Event::Progress { bytes, total } => {
                if let Some(total) = total {
                    self.bar.set_length(*total);
                }
                if *bytes > 0 {
                    self.bar.set_position(*bytes);
                }
            }
            _ => {}
        }
    }

    fn say(&self, line: &str) {
        self.put(&escape(line));
    }

    fn put(&self, text: &str) {
        let say = || terminal::say(&format!("{text}\n"));
        // Before it is known how much comes there is no bar to stand above.
        if self.bar.length() == Some(0) { say() } else { self.bar.suspend(say) }
    }
}

fn verified(file: &str, by: HeldTo) -> String {
    match by {
        HeldTo::Known => format!("verified {file}: its SHA-256 is the known one"),
        HeldTo::Announced => format!("verified {file}: its SHA-256 is the one that the server announced"),
        HeldTo::Nothing => format!("{file} is complete; nobody told its SHA-256"),
    }
}
