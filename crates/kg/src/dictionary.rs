//! Terms and their ids.

pub(crate) mod spelling;
