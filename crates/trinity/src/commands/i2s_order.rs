//! In which order the weights of I2_S tensors are: bitnet.cpp has written three under one type number and never says
//! which, so it is found out.
//!
//! Our own files say it. Of others the model is made to predict a short text in each order: in a wrong one it is noise
//! and does worse than guessing.

use std::ops::ControlFlow;

use clap::{Args, ValueEnum};
use eval::perplexity::{self, Options};
use gguf::{Container, I2_S_ORDER, I2sOrder, is_i2_s};
use model::{LoadOptions, Model};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use super::machine;
use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

/// Text that the model is made to predict.
const TEXT: &str = include_str!("i2s_order.txt");

/// Most tokens of it that are computed; the second half is scored.
const TOKENS_MAX: usize = 128;

/// A loss is sane below this part of that of guessing evenly.
const SANE: f64 = 0.8;

/// Share of the loss of guessing evenly by which the best must be better than the next.
const MARGIN: f64 = 0.1;

const HINT: &str =
    "--i2s-layout x86, arm or rows4 says in which order I2_S weights are; in published files it is nearly always x86";

/// What a person who knows the order can say.
#[derive(Args, Clone, Copy, Default, Debug)]
#[command(next_help_heading = group::RESEARCH)]
pub(crate) struct I2sArgs {
    /// Order of the weights of I2_S tensors: as bitnet.cpp writes them on x86, on ARM, or with rows interleaved by
    /// four; auto is what the file says, else what predicts a short text best
    #[arg(long, value_enum, value_name = "ORDER", default_value = "auto")]
    i2s_layout: I2sLayout,
}

/// Spelling of `I2sOrder` on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
enum I2sLayout {
    #[default]
    Auto,
    X86,
    Arm,
    Rows4,
}

impl I2sArgs {
    /// Puts the I2_S tensors of `container` into the order that was asked for or found.
    pub(crate) fn apply(self, container: &mut Container, threads: Option<u16>) -> Result<(), Failure> {
        if let Some(order) = self.order(container, threads)? {
            container.set_i2_s_order(order)?;
        }
        Ok(())
    }

    /// The order that was asked for or found; `None` where there is nothing to decide.
    pub(crate) fn order(self, container: &Container, threads: Option<u16>) -> Result<Option<I2sOrder>, Failure> {
        if !container.tensors().iter().any(is_i2_s) {
            return Ok(None);
        }
        match self.i2s_layout {
            I2sLayout::X86 => Ok(Some(I2sOrder::X86)),
            I2sLayout::Arm => Ok(Some(I2sOrder::Arm)),
            I2sLayout::Rows4 => Ok(Some(I2sOrder::Rows4)),
            I2sLayout::Auto if container.metadata().get(I2_S_ORDER).is_some() => Ok(None),
            I2sLayout::Auto => find(container, threads).map(Some),
        }
    }
}

/// The mean of −ln p over the text, in one order.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Trial {
    order: I2sOrder,
    /// Nats a token.
    loss: f64,
}

/// Tries every order that the shapes allow, one at a time, and says which it is.
fn find(container: &Container, threads: Option<u16>) -> Result<I2sOrder, Failure> {
    let spinner = terminal::spinner("trying the orders of I2_S");
    let name = terminal::escape(container.name());
    let tokenizer = Tokenizer::from_gguf(container.metadata()).map_err(untried)?;
    let mut tokens = Vec::new();
    tokenizer.encode(TEXT, ControlTokens::AsText, true, &mut tokens);
    let context_len = model::context_len(container).map_err(untried)?;
    tokens.truncate(TOKENS_MAX.min(context_len));
    let options = Options { window_len: tokens.len(), n_chunks: Some(1), first: tokenizer.added_first() };
    let mut trials = Vec::new();
    for order in I2sOrder::ALL {
        if terminal::is_interrupted() {
            return Err(Failure::interrupted());
        }
        if container.check_i2_s_order(order).is_ok() {
            let loss = loss(container, order, threads, &tokens, &options).map_err(untried)?;
            trials.push(Trial { order, loss });
        }
    }
    spinner.finish_and_clear();
    let even = (model::n_vocab(container)? as f64).ln();
    let losses: Vec<String> = trials.iter().map(|t| format!("{} {:.2}", t.order.name(), t.loss)).collect();
    let losses = format!("{} nats a token, {even:.2} when guessing", losses.join(", "));
    let order = best(&trials, even).ok_or_else(|| {
        let what = "in no order of its I2_S weights, which it does not name, does it predict a short text clearly best";
        Failure::new(Kind::Failure, format!("{name}: {what}: {losses}")).with_hint(HINT)
    })?;
    let order_name = order.name();
    terminal::say(&format!("{name}: I2_S in order {order_name}, by how well it predicts a short text: {losses}\n"));
    terminal::say(&match order {
        I2sOrder::X86 | I2sOrder::Arm => {
            format!("hint: trinity metadata FILE --set {I2_S_ORDER}={order_name} saves trying it again\n")
        }
        I2sOrder::Rows4 => "hint: trinity convert puts the weights into an order that need not be tried\n".to_owned(),
    });
    Ok(order)
}

/// Why the orders could not be tried.
fn untried(error: impl Into<Failure>) -> Failure {
    error.into().with_hint(HINT)
}

/// The order whose loss is sane and clearly the lowest.
fn best(trials: &[Trial], even: f64) -> Option<I2sOrder> {
    let mut sorted: Vec<&Trial> = trials.iter().filter(|t| t.loss.is_finite()).collect();
    sorted.sort_by(|a, b| a.loss.total_cmp(&b.loss));
    let (first, others) = sorted.split_first()?;
    let is_clear = others.first().is_none_or(|next| first.loss + MARGIN * even < next.loss);
    (first.loss < SANE * even && is_clear).then_some(first.order)
}

fn loss(
    container: &Container,
    order: I2sOrder,
    threads: Option<u16>,
    tokens: &[TokenId],
    options: &Options,
) -> Result<f64, Failure> {
    let mut container = container.clone();
    container.set_i2_s_order(order)?;
    let (kernels, _) = machine::kernels(threads)?;
    let load =
        LoadOptions { context_len_max: Some(tokens.len()), step_rows_max: tokens.len().max(1), ..LoadOptions::DEFAULT };
    let mut model = Model::load(&container, kernels, &load)?;
    let result = perplexity::measure(&mut model, tokens, options, &mut |_, _| ControlFlow::Continue(()))?;
    Ok(result.perplexity.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_must_be_sane_and_clear() {
        let check = |losses: [f64; 3], expected| {
            let trials: Vec<Trial> =
                I2sOrder::ALL.into_iter().zip(losses).map(|(order, loss)| Trial { order, loss }).collect();
            assert_eq!(best(&trials, 10.0), expected, "{losses:?}");
        };
        check([3.0, 11.0, 12.0], Some(I2sOrder::X86));
        check([11.0, 12.0, 3.0], Some(I2sOrder::Rows4));
        check([7.9, f64::NAN, f64::INFINITY], Some(I2sOrder::X86));
        check([8.1, 12.0, 12.0], None);
        check([3.0, 3.9, 12.0], None);
        check([f64::NAN; 3], None);
        assert_eq!(best(&[], 10.0), None);
    }
}
