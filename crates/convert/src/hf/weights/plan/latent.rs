//! The matrix that makes keys and values of what latent attention keeps: GGUF has it in two, a matrix for each head.

use super::{Floats, Function, Origin, Plan, RowOrder, Stored, Transposed};
use crate::{
    Error,
    hf::{config::latent::LatentShape, family::LatentPart},
};

impl Plan<'_> {
    /// Plans the keys or the values of all heads. The checkpoint has for each head rows of keys, then rows of values;
    /// those of keys are GGUF's columns, so that a query meets what is kept of a position through them.
    pub(super) fn latent(&mut self, hf: &[String], gguf: &str, part: LatentPart) -> Result<(), Error> {
        let LatentShape { kv_rank, plain_dim, value_dim, .. } = self.config.latent;
        let (n_heads, of) = (self.config.n_heads, plain_dim + value_dim);
        let (module, place) = self.of_names(hf)?;
        let matrix = [n_heads * of, kv_rank];
        self.shape(place, &matrix)?;
        let (cols, rows, order, transposed) = match part {
            LatentPart::Keys => {
                (plain_dim, kv_rank, RowOrder::Same, Some(Transposed { n_columns: kv_rank, stride: of }))
            }
            LatentPart::Values => {
                let order = RowOrder::Strided { n: value_dim, of, start: plain_dim, step: 1 };
                (kv_rank, value_dim, order, None)
            }
        };
        let floats = Floats { transposed, ..self.floats(module, place, matrix, order)? };
        let dims = [cols, rows, n_heads].map(|n| n as u64).to_vec();
        self.push(
            format!("{gguf}.weight"),
            dims,
            Stored::As(floats.format),
            Origin::Floats { floats, function: Function::Same },
        );
        Ok(())
    }
}
