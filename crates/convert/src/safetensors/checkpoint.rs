//! [`Checkpoint`]: the weights of a model in one safetensors file or in several with an index.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{SafeTensors, TensorInfo};
use crate::{Error, json, json::Entries};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Largest number of files that a model may be in.
const SHARDS_MAX: usize = 4096;

/// The content of `model.safetensors.index.json`: the file of each tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: Entries<String>,
}

/// All tensors of a model, in one file or several.
pub struct Checkpoint {
    tensors: Vec<Place>,
    index: HashMap<String, usize>,
}

/// A tensor and the file that it lies in, which it keeps open; cheap to clone.
#[derive(Clone)]
pub struct Place {
    file: Arc<SafeTensors>,
    info: TensorInfo,
}

impl Place {
    /// Returns name, type and shape of the tensor.
    pub fn info(&self) -> &TensorInfo {
        &self.info
    }

    /// Returns the bytes of the tensor.
    pub fn bytes(&self) -> &[u8] {
        self.file.bytes(&self.info)
    }

    /// Path of the tensor's file.
    pub fn file_name(&self) -> &str {
        self.file.name()
    }

    /// Makes an error about the tensor.
    pub(crate) fn error(&self, what: impl Into<String>) -> Error {
        let tensor = self.info.name.escape_debug().to_string();
        Error::Tensor { file: self.file.name().to_owned(), tensor, what: what.into() }
    }
}

impl Checkpoint {
    /// Opens a folder (`model.safetensors`, or what `model.safetensors.index.json` names) or a single file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            return Self::of(vec![SafeTensors::open(path)?]);
        }
        let (single, index) = (path.join(SINGLE), path.join(INDEX));
        if single.exists() {
            return Self::of(vec![SafeTensors::open(&single)?]);
        }
        let Some(weight_map) = json::read::<Index>(&index)? else {
            return Err(json::invalid(path, format!("neither {SINGLE} nor {INDEX} in this folder")));
        };
        Self::sharded(path, &index, &weight_map.weight_map)
    }

    /// Opens the files of an index: every tensor must lie in the file that the index names, and every tensor of these
    /// files must be in the index.
    fn sharded(folder: &Path, index: &Path, weight_map: &Entries<String>) -> Result<Self, Error> {
        let mut names: Vec<&str> = weight_map.0.iter().map(|(_, file)| file.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > SHARDS_MAX {
            return Err(json::invalid(
                index,
                format!("{} files, expected at most {SHARDS_MAX} (SHARDS_MAX)", names.len()),
            ));
        }
        let files = names
            .iter()
            .map(|name| SafeTensors::open(&folder.join(plain_name(index, name)?)))
            .collect::<Result<Vec<_>, _>>()?;
        let place: HashMap<&str, usize> = names.iter().copied().zip(0..).collect();
        let listed: HashMap<&str, &str> = weight_map.0.iter().map(|(t, f)| (t.as_str(), f.as_str())).collect();
        for (tensor, name) in &weight_map.0 {
            let file = place.get(name.as_str()).and_then(|&i| files.get(i));
            if file.is_none_or(|f| f.tensor(tensor).is_none()) {
                let elsewhere = files.iter().find(|f| f.tensor(tensor).is_some()).map(SafeTensors::name);
                let got = elsewhere.map_or("in no file".to_owned(), |file| format!("in {file}"));
                let what = format!("weight_map: tensor {} in {name}, but it is {got}", tensor.escape_debug());
                return Err(json::invalid(index, what));
            }
        }
        for (file, name) in files.iter().zip(&names) {
            let unlisted = file.tensors().iter().find(|t| listed.get(t.name.as_str()) != Some(name));
            if let Some(tensor) = unlisted {
                let what = format!("weight_map: tensor {} of {name} is not listed there", tensor.name.escape_debug());
                return Err(json::invalid(index, what));
            }
        }
        Self::of(files)
    }

    fn of(files: Vec<SafeTensors>) -> Result<Self, Error> {
        let (mut tensors, mut index) = (Vec::new(), HashMap::new());
        for file in files.into_iter().map(Arc::new) {
            for info in file.tensors() {
                let place = Place { file: Arc::clone(&file), info: info.clone() };
                if index.insert(info.name.clone(), tensors.len()).is_some() {
                    return Err(place.error("stands in two files"));
                }
                tensors.push(place);
            }
        }
        Ok(Self { tensors, index })
    }

    /// Returns the tensor called `name`.
    pub fn find(&self, name: &str) -> Option<&Place> {
        self.index.get(name).and_then(|&i| self.tensors.get(i))
    }

    /// Returns all tensors, file by file.
    pub fn tensors(&self) -> &[Place] {
        &self.tensors
    }
}

/// Checks that `name` is a file name without any path, so that an index cannot lead out of its folder.
fn plain_name(index: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = Path::new(name);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name && !name.contains(['\\', '\0']) => Ok(path.to_owned()),
        _ => Err(json::invalid(index, format!("weight_map: {name:?}, expected the name of a file in this folder"))),
    }
}
