//! Python's idea of white space and of string escapes.

/// Python's `str.isspace` for one character, which is also what `\s` means in its regular expressions.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Python's `str.splitlines` boundaries, `\r\n` aside.
pub(crate) fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The value of a string literal's inside, by Python's `unicode-escape`.
pub(crate) fn unescape(raw: &str) -> Result<String, &'static str> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let Some(kind) = rest.next() else { return Err("\\ at end of string") };
        match kind {
            '\n' => {}
            '\\' | '\'' | '"' => text.push(kind),
            'a' => text.push('\u{7}'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\u{b}'),
            '0'..='7' => {
                let mut code = kind.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = rest.clone().next().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    rest.next();
                }
                text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            'x' => text.push(hex(&mut rest, 2)?),
            'u' => text.push(surrogates(&mut rest)?),
            'U' => text.push(hex(&mut rest, 8)?),
            'N' => return Err("named characters in strings are not supported"),
            other => {
                text.push('\\');
                text.push(other);
            }
        }
    }
    Ok(text)
}

/// The code of `n` hexadecimal digits.
fn code(rest: &mut std::str::Chars<'_>, n: usize) -> Result<u32, &'static str> {
    let mut code = 0u32;
    for _ in 0..n {
        let digit = rest.next().and_then(|c| c.to_digit(16)).ok_or("truncated \\x, \\u or \\U escape")?;
        code = code.checked_mul(16).and_then(|c| c.checked_add(digit)).ok_or("illegal Unicode character")?;
    }
    Ok(code)
}

fn hex(rest: &mut std::str::Chars<'_>, n: usize) -> Result<char, &'static str> {
    char::from_u32(code(rest, n)?).ok_or("illegal Unicode character")
}

/// `\uXXXX`, or two of them that make one character.
fn surrogates(rest: &mut std::str::Chars<'_>) -> Result<char, &'static str> {
    let high = code(rest, 4)?;
    if let Some(c) = char::from_u32(high) {
        return Ok(c);
    }
    let mut ahead = rest.clone();
    if ahead.next() == Some('\\') && ahead.next() == Some('u') {
        let low = code(&mut ahead, 4)?;
        if let Some(Ok(c)) = char::decode_utf16([high as u16, low as u16]).next() {
            *rest = ahead;
            return Ok(c);
        }
    }
    Err("lone surrogate in a string")
}
