//! The table of figures, for people and for machines.

use std::fmt::Write;

use serde::Serialize;

use super::figure::{Better, Figure, Measured};

/// One figure's line.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    figure: &'static str,
    unit: &'static str,
    ours: f64,
    baseline: f64,
    baseline_is: &'static str,
    /// Ours divided by the baseline.
    ratio: f64,
    /// What the ratio is held to.
    target: f64,
    /// Whether the ratio has to reach the target (else: must not pass it).
    more_is_better: bool,
    met: bool,
    /// Why there are no numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Row {
    pub(super) fn new(figure: &dyn Figure, measured: Measured) -> Self {
        let ratio = measured.ours / measured.baseline;
        let target = figure.target_ratio();
        let more_is_better = figure.better() == Better::More;
        Self {
            figure: figure.name(),
            unit: figure.unit(),
            ours: measured.ours,
            baseline: measured.baseline,
            baseline_is: figure.baseline(),
            ratio,
            target,
            more_is_better,
            // A baseline of nothing makes the ratio no number, which meets nothing.
            met: if more_is_better { ratio >= target } else { ratio <= target },
            problem: None,
        }
    }

    /// The line of a figure that could not be measured: nothing is met by that.
    pub(super) fn failed(figure: &dyn Figure, problem: String) -> Self {
        let nothing = Measured { ours: f64::NAN, baseline: f64::NAN };
        Self { problem: Some(problem), ..Self::new(figure, nothing) }
    }

    pub(super) fn is_met(&self) -> bool {
        self.met
    }
}

/// One line a figure, in columns; beneath, what went wrong.
pub(super) fn text(rows: &[Row]) -> String {
    let head =
        ["figure", "unit", "ours", "baseline", "baseline is", "ratio", "target", "met"].map(str::to_owned);
    let lines = rows.iter().map(|row| {
        let sign = if row.more_is_better { "≥" } else { "≤" };
        [
            row.figure.to_owned(),
            row.unit.to_owned(),
            number(row.ours),
            number(row.baseline),
            row.baseline_is.to_owned(),
            ratio(row.ratio),
            format!("{sign} {:.2}", row.target),
            if row.met { "yes" } else { "NO" }.to_owned(),
        ]
    });
    let lines: Vec<_> = std::iter::once(head).chain(lines).collect();
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    for row in rows {
        if let Some(problem) = &row.problem {
            let _ = writeln!(text, "{}: {problem}", row.figure);
        }
    }
    text
}

/// The same as JSON.
pub(super) fn json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(&serde_json::json!({ "figures": rows })).unwrap_or_default() + "\n"
}

fn ratio(value: f64) -> String {
    if value.is_nan() { number(value) } else { format!("{value:.2}") }
}

fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "-".to_owned(),
        _ if value.abs() >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::Bed;
    use crate::failure::Failure;

    struct Fixed(Better);

    #[async_trait::async_trait]
    impl Figure for Fixed {
        fn name(&self) -> &'static str {
            "a figure"
        }
        fn unit(&self) -> &'static str {
            "s"
        }
        fn better(&self) -> Better {
            self.0
        }
        fn baseline(&self) -> &'static str {
            "the other way"
        }
        fn target_ratio(&self) -> f64 {
            0.5
        }
        async fn measure(&self, _: &Bed) -> Result<Measured, Failure> {
            unreachable!("the table is given its numbers")
        }
    }

    #[test]
    fn a_target_is_met_from_its_own_side() {
        let row = |better, ours| Row::new(&Fixed(better), Measured { ours, baseline: 1000.0 });
        assert!(row(Better::More, 500.0).is_met() && !row(Better::More, 499.0).is_met());
        assert!(row(Better::Less, 500.0).is_met() && !row(Better::Less, 501.0).is_met());
        let failed = Row::failed(&Fixed(Better::Less), "No engine answers.".into());
        assert!(!failed.is_met() && text(&[failed]).ends_with("a figure: No engine answers.\n"));
        let empty = Row::new(&Fixed(Better::More), Measured { ours: 0.0, baseline: 0.0 });
        assert!(!empty.is_met());
    }

    #[test]
    fn the_columns_line_up() {
        let rows = [Row::new(&Fixed(Better::Less), Measured { ours: 12.345, baseline: 1000.0 })];
        assert_eq!(
            text(&rows),
            "figure    unit  ours   baseline  baseline is    ratio  target  met\n\
             a figure  s     12.35  1000      the other way  0.01   ≤ 0.50  yes\n"
        );
        let json: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
        assert_eq!(json["figures"][0]["met"], true);
    }
}
