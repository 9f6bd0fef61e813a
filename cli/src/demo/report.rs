//! The verdict, the timeline and the judge's log, for people.

use std::collections::HashMap;

use serde_json::Value;

use super::live::Event;
use crate::progress::Progress;

/// Prints an attempt's verdict: each check, what is wrong with a hint, and what was measured.
pub(crate) fn verdict(attempt: &Value, progress: &Progress) {
    let verdict = &attempt["verdict"];
    progress.say(&format!("\nVerdict: {}", attempt["status"].as_str().unwrap_or("none")));
    for check in list(&verdict["checks"]) {
        let mark = match check["status"].as_str() {
            Some("passed") => "✓",
            Some("failed") => "✗",
            _ => "–",
        };
        let title = check["title"].as_str().or(check["check"].as_str()).unwrap_or("?");
        progress.say(&format!("  {mark} {title}"));
    }
    for failure in list(&verdict["failures"]) {
        let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
        progress.say(&format!("  ✗ {}: {}", text("code"), text("message")));
        for line in [text("hint"), text("log")].iter().flat_map(|text| text.lines()) {
            progress.say(&format!("      {line}"));
        }
    }
    if let Some(metrics) = verdict["metrics"].as_object() {
        for (name, value) in metrics {
            progress.say(&format!("  {name} = {value}"));
        }
    }
    for note in list(&verdict["notes"]) {
        progress.say(&format!("  note: {}", note.as_str().unwrap_or_default()));
    }
}

/// Prints what happened, in order: the time of day, who, what.
pub(crate) fn timeline(timeline: &Value, progress: &Progress) {
    progress.say("\nTimeline:");
    for entry in list(&timeline["entries"]) {
        let Some(text) = entry["text"].as_str() else { continue };
        let at = entry["at"].as_str().unwrap_or_default();
        // 2026-11-23T06:15:07.123456Z: the time of day, to the millisecond.
        let time = at.get(11..23).unwrap_or(at);
        progress.say(&format!("  {time}  {:<8}  {text}", entry["actor"].as_str().unwrap_or_default()));
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Collects the pieces of logs and gives whole lines.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The last line of each log, which may still go on.
    open: HashMap<String, String>,
}

impl Log {
    /// The lines that an update completes. Only of the judge's log.
    pub(crate) fn take(&mut self, event: &Event) -> Vec<String> {
        if event.name != "log" || event.data["kind"] != "judge" {
            return Vec::new();
        }
        let job = event.data["job"].as_str().unwrap_or_default();
        let open = self.open.entry(job.to_owned()).or_default();
        open.push_str(event.data["text"].as_str().unwrap_or_default());
        let mut lines: Vec<String> = Vec::new();
        while let Some(end) = open.find('\n') {
            lines.push(open.drain(..=end).collect());
        }
        if event.data["complete"] == true && !open.is_empty() {
            lines.push(std::mem::take(open));
        }
        // A progress bar writes over its line; what stood there last is what a person would see.
        lines.iter().map(|line| line.trim_end().rsplit('\r').next().unwrap_or_default().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn log_lines_are_whole() {
        let mut log = Log::default();
        let event = |text: &str, complete: bool| Event {
            name: "log".into(),
            data: json!({ "kind": "judge", "job": "1", "text": text, "complete": complete }),
        };
        assert_eq!(log.take(&event("one\ntw", false)), ["one"]);
        assert_eq!(log.take(&event("o\n10%\r20%\nthree", false)), ["two", "20%"]);
        assert_eq!(log.take(&event("", true)), ["three"]);
    }
}
