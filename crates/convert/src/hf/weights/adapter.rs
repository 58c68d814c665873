//! From the matrices of a LoRA adapter to [`Weights`]: two for each matrix of the model that it changes, under that
//! one's name.
//!
//! Of the rows of a matrix that GGUF has in another order, those of `lora_B` are; of its columns, those of `lora_A`.

use std::collections::HashSet;

use super::{
    Floats, Origin, RowOrder, Weights,
    floats::Transposed,
    order,
    plan::{format, shape},
};
use crate::{
    Error,
    hf::{
        config::Config,
        family::{Function, Kind, Part},
    },
    safetensors::{Checkpoint, Place},
    source::{SourceTensor, Stored},
};

/// Prefix of the names of all modules in PEFT's files.
const PREFIX: &str = "base_model.model.";

/// A pair of matrices, and how they are read.
struct Pair<'n> {
    module: &'n str,
    /// Name of the model's matrix in GGUF, with `.weight`.
    gguf: String,
    rows: usize,
    of: usize,
    cols: usize,
    order: RowOrder,
    columns: RowOrder,
}

/// Finds every pair for a matrix of a model of `config`; what is for no matrix is refused. The second value holds the
/// ranks.
pub(in crate::hf) fn plan(checkpoint: &Checkpoint, config: &Config) -> Result<(Weights, Vec<usize>), Error> {
    let mut plan = Plan {
        checkpoint,
        config,
        used: HashSet::new(),
        ranks: Vec::new(),
        weights: Weights { tensors: Vec::new(), origins: Vec::new(), n_decays: 0, left_out: Vec::new() },
    };
    let names = config.family.names;
    for (at, layer) in config.layers.iter().enumerate() {
        for part in config.family.parts(at, *layer) {
            for body in names.bodies {
                for hf in part.hf {
                    plan.part(&format!("{body}{}.{at}.{hf}", names.layers), at, part)?;
                }
            }
        }
    }
    let (rows, cols) = (config.n_vocab, config.width);
    for module in names.heads {
        let (order, columns) = (RowOrder::Same, RowOrder::Same);
        plan.pair(&Pair { module, gguf: "output.weight".to_owned(), rows, of: rows, cols, order, columns })?;
    }
    for body in names.bodies {
        plan.embedding(&format!("{body}{}", names.embedding))?;
    }
    let is_left = |p: &&Place| !plan.used.contains(p.info().name.as_str());
    if let Some(unknown) = checkpoint.tensors().iter().find(is_left) {
        let what = format!("for no matrix of {} that an adapter may change here", config.family.architecture);
        return Err(unknown.error(what));
    }
    Ok((plan.weights, plan.ranks))
}

struct Plan<'a> {
    checkpoint: &'a Checkpoint,
    config: &'a Config,
    used: HashSet<&'a str>,
    ranks: Vec<usize>,
    weights: Weights,
}

impl<'a> Plan<'a> {
    fn part(&mut self, module: &str, at: usize, part: &Part) -> Result<(), Error> {
        let width = |w| self.config.width_of(w, Some(at));
        let same = RowOrder::Same;
        let (rows, of, cols, order, columns) = match part.kind {
            Kind::Linear { rows, cols, .. } => (width(rows), width(rows), width(cols), same.clone(), same),
            Kind::Rotary { rows } => {
                let order = RowOrder::Rotary { head_dim: self.config.head_dim };
                (width(rows), width(rows), self.config.width, order, same)
            }
            Kind::Rows { rows, of, cols, order } => {
                let order = order::of_rows(self.config, order, width(rows), width(of));
                (width(rows), width(of), width(cols), order, same)
            }
            Kind::Columns { rows, cols, order } => {
                let columns = order::of_rows(self.config, order, width(cols), width(cols));
                (width(rows), width(rows), width(cols), same, columns)
            }
            Kind::Norm(_) | Kind::Stack { .. } | Kind::Experts { .. } | Kind::Values { .. } | Kind::Latent(_) => {
                return Ok(());
            }
        };
        self.pair(&Pair { module, gguf: format!("blk.{at}.{}.weight", part.gguf), rows, of, cols, order, columns })
    }

    /// Plans a pair, if the adapter has it.
    fn pair(&mut self, pair: &Pair<'_>) -> Result<(), Error> {
        let name = |matrix: &str| format!("{PREFIX}{}.{matrix}.weight", pair.module);
        let (down, up) = (self.find(&name("lora_A")), self.find(&name("lora_B")));
        let (down, up) = match (down, up) {
            (None, None) => return Ok(()),
            (Some(down), Some(up)) => (down, up),
            (Some(there), None) => return Err(there.error(format!("without {}", name("lora_B")))),
            (None, Some(there)) => return Err(there.error(format!("without {}", name("lora_A")))),
        };
        let rank = down.info().shape.first().map_or(0, |&n| n as usize);
        if rank == 0 {
            return Err(down.error("no row, expected as many as the rank"));
        }
        let file = self.config.fields.file_name().to_string();
        shape(down, &[rank, pair.cols], &file)?;
        shape(up, &[pair.of, rank], &file)?;
        self.ranks.push(rank);
        let columns = if let RowOrder::Listed(list) = &pair.columns { Some(list.clone()) } else { None };
        let down = Floats { columns, ..Floats::new(down, format(down)?, RowOrder::Same) };
        self.push(format!("{}.lora_a", pair.gguf), [pair.cols, rank], down);
        let up = Floats::new(up, format(up)?, pair.order.clone());
        self.push(format!("{}.lora_b", pair.gguf), [rank, pair.rows], up);
        Ok(())
    }

    /// Plans the pair of the embedding, if the adapter has it: what `A` has in columns, GGUF has in rows, one a token.
    fn embedding(&mut self, module: &str) -> Result<(), Error> {
        let name = |matrix: &str| format!("{PREFIX}{module}.lora_embedding_{matrix}");
        let (a, b) = match (self.find(&name("A")), self.find(&name("B"))) {
            (None, None) => return Ok(()),
            (Some(a), Some(b)) => (a, b),
            (Some(there), None) => return Err(there.error(format!("without {}", name("B")))),
            (None, Some(there)) => return Err(there.error(format!("without {}", name("A")))),
        };
        let (n_vocab, width) = (self.config.n_vocab, self.config.width);
        let rank = a.info().shape.first().map_or(0, |&n| n as usize);
        if rank == 0 {
            return Err(a.error("no row, expected as many as the rank"));
        }
        let file = self.config.fields.file_name().to_string();
        shape(a, &[rank, n_vocab], &file)?;
        shape(b, &[width, rank], &file)?;
        self.ranks.push(rank);
        let transposed = Some(Transposed { n_columns: n_vocab, stride: rank });
        let of_tokens = Floats { transposed, ..Floats::new(a, format(a)?, RowOrder::Same) };
        self.push("token_embd.weight.lora_a".to_owned(), [rank, n_vocab], of_tokens);
        self.push("token_embd.weight.lora_b".to_owned(), [rank, width], Floats::new(b, format(b)?, RowOrder::Same));
        Ok(())
    }

    fn push(&mut self, name: String, dims: [usize; 2], floats: Floats) {
        let stored = Stored::As(floats.format);
        self.weights.tensors.push(SourceTensor { name, dims: dims.map(|n| n as u64).to_vec(), stored });
        self.weights.origins.push(Origin::Floats { floats, function: Function::Same });
    }

    fn find(&mut self, name: &str) -> Option<&'a Place> {
        let place = self.checkpoint.find(name)?;
        self.used.insert(place.info().name.as_str());
        Some(place)
    }
}
