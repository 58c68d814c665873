//! The order of the codes in I2_S tensors: three are in use under one type id and one size, and no metadata of
//! bitnet.cpp tells them apart.

use quant::Format;

use crate::{Container, Error, Layout, Metadata, TensorInfo, TypeId, Writer};

/// Key by which our files say in which order the weights of I2_S tensors are: the name of an [`I2sOrder`].
pub const I2_S_ORDER: &str = "trinity.i2_s.order";

/// In which order the codes of I2_S tensors lie (microsoft/BitNet, `ggml-bitnet-mad.cpp`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum I2sOrder {
    /// 128 weights of a row in 32 bytes ([`Format::I2_S`]): what published files have.
    X86,
    /// 64 weights of a row in 16 bytes ([`Format::I2_S_ARM`]): what bitnet.cpp writes on ARM since November 2025.
    Arm,
    /// A column of four rows in a byte, the first in the highest bits: what bitnet.cpp writes on x86 when built without
    /// `ACT_PARALLEL`.
    Rows4,
}

impl I2sOrder {
    /// All orders that files may have.
    pub const ALL: [Self; 3] = [Self::X86, Self::Arm, Self::Rows4];

    /// Name in metadata and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86",
            Self::Arm => "arm",
            Self::Rows4 => "rows4",
        }
    }

    /// Can `rows` rows of `cols` weights be in this order?
    pub fn fits(self, rows: usize, cols: usize) -> bool {
        match self {
            Self::X86 => Format::I2_S.row_bytes(cols).is_some(),
            Self::Arm => Format::I2_S_ARM.row_bytes(cols).is_some(),
            Self::Rows4 => rows.is_multiple_of(4) && Format::I2_S_ARM.row_bytes(cols).is_some(),
        }
    }

    /// What `metadata` says; an error if that is no order that a file of ours has.
    pub fn of(metadata: &Metadata) -> Result<Option<Self>, Error> {
        match metadata.str(I2_S_ORDER)? {
            None => Ok(None),
            Some("x86") => Ok(Some(Self::X86)),
            Some("arm") => Ok(Some(Self::Arm)),
            Some(other) => Err(Error::Metadata {
                key: I2_S_ORDER.to_owned(),
                expected: "\"x86\" or \"arm\"",
                got: format!("{other:?}"),
            }),
        }
    }
}

/// The format of rows of `cols` weights before anybody says in which order they are: rows of an odd number of 64
/// weights are no blocks of 128.
pub(crate) fn format_by_size(cols: u64) -> Format {
    if cols.is_multiple_of(128) || !cols.is_multiple_of(64) { Format::I2_S } else { Format::I2_S_ARM }
}

/// Is `tensor` an I2_S, in whatever order?
pub fn is_i2_s(tensor: &TensorInfo) -> bool {
    matches!(tensor.layout, Layout::Weights(Format::I2_S | Format::I2_S_ARM))
}

impl Container {
    /// In which order I2_S tensors are taken to be; `None` if there are none.
    pub fn i2_s_order(&self) -> Option<I2sOrder> {
        let mut formats = self.tensors().iter().filter(|t| is_i2_s(t)).map(TensorInfo::format).peekable();
        formats.peek()?;
        Some(if formats.any(|format| format == Some(Format::I2_S_ARM)) { I2sOrder::Arm } else { I2sOrder::X86 })
    }

    /// Takes all I2_S tensors to be in `order`, whatever was said of them. Those of [`I2sOrder::Rows4`] cannot be
    /// computed with, so the model is written anew in memory.
    pub fn set_i2_s_order(&mut self, order: I2sOrder) -> Result<(), Error> {
        self.check_i2_s_order(order)?;
        match order {
            I2sOrder::X86 => self.relabel_i2_s(Format::I2_S),
            I2sOrder::Arm => self.relabel_i2_s(Format::I2_S_ARM),
            I2sOrder::Rows4 => *self = self.with_rows_apart()?,
        }
        Ok(())
    }

    /// Names the first I2_S tensor whose shape `order` does not allow.
    pub fn check_i2_s_order(&self, order: I2sOrder) -> Result<(), Error> {
        for tensor in self.tensors().iter().filter(|t| is_i2_s(t)) {
            let (rows, cols) = (tensor.n_rows(), tensor.cols());
            if !order.fits(rows, cols) {
                let (name, order) = (tensor.name.escape_debug(), order.name());
                let what = format!("tensor {name}: {rows} rows of {cols} weights are not in I2_S order {order}");
                return Err(Error::Invalid { file: self.name().to_owned(), what });
            }
        }
        Ok(())
    }

    /// A copy of the model in which rows of I2_S tensors, here interleaved by four, stand one behind the other.
    fn with_rows_apart(&self) -> Result<Self, Error> {
        let io_error = |source| Error::Io { file: self.name().to_owned(), source };
        let is_x86 = self.tensors().iter().filter(|t| is_i2_s(t)).all(|t| I2sOrder::X86.fits(t.n_rows(), t.cols()));
        let (order, format) = if is_x86 { (I2sOrder::X86, Format::I2_S) } else { (I2sOrder::Arm, Format::I2_S_ARM) };
        let mut metadata = self.metadata().clone();
        metadata.remove_split();
        if crate::seal::remove(&mut metadata) {
            crate::seal::prepare(&mut metadata, self.tensors().len());
        }
        let specs: Vec<_> = self.tensors().iter().map(TensorInfo::spec).collect();
        metadata.disambiguate(&specs, order);
        // Grown step by step, it would take up to twice the memory.
        let room = Vec::with_capacity(self.file_bytes() as usize + (1 << 10));
        let mut writer = Writer::new(room, &metadata, specs).map_err(io_error)?;
        for tensor in self.tensors() {
            let bytes = self.bytes(tensor);
            if is_i2_s(tensor) {
                let (in_rows, tail) = bytes.split_at(tensor.n_rows() * (tensor.cols() / 4));
                let mut apart = quant::deinterleave_i2_s(format, tensor.cols(), in_rows);
                apart.extend_from_slice(tail);
                writer.tensor(&apart)
            } else {
                writer.tensor(&bytes)
            }
            .map_err(io_error)?;
        }
        Self::from_bytes(self.name(), writer.finish().map_err(io_error)?)
    }
}

/// The layout of type `id` with rows of `cols` weights, before anybody says more.
pub(crate) fn layout_by_size(id: TypeId, cols: u64) -> Option<Layout> {
    match id.layout() {
        Some(Layout::Weights(Format::I2_S)) => Some(Layout::Weights(format_by_size(cols))),
        layout => layout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TensorSpec, Value};

    /// A container of two I2_S tensors of these shapes and byte `i % 251` throughout, whose metadata name `order`.
    fn container(dims: [u64; 2], order: Option<&str>) -> Result<Container, Error> {
        let mut metadata = Metadata::default();
        if let Some(order) = order {
            metadata.set(I2_S_ORDER, Value::String(order.to_owned()));
        }
        let spec = |name: &str| TensorSpec { name: name.to_owned(), dims: dims.to_vec(), type_id: TypeId(36) };
        let mut writer = Writer::new(Vec::new(), &metadata, vec![spec("a"), spec("b")]).unwrap();
        let bytes: Vec<u8> = (0..dims[0] * dims[1] / 4 + 32).map(|i| (i % 251) as u8).collect();
        writer.tensor(&bytes).unwrap();
        writer.tensor(&bytes).unwrap();
        Container::from_bytes("test", writer.finish().unwrap())
    }

    fn layouts(container: &Container) -> Vec<Option<Format>> {
        container.tensors().iter().map(TensorInfo::format).collect()
    }

    #[test]
    fn metadata_name_the_order_and_sizes_exclude_one() {
        let check = |dims, order, format| assert_eq!(layouts(&container(dims, order).unwrap()), [Some(format); 2]);
        check([256, 4], None, Format::I2_S);
        check([256, 4], Some("x86"), Format::I2_S);
        check([256, 4], Some("arm"), Format::I2_S_ARM);
        check([192, 4], None, Format::I2_S_ARM);
        check([192, 4], Some("arm"), Format::I2_S_ARM);
        let refused = |dims, order| container(dims, Some(order)).map(drop).unwrap_err().to_string();
        assert_eq!(refused([256, 4], "mips"), "metadata trinity.i2_s.order: \"mips\", expected \"x86\" or \"arm\"");
        assert_eq!(refused([192, 4], "x86"), "test: tensor a: 4 rows of 192 weights are not in I2_S order x86");
    }

    #[test]
    fn interleaved_rows_are_written_one_behind_the_other() {
        for (cols, format) in [(256, Format::I2_S), (192, Format::I2_S_ARM)] {
            let mut apart = container([cols, 8], None).unwrap();
            let before = container([cols, 8], None).unwrap();
            apart.set_i2_s_order(I2sOrder::Rows4).unwrap();
            assert_eq!(layouts(&apart), [Some(format); 2]);
            for (tensor, source) in apart.tensors().iter().zip(before.tensors()) {
                let (bytes, source) = (apart.bytes(tensor), before.bytes(source));
                let stored = quant::StoredMatrix::new(format, 8, cols as usize, &bytes).unwrap();
                let codes = stored.ternary(0, 8).unwrap().codes;
                for (i, code) in codes.iter().enumerate() {
                    let (row, col) = (i / cols as usize, i % cols as usize);
                    let byte = source[row / 4 * cols as usize + col];
                    assert_eq!(*code, (byte >> (6 - 2 * (row % 4)) & 3) as i8 - 1, "row {row}, column {col}");
                }
                let n = bytes.len() - 32;
                assert_eq!(bytes[n..], source[n..], "what stands behind the rows");
            }
        }
        let refused = container([256, 6], None).unwrap().set_i2_s_order(I2sOrder::Rows4).unwrap_err().to_string();
        assert_eq!(refused, "test: tensor a: 6 rows of 256 weights are not in I2_S order rows4");
    }
}
