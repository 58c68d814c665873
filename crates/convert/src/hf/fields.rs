//! [`Fields`]: typed access to a JSON object, with errors that name file, key, expected and got.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{Error, json, json::Entries};

/// Largest width, count or context that a file may claim.
const NUMBER_MAX: u64 = 1 << 28;

/// An object of a JSON file, perhaps inside another one.
pub(super) struct Fields {
    file: PathBuf,
    /// Key of the object and a dot, for messages; empty for the file's own.
    prefix: String,
    map: Map<String, Value>,
    /// Keys of the file that are read under another name: ours, then the file's.
    renamed: Vec<(&'static str, &'static str)>,
}

impl Fields {
    /// Reads the file's own object; `None` if there is no such file.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, Error> {
        let Some(entries) = json::read::<Entries<Value>>(file)? else { return Ok(None) };
        Ok(Some(Self {
            file: file.to_owned(),
            prefix: String::new(),
            map: entries.0.into_iter().collect(),
            renamed: Vec::new(),
        }))
    }

    /// Returns the object under `key`, if there is one.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>, Error> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let prefix = format!("{}{key}.", self.prefix);
                Ok(Some(Self { file: self.file.clone(), prefix, map: map.clone(), renamed: Vec::new() }))
            }
            Some(other) => self.refuse(key, other, "an object"),
        }
    }

    /// Puts what stands in the object under `key` beside the file's own keys, in place of those of the same name.
    pub(super) fn with_section(mut self, key: &str) -> Result<Self, Error> {
        if let Some(section) = self.object(key)? {
            self.map.extend(section.map);
        }
        Ok(self)
    }

    /// Reads keys that the file calls otherwise under these names: the file's first, then ours. A key that the file has
    /// under our name as well stays.
    pub(super) fn with_names(mut self, names: &[(&'static str, &'static str)]) -> Self {
        for &(theirs, ours) in names {
            if self.value(ours).is_none()
                && let Some(value) = self.map.remove(theirs)
            {
                self.map.insert(ours.to_owned(), value);
                self.renamed.push((ours, theirs));
            }
        }
        self
    }

    /// Path of the file.
    pub(super) fn file_name(&self) -> std::path::Display<'_> {
        self.file.display()
    }

    /// Returns all keys, in file order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    /// Returns the value under `key`; null is as good as none.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    /// Makes an error about `key`.
    pub(super) fn error(&self, key: &str, what: impl std::fmt::Display) -> Error {
        let key = self.renamed.iter().find(|(ours, _)| *ours == key).map_or(key, |(_, theirs)| theirs);
        json::invalid(&self.file, format!("{}{key}: {what}", self.prefix))
    }

    pub(super) fn refuse<T>(&self, key: &str, got: &Value, expected: &str) -> Result<T, Error> {
        Err(self.error(key, format!("{}, expected {expected}", brief(got))))
    }

    /// Reads a count or width, 1 to [`NUMBER_MAX`], if there is one.
    pub(super) fn count_or(&self, key: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.as_u64() {
            Some(n @ 1..=NUMBER_MAX) => Ok(Some(n as usize)),
            _ => self.refuse(key, value, &format!("a number from 1 to {NUMBER_MAX}")),
        }
    }

    /// Reads a count or width, 1 to [`NUMBER_MAX`], which must be there.
    pub(super) fn count(&self, key: &str) -> Result<usize, Error> {
        self.count_or(key)?.ok_or_else(|| self.error(key, "missing"))
    }

    /// Reads a finite number.
    pub(super) fn float(&self, key: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.as_f64() {
            Some(x) if (x as f32).is_finite() => Ok(Some(x)),
            _ => self.refuse(key, value, "a finite number"),
        }
    }

    /// Reads a finite number above zero.
    pub(super) fn positive(&self, key: &str) -> Result<Option<f64>, Error> {
        match (self.float(key)?, self.value(key)) {
            (Some(x), Some(value)) if x as f32 <= 0.0 => self.refuse(key, value, "more than 0"),
            (number, _) => Ok(number),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => self.refuse(key, other, "true or false"),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, Error> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => self.refuse(key, other, "a string"),
        }
    }

    /// Reads a list of strings; none is an empty one.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&str>, Error> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let texts = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        texts.map_or_else(|| self.refuse(key, value, "a list of strings"), Ok)
    }

    /// Reads a list of `n` finite numbers above zero.
    pub(super) fn factors(&self, key: &str, n: usize) -> Result<Vec<f32>, Error> {
        let Some(value) = self.value(key) else { return Err(self.error(key, "missing")) };
        let positive = |v: &Value| v.as_f64().map(|x| x as f32).filter(|x| x.is_finite() && *x > 0.0);
        let factors: Option<Vec<f32>> = value.as_array().and_then(|list| list.iter().map(positive).collect());
        match factors {
            Some(factors) if factors.len() == n => Ok(factors),
            Some(factors) => Err(self.error(key, format!("{} numbers, expected {n}", factors.len()))),
            None => self.refuse(key, value, "a list of numbers above 0"),
        }
    }

    /// Reads one token id or a list of them: whole numbers of any size and sign.
    pub(super) fn ids(&self, key: &str) -> Result<Vec<i64>, Error> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let id = |v: &Value| v.as_i64().or_else(|| v.as_u64().map(|_| i64::MAX));
        let ids = match value {
            Value::Array(list) => list.iter().map(id).collect(),
            single => id(single).map(|id| vec![id]),
        };
        ids.map_or_else(|| self.refuse(key, value, "a token id or a list of them"), Ok)
    }

    /// Refuses a key that is neither missing nor one of `neutral`, since it would change the model.
    pub(super) fn only(&self, key: &str, neutral: &[Value]) -> Result<(), Error> {
        let same = |a: &Value, b: &Value| a == b || a.as_f64().is_some_and(|x| b.as_f64() == Some(x));
        match self.value(key) {
            Some(value) if !neutral.iter().any(|n| same(value, n)) => {
                let neutral: Vec<String> = neutral.iter().map(Value::to_string).collect();
                self.refuse(key, value, &format!("{} (nothing else is supported)", neutral.join(" or ")))
            }
            _ => Ok(()),
        }
    }
}

/// Spells a value, short enough for one line.
pub(super) fn brief(value: &Value) -> String {
    const CHARS_MAX: usize = 300;
    let text = value.to_string();
    if text.chars().count() <= CHARS_MAX { text } else { text.chars().take(CHARS_MAX).chain("…".chars()).collect() }
}
