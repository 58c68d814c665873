//! Dependencies point downwards: the code map of ARCHITECTURE.md against `cargo metadata`.

use std::collections::BTreeMap;

use super::tree::Tree;
use crate::command::{cargo, output};

/// Every crate stands in the table `| layer | crate | …`, and depends only on lower layers (or on `testkit`, in tests).
pub(crate) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let text = tree.file("ARCHITECTURE.md").map_or("", |f| f.text.as_str());
    let layers: BTreeMap<String, i32> = text.lines().filter_map(row).collect();
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    let mut offences = Vec::new();
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    for (name, package) in names.iter().zip(packages) {
        if *name == "xtask" {
            continue;
        }
        let Some(&layer) = layers.get(*name) else {
            offences.push(format!("ARCHITECTURE.md: the code map lacks crate {name}"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let is_dev = dependency["kind"].as_str() == Some("dev");
            if names.contains(&to) && !is_dev && layers.get(to).is_none_or(|&below| below >= layer) {
                offences
                    .push(format!("crates/{name}/Cargo.toml: layer {layer} depends on {to}, which is not below it"));
            }
        }
    }
    let unknown = layers.keys().filter(|name| !names.contains(&name.as_str()));
    offences
        .extend(unknown.map(|name| format!("ARCHITECTURE.md: the code map names crate {name}, which does not exist")));
    Ok(offences)
}

/// `| 2 | `model` | …` → (model, 2); `dev` is layer -1.
fn row(line: &str) -> Option<(String, i32)> {
    let mut cells = line.split('|').map(str::trim).skip(1);
    let layer = cells.next()?;
    let layer = if layer == "dev" { -1 } else { layer.parse().ok()? };
    let name = cells.next()?.strip_prefix('`')?.split('`').next()?;
    Some((name.to_owned(), layer))
}
