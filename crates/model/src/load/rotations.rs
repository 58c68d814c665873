//! `prism.hadamard.*`: which weights of a file are stored rotated, and how (PrismML's Ternary-Bonsai models). The rules
//! are those of the loader of PrismML's llama.cpp: what it refuses is refused here.

use std::{collections::HashMap, sync::Arc};

use gguf::{Container, FOLDED, Metadata};

use crate::{LoadError, rotation::Rotation};

/// Names of the matrices of a layer that may be rotated.
const PARTS: &[&str] = &[
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_qkv",
    "attn_output",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
    "ffn_gate_exps",
    "ffn_up_exps",
    "ffn_down_exps",
];

/// The rotations of a model; most have none.
#[derive(Default)]
pub(super) struct Rotations {
    /// Rotations by weight, as the file names them.
    of: HashMap<String, Arc<Rotation>>,
    /// Rotation of the rows of the embedding, undone after the look-up.
    pub(super) embedding: Option<Arc<Rotation>>,
}

impl Rotations {
    /// Reads the rotations and checks them.
    pub(super) fn read(container: &Container) -> Result<Self, LoadError> {
        let reader = Reader { container, metadata: container.metadata() };
        match reader.number("version")? {
            None => reader.check_not_folded().map(|()| Self::default()),
            Some(version @ (1 | 2)) => reader.rotations(version),
            Some(other) => reader.refuse("version", format!("{other}, expected 1 or 2")),
        }
    }

    /// Returns the rotation that the input of `weight` goes through.
    pub(super) fn of(&self, weight: &str) -> Option<Arc<Rotation>> {
        self.of.get(weight).cloned()
    }
}

struct Reader<'a> {
    container: &'a Container,
    metadata: &'a Metadata,
}

impl Reader<'_> {
    fn refuse<T>(&self, name: &str, what: impl Into<String>) -> Result<T, LoadError> {
        let file = self.container.name().to_owned();
        Err(LoadError::Key { file, key: format!("prism.hadamard.{name}"), what: what.into() })
    }

    fn get<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<Option<T>, gguf::Error>,
    ) -> Result<Option<T>, LoadError> {
        read(&format!("prism.hadamard.{name}"))
            .map_err(|source| LoadError::Container { file: self.container.name().to_owned(), source })
    }

    fn number(&self, name: &str) -> Result<Option<u64>, LoadError> {
        self.get(name, |key| self.metadata.u64(key))
    }

    /// Reads a text that must be one of `expected`.
    fn text(&self, name: &str, expected: &[&str]) -> Result<String, LoadError> {
        match self.get(name, |key| self.metadata.str(key).map(|text| text.map(ToOwned::to_owned)))? {
            Some(text) if expected.contains(&text.as_str()) => Ok(text),
            Some(text) => self.refuse(name, format!("{text:?}, expected {}", expected.join(" or "))),
            None => self.refuse(name, format!("missing, expected {}", expected.join(" or "))),
        }
    }

    fn names(&self, name: &str) -> Result<Vec<String>, LoadError> {
        Ok(self.get(name, |key| self.metadata.strings(key).map(|names| names.map(<[_]>::to_vec)))?.unwrap_or_default())
    }

    /// Refuses weights of a type that is usually rotated, if the file does not say how: they would be computed with as
    /// noise.
    fn check_not_folded(&self) -> Result<(), LoadError> {
        match self.container.unsaid_rotation() {
            Some(tensor) => self.refuse(
                "version",
                format!(
                    "missing, but weights of type {} (tensor {}) are stored rotated; {FOLDED} = false says that they are not",
                    tensor.type_name(),
                    tensor.name.escape_debug()
                ),
            ),
            None => Ok(()),
        }
    }

    fn rotations(&self, version: u64) -> Result<Rotations, LoadError> {
        let is_tied = self.get("tied_output", |key| self.metadata.bool(key))?.unwrap_or(false);
        if is_tied != (version == 2) {
            return self.refuse("tied_output", format!("{is_tied} in version {version}"));
        }
        if self.get("gdn_v_grouped", |key| self.metadata.bool(key))?.unwrap_or(false) {
            return self.refuse("gdn_v_grouped", "true, but no architecture with gated delta networks is supported");
        }
        self.text("transform", &["normalized-sylvester-walsh-hadamard"])?;
        self.text("axis", &["input-last-dimension"])?;
        let block = match self.number("block_size")? {
            Some(block) if block.is_power_of_two() && block > 1 && block <= 1 << 20 => block as usize,
            other => return self.refuse("block_size", format!("{other:?}, expected a power of two")),
        };
        let signs = self.signs(block)?;
        let mut rotations = Rotations::default();
        let weights = self.names("weight_names")?;
        if weights.is_empty() {
            return self.refuse("weight_names", "missing or empty");
        }
        for name in weights {
            if !is_matrix(&name) {
                return self.refuse("weight_names", format!("{name:?} is no matrix that may be rotated"));
            }
            let rotation = self.rotation("weight_names", &name, block, signs.as_ref())?;
            if rotations.of.insert(name.clone(), rotation).is_some() {
                return self.refuse("weight_names", format!("{name:?} stands twice"));
            }
        }
        let inverse = self.names("inverse_weight_names")?;
        match inverse.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => {}
            ["token_embd.weight"] => {
                let rotation = self.rotation("inverse_weight_names", "token_embd.weight", block, signs.as_ref())?;
                let has_head = self.container.tensor("output.weight").is_some();
                if has_head == is_tied {
                    let what =
                        format!("{is_tied}, but output.weight is {}", if has_head { "there" } else { "missing" });
                    return self.refuse("tied_output", what);
                }
                if is_tied {
                    rotations.of.insert("token_embd.weight".to_owned(), Arc::clone(&rotation));
                }
                rotations.embedding = Some(rotation);
            }
            other => {
                return self.refuse("inverse_weight_names", format!("{other:?}, expected token_embd.weight alone"));
            }
        }
        if is_tied && rotations.embedding.is_none() {
            return self.refuse("tied_output", "true, but inverse_weight_names lacks token_embd.weight");
        }
        Ok(rotations)
    }

    /// Makes the rotation of the input of tensor `name`.
    fn rotation(
        &self,
        key: &str,
        name: &str,
        block: usize,
        signs: Option<&HashMap<usize, Vec<f32>>>,
    ) -> Result<Arc<Rotation>, LoadError> {
        let Some(tensor) = self.container.tensor(name) else {
            return self.refuse(key, format!("{name:?}, but there is no such tensor"));
        };
        let width = tensor.cols();
        if !width.is_multiple_of(block) {
            return self.refuse("block_size", format!("{block} does not divide the {width} columns of {name}"));
        }
        let signs = match signs.map(|signs| signs.get(&width)) {
            None => None,
            Some(Some(signs)) => Some(signs.clone()),
            Some(None) => return self.refuse("sign_widths", format!("no signs for the {width} columns of {name}")),
        };
        Ok(Arc::new(Rotation { block, signs }))
    }

    /// Reads the signs of each width; `None` if there are none at all.
    fn signs(&self, block: usize) -> Result<Option<HashMap<usize, Vec<f32>>>, LoadError> {
        if self.text("sign_mode", &["identity", "explicit"])? == "identity" {
            return Ok(None);
        }
        let integers = |name: &str| self.get(name, |key| self.metadata.i64s(key)).map(Option::unwrap_or_default);
        let (widths, values) = (integers("sign_widths")?, integers("sign_values")?);
        if widths.is_empty() {
            return self.refuse("sign_widths", "missing or empty");
        }
        let mut signs = HashMap::new();
        let mut rest = values.as_slice();
        for width in widths {
            let n = usize::try_from(width).unwrap_or(0);
            if n == 0 || !n.is_multiple_of(block) {
                return self.refuse("sign_widths", format!("{width}, expected a multiple of {block}"));
            }
            let Some((own, others)) = rest.split_at_checked(n) else {
                return self.refuse("sign_values", format!("{} signs left for a width of {n}", rest.len()));
            };
            if let Some(bad) = own.iter().find(|sign| !matches!(sign, -1 | 1)) {
                return self.refuse("sign_values", format!("{bad}, expected 1 or -1"));
            }
            if signs.insert(n, own.iter().map(|&sign| sign as f32).collect()).is_some() {
                return self.refuse("sign_widths", format!("{width} stands twice"));
            }
            rest = others;
        }
        if rest.is_empty() {
            Ok(Some(signs))
        } else {
            self.refuse("sign_values", format!("{} signs too many", rest.len()))
        }
    }
}

/// Whether `name` is `output.weight`, or one of [`PARTS`] of a layer.
fn is_matrix(name: &str) -> bool {
    let part = || {
        let (layer, part) = name.strip_prefix("blk.")?.strip_suffix(".weight")?.split_once('.')?;
        (layer.parse::<u32>().is_ok() && PARTS.contains(&part)).then_some(())
    };
    name == "output.weight" || part().is_some()
}
