//! [`Rule`]: what the user wants of tensors of certain names.

use std::fmt;

use quant::Format;

use crate::Error;

/// A rule `PATTERN=FORMAT`: tensors whose name matches get that format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pattern: String,
    /// Format that the matching tensors get.
    pub format: Format,
}

impl Rule {
    /// Parses a rule such as `blk.*.ffn_down=q6_k`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |what: &str| Error::Option(format!("{text:?}: {what}"));
        let (pattern, format) = text.split_once('=').ok_or_else(|| refuse("expected PATTERN=TYPE"))?;
        let format = Format::from_name(format).map_err(|e| refuse(&e.to_string()))?;
        if pattern.is_empty() {
            return Err(refuse("the pattern is empty"));
        }
        Ok(Self { pattern: pattern.to_owned(), format })
    }

    /// Whether all of `name` matches, with or without its `.weight`; `*` stands for any text, `?` for any character.
    pub fn matches(&self, name: &str) -> bool {
        let short = name.strip_suffix(".weight").unwrap_or(name);
        glob(self.pattern.as_bytes(), name.as_bytes()) || glob(self.pattern.as_bytes(), short.as_bytes())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.pattern, self.format.name())
    }
}

/// Matches in one pass that goes back only to the last star: no more steps than pattern times text.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star is, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, reach)) = star else { return false };
                star = Some((at, reach + 1));
                (p, t) = (at + 1, reach + 1);
            }
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expected: bool) {
        let rule = Rule::parse(&format!("{pattern}=q6_k")).unwrap();
        assert_eq!(rule.matches(name), expected, "{pattern} {name}");
    }

    #[test]
    fn patterns_match_whole_names() {
        check("blk.*.ffn_down", "blk.12.ffn_down.weight", true);
        check("blk.*.ffn_down.weight", "blk.12.ffn_down.weight", true);
        check("blk.*.ffn_down", "blk.12.ffn_down_exps.weight", false);
        check("blk.?.attn_*", "blk.3.attn_q.weight", true);
        check("blk.?.attn_*", "blk.13.attn_q.weight", false);
        check("*", "output.weight", true);
        check("*_v", "blk.0.attn_v.weight", true);
        check("token_embd", "per_layer_token_embd.weight", false);
        check("a*b*c*d", "abcabcabc", false);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["blk", "=q6_k", "a=q9", "a=iq9_s", "a="] {
            let error = Rule::parse(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
