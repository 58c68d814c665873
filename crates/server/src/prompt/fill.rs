//! Fill-in-the-middle prompts: code before the gap, code after it, and the model writes what lies between.

use tokenizer::{ControlTokens, TokenId, Tokenizer};

use crate::error::ApiError;

/// What is to be filled in.
#[derive(Clone, Copy, Debug, Default)]
pub struct FillParts<'a> {
    /// Before the gap.
    pub prefix: &'a str,
    /// After the gap.
    pub suffix: &'a str,
    /// The beginning of what lies in the gap.
    pub middle: &'a str,
    /// Names and texts of other files, the most important last.
    pub files: &'a [(String, String)],
}

/// The ids of such a prompt, in the order prefix, suffix, middle that models are trained on (Bavarian et al. 2022, arXiv 2207.14255);
/// a 400 where the model has no tokens for it.
pub fn encode_fill(tokenizer: &Tokenizer, parts: &FillParts<'_>) -> Result<Vec<TokenId>, ApiError> {
    let tokens = &tokenizer.special().fim;
    let (Some(prefix), Some(suffix), Some(middle)) = (tokens.prefix, tokens.suffix, tokens.middle) else {
        let message = "this model has no fill-in-the-middle tokens, so it takes no suffix";
        return Err(ApiError::invalid("suffix", message).with_code("unsupported_parameter"));
    };
    let mut ids: Vec<TokenId> = tokenizer.added_first().into_iter().collect();
    let text = |text: &str, ids: &mut Vec<TokenId>| tokenizer.encode(text, ControlTokens::AsText, false, ids);
    if let (Some(repo), false) = (tokens.repo, parts.files.is_empty()) {
        ids.push(repo);
        text("project\n", &mut ids);
    }
    for (name, contents) in parts.files {
        match tokens.separator {
            Some(separator) => {
                ids.push(separator);
                text(&format!("{name}\n"), &mut ids);
            }
            None => text(&format!("\n\n--- {name} ---\n\n"), &mut ids),
        }
        text(contents, &mut ids);
    }
    if let (Some(separator), false) = (tokens.separator, parts.files.is_empty()) {
        ids.push(separator);
        text("filename\n", &mut ids);
    }
    for (token, part) in [(prefix, parts.prefix), (suffix, parts.suffix), (middle, parts.middle)] {
        ids.push(token);
        text(part, &mut ids);
    }
    Ok(ids)
}
