//! Files of questions: BLiMP, LAMBADA, HellaSwag, PIQA.

use serde_json::{Map, Value};

/// Number of endings of a HellaSwag item; with its context and the number of the right one it has six lines.
const HELLASWAG_ENDINGS: usize = 4;

/// Format of a file of questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// JSON lines with `sentence_good` and `sentence_bad`, compared as wholes (Warstadt et al. 2020, arXiv 1912.00582).
    Blimp,
    /// JSON lines with `text`, whose last word is to be predicted (Paperno et al. 2016, arXiv 1606.06031).
    Lambada,
    /// Six lines an item: context, number of the right ending, four endings, as llama.cpp reads them (Zellers et al.
    /// 2019, arXiv 1905.07830).
    Hellaswag,
    /// JSON lines with `goal`, `sol1`, `sol2`; the number of the right one in each line of another file (Bisk et al.
    /// 2019, arXiv 1911.11641).
    Piqa,
}

impl Format {
    /// Returns the format's name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blimp => "blimp",
            Self::Lambada => "lambada",
            Self::Hellaswag => "hellaswag",
            Self::Piqa => "piqa",
        }
    }

    /// Detects the format by the first item of `text`.
    pub fn detect(text: &str) -> Result<Self, ParseError> {
        let refuse = |line: usize, what: String| Err(ParseError { line, what });
        let Some((number, first)) = text.lines().enumerate().find(|(_, line)| !line.trim().is_empty()) else {
            return refuse(1, "empty".to_owned());
        };
        if first.trim_start().starts_with('{') {
            let object = object(number, first)?;
            return match () {
                () if object.contains_key("sentence_good") => Ok(Self::Blimp),
                () if object.contains_key("sol1") => Ok(Self::Piqa),
                () if object.contains_key("text") => Ok(Self::Lambada),
                () => {
                    let keys: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
                    let what = format!("keys {keys:?}, expected sentence_good (BLiMP), sol1 (PIQA) or text (LAMBADA)");
                    refuse(number + 1, what)
                }
            };
        }
        match text.lines().nth(number + 1).map(|line| line.trim().parse::<usize>()) {
            Some(Ok(gold)) if gold < HELLASWAG_ENDINGS => Ok(Self::Hellaswag),
            _ => refuse(
                number + 2,
                "expected JSON lines, or a number from 0 to 3 after each context (HellaSwag)".to_owned(),
            ),
        }
    }
}

/// A line that is no question: its number, counted from 1, and what was expected and got.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParseError {
    pub line: usize,
    pub what: String,
}

/// A context and its possible endings, each with the space in front if there is one. The context is empty where endings
/// are whole sentences; `gold` is the index of the right one, `line` where the question begins in its file, from 1.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    pub context: String,
    pub endings: Vec<String>,
    pub gold: usize,
    pub line: usize,
}

/// Parses the questions of `text`, at most `n_max`. `labels` are the right solutions, which only PIQA has apart.
pub fn parse(
    format: Format,
    text: &str,
    labels: Option<&str>,
    n_max: Option<usize>,
) -> Result<Vec<Question>, ParseError> {
    let n_max = n_max.unwrap_or(usize::MAX);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    if format == Format::Hellaswag {
        let lines: Vec<_> = lines.collect();
        return lines.chunks(HELLASWAG_ENDINGS + 2).take(n_max).map(hellaswag).collect();
    }
    let mut labels = labels.unwrap_or_default().lines();
    lines
        .take(n_max)
        .map(|(number, line)| {
            let object = object(number, line)?;
            match format {
                Format::Blimp => blimp(number, &object),
                Format::Lambada => lambada(number, &object),
                Format::Piqa => piqa(number, &object, labels.next()),
                Format::Hellaswag => Err(ParseError { line: number + 1, what: "not six lines".to_owned() }),
            }
        })
        .collect()
}

fn object(number: usize, line: &str) -> Result<Map<String, Value>, ParseError> {
    let refuse = |what: String| ParseError { line: number + 1, what };
    serde_json::from_str(line).map_err(|e| refuse(format!("no JSON object: {e}")))
}

fn text<'a>(number: usize, object: &'a Map<String, Value>, key: &str) -> Result<&'a str, ParseError> {
    match object.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text),
        Some(other) => Err(ParseError { line: number + 1, what: format!("{key} is {other}, expected a text") }),
        None => Err(ParseError { line: number + 1, what: format!("no {key}") }),
    }
}

fn blimp(number: usize, object: &Map<String, Value>) -> Result<Question, ParseError> {
    let endings = [text(number, object, "sentence_good")?, text(number, object, "sentence_bad")?];
    Ok(Question { context: String::new(), endings: endings.map(str::to_owned).to_vec(), gold: 0, line: number + 1 })
}

fn lambada(number: usize, object: &Map<String, Value>) -> Result<Question, ParseError> {
    let text = text(number, object, "text")?.trim_end();
    match text.rfind(' ').map(|at| text.split_at(at)) {
        Some((context, word)) if !context.trim().is_empty() => {
            Ok(Question { context: context.to_owned(), endings: vec![word.to_owned()], gold: 0, line: number + 1 })
        }
        _ => Err(ParseError { line: number + 1, what: "no word after a space, expected one to predict".to_owned() }),
    }
}

fn piqa(number: usize, object: &Map<String, Value>, label: Option<&str>) -> Result<Question, ParseError> {
    let gold = match label.map(str::trim) {
        Some("0") => 0,
        Some("1") => 1,
        Some(other) => {
            return Err(ParseError { line: number + 1, what: format!("its label is {other:?}, expected 0 or 1") });
        }
        None => return Err(ParseError { line: number + 1, what: "it has no label".to_owned() }),
    };
    let endings = [text(number, object, "sol1")?, text(number, object, "sol2")?];
    // The prompt of EleutherAI's harness.
    let context = format!("Question: {}\nAnswer:", text(number, object, "goal")?);
    let endings = endings.map(|ending| format!(" {}", ending.trim())).to_vec();
    Ok(Question { context, endings, gold, line: number + 1 })
}

fn hellaswag(lines: &[(usize, &str)]) -> Result<Question, ParseError> {
    let refuse = |number: usize, what: String| ParseError { line: number + 1, what };
    let [(first, context), (number, gold), endings @ ..] = lines else {
        let number = lines.first().map_or(0, |(number, _)| *number);
        return Err(refuse(number, "an item of one line, expected six".to_owned()));
    };
    if endings.len() != HELLASWAG_ENDINGS {
        return Err(refuse(*number, format!("an item with {} endings, expected {HELLASWAG_ENDINGS}", endings.len())));
    }
    match gold.trim().parse::<usize>() {
        Ok(gold) if gold < HELLASWAG_ENDINGS => Ok(Question {
            context: context.trim().to_owned(),
            endings: endings.iter().map(|(_, ending)| format!(" {}", ending.trim())).collect(),
            gold,
            line: first + 1,
        }),
        _ => Err(refuse(*number, format!("{gold:?}, expected a number from 0 to 3"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_knows_its_line() {
        let lines = |text: &str| {
            let format = Format::detect(text).unwrap();
            parse(format, text, None, None).unwrap().iter().map(|q| q.line).collect::<Vec<_>>()
        };
        assert_eq!(lines("\n{\"text\": \"a b\"}\n\n{\"text\": \"c d\"}\n"), [2, 4]);
        assert_eq!(lines("c\n2\na\nb\nc\nd\n\nc\n2\na\nb\nc\nd\n"), [1, 8]);
    }

    fn check(text: &str, labels: Option<&str>, format: Format, expected: &[(&str, &[&str], usize)]) {
        assert_eq!(Format::detect(text).unwrap(), format);
        let questions = parse(format, text, labels, None).unwrap();
        let found: Vec<_> = questions
            .iter()
            .map(|q| (q.context.as_str(), q.endings.iter().map(String::as_str).collect::<Vec<_>>(), q.gold))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(context, endings, gold)| (*context, endings.to_vec(), *gold)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_format_is_known_by_its_content() {
        let blimp = "{\"sentence_good\": \"A b.\", \"sentence_bad\": \"B a.\"}\n";
        check(blimp, None, Format::Blimp, &[("", &["A b.", "B a."], 0)]);
        check("{\"text\": \"one\\ntwo three\\n\"}", None, Format::Lambada, &[("one\ntwo", &[" three"], 0)]);
        let piqa = "{\"goal\": \"g\", \"sol1\": \"a \", \"sol2\": \"b\"}\n{\"goal\": \"h\", \"sol1\": \"c\", \"sol2\": \"d\"}\n";
        let expected: [(&str, &[&str], usize); 2] =
            [("Question: g\nAnswer:", &[" a", " b"], 1), ("Question: h\nAnswer:", &[" c", " d"], 0)];
        check(piqa, Some("1\n0\n"), Format::Piqa, &expected);
        check("c\n2\na\nb\nc\nd\n", None, Format::Hellaswag, &[("c", &[" a", " b", " c", " d"], 2)]);
        assert_eq!(parse(Format::Blimp, &blimp.repeat(5), None, Some(3)).unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_question_is_named_by_its_line() {
        let refused = |text: &str, labels: Option<&str>, words: &[&str]| {
            let parsed = Format::detect(text).and_then(|format| parse(format, text, labels, None));
            let error = parsed.unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        };
        refused("", None, &["empty"]);
        refused("{\"a\": 1}", None, &["line 1", "\"a\"", "sentence_good"]);
        refused("some text\nmore text", None, &["line 2", "0 to 3"]);
        refused("{\"text\": \"a b\"}\n{\"text\": 3}", None, &["line 2", "text is 3"]);
        refused("{\"text\": \"a b\"}\n{", None, &["line 2", "JSON"]);
        refused("{\"text\": \"word\"}", None, &["line 1", "predict"]);
        refused("{\"sentence_good\": \"a\"}", None, &["sentence_bad"]);
        refused("{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}", None, &["no label"]);
        refused("{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}", Some("2"), &["\"2\""]);
        refused("c\n2\na\nb\nc\nd\nc\n2\na\n", None, &["line 8", "1 endings"]);
        refused("c\n2\na\nb\nc\nd\nc\n4\na\nb\nc\nd", None, &["line 8", "\"4\""]);
    }
}
