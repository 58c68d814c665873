//! The README's first command, typed by someone who has just cloned the repository: an empty `HOME`, no network,
//! nothing beside the clone.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    Outcome, checkout,
    command::{cargo, output, succeed, target},
};

/// Least length of a story, in bytes.
const STORY_BYTES_MIN: usize = 100;
/// Proxy at which nobody listens, for machines where no network namespace can be made.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Runs README's command as it is, which tells any story, and then with temperature 0, which tells README's story.
pub(crate) fn run() -> Outcome {
    let clone = checkout::update(&checkout::folder())?;
    let readme = fs::read_to_string(clone.join("README.md")).map_err(|e| format!("README.md: {e}"))?;
    let command = readme.lines().find_map(|l| l.strip_prefix("    cargo run ")).ok_or("README.md has no cargo run")?;
    let arguments = words(command);
    // Whatever a first build downloads is there before the network is taken away.
    let host = output(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|l| l.strip_prefix("host: ")).ok_or("rustc -vV names no host")?;
    succeed(cargo(&["fetch", "--locked", "--quiet", "--target", host]).current_dir(&clone))?;

    let home = target().join("checkout/home");
    if home.exists() {
        fs::remove_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    }
    fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    let told = tell(&clone, &home, &arguments, &[])?;
    if told.len() < STORY_BYTES_MIN {
        return Err(format!("cargo run {command}: {} bytes are no story: {told:?}", told.len()));
    }
    let told = tell(&clone, &home, &arguments, &["--temperature", "0"])?;
    let prompt = arguments.last().map_or("", String::as_str);
    compare(&readme, &format!("{prompt}{told}"))?;
    match fs::read_dir(&home).map_err(|e| format!("{}: {e}", home.display()))?.next() {
        None => Ok(()),
        Some(entry) => Err(format!("the home folder was empty and now holds {entry:?}")),
    }
}

/// Returns what `cargo run` writes to standard output.
fn tell(clone: &PathBuf, home: &PathBuf, arguments: &[String], more: &[&str]) -> Result<String, String> {
    let words = cargo(&["run"]);
    let has_namespace = output(Command::new("unshare").args(["-rn", "true"])).is_ok();
    let mut command = if has_namespace {
        let mut command = Command::new("unshare");
        command.arg("-rn").arg(words.get_program());
        command
    } else {
        let mut command = Command::new(words.get_program());
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, NOWHERE);
        }
        command
    };
    // The toolchain and the fetched packages are the machine's; everything else of a home is not there.
    let old_home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        command.env(name, std::env::var_os(name).map_or_else(|| old_home.join(folder), PathBuf::from));
    }
    for name in ["TRINITY_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    command.env("HOME", home).env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", checkout::target_folder());
    command.args(words.get_args()).args(arguments).args(more).current_dir(clone).stdin(Stdio::null());
    output(&mut command)
}

/// Compares the story with README, which shows its beginning and end, and `…` for what lies between.
fn compare(readme: &str, told: &str) -> Outcome {
    let shown = readme.lines().skip_while(|line| !line.starts_with("    $ trinity run ")).skip(1);
    let shown: Vec<&str> = shown.take_while(|line| line.starts_with("    ")).collect();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (shown, told) = (plain(&shown.join(" ")), plain(told));
    let (first, last) = shown.split_once(" … ").ok_or("README.md shows no story with a … in it")?;
    if told.starts_with(first) && told.ends_with(last) {
        return Ok(());
    }
    Err(format!("README.md shows {shown:?}, the program told {told:?}"))
}

/// Splits a shell's line of plain words and double quotes.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(i, part)| match i % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(words("--release -- run \"Once upon\""), ["--release", "--", "run", "Once upon"]);
    }

    #[test]
    fn another_story_is_refused() {
        let readme = "Text\n\n    $ trinity run \"Once\"\n    Once there\n    was.\n    …\n    The end.\n\nMore";
        compare(readme, "Once there was.\nAnd so on.\nThe end.\n").unwrap();
        compare(readme, "Once there was another.\nThe end.\n").unwrap_err();
        compare(readme, "Once there was.\nAnd so on.\n").unwrap_err();
    }
}
