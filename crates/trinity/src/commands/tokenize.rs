//! `trinity tokenize MODEL`: text on standard input to ids, and back.

use std::fmt::Write;

use clap::Args;
use tokenizer::{ControlTokens, TokenId};

use super::opened;
use crate::{
    cli::{Global, group},
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `tokenize`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(crate) struct TokenizeArgs {
    /// The model whose tokenizer to use, by name or path
    #[arg(value_name = "MODEL", default_value = opened::EMBEDDED)]
    model: String,
    /// Only the ids, on one line
    #[arg(help_heading = group::OUTPUT, long, conflicts_with = "decode")]
    ids: bool,
    /// Ids on standard input to text
    #[arg(help_heading = group::OUTPUT, long)]
    decode: bool,
    /// Do not add the model's beginning and end tokens
    #[arg(long)]
    no_special: bool,
    /// Read control tokens spelled in the text as those tokens
    #[arg(long)]
    parse_control: bool,
}

/// Reads standard input, prints the other form.
pub(crate) fn run(args: &TokenizeArgs, global: &Global) -> Result<(), Failure> {
    let container = opened::find(Some(&args.model), global)?;
    let tokenizer = opened::tokenizer(&container)?;
    let input = terminal::read_stdin()?;
    if args.decode {
        let ids = parse_ids(&input, tokenizer.n_vocab())?;
        return terminal::put_bytes(&tokenizer.decode(&ids, args.parse_control));
    }
    let control = if args.parse_control { ControlTokens::Parse } else { ControlTokens::AsText };
    let mut ids = Vec::new();
    tokenizer.encode(&input, control, !args.no_special, &mut ids);
    let mut out = String::new();
    if args.ids {
        let words: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
        out = words.join(" ") + "\n";
    } else {
        for id in &ids {
            let _ = writeln!(out, "{:>7}  {}", id.0, terminal::escape(tokenizer.piece(*id).unwrap_or_default()));
        }
    }
    terminal::put(&out)
}

/// Ids separated by white space or commas, brackets ignored; the first number of each line alone where a line is `id
/// piece`.
pub(crate) fn parse_ids(text: &str, n_vocab: usize) -> Result<Vec<TokenId>, Failure> {
    let is_listing =
        text.lines().any(|line| line.trim_start().split_once("  ").is_some_and(|(id, _)| id.parse::<u32>().is_ok()));
    let words: Box<dyn Iterator<Item = &str>> = if is_listing {
        Box::new(text.lines().filter_map(|line| line.split_whitespace().next()))
    } else {
        Box::new(text.split(|c: char| c.is_whitespace() || ",[]".contains(c)).filter(|word| !word.is_empty()))
    };
    words
        .map(|word| match word.parse::<u32>() {
            Ok(id) if (id as usize) < n_vocab => Ok(TokenId(id)),
            Ok(id) => Err(Failure::new(Kind::Failure, format!("token id {id}: the vocabulary has {n_vocab}"))),
            Err(_) => Err(Failure::new(Kind::Failure, format!("{word:?} is no token id"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[u32]) {
        let ids: Vec<u32> = parse_ids(text, 1000).unwrap().iter().map(|id| id.0).collect();
        assert_eq!(ids, expected, "{text:?}");
    }

    #[test]
    fn ids_in_the_forms_that_people_paste() {
        check("1 2 3", &[1, 2, 3]);
        check("[1, 2,\n 3]\n", &[1, 2, 3]);
        check("      1  <s>\n    403  ▁1 2\n", &[1, 403]);
        check("", &[]);
    }

    #[test]
    fn ids_outside_the_vocabulary_are_refused() {
        assert!(parse_ids("1000", 1000).is_err());
        assert!(parse_ids("x", 1000).is_err());
        assert!(parse_ids("-1", 1000).is_err());
    }
}
