//! The files of the extension for one browser, and their zip.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Write as _},
    path::Path,
};

use serde_json::Value;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::suffixes;

pub(super) const BROWSERS: [&str; 2] = ["chromium", "firefox"];

/// What runs in a page's own world, in this order.
const MAIN: &[&str] = &[
    "wrap",
    "prf",
    "noise",
    "surface/canvas",
    "surface/webgl",
    "surface/audio",
    "surface/navigator",
    "surface/worker",
    "surface/frame",
    "main",
];
/// What runs in the extension's own world, in this order, behind the packed list of suffixes.
const ISOLATED: &[&str] = &["sha256", "site", "isolated"];
/// What is taken as it is.
const WHOLE: &[&str] = &["background", "off", "off-everywhere"];
const PAGES: &[&str] = &["popup", "options", "probe"];
/// Files of which the background of Firefox registers some, in an order that is the secret of the session.
const N_ORDER: usize = 256;

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// All files by their names within the extension.
pub(super) fn files(folder: &Path, browser: &str) -> Result<Files, String> {
    let read = |name: &str| -> Result<String, String> {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let joined = |names: &[&str]| -> Result<String, String> {
        names.iter().map(|name| Ok(code(&read(&format!("src/{name}.js"))?))).collect()
    };
    let core = format!("(function core(scope, handed) {{\n\"use strict\";\n{}}})", joined(MAIN)?);
    let packed = suffixes::pack(&read("data/public_suffix_list.dat")?)?;
    let isolated = joined(ISOLATED)?;
    let mut files = Files::new();
    let mut put = |name: &str, text: String| files.insert(name.to_owned(), text.into_bytes());
    put("manifest.json", manifest(&read("manifest.base.json")?, &read(&format!("manifest.{browser}.json"))?)?);
    put("main.js", format!("{core}(globalThis, \"\");\n"));
    put("isolated.js", format!("(() => {{\n\"use strict\";\nconst PACKED = {};\n{isolated}}})();\n", literal(&packed)));
    // The probe page does with made-up keys what pages get.
    put("ui/core.js", format!("globalThis.firebirdCore = {core};\n"));
    put("ui/site.js", format!("const PACKED = {};\n{}", literal(&packed), joined(&["sha256", "site"])?));
    for name in WHOLE {
        put(&format!("{name}.js"), read(&format!("src/{name}.js"))?);
    }
    for page in PAGES {
        put(&format!("ui/{page}.html"), read(&format!("ui/{page}.html"))?);
        put(&format!("ui/{page}.js"), read(&format!("ui/{page}.js"))?);
    }
    put("ui/style.css", read("ui/style.css")?);
    if browser == "chromium" {
        put("key.txt", "The address of this file is drawn anew at each start of the browser.\n".to_owned());
    } else {
        for n in 0..N_ORDER {
            put(&format!("order/n{n:03}.js"), format!("(globalThis.firebirdOrder ??= []).push({n});\n"));
        }
        put("order.js", read("src/order.js")?);
    }
    Ok(files)
}

/// The manifest of one browser: what all have, and its own keys.
fn manifest(base: &str, own: &str) -> Result<String, String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).map_err(|e| format!("manifest: {e}"));
    let (mut all, own) = (parse(base)?, parse(own)?);
    let (Some(fields), Some(more)) = (all.as_object_mut(), own.as_object()) else {
        return Err("manifest: not an object".to_owned());
    };
    fields.extend(more.clone());
    serde_json::to_string_pretty(&all).map(|text| text + "\n").map_err(|e| format!("manifest: {e}"))
}

/// A script without what only its readers need: indentation, empty lines and lines that are comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// A zip of these files: names in order, one date, so that the same files give the same bytes.
pub(super) fn zip(files: &Files) -> Result<Vec<u8>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("zip: {e}");
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options).map_err(|e| failed(&e))?;
        writer.write_all(bytes).map_err(|e| failed(&e))?;
    }
    Ok(writer.finish().map_err(|e| failed(&e))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_is_kept_of_a_script() {
        assert_eq!(
            code("// why\nfunction f() {\n  // how\n  return 1; // one\n\n}\n"),
            "function f() {\nreturn 1; // one\n}\n"
        );
    }

    #[test]
    fn the_background_draws_from_as_many_files_as_there_are() {
        let background = include_str!("../../../web/firebird/src/background.js");
        assert!(background.contains(&format!("const N_FILES = {N_ORDER};\n")));
    }

    #[test]
    fn a_manifest_has_the_keys_of_both() {
        assert_eq!(manifest("{\"a\": 1}", "{\"b\": 2}").unwrap(), "{\n  \"a\": 1,\n  \"b\": 2\n}\n");
        assert!(manifest("[]", "{}").is_err());
    }
}
