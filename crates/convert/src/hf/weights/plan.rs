//! From names and shapes of a checkpoint to [`Weights`]: everything implied must be there, nothing else may be.

mod latent;

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use quant::Format;

use super::{
    Floats, Origin, RowOrder, Weights,
    floats::{Scales, Transposed},
    mxfp4::{self, Mxfp4},
    order,
};
use crate::{
    Error,
    hf::{
        HfOptions, Ternarise,
        config::{Config, encoder},
        family::{Bias, Function, Kind, NormKind, Order, OwnKeys, Part, Width},
        quantization::{HEAD, ScaleUse},
        ternary,
    },
    safetensors::{Checkpoint, Dtype, Place},
    source::{SourceTensor, Stored},
};

/// Prefix that names in BitNet's list of modules have.
const BODY: &str = "model.";
/// Name of the norm of a matrix's own input, which stands beside the matrix.
const INPUT_NORM: &str = "rms_norm.weight";
/// Name of tensors that old checkpoints carry besides weights, and that every program computes for itself.
const DERIVED: &str = "rotary_emb.inv_freq";

pub(super) fn plan(checkpoint: &Checkpoint, config: &Config, options: HfOptions) -> Result<Weights, Error> {
    let has = |module: &str| checkpoint.find(&format!("{module}.weight")).is_some();
    let names = config.family.names;
    let first = names.bodies.first().copied().unwrap_or_default();
    let body = names.bodies.iter().find(|body| has(&format!("{body}{}", names.embedding)));
    let mut plan = Plan {
        is_online: is_online(config, options)?,
        body: body.copied().unwrap_or(first),
        checkpoint,
        config,
        used: HashSet::new(),
        weights: Weights { tensors: Vec::new(), origins: Vec::new(), n_decays: 0, left_out: Vec::new() },
    };
    plan.all()?;
    Ok(plan.weights)
}

/// Decides whether masters of linear layers are made ternary.
fn is_online(config: &Config, options: HfOptions) -> Result<bool, Error> {
    let quantization = &config.quantization;
    match options.ternarise {
        Ternarise::Never => Ok(false),
        Ternarise::AsConfigured => Ok(quantization.is_online),
        Ternarise::Undeclared => Ok(quantization.is_online || (config.family.is_ternary && !quantization.is_declared)),
        Ternarise::Always if config.family.is_ternary || quantization.is_declared => Ok(true),
        Ternarise::Always => {
            Err(config.fields.error("architectures", "no BitNet model, so its weights are no masters of ternary ones"))
        }
    }
}

struct Plan<'a> {
    checkpoint: &'a Checkpoint,
    config: &'a Config,
    is_online: bool,
    /// Prefix of all modules but the head.
    body: &'static str,
    used: HashSet<&'a str>,
    weights: Weights,
}

/// A tensor that the configuration implies.
struct Wanted<'n> {
    /// Names of the tensor's module in full, without `.weight`, of which one must be there.
    hf: &'n [String],
    /// Name in GGUF, without `.weight`.
    gguf: &'n str,
    /// Shape `[rows, cols]`, or `[n]`.
    shape: &'n [usize],
    /// Number of rows that the checkpoint has.
    of: usize,
    order: RowOrder,
    columns: Option<Arc<[u32]>>,
    offset: f32,
}

impl<'n> Wanted<'n> {
    /// Makes the wish for a tensor in the order of the checkpoint.
    fn plain(hf: &'n [String], gguf: &'n str, shape: &'n [usize], offset: f32) -> Self {
        let of = shape.first().copied().unwrap_or_default();
        Self { hf, gguf, shape, of, order: RowOrder::Same, columns: None, offset }
    }
}

impl<'a> Plan<'a> {
    fn all(&mut self) -> Result<(), Error> {
        let config = self.config;
        let (vocabulary, width) = (config.n_vocab, config.width);
        let names = config.family.names;
        let in_body = |hf: &str| [format!("{}{hf}", self.body)];
        let (embedding, matrix) = (in_body(names.embedding), [vocabulary, width]);
        let norm = names.norm.map(|(hf, gguf)| (in_body(hf), gguf));
        self.matrix(&Wanted::plain(&embedding, "token_embd", &matrix, 0.0), false)?;
        for part in config.family.globals {
            let hf = part.hf.iter().map(|hf| hf.strip_prefix('/').map_or(format!("{}{hf}", self.body), str::to_owned));
            let hf: Vec<String> = hf.collect();
            self.part(&hf, None, part)?;
        }
        for factors in &config.rope_factors {
            let n = factors.values.len() as u64;
            self.push(
                factors.name.to_owned(),
                vec![n],
                Stored::As(Format::F32),
                Origin::Values(factors.values.clone()),
            );
        }
        for (at, layer) in config.layers.iter().enumerate() {
            for part in config.family.parts(at, *layer) {
                let hf = part.hf.iter().map(|hf| format!("{}{}.{at}.{hf}", self.body, names.layers));
                self.part(&hf.collect::<Vec<_>>(), Some(at), part)?;
            }
        }
        if let Some((norm, gguf)) = norm {
            self.norm(&Wanted::plain(&norm, gguf, &[width], config.family.norm_offset))?;
        }
        let heads: Vec<String> = names.heads.iter().map(|head| (*head).to_owned()).collect();
        if config.is_tied && !heads.is_empty() {
            self.tied_head(&embedding)?;
        } else if !heads.is_empty() {
            let module = self.matrix(&Wanted::plain(&heads, "output", &matrix, 0.0), true)?;
            if names.has_head_bias {
                self.vector(&format!("{module}.bias"), "output.bias".to_owned(), vocabulary, RowOrder::Same, 0.0)?;
            }
        }
        self.projection()?;
        for place in self.checkpoint.tensors() {
            let name = place.info().name.as_str();
            if self.used.contains(name) || name.ends_with(DERIVED) {
                continue;
            }
            let ignored = names.ignored.iter().find(|(beginning, _)| name.starts_with(beginning));
            let what = match ignored {
                Some((_, what)) => what,
                None if self.is_prediction(name) => "the prediction of further tokens",
                None if self.is_of_shared_keys(name) => "keys and values of layers that have those of others",
                None => return Err(place.error(format!("not known for {}", config.family.architecture))),
            };
            if !self.weights.left_out.contains(&what) {
                self.weights.left_out.push(what);
            }
        }
        Ok(())
    }

    /// Whether `name` is of a layer behind those of the model, where the family has such.
    fn is_prediction(&self, name: &str) -> bool {
        let layers = format!("{}{}.", self.body, self.config.family.names.layers);
        let layer = name.strip_prefix(&layers).and_then(|rest| rest.split('.').next()).and_then(|n| n.parse().ok());
        let has_more = self.config.family.reads.contains(&"num_nextn_predict_layers");
        has_more && layer.is_some_and(|layer: usize| layer >= self.config.n_layers)
    }

    /// Whether `name` is of keys or values in a layer that attends to those of another.
    fn is_of_shared_keys(&self, name: &str) -> bool {
        let layers = format!("{}{}.", self.body, self.config.family.names.layers);
        let Some((layer, part)) = name.strip_prefix(&layers).and_then(|rest| rest.split_once('.')) else {
            return false;
        };
        let layer = layer.parse().ok().and_then(|at: usize| self.config.layers.get(at));
        let is_of_keys = ["k_proj", "v_proj", "k_norm", "v_norm"]
            .iter()
            .any(|kind| part.strip_prefix("self_attn.").and_then(|rest| rest.strip_prefix(kind)) == Some(".weight"));
        is_of_keys && layer.is_some_and(|layer| layer.keys == OwnKeys::None)
    }

    /// Plans the two matrices that sentence-transformers puts behind an EmbeddingGemma, each in a folder of its own.
    fn projection(&mut self) -> Result<(), Error> {
        let config = self.config;
        let folders = encoder::dense_folders(config)?;
        if folders.is_empty() {
            return Ok(());
        }
        let mut n_in = config.width;
        for (folder, number) in folders.iter().zip(2..) {
            let checkpoint = Checkpoint::open(&config.folder.join(folder))?;
            let [place] = checkpoint.tensors() else {
                let what = format!("{folder}: {} tensors, expected linear.weight alone", checkpoint.tensors().len());
                return Err(crate::json::invalid(&config.folder, what));
            };
            let n_out = place.info().shape.first().map_or(0, |&n| n as usize);
            if place.info().name != "linear.weight" || place.info().shape != [n_out as u64, n_in as u64] {
                let what = format!("shape {:?}, expected linear.weight of {n_in} columns", place.info().shape);
                return Err(place.error(what));
            }
            let floats = Floats::new(place, format(place)?, RowOrder::Same);
            let dims = vec![n_in as u64, n_out as u64];
            let origin = Origin::Floats { floats, function: Function::Same };
            let stored = Stored::As(format(place)?);
            self.push(format!("dense_{number}.weight"), dims, stored, origin);
            n_in = n_out;
        }
        if folders.len() != 2 || n_in != config.width {
            let what =
                format!("{} matrices behind the model, to {n_in}, expected two to {}", folders.len(), config.width);
            return Err(crate::json::invalid(&config.folder, what));
        }
        Ok(())
    }

    /// Plans a head that is the embedding: nothing of its own, unless the model makes a ternary matrix of it at every
    /// use.
    fn tied_head(&mut self, embedding: &[String; 1]) -> Result<(), Error> {
        let [module] = embedding;
        if let Some(head) = self.find(&format!("{HEAD}.weight")) {
            let embedding = self.find(&format!("{module}.weight"));
            if embedding.is_none_or(|e| e.info().dtype != head.info().dtype || e.bytes() != head.bytes()) {
                return Err(head.error(format!("differs from {module}.weight, but tie_word_embeddings is true")));
            }
        }
        let quantization = &self.config.quantization;
        if quantization.is_declared && !quantization.keeps(HEAD) {
            let what =
                format!("{HEAD} is not in the list, but it is the embedding (tie_word_embeddings): not supported");
            return Err(self.config.fields.error("quantization_config.modules_to_not_convert", what));
        }
        Ok(())
    }

    /// Plans a tensor, of layer `at` if it is one of a layer, by its names in the checkpoint.
    fn part(&mut self, hf: &[String], at: Option<usize>, part: &Part) -> Result<(), Error> {
        let config = self.config;
        let width = |w: Width| config.width_of(w, at);
        let gguf = &at.map_or_else(|| part.gguf.to_owned(), |at| format!("blk.{at}.{}", part.gguf));
        let mut columns = None;
        let (rows, of, cols, order, bias) = match part.kind {
            Kind::Norm(n) => {
                let (shape, offset) = ([width(n)], config.family.norm_offset);
                return self.norm(&Wanted::plain(hf, gguf, &shape, offset));
            }
            Kind::Linear { rows, cols, has_bias } => (width(rows), width(rows), width(cols), RowOrder::Same, has_bias),
            Kind::Rotary { rows } => {
                let order = RowOrder::Rotary { head_dim: config.head_dim };
                (width(rows), width(rows), config.width, order, Bias::Perhaps)
            }
            Kind::Rows { rows, of, cols, order } => {
                let order = order::of_rows(config, order, width(rows), width(of));
                (width(rows), width(of), width(cols), order, Bias::Never)
            }
            Kind::Columns { rows, cols, order } => {
                if let RowOrder::Listed(list) = order::of_rows(config, order, width(cols), width(cols)) {
                    columns = Some(list);
                }
                (width(rows), width(rows), width(cols), RowOrder::Same, Bias::Never)
            }
            Kind::Latent(part) => return self.latent(hf, gguf, part),
            Kind::Stack { rows, cols } => return self.stack(hf, gguf, width(rows), width(cols)),
            Kind::Experts { rows, of, cols, order, is_transposed } => {
                let order = order::of_rows(config, order, width(rows), width(of));
                let sizes = [width(rows), width(of), width(cols)];
                return self.experts(hf, gguf, sizes, order, is_transposed);
            }
            Kind::Values { shape, dims, order, function } => {
                let shape: Vec<usize> = shape.iter().map(|w| width(*w)).collect();
                let dims: Vec<usize> = dims.iter().map(|w| width(*w)).collect();
                return self.values(hf, gguf, (&shape, &dims), order, function);
            }
        };
        let wanted = Wanted { hf, gguf, shape: &[rows, cols], of, order: order.clone(), columns, offset: 0.0 };
        let module = self.matrix(&wanted, true)?;
        let bias_name = format!("{module}.bias");
        let is_attention = part.gguf.starts_with("attn");
        let must = bias == Bias::Always || (config.has_attention_bias && is_attention && bias != Bias::Never);
        if must || (bias == Bias::Perhaps && self.checkpoint.find(&bias_name).is_some()) {
            self.vector(&bias_name, format!("{gguf}.bias"), rows, order, 0.0)?;
        }
        Ok(())
    }

    /// Plans the matrices of all experts, which have one type.
    fn stack(&mut self, hf: &[String], gguf: &str, rows: usize, cols: usize) -> Result<(), Error> {
        if self.is_online || self.config.quantization.is_declared {
            let what = "ternary experts are not supported";
            return Err(self.config.fields.error("quantization_config", what));
        }
        let n_experts = self.config.width_of(Width::Experts, None);
        let mut stack: Vec<Floats> = Vec::with_capacity(n_experts);
        for expert in 0..n_experts {
            let names: Vec<String> = hf.iter().map(|name| name.replace('*', &expert.to_string())).collect();
            let (module, place) = self.of_names(&names)?;
            self.shape(place, &[rows, cols])?;
            let floats = self.floats(module, place, [rows, cols], RowOrder::Same)?;
            let format = floats.format;
            if let Some(first) = stack.first().filter(|first| first.format != format) {
                let what = format!("{}, but {} is {}", format.name(), first.place.info().name, first.format.name());
                return Err(place.error(what));
            }
            stack.push(floats);
        }
        let format = stack.first().map_or(Format::F32, |first| first.format);
        let dims = [cols, rows, n_experts].map(|n| n as u64).to_vec();
        self.push(format!("{gguf}.weight"), dims, Stored::As(format), Origin::Stack(stack));
        Ok(())
    }

    /// Plans the matrices of all experts out of one tensor, of which each has `of` rows; its name is whole.
    fn experts(
        &mut self,
        hf: &[String],
        gguf: &str,
        [rows, of, cols]: [usize; 3],
        order: RowOrder,
        is_transposed: bool,
    ) -> Result<(), Error> {
        let n_experts = self.config.width_of(Width::Experts, None);
        let dims = [cols, rows, n_experts].map(|n| n as u64).to_vec();
        let gguf = format!("{gguf}.weight");
        for name in hf {
            if let Some(place) = self.find(name) {
                let inner = if is_transposed { [cols, of] } else { [of, cols] };
                self.shape(place, &[n_experts, inner[0], inner[1]])?;
                let transposed = is_transposed.then_some(Transposed { n_columns: of, stride: cols });
                // Rows are counted through all experts.
                let floats = Floats { transposed, ..Floats::new(place, format(place)?, order) };
                self.push(gguf, dims, Stored::As(floats.format), Origin::Floats { floats, function: Function::Same });
                return Ok(());
            }
            let Some(codes) = self.find(&format!("{name}_blocks")) else { continue };
            let beside = format!("{name}_scales");
            let scales = self.find(&beside).ok_or_else(|| self.missing(&beside))?;
            let n_blocks = cols / mxfp4::BLOCK_LEN;
            self.shape(codes, &[n_experts, of, n_blocks, mxfp4::CODE_BYTES])?;
            self.shape(scales, &[n_experts, of, n_blocks])?;
            for place in [codes, scales] {
                if place.info().dtype != Dtype::U8 {
                    return Err(place.error(format!("{:?}, expected U8 (MXFP4)", place.info().dtype)));
                }
            }
            if !cols.is_multiple_of(mxfp4::BLOCK_LEN) {
                return Err(codes.error(format!("{cols} columns, expected a multiple of {}", mxfp4::BLOCK_LEN)));
            }
            let blocks = Mxfp4 { codes: codes.clone(), scales: scales.clone(), order, n_blocks };
            self.push(gguf, dims, Stored::As(Format::MXFP4), Origin::Mxfp4(blocks));
            return Ok(());
        }
        Err(self.missing(&hf.join(" or ")))
    }

    /// Plans numbers that are no weights of a matrix, as F32, which is what every converter writes.
    fn values(
        &mut self,
        hf: &[String],
        gguf: &str,
        (shape, dims): (&[usize], &[usize]),
        order: Order,
        function: Function,
    ) -> Result<(), Error> {
        let Some(place) = hf.iter().find_map(|name| self.find(name)) else {
            return Err(self.missing(&hf.join(" or ")));
        };
        self.shape(place, shape)?;
        let format = format(place)?;
        let (n, of) = (dims.iter().product::<usize>(), shape.iter().product::<usize>());
        let per_row = match order {
            // Elements of the last dimension are taken, else whole rows of the first.
            Order::Even | Order::Odd | Order::FirstHalf | Order::SecondHalf => 1,
            _ => shape.iter().skip(1).product::<usize>(),
        };
        let (first, of_first) = (dims.first().copied().unwrap_or(1), shape.last().copied().unwrap_or(1));
        let order = match order {
            Order::Even | Order::Odd | Order::FirstHalf | Order::SecondHalf => {
                order::of_rows(self.config, order, first, of_first)
            }
            _ => order::of_rows(self.config, order, of / per_row.max(1), of / per_row.max(1)),
        };
        let floats = Floats::new(place, format, order);
        let mut values = floats.read(0..n / per_row.max(1), per_row);
        values.iter_mut().for_each(|x| *x = function.of(*x));
        self.weights.n_decays += usize::from(function == Function::NegativeExp);
        let dims = dims.iter().map(|&n| n as u64).collect();
        self.push(gguf.to_owned(), dims, Stored::As(Format::F32), Origin::Values(values));
        Ok(())
    }

    /// Finds how the floats of a matrix are kept: in a format of GGUF, or in FP8 under scales beside it.
    fn floats(&mut self, module: &str, place: &Place, shape: [usize; 2], order: RowOrder) -> Result<Floats, Error> {
        if place.info().dtype != Dtype::F8_E4M3 {
            return Ok(Floats::new(place, format(place)?, order));
        }
        let name = format!("{module}.weight_scale_inv");
        let scales = self.find(&name).ok_or_else(|| self.missing(&name))?;
        let mut values = vec![0.0; scales.info().shape.iter().product::<u64>() as usize];
        format(scales)?.decode(scales.bytes(), &mut values);
        let [rows, cols] = shape;
        let block = match (self.config.quantization.fp8_block, scales.info().shape.len()) {
            // One scale for all.
            (_, 0) => (rows.max(1), cols.max(1)),
            (Some(block), _) => block,
            (None, _) => return Err(scales.error("but config.json has no weight_block_size")),
        };
        let per_row = cols.div_ceil(block.1);
        if !scales.info().shape.is_empty() {
            self.shape(scales, &[rows.div_ceil(block.0), per_row])?;
        }
        // A scale of activations, which are not rounded here.
        self.find(&format!("{module}.activation_scale"));
        let scales = Some(Arc::new(Scales { values, block, per_row }));
        Ok(Floats { scales, ..Floats::new(place, Format::BF16, order) })
    }

    /// Plans a matrix; returns the name under which it was found. Only a linear layer `is_master` of a ternary one.
    fn matrix(&mut self, wanted: &Wanted<'_>, is_master: bool) -> Result<String, Error> {
        let (module, place) = self.of_names(wanted.hf)?;
        let &[rows, cols] = wanted.shape else { return Err(place.error("expected a matrix")) };
        let scale = self.find(&format!("{module}.weight_scale"));
        let is_ternary = is_master && !self.keeps(module);
        let (stored, origin) = match (place.info().dtype, scale) {
            (Dtype::U8, Some(scale)) => {
                self.shape(place, &[ternary::packed_rows(rows), cols])?;
                let scale = self.scale(scale)?;
                (Stored::Ternary, Origin::Packed { place: place.clone(), order: wanted.order.clone(), scale })
            }
            (Dtype::U32, None) => (Stored::Ternary, self.mlx(module, place, wanted)?),
            (Dtype::U8, None) => return Err(place.error("U8, but there is no weight_scale beside it")),
            (Dtype::F32 | Dtype::F16 | Dtype::BF16, Some(scale))
                if is_ternary && self.config.quantization.is_declared && !self.is_online =>
            {
                self.shape(place, &[rows, cols])?;
                let floats = Floats::new(place, format(place)?, wanted.order.clone());
                (Stored::Ternary, Origin::Codes { floats, scale: self.scale(scale)? })
            }
            (dtype, Some(scale)) => {
                return Err(scale.error(format!("stands beside a weight of {dtype:?}, expected U8 (packed codes)")));
            }
            (_, None) => {
                self.shape(place, &[wanted.of, cols])?;
                let floats = self.floats(module, place, [wanted.of, cols], wanted.order.clone())?;
                let floats = Floats { columns: wanted.columns.clone(), ..floats };
                if is_ternary && self.is_online {
                    (Stored::Ternary, Origin::Masters { floats, absmean: OnceLock::new() })
                } else {
                    (Stored::As(floats.format), Origin::Floats { floats, function: Function::Same })
                }
            }
        };
        let name = format!("{}.weight", wanted.gguf);
        self.push(name, vec![cols as u64, rows as u64], stored, origin);
        if is_ternary && self.config.quantization.input_norm_epsilon.is_some() {
            let name = format!("{}.input_norm", wanted.gguf);
            self.vector(&format!("{module}.{INPUT_NORM}"), name, cols, RowOrder::Same, 0.0)?;
        }
        Ok(module.to_owned())
    }

    /// Whether the configuration leaves `module` alone; it speaks of modules of the model with its head.
    fn keeps(&self, module: &str) -> bool {
        let quantization = &self.config.quantization;
        if self.body.is_empty() && module != HEAD {
            quantization.keeps(&format!("{BODY}{module}"))
        } else {
            quantization.keeps(module)
        }
    }

    /// Reads the number that codes are multiplied by from the tensor beside them.
    fn scale(&self, place: &Place) -> Result<f32, Error> {
        if !matches!(place.info().shape.as_slice(), [] | [1]) {
            return Err(place.error(format!("shape {:?}, expected [1]", place.info().shape)));
        }
        let mut value = [0.0];
        format(place)?.decode(place.bytes(), &mut value);
        let [value] = value;
        let scale = match self.config.quantization.scale_use {
            ScaleUse::Multiplies => value,
            ScaleUse::Divides => 1.0 / value,
        };
        if scale.is_normal() && scale > 0.0 {
            Ok(scale)
        } else {
            Err(place.error(format!("{value}, expected a finite number above 0")))
        }
    }

    /// Plans words of codes with scales and biases beside them.
    fn mlx(&mut self, module: &str, place: &Place, wanted: &Wanted<'_>) -> Result<Origin, Error> {
        let &[rows, cols] = wanted.shape else { return Err(place.error("expected a matrix")) };
        let Some(span) = self.config.quantization.mlx_span else {
            return Err(place.error("U32, but config.json has no quantization (MLX)"));
        };
        if !cols.is_multiple_of(span) || !cols.is_multiple_of(ternary::MLX_WEIGHTS_PER_WORD) {
            let what = format!("{cols} columns, expected a multiple of group_size {span} and of 16");
            return Err(place.error(what));
        }
        self.shape(place, &[rows, cols / ternary::MLX_WEIGHTS_PER_WORD])?;
        let mut beside = |kind: &str| {
            let name = format!("{module}.{kind}");
            let place = self.find(&name).ok_or_else(|| self.missing(&name))?;
            self.shape(place, &[rows, cols / span])?;
            Ok::<_, Error>(Box::new(Floats::new(place, format(place)?, wanted.order.clone())))
        };
        let (scales, biases) = (beside("scales")?, beside("biases")?);
        Ok(Origin::Mlx { place: place.clone(), scales, biases, span })
    }

    /// Plans the weights of a norm, and its biases in families that have them.
    fn norm(&mut self, wanted: &Wanted<'_>) -> Result<(), Error> {
        let (module, place) = self.of_names(wanted.hf)?;
        let &[n] = wanted.shape else { return Err(place.error("expected a vector")) };
        let name = format!("{}.weight", wanted.gguf);
        self.vector(&format!("{module}.weight"), name, n, wanted.order.clone(), wanted.offset)?;
        if self.config.family.norm == (NormKind::Layer { has_bias: true }) {
            self.vector(&format!("{module}.bias"), format!("{}.bias", wanted.gguf), n, RowOrder::Same, 0.0)?;
        }
        Ok(())
    }

    /// Plans a vector as F32, as every converter writes them and other programs demand. It is read as a matrix of one
    /// column, so that its elements can be reordered as rows are.
    fn vector(&mut self, hf: &str, gguf: String, n: usize, order: RowOrder, offset: f32) -> Result<(), Error> {
        let place = self.find(hf).ok_or_else(|| self.missing(hf))?;
        self.shape(place, &[n])?;
        let is_same = order == RowOrder::Same;
        let floats = Floats::new(place, format(place)?, order);
        let origin = if is_same {
            Origin::Floats { floats, function: Function::Plus(offset) }
        } else {
            Origin::Values(floats.read(0..n, 1))
        };
        self.push(gguf, vec![n as u64], Stored::As(Format::F32), origin);
        Ok(())
    }

    fn push(&mut self, name: String, dims: Vec<u64>, stored: Stored, origin: Origin) {
        self.weights.tensors.push(SourceTensor { name, dims, stored });
        self.weights.origins.push(origin);
    }

    /// Returns the tensor called `name`, and notes that it is known.
    fn find(&mut self, name: &str) -> Option<&'a Place> {
        let place = self.checkpoint.find(name)?;
        self.used.insert(place.info().name.as_str());
        Some(place)
    }

    /// Returns the one of `modules` that the checkpoint has.
    fn of_names<'n>(&mut self, modules: &'n [String]) -> Result<(&'n str, &'a Place), Error> {
        let found = modules.iter().find_map(|m| Some((m.as_str(), self.find(&format!("{m}.weight"))?)));
        found.ok_or_else(|| self.missing(&format!("{}.weight", modules.join(".weight or "))))
    }

    fn missing(&self, name: &str) -> Error {
        let file = self.checkpoint.tensors().first().map_or(String::new(), |p| p.file_name().to_owned());
        Error::Tensor { file, tensor: name.to_owned(), what: "missing".to_owned() }
    }

    fn shape(&self, place: &Place, expected: &[usize]) -> Result<(), Error> {
        shape(place, expected, &self.config.fields.file_name().to_string())
    }
}

/// Refuses a tensor of another shape than `file` implies.
pub(super) fn shape(place: &Place, expected: &[usize], file: &str) -> Result<(), Error> {
    let shape = &place.info().shape;
    if shape.len() == expected.len() && shape.iter().zip(expected).all(|(&got, &n)| got == n as u64) {
        return Ok(());
    }
    Err(place.error(format!("shape {shape:?}, but {file} implies {expected:?}")))
}

/// Returns the format of a tensor of floats.
pub(super) fn format(place: &Place) -> Result<Format, Error> {
    match place.info().dtype {
        Dtype::F32 => Ok(Format::F32),
        Dtype::F16 => Ok(Format::F16),
        Dtype::BF16 => Ok(Format::BF16),
        other => Err(place.error(format!("{other:?}, expected F32, F16 or BF16"))),
    }
}
