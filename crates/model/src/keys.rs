//! Metadata keys of one architecture, with errors that name file and key.

use gguf::{Container, Metadata};

use crate::{LoadError, spec::Pooling};

/// Largest number of layers, heads or experts that a file may claim.
const COUNT_MAX: u64 = 4096;
/// Largest width, vocabulary or context that a file may claim.
pub(crate) const WIDTH_MAX: usize = 1 << 28;

/// A reader of the `ARCH.name` keys of one architecture.
pub(crate) struct Keys<'a> {
    pub(crate) file: &'a str,
    pub(crate) architecture: &'a str,
    metadata: &'a Metadata,
    container: &'a Container,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(container: &'a Container) -> Result<Self, LoadError> {
        crate::load::check_kind(container)?;
        let (file, metadata) = (container.name(), container.metadata());
        let architecture = metadata
            .str("general.architecture")
            .map_err(|source| LoadError::Container { file: file.to_owned(), source })?;
        let architecture = architecture.ok_or_else(|| LoadError::Key {
            file: file.to_owned(),
            key: "general.architecture".to_owned(),
            what: "missing".to_owned(),
        })?;
        Ok(Self { file, architecture, metadata, container })
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    pub(crate) fn refuse<T>(&self, name: &str, what: impl Into<String>) -> Result<T, LoadError> {
        Err(LoadError::Key { file: self.file.to_owned(), key: self.key(name), what: what.into() })
    }

    fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&'a Metadata, &str) -> Result<Option<T>, gguf::Error>,
    ) -> Result<Option<T>, LoadError> {
        read(self.metadata, &self.key(name))
            .map_err(|source| LoadError::Container { file: self.file.to_owned(), source })
    }

    /// Reads a count of things, 1 to 4096; for a key that may hold one value per layer, all must be equal.
    pub(crate) fn count(&self, name: &str) -> Result<usize, LoadError> {
        self.bounded(name, COUNT_MAX)?.map_or_else(|| self.refuse(name, "missing"), Ok)
    }

    /// Reads a count of things for each of `n_layers` layers, 0 to 4096.
    pub(crate) fn counts(&self, name: &str, n_layers: usize) -> Result<Vec<usize>, LoadError> {
        self.of_layers(name, n_layers, COUNT_MAX)
    }

    /// Reads a width in elements for each of `n_layers` layers, or 0.
    pub(crate) fn widths(&self, name: &str, n_layers: usize) -> Result<Vec<usize>, LoadError> {
        self.of_layers(name, n_layers, WIDTH_MAX as u64)
    }

    /// Reads a count of things, 1 to 4096, for each of `n_layers` layers: one for all, or one each.
    pub(crate) fn each_count(&self, name: &str, n_layers: usize) -> Result<Vec<usize>, LoadError> {
        self.each(name, n_layers, COUNT_MAX)
    }

    /// Reads a width in elements, at least 1, for each of `n_layers` layers: one for all, or one each.
    pub(crate) fn each_width(&self, name: &str, n_layers: usize) -> Result<Vec<usize>, LoadError> {
        self.each(name, n_layers, WIDTH_MAX as u64)
    }

    fn each(&self, name: &str, n_layers: usize, max: u64) -> Result<Vec<usize>, LoadError> {
        if !self.is_array(name) {
            let one = self.bounded(name, max)?.map_or_else(|| self.refuse(name, "missing"), Ok)?;
            return Ok(vec![one; n_layers]);
        }
        let values = self.of_layers(name, n_layers, max)?;
        match values.iter().position(|&n| n == 0) {
            Some(layer) => self.refuse(name, format!("0 for layer {layer}, expected 1 to {max}")),
            None => Ok(values),
        }
    }

    fn of_layers(&self, name: &str, n_layers: usize, max: u64) -> Result<Vec<usize>, LoadError> {
        let Some(values) = self.read(name, Metadata::i64s)? else { return self.refuse(name, "missing") };
        if values.len() != n_layers {
            return self.refuse(name, format!("{} values, expected one for each of {n_layers} layers", values.len()));
        }
        let count = |value: &i64| usize::try_from(*value).ok().filter(|&n| n as u64 <= max);
        match values.iter().find(|value| count(value).is_none()) {
            Some(bad) => self.refuse(name, format!("{bad}, expected 0 to {max}")),
            None => Ok(values.iter().filter_map(count).collect()),
        }
    }

    /// Reads a count of things, 1 to 4096, or returns the default where there is none.
    pub(crate) fn count_or(&self, name: &str, default: usize) -> Result<usize, LoadError> {
        Ok(self.bounded(name, COUNT_MAX)?.unwrap_or(default))
    }

    /// Reads a width in elements, at least 1.
    pub(crate) fn width(&self, name: &str) -> Result<usize, LoadError> {
        self.bounded(name, WIDTH_MAX as u64)?.map_or_else(|| self.refuse(name, "missing"), Ok)
    }

    /// Reads a width in elements, at least 1, or returns the default where there is none.
    pub(crate) fn width_or(&self, name: &str, default: usize) -> Result<usize, LoadError> {
        Ok(self.bounded(name, WIDTH_MAX as u64)?.unwrap_or(default))
    }

    fn bounded(&self, name: &str, max: u64) -> Result<Option<usize>, LoadError> {
        let value = match self.metadata.get(&self.key(name)) {
            Some(gguf::Value::Array(_)) => {
                let values = self.read(name, Metadata::i64s)?.unwrap_or_default();
                match values.as_slice() {
                    [first, rest @ ..] if rest.iter().all(|v| v == first) => u64::try_from(*first).ok(),
                    _ => return self.refuse(name, format!("{values:?}: layers that differ are not supported")),
                }
            }
            _ => self.read(name, Metadata::u64)?,
        };
        match value {
            Some(n) if n == 0 || n > max => self.refuse(name, format!("{n}, expected 1 to {max}")),
            other => Ok(other.map(|n| n as usize)),
        }
    }

    /// Reads an optional count, where 0 means that there is none.
    pub(crate) fn count_or_none(&self, name: &str) -> Result<Option<usize>, LoadError> {
        match self.read(name, Metadata::u64)? {
            Some(n) if n > WIDTH_MAX as u64 => self.refuse(name, format!("{n}, expected at most {WIDTH_MAX}")),
            other => Ok(other.map(|n| n as usize).filter(|&n| n > 0)),
        }
    }

    /// Reads a finite float, if there is one.
    pub(crate) fn float(&self, name: &str) -> Result<Option<f32>, LoadError> {
        match self.read(name, Metadata::f32)? {
            Some(x) if !x.is_finite() => self.refuse(name, format!("{x} is not finite")),
            other => Ok(other),
        }
    }

    /// Reads a float above zero, or returns the default where there is none.
    pub(crate) fn positive_or(&self, name: &str, default: f32) -> Result<f32, LoadError> {
        match self.float(name)? {
            Some(x) if x <= 0.0 => self.refuse(name, format!("{x}, expected more than 0")),
            other => Ok(other.unwrap_or(default)),
        }
    }

    /// Reads a float above zero, where 0 is how converters say that there is none.
    pub(crate) fn positive_or_none(&self, name: &str) -> Result<Option<f32>, LoadError> {
        match self.float(name)? {
            Some(x) if x < 0.0 => self.refuse(name, format!("{x}, expected 0 or more")),
            other => Ok(other.filter(|&x| x > 0.0)),
        }
    }

    /// Reads a float above zero, without which the model has no meaning.
    pub(crate) fn positive(&self, name: &str) -> Result<f32, LoadError> {
        self.positive_or_none(name)?.map_or_else(|| self.refuse(name, "missing, or 0"), Ok)
    }

    /// Refuses a key that we compute as if it had the value `expected`, if it has another.
    pub(crate) fn only(&self, name: &str, expected: f32) -> Result<(), LoadError> {
        match self.float(name)? {
            Some(x) if (x - expected).abs() > 1e-6 => {
                self.refuse(name, format!("{x}, but only {expected} is supported"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a key that would make another model of this one.
    pub(crate) fn absent(&self, name: &str) -> Result<(), LoadError> {
        if self.has(name) { self.refuse(name, "present, which is not supported") } else { Ok(()) }
    }

    /// Whether there is a key of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.metadata.get(&self.key(name)).is_some()
    }

    /// Whether there is a key of that name with one value per layer.
    pub(crate) fn is_array(&self, name: &str) -> bool {
        matches!(self.metadata.get(&self.key(name)), Some(gguf::Value::Array(_)))
    }

    /// Whether there is a tensor of that name: some families say by one what they are.
    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.container.tensor(name).is_some()
    }

    /// Reads a boolean, if there is one.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, LoadError> {
        self.read(name, Metadata::bool)
    }

    /// Reads which of `n_layers` layers see only a sliding window: an array of one flag per layer, or a period `n` (all
    /// but every n-th).
    pub(crate) fn window_pattern(
        &self,
        name: &str,
        period_default: usize,
        n_layers: usize,
    ) -> Result<Vec<bool>, LoadError> {
        let flags = match self.metadata.get(&self.key(name)) {
            Some(gguf::Value::Array(gguf::Array::Bool(flags))) => flags.clone(),
            Some(gguf::Value::Array(_)) => {
                self.read(name, Metadata::i64s)?.unwrap_or_default().iter().map(|&flag| flag != 0).collect()
            }
            _ => {
                let period = self.count_or(name, period_default)?;
                (1..=n_layers).map(|layer| !layer.is_multiple_of(period)).collect()
            }
        };
        if flags.len() != n_layers {
            return self.refuse(name, format!("{} layers, expected {n_layers}", flags.len()));
        }
        Ok(flags)
    }

    /// Reads how hidden states become an embedding.
    pub(crate) fn pooling(&self) -> Result<Option<Pooling>, LoadError> {
        const NAME: &str = "pooling_type";
        let Some(number) = self.read(NAME, Metadata::u64)? else { return Ok(None) };
        match Pooling::ALL.get(usize::try_from(number).unwrap_or(usize::MAX)) {
            Some(pooling) => Ok(Some(*pooling)),
            None => self.refuse(NAME, format!("{number}, expected 0 to {}", Pooling::ALL.len() - 1)),
        }
    }

    /// Reads a string, if there is one.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, LoadError> {
        self.read(name, Metadata::str)
    }
}
