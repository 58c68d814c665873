//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write};

use super::histogram::{Histogram, Snapshot};

/// A text under construction.
#[derive(Default)]
pub(super) struct Text(String);

/// `(name, value)` of a label; values are escaped here, names are ours.
pub(super) type Label<'a> = (&'a str, &'a str);

impl Text {
    /// Opens a family; its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Writes one value.
    pub(super) fn sample(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        self.0.push_str(name);
        self.labels(labels, None);
        let _ = writeln!(self.0, " {value}");
    }

    /// Writes a family with one value for each row.
    pub(super) fn rows<V: Display>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        label: &str,
        rows: impl IntoIterator<Item = (String, V)>,
    ) {
        self.family(name, kind, help);
        for (row, value) in rows {
            self.sample(name, &[(label, &row)], value);
        }
    }

    /// Writes the buckets, sum and count of a histogram.
    pub(super) fn histogram(&mut self, name: &str, labels: &[Label<'_>], histogram: &Histogram) {
        let Snapshot { buckets, count, sum } = histogram.snapshot();
        for (bound, n) in buckets {
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            let _ = write!(self.0, "{name}_bucket");
            self.labels(labels, Some(("le", &bound)));
            let _ = writeln!(self.0, " {n}");
        }
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count);
    }

    fn labels(&mut self, labels: &[Label<'_>], last: Option<Label<'_>>) {
        let mut opening = '{';
        for (name, value) in labels.iter().copied().chain(last) {
            let _ = write!(self.0, "{opening}{name}=\"");
            opening = ',';
            for c in value.chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    c => self.0.push(c),
                }
            }
            self.0.push('"');
        }
        if opening == ',' {
            self.0.push('}');
        }
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_buckets_add_up() {
        let mut text = Text::default();
        let histogram = Histogram::new(&[0.5]);
        histogram.record(0.25);
        histogram.record(2.0);
        text.family("a_seconds", "histogram", "Help.");
        text.histogram("a_seconds", &[("model", "x\"\\\ny")], &histogram);
        text.sample("b", &[], 3);
        let expected = "# HELP a_seconds Help.\n# TYPE a_seconds histogram\n\
            a_seconds_bucket{model=\"x\\\"\\\\\\ny\",le=\"0.5\"} 1\n\
            a_seconds_bucket{model=\"x\\\"\\\\\\ny\",le=\"+Inf\"} 2\n\
            a_seconds_sum{model=\"x\\\"\\\\\\ny\"} 2.25\n\
            a_seconds_count{model=\"x\\\"\\\\\\ny\"} 2\nb 3\n";
        assert_eq!(text.finish(), expected);
    }
}
