//! Taking tensors out of a container by name, shape and type, and noticing the ones nobody took.

use std::collections::HashSet;

use gguf::{Container, TensorInfo};
use quant::Format;

use super::format_of;
use crate::{
    LoadError,
    linear::{Linear, Place},
};

/// The tensors of a container that are not yet spoken for.
pub(super) struct Tensors<'a> {
    container: &'a Container,
    used: HashSet<&'a str>,
}

impl<'a> Tensors<'a> {
    pub(super) fn new(container: &'a Container) -> Self {
        Self { container, used: HashSet::new() }
    }

    pub(super) fn refuse<T>(&self, tensor: &str, what: impl Into<String>) -> Result<T, LoadError> {
        let file = self.container.name().to_owned();
        Err(LoadError::Tensor { file, tensor: tensor.escape_debug().to_string(), what: what.into() })
    }

    fn find(&mut self, name: &str) -> Option<&'a TensorInfo> {
        let tensor = self.container.tensor(name)?;
        self.used.insert(tensor.name.as_str());
        Some(tensor)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.container.tensor(name).is_some()
    }

    /// Rows of a matrix whose height is not known beforehand.
    pub(super) fn rows(&self, name: &str) -> Result<usize, LoadError> {
        match self.container.tensor(name).map(|t| t.dims.as_slice()) {
            Some([_, rows]) if *rows > 0 && u32::try_from(*rows).is_ok() => Ok(*rows as usize),
            Some(dims) => self.refuse(name, format!("shape {dims:?}, expected a matrix")),
            None => self.refuse(name, "missing"),
        }
    }

    /// The exact values of a vector of `n`, if it is there.
    pub(super) fn optional_vector(&mut self, name: &str, n: usize) -> Result<Option<Vec<f32>>, LoadError> {
        let Some(tensor) = self.find(name) else { return Ok(None) };
        if tensor.dims != [n as u64] {
            return self.refuse(name, format!("shape {:?}, expected [{n}]", tensor.dims));
        }
        let format = self.format(tensor)?;
        let mut values = vec![0.0; n];
        format.decode(&self.container.bytes(tensor), &mut values);
        Ok(Some(values))
    }

    /// The same, and it must be there.
    pub(super) fn vector(&mut self, name: &str, n: usize) -> Result<Vec<f32>, LoadError> {
        self.optional_vector(name, n)?.map_or_else(|| self.refuse(name, "missing"), Ok)
    }

    /// `name.weight` `[rows, cols]` cut into pieces of `rows` each, with `name.bias` and `name.scale`.
    pub(super) fn pieces<const N: usize>(
        &mut self,
        name: &str,
        rows: [usize; N],
        cols: usize,
    ) -> Result<[Linear; N], LoadError> {
        let weight = format!("{name}.weight");
        let Some(tensor) = self.find(&weight) else { return self.refuse(&weight, "missing") };
        let total: usize = rows.iter().sum();
        if tensor.dims != [cols as u64, total as u64] {
            return self.refuse(&weight, format!("shape {:?}, expected [{cols}, {total}]", tensor.dims));
        }
        let format = self.format(tensor)?;
        let bias = self.optional_vector(&format!("{name}.bias"), total)?;
        let scale = self.optional_vector(&format!("{name}.scale"), 1)?.and_then(|s| s.first().copied());
        let mut first = 0;
        Ok(rows.map(|n| {
            let mut linear = Linear::new(self.container.bytes(tensor), format, first, n, cols);
            linear.bias = bias.as_ref().map(|b| b[first..first + n].to_vec());
            linear.scale = scale;
            linear.place =
                (first == 0).then(|| Box::new(Place { tensor: weight.as_str().into(), matrix: 0, n_matrices: 1 }));
            first += n;
            linear
        }))
    }

    /// `name.weight` whole.
    pub(super) fn linear(&mut self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let [linear] = self.pieces(name, [rows], cols)?;
        Ok(linear)
    }

    /// `name.weight` whole, without anything beside it: its rows are also read one by one.
    pub(super) fn table(&mut self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        for extra in ["bias", "scale"] {
            if self.has(&format!("{name}.{extra}")) {
                return self.refuse(&format!("{name}.{extra}"), "not known for an embedding");
            }
        }
        self.linear(name, rows, cols)
    }

    /// `name.weight` `[n, rows, cols]` cut into its `n` matrices, with one `name.scale` each.
    pub(super) fn stack(&mut self, name: &str, n: usize, rows: usize, cols: usize) -> Result<Vec<Linear>, LoadError> {
        let weight = format!("{name}.weight");
        let Some(tensor) = self.find(&weight) else { return self.refuse(&weight, "missing") };
        if tensor.dims != [cols as u64, rows as u64, n as u64] {
            return self.refuse(&weight, format!("shape {:?}, expected [{cols}, {rows}, {n}]", tensor.dims));
        }
        let format = self.format(tensor)?;
        let scales = self.optional_vector(&format!("{name}.scale"), n)?;
        let matrix = |i: usize| {
            let mut linear = Linear::new(self.container.bytes(tensor), format, i * rows, rows, cols);
            linear.scale = scales.as_ref().and_then(|s| s.get(i).copied());
            linear.place = Some(Box::new(Place { tensor: weight.as_str().into(), matrix: i, n_matrices: n }));
            linear
        };
        Ok((0..n).map(matrix).collect())
    }

    fn format(&self, tensor: &TensorInfo) -> Result<Format, LoadError> {
        let Some(format) = format_of(tensor.type_id) else {
            let what = format!("type {} ({}), which cannot be computed with", tensor.type_id.0, tensor.type_name());
            return self.refuse(&tensor.name, what);
        };
        let (cols, rows) = tensor.dims.split_first().map_or((0, 1), |(cols, rows)| (*cols, rows.iter().product()));
        let row_bytes = usize::try_from(cols).ok().and_then(|cols| format.row_bytes(cols));
        let n_bytes = row_bytes.and_then(|n| (n as u64).checked_mul(rows));
        if n_bytes != Some(tensor.n_bytes) {
            let what = format!(
                "{} bytes for {rows} rows of {cols}, but {} has {} bytes a block of {}",
                tensor.n_bytes,
                format.name(),
                format.block_bytes(),
                format.block_len()
            );
            return self.refuse(&tensor.name, what);
        }
        Ok(format)
    }

    /// A tensor that the family does not read would be silently ignored: refuse it.
    pub(super) fn all_used(&self) -> Result<(), LoadError> {
        match self.container.tensors().iter().find(|t| !self.used.contains(t.name.as_str())) {
            Some(unknown) => self.refuse(&unknown.name, "not known for this architecture"),
            None => Ok(()),
        }
    }
}
