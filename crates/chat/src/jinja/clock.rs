//! `strftime_now(format)` as Python's `datetime.now().strftime(format)` has it where the system's C library is glibc
//! and its locale C. The time is given, never read.

use std::fmt::Write as _;

use jiff::{civil::DateTime, tz::TimeZone};

use super::Result;
use crate::{error::Error, now::Now};

/// Characters of a format; no date needs more.
const FORMAT_CHARS_MAX: usize = 256;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `now` by a `strftime` format.
pub(crate) fn strftime(now: &Now, format: &str) -> Result<String> {
    let n_chars = format.chars().count();
    if n_chars > FORMAT_CHARS_MAX {
        return Err(Error::render(format!("strftime_now: a format of more than {FORMAT_CHARS_MAX} characters")));
    }
    // Python gives up, with an empty text, where its buffer does not suffice, which it doubles up to this.
    let buffer_chars = (256 * n_chars).next_power_of_two().max(1024);
    let mut clock = Clock { now, width_max: buffer_chars, text: String::new() };
    clock.format(format);
    Ok(if clock.text.chars().count() < buffer_chars { clock.text } else { String::new() })
}

struct Clock<'n> {
    now: &'n Now,
    width_max: usize,
    text: String,
}

/// What stands between `%` and the letter.
#[derive(Default)]
struct Directive {
    /// `_`, `-` or `0`.
    pad: Option<char>,
    /// The flag `^`: letters in upper case.
    is_upper: bool,
    /// The flag `#`: letters in the other case.
    has_other_case: bool,
    width: usize,
    /// `E` or `O`: other eras and digits, of which the locale C has none.
    modifier: Option<char>,
}

/// What a letter stands for.
enum Field {
    Number {
        value: i64,
        digits: usize,
        /// Padded with blanks where nothing else is said.
        is_blank: bool,
    },
    Text(String),
    /// A text that `#` writes in upper case.
    Name(String),
    /// One that it writes in lower case.
    HalfOfDay(&'static str),
    /// In lower case, whatever is said.
    Lower(&'static str),
    /// What other directives give together, by this format.
    Format(&'static str),
    /// Nothing, not even blanks.
    Nothing,
}

impl Clock<'_> {
    fn format(&mut self, format: &str) {
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('%') {
            self.text.push_str(before);
            rest = self.directive(after);
        }
        self.text.push_str(rest);
    }

    /// Writes the directive whose `%` stood before `after`; gives what follows it.
    fn directive<'f>(&mut self, after: &'f str) -> &'f str {
        for (name, value) in [
            // A time that knows no zone, as `datetime.now()` is, has nothing to say of it.
            ("z", String::new()),
            (":z", String::new()),
            ("Z", String::new()),
            ("f", format!("{:06}", self.now.local.subsec_nanosecond() / 1000)),
        ] {
            if let Some(rest) = after.strip_prefix(name) {
                self.text.push_str(&value);
                return rest;
            }
        }
        let mut chars = after.chars();
        let mut directive = Directive::default();
        let mut letter = chars.next();
        while let Some(flag @ ('_' | '-' | '0' | '^' | '#')) = letter {
            match flag {
                '^' => directive.is_upper = true,
                '#' => directive.has_other_case = true,
                pad => directive.pad = Some(pad),
            }
            letter = chars.next();
        }
        while let Some(digit) = letter.and_then(|c| c.to_digit(10)) {
            directive.width = (directive.width * 10 + digit as usize).min(self.width_max);
            letter = chars.next();
        }
        if let Some('E' | 'O') = letter {
            directive.modifier = letter;
            letter = chars.next();
        }
        let rest = chars.as_str();
        let field = letter.filter(|letter| directive.may_modify(*letter)).and_then(|letter| self.field(letter));
        if let Some(field) = field {
            self.write(&directive, field);
        } else {
            // No directive: it stands for itself. Names of months turn to capitals before glibc looks whether they may
            // be modified.
            let (spelled, _) = after.split_at(after.len() - rest.len());
            let is_upper = directive.is_upper || directive.has_other_case && matches!(letter, Some('b' | 'h'));
            self.pad(&directive, &format!("%{spelled}"), is_upper);
        }
        rest
    }

    fn field(&self, letter: char) -> Option<Field> {
        let DateTimeParts { date, weekday, yday } = DateTimeParts::of(self.now.local);
        let number = |value: i64, digits: usize| Field::Number { value, digits, is_blank: false };
        let blank = |value: i64| Field::Number { value, digits: 2, is_blank: true };
        let hour12 = i64::from((date.hour() + 11) % 12 + 1);
        let week = |first: i64| (yday - (weekday + 7 - first) % 7 + 7) / 7;
        let iso = date.date().iso_week_date();
        let half = if date.hour() < 12 { "AM" } else { "PM" };
        let name = |names: &[&str], at: i64| (*names.get(at as usize).unwrap_or(&"")).to_owned();
        let short = |text: String| Field::Name(text.chars().take(3).collect());
        let month = i64::from(date.month()) - 1;
        let year = i64::from(date.year());
        Some(match letter {
            'a' => short(name(&WEEKDAYS, weekday)),
            'A' => Field::Name(name(&WEEKDAYS, weekday)),
            'b' | 'h' => short(name(&MONTHS, month)),
            'B' => Field::Name(name(&MONTHS, month)),
            'c' => Field::Format("%a %b %e %H:%M:%S %Y"),
            'C' => number(year.div_euclid(100), 1),
            'd' => number(date.day().into(), 2),
            'D' | 'x' => Field::Format("%m/%d/%y"),
            'e' => blank(date.day().into()),
            'F' => Field::Format("%Y-%m-%d"),
            'g' => number(i64::from(iso.year()).rem_euclid(100), 2),
            'G' => number(iso.year().into(), 1),
            'H' => number(date.hour().into(), 2),
            'I' => number(hour12, 2),
            'j' => number(yday + 1, 3),
            'k' => blank(date.hour().into()),
            'l' => blank(hour12),
            'm' => number(month + 1, 2),
            'M' => number(date.minute().into(), 2),
            'n' => Field::Text("\n".to_owned()),
            'p' => Field::HalfOfDay(half),
            'P' => Field::Lower(half),
            'r' => Field::Format("%I:%M:%S %p"),
            'R' => Field::Format("%H:%M"),
            's' => Field::Number { value: self.now.seconds(), digits: 1, is_blank: true },
            'S' => number(date.second().into(), 2),
            't' => Field::Text("\t".to_owned()),
            'T' | 'X' => Field::Format("%H:%M:%S"),
            'u' => number((weekday + 6) % 7 + 1, 1),
            'U' => number(week(0), 2),
            'V' => number(iso.week().into(), 2),
            'w' => number(weekday, 1),
            'W' => number(week(1), 2),
            'y' => number(year.rem_euclid(100), 2),
            'Y' => number(year, 1),
            'z' => Field::Nothing,
            'Z' => Field::Text(String::new()),
            '%' => Field::Text("%".to_owned()),
            _ => return None,
        })
    }

    fn write(&mut self, directive: &Directive, field: Field) {
        match field {
            Field::Number { value, digits, is_blank } => self.number(directive, value, digits, is_blank),
            Field::Text(text) => self.pad(directive, &text, directive.is_upper),
            Field::Name(text) => self.pad(directive, &text, directive.is_upper || directive.has_other_case),
            Field::HalfOfDay(text) if !directive.has_other_case => self.pad(directive, text, directive.is_upper),
            Field::HalfOfDay(text) | Field::Lower(text) => self.pad(directive, &text.to_lowercase(), false),
            Field::Format(format) => {
                let mut inner = Clock { now: self.now, width_max: self.width_max, text: String::new() };
                inner.format(format);
                self.pad(directive, &inner.text, directive.is_upper);
            }
            Field::Nothing => {}
        }
    }

    fn number(&mut self, directive: &Directive, value: i64, digits: usize, is_blank: bool) {
        let width = digits.max(directive.width);
        match directive.pad {
            // Without digits in front; the width is that of a text.
            Some('-') => self.pad(directive, &value.to_string(), false),
            Some('_') => _ = write!(self.text, "{value:width$}"),
            None if is_blank => _ = write!(self.text, "{value:width$}"),
            _ => _ = write!(self.text, "{value:0width$}"),
        }
    }

    /// `text` in the width of `directive`.
    fn pad(&mut self, directive: &Directive, text: &str, is_upper: bool) {
        let space = directive.width.saturating_sub(text.chars().count());
        let fill = if directive.pad == Some('0') { '0' } else { ' ' };
        self.text.extend(std::iter::repeat_n(fill, space));
        if is_upper {
            self.text.push_str(&text.to_uppercase());
        } else {
            self.text.push_str(text);
        }
    }
}

impl Directive {
    /// Whether its modifier may stand before `letter`.
    fn may_modify(&self, letter: char) -> bool {
        match self.modifier {
            Some('E') => !"aAbBhdDeFHkIjlmMSgGUVwW".contains(letter),
            Some(_) => !"aADFxXcY".contains(letter),
            None => true,
        }
    }
}

/// A time in the numbers that the fields need.
struct DateTimeParts {
    date: DateTime,
    /// From 0, which is Sunday.
    weekday: i64,
    /// Day of the year, from 0.
    yday: i64,
}

impl DateTimeParts {
    fn of(date: DateTime) -> Self {
        Self { date, weekday: date.weekday().to_sunday_zero_offset().into(), yday: i64::from(date.day_of_year()) - 1 }
    }
}

impl Now {
    /// Since 1970 began.
    fn seconds(&self) -> i64 {
        let as_utc = self.local.to_zoned_datetime(TimeZone::UTC).map_or(0, |time| time.timestamp().as_second());
        as_utc - i64::from(self.utc_offset_seconds)
    }
}
