//! How tokens are picked, as flags and as settings of a conversation.

use clap::Args;
use engine::{RepetitionBounds, Request, Sampling, SamplingDefaults};
use tokenizer::TokenId;

use crate::cli::group;
use crate::failure::Failure;

/// Flags of `run` and `chat`; names and defaults as in llama.cpp.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::SAMPLING)]
pub(crate) struct SamplingArgs {
    /// Divides logits; 0 always takes the most likely token [default: the model's own, else 0.8]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    temperature: Option<f32>,
    /// Keep this many best tokens; 0 keeps all [default: the model's own, else 40]
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Keep the best tokens whose probabilities reach this sum [default: the model's own, else 0.95]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// Drop tokens less likely than this fraction of the best [default: the model's own, else 0.05]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    min_p: Option<f32>,
    /// Keep the tokens of most typical surprise whose probabilities reach this sum
    #[arg(long, value_name = "P", default_value_t = Sampling::default().typical_p, allow_negative_numbers = true)]
    typical_p: f32,
    /// Divides the logits of recent tokens [default: the model's own, else 1]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    repeat_penalty: Option<f32>,
    /// Subtracted once from the logits of recent tokens
    #[arg(long, value_name = "X", default_value_t = Sampling::default().presence_penalty, allow_negative_numbers = true)]
    presence_penalty: f32,
    /// Subtracted for every recent occurrence
    #[arg(long, value_name = "X", default_value_t = Sampling::default().frequency_penalty, allow_negative_numbers = true)]
    frequency_penalty: f32,
    /// How many last tokens are recent [default: the model's own, else 64]
    #[arg(long, value_name = "N")]
    repeat_last_n: Option<usize>,
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
    /// Go on however long the text repeats itself; otherwise a cycle of at least 1024 tokens and 12 rounds is broken
    /// off
    #[arg(long)]
    allow_repetition: bool,
    /// What the model's file says of it.
    #[arg(skip)]
    own: SamplingDefaults,
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
            repetition: (!self.allow_repetition).then_some(RepetitionBounds::OWN),
            ..Request::new(prompt)
        }
    }

    /// Settings that a flag or `/set` asked for.
    fn given(&self) -> SamplingDefaults {
        SamplingDefaults {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            repeat_last_n: self.repeat_last_n,
        }
    }

    /// The model's own values, where nobody asked for others.
    pub(crate) fn settle(&mut self, own: SamplingDefaults) {
        self.own = own;
    }

    fn sampling(&self, seed: u64) -> Sampling {
        self.given().or(self.own).over(Sampling {
            typical_p: self.typical_p,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            logit_bias: self.logit_bias.clone(),
            seed,
            ..Sampling::default()
        })
    }

    /// Changes one by name (`/set` of a conversation).
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Failure> {
            value.parse().map_err(|_| Failure::usage(format!("{name} {value:?} is no number")))
        }
        match name {
            "temperature" => self.temperature = Some(number(name, value)?),
            "top_k" => self.top_k = Some(number(name, value)?),
            "top_p" => self.top_p = Some(number(name, value)?),
            "min_p" => self.min_p = Some(number(name, value)?),
            "typical_p" => self.typical_p = number(name, value)?,
            "repeat_penalty" => self.repeat_penalty = Some(number(name, value)?),
            "presence_penalty" => self.presence_penalty = number(name, value)?,
            "frequency_penalty" => self.frequency_penalty = number(name, value)?,
            "repeat_last_n" => self.repeat_last_n = Some(number(name, value)?),
            "seed" => self.seed = Some(number(name, value)?),
            "max_tokens" => self.max_tokens = Some(number(name, value)?),
            "allow_repetition" => {
                self.allow_repetition = value
                    .parse()
                    .map_err(|_| Failure::usage(format!("allow_repetition {value:?}, expected true or false")))?;
            }
            _ => return Err(Failure::usage(format!("there is no setting {name:?}; /show lists them"))),
        }
        self.sampling(0).check().map_err(|e| Failure::usage(e.to_string()))
    }

    /// All that hold, one a line; the model's own are marked.
    pub(crate) fn describe(&self) -> String {
        let (held, given, own) = (self.sampling(0), self.given(), self.own);
        let last_n = held.repeat_last_n;
        let optional = |n: Option<String>, none: &str| n.unwrap_or_else(|| none.to_owned());
        let rows = [
            ("temperature", held.temperature.to_string(), own.temperature.is_some() && given.temperature.is_none()),
            ("top_k", held.top_k.to_string(), own.top_k.is_some() && given.top_k.is_none()),
            ("top_p", held.top_p.to_string(), own.top_p.is_some() && given.top_p.is_none()),
            ("min_p", held.min_p.to_string(), own.min_p.is_some() && given.min_p.is_none()),
            ("typical_p", held.typical_p.to_string(), false),
            (
                "repeat_penalty",
                held.repeat_penalty.to_string(),
                own.repeat_penalty.is_some() && given.repeat_penalty.is_none(),
            ),
            ("presence_penalty", held.presence_penalty.to_string(), false),
            ("frequency_penalty", held.frequency_penalty.to_string(), false),
            (
                "repeat_last_n",
                optional((last_n < usize::MAX).then(|| last_n.to_string()), "(the whole context)"),
                own.repeat_last_n.is_some() && given.repeat_last_n.is_none(),
            ),
            ("seed", optional(self.seed.map(|n| n.to_string()), "(random)"), false),
            ("max_tokens", optional(self.max_tokens.map(|n| n.to_string()), "(to the end of the context)"), false),
            ("allow_repetition", self.allow_repetition.to_string(), false),
        ];
        let mark = |is_own| if is_own { "   (the model's own)" } else { "" };
        rows.iter().map(|(name, value, is_own)| format!("{name} {value}{}\n", mark(*is_own))).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        sampling: SamplingArgs,
    }

    fn flags(line: &[&str]) -> SamplingArgs {
        Flags::try_parse_from(["trinity"].iter().chain(line)).unwrap().sampling
    }

    #[test]
    fn a_flag_goes_before_the_models_own_which_goes_before_ours() {
        let own = SamplingDefaults { temperature: Some(0.6), top_k: Some(20), ..SamplingDefaults::default() };
        let mut args = flags(&["--temperature", "0.1", "--min-p", "0"]);
        args.settle(own);
        let held = args.sampling(7);
        assert_eq!((held.temperature, held.top_k, held.min_p, held.seed), (0.1, 20, 0.0, 7));
        assert_eq!(held.top_p, Sampling::default().top_p);
        let told = args.describe();
        assert!(told.contains("temperature 0.1\n"), "{told}");
        assert!(told.contains("top_k 20   (the model's own)\n"), "{told}");
        assert!(told.contains("top_p 0.95\n"), "{told}");
        args.set("top_k", "5").unwrap();
        assert!(args.describe().contains("top_k 5\n"));
    }

    /// What the help calls the default is the default.
    #[test]
    fn the_help_tells_the_defaults() {
        let default = Sampling::default();
        let command: Command = Flags::command();
        for (id, value) in [
            ("temperature", default.temperature.to_string()),
            ("top_k", default.top_k.to_string()),
            ("top_p", default.top_p.to_string()),
            ("min_p", default.min_p.to_string()),
            ("repeat_penalty", default.repeat_penalty.to_string()),
            ("repeat_last_n", default.repeat_last_n.to_string()),
        ] {
            let argument = command.get_arguments().find(|arg| arg.get_id() == id).unwrap();
            let help = argument.get_help().unwrap().to_string();
            assert!(help.ends_with(&format!("[default: the model's own, else {value}]")), "{id}: {help}");
        }
    }

    #[test]
    fn repetition_is_broken_off_unless_it_is_allowed() {
        assert_eq!(flags(&[]).request(Vec::new()).repetition, Some(RepetitionBounds::OWN));
        assert_eq!(flags(&["--allow-repetition"]).request(Vec::new()).repetition, None);
    }
}
