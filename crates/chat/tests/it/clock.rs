//! `strftime_now` against Python's `strftime` (`testdata/jinja2/strftime_cases.py` makes the cases).

use chat::{DateTime, Inputs, Now, Template};
use serde_json::{Map, Value};

/// `strftime_now(format)` at `now`.
fn tell(now: impl Into<Now>, format: &str) -> Result<String, chat::Error> {
    let messages: &[Value] = &[];
    let extra = Map::from_iter([("format".to_owned(), Value::from(format))]);
    let template = Template::new("{{ strftime_now(format) }}").unwrap();
    template.render(&Inputs { extra: Some(&extra), ..Inputs::new(messages, now) })
}

fn time(parts: &Value) -> DateTime {
    let part = |i: usize| parts[i].as_i64().unwrap();
    let small = |i: usize| i8::try_from(part(i)).unwrap();
    let micros = i32::try_from(part(6)).unwrap();
    DateTime::constant(part(0).try_into().unwrap(), small(1), small(2), small(3), small(4), small(5), micros * 1000)
}

#[test]
fn every_directive_is_pythons() {
    let file: Value = testkit::read_json("jinja2/strftime_cases.json");
    let times: Vec<DateTime> = file["times"].as_array().unwrap().iter().map(time).collect();
    let plain = file["plain"].as_object().unwrap();
    let varied = file["varied"].as_object().unwrap();
    assert!(times.len() > 100 && plain.len() > 50 && varied.len() > 1500, "{} {}", plain.len(), varied.len());
    let mut wrong = Vec::new();
    let mut check = |time: DateTime, format: &str, expected: &Value| {
        let got = tell(time, format);
        if got.as_deref().ok() != expected.as_str() {
            wrong.push(format!("{time} {format:?}: got {got:?}, not {expected}"));
        }
    };
    for (format, texts) in plain {
        let texts = texts.as_array().unwrap();
        assert_eq!(texts.len(), times.len(), "{format:?}");
        for (time, expected) in times.iter().zip(texts) {
            check(*time, format, expected);
        }
    }
    for (format, expected) in varied {
        check(times[0], format, expected);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn seconds_since_1970_know_the_zone() {
    let local = DateTime::constant(2026, 1, 5, 7, 8, 9, 0);
    assert_eq!(tell(local, "%s").unwrap(), "1767596889");
    // Asia/Tokyo.
    assert_eq!(tell(Now { local, utc_offset_seconds: 9 * 3600 }, "%s").unwrap(), "1767564489");
    // Of Python 3.12.
    assert_eq!(tell(local, "[%:z]").unwrap(), "[]");
}

#[test]
fn a_format_is_bounded() {
    let now = DateTime::constant(2026, 1, 5, 7, 8, 9, 0);
    assert!(tell(now, &"%c".repeat(129)).unwrap_err().to_string().contains("256"));
    assert_eq!(tell(now, "%99999999999999999999d").unwrap(), "");
}
