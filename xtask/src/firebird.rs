//! `cargo xtask firebird`: the browser extension, from `web/firebird/src` to a folder and a zip for each browser in
//! `web/firebird/dist`; `cargo xtask firebird test` tries them in Chromium and Firefox.
//!
//! Content scripts are several files put one after the other within one function: what runs in a page's own world may
//! leave no name there. The same sources give the same bytes.

mod pack;
mod suffixes;

use std::{fs, path::Path, process::Command};

use crate::{Outcome, browser, command::root, install, test::run_counted};

/// Folder of the extension.
const FOLDER: &str = "web/firebird";

/// Builds; with `test` first, runs all tests or those whose names hold one of the words after it.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments.split_first() {
        None => build(),
        Some((first, words)) if first == "test" => test(words, |_| ()),
        Some((first, _)) => Err(format!("firebird {first}: only `test` may follow")),
    }
}

/// Sees to it that both browsers and Node.js are there, and installs them where it may.
pub(crate) fn need() -> Outcome {
    browser::chromium()?;
    browser::firefox()?;
    install::need(&["node"], &["nodejs"])
}

/// Builds, and runs the tests of the parts in Node.js and those of the whole in both browsers; hands on each line.
pub(crate) fn test(words: &[String], mut each_line: impl FnMut(&str)) -> Outcome {
    need()?;
    build()?;
    let folder = root().join(FOLDER).join("test");
    let mut outcomes = Vec::new();
    if words.is_empty() {
        outcomes.push(run_counted(Command::new("node").arg(folder.join("unit.mjs")), &mut each_line));
    }
    let mut python = Command::new("python3");
    python.arg(folder.join("run.py")).args(words).env("PYTHONDONTWRITEBYTECODE", "1");
    outcomes.push(run_counted(&mut python, &mut each_line));
    outcomes.into_iter().collect()
}

/// Writes both folders and both zips.
fn build() -> Outcome {
    let folder = root().join(FOLDER);
    let dist = folder.join("dist");
    for browser in pack::BROWSERS {
        let files = pack::files(&folder, browser)?;
        let unpacked = dist.join(browser);
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked).map_err(|e| format!("{}: {e}", unpacked.display()))?;
        }
        for (name, bytes) in &files {
            write(&unpacked.join(name), bytes)?;
        }
        let zip = pack::zip(&files)?;
        let path = dist.join(format!("{browser}.zip"));
        write(&path, &zip)?;
        let size = |name: &str| files.get(name).map_or(0, Vec::len);
        println!(
            "{FOLDER}/dist/{browser}.zip: {} bytes, main.js {}, isolated.js {}",
            zip.len(),
            size("main.js"),
            size("isolated.js")
        );
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes)).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zips_are_the_same_each_time_and_hold_what_the_manifest_names() {
        let folder = root().join(FOLDER);
        for browser in pack::BROWSERS {
            let files = pack::files(&folder, browser).unwrap();
            assert_eq!(pack::zip(&files).unwrap(), pack::zip(&pack::files(&folder, browser).unwrap()).unwrap());
            let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
            for script in manifest["content_scripts"].as_array().unwrap() {
                assert!(files.contains_key(script["js"][0].as_str().unwrap()));
            }
            assert!(files.contains_key(manifest["action"]["default_popup"].as_str().unwrap()));
        }
    }

    #[test]
    fn permissions_are_these_and_no_others() {
        for browser in pack::BROWSERS {
            let files = pack::files(&root().join(FOLDER), browser).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
            assert_eq!(manifest["permissions"], serde_json::json!(["storage", "scripting"]));
            assert_eq!(manifest["host_permissions"], serde_json::json!(["<all_urls>"]));
            for key in [
                "optional_permissions",
                "optional_host_permissions",
                "externally_connectable",
                "content_security_policy",
            ] {
                assert!(manifest.get(key).is_none(), "{key}");
            }
        }
    }

    #[test]
    fn scripts_are_small() {
        for browser in pack::BROWSERS {
            let files = pack::files(&root().join(FOLDER), browser).unwrap();
            assert!(files["main.js"].len() <= 30_000, "main.js: {} bytes", files["main.js"].len());
            assert!(files["isolated.js"].len() <= 44_000, "isolated.js: {} bytes", files["isolated.js"].len());
        }
    }
}
