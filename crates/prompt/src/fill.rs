//! Fill-in-the-middle prompts: code before the gap, code after it, and the model writes what lies between.

use tokenizer::{ControlTokens, TokenId, Tokenizer};

use crate::Error;

/// What surrounds a gap that the model fills in.
#[derive(Clone, Copy, Debug, Default)]
pub struct FillParts<'a> {
    /// Text before the gap.
    pub prefix: &'a str,
    /// Text after the gap.
    pub suffix: &'a str,
    /// Beginning of the text in the gap, which the model goes on with.
    pub middle: &'a str,
    /// Names and texts of other files, the most important last.
    pub files: &'a [(String, String)],
}

/// Whether the vocabulary has the tokens that a fill-in-the-middle prompt needs.
pub fn can_fill(tokenizer: &Tokenizer) -> bool {
    let tokens = &tokenizer.special().fim;
    tokens.prefix.is_some() && tokens.suffix.is_some() && tokens.middle.is_some()
}

/// The tokens that filling needs and the vocabulary has not, with the keys that would name them in the model's file;
/// empty if all are there.
pub fn missing_fill_tokens(tokenizer: &Tokenizer) -> String {
    let tokens = &tokenizer.special().fim;
    let needed = [("prefix", "pre", tokens.prefix), ("suffix", "suf", tokens.suffix), ("middle", "mid", tokens.middle)];
    let missing = needed.iter().filter(|(.., id)| id.is_none());
    let named = missing.map(|(name, key, _)| format!("no {name} token (tokenizer.ggml.fim_{key}_token_id)"));
    named.collect::<Vec<_>>().join(", ")
}

/// The ids of a fill-in-the-middle prompt with all its files, in the order prefix, suffix, middle that models are
/// trained on (Bavarian et al. 2022, arXiv 2207.14255).
pub fn encode_fill(tokenizer: &Tokenizer, parts: &FillParts<'_>) -> Result<Vec<TokenId>, Error> {
    encode_fill_within(tokenizer, parts, usize::MAX)
}

/// The ids of a fill-in-the-middle prompt without the least important files, so that there are at most `room` tokens if
/// the gap itself leaves that much.
pub fn encode_fill_within(tokenizer: &Tokenizer, parts: &FillParts<'_>, room: usize) -> Result<Vec<TokenId>, Error> {
    let tokens = &tokenizer.special().fim;
    let (Some(prefix), Some(suffix), Some(middle)) = (tokens.prefix, tokens.suffix, tokens.middle) else {
        return Err(Error::NoFillTokens { missing: missing_fill_tokens(tokenizer) });
    };
    // A token, if there is one, and the text behind it.
    let part = |token: Option<TokenId>, text: &str| {
        let mut ids: Vec<TokenId> = token.into_iter().collect();
        tokenizer.encode(text, ControlTokens::AsText, false, &mut ids);
        ids
    };
    let file = |(name, contents): &(String, String)| {
        let mut ids = match tokens.separator {
            Some(separator) => part(Some(separator), &format!("{name}\n")),
            None => part(None, &format!("\n\n--- {name} ---\n\n")),
        };
        ids.extend(part(None, contents));
        ids
    };
    let first: Vec<TokenId> = tokenizer.added_first().into_iter().collect();
    let repo = tokens.repo.map_or_else(Vec::new, |repo| part(Some(repo), "project\n"));
    let current = tokens.separator.map_or_else(Vec::new, |separator| part(Some(separator), "filename\n"));
    let gap = [(prefix, parts.prefix), (suffix, parts.suffix), (middle, parts.middle)];
    let gap: Vec<TokenId> = gap.into_iter().flat_map(|(token, text)| part(Some(token), text)).collect();
    let mut left = room.saturating_sub(first.len() + repo.len() + current.len() + gap.len());
    let mut files: Vec<Vec<TokenId>> = Vec::new();
    for ids in parts.files.iter().rev().map(file) {
        let Some(rest) = left.checked_sub(ids.len()) else { break };
        left = rest;
        files.push(ids);
    }
    let mut all = first;
    if !files.is_empty() {
        all.extend(repo);
        all.extend(files.into_iter().rev().flatten());
        all.extend(current);
    }
    all.extend(gap);
    Ok(all)
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
        // Where there is no room for all, the first go first.
        let files = [("old.py".to_owned(), "y = 2\n".repeat(50)), ("a.py".to_owned(), "x = 1\n".to_owned())];
        let all = FillParts { files: &files, ..parts };
        let within = |room: usize| encode_fill_within(&tokenizer, &all, room).unwrap();
        assert_eq!(within(100), within(usize::MAX)[within(usize::MAX).len() - within(100).len()..]);
        let cut = String::from_utf8(tokenizer.decode(&within(100), true)).unwrap();
        assert!(cut.contains("a.py") && !cut.contains("old.py") && within(100).len() <= 100, "{cut}");
        assert_eq!(within(0), encode_fill(&tokenizer, &parts).unwrap(), "the gap itself is never cut");
    }

    #[test]
    fn a_model_without_the_tokens_says_so() {
        let missing = missing_fill_tokens(&tokenizer("llama-bpe"));
        let error = encode_fill(&tokenizer("llama-bpe"), &FillParts::default()).unwrap_err();
        assert_eq!(error, Error::NoFillTokens { missing: missing.clone() });
        assert!(
            ["prefix", "suffix", "middle", "fim_mid_token_id"].iter().all(|word| missing.contains(word)),
            "{missing}"
        );
        assert_eq!(missing_fill_tokens(&tokenizer("starcoder")), "");
    }
}
