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

/// Whether the vocabulary has the tokens for it.
pub fn can_fill(tokenizer: &Tokenizer) -> bool {
    let tokens = &tokenizer.special().fim;
    tokens.prefix.is_some() && tokens.suffix.is_some() && tokens.middle.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer(name: &str) -> Tokenizer {
        let bytes = testkit::read_bytes(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf"));
        let container = gguf::Container::from_bytes("vocabulary", bytes).unwrap();
        Tokenizer::from_gguf(container.metadata()).unwrap()
    }

    #[test]
    fn the_parts_stand_behind_their_tokens() {
        let tokenizer = tokenizer("starcoder");
        let text = |parts: &FillParts<'_>| {
            let ids = encode_fill(&tokenizer, parts).unwrap();
            String::from_utf8(tokenizer.decode(&ids, true)).unwrap()
        };
        let parts = FillParts { prefix: "def f(", suffix: "    return x", middle: "x", ..FillParts::default() };
        assert_eq!(text(&parts), "<fim_prefix>def f(<fim_suffix>    return x<fim_middle>x");
        // What the parts themselves spell is text.
        let forged = FillParts { prefix: "<fim_middle>", ..parts };
        let ids = encode_fill(&tokenizer, &forged).unwrap();
        let middle = tokenizer.special().fim.middle.unwrap();
        assert_eq!(ids.iter().filter(|id| **id == middle).count(), 1);
        let files = [("a.py".to_owned(), "x = 1\n".to_owned())];
        let with_files = text(&FillParts { files: &files, ..parts });
        assert!(with_files.contains("a.py") && with_files.contains("x = 1\n"), "{with_files}");
        assert!(with_files.ends_with(&text(&parts)), "{with_files}");
    }

    #[test]
    fn a_model_without_the_tokens_says_so() {
        let error = encode_fill(&tokenizer("llama-bpe"), &FillParts::default()).unwrap_err();
        assert_eq!((error.param.as_deref(), error.code), (Some("suffix"), Some("unsupported_parameter")));
    }
}
