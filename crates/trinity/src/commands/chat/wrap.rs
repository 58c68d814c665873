//! [`Wrap`]: text that comes in pieces, on a screen: each piece is shown at once, and no word is cut by the edge.
//!
//! A word that turns out to be too long for its line is taken back and begun again on the next. Code between fences and
//! rows of tables are left to the terminal, for they have lines of their own. Control characters of a model's are
//! spelled out: none reaches the terminal.

use unicode_width::UnicodeWidthChar;

/// A screen narrower than this is left alone.
const COLUMNS_MIN: usize = 20;
/// Columns between tab stops.
const TAB: usize = 8;
/// Beginnings of the lines that open and close code.
const FENCES: &[&str] = &["```", "~~~"];

/// Where the text stands on the screen.
#[derive(Default)]
pub(super) struct Wrap {
    column: usize,
    /// Part of the last word that is shown already.
    word: String,
    word_columns: usize,
    /// First characters of the line behind its indentation, as many as a fence has.
    head: String,
    is_code: bool,
    /// This line is left to the terminal.
    is_verbatim: bool,
}

impl Wrap {
    /// Returns what to print for `text`, which follows what was pushed before, on a screen of `columns`.
    pub(super) fn push(&mut self, text: &str, columns: usize) -> String {
        let mut shown = String::with_capacity(text.len() + 16);
        for c in text.chars() {
            match c {
                '\n' => self.end_line(&mut shown),
                '\r' => {}
                c if c.is_control() && c != '\t' => {
                    for c in c.escape_unicode() {
                        self.push_char(c, columns, &mut shown);
                    }
                }
                c => self.push_char(c, columns, &mut shown),
            }
        }
        shown
    }

    fn end_line(&mut self, shown: &mut String) {
        shown.push('\n');
        *self = Self { is_code: self.is_code, is_verbatim: self.is_code, ..Self::default() };
    }

    fn push_char(&mut self, c: char, columns: usize, shown: &mut String) {
        self.note_head(c);
        if self.is_verbatim || columns < COLUMNS_MIN {
            shown.push(c);
            return;
        }
        // In the last column a cursor stands on its character, not behind it: it could not be led back.
        let edge = columns - 1;
        if c.is_whitespace() {
            let next = if c == '\t' { (self.column / TAB + 1) * TAB } else { self.column + 1 };
            if next > edge {
                self.begin_line(shown);
            } else {
                shown.push(c);
                self.column = next;
            }
            self.end_word();
            return;
        }
        let width = c.width().unwrap_or(0);
        // Between characters of double width a line may end anywhere.
        if width > 1 {
            self.end_word();
        }
        if self.column + width > edge {
            let word = std::mem::take(&mut self.word);
            let word_columns = std::mem::take(&mut self.word_columns);
            if word_columns > 0 && word_columns < self.column {
                shown.push_str(&format!("\x1b[{word_columns}D\x1b[K"));
                self.begin_line(shown);
                shown.push_str(&word);
                (self.column, self.word_columns, self.word) = (word_columns, word_columns, word);
            } else {
                self.begin_line(shown);
            }
        }
        shown.push(c);
        self.column += width;
        if width <= 1 {
            self.word.push(c);
            self.word_columns += width;
        }
    }

    fn begin_line(&mut self, shown: &mut String) {
        shown.push('\n');
        self.column = 0;
    }

    fn end_word(&mut self) {
        self.word.clear();
        self.word_columns = 0;
    }

    /// Looks at the beginning of a line: a fence, or a row of a table.
    fn note_head(&mut self, c: char) {
        let n = self.head.chars().count();
        if n >= 3 || n == 0 && c.is_whitespace() {
            return;
        }
        self.head.push(c);
        if n == 0 && c == '|' {
            self.is_verbatim = true;
        }
        if FENCES.contains(&self.head.as_str()) {
            self.is_code = !self.is_code;
            self.is_verbatim = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands on a screen of `columns` after `shown`: its lines.
    fn screen(shown: &str, columns: usize) -> Vec<String> {
        let mut lines: Vec<Vec<char>> = vec![Vec::new()];
        let (mut column, mut chars) = (0, shown.chars());
        while let Some(c) = chars.next() {
            match c {
                '\n' => {
                    lines.push(Vec::new());
                    column = 0;
                }
                '\x1b' => {
                    assert_eq!(chars.next(), Some('['));
                    let sequence: String = chars.by_ref().take_while_inclusive_letter();
                    match sequence.as_str() {
                        "K" => lines.last_mut().unwrap().truncate(column),
                        back => column -= back.strip_suffix('D').unwrap().parse::<usize>().unwrap(),
                    }
                }
                c => {
                    let line = lines.last_mut().unwrap();
                    line.truncate(column);
                    line.push(c);
                    column += 1;
                    assert!(column <= columns, "{shown:?}");
                }
            }
        }
        lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).collect()
    }

    trait TakeLetter: Iterator<Item = char> {
        fn take_while_inclusive_letter(&mut self) -> String;
    }

    impl<I: Iterator<Item = char>> TakeLetter for I {
        fn take_while_inclusive_letter(&mut self) -> String {
            let mut taken = String::new();
            for c in self {
                taken.push(c);
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
            taken
        }
    }

    fn wrapped(text: &str, piece: usize) -> Vec<String> {
        let mut wrap = Wrap::default();
        let chars: Vec<char> = text.chars().collect();
        let shown: String = chars.chunks(piece).map(|piece| wrap.push(&piece.iter().collect::<String>(), 24)).collect();
        screen(&shown, 24)
    }

    #[test]
    fn words_stay_whole_however_the_text_comes() {
        let text = "The quick brown fox jumps over the lazy dog, and uncharacteristically\nsleeps.";
        let expected = ["The quick brown fox", "jumps over the lazy", "dog, and", "uncharacteristically", "sleeps."];
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(wrapped(text, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_word_longer_than_a_line_is_cut_and_wide_characters_part_anywhere() {
        let long = "x".repeat(50);
        for piece in [1, 50] {
            assert_eq!(wrapped(&long, piece), ["x".repeat(23), "x".repeat(23), "x".repeat(4)], "{piece}");
        }
        let mut wrap = Wrap::default();
        let shown = wrap.push(&"字".repeat(20), 24);
        assert_eq!(shown.lines().map(|l| l.chars().count()).collect::<Vec<_>>(), [11, 9]);
    }

    #[test]
    fn code_and_tables_keep_their_lines() {
        let row = "| a row of a table that is wider than the screen |";
        let text = format!("```\nlet a_long_line = of_code(that, is, wide);\n```\n{row}\nwords that are wrapped again");
        let mut wrap = Wrap::default();
        let shown = wrap.push(&text, 24);
        assert!(shown.contains("\nlet a_long_line = of_code(that, is, wide);\n"), "{shown:?}");
        assert!(shown.contains(&format!("\n{row}\n")), "{shown:?}");
        assert!(shown.ends_with("\nwords that are wrapped \nagain"), "{shown:?}");
    }

    #[test]
    fn control_characters_are_spelled_out() {
        let shown = Wrap::default().push("a\x1b[2Jb\r\nc\u{9b}", 80);
        assert_eq!(shown, "a\\u{1b}[2Jb\nc\\u{9b}");
    }

    #[test]
    fn a_narrow_screen_is_left_alone() {
        assert_eq!(Wrap::default().push("one two three four", 10), "one two three four");
    }
}
