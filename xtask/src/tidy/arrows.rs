//! Dependencies point downwards, and no other wing stands below the engine: the code map of ARCHITECTURE.md against
//! `cargo metadata`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tree::Tree;
use crate::command::{cargo, output};

/// Wings that the engine's wing does not use.
const OTHER_WINGS: &[&str] = &["knowledge", "spec", "agent", "web"];
/// The wing of the engine, and of crates that belong to none: what uses all, and what all use.
const ENGINE: &str = "engine";
const ALL: &str = "all";

/// Where a crate stands in the code map.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    layer: i32,
    wing: String,
}

/// Every crate stands in the table `| layer | wing | crate | …`, and depends only on lower layers (or on `testkit`, in
/// tests), a crate of the engine only on its wing.
pub(crate) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let text = tree.file("ARCHITECTURE.md").map_or("", |f| f.text.as_str());
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    Ok(arrows(text, metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default()))
}

/// The offences of `packages` against the code map in `text`.
fn arrows(text: &str, packages: &[Value]) -> Vec<String> {
    let places: BTreeMap<String, Place> = text.lines().filter_map(row).collect();
    let mut offences = Vec::new();
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    for (name, package) in names.iter().zip(packages) {
        if *name == "xtask" {
            continue;
        }
        let Some(place) = places.get(*name) else {
            offences.push(format!("ARCHITECTURE.md: the code map lacks crate {name}"));
            continue;
        };
        let is_known = [ENGINE, ALL].iter().chain(OTHER_WINGS).any(|wing| place.wing == *wing);
        if !is_known {
            offences.push(format!("ARCHITECTURE.md: crate {name} is in wing {}, which does not exist", place.wing));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            if !names.contains(&to) {
                continue;
            }
            let below = places.get(to);
            let is_dev = dependency["kind"].as_str() == Some("dev");
            if !is_dev && below.is_none_or(|below| below.layer >= place.layer) {
                let layer = place.layer;
                offences
                    .push(format!("crates/{name}/Cargo.toml: layer {layer} depends on {to}, which is not below it"));
            }
            if let Some(below) = below.filter(|b| place.wing == ENGINE && ![ENGINE, ALL].contains(&b.wing.as_str())) {
                let wing = &below.wing;
                offences.push(format!("crates/{name}/Cargo.toml: the engine's wing depends on {to} of wing {wing}"));
            }
        }
    }
    let unknown = places.keys().filter(|name| !names.contains(&name.as_str()));
    offences
        .extend(unknown.map(|name| format!("ARCHITECTURE.md: the code map names crate {name}, which does not exist")));
    offences
}

/// `| 2 | engine | `model` | …` → (model, its place); `dev` is layer -1.
fn row(line: &str) -> Option<(String, Place)> {
    let mut cells = line.split('|').map(str::trim).skip(1);
    let layer = cells.next()?;
    let layer = if layer == "dev" { -1 } else { layer.parse().ok()? };
    let wing = cells.next()?.to_owned();
    let name = cells.next()?.strip_prefix('`')?.split('`').next()?;
    Some((name.to_owned(), Place { layer, wing }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MAP: &str = "| layer | wing | crate | what it is |\n| --- | --- | --- | --- |\n| 2 | all | `top` | |\n\
        | 1 | engine | `mill` | |\n| 1 | knowledge | `book` | |\n| 0 | engine | `stone` | |\n\
        | 0 | knowledge | `page` | |\n| dev | all | `kit` | |\n";

    /// Counts the offences of a crate that depends on others (`+` before those for its tests alone), beside the rest of
    /// the map.
    fn check(map: &str, name: &str, dependencies: &[&str]) -> usize {
        let dependency = |to: &&str| match to.strip_prefix('+') {
            Some(to) => json!({"name": to, "kind": "dev"}),
            None => json!({"name": to, "kind": null}),
        };
        let dependencies: Vec<Value> = dependencies.iter().map(dependency).collect();
        let names = ["top", "mill", "book", "stone", "page", "kit"];
        let others = names.iter().filter(|other| **other != name).map(|other| json!({"name": other}));
        let packages: Vec<Value> =
            [json!({"name": name, "dependencies": dependencies})].into_iter().chain(others).collect();
        arrows(map, &packages).len()
    }

    #[test]
    fn arrows_point_downwards() {
        assert_eq!(check(MAP, "mill", &["stone", "serde", "+kit"]), 0);
        assert_eq!(check(MAP, "top", &["mill", "book", "page"]), 0);
        assert_eq!(check(MAP, "stone", &["mill"]), 1);
        assert_eq!(check(MAP, "book", &["mill"]), 1, "beside it");
        assert_eq!(check(MAP, "stone", &["+mill"]), 0, "for tests");
    }

    #[test]
    fn the_engine_uses_no_other_wing() {
        assert_eq!(check(MAP, "book", &["stone", "page"]), 0);
        assert_eq!(check(MAP, "mill", &["page"]), 1);
        assert_eq!(check(MAP, "mill", &["+page"]), 1, "not for tests either");
        assert_eq!(check(&MAP.replace("| knowledge | `book`", "| library | `book`"), "book", &[]), 1);
    }

    #[test]
    fn the_map_names_the_crates_that_there_are() {
        assert_eq!(check(MAP, "attic", &[]), 1);
        assert_eq!(check(&MAP.replace("`page`", "`pages`"), "mill", &["stone"]), 2);
    }
}
