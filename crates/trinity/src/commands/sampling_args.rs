//! How tokens are picked, as flags and as settings of a conversation.

use clap::Args;
use engine::{Request, Sampling};
use tokenizer::TokenId;

use crate::failure::Failure;

/// Flags of `run` and `chat`; names and defaults as in llama.cpp.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// Divides logits; 0 always takes the most likely token
    #[arg(long, value_name = "T", default_value_t = Sampling::default().temperature, allow_negative_numbers = true)]
    temperature: f32,
    /// Keep this many best tokens; 0 keeps all
    #[arg(long, value_name = "K", default_value_t = Sampling::default().top_k)]
    top_k: usize,
    /// Keep the best tokens whose probabilities reach this sum
    #[arg(long, value_name = "P", default_value_t = Sampling::default().top_p, allow_negative_numbers = true)]
    top_p: f32,
    /// Drop tokens less likely than this fraction of the best
    #[arg(long, value_name = "P", default_value_t = Sampling::default().min_p, allow_negative_numbers = true)]
    min_p: f32,
    /// Keep the tokens of most typical surprise whose probabilities reach this sum
    #[arg(long, value_name = "P", default_value_t = Sampling::default().typical_p, allow_negative_numbers = true)]
    typical_p: f32,
    /// Divides the logits of recent tokens
    #[arg(long, value_name = "R", default_value_t = Sampling::default().repeat_penalty, allow_negative_numbers = true)]
    repeat_penalty: f32,
    /// Subtracted once from the logits of recent tokens
    #[arg(long, value_name = "X", default_value_t = Sampling::default().presence_penalty, allow_negative_numbers = true)]
    presence_penalty: f32,
    /// Subtracted for every recent occurrence
    #[arg(long, value_name = "X", default_value_t = Sampling::default().frequency_penalty, allow_negative_numbers = true)]
    frequency_penalty: f32,
    /// How many last tokens are recent
    #[arg(long, value_name = "N", default_value_t = Sampling::default().repeat_last_n)]
    repeat_last_n: usize,
    /// Added to the logit of a token; -inf bans it; may be given several times
    #[arg(long, value_name = "ID=VALUE", value_parser = parse_bias)]
    logit_bias: Vec<(TokenId, f32)>,
    /// Of the random numbers; another one each time by default
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// End before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Most tokens generated [default: to the end of the context]
    #[arg(short = 'n', long, value_name = "N")]
    max_tokens: Option<usize>,
    /// Go on past the model's end token
    #[arg(long)]
    ignore_eos: bool,
}

fn parse_bias(text: &str) -> Result<(TokenId, f32), String> {
    let (id, bias) = text.split_once('=').ok_or("expected ID=VALUE")?;
    let id = id.parse().map_err(|_| format!("{id:?} is no token id"))?;
    Ok((TokenId(id), bias.parse().map_err(|_| format!("{bias:?} is no number"))?))
}

impl SamplingArgs {
    /// Refuses parameters out of range before anything is loaded.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.sampling(0).check().map_err(|e| Failure::usage(e.to_string().replace('_', "-")))
    }

    /// The request for a prompt; the seed is new unless one was given.
    pub(crate) fn request(&self, prompt: Vec<TokenId>) -> Request {
        Request {
            sampling: self.sampling(self.seed.unwrap_or_else(crate::terminal::random_seed)),
            max_tokens: self.max_tokens,
            stop: self.stop.clone(),
            ignore_eos: self.ignore_eos,
            ..Request::new(prompt)
        }
    }

    fn sampling(&self, seed: u64) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            repeat_penalty: self.repeat_penalty,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            repeat_last_n: self.repeat_last_n,
            logit_bias: self.logit_bias.clone(),
            seed,
            ..Sampling::default()
        }
    }

    /// Changes one by name (`/set` of a conversation).
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Failure> {
            value.parse().map_err(|_| Failure::usage(format!("{name} {value:?} is no number")))
        }
        match name {
            "temperature" => self.temperature = number(name, value)?,
            "top_k" => self.top_k = number(name, value)?,
            "top_p" => self.top_p = number(name, value)?,
            "min_p" => self.min_p = number(name, value)?,
            "typical_p" => self.typical_p = number(name, value)?,
            "repeat_penalty" => self.repeat_penalty = number(name, value)?,
            "presence_penalty" => self.presence_penalty = number(name, value)?,
            "frequency_penalty" => self.frequency_penalty = number(name, value)?,
            "repeat_last_n" => self.repeat_last_n = number(name, value)?,
            "seed" => self.seed = Some(number(name, value)?),
            "max_tokens" => self.max_tokens = Some(number(name, value)?),
            _ => return Err(Failure::usage(format!("there is no setting {name:?}; /show lists them"))),
        }
        self.sampling(0).check().map_err(|e| Failure::usage(e.to_string()))
    }

    /// All, one a line.
    pub(crate) fn describe(&self) -> String {
        let optional = |n: Option<u64>, none: &str| n.map_or_else(|| none.to_owned(), |n| n.to_string());
        format!(
            "temperature {}\ntop_k {}\ntop_p {}\nmin_p {}\ntypical_p {}\nrepeat_penalty {}\npresence_penalty {}\nfrequency_penalty {}\nrepeat_last_n {}\nseed {}\nmax_tokens {}\n",
            self.temperature,
            self.top_k,
            self.top_p,
            self.min_p,
            self.typical_p,
            self.repeat_penalty,
            self.presence_penalty,
            self.frequency_penalty,
            self.repeat_last_n,
            optional(self.seed, "(random)"),
            optional(self.max_tokens.map(|n| n as u64), "(to the end of the context)"),
        )
    }
}
