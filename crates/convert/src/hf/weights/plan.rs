//! From names and shapes of a checkpoint to [`Weights`]: everything implied must be there, nothing else may be.

use std::{collections::HashSet, sync::OnceLock};

use quant::Format;

use super::{Floats, Origin, RowOrder, Weights};
use crate::{
    Error,
    hf::{
        HfOptions, Ternarise,
        config::Config,
        family::{Bias, Kind, Part, Width},
        quantization::{HEAD, ScaleUse},
        ternary,
    },
    safetensors::{Checkpoint, Dtype, Place},
    source::{SourceTensor, Stored},
};

/// Prefix of the names of all modules but the head, unless the model was saved without its head.
const BODY: &str = "model.";
const EMBEDDING: &str = "embed_tokens";
const NORM: &str = "norm";
/// Name of the norm of a matrix's own input, which stands beside the matrix.
const INPUT_NORM: &str = "rms_norm.weight";
/// Name of tensors that old checkpoints carry besides weights, and that every program computes for itself.
const DERIVED: &str = "rotary_emb.inv_freq";

pub(super) fn plan(checkpoint: &Checkpoint, config: &Config, options: HfOptions) -> Result<Weights, Error> {
    let has = |module: &str| checkpoint.find(&format!("{module}.weight")).is_some();
    let mut plan = Plan {
        is_online: is_online(config, options)?,
        body: if has(EMBEDDING) && !has(&format!("{BODY}{EMBEDDING}")) { "" } else { BODY },
        checkpoint,
        config,
        used: HashSet::new(),
        weights: Weights { tensors: Vec::new(), origins: Vec::new() },
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
    /// Prefix of the body's modules: [`BODY`], or nothing.
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
    order: RowOrder,
    offset: f32,
}

impl<'n> Wanted<'n> {
    /// Makes the wish for a tensor in the order of the checkpoint.
    fn plain(hf: &'n [String], gguf: &'n str, shape: &'n [usize], offset: f32) -> Self {
        Self { hf, gguf, shape, order: RowOrder::Same, offset }
    }
}

impl<'a> Plan<'a> {
    fn all(&mut self) -> Result<(), Error> {
        let config = self.config;
        let (vocabulary, width) = (config.n_vocab, config.width);
        let in_body = |hf: &str| [format!("{}{hf}", self.body)];
        let (embedding, norm, matrix) = (in_body(EMBEDDING), in_body(NORM), [vocabulary, width]);
        self.matrix(&Wanted::plain(&embedding, "token_embd", &matrix, 0.0), false)?;
        for factors in &config.rope_factors {
            let n = factors.values.len() as u64;
            self.push(
                factors.name.to_owned(),
                vec![n],
                Stored::As(Format::F32),
                Origin::Values(factors.values.clone()),
            );
        }
        for layer in 0..config.n_layers {
            config.family.parts().try_for_each(|part| self.part(layer, part))?;
        }
        self.norm(&Wanted::plain(&norm, "output_norm", &[width], config.family.norm_offset))?;
        let head = [HEAD.to_owned()];
        if config.is_tied {
            self.tied_head(&embedding)?;
        } else {
            self.matrix(&Wanted::plain(&head, "output", &matrix, 0.0), true)?;
        }
        let is_left = |p: &&Place| !self.used.contains(p.info().name.as_str()) && !p.info().name.ends_with(DERIVED);
        match self.checkpoint.tensors().iter().find(is_left) {
            Some(unknown) => Err(unknown.error(format!("not known for {}", config.family.architecture))),
            None => Ok(()),
        }
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

    fn part(&mut self, layer: usize, part: &Part) -> Result<(), Error> {
        let config = self.config;
        let hf: Vec<String> = part.hf.iter().map(|name| format!("{}layers.{layer}.{name}", self.body)).collect();
        let gguf = format!("blk.{layer}.{}", part.gguf);
        let width = |w: Width| config.width_of(w);
        let (rows, cols, order, bias) = match part.kind {
            Kind::Norm(n) => {
                let (shape, offset) = ([width(n)], config.family.norm_offset);
                return self.norm(&Wanted::plain(&hf, &gguf, &shape, offset));
            }
            Kind::Linear { rows, cols, has_bias } => (width(rows), width(cols), RowOrder::Same, has_bias),
            Kind::Rotary { rows } => {
                let order = RowOrder::Rotary { head_dim: config.head_dim };
                (width(rows), config.width, order, Bias::Perhaps)
            }
            Kind::Stack { rows, cols } => return self.stack(&hf, &gguf, width(rows), width(cols)),
        };
        let wanted = Wanted { hf: &hf, gguf: &gguf, shape: &[rows, cols], order, offset: 0.0 };
        let module = self.matrix(&wanted, true)?;
        let bias_name = format!("{module}.bias");
        let is_attention = part.gguf.starts_with("attn");
        let must = bias == Bias::Always || (config.has_attention_bias && is_attention);
        if must || self.checkpoint.find(&bias_name).is_some() {
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
        let n_experts = self.config.width_of(Width::Experts);
        let mut stack: Vec<Floats> = Vec::with_capacity(n_experts);
        for expert in 0..n_experts {
            let names: Vec<String> = hf.iter().map(|name| name.replace('*', &expert.to_string())).collect();
            let (_, place) = self.of_names(&names)?;
            self.shape(place, &[rows, cols])?;
            let format = format(place)?;
            if let Some(first) = stack.first().filter(|first| first.format != format) {
                let what = format!("{}, but {} is {}", format.name(), first.place.info().name, first.format.name());
                return Err(place.error(what));
            }
            stack.push(Floats { place: place.clone(), format, order: RowOrder::Same });
        }
        let format = stack.first().map_or(Format::F32, |first| first.format);
        let dims = [cols, rows, n_experts].map(|n| n as u64).to_vec();
        self.push(format!("{gguf}.weight"), dims, Stored::As(format), Origin::Stack(stack));
        Ok(())
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
                (Stored::Ternary, Origin::Packed { place: place.clone(), order: wanted.order, scale })
            }
            (Dtype::U32, None) => (Stored::Ternary, self.mlx(module, place, wanted)?),
            (Dtype::U8, None) => return Err(place.error("U8, but there is no weight_scale beside it")),
            (Dtype::F32 | Dtype::F16 | Dtype::BF16, Some(scale))
                if is_ternary && self.config.quantization.is_declared && !self.is_online =>
            {
                self.shape(place, &[rows, cols])?;
                let floats = Floats { place: place.clone(), format: format(place)?, order: wanted.order };
                (Stored::Ternary, Origin::Codes { floats, scale: self.scale(scale)? })
            }
            (dtype, Some(scale)) => {
                return Err(scale.error(format!("stands beside a weight of {dtype:?}, expected U8 (packed codes)")));
            }
            (_, None) => {
                self.shape(place, &[rows, cols])?;
                let floats = Floats { place: place.clone(), format: format(place)?, order: wanted.order };
                if is_ternary && self.is_online {
                    (Stored::Ternary, Origin::Masters { floats, absmean: OnceLock::new() })
                } else {
                    (Stored::As(floats.format), Origin::Floats { floats, offset: 0.0 })
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
            Ok::<_, Error>(Floats { place: place.clone(), format: format(place)?, order: wanted.order })
        };
        let (scales, biases) = (beside("scales")?, beside("biases")?);
        Ok(Origin::Mlx { place: place.clone(), scales, biases, span })
    }

    /// Plans the weights of a norm.
    fn norm(&mut self, wanted: &Wanted<'_>) -> Result<(), Error> {
        let (module, place) = self.of_names(wanted.hf)?;
        let &[n] = wanted.shape else { return Err(place.error("expected a vector")) };
        self.vector(&format!("{module}.weight"), format!("{}.weight", wanted.gguf), n, wanted.order, wanted.offset)
    }

    /// Plans a vector as F32, as every converter writes them and other programs demand. It is read as a matrix of one
    /// column, so that its elements can be reordered as rows are.
    fn vector(&mut self, hf: &str, gguf: String, n: usize, order: RowOrder, offset: f32) -> Result<(), Error> {
        let place = self.find(hf).ok_or_else(|| self.missing(hf))?;
        self.shape(place, &[n])?;
        let floats = Floats { place: place.clone(), format: format(place)?, order };
        let origin = match order {
            RowOrder::Same => Origin::Floats { floats, offset },
            RowOrder::Rotary { .. } => Origin::Values(floats.read(0..n, 1)),
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
        let shape = &place.info().shape;
        if shape.len() == expected.len() && shape.iter().zip(expected).all(|(&got, &n)| got == n as u64) {
            return Ok(());
        }
        Err(place.error(format!("shape {shape:?}, but {} implies {expected:?}", self.config.fields.file_name())))
    }
}

/// Returns the format of a tensor of floats.
fn format(place: &Place) -> Result<Format, Error> {
    match place.info().dtype {
        Dtype::F32 => Ok(Format::F32),
        Dtype::F16 => Ok(Format::F16),
        Dtype::BF16 => Ok(Format::BF16),
        other => Err(place.error(format!("{other:?}, expected F32, F16 or BF16"))),
    }
}
